"""The step ``correct_degradation``: its declaration and its implementation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pluggy

from aia_ccdproc.plugin import Instrument, hookimpl, hookspec, step
from aia_ccdproc_degradation.settings import DegradationSettings

if TYPE_CHECKING:
    from astropy.io import fits
    from astropy.nddata import CCDData


class Declarations:
    """The step that this plugin declares."""

    # Without before and after: division commutes with registration and with exposure normalization.
    @step(settings=DegradationSettings)
    @hookspec(firstresult=True)
    def prep_correct_degradation(
        self, ccd: CCDData, instrument: Instrument, settings: DegradationSettings
    ) -> CCDData | None:
        """Divide an AIA image by the degradation of its channel.

        Parameters
        ----------
        ccd : `~astropy.nddata.CCDData`
            The image; must not be changed.
        instrument : `~aia_ccdproc.Instrument`
            The instrument of the image.
        settings : `DegradationSettings`
            The step's table in the recipe.

        Returns
        -------
        `~astropy.nddata.CCDData` or None
            The corrected image, or None if the plugin does not run the step for this image.
        """


@hookimpl
def prep_addhooks(manager: pluggy.PluginManager) -> None:
    """Declare the step."""
    manager.add_hookspecs(Declarations)


@hookimpl
def prep_correct_degradation(ccd: CCDData, instrument: Instrument, settings: DegradationSettings) -> CCDData | None:
    """Correct an image of AIA."""
    from aia_ccdproc_degradation.correction import correct_degradation

    return correct_degradation(ccd, **dict(settings)) if instrument.name == "AIA" else None


@hookimpl
def prep_prefetch_correct_degradation(headers: Sequence[fits.Header], settings: DegradationSettings) -> None:
    """Fetch the table once, before the workers of a batch need it."""
    if len(headers):
        from aia_ccdproc_degradation.correction import read_table

        read_table(settings)
