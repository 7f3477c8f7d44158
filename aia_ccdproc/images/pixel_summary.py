"""Order statistics and moments of the pixels of an image, with numpy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["PixelSummary", "summarize"]

#: Number of pixels processed at a time; several arrays of this size fit into the cache of a core.
_CHUNK_PIXELS = 32768


@dataclass(frozen=True)
class PixelSummary:
    """Statistics of the good pixels of an image. Without a good pixel, all but ``count`` keep their defaults."""

    count: int
    """Number of good pixels."""
    minimum: float = math.nan
    """Smallest value."""
    maximum: float = math.nan
    """Largest value."""
    mean: float = math.nan
    """Mean."""
    rms: float = math.nan
    """Rms deviation from the mean."""
    skewness: float = math.nan
    """Third moment of the deviations divided by ``rms**3``; NaN if ``rms`` is 0."""
    kurtosis: float = math.nan
    """Fourth moment of the deviations divided by ``rms**4``, minus 3; NaN if ``rms`` is 0."""
    quantiles: tuple[float, ...] = ()
    """The quantiles, interpolated linearly between neighbors in the order of values."""


def summarize(data: np.ndarray, mask: np.ndarray | None, fractions: Sequence[float]) -> PixelSummary:
    """Compute the statistics of the good pixels of an image.

    Parameters
    ----------
    data : `~numpy.ndarray`
        Image of numbers, any shape.
    mask : `~numpy.ndarray` or None
        True for pixels to ignore, same shape. Pixels that are not finite are always ignored.
    fractions : sequence of float
        Fractions of the quantiles, from 0 to 1.

    Returns
    -------
    `PixelSummary`
        The statistics.
    """
    good = np.isfinite(data)
    if mask is not None:
        good &= ~mask
    count = int(np.count_nonzero(good))
    values = np.sort(data if count == data.size else data[good], axis=None)
    values = values.astype(np.result_type(values.dtype, np.float32), copy=False)
    if not count:
        return PixelSummary(0)
    mean = float(values.mean(dtype=np.float64))
    largest = max(mean - float(values[0]), float(values[-1]) - mean) or 1.0
    sums = np.zeros(3)
    for start in range(0, count, _CHUNK_PIXELS):
        deviation = (values[start : start + _CHUNK_PIXELS].astype(np.float64) - mean) / largest
        square = deviation * deviation
        sums += [float(square.sum()), float(square @ deviation), float(square @ square)]
    second, third, fourth = (float(total) / count for total in sums)
    skewness, kurtosis = (third / second**1.5, fourth / second**2 - 3) if second else (math.nan, math.nan)
    quantiles = tuple(_quantile(values, fraction) for fraction in fractions)
    return PixelSummary(
        count, float(values[0]), float(values[-1]), mean, largest * second**0.5, skewness, kurtosis, quantiles
    )


def _quantile(ordered: np.ndarray, fraction: float) -> float:
    position = fraction * (ordered.size - 1)
    below = int(position)
    above = min(below + 1, ordered.size - 1)
    return float(ordered[below]) + (position - below) * (float(ordered[above]) - float(ordered[below]))
