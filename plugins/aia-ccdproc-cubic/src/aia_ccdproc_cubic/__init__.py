"""Compiled resampling methods for ``register``, cubic convolution and cubic splines, and compiled loops over pixels.

These are the hooks of the plugin. The engines and numba are imported when they are used, so that they do not slow down
commands that only list or check.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aia_ccdproc.plugin import MethodParameter, hookimpl

if TYPE_CHECKING:
    import numpy as np
    from astropy.wcs import WCS

    from aia_ccdproc.plugin import (
        CoarseCounts,
        FineCounts,
        PixelEngine,
        QuantizedRows,
        Resampled,
        RiceTiles,
    )

#: Parameter of cubic convolution. Outside this range the kernel is not useful.
_KERNEL_PARAMETER = MethodParameter(-0.5, -1, 0, "a of the kernel: SSW and JSOC use -0.5, OpenCV -0.75")
_METHODS = {"cubic-convolution": _KERNEL_PARAMETER, "cubic-spline": None}
#: Methods of the core that the engine serves between linear WCSs, where its result equals that of reproject.
_CORE_METHODS = ("nearest-neighbor", "bilinear", "bicubic")


@hookimpl
def prep_resampling_methods() -> dict[str, MethodParameter | None]:
    """Return the methods of this plugin with their parameters, and the methods of the core that it serves."""
    return _METHODS | dict.fromkeys(_CORE_METHODS)


@hookimpl
def prep_preload() -> None:
    """Load the compiled loops once for all workers of a batch."""
    from aia_ccdproc_cubic import engine, kernels, pixels, rice  # noqa: F401

    for module in (engine, pixels, rice):
        module.LOOPS.load()


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
    """Resample an image with one of the methods of this plugin, or with one of the core between linear WCSs."""
    if method in _CORE_METHODS and input_wcs.has_celestial:
        return None
    from aia_ccdproc_cubic.engine import resample
    from aia_ccdproc_cubic.kernels import kernel_of

    kernel = kernel_of(method, _KERNEL_PARAMETER.default if parameter is None else parameter)
    return resample(data, variance, flags, input_wcs, output_wcs, output_shape, kernel)


@hookimpl
def prep_pixel_engine() -> PixelEngine:
    """Return the compiled loops over pixels."""
    from aia_ccdproc.plugin import PixelEngine

    return PixelEngine(
        count_coarsely=_count_coarsely,
        count_finely=_count_finely,
        copy_big_endian=_copy_big_endian,
        decode_rice=_decode_rice,
        encode_rice=_encode_rice,
    )


def _count_coarsely(values: np.ndarray, mask: np.ndarray | None) -> CoarseCounts:
    from aia_ccdproc_cubic.pixels import count_coarsely

    return count_coarsely(values, mask)


def _count_finely(values: np.ndarray, mask: np.ndarray | None, slots: np.ndarray, center: float) -> FineCounts:
    from aia_ccdproc_cubic.pixels import count_finely

    return count_finely(values, mask, slots, center)


def _copy_big_endian(words: np.ndarray, copied: np.ndarray) -> int:
    from aia_ccdproc_cubic.pixels import copy_big_endian

    return copy_big_endian(words, copied)


def _decode_rice(tiles: RiceTiles) -> np.ndarray:
    from aia_ccdproc_cubic.rice import decode_rice

    return decode_rice(tiles)


def _encode_rice(rows: np.ndarray, divisor: int, first: int) -> QuantizedRows:
    from aia_ccdproc_cubic.rice import encode_rice

    return encode_rice(rows, divisor, first)
