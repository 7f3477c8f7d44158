"""The loops over pixels from which the statistics of an image are computed, with numpy.

An image is not sorted. A first loop counts the pixels by the upper half of the bits of their float32 values. These
65536 bins have the order of the values. Then it is known which bins contain the wanted ranks. A second loop counts the
pixels of these bins by the lower half of the bits, which gives the wanted values exactly. Unlike that of a sort, the
cost of a loop depends little on the vector instructions of the processor.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np

__all__ = ["HALF_VALUES", "CoarseCounts", "FineCounts", "count_coarsely", "count_finely"]

#: Number of values that half of the bits of a float32 can have.
HALF_VALUES = 2**16
#: Pixels processed at a time; the arrays that a loop needs fit into the cache of a core.
_CHUNK_PIXELS = 2**16
#: Where the upper and the lower half of the bits of a float32 are in memory.
_UPPER, _LOWER = (1, 0) if sys.byteorder == "little" else (0, 1)


@dataclass(frozen=True)
class CoarseCounts:
    """Numbers of pixels, and their sum."""

    bins: np.ndarray
    """Number of pixels for each upper half of the bits of a float32, integers, shape ``(65536,)``.

    Masked pixels are not counted. In the bins of values that are not finite, the numbers do not matter.
    """
    total: float
    """Sum of the pixels that are finite and not masked, in float64."""
    not_finite: int
    """Number of pixels that are infinite or NaN, masked pixels included."""
    infinite: int
    """Number of pixels that are infinite, masked pixels included."""


@dataclass(frozen=True)
class FineCounts:
    """Numbers of pixels in some bins of `CoarseCounts`, and moments of all pixels."""

    bins: np.ndarray
    """Number of pixels for each slot and each lower half of the bits of a float32, integers, shape ``(n, 65536)``."""
    sums: np.ndarray
    """Sums of the second to fourth powers of pixel minus center, over the pixels that are finite and not masked;
    float64, shape ``(3,)``."""


def count_coarsely(values: np.ndarray, mask: np.ndarray | None) -> CoarseCounts:
    """Count pixels by the upper half of their bits, and add them up.

    Parameters
    ----------
    values : `~numpy.ndarray`
        Pixels, float32, C-contiguous, shape ``(n,)``.
    mask : `~numpy.ndarray` or None
        True for pixels to ignore, bool, same shape.

    Returns
    -------
    `CoarseCounts`
        The numbers and the sum.
    """
    bins, upper = np.zeros(HALF_VALUES, np.int64), np.empty(_CHUNK_PIXELS, np.int64)
    total, not_finite, infinite = 0.0, 0, 0
    for start in range(0, values.size, _CHUNK_PIXELS):
        chunk = values[start : start + _CHUNK_PIXELS]
        if not _is_finite(chunk):
            not_finite += chunk.size - int(np.count_nonzero(np.isfinite(chunk)))
            infinite += int(np.count_nonzero(np.isinf(chunk)))
        chunk = _good(chunk, None if mask is None else mask[start : start + _CHUNK_PIXELS])
        np.copyto(upper[: chunk.size], _halves(chunk, _UPPER))
        bins += np.bincount(upper[: chunk.size], minlength=HALF_VALUES)
        total += float(chunk.sum(dtype=np.float64))
    return CoarseCounts(bins, total, not_finite, infinite)


def count_finely(values: np.ndarray, mask: np.ndarray | None, slots: np.ndarray, center: float) -> FineCounts:
    """Count the pixels of some bins by the lower half of their bits, and add up the moments of all pixels.

    Parameters
    ----------
    values, mask : `~numpy.ndarray` or None
        As in `count_coarsely`.
    slots : `~numpy.ndarray`
        For each upper half of the bits, the slot in which its pixels are counted; -1 if they are not. int16, shape
        ``(65536,)``. The slots are numbered from 0 without gaps.
    center : float
        Center of the moments.

    Returns
    -------
    `FineCounts`
        The numbers and the moments.
    """
    bins, is_wanted = np.zeros((int(slots.max()) + 1) * HALF_VALUES, np.int64), slots >= 0
    first_bins = slots.astype(np.int64) * HALF_VALUES
    upper = np.empty(_CHUNK_PIXELS, np.int64)
    sums = np.zeros(3)
    for start in range(0, values.size, _CHUNK_PIXELS):
        chunk = values[start : start + _CHUNK_PIXELS]
        chunk = _good(chunk, None if mask is None else mask[start : start + _CHUNK_PIXELS])
        np.copyto(upper[: chunk.size], _halves(chunk, _UPPER))
        inside = np.flatnonzero(is_wanted.take(upper[: chunk.size]))
        np.add.at(bins, first_bins[upper[inside]] + _halves(chunk, _LOWER)[inside], 1)
        deviation = chunk - np.float64(center)
        square = deviation * deviation
        # Not a product of BLAS, which starts threads for arrays of this size.
        sums += [square.sum(), np.einsum("i,i->", square, deviation), np.einsum("i,i->", square, square)]
    return FineCounts(bins.reshape(-1, HALF_VALUES), sums)


def _is_finite(chunk: np.ndarray) -> bool:
    """Tell whether pixels are surely finite: their sum is."""
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(chunk.sum()))


def _good(chunk: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    """Return the pixels that are finite and not masked."""
    if mask is not None and mask.any():
        chunk = chunk[~mask]
    return chunk if _is_finite(chunk) else chunk[np.isfinite(chunk)]


def _halves(chunk: np.ndarray, half: int) -> np.ndarray:
    """Return the upper or the lower halves of the bits of pixels."""
    return chunk.view(np.uint16)[half::2]
