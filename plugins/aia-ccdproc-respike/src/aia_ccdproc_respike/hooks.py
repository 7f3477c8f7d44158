"""The hooks: both steps are declared and done here."""

from __future__ import annotations

from collections.abc import Sequence

import pluggy
from astropy.io import fits
from astropy.nddata import CCDData

from aia_ccdproc.plugin import Instrument, hookimpl, hookspec, step
from aia_ccdproc_respike import despike, respike
from aia_ccdproc_respike.jsoc import prefetch
from aia_ccdproc_respike.settings import SpikesSettings

#: Steps after which the pixels are no longer the camera's counts.
LATER = ("register", "normalize_exposure", "correct_degradation", "estimate_uncertainty")


class Declarations:
    """The steps, and their places in the chain."""

    @step(settings=SpikesSettings, before=LATER)
    @hookspec(firstresult=True)
    def prep_respike(self, ccd: CCDData, instrument: Instrument, settings: SpikesSettings) -> CCDData | None:
        """Put the spikes that JSOC took out back into a level-1 image, which makes it level 0.5."""

    @step(settings=SpikesSettings, before=LATER, after=("respike",))
    @hookspec(firstresult=True)
    def prep_despike(self, ccd: CCDData, instrument: Instrument, settings: SpikesSettings) -> CCDData | None:
        """Take the spikes out of a level-0.5 image again."""


@hookimpl
def prep_addhooks(manager: pluggy.PluginManager) -> None:
    """Bring the steps' declarations."""
    manager.add_hookspecs(Declarations)


@hookimpl
def prep_prefetch_respike(headers: Sequence[fits.Header], settings: SpikesSettings) -> None:
    """Ask JSOC once for the locations of all spikes files, before the workers of a batch ask for each."""
    if settings.spikes == "jsoc":
        prefetch(headers, server=settings.server, timeout=settings.timeout)


@hookimpl
def prep_prefetch_despike(headers: Sequence[fits.Header], settings: SpikesSettings) -> None:
    """Ask JSOC once, as for ``respike``."""
    prep_prefetch_respike(headers, settings)


@hookimpl
def prep_respike(ccd: CCDData, instrument: Instrument, settings: SpikesSettings) -> CCDData | None:
    """Do it for AIA."""
    return respike(ccd, **dict(settings)) if instrument.name == "AIA" else None


@hookimpl
def prep_despike(ccd: CCDData, instrument: Instrument, settings: SpikesSettings) -> CCDData | None:
    """Do it for AIA."""
    return despike(ccd, **dict(settings)) if instrument.name == "AIA" else None
