"""Compiled loops that count pixels by the halves of their bits, and add up their powers.

Sums have 64 lanes: pixel ``i`` is added to lane ``i % 64``. The compiler makes vector instructions of them, and the
result does not depend on the length of the processor's vectors.

All loops are in one file, because numba reuses a cached function as long as the file that contains it is unchanged.
"""

from __future__ import annotations

import numpy as np
from numba import uintp

from aia_ccdproc_cubic.compiling import cached_njit

__all__ = [
    "HALF_VALUES",
    "LANES",
    "add_powers",
    "add_values",
    "count_invalid",
    "count_lower",
    "count_upper",
    "hide_masked",
]

#: Number of values that half of the bits of a float32 can have.
HALF_VALUES = 2**16
#: Lanes of a sum.
LANES = 64
#: All bits of a float32 but the sign; the bits of infinity and of NaN.
_ABSOLUTE, _INFINITY = np.uint32(0x7FFFFFFF), np.uint32(0x7F800000)
_NAN = np.uint32(0x7FC00000)
_HALF, _LOWER_HALF = np.uint32(16), np.uint32(0xFFFF)


@cached_njit
def hide_masked(bits, mask, shown):
    """Copy pixels; replace those that are masked by NaN.

    Parameters
    ----------
    bits : `~numpy.ndarray`
        Pixels, as uint32, shape ``(n,)``.
    mask : `~numpy.ndarray`
        1 for pixels that are masked, uint8, same shape.
    shown : `~numpy.ndarray`
        The copy, uint32, same shape.
    """
    for i in range(uintp(bits.size)):
        shown[i] = _NAN if mask[i] else bits[i]


@cached_njit
def count_invalid(bits, counts):
    """Count the pixels that are not finite.

    Parameters
    ----------
    bits : `~numpy.ndarray`
        Pixels, as uint32, shape ``(n,)``.
    counts : `~numpy.ndarray`
        To the first number, the number of pixels that are infinite or NaN is added; to the second one, the number of
        those that are infinite; int64.
    """
    not_finite, infinite = np.int32(0), np.int32(0)
    for i in range(uintp(bits.size)):
        absolute = bits[i] & _ABSOLUTE
        not_finite += np.int32(absolute >= _INFINITY)
        infinite += np.int32(absolute == _INFINITY)
    counts[0] += not_finite
    counts[1] += infinite


@cached_njit
def count_upper(bits, bins):
    """Count pixels by the upper half of their bits.

    Parameters
    ----------
    bits : `~numpy.ndarray`
        Pixels, as uint32, shape ``(n,)``.
    bins : `~numpy.ndarray`
        Numbers to which the pixels are added, int32, shape ``(2, 65536)``. They are added to the two rows in turn: to
        increase one number several times in succession takes longer.
    """
    for i in range(uintp(bits.size)):
        bins[i & uintp(1), bits[i] >> _HALF] += np.int32(1)


@cached_njit
def select(bits, slots, selected):
    """Select the pixels that are in some bins.

    Parameters
    ----------
    bits : `~numpy.ndarray`
        Pixels, as uint32, shape ``(n,)``.
    slots : `~numpy.ndarray`
        Slot for each upper half of the bits, -1 if its pixels are not counted; int16.
    selected : `~numpy.ndarray`
        Array for the selected pixels, uint32, shape ``(n + 1,)`` or longer.

    Returns
    -------
    int
        Number of selected pixels.
    """
    count = uintp(0)
    for i in range(uintp(bits.size)):  # without a branch, which the processor could not predict
        selected[count] = bits[i]
        count += uintp(slots[bits[i] >> _HALF] >= 0)
    return count


@cached_njit
def count_lower(selected, slots, bins):
    """Count pixels by the lower half of their bits.

    Parameters
    ----------
    selected, slots : `~numpy.ndarray`
        Pixels that have a slot, and the slots, as of `select`.
    bins : `~numpy.ndarray`
        Numbers to which the pixels are added, int32, shape ``(slots, 65536)``.
    """
    for i in range(uintp(selected.size)):
        bins[slots[selected[i] >> _HALF], selected[i] & _LOWER_HALF] += np.int32(1)


@cached_njit
def add_values(bits, lanes):
    """Add up the pixels that are finite.

    Parameters
    ----------
    bits : `~numpy.ndarray`
        Pixels, as uint32, shape ``(n,)``.
    lanes : `~numpy.ndarray`
        Lanes of the sum, float64, shape ``(64,)``; overwritten.
    """
    lanes[:] = 0
    values = bits.view(np.float32)
    for start in range(uintp(0), uintp(bits.size), uintp(LANES)):
        for j in range(min(uintp(LANES), uintp(bits.size) - start)):
            value = np.float64(values[start + j])
            lanes[j] += value if bits[start + j] & _ABSOLUTE < _INFINITY else 0.0


@cached_njit
def add_powers(bits, center, lanes):
    """Add up the powers of the deviations of the pixels that are finite.

    Parameters
    ----------
    bits : `~numpy.ndarray`
        Pixels, as uint32, shape ``(n,)``.
    center : float
        Center of the deviations.
    lanes : `~numpy.ndarray`
        Lanes of the sums of the second to fourth powers, float64, shape ``(3, 64)``; overwritten.
    """
    lanes[:] = 0
    values = bits.view(np.float32)
    for start in range(uintp(0), uintp(bits.size), uintp(LANES)):
        for j in range(min(uintp(LANES), uintp(bits.size) - start)):
            deviation = np.float64(values[start + j]) - center
            deviation = deviation if bits[start + j] & _ABSOLUTE < _INFINITY else 0.0
            square = deviation * deviation
            lanes[0, j] += square
            lanes[1, j] += square * deviation
            lanes[2, j] += square * square
