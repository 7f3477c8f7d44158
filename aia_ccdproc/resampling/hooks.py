"""The engines of the core: numpy for loops over pixels, reproject for resampling."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aia_ccdproc.plugin.hookspecs import hookimpl
from aia_ccdproc.resampling.methods import METHODS

if TYPE_CHECKING:
    import numpy as np
    from astropy.wcs import WCS

    from aia_ccdproc.images.pixel_engine import PixelEngine
    from aia_ccdproc.plugin.resampling import Resampled


@hookimpl(trylast=True)
def prep_pixel_engine() -> PixelEngine:
    """Return numpy's loops."""
    from aia_ccdproc.images.pixel_engine import NUMPY_ENGINE

    return NUMPY_ENGINE


@hookimpl(trylast=True)
def prep_resampling_methods() -> list[str]:
    """Return the names of reproject's methods."""
    return list(METHODS)


@hookimpl(trylast=True)
def prep_resample(
    data: np.ndarray,
    variance: np.ndarray | None,
    flags: np.ndarray | None,
    input_wcs: WCS,
    output_wcs: WCS,
    output_shape: tuple[int, int],
    method: str,
) -> Resampled | None:
    """Resample by one of reproject's methods."""
    if method not in METHODS:
        return None
    from aia_ccdproc.resampling.engine import resample

    return resample(data, variance, flags, input_wcs, output_wcs, output_shape, method)
