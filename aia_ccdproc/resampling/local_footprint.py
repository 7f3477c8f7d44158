"""Propagation of variance and of flags through an area method whose weights differ from pixel to pixel.

On a map that is not affine, the area that an output pixel covers in the input has another size and shape in every
pixel. Its weights follow from the derivative of the map there.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeAlias

import numpy as np

from aia_ccdproc.plugin.resampling import INVALID, MASKED
from aia_ccdproc.resampling.propagation import CHUNK_WEIGHTS, flags_of_weights

__all__ = ["Derivative", "LocalFootprint", "WeightFunction", "gaussian", "hann"]

#: Derivative of the input position with respect to the output position: ``[[xx, xy], [yx, yy]]`` in every pixel.
Derivative: TypeAlias = np.ndarray
#: The weight as a function of the distance from the output pixel, in output pixels.
WeightFunction: TypeAlias = Callable[[np.ndarray, np.ndarray], np.ndarray]

#: Standard deviation of reproject's Gaussian, in output pixels.
_GAUSSIAN_SIGMA = 0.65
#: Minimum number of samples along one side of an output pixel and of an input pixel, by which their overlap is found.
_OUTPUT_SAMPLES, _INPUT_SAMPLES = 16, 4
#: An output pixel that covers more input pixels on a side than this has no variance: it is at the limb.
_MAX_REACH = 64


def hann(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the weight of reproject's Hann window.

    Parameters
    ----------
    x, y : `~numpy.ndarray`
        Distances from the output pixel, in output pixels.

    Returns
    -------
    `~numpy.ndarray`
        The weights.
    """
    return np.asarray(_hann(x) * _hann(y))


def _hann(x: np.ndarray) -> np.ndarray:
    return np.where(np.abs(x) < 1, (1 + np.cos(np.pi * x)) / 2, 0)


def gaussian(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the weight of reproject's Gaussian, which ends at a distance of two output pixels.

    Parameters
    ----------
    x, y : `~numpy.ndarray`
        Distances from the output pixel, in output pixels.

    Returns
    -------
    `~numpy.ndarray`
        The weights.
    """
    weight = np.exp(-(x * x + y * y) / (2 * _GAUSSIAN_SIGMA**2))
    return np.where((np.abs(x) <= 2) & (np.abs(y) <= 2), weight, 0)


class _Sums(NamedTuple):
    """Sums over the input pixels that have a weight in each output pixel."""

    variance: np.ndarray
    bad: np.ndarray
    invalid: np.ndarray


class LocalFootprint:
    """The input pixels that an area method uses for the output pixels of a block.

    Parameters
    ----------
    weight : callable or None
        The method's weight function; None for the overlap of the pixels' areas.
    half_width : int
        Half-width of the weight function, in output pixels or input pixels, whichever are larger.
    window : tuple of slice
        Rows and columns of the part of the input that contains all pixels within reach of the method.
    x, y : `~numpy.ndarray`
        Positions of the output pixels in the input, pixels from 0, shape ``(ny, nx)``. The result is arbitrary where
        they are NaN.
    derivative : `~numpy.ndarray`
        Derivative of these positions, shape ``(2, 2, ny, nx)``.
    """

    def __init__(
        self,
        weight: WeightFunction | None,
        half_width: int,
        window: tuple[slice, slice],
        x: np.ndarray,
        y: np.ndarray,
        derivative: Derivative,
    ) -> None:
        self.weight, self.window, self.shape = weight, window, x.shape
        self.x, self.y = x.ravel() - window[1].start, y.ravel() - window[0].start
        self.derivative = _at_least_one_pixel(derivative.reshape(2, 2, -1)) if weight else derivative.reshape(2, 2, -1)
        extent = np.abs(self.derivative).sum(axis=1).max(axis=0)
        reach = np.ceil(half_width * np.maximum(1, extent) if weight else extent / 2 + 0.5)
        self.reach = np.where(np.isfinite(reach) & np.isfinite(self.x + self.y), np.minimum(reach, _MAX_REACH + 1), 0)

    def propagate(
        self, variance: np.ndarray | None, flags: np.ndarray | None
    ) -> tuple[np.ndarray | None, np.ndarray | int]:
        """Propagate the variance of independent input pixels, and the flags.

        Parameters
        ----------
        variance, flags : `~numpy.ndarray` or None
            Planes of the input.

        Returns
        -------
        tuple of `~numpy.ndarray`
            Variance and flags of the output pixels. The variance is NaN where the output pixel covers so many input
            pixels that it is at the limb.
        """
        planes = [None if plane is None else plane[self.window] for plane in (variance, flags)]
        sums = _Sums(*np.full((3, self.x.size), np.nan, dtype=np.float32))
        for reach in np.unique(self.reach[(self.reach > 0) & (self.reach <= _MAX_REACH)]).astype(int):
            pixels = np.flatnonzero(self.reach == reach)
            for chunk in np.array_split(pixels, pixels.size * (2 * reach + 1) ** 2 // CHUNK_WEIGHTS + 1):
                for total, values in zip(sums, self._sums(chunk, reach, *planes), strict=True):
                    total[chunk] = values
        flagged = flags_of_weights(sums.bad, sums.invalid).reshape(self.shape)
        return None if variance is None else sums.variance.reshape(self.shape), flagged

    def _sums(self, chunk: np.ndarray, reach: int, variance: np.ndarray | None, flags: np.ndarray | None) -> _Sums:
        rows, columns = (limits.stop - limits.start for limits in self.window)
        left, bottom = (np.rint(position[chunk]).astype(np.intp) for position in (self.x, self.y))
        total, squares, bad, invalid = np.zeros((4, chunk.size))
        for row, column, weight in self._weights(chunk, reach, left, bottom):
            y, x = bottom + row, left + column
            weight = np.where((y >= 0) & (y < rows) & (x >= 0) & (x < columns), weight, 0)
            pixel = np.clip(y, 0, rows - 1), np.clip(x, 0, columns - 1)
            total += weight
            if variance is not None:
                squares += weight * weight * variance[pixel]
            if flags is not None:
                bad += weight * (flags[pixel] >= MASKED)
                invalid += weight * (flags[pixel] >= INVALID)
        with np.errstate(invalid="ignore", divide="ignore"):
            return _Sums(squares / total**2, bad / total, invalid / total)

    def _weights(
        self, chunk: np.ndarray, reach: int, left: np.ndarray, bottom: np.ndarray
    ) -> Iterator[tuple[int, int, np.ndarray]]:
        """Yield row, column and weight of the input pixels around the one at ``bottom``, ``left``."""
        steps = range(-reach, reach + 1)
        derivative = self.derivative[..., chunk]
        x, y = self.x[chunk] - left, self.y[chunk] - bottom
        if self.weight is None:
            overlaps = _overlaps(x, y, derivative, reach)
            for (i, row), (j, column) in itertools.product(enumerate(steps), repeat=2):
                yield row, column, overlaps[i, j]
            return
        (xx, xy), (yx, yy) = derivative
        determinant = xx * yy - xy * yx
        for row, column in itertools.product(steps, repeat=2):
            dx, dy = column - x, row - y
            yield row, column, self.weight((yy * dx - xy * dy) / determinant, (xx * dy - yx * dx) / determinant)


def _at_least_one_pixel(derivative: Derivative) -> Derivative:
    """Enlarge the area of each output pixel to at least one input pixel in every direction, as reproject does."""
    usable = np.isfinite(derivative).all(axis=(0, 1))
    left, scales, right = np.linalg.svd(np.where(usable, derivative, 1).transpose(2, 0, 1))
    enlarged = (left * np.maximum(scales, 1)[:, None, :]) @ right
    return np.where(usable, enlarged.transpose(1, 2, 0), np.nan)


def _overlaps(x: np.ndarray, y: np.ndarray, derivative: Derivative, reach: int) -> np.ndarray:
    """Count the samples of an output pixel in each input pixel, shape ``(rows, columns, output pixels)``."""
    samples = max(_OUTPUT_SAMPLES, math.ceil(_INPUT_SAMPLES * 2 * reach))
    offsets = (np.arange(samples) + 0.5) / samples - 0.5
    side = 2 * reach + 1
    counts = np.zeros(side * side * x.size)
    index = np.arange(x.size)
    (xx, xy), (yx, yy) = derivative
    for dy in offsets:
        column = np.rint(x + xx * offsets[:, None] + xy * dy).astype(np.intp) + reach
        row = np.rint(y + yx * offsets[:, None] + yy * dy).astype(np.intp) + reach
        inside = (column >= 0) & (column < side) & (row >= 0) & (row < side)
        cell = ((row * side + column) * x.size + index)[inside]
        counts += np.bincount(cell, minlength=counts.size)
    return counts.reshape(side, side, x.size)
