"""A resampling engine for ``register``: cubic convolution and cubic splines, compiled.

The hooks of the plugin. What they need is imported when one of its methods is used, so that
looking at recipes and plugins stays quick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aia_ccdproc.plugin import MethodParameter, hookimpl

if TYPE_CHECKING:
    import numpy as np
    from astropy.wcs import WCS

    from aia_ccdproc.plugin import Resampled

#: Parameter of cubic convolution. Beyond that range the kernel is of no use.
_A = MethodParameter(-0.5, -1, 0, "a of the kernel: SSW and JSOC use -0.5, OpenCV -0.75")
METHODS = {"cubic-convolution": _A, "cubic-spline": None}


@hookimpl
def prep_resampling_methods() -> dict[str, MethodParameter | None]:
    """Name the methods."""
    return dict(METHODS)


@hookimpl
def prep_resample(
    data: np.ndarray,
    variance: np.ndarray | None,
    flags: np.ndarray | None,
    input_wcs: WCS,
    output_wcs: WCS,
    output_shape: tuple[int, int],
    method: str,
    parameter: float | None,
) -> Resampled | None:
    """Resample by one of the methods of this plugin."""
    if method not in METHODS:
        return None
    from aia_ccdproc_cubic.engine import resample
    from aia_ccdproc_cubic.kernels import convolution, spline

    a = _A.default if parameter is None else parameter
    kernel = convolution(a) if method == "cubic-convolution" else spline()
    return resample(data, variance, flags, input_wcs, output_wcs, output_shape, kernel)
