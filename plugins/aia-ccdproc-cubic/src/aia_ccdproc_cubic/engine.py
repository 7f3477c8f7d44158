"""The resampling engine, which divides the output into blocks and runs the compiled loops in several threads."""

from __future__ import annotations

import itertools
import math
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from astropy.wcs import WCS
from astropy.wcs.utils import pixel_to_pixel

from aia_ccdproc.plugin import BAD_WEIGHT_THRESHOLD, Resampled, thread_count
from aia_ccdproc_cubic.compiling import call_compiled
from aia_ccdproc_cubic.kernels import InterpolationKernel
from aia_ccdproc_cubic.loops import TILE_SIZE, compute_spline_coefficients, resample_block

__all__ = ["resample"]

#: Rows and columns of a block of output pixels. Together with its window of the input it fits the cache of a core.
_BLOCK_SHAPE = (128, 1024)
#: Positions and coefficients of an affine map are rounded to a whole number if they are closer to it than this. Such a
#: difference is a rounding error, not a shift.
_WHOLE_NUMBER_TOLERANCE = 1e-9


def resample(
    data: np.ndarray,
    variance: np.ndarray | None,
    flags: np.ndarray | None,
    input_wcs: WCS,
    output_wcs: WCS,
    output_shape: tuple[int, int],
    kernel: InterpolationKernel,
    *,
    threads: int | None = None,
) -> Resampled:
    """Resample the planes of an image with a cubic kernel.

    Parameters
    ----------
    data, variance, flags : `~numpy.ndarray` or None
        Planes of the image, as in the hook `~aia_ccdproc.plugin.hookspecs.prep_resample`.
    input_wcs, output_wcs : `~astropy.wcs.WCS`
        WCS of the image and of the target, as in the hook.
    output_shape : tuple of int
        Rows and columns of the target.
    kernel : `InterpolationKernel`
        The kernel.
    threads : int, optional
        Number of blocks that are resampled at the same time; by default the number of CPUs that this process may use.
        The result does not depend on it.

    Returns
    -------
    `~aia_ccdproc.plugin.Resampled`
        The planes on the target grid. The variance is the sum over all pixels of the squared weight times the variance.
        A pixel is flagged if the total weight of flagged input pixels exceeds
        `~aia_ccdproc.plugin.BAD_WEIGHT_THRESHOLD`.

    Notes
    -----
    Beyond its edges the image is continued by mirroring it at the centers of its outermost pixels, so that the weights
    always add up to one. Positions more than half a pixel beyond these centers are not covered.
    """
    task = _Resampling((data, variance, flags), (output_wcs, input_wcs), output_shape, kernel)
    rows, columns = (range(0, n, step) for n, step in zip(output_shape, _BLOCK_SHAPE, strict=True))
    corners = itertools.product(rows, columns)
    with warnings.catch_warnings(), ThreadPoolExecutor(threads or thread_count()) as pool:
        # sunpy warns about positions off the disk if the observers differ. These pixels are not covered.
        warnings.filterwarnings("ignore", "The conversion of these 2D helioprojective")
        # astropy warns of positions far from the image, at which a distortion has no inverse.
        warnings.filterwarnings("ignore", "'WCS.all_world2pix' failed to converge")
        first = next(corners, None)
        if first is not None:
            call_compiled(task.resample_block, first)
        list(pool.map(task.resample_block, corners))
    return task.resampled


class _Resampling:
    """One image that is resampled block by block."""

    def __init__(
        self,
        planes: tuple[np.ndarray, np.ndarray | None, np.ndarray | None],
        wcs_pair: tuple[WCS, WCS],
        shape: tuple[int, int],
        kernel: InterpolationKernel,
    ) -> None:
        empty = np.empty((0, 0), dtype=np.float32)
        data, variance, flags = planes
        # Writable, because numba would compile the loops again for read-only arrays.
        self._data = np.require(data, np.float32, ["C", "W"])
        input_variance = np.require(empty if variance is None else variance, np.float32, ["C", "W"])
        input_flags = np.require(empty if flags is None else flags, np.uint8, ["C", "W"])
        self._inputs = (input_variance.reshape(-1), input_flags.reshape(-1), _worst_flag_by_tile(input_flags))
        self._wcs_pair = wcs_pair
        self._affine = empty.astype(float) if wcs_pair[1].has_celestial else _compute_affine(*wcs_pair, shape)
        self._pole, self._response_radius = np.float32(kernel.pole), kernel.response.size - 1
        self._kernel = (kernel.basis, kernel.response, kernel.margin, np.float32(BAD_WEIGHT_THRESHOLD))
        self._shape = shape
        self.resampled = Resampled(
            np.empty(shape, dtype=np.float32),
            None if variance is None else np.zeros(shape, dtype=np.float32),
            np.zeros(shape, dtype=np.uint8),
            "" if variance is None else "sum(w**2 var)",
        )
        outputs = [empty if plane is None else plane for plane in self.resampled[:3]]
        self._outputs = (*(plane.reshape(-1) for plane in outputs), shape[1])

    def resample_block(self, corner: tuple[int, int]) -> None:
        """Resample the block that starts at a row and a column."""
        size = (min(_BLOCK_SHAPE[0], self._shape[0] - corner[0]), min(_BLOCK_SHAPE[1], self._shape[1] - corner[1]))
        x, y = self._positions(corner, size)
        source = self._source(x, y)
        if self._affine.size:
            x = y = self._affine[:0]
        mapping, block = (x, y, self._affine), (corner, size)
        resample_block(self._inputs, self._outputs, source, mapping, block, self._data.shape, self._kernel)

    def _positions(self, corner: tuple[int, int], size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        """Return the positions of a block's pixels in the input. For an affine map, only those of its corners."""
        (row, column), (rows, columns) = corner, size
        if self._affine.size:
            y, x = np.meshgrid([row, row + rows - 1], [column, column + columns - 1], indexing="ij")
            along_x, along_y = (line[0] * x + line[1] * y + line[2] for line in self._affine)
            return along_x, along_y
        y, x = np.mgrid[row : row + rows, column : column + columns].astype(float)
        # Two threads must not use one WCS at the same time.
        x, y = pixel_to_pixel(*(wcs.deepcopy() for wcs in self._wcs_pair), x, y)
        return np.ascontiguousarray(x), np.ascontiguousarray(y)  # the loops are compiled for this layout

    def _source(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, int, int, int]:
        """Return the flat plane to which the weights are applied, its first row and column in the input, its width."""
        rows, columns = (_find_window(position, n) for position, n in zip((y, x), self._data.shape, strict=True))
        if not self._pole or rows is None or columns is None:
            return self._data.reshape(-1), 0, 0, self._data.shape[1]
        coefficients = compute_spline_coefficients(self._data, rows, columns, self._pole, self._response_radius)
        return coefficients.reshape(-1), rows[0], columns[0], coefficients.shape[1]


def _worst_flag_by_tile(flags: np.ndarray) -> np.ndarray:
    """Return the worst flag in each tile of ``TILE_SIZE`` × ``TILE_SIZE`` pixels."""
    for axis, n in enumerate(flags.shape):
        flags = np.maximum.reduceat(flags, np.arange(0, n, TILE_SIZE), axis=axis) if n else flags
    return flags


def _find_window(positions: np.ndarray, n: int) -> tuple[int, int] | None:
    """Return the range of pixels along an axis that have a weight, mirrored ones included; None if there are none."""
    covered = np.clip(positions[np.isfinite(positions)], -0.5, n - 0.5)
    if not covered.size:
        return None
    # The kernel has four taps. One pixel more on each side allows for different rounding in the compiled loops.
    first, last = math.floor(covered.min()) - 2, math.floor(covered.max()) + 3
    return max(0, min(first, n - 5)), min(n, max(last, 4) + 1)


def _compute_affine(output_wcs: WCS, input_wcs: WCS, shape: tuple[int, int]) -> np.ndarray:
    """Return the affine map between the pixels of two linear WCSs: ``x, y`` from ``column, row, 1``, shape (2, 3)."""
    far = max(shape)
    x, y = pixel_to_pixel(output_wcs, input_wcs, np.array([far, 0.0, 0.0]), np.array([0.0, far, 0.0]))
    affine = np.array([[(line[0] - line[2]) / far, (line[1] - line[2]) / far, line[2]] for line in (x, y)])
    whole = np.rint(affine)
    is_whole = np.abs(affine - whole) < _WHOLE_NUMBER_TOLERANCE / np.array([far, far, 1])
    return np.where(is_whole, whole, affine)
