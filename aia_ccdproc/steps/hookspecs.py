"""Declarations of the core's steps, in canonical order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aia_ccdproc.plugin.hookspecs import hookspec
from aia_ccdproc.plugin.step import step
from aia_ccdproc.pointing.settings import PointingSettings
from aia_ccdproc.steps.settings import ExposureSettings, RegistrationSettings

if TYPE_CHECKING:
    from astropy.io import fits
    from astropy.nddata import CCDData

    from aia_ccdproc.plugin.instrument import Instrument

__all__ = ["prep_normalize_exposure", "prep_register", "prep_update_pointing"]


@step(settings=PointingSettings, before=["register"])
@hookspec(firstresult=True)
def prep_update_pointing(header: fits.Header, instrument: Instrument, settings: PointingSettings) -> fits.Header | None:
    """Correct the pointing keywords of a level-1 image.

    A header hook: the pipeline rebuilds the WCS from what it returns. Stops at first non-None result.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        Complete header; must not be changed.
    instrument : `~aia_ccdproc.Instrument`
        The instrument of the image.
    settings : `~aia_ccdproc.pointing.settings.PointingSettings`
        The step's table in the recipe.

    Returns
    -------
    `~astropy.io.fits.Header` or None
        The corrected header, or None if the plugin does not run the step for this image.
    """


@step(settings=RegistrationSettings, after=["update_pointing"], engines="prep_resample")
@hookspec(firstresult=True)
def prep_register(
    ccd: CCDData, instrument: Instrument, settings: RegistrationSettings, plugin: str | None
) -> CCDData | None:
    """Remove the roll, set the plate scale to 0.6 arcsec, and move the Sun to the center.

    An image hook. Stops at first non-None result.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        Level-1 image; must not be changed.
    instrument : `~aia_ccdproc.Instrument`
        The instrument of the image.
    settings : `~aia_ccdproc.steps.settings.RegistrationSettings`
        The step's table in the recipe.
    plugin : str or None
        The plugin that the recipe chooses: to run the step, or as the engine that resamples.

    Returns
    -------
    `~astropy.nddata.CCDData` or None
        The registered image, or None if the plugin does not run the step for this image.
    """


@step(settings=ExposureSettings)
@hookspec(firstresult=True)
def prep_normalize_exposure(ccd: CCDData, instrument: Instrument, settings: ExposureSettings) -> CCDData | None:
    """Divide an image by its exposure time.

    An image hook. Stops at first non-None result.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        Image in DN; must not be changed.
    instrument : `~aia_ccdproc.Instrument`
        The instrument of the image.
    settings : `~aia_ccdproc.steps.settings.ExposureSettings`
        The step's table in the recipe.

    Returns
    -------
    `~astropy.nddata.CCDData` or None
        The image in DN / s, or None if the plugin does not run the step for this image.
    """
