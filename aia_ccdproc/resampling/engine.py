"""The core's resampling engine: reproject, called for blocks of output pixels on a pool of threads."""

from __future__ import annotations

import itertools
import math
import warnings

import numpy as np
from astropy.wcs import WCS

from aia_ccdproc.parallel import map_in_threads
from aia_ccdproc.plugin.resampling import INVALID, Resampled
from aia_ccdproc.resampling.kernels import Kernel
from aia_ccdproc.resampling.local_footprint import LocalFootprint
from aia_ccdproc.resampling.methods import METHODS, Method
from aia_ccdproc.resampling.pixel_map import AffineMap, Block, CelestialMap, PixelMap, Positions, TangentMap
from aia_ccdproc.resampling.propagation import KernelFootprint

__all__ = ["resample"]

#: Maximum number of rows and of columns in the input window of a block. Large blocks need fewer calls of reproject. But
#: scipy's spline filters are several times slower on long lines: above some 400 pixels for quadratic splines, and 540
#: for cubic ones, the powers of the filter's pole become denormal numbers.
_MAX_WINDOW_PIXELS = 396
#: Minimum number of rows and of columns in a block.
_MIN_BLOCK_PIXELS = 32
#: Input pixels around the window of a block: the tail of the spline prefilter falls to 0.268**16 = 7e-10 over them.
_MARGIN_PIXELS = 16
#: Positions of nearest-neighbor are moved by this number of pixels.
_TIE_PIXELS = 1e-9
#: Positions along each side of a block from which its input window is found, if the map is affine.
_OUTLINE_STEPS = 17
#: Rows and columns of positions in the output at which the size of its pixels in the input is estimated.
_EXTENT_STEPS = 9


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
    Every block of output pixels is computed from the window of the input that it can reach. Therefore little memory is
    needed. Blocks are processed in parallel: scipy and the compiled loops of reproject release the interpreter lock.

    If output = sum(w * input) with independent input pixels, the variance is sum(w**2 * variance). reproject does not
    return the weights. They are measured as the method's response to an impulse. On a map that is not affine, those of
    the adaptive methods follow from the local derivative, and ``exact`` gives no variance.
    """
    job = _Resampling(data, variance, flags, input_wcs, output_wcs, METHODS[method], output_shape)
    with warnings.catch_warnings():
        # sunpy warns of positions off the disk that another observer sees. They are masked.
        warnings.filterwarnings("ignore", "The conversion of these 2D helioprojective")
        # astropy warns of positions far from the image, at which a distortion has no inverse.
        warnings.filterwarnings("ignore", "'WCS.all_world2pix' failed to converge")
        map_in_threads(job.resample_block, job.blocks())
    return Resampled(job.data_out, job.variance_out, job.flags_out, job.propagation)


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
        if self.map.matrix is None and method.needs_celestial:
            self.variance = variance = None  # the weights of polygons on a sphere are not known well enough
        self.shape = output_shape
        # The memory of a block is first touched by the thread that fills it.
        self.data_out = np.empty(output_shape, dtype=np.float32)
        self.variance_out = None if variance is None else np.empty(output_shape, dtype=np.float32)
        self.flags_out = np.empty(output_shape, dtype=np.uint8)
        self.only_data = flags is None and variance is None
        #: Weights that are the same function of the position in every output pixel.
        self.kernel: Kernel | None = None
        if not self.only_data and (self.map.matrix is not None or method.is_spline):
            self.kernel = method.kernel(self.map.matrix, data.shape)
        #: Input pixels along one side of an output pixel.
        self.extent = self._typical_extent() if self.map.matrix is None else float(_extent(self.map.matrix))

    @property
    def propagation(self) -> str:
        """The value of UNCPROP."""
        if self.variance is None:
            return ""
        return "sum(w**2 var)" + ("" if self.kernel else ", w by local derivative")

    def _typical_extent(self) -> float:
        rows, columns = (np.linspace(0, n - 1, _EXTENT_STEPS) for n in self.shape)
        extents = _extent(self._derivative(rows[:, None], columns[None, :]))
        finite = extents[np.isfinite(extents)]
        return float(np.median(finite)) if finite.size else 1.0

    def _derivative(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Compute the derivative of the positions of output pixels in the input, shape ``(2, 2, ...)``."""
        right, left, up, down = (
            np.array(self.map.positions(rows + dy, columns + dx))
            for dx, dy in ((0.5, 0), (-0.5, 0), (0, 0.5), (0, -0.5))
        )
        return np.stack([right - left, up - down], axis=1)

    def _margin(self, extent: float) -> int:
        """Return the number of input pixels that a block needs around the positions of its pixels."""
        return _MARGIN_PIXELS + math.ceil(self.method.half_width * max(1, extent))

    def blocks(self) -> list[Block]:
        """Cut the output into blocks of about the same size."""
        inner = _MAX_WINDOW_PIXELS - 2 * self._margin(self.extent) - 2
        side = max(_MIN_BLOCK_PIXELS, int(inner / max(1, self.extent)))
        parts = [np.array_split(np.arange(n), math.ceil(n / side)) for n in self.shape]
        return [Block(*(slice(int(part[0]), int(part[-1]) + 1) for part in pair)) for pair in itertools.product(*parts)]

    def resample_block(self, block: Block) -> None:
        """Fill a block of the output arrays."""
        window, inside = self._window(block)
        if window is None:
            self._fill(block, math.nan, math.nan, INVALID)
            return
        input_wcs, output_wcs = self.map.wcs_pair(window, block)
        data = self.method.reproject(
            (self.data[window], input_wcs), output_wcs, shape_out=block.shape, return_footprint=False
        )
        if inside and self.only_data:
            self._fill(block, data, None, 0)
            return
        x, y = self.map.positions(*_pixels(block))
        variance, flags = self._propagate(block, window, x, y)
        if not inside:
            uncovered = self._outside(x, y) | ~np.isfinite(data)
            data[uncovered] = np.nan
            flags = np.where(uncovered, INVALID, flags)
        self._fill(block, data, variance, flags)

    def _window(self, block: Block) -> tuple[Block | None, bool]:
        """Return the input pixels that a block can reach, and whether the whole block is inside the image."""
        if self.map.matrix is not None:
            outline, extent = _outline(block), self.extent
        else:
            # The image of a block is inside that of its outline. A coarse outline could miss a part of a curved one.
            outline = _whole_outline(block)
            extent = float(_extent(self._derivative(*outline)).max()) if self.method.half_width else 0.0
        x, y = self.map.positions(*outline)
        if not np.isfinite(x + y + extent).all():
            # Positions off the disk are undefined for another observer, but the block may contain a part of the disk.
            return Block(*(slice(0, size) for size in self.data.shape)), False
        limits = []
        inside = True
        margin = self._margin(extent)
        for position, size in ((y, self.data.shape[0]), (x, self.data.shape[1])):
            first, last = position.min(), position.max()
            if last < -0.5 or first > size - 0.5:
                return None, False
            inside &= first >= 0 and last <= size - 1
            limits.append(slice(max(0, math.floor(first) - margin), min(size, math.ceil(last) + margin + 1)))
        return Block(*limits), bool(inside)

    def _propagate(
        self, block: Block, window: Block, x: np.ndarray, y: np.ndarray
    ) -> tuple[np.ndarray | None, np.ndarray | int]:
        """Propagate variance and flags to positions in a window."""
        if self.only_data:
            return None, 0
        flags = self.flags if self.flags is not None and self.flags[window].any() else None
        if self.kernel is None:
            if self.variance is None and flags is None:
                return None, 0
            derivative = self._derivative(*_pixels(block))
            footprint = LocalFootprint(self.method.weight, self.method.half_width, window, x, y, derivative)
            return footprint.propagate(self.variance, flags)
        kernel_footprint = KernelFootprint(self.kernel, window, x, y)
        variance = None if self.variance is None else kernel_footprint.variance(self.variance)
        return variance, 0 if flags is None else kernel_footprint.flags(flags)

    def _outside(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return True for positions outside the image."""
        ny, nx = self.data.shape
        return np.asarray(~((x >= -0.5) & (x <= nx - 0.5) & (y >= -0.5) & (y <= ny - 0.5)))

    def _fill(
        self, block: Block, data: np.ndarray | float, variance: np.ndarray | float | None, flags: np.ndarray | int
    ) -> None:
        self.data_out[block], self.flags_out[block] = data, flags
        if self.variance_out is not None:
            self.variance_out[block] = variance


def _pixel_map(input_wcs: WCS, output_wcs: WCS, method: Method) -> PixelMap:
    if input_wcs.has_celestial:
        return CelestialMap(input_wcs, output_wcs)
    if method.needs_celestial:
        # The same projection for both does not change the map between their pixels.
        return TangentMap(_celestial(input_wcs), _celestial(output_wcs))
    # A position in the middle between two pixels belongs to the second one, whatever the rounding error.
    return AffineMap(input_wcs, output_wcs, _TIE_PIXELS if method.degree == 0 else 0.0)


def _extent(derivative: np.ndarray) -> np.ndarray:
    """Return the input pixels along one side of an output pixel, from derivatives of shape ``(2, 2, ...)``."""
    return np.asarray(np.abs(derivative).sum(axis=1).max(axis=0))


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


def _whole_outline(block: Block) -> Positions:
    """Return rows and columns of all pixels along the four sides of a block."""
    rows, columns = (np.arange(along.start, along.stop, dtype=float) for along in block)
    return (
        np.concatenate([rows, rows, np.full(columns.size, rows[0]), np.full(columns.size, rows[-1])]),
        np.concatenate([np.full(rows.size, columns[0]), np.full(rows.size, columns[-1]), columns, columns]),
    )


def _celestial(wcs: WCS) -> WCS:
    celestial = wcs.deepcopy()
    celestial.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    return celestial
