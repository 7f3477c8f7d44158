"""The engine: an image in blocks of output pixels, each given to the compiled loops on one of several threads."""

from __future__ import annotations

import itertools
import math
import pickle
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from astropy.wcs import WCS
from astropy.wcs.utils import pixel_to_pixel

from aia_ccdproc.plugin import TOUCHING_WEIGHT, Resampled, thread_count
from aia_ccdproc_cubic.kernels import Kernel
from aia_ccdproc_cubic.loops import CELL, coefficients, resample_block, without_cache

__all__ = ["resample"]

#: Output pixels that are resampled in one go, rows and columns: with their window of the input they fit a core's cache.
_BLOCK = (128, 1024)
#: Positions and coefficients of the map that are this close to a whole number are one: rounding, no shift.
_ON_LATTICE = 1e-9


def resample(
    data: np.ndarray,
    variance: np.ndarray | None,
    flags: np.ndarray | None,
    input_wcs: WCS,
    output_wcs: WCS,
    output_shape: tuple[int, int],
    kernel: Kernel,
    *,
    threads: int | None = None,
) -> Resampled:
    """Resample the planes of an image by a cubic kernel.

    Parameters
    ----------
    data, variance, flags : `~numpy.ndarray` or None
        Planes of the image, as in the hook `~aia_ccdproc.plugin.hookspecs.prep_resample`.
    input_wcs, output_wcs : `~astropy.wcs.WCS`
        Where the pixels lie and where they shall lie, as in the hook.
    output_shape : tuple of int
        Rows and columns of the target.
    kernel : `Kernel`
        The kernel.
    threads : int, optional
        How many blocks are resampled at a time; by default as many as there are cores for this process. The
        result does not depend on it.

    Returns
    -------
    `~aia_ccdproc.plugin.resampling.Resampled`
        The planes on the target's grid. The variance is exact: sum(w**2 * variance), with all the weights that a
        pixel has. Flagged pixels touch those in which they have more than TOUCHING_WEIGHT.

    Notes
    -----
    Beyond the centres of its outermost pixels the image is continued as mirrored there, so that weights
    always sum to one. Positions more than half a pixel beyond them are not covered.
    """
    task = _Task((data, variance, flags), (output_wcs, input_wcs), output_shape, kernel)
    corners = itertools.product(*(range(0, n, step) for n, step in zip(output_shape, _BLOCK, strict=True)))
    with warnings.catch_warnings(), ThreadPoolExecutor(threads or thread_count()) as pool:
        # sunpy's, of positions off the disk as another observer sees them: they are not covered.
        warnings.filterwarnings("ignore", "The conversion of these 2D helioprojective")
        first = next(corners, None)
        if first is not None:
            _with_or_without_cache(task.resample_block, first)
        list(pool.map(task.resample_block, corners))
    return task.resampled


def _with_or_without_cache(function: Callable[[Any], None], corner: tuple[int, ...]) -> None:
    """Call what may be compiled now, and kept on disk, or read from there."""
    try:
        function(corner)
    except (OSError, EOFError, pickle.UnpicklingError):  # a cache that was cut off, or a disk that is full
        without_cache()
        function(corner)


class _Task:
    """One image on its way from one grid to another."""

    def __init__(
        self,
        planes: tuple[np.ndarray, np.ndarray | None, np.ndarray | None],
        wcs_pair: tuple[WCS, WCS],
        shape: tuple[int, int],
        kernel: Kernel,
    ) -> None:
        nothing, variance = np.empty((0, 0), dtype=np.float32), planes[1]
        types = (np.float32, np.float32, np.uint8)
        given = [nothing if plane is None else plane for plane in planes]
        # For arrays that are read-only, numba would compile everything once more.
        self._data, *noise = (np.require(plane, kind, ["C", "W"]) for plane, kind in zip(given, types, strict=True))
        self._planes = (*(plane.reshape(-1) for plane in noise), _worst_by_cell(noise[1]))
        self._wcs_pair = wcs_pair
        self._affine = nothing.astype(float) if wcs_pair[1].has_celestial else _affine(*wcs_pair, shape)
        self._pole, self._tail = np.float32(kernel.pole), kernel.response.size - 1
        self._kernel = (kernel.basis, kernel.response, kernel.spread, np.float32(TOUCHING_WEIGHT))
        self._shape = shape
        self.resampled = Resampled(
            np.empty(shape, dtype=np.float32),
            None if variance is None else np.zeros(shape, dtype=np.float32),
            np.zeros(shape, dtype=np.uint8),
            "" if variance is None else "sum(w**2 var)",
        )
        made = [nothing if plane is None else plane for plane in self.resampled[:3]]
        self._out = (*(plane.reshape(-1) for plane in made), shape[1])

    def resample_block(self, corner: tuple[int, int]) -> None:
        """Resample the block that starts at a row and column."""
        size = (min(_BLOCK[0], self._shape[0] - corner[0]), min(_BLOCK[1], self._shape[1] - corner[1]))
        x, y = self._positions(corner, size)
        source = self._source(x, y)
        if self._affine.size:
            x = y = self._affine[:0]
        shape = self._data.shape
        resample_block(self._planes, self._out, source, x, y, self._affine, corner, size, shape, self._kernel)

    def _positions(self, corner: tuple[int, int], size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        """Give the positions of a block's pixels; where the map is affine, those of its corners do."""
        (row, column), (rows, columns) = corner, size
        if self._affine.size:
            y, x = np.meshgrid([row, row + rows - 1], [column, column + columns - 1], indexing="ij")
            return tuple(line[0] * x + line[1] * y + line[2] for line in self._affine)
        y, x = np.mgrid[row : row + rows, column : column + columns].astype(float)
        # A WCS is not safe to be used by two threads at once. The loops are compiled for one layout in memory.
        x, y = pixel_to_pixel(*(wcs.deepcopy() for wcs in self._wcs_pair), x, y)
        return np.ascontiguousarray(x), np.ascontiguousarray(y)

    def _source(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, int, int, int]:
        """Give what the polynomials weight, flat, the pixel of the input at which it starts, and its width."""
        rows, columns = (_window(position, n) for position, n in zip((y, x), self._data.shape, strict=True))
        if not self._pole or rows is None or columns is None:
            return self._data.reshape(-1), 0, 0, self._data.shape[1]
        filtered = coefficients(self._data, rows, columns, self._pole, self._tail)
        return filtered.reshape(-1), rows[0], columns[0], filtered.shape[1]


def _worst_by_cell(flags: np.ndarray) -> np.ndarray:
    """Find the worst flag in each square of `CELL` pixels a side."""
    for axis, n in enumerate(flags.shape):
        flags = np.maximum.reduceat(flags, np.arange(0, n, CELL), axis=axis) if n else flags
    return flags


def _window(position: np.ndarray, n: int) -> tuple[int, int] | None:
    """Find the pixels along an axis that the polynomials weight, those that are mirrored at an edge among them."""
    reached = np.clip(position[np.isfinite(position)], -0.5, n - 0.5)
    if not reached.size:
        return None
    # Four taps, and one pixel more on each side, for rounding may differ.
    first, last = math.floor(reached.min()) - 2, math.floor(reached.max()) + 3
    return max(0, min(first, n - 5)), min(n, max(last, 4) + 1)


def _affine(output_wcs: WCS, input_wcs: WCS, shape: tuple[int, int]) -> np.ndarray:
    """Describe the map between the pixels of two linear WCSs: ``x, y`` from ``column, row, 1``."""
    far = max(shape)
    x, y = pixel_to_pixel(output_wcs, input_wcs, np.array([far, 0.0, 0.0]), np.array([0.0, far, 0.0]))
    affine = np.array([[(line[0] - line[2]) / far, (line[1] - line[2]) / far, line[2]] for line in (x, y)])
    whole = np.rint(affine)
    close = np.abs(affine - whole) < _ON_LATTICE / np.array([far, far, 1])
    return np.where(close, whole, affine)
