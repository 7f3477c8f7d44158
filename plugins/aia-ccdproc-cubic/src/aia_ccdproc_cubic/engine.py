"""The resampling engine, which divides the output into blocks and runs the compiled loops in several threads."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Iterator

import numpy as np
from astropy.wcs import WCS
from astropy.wcs.utils import pixel_to_pixel

from aia_ccdproc.plugin import BAD_WEIGHT_THRESHOLD, Resampled, affine_map, map_in_threads, thread_count
from aia_ccdproc_cubic.kernels import InterpolationKernel
from aia_ccdproc_cubic.machine_code import CompiledLoops

__all__ = ["LOOPS", "resample"]

LOOPS = CompiledLoops("aia_ccdproc_cubic.resampling_loops")

#: Rows and columns of a block of output pixels. Together with its part of the input it fits the cache of a core. A wide
#: block has little work for each row, but if the image is rotated it needs a large part of the input.
_WIDE_BLOCK, _SMALL_BLOCK = (64, 2048), (128, 512)
#: Slope of a row of output pixels in the input up to which blocks are wide.
_WIDE_SLOPE = 1 / 32
#: Pixels by which positions are moved if the kernel takes the nearest pixel, so that a position in the middle between
#: two pixels belongs to the second one, whatever the rounding error.
_TIE_PIXELS = 1e-9
#: Pixels of the image on each side of a window that the filter of the spline takes into account.
_FILTER_MARGIN = 16
#: Width of the square tiles of the input for which the worst flag is known.
_TILE_SIZE = 8
#: Output pixels whose weights are computed at a time: they fit the nearest cache.
_PART_SIZE = 128


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
    """Resample the planes of an image with an interpolation kernel.

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
    always add up to one. Positions more than half a pixel beyond these centers are not covered. With some kernels, the
    other positions beyond these centers are moved to them.
    """
    task = _Resampling((data, variance, flags), (output_wcs, input_wcs), output_shape, kernel)
    rows, columns = (range(0, n, step) for n, step in zip(output_shape, task.block_shape, strict=True))
    corners = itertools.product(rows, columns)
    count = min(threads or thread_count(), max(1, len(rows) * len(columns)))
    with warnings.catch_warnings():
        # sunpy warns about positions off the disk if the observers differ. These pixels are not covered.
        warnings.filterwarnings("ignore", "The conversion of these 2D helioprojective")
        # astropy warns of positions far from the image, at which a distortion has no inverse.
        warnings.filterwarnings("ignore", "'WCS.all_world2pix' failed to converge")
        map_in_threads(lambda _: task.resample_blocks(corners), range(count), threads=count)
    return task.resampled


class _Buffers:
    """Memory that the loops use while they work on a block. Each thread has its own."""

    def __init__(self, columns: int, taps: int) -> None:
        self._window = np.empty((0, 0), np.float32), np.empty((2, 0), np.float32)
        self._others = np.empty((2, columns)), np.empty((2 * taps, _PART_SIZE), np.float32)

    def for_window(self, rows: int, columns: int) -> tuple[np.ndarray, ...]:
        """Return the buffers for a block that needs this part of the input."""
        needed = rows + 2 * _FILTER_MARGIN, columns + 2 * _FILTER_MARGIN
        plane = self._window[0]
        if any(size < least for size, least in zip(plane.shape, needed, strict=True)):
            larger = [max(pair) for pair in zip(plane.shape, needed, strict=True)]
            self._window = np.empty(larger, np.float32), np.empty((2, larger[1]), np.float32)
        return *self._window, *self._others


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
        self._data = np.ascontiguousarray(data, np.float32)
        input_variance = empty if variance is None else np.ascontiguousarray(variance, np.float32)
        input_flags = empty.astype(np.uint8) if flags is None else np.ascontiguousarray(flags, np.uint8)
        self._inputs = (self._data, input_variance, input_flags, _worst_flag_by_tile(input_flags))
        self._wcs_pair, self._shape, self._kernel = wcs_pair, shape, kernel
        self._affine = np.empty((0, 0))
        if not wcs_pair[1].has_celestial:
            self._affine = affine_map(wcs_pair[1], wcs_pair[0])
            self._affine[:, 2] += _TIE_PIXELS if kernel.offset else 0.0
        is_wide = self._affine.size and abs(self._affine[1, 0]) <= _WIDE_SLOPE
        self.block_shape = _WIDE_BLOCK if is_wide else _SMALL_BLOCK
        self.resampled = Resampled(
            np.empty(shape, dtype=np.float32),
            None if variance is None else np.zeros(shape, dtype=np.float32),
            np.zeros(shape, dtype=np.uint8),
            "" if variance is None else "sum(w**2 var)",
        )
        self._outputs = tuple(empty if plane is None else plane for plane in self.resampled[:3])

    def resample_blocks(self, corners: Iterator[tuple[int, int]]) -> None:
        """Resample blocks until none is left; each starts at a row and a column."""
        buffers = _Buffers(self.block_shape[1], 4 + 2 * self._kernel.margin)
        for corner in corners:
            self._resample_block(corner, buffers)

    def _resample_block(self, corner: tuple[int, int], buffers: _Buffers) -> None:
        steps = zip(self.block_shape, self._shape, corner, strict=True)
        rows, columns = (min(step, size - start) for step, size, start in steps)
        if self._affine.size:
            x = y = np.empty((0, 0))
            ranges = [_linear_range(line, corner, rows, columns) for line in self._affine.tolist()]
        else:
            x, y = self._positions(corner, rows, columns)
            ranges = [_finite_range(positions) for positions in (x, y)]
        window = _find_window(ranges, self._data.shape)
        block = np.array([*corner, rows, columns, *window])
        kernel = (*self._kernel, BAD_WEIGHT_THRESHOLD, _TILE_SIZE)
        used = buffers.for_window(window[1] - window[0], window[3] - window[2])
        LOOPS.resample_block(*self._inputs, *self._outputs, x, y, self._affine, block, *kernel, *used)

    def _positions(self, corner: tuple[int, int], rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the positions of a block's pixels in the input."""
        y, x = np.mgrid[corner[0] : corner[0] + rows, corner[1] : corner[1] + columns].astype(float)
        # Two threads must not use one WCS at the same time.
        x, y = pixel_to_pixel(*(wcs.deepcopy() for wcs in self._wcs_pair), x, y)
        return np.ascontiguousarray(x), np.ascontiguousarray(y)


def _worst_flag_by_tile(flags: np.ndarray) -> np.ndarray:
    """Return the worst flag in each tile."""
    tiles = np.zeros([-(-size // _TILE_SIZE) for size in flags.shape], np.uint8)
    if flags.size:
        LOOPS.find_worst_flags(flags, tiles, _TILE_SIZE)
    return tiles


def _linear_range(line: list[float], corner: tuple[int, int], rows: int, columns: int) -> tuple[float, float]:
    """Return the smallest and the largest position of a block along an axis."""
    start = line[0] * corner[1] + line[1] * corner[0] + line[2]
    across, down = line[0] * (columns - 1), line[1] * (rows - 1)
    return start + min(across, 0) + min(down, 0), start + max(across, 0) + max(down, 0)


def _finite_range(positions: np.ndarray) -> tuple[float, float]:
    finite = positions[np.isfinite(positions)]
    return (float(finite.min()), float(finite.max())) if finite.size else (math.inf, -math.inf)


def _find_window(ranges: list[tuple[float, float]], shape: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return the part of the input that has a weight, mirrored pixels included: rows and columns from and to."""
    limits: list[int] = []
    for (least, greatest), n in zip(reversed(ranges), shape, strict=True):
        if least > n - 0.5 or greatest < -0.5:
            return 0, 0, 0, 0
        # The kernel has four taps. One pixel more on each side allows for different rounding in the compiled loops.
        first, last = math.floor(max(least, -0.5)) - 2, math.floor(min(greatest, n - 0.5)) + 3
        limits += [max(0, min(first, n - 5)), min(n, max(last, 4) + 1)]
    return limits[0], limits[1], limits[2], limits[3]
