"""The resampling engine of the core: reproject, in blocks of output pixels on a pool of threads."""

from __future__ import annotations

import itertools
import math
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from astropy.wcs import WCS

from aia_ccdproc.parallel import thread_count
from aia_ccdproc.plugin.hookspecs import hookimpl
from aia_ccdproc.plugin.resampling import Resampled
from aia_ccdproc.resampling.methods import METHODS, Method
from aia_ccdproc.resampling.pixel_map import AffineMap, Block, CelestialMap, PixelMap, Positions
from aia_ccdproc.resampling.propagation import KernelFootprint

__all__ = ["resample"]

#: Maximum number of rows and of columns in the input window of a block. Large blocks need fewer calls of reproject. But
#: scipy's spline filters take several times as long for long lines, on which the powers of the filter's pole become
#: denormal numbers: some 400 pixels for quadratic splines, 540 for cubic ones.
_MAX_WINDOW_PIXELS = 396
#: Minimum number of rows and of columns in a block.
_MIN_BLOCK_PIXELS = 32
#: Input pixels around the window of a block: the tail of the spline prefilter falls to 0.268**16 = 7e-10 over them.
_MARGIN_PIXELS = 16
#: Flag of an output pixel that the input does not cover.
_UNCOVERED = 2
#: Positions along each side of a block from which its input window is found.
_OUTLINE_STEPS = 17


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
        WCSs of input and output, as in the hook.
    output_shape : tuple of int
        Rows and columns of the output.
    method : str
        One of `~aia_ccdproc.resampling.methods.METHODS`.

    Returns
    -------
    `~aia_ccdproc.plugin.Resampled`
        The planes on the output grid.

    Notes
    -----
    Every block of output pixels gets only the window of the input that it can reach. So little memory is needed, and
    blocks are processed in parallel: scipy and the compiled loops of reproject release the interpreter lock.

    If output = sum(w * input) with independent input pixels, the variance is sum(w**2 * variance). reproject does not
    return the weights. They are measured as the method's response to an impulse.
    """
    job = _Resampling(data, variance, flags, input_wcs, output_wcs, METHODS[method], output_shape)
    with warnings.catch_warnings(), ThreadPoolExecutor(thread_count()) as pool:
        # sunpy warns of positions off the disk that another observer sees. They are masked.
        warnings.filterwarnings("ignore", "The conversion of these 2D helioprojective")
        list(pool.map(job.resample_block, job.blocks()))
    return Resampled(job.data_out, job.variance_out, job.flags_out, _propagation(variance, input_wcs, method))


def _propagation(variance: np.ndarray | None, input_wcs: WCS, method: str) -> str:
    """Return the value of UNCPROP."""
    if variance is None:
        return ""
    weights_vary = input_wcs.has_celestial and not METHODS[method].is_spline
    return "sum(w**2 var)" + (", w as at CRPIX" if weights_vary else "")


class _Resampling:
    """The resampling of one image: its planes, the pixel map, and the output arrays."""

    def __init__(
        self,
        data: np.ndarray,
        variance: np.ndarray | None,
        flags: np.ndarray | None,
        input_wcs: WCS,
        output_wcs: WCS,
        method: Method,
        output_shape: tuple[int, int],
    ) -> None:
        self.data, self.variance, self.flags, self.method = data, variance, flags, method
        self.map = _pixel_map(input_wcs, output_wcs, method)
        self.shape = output_shape
        # The memory of a block is first touched by the thread that fills it.
        self.data_out = np.empty(output_shape, dtype=np.float32)
        self.variance_out = None if variance is None else np.empty(output_shape, dtype=np.float32)
        self.flags_out = np.empty(output_shape, dtype=np.uint8)
        only_data = flags is None and variance is None
        self.kernel = None if only_data else method.kernel(self.map.matrix, data.shape)
        #: Input pixels along one side of an output pixel.
        self.extent = np.abs(self.map.matrix).sum(axis=1).max()
        self.margin = _MARGIN_PIXELS + math.ceil(method.half_width * max(1, self.extent))

    def blocks(self) -> list[Block]:
        """Cut the output into blocks of about the same size."""
        side = max(_MIN_BLOCK_PIXELS, int((_MAX_WINDOW_PIXELS - 2 * self.margin - 2) / max(1, self.extent)))
        parts = [np.array_split(np.arange(n), math.ceil(n / side)) for n in self.shape]
        return [Block(*(slice(int(part[0]), int(part[-1]) + 1) for part in pair)) for pair in itertools.product(*parts)]

    def resample_block(self, block: Block) -> None:
        """Fill a block of the output arrays."""
        window, inside = self._window(*self.map.positions(*_outline(block)))
        if window is None:
            self._fill(block, math.nan, math.nan, _UNCOVERED)
            return
        input_wcs, output_wcs = self.map.wcs_pair(window, block)
        data = self.method.reproject(
            (self.data[window], input_wcs), output_wcs, shape_out=block.shape, return_footprint=False
        )
        if inside and self.kernel is None:
            self._fill(block, data, None, 0)
            return
        x, y = self.map.positions(*_pixels(block))
        variance, flags = self._propagate(window, x, y)
        if not inside:
            uncovered = self._outside(x, y) | ~np.isfinite(data)
            data[uncovered] = np.nan
            flags = np.where(uncovered, _UNCOVERED, flags)
        self._fill(block, data, variance, flags)

    def _window(self, x: np.ndarray, y: np.ndarray) -> tuple[Block | None, bool]:
        """Find the input pixels that a block can reach, and whether the whole block is inside the image."""
        if not (np.isfinite(x).all() and np.isfinite(y).all()):
            # Positions off the disk are undefined for another observer, but the block may contain a part of the disk.
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

    def _propagate(self, window: Block, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray | None, np.ndarray | int]:
        """Propagate variance and flags to positions in a window."""
        if self.kernel is None:
            return None, 0
        footprint = KernelFootprint(self.kernel, window, x, y)
        variance = None if self.variance is None else footprint.variance(self.variance)
        if self.flags is None or not self.flags[window].any():
            return variance, 0
        return variance, footprint.flags(self.flags)

    def _outside(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return which positions are outside the image."""
        ny, nx = self.data.shape
        return np.asarray(~((x >= -0.5) & (x <= nx - 0.5) & (y >= -0.5) & (y <= ny - 0.5)))

    def _fill(
        self, block: Block, data: np.ndarray | float, variance: np.ndarray | float | None, flags: np.ndarray | int
    ) -> None:
        self.data_out[block], self.flags_out[block] = data, flags
        if self.variance_out is not None:
            self.variance_out[block] = variance


def _pixel_map(input_wcs: WCS, output_wcs: WCS, method: Method) -> PixelMap:
    if method.needs_celestial:
        # The same projection for both does not change the map between their pixels.
        input_wcs, output_wcs = _celestial(input_wcs), _celestial(output_wcs)
    return (CelestialMap if input_wcs.has_celestial else AffineMap)(input_wcs, output_wcs)


def _pixels(block: Block) -> Positions:
    """Return rows and columns of all pixels of a block."""
    rows, columns = (np.arange(along.start, along.stop, dtype=float) for along in block)
    return rows[:, None], columns[None, :]


def _outline(block: Block) -> Positions:
    """Return rows and columns of positions along the four sides of a block."""
    rows, columns = (np.linspace(along.start, along.stop - 1, _OUTLINE_STEPS) for along in block)
    first_row, last_row, first_column, last_column = (
        np.full(_OUTLINE_STEPS, value) for value in (rows[0], rows[-1], columns[0], columns[-1])
    )
    return (
        np.concatenate([rows, rows, first_row, last_row]),
        np.concatenate([first_column, last_column, columns, columns]),
    )


def _celestial(wcs: WCS) -> WCS:
    if wcs.has_celestial:
        return wcs
    celestial = wcs.deepcopy()
    celestial.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    return celestial
