"""The step ``estimate_uncertainty``: its declaration and its implementation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pluggy

from aia_ccdproc.plugin import Instrument, hookimpl, hookspec, step
from aia_ccdproc_noise.settings import NoiseSettings

if TYPE_CHECKING:
    from astropy.io import fits
    from astropy.nddata import CCDData


class Declarations:
    """The step that this plugin declares."""

    # The model is for the counts of the camera, before they are resampled or divided.
    @step(settings=NoiseSettings, before=("register", "correct_degradation", "normalize_exposure"))
    @hookspec(firstresult=True)
    def prep_estimate_uncertainty(
        self, ccd: CCDData, instrument: Instrument, settings: NoiseSettings
    ) -> CCDData | None:
        """Add the uncertainty of the pixels to a level-1 image of AIA.

        Parameters
        ----------
        ccd : `~astropy.nddata.CCDData`
            Level-1 image in DN; must not be changed.
        instrument : `~aia_ccdproc.Instrument`
            The instrument of the image.
        settings : `NoiseSettings`
            The step's table in the recipe.

        Returns
        -------
        `~astropy.nddata.CCDData` or None
            The image with its uncertainty, or None if the plugin does not run the step for this image.
        """


@hookimpl
def prep_addhooks(manager: pluggy.PluginManager) -> None:
    """Declare the step."""
    manager.add_hookspecs(Declarations)


@hookimpl
def prep_estimate_uncertainty(ccd: CCDData, instrument: Instrument, settings: NoiseSettings) -> CCDData | None:
    """Estimate the noise of an image of AIA."""
    from aia_ccdproc_noise.noise import estimate_uncertainty

    return estimate_uncertainty(ccd, **dict(settings)) if instrument.name == "AIA" else None


@hookimpl
def prep_prefetch_estimate_uncertainty(headers: Sequence[fits.Header], settings: NoiseSettings) -> None:
    """Fetch the table once, before the workers of a batch need it."""
    if len(headers):
        from aia_ccdproc.tables import CalibrationTable

        CalibrationTable.read(settings.table, timeout=settings.timeout)
