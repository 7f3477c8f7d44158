"""The step ``deconvolve``: its declaration, its implementation, and the recipe that contains it."""

from __future__ import annotations

import importlib.resources
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pluggy

from aia_ccdproc.plugin import Instrument, hookimpl, hookspec, step
from aia_ccdproc_psf.settings import DeconvolutionSettings

if TYPE_CHECKING:
    from astropy.io import fits
    from astropy.nddata import CCDData


class Declarations:
    """The step that this plugin declares."""

    # The point spread function is that of the camera's pixels. Spikes and noise are those of its counts.
    @step(
        settings=DeconvolutionSettings,
        before=("register", "normalize_exposure", "correct_degradation"),
        after=("respike", "despike", "estimate_uncertainty"),
    )
    @hookspec(firstresult=True)
    def prep_deconvolve(self, ccd: CCDData, instrument: Instrument, settings: DeconvolutionSettings) -> CCDData | None:
        """Remove the light that the telescope scattered and diffracted from a level-1 image of AIA."""


@hookimpl
def prep_addhooks(manager: pluggy.PluginManager) -> None:
    """Declare the step."""
    manager.add_hookspecs(Declarations)


@hookimpl
def prep_recipes() -> dict[str, str]:
    """Return the recipe that contains the step."""
    folder = importlib.resources.files("aia_ccdproc_psf") / "recipes"
    return {"level1.5-psf": (folder / "level1.5-psf.toml").read_text()}


@hookimpl
def prep_preload() -> None:
    """Import what the step needs."""
    import aia_ccdproc_psf.deconvolution  # noqa: F401


@hookimpl
def prep_deconvolve(ccd: CCDData, instrument: Instrument, settings: DeconvolutionSettings) -> CCDData | None:
    """Deconvolve an image of AIA."""
    from aia_ccdproc_psf.deconvolution import deconvolve

    return deconvolve(ccd, **dict(settings)) if instrument.name == "AIA" else None


@hookimpl
def prep_prefetch_deconvolve(headers: Sequence[fits.Header], settings: DeconvolutionSettings) -> None:
    """Compute the point spread functions of all channels once, before the workers of a batch need them."""
    from aia_ccdproc.images import as_number
    from aia_ccdproc_psf.models import MODELS, load_psf

    if isinstance(settings.psf, str) and settings.psf in MODELS:
        channels = {as_number(header.get("WAVELNTH")) for header in headers}
        for channel in sorted(channel for channel in channels if channel is not None):
            load_psf(round(channel), settings.psf)
