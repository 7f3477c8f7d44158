"""Implementation of ``update_pointing``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from aia_ccdproc.plugin.hookspecs import hookimpl

if TYPE_CHECKING:
    from astropy.io import fits

    from aia_ccdproc.plugin.instrument import Instrument
    from aia_ccdproc.pointing.settings import PointingSettings


@hookimpl(trylast=True)
def prep_update_pointing(header: fits.Header, instrument: Instrument, settings: PointingSettings) -> fits.Header:
    """Correct the pointing of AIA images. Keep that of other instruments, unless a plugin corrects it."""
    from aia_ccdproc.steps.pointing import correct_pointing

    return correct_pointing(header, instrument, settings)


@hookimpl
def prep_prefetch_update_pointing(headers: Sequence[fits.Header], settings: PointingSettings) -> None:
    """Fetch the pointing records of all files in one query."""
    if settings.uses_server:
        from aia_ccdproc.steps.pointing import prefetch_pointing

        prefetch_pointing(headers, settings)


@hookimpl
def prep_preload() -> None:
    """Import the step."""
    import aia_ccdproc.steps.pointing  # noqa: F401
