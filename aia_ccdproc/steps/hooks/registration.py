"""Implementation of ``register``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aia_ccdproc.plugin.hookspecs import hookimpl

if TYPE_CHECKING:
    from astropy.nddata import CCDData

    from aia_ccdproc.plugin.instrument import Instrument
    from aia_ccdproc.steps.settings import RegistrationSettings


@hookimpl(trylast=True)
def prep_register(ccd: CCDData, instrument: Instrument, settings: RegistrationSettings, plugin: str | None) -> CCDData:
    """Register an image of any instrument."""
    from aia_ccdproc.steps.registration import register_image

    return register_image(ccd, instrument, settings, plugin)


@hookimpl
def prep_preload() -> None:
    """Import the step."""
    import aia_ccdproc.steps.registration  # noqa: F401
