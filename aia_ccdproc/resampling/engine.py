"""The resampling engine that comes with the core: reproject, in blocks of output pixels on a thread pool."""

from __future__ import annotations

import functools
import itertools
import math
import warnings
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from astropy.wcs import WCS

from aia_ccdproc.parallel import thread_count
from aia_ccdproc.plugin.hookspecs import hookimpl
from aia_ccdproc.plugin.resampling import Resampled
from aia_ccdproc.resampling.kernels import AreaKernel, Kernel, SplineKernel
from aia_ccdproc.resampling.pixel_map import AffineMap, Block, CelestialMap, PixelMap, Positions
from aia_ccdproc.resampling.propagation import Surroundings

__all__ = ["METHODS", "resample"]

#: Rows and columns of the input that a block of output pixels is given, at most: large blocks share the cost of a call
#: to reproject, but scipy's spline filters take several times as long for lines on which the powers of their pole
#: become denormal numbers, of some 400 pixels for quadratic splines, and 540 for cubic ones.
_LONGEST_LINE = 396
#: Rows and columns of a block at least.
_SMALLEST_BLOCK = 32
#: Input pixels around a block's window: the spline prefilter's tail falls to 0.268**16 = 7e-10 over them.
_MARGIN = 16
#: Flag of an output pixel that has no input.
_NOTHING = 2


@dataclass(frozen=True)
class _Method:
    """One of reproject's algorithms."""

    #: Name of reproject's function, and what it is called with.
    function: str
    options: Mapping[str, Any] = field(default_factory=dict)
    #: Half-width of an area method's kernel in pixels; 0 for interpolation.
    width: int = 0
    #: Degree of the interpolating spline; -1 for an area method.
    degree: int = -1

    @functools.cached_property
    def reproject(self) -> Callable[..., np.ndarray]:
        """The function; it is the same at every call, for kernels are remembered by it."""
        import reproject  # takes 0.2 s, and is not needed by those who use another engine

        return functools.partial(getattr(reproject, self.function), **self.options)

    @property
    def knows_spheres_only(self) -> bool:
        """Whether it takes spherical polygons, and no linear WCS."""
        return self.function == "reproject_exact"

    def kernel(self, matrix: np.ndarray, shape: tuple[int, int]) -> Kernel:
        """Describe its weights on an image of that shape, where the map has that derivative."""
        if self.degree >= 0:
            return SplineKernel(self.degree, shape)
        return AreaKernel(self.reproject, self.width, matrix, shape)


def _interpolation(order: str, degree: int) -> _Method:
    return _Method("reproject_interp", {"order": order, "roundtrip_coords": False}, degree=degree)


def _adaptive(kernel: str, width: int) -> _Method:
    options = {"kernel": kernel, "roundtrip_coords": False, "boundary_mode": "ignore"}
    return _Method("reproject_adaptive", options, width=width)


METHODS = {
    "nearest-neighbor": _interpolation("nearest-neighbor", 0),
    "bilinear": _interpolation("bilinear", 1),
    "biquadratic": _interpolation("biquadratic", 2),
    "bicubic": _interpolation("bicubic", 3),
    "adaptive-hann": _adaptive("hann", 1),
    "adaptive-gaussian": _adaptive("gaussian", 2),
    "exact": _Method("reproject_exact", width=1),
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
        Planes of the image, as in the hook `~aia_ccdproc.plugin.hookspecs.prep_resample`.
    input_wcs, output_wcs : `~astropy.wcs.WCS`
        Where the pixels lie and where they shall lie, as in the hook.
    output_shape : tuple of int
        Rows and columns of the target.
    method : str
        One of `METHODS`.

    Returns
    -------
    `~aia_ccdproc.plugin.resampling.Resampled`
        The planes on the target's grid.

    Notes
    -----
    Every block of output pixels is given only the window of the input that it can reach, so memory stays
    small and blocks run side by side: scipy and reproject's compiled loops release the interpreter lock.

    For output = sum(w * input) with independent pixels, the variance is sum(w**2 * variance). reproject does not give
    the weights; they are read off the method's own response to an impulse.
    """
    task = _Task(data, variance, flags, input_wcs, output_wcs, METHODS[method], output_shape)
    with warnings.catch_warnings(), ThreadPoolExecutor(thread_count()) as pool:
        # sunpy's, of positions off the disk as another observer sees them: they are masked.
        warnings.filterwarnings("ignore", "The conversion of these 2D helioprojective")
        list(pool.map(task.resample_block, task.blocks()))
    return Resampled(task.data_out, task.variance_out, task.flags_out, _propagation(variance, input_wcs, method))


def _propagation(variance: np.ndarray | None, input_wcs: WCS, method: str) -> str:
    if variance is None:
        return ""
    curved = input_wcs.has_celestial and METHODS[method].degree < 0
    return "sum(w**2 var)" + (", w as at CRPIX" if curved else "")


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
        self.data, self.variance, self.flags, self.method = data, variance, flags, method
        self.map = _pixel_map(input_wcs, output_wcs, method)
        self.shape = output_shape
        # A block is first touched by the thread that fills it.
        self.data_out = np.empty(output_shape, dtype=np.float32)
        self.variance_out = None if variance is None else np.empty(output_shape, dtype=np.float32)
        self.flags_out = np.empty(output_shape, dtype=np.uint8)
        good = flags is None and variance is None
        self.kernel = None if good else method.kernel(self.map.matrix, data.shape)
        #: Input pixels that lie side by side in one of the output.
        self.extent = np.abs(self.map.matrix).sum(axis=1).max()
        self.margin = _MARGIN + math.ceil(method.width * max(1, self.extent))

    def blocks(self) -> list[Block]:
        """Cut the output into blocks of about the same size."""
        side = max(_SMALLEST_BLOCK, int((_LONGEST_LINE - 2 * self.margin - 2) / max(1, self.extent)))
        along = [np.array_split(np.arange(n), math.ceil(n / side)) for n in self.shape]
        return [
            Block(*(slice(int(part[0]), int(part[-1]) + 1) for part in parts)) for parts in itertools.product(*along)
        ]

    def resample_block(self, block: Block) -> None:
        window, inside = self._window(*self.map.positions(*_outline(block)))
        if window is None:
            self._fill(block, math.nan, math.nan, _NOTHING)
            return
        input_wcs, output_wcs = self.map.wcs_pair(window, block)
        data = self.method.reproject(
            (self.data[window], input_wcs), output_wcs, shape_out=block.shape, return_footprint=False
        )
        if inside and self.kernel is None:
            self._fill(block, data, None, 0)
            return
        x, y = self.map.positions(*_pixels(block))
        variance, flags = self._spread(window, x, y)
        if not inside:
            uncovered = self._uncovered(x, y) | ~np.isfinite(data)
            data[uncovered] = np.nan
            flags = np.where(uncovered, _NOTHING, flags)
        self._fill(block, data, variance, flags)

    def _window(self, x: np.ndarray, y: np.ndarray) -> tuple[Block | None, bool]:
        """Find the input pixels that a block can reach, and whether all of it lies inside the image."""
        if not (np.isfinite(x).all() and np.isfinite(y).all()):
            # Another observer sees no position off the disk, though there may be some of the disk within the block.
            return Block(*(slice(0, size) for size in self.data.shape)), False
        limits = []
        inside = True
        for position, size in ((y, self.data.shape[0]), (x, self.data.shape[1])):
            first, last = position.min(), position.max()
            if last < -0.5 or first > size - 0.5:
                return None, False
            inside &= first >= 0 and last <= size - 1
            limits.append(slice(max(0, math.floor(first) - self.margin), min(size, math.ceil(last) + self.margin + 1)))
        return Block(*limits), inside

    def _spread(self, window: Block, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray | None, np.ndarray | int]:
        """Propagate variance and flags to positions in a window."""
        if self.kernel is None:
            return None, 0
        surroundings = Surroundings(self.kernel, window, x, y)
        variance = None if self.variance is None else surroundings.variance(self.variance)
        if self.flags is None or not self.flags[window].any():
            return variance, 0
        return variance, surroundings.flags(self.flags)

    def _uncovered(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        ny, nx = self.data.shape
        return ~((x >= -0.5) & (x <= nx - 0.5) & (y >= -0.5) & (y <= ny - 0.5))

    def _fill(
        self, block: Block, data: np.ndarray | float, variance: np.ndarray | float | None, flags: np.ndarray | int
    ) -> None:
        self.data_out[block], self.flags_out[block] = data, flags
        if self.variance_out is not None:
            self.variance_out[block] = variance


def _pixel_map(input_wcs: WCS, output_wcs: WCS, method: _Method) -> PixelMap:
    if method.knows_spheres_only:
        # Any projection that both share leaves the pixel map as it is.
        input_wcs, output_wcs = _celestial(input_wcs), _celestial(output_wcs)
    return (CelestialMap if input_wcs.has_celestial else AffineMap)(input_wcs, output_wcs)


def _pixels(block: Block) -> Positions:
    rows, columns = (np.arange(along.start, along.stop, dtype=float) for along in block)
    return rows[:, None], columns[None, :]


def _outline(block: Block) -> Positions:
    """Give rows and columns of pixels all around a block."""
    rows, columns = (np.linspace(along.start, along.stop - 1, 17) for along in block)
    return (
        np.concatenate([rows, rows, np.full(17, rows[0]), np.full(17, rows[-1])]),
        np.concatenate([np.full(17, columns[0]), np.full(17, columns[-1]), columns, columns]),
    )


def _celestial(wcs: WCS) -> WCS:
    if wcs.has_celestial:
        return wcs
    celestial = wcs.deepcopy()
    celestial.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    return celestial
