"""The resampling engine that comes with the core: reproject, in blocks of output pixels on a thread pool."""

from __future__ import annotations

import functools
import itertools
import math
import os
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from astropy.wcs import WCS
from astropy.wcs.utils import pixel_to_pixel
from reproject import reproject_adaptive, reproject_exact, reproject_interp
from scipy import ndimage

from aia_ccdproc.hookspecs import Resampled, hookimpl
from aia_ccdproc.steps._noise_gain import area_noise_gain, spline_noise_gain

__all__ = ["METHODS", "resample"]

#: Output pixels that are resampled in one go, rows and columns; large enough for numpy, small for the caches.
_BLOCK = (256, 1024)
#: Input pixels around a block's window: the spline prefilter's tail falls to 0.268**16 = 7e-10 over them.
_MARGIN = 16

Pixels = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class _Method:
    """One of reproject's algorithms."""

    reproject: Callable[..., np.ndarray]
    #: Half-width of an area method's kernel in output pixels; 0 for interpolation.
    reach: int = 0
    #: Degree of the interpolating spline; -1 for an area method.
    degree: int = -1

    def taps(self, scale: float) -> int:
        """Input pixels that the kernel spans on each axis; ``scale`` is input pixels per output pixel."""
        return self.degree + 1 if self.degree >= 0 else 2 * max(1, math.ceil(self.reach * scale - 0.01))


def _interpolation(order: str, degree: int) -> _Method:
    return _Method(functools.partial(reproject_interp, order=order, roundtrip_coords=False), degree=degree)


def _adaptive(kernel: str, reach: int) -> _Method:
    return _Method(
        functools.partial(reproject_adaptive, kernel=kernel, roundtrip_coords=False, boundary_mode="ignore"),
        reach=reach,
    )


METHODS = {
    "nearest-neighbor": _interpolation("nearest-neighbor", 0),
    "bilinear": _interpolation("bilinear", 1),
    "biquadratic": _interpolation("biquadratic", 2),
    "bicubic": _interpolation("bicubic", 3),
    "adaptive-hann": _adaptive("hann", 1),
    "adaptive-gaussian": _adaptive("gaussian", 2),
    "exact": _Method(reproject_exact, reach=1),
}


@hookimpl(trylast=True)
def prep_resampling_methods() -> list[str]:
    """Name reproject's methods."""
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
    """Resample by reproject, if the method is one of its."""
    if method not in METHODS:
        return None
    return resample(data, variance, flags, input_wcs, output_wcs, output_shape, method)


def resample(
    data: np.ndarray,
    variance: np.ndarray | None,
    flags: np.ndarray | None,
    input_wcs: WCS,
    output_wcs: WCS,
    output_shape: tuple[int, int],
    method: str,
) -> Resampled:
    """Resample the planes of an image by one of reproject's methods.

    Parameters
    ----------
    data, variance, flags : `~numpy.ndarray` or None
        Planes of the image, as in the hook `~aia_ccdproc.hookspecs.prep_resample`.
    input_wcs, output_wcs : `~astropy.wcs.WCS`
        Where the pixels lie and where they shall lie, as in the hook.
    output_shape : tuple of int
        Rows and columns of the target.
    method : str
        One of `METHODS`.

    Returns
    -------
    `~aia_ccdproc.hookspecs.Resampled`
        The planes on the target's grid.

    Notes
    -----
    Every block of output pixels is given only the window of the input that it can reach, so memory stays
    small and blocks run side by side: scipy and reproject's compiled loops release the interpreter lock.

    For output = sum(w * input) with independent pixels, the variance is sum(w**2 * variance). reproject does not give
    the weights. So the local variance is interpolated, and multiplied by sum(w**2), the gain for white noise,
    which is taken from the method's own response to an impulse and depends on where in an input pixel the
    output pixel falls. That is exact where the variance varies little over a kernel.
    """
    task = _Task(data, variance, flags, input_wcs, output_wcs, METHODS[method], output_shape)
    rows, columns = (range(0, n, step) for n, step in zip(output_shape, _BLOCK, strict=True))
    with warnings.catch_warnings(), ThreadPoolExecutor(_threads()) as pool:
        # sunpy's, of positions off the disk as another observer sees them: they are masked.
        warnings.filterwarnings("ignore", "The conversion of these 2D helioprojective")
        list(pool.map(lambda corner: task.resample_block(*corner), itertools.product(rows, columns)))
    return Resampled(task.data_out, task.variance_out, task.flags_out)


def _threads() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Task:
    """One image on its way from one grid to another."""

    def __init__(
        self,
        data: np.ndarray,
        variance: np.ndarray | None,
        flags: np.ndarray | None,
        input_wcs: WCS,
        output_wcs: WCS,
        method: _Method,
        output_shape: tuple[int, int],
    ) -> None:
        if method.reproject is reproject_exact:
            # It knows spherical polygons only. Any projection that both share leaves the pixel map as it is.
            input_wcs, output_wcs = _celestial(input_wcs), _celestial(output_wcs)
        self.data, self.variance, self.flags = data, variance, flags
        self.input_wcs, self.output_wcs, self.method = input_wcs, output_wcs, method
        self.shape = output_shape
        self.data_out = np.full(output_shape, np.nan, dtype=np.float32)
        self.variance_out = None if variance is None else np.full(output_shape, np.nan, dtype=np.float32)
        self.flags_out = np.full(output_shape, 2, dtype=np.uint8)
        self.matrix = np.linalg.inv(input_wcs.pixel_scale_matrix) @ output_wcs.pixel_scale_matrix
        scale = math.sqrt(abs(np.linalg.det(self.matrix)))
        self.taps = method.taps(scale)
        self.reach = _MARGIN + math.ceil(max(method.reach * scale, 1))

    def resample_block(self, top: int, left: int) -> None:
        bottom, right = min(top + _BLOCK[0], self.shape[0]), min(left + _BLOCK[1], self.shape[1])
        output_wcs = _shifted(self.output_wcs, left, top)
        input_wcs = self.input_wcs.deepcopy()  # WCS objects are not thread-safe
        shape = (bottom - top, right - left)
        window, inside = self._window(*_outline(shape, output_wcs, input_wcs))
        if window is None:
            return
        block = (slice(top, bottom), slice(left, right))
        input_wcs = _shifted(input_wcs, window[1].start, window[0].start)
        data = self._reproject(self.method, self.data[window], input_wcs, output_wcs, shape)
        self.data_out[block] = data
        if inside and self.flags is None and self.variance is None:
            self.flags_out[block] = 0
            return
        rows, columns = np.indices(shape, dtype=float)
        x, y = pixel_to_pixel(output_wcs, input_wcs, columns, rows)
        flags = self._flags(window, x, y)
        self.flags_out[block] = flags
        if not inside:
            uncovered = self._uncovered(window, x, y) | ~np.isfinite(data)
            flags[uncovered] = 2
            self.flags_out[block] = flags
            self.data_out[block][uncovered] = np.nan
        if self.variance is not None and self.variance_out is not None:
            self.variance_out[block] = self._variance(window, input_wcs, output_wcs, shape, x, y)

    def _window(self, x: np.ndarray, y: np.ndarray) -> tuple[tuple[slice, slice] | None, bool]:
        """Find the input pixels that a block can reach, and whether all of it lies inside the image."""
        if not (np.isfinite(x).all() and np.isfinite(y).all()):
            # Another observer sees no position off the disk, though there may be some of the disk within the block.
            return (slice(0, self.data.shape[0]), slice(0, self.data.shape[1])), False
        limits = []
        inside = True
        for position, size in ((y, self.data.shape[0]), (x, self.data.shape[1])):
            first, last = position.min(), position.max()
            if last < -0.5 or first > size - 0.5:
                return None, False
            inside &= first >= 0 and last <= size - 1
            limits.append(slice(max(0, math.floor(first) - self.reach), min(size, math.ceil(last) + self.reach + 1)))
        return (limits[0], limits[1]), inside

    @staticmethod
    def _reproject(
        method: _Method, plane: np.ndarray, input_wcs: WCS, output_wcs: WCS, shape: tuple[int, int]
    ) -> np.ndarray:
        return method.reproject((plane, input_wcs), output_wcs, shape_out=shape, return_footprint=False)

    def _uncovered(self, window: tuple[slice, slice], x: np.ndarray, y: np.ndarray) -> np.ndarray:
        ny, nx = self.data.shape
        x, y = x + window[1].start, y + window[0].start
        return ~((x >= -0.5) & (x <= nx - 0.5) & (y >= -0.5) & (y <= ny - 0.5))

    def _flags(self, window: tuple[slice, slice], x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Find the worst flag among the pixels that the kernel reaches."""
        if self.flags is None or not self.flags[window].any():
            return np.zeros(x.shape, dtype=np.uint8)
        # The kernel spans an even number of pixels about the one left of the position, an odd one about the nearest.
        even = self.taps % 2 == 0
        reached = ndimage.maximum_filter(self.flags[window], size=self.taps, origin=-1 if even else 0, mode="nearest")
        base = np.floor if even else np.rint
        ny, nx = reached.shape
        rows = np.clip(base(np.nan_to_num(y)), 0, ny - 1).astype(np.intp)
        columns = np.clip(base(np.nan_to_num(x)), 0, nx - 1).astype(np.intp)
        return reached[rows, columns]

    def _variance(
        self,
        window: tuple[slice, slice],
        input_wcs: WCS,
        output_wcs: WCS,
        shape: tuple[int, int],
        x: np.ndarray,
        y: np.ndarray,
    ) -> np.ndarray:
        assert self.variance is not None
        degree = self.method.degree
        # A spline of higher degree could overshoot to a negative variance.
        smooth = METHODS["bilinear"] if degree > 1 else self.method
        local = self._reproject(smooth, self.variance[window], input_wcs, output_wcs, shape)
        if degree < 0:
            return local * area_noise_gain(self.method.reproject, self.method.reach, self.matrix, x, y)
        return local * spline_noise_gain(degree, x, y)


def _outline(shape: tuple[int, int], output_wcs: WCS, input_wcs: WCS) -> Pixels:
    rows, columns = shape[0] - 1, shape[1] - 1
    along_x, along_y = np.linspace(0, columns, 17), np.linspace(0, rows, 17)
    x = np.concatenate([along_x, along_x, np.zeros(17), np.full(17, columns)])
    y = np.concatenate([np.zeros(17), np.full(17, rows), along_y, along_y])
    return pixel_to_pixel(output_wcs, input_wcs, x, y)


def _shifted(wcs: WCS, left: int, top: int) -> WCS:
    shifted = wcs.deepcopy()
    shifted.wcs.crpix = shifted.wcs.crpix - [left, top]
    return shifted


def _celestial(wcs: WCS) -> WCS:
    if wcs.has_celestial:
        return wcs
    celestial = wcs.deepcopy()
    celestial.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    return celestial
