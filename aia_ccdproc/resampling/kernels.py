"""Kernels: the weights that a method gives to the input pixels about a position.

reproject does not tell its weights. They are read off the response of each method to an impulse, so that they are
right for every method.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

import numpy as np
from astropy.wcs import WCS
from scipy import ndimage

__all__ = ["AreaKernel", "Kernel", "SplineKernel", "Tap"]

#: Pixels on each side of a position, by the degree of the spline: beyond them a weight is below 0.003.
_SPLINE_REACH = {0: 1, 1: 1, 2: 3, 3: 4}
#: Steps of the spline's table within a pixel: odd, for half a pixel is where the nearest pixel changes.
_SPLINE_STEPS = 1023
#: Pixels of the line on which a spline is measured; at its middle nothing is left of its ends.
_LINE = 32
#: Steps of the table of an area's weights within an output pixel: measured, and those interpolated to by a spline.
#: The standard deviation of a result is then right within 2 % if that of its input jumps thirtyfold between pixels.
_MEASURED, _AREA_STEPS = 8, 64

#: Resamples ``(plane, input_wcs)`` onto ``output_wcs``, as reproject's functions do.
Reproject = Callable[..., np.ndarray]


class Tap(NamedTuple):
    """An input pixel's share in output pixels."""

    down: int
    """Rows from the pixel left of and below the position."""
    along: int
    """Columns from it."""
    weight: np.ndarray
    """Weights in all output pixels."""


class Kernel(Protocol):
    """The weights of a method."""

    #: Rows and columns of the input.
    shape: tuple[int, int]
    #: Input pixels on each side of a position that have a weight.
    reach: int
    #: How far beyond the middle of the outermost pixels a position may lie; what lies farther is taken to lie there.
    overhang: float

    def taps(self, x: np.ndarray, y: np.ndarray) -> Iterator[Tap]:
        """Give the weights of every input pixel about the positions; 0 for those outside the image.

        Parameters
        ----------
        x, y : `~numpy.ndarray`
            Positions in the image, pixels from 0.

        Yields
        ------
        `Tap`
            A pixel and its weights.
        """


class SplineKernel(Kernel):
    """The kernel of an interpolating spline: a product of one along x and one along y.

    Parameters
    ----------
    degree : int
        Degree of the spline, 0 to 3.
    shape : tuple of int
        Rows and columns of the input. At its edges the spline is that of the mirrored image.
    """

    overhang = 0.0  # reproject takes the outer half of the outermost pixels to lie at their middle

    def __init__(self, degree: int, shape: tuple[int, int]) -> None:
        self.shape, self.reach = shape, _SPLINE_REACH[degree]
        self.tables = [_spline_table(degree, min(size, _LINE)) for size in shape]

    def taps(self, x: np.ndarray, y: np.ndarray) -> Iterator[Tap]:
        columns = list(self._along(1, x))
        for down, row in self._along(0, y):
            for along, column in columns:
                yield Tap(down, along, row * column)

    def _along(self, axis: int, position: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
        base = np.floor(position)
        step = np.rint((position - base) * _SPLINE_STEPS)
        # The same pixel of the line: as far from the nearer end, or in the middle.
        base -= np.clip(base - _LINE // 2, 0, max(self.shape[axis] - _LINE, 0))
        entry = (base * (_SPLINE_STEPS + 1) + step).astype(np.intp)
        for number, weights in enumerate(self.tables[axis]):
            yield number + 1 - self.reach, weights.take(entry)


@functools.cache
def _spline_table(degree: int, size: int) -> np.ndarray:
    """Tabulate weights along a line, shape (taps, pixels of the line times steps within a pixel)."""
    reach = _SPLINE_REACH[degree]
    phases = np.linspace(0, 1, _SPLINE_STEPS + 1)
    positions = np.minimum(np.arange(size)[:, None] + phases, size - 1).ravel()
    # At whole pixels a spline is what it interpolates, so that each column of the identity is an impulse by itself.
    grid = np.meshgrid(positions, np.arange(size, dtype=float), indexing="ij")
    weights = ndimage.map_coordinates(np.eye(size), grid, order=degree).reshape(size, phases.size, size)
    weights = np.pad(weights, [(0, 0), (0, 0), (reach - 1, reach)])
    taps = [[weights[pixel, :, pixel + tap] for pixel in range(size)] for tap in range(2 * reach)]
    return np.array(taps, dtype=np.float32).reshape(2 * reach, -1)


class AreaKernel(Kernel):
    """The kernel of a method that weights the input pixels within an area.

    Parameters
    ----------
    reproject : callable
        The method.
    width : int
        Half-width of its kernel, in output pixels or input pixels, whichever are larger.
    matrix : `~numpy.ndarray`
        Input position derived by output position, shape ``(2, 2)``.
    shape : tuple of int
        Rows and columns of the input. At its edges the weights of those within make 1.
    """

    overhang = 0.5

    def __init__(self, reproject: Reproject, width: int, matrix: np.ndarray, shape: tuple[int, int]) -> None:
        extent = np.abs(matrix).sum(axis=1).max()
        self.reach = max(1, math.ceil(width * max(1, extent) - 0.01))
        self.shape, self.inverse = shape, np.linalg.inv(matrix)
        shrink = np.abs(self.inverse).sum(axis=1).max()
        self.table = _area_table(reproject, math.ceil(width * max(1, shrink)), tuple(np.round(matrix, 3).ravel()))

    def taps(self, x: np.ndarray, y: np.ndarray) -> Iterator[Tap]:
        left, bottom = np.floor(x), np.floor(y)
        steps = range(1 - self.reach, self.reach + 1)
        taps = []
        for down, along in itertools.product(steps, steps):
            inside = (left >= -along) & (left < self.shape[1] - along)
            inside &= (bottom >= -down) & (bottom < self.shape[0] - down)
            weight = self._weights(x - left - along, y - bottom - down)
            taps.append(Tap(down, along, np.where(inside, weight, np.float32(0))))
        total = np.sum([tap.weight for tap in taps], axis=0)
        for tap in taps:
            yield tap._replace(weight=tap.weight / total)

    def _weights(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Look up the weights of pixels from which the positions are so far."""
        (xx, xy), (yx, yy) = self.inverse
        middle = len(self.table) // 2
        column = (x * xx + y * xy) * _AREA_STEPS + middle
        row = (x * yx + y * yy) * _AREA_STEPS + middle
        return ndimage.map_coordinates(self.table, [row, column], order=1)


@functools.lru_cache(maxsize=32)
def _area_table(reproject: Reproject, width: int, matrix: tuple[float, ...]) -> np.ndarray:
    """Tabulate the weight of an input pixel over the place of an output pixel, in output pixels from it.

    Each call gives the response on a lattice of output pixels; together they make a finer one.
    """
    size = 2 * (width + 2) + 1
    # The input is larger, for a method may normalize by what there is of it.
    side = 2 * math.ceil((width + 3) * np.abs(np.reshape(matrix, (2, 2))).sum(axis=1).max()) + 1
    impulse = np.zeros((side, side))
    impulse[side // 2, side // 2] = 1
    source, target = WCS(naxis=2), WCS(naxis=2)
    for wcs in (source, target):
        wcs.wcs.ctype, wcs.wcs.cunit = ["RA---TAN", "DEC--TAN"], ["deg", "deg"]
        wcs.wcs.cdelt = [1e-4, 1e-4]
    source.wcs.crpix = [side // 2 + 1] * 2
    target.wcs.pc = np.reshape(matrix, (2, 2))
    table = np.zeros((size, _MEASURED, size, _MEASURED))
    for row, column in itertools.product(range(_MEASURED), repeat=2):
        target.wcs.crpix = [size // 2 + 1 - column / _MEASURED, size // 2 + 1 - row / _MEASURED]
        response = reproject((impulse, source), target, shape_out=(size, size), return_footprint=False)
        table[:, row, :, column] = np.nan_to_num(response)
    # From the middle of one pixel to that of the other end: a whole number of pixels, the impulse in the middle.
    lattice = table.reshape(size * _MEASURED, -1)[: 1 - _MEASURED, : 1 - _MEASURED]
    finer = (len(lattice) - 1) * (_AREA_STEPS // _MEASURED) + 1
    return np.asarray(ndimage.zoom(lattice, finer / len(lattice), order=3), dtype=np.float32)
