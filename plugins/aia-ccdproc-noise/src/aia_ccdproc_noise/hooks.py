"""The step ``estimate_uncertainty``: its declaration, and what does it."""

from __future__ import annotations

from collections.abc import Sequence

import pluggy
from astropy.io import fits
from astropy.nddata import CCDData

from aia_ccdproc.plugin import Instrument, hookimpl, hookspec, step
from aia_ccdproc.tables import CalibrationTable
from aia_ccdproc_noise.noise import estimate_uncertainty
from aia_ccdproc_noise.settings import NoiseSettings


class Declarations:
    """The hook that this plugin brings."""

    # The model is of counts as the camera gave them: nothing resampled, nothing divided.
    @step(settings=NoiseSettings, before=("register", "correct_degradation", "normalize_exposure"))
    @hookspec(firstresult=True)
    def prep_estimate_uncertainty(
        self, ccd: CCDData, instrument: Instrument, settings: NoiseSettings
    ) -> CCDData | None:
        """Give a level-1 image of AIA the uncertainty of its pixels.

        Parameters
        ----------
        ccd : `~astropy.nddata.CCDData`
            Level-1 image in DN. Not to be changed.
        instrument : `~aia_ccdproc.Instrument`
            The instrument of the image.
        settings : `NoiseSettings`
            The step's table in the recipe.

        Returns
        -------
        `~astropy.nddata.CCDData` or None
            The image with its uncertainty, or None for an image that is not this plugin's business.
        """


@hookimpl
def prep_addhooks(manager: pluggy.PluginManager) -> None:
    """Bring the step's hook."""
    manager.add_hookspecs(Declarations)


@hookimpl
def prep_prefetch_estimate_uncertainty(headers: Sequence[fits.Header], settings: NoiseSettings) -> None:
    """Fetch the table once, before the workers of a batch ask for it."""
    if len(headers):
        CalibrationTable.read(settings.table, timeout=settings.timeout)


@hookimpl
def prep_estimate_uncertainty(ccd: CCDData, instrument: Instrument, settings: NoiseSettings) -> CCDData | None:
    """Estimate the noise of images of AIA."""
    return estimate_uncertainty(ccd, **dict(settings)) if instrument.name == "AIA" else None
