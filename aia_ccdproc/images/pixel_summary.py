"""Order statistics and moments of the pixels of an image."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from aia_ccdproc.images.pixel_counts import HALF_VALUES
from aia_ccdproc.images.pixel_engine import PixelEngine

__all__ = ["PixelSummary", "summarize"]

_SIGN = HALF_VALUES // 2
#: Upper half of the bits of infinity. Those of the values that are not finite are equal or larger, apart from the sign.
_INFINITY = 0x7F80
#: Upper halves of the bits of finite values, in the order of values.
_ORDER = np.concatenate([np.arange(_SIGN + _INFINITY - 1, _SIGN - 1, -1), np.arange(_INFINITY)])


@dataclass(frozen=True)
class PixelSummary:
    """Statistics of the good pixels of an image. Without a good pixel, they have their default values."""

    not_finite: int
    """Number of pixels that are infinite or NaN, masked pixels included."""
    infinite: int
    """Number of pixels that are infinite, masked pixels included."""
    count: int = 0
    """Number of good pixels: finite and not masked."""
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


def summarize(
    data: np.ndarray, mask: np.ndarray | None, fractions: Sequence[float], engine: PixelEngine
) -> PixelSummary:
    """Compute the statistics of the good pixels of an image.

    Parameters
    ----------
    data : `~numpy.ndarray`
        Image of numbers, any shape.
    mask : `~numpy.ndarray` or None
        True for pixels to ignore, same shape. Pixels that are not finite are always ignored.
    fractions : sequence of float
        Fractions of the quantiles, from 0 to 1.
    engine : `PixelEngine`
        Loops over the pixels.

    Returns
    -------
    `PixelSummary`
        The statistics. Zeros are positive.
    """
    if mask is not None:
        mask = np.ascontiguousarray(np.broadcast_to(mask, data.shape), dtype=bool).reshape(-1)
    if np.can_cast(data.dtype, np.float32):
        return _summarize_by_counts(np.ascontiguousarray(data, np.float32).reshape(-1), mask, fractions, engine)
    return _summarize_by_sort(data.reshape(-1), mask, fractions)


def _summarize_by_counts(
    values: np.ndarray, mask: np.ndarray | None, fractions: Sequence[float], engine: PixelEngine
) -> PixelSummary:
    coarse = engine.count_coarsely(values, mask)
    counts = coarse.bins[_ORDER]
    ends = np.cumsum(counts)
    count = int(ends[-1])
    if not count:
        return PixelSummary(coarse.not_finite, coarse.infinite)
    ranks = np.unique([_neighbors(count, fraction) for fraction in (0, 1, *fractions)])
    bins = np.searchsorted(ends, ranks, side="right")
    wanted = np.unique(bins)
    slots = np.full(HALF_VALUES, -1, np.int16)
    slots[_ORDER[wanted]] = np.arange(wanted.size)
    mean = coarse.total / count
    fine = engine.count_finely(values, mask, slots, mean)
    value_at: dict[int, float] = {}
    for index, lower in zip(wanted, fine.bins, strict=True):
        here = ranks[bins == index]
        found = _values(int(_ORDER[index]), lower, here - (ends[index] - counts[index]))
        value_at |= zip(here.tolist(), found, strict=True)
    is_constant = value_at[0] == value_at[count - 1]
    shape = _Shape(0.0) if is_constant else _Shape.from_moments(fine.sums / count)
    return _complete((coarse.not_finite, coarse.infinite), value_at, count, mean, shape, fractions)


def _values(upper: int, counts: np.ndarray, ranks: np.ndarray) -> list[float]:
    """Return the values of some ranks among the pixels with the same upper half of their bits."""
    is_negative = upper >= _SIGN
    lower = np.searchsorted(np.cumsum(counts[::-1] if is_negative else counts), ranks, side="right")
    lower = HALF_VALUES - 1 - lower if is_negative else lower
    bits = (upper * HALF_VALUES + lower).astype(np.uint32)
    return [float(value) + 0.0 for value in bits.view(np.float32)]  # + 0.0 makes a negative zero positive


def _summarize_by_sort(values: np.ndarray, mask: np.ndarray | None, fractions: Sequence[float]) -> PixelSummary:
    """Compute the statistics of values that float32 cannot represent."""
    finite = np.isfinite(values)
    invalid = int(np.count_nonzero(~finite)), int(np.count_nonzero(np.isinf(values)))
    ordered = np.sort(values[finite if mask is None else finite & ~mask].astype(np.float64)) + 0.0
    if not ordered.size:
        return PixelSummary(*invalid)
    mean = float(ordered.mean())
    # Divided by the largest deviation, so that no power overflows.
    largest = max(mean - float(ordered[0]), float(ordered[-1]) - mean) or 1.0
    deviation = (ordered - mean) / largest
    is_constant = ordered[0] == ordered[-1]
    moments = np.array([(deviation**power).mean() for power in (2, 3, 4)])
    shape = _Shape(0.0) if is_constant else _Shape.from_moments(moments, largest)
    return _complete(invalid, ordered, ordered.size, mean, shape, fractions)


class _Shape(NamedTuple):
    """Shape of a distribution."""

    rms: float
    skewness: float = math.nan
    kurtosis: float = math.nan

    @classmethod
    def from_moments(cls, moments: np.ndarray, unit: float = 1.0) -> _Shape:
        """Compute the shape from the second to fourth central moments; ``unit`` is the unit of the deviations."""
        second, third, fourth = moments.tolist()
        return cls(unit * second**0.5, third / second**1.5, fourth / second**2 - 3)


def _complete(
    invalid: tuple[int, int],
    value_at: Mapping[int, float] | np.ndarray,
    count: int,
    mean: float,
    shape: _Shape,
    fractions: Sequence[float],
) -> PixelSummary:
    """Make a summary; ``value_at`` contains the values of the ranks that are needed."""
    quantiles = tuple(_quantile(value_at, count, fraction) for fraction in fractions)
    return PixelSummary(*invalid, count, float(value_at[0]), float(value_at[count - 1]), mean, *shape, quantiles)


def _neighbors(count: int, fraction: float) -> tuple[int, int]:
    """Return the ranks between which a quantile lies."""
    below = int(fraction * (count - 1))
    return below, min(below + 1, count - 1)


def _quantile(value_at: Mapping[int, float] | np.ndarray, count: int, fraction: float) -> float:
    below, above = _neighbors(count, fraction)
    low, high = float(value_at[below]), float(value_at[above])
    return low + (fraction * (count - 1) - below) * (high - low)
