"""The step ``correct_degradation``: its declaration, and what does it."""

from __future__ import annotations

from collections.abc import Sequence

import pluggy
from astropy.io import fits
from astropy.nddata import CCDData

from aia_ccdproc.plugin import Instrument, StepSettings, hookimpl, hookspec, step
from aia_ccdproc.tables import CalibrationTable
from aia_ccdproc_degradation.degradation import SERIES, correct_degradation
from aia_ccdproc_degradation.settings import DegradationSettings


class Declarations:
    """The hook that this plugin brings."""

    # Division commutes with resampling and with the exposure: it may stand anywhere, once.
    @step()
    @hookspec(firstresult=True)
    def prep_correct_degradation(
        self, ccd: CCDData, instrument: Instrument, settings: DegradationSettings
    ) -> CCDData | None:
        """Divide an AIA image by the degradation of its channel.

        Parameters
        ----------
        ccd : `~astropy.nddata.CCDData`
            The image. Not to be changed.
        instrument : `~aia_ccdproc.Instrument`
            The instrument of the image.
        settings : `DegradationSettings`
            The step's table in the recipe.

        Returns
        -------
        `~astropy.nddata.CCDData` or None
            The corrected image, or None for an image that is not this plugin's business.
        """


@hookimpl
def prep_addhooks(manager: pluggy.PluginManager) -> None:
    """Bring the step's hook."""
    manager.add_hookspecs(Declarations)


@hookimpl
def prep_correct_degradation(ccd: CCDData, instrument: Instrument, settings: DegradationSettings) -> CCDData | None:
    """Correct the images of AIA."""
    return correct_degradation(ccd, **dict(settings)) if instrument.name == "AIA" else None


@hookimpl
def prep_before_batch(headers: Sequence[fits.Header], settings: StepSettings) -> None:
    """Fetch the table once, before the workers of a batch ask for it."""
    if isinstance(settings, DegradationSettings) and len(headers):
        CalibrationTable.read(settings.table, series=SERIES, server=settings.server, timeout=settings.timeout)
