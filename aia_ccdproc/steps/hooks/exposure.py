"""Implementation of ``normalize_exposure``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aia_ccdproc.plugin.hookspecs import hookimpl

if TYPE_CHECKING:
    from astropy.nddata import CCDData

    from aia_ccdproc.plugin.instrument import Instrument
    from aia_ccdproc.steps.settings import ExposureSettings


@hookimpl(trylast=True)
def prep_normalize_exposure(ccd: CCDData, instrument: Instrument, settings: ExposureSettings) -> CCDData:
    """Divide the image of any instrument by its EXPTIME."""
    from aia_ccdproc.steps.exposure import normalize_exposure

    return normalize_exposure(ccd, add_keyword=None)


@hookimpl
def prep_preload() -> None:
    """Import the step."""
    import aia_ccdproc.steps.exposure  # noqa: F401
