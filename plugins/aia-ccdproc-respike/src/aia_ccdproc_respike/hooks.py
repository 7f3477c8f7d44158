"""The steps ``respike`` and ``despike``: their declarations and their implementations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pluggy

from aia_ccdproc.plugin import Instrument, hookimpl, hookspec, step
from aia_ccdproc_respike.settings import SpikesSettings

if TYPE_CHECKING:
    from astropy.io import fits
    from astropy.nddata import CCDData

#: Steps after which the pixels are no longer the counts of the camera.
_LATER_STEPS = ("register", "normalize_exposure", "correct_degradation", "estimate_uncertainty")


class Declarations:
    """The steps that this plugin declares."""

    @step(settings=SpikesSettings, before=_LATER_STEPS)
    @hookspec(firstresult=True)
    def prep_respike(self, ccd: CCDData, instrument: Instrument, settings: SpikesSettings) -> CCDData | None:
        """Restore the spikes that JSOC removed from a level-1 image. The result is level 0.5."""

    @step(settings=SpikesSettings, before=_LATER_STEPS, after=("respike",))
    @hookspec(firstresult=True)
    def prep_despike(self, ccd: CCDData, instrument: Instrument, settings: SpikesSettings) -> CCDData | None:
        """Remove the spikes from a level-0.5 image again."""


@hookimpl
def prep_addhooks(manager: pluggy.PluginManager) -> None:
    """Declare the steps."""
    manager.add_hookspecs(Declarations)


@hookimpl
def prep_respike(ccd: CCDData, instrument: Instrument, settings: SpikesSettings) -> CCDData | None:
    """Restore the spikes of an image of AIA."""
    from aia_ccdproc_respike import respike

    return respike(ccd, **dict(settings)) if instrument.name == "AIA" else None


@hookimpl
def prep_despike(ccd: CCDData, instrument: Instrument, settings: SpikesSettings) -> CCDData | None:
    """Remove the spikes of an image of AIA."""
    from aia_ccdproc_respike import despike

    return despike(ccd, **dict(settings)) if instrument.name == "AIA" else None


@hookimpl
def prep_prefetch_respike(headers: Sequence[fits.Header], settings: SpikesSettings) -> None:
    """Find the URLs of all spikes files with few queries, before the workers of a batch need them."""
    if settings.spikes == "jsoc":
        from aia_ccdproc_respike.jsoc import prefetch

        prefetch(headers, server=settings.server, timeout=settings.timeout)


@hookimpl
def prep_prefetch_despike(headers: Sequence[fits.Header], settings: SpikesSettings) -> None:
    """Find the URLs of all spikes files, as for ``respike``."""
    prep_prefetch_respike(headers, settings)
