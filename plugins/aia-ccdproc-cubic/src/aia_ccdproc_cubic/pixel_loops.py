"""Loops over pixels: for statistics, and for the byte order of FITS.

Sums have 64 lanes: pixel ``i`` is added to lane ``i % 64``. The compiler makes vector instructions of them, and the
result does not depend on the length of the processor's vectors.

This is numba's source code, which is only imported to compile it: ``machine_code`` has the rest.
"""

from __future__ import annotations

import numpy as np
from numba import float32, float64, int16, int32, int64, uint8, uint32, uint64, uintp

from aia_ccdproc_cubic.compilation import entry_point

__all__ = [
    "add_powers",
    "add_values",
    "copy_swapped",
    "count_invalid",
    "count_lower",
    "count_upper",
    "hide_masked",
    "select",
]

_LANES, _ONE = uintp(64), uintp(1)
#: All bits of a float32 but the sign; the bits of infinity and of NaN; those of the lower half.
_ABSOLUTE, _INFINITY, _NAN, _LOWER = uint32(0x7FFFFFFF), uint32(0x7F800000), uint32(0x7FC00000), uint32(0xFFFF)
#: The second byte of a word. Shifts by bytes.
_SECOND, _8, _16, _24 = uint32(0xFF00), uint32(8), uint32(16), uint32(24)
_INFINITE = float32(np.inf)


@entry_point
def hide_masked(bits: uint32[::1], mask: uint8[::1], shown: uint32[::1]) -> None:
    """Copy pixels; replace those that are masked by NaN.

    Parameters
    ----------
    bits : `~numpy.ndarray`
        Pixels, as integers, shape ``(n,)``.
    mask : `~numpy.ndarray`
        1 for pixels that are masked, same shape.
    shown : `~numpy.ndarray`
        The copy, same shape.
    """
    for i in range(uintp(bits.size)):
        shown[i] = _NAN if mask[i] else bits[i]


@entry_point
def count_invalid(bits: uint32[::1], counts: int64[::1]) -> None:
    """Count the pixels that are not finite.

    Parameters
    ----------
    bits : `~numpy.ndarray`
        Pixels, as integers, shape ``(n,)``.
    counts : `~numpy.ndarray`
        To the first number, the number of pixels that are infinite or NaN is added; to the second one, the number of
        those that are infinite.
    """
    not_finite, infinite = int32(0), int32(0)
    for i in range(uintp(bits.size)):
        absolute = bits[i] & _ABSOLUTE
        not_finite += int32(absolute >= _INFINITY)
        infinite += int32(absolute == _INFINITY)
    counts[0] += not_finite
    counts[1] += infinite


@entry_point
def count_upper(bits: uint32[::1], bins: int32[:, ::1]) -> None:
    """Count pixels by the upper half of their bits.

    Parameters
    ----------
    bits : `~numpy.ndarray`
        Pixels, as integers, shape ``(n,)``.
    bins : `~numpy.ndarray`
        Numbers to which the pixels are added, shape ``(2, 65536)``. They are added to the two rows in turn: to increase
        one number several times in succession takes longer.
    """
    for i in range(uintp(bits.size)):
        bins[i & _ONE, bits[i] >> _16] += int32(1)


@entry_point
def select(bits: uint32[::1], slots: int16[::1], selected: uint32[::1]) -> int64:
    """Select the pixels that are in some bins.

    Parameters
    ----------
    bits : `~numpy.ndarray`
        Pixels, as integers, shape ``(n,)``.
    slots : `~numpy.ndarray`
        Slot for each upper half of the bits, -1 if its pixels are not counted.
    selected : `~numpy.ndarray`
        Array for the selected pixels, shape ``(n + 1,)`` or longer.

    Returns
    -------
    int
        Number of selected pixels.
    """
    count = uintp(0)
    for i in range(uintp(bits.size)):  # without a branch, which the processor could not predict
        selected[count] = bits[i]
        count += uintp(slots[bits[i] >> _16] >= 0)
    return int64(count)


@entry_point
def count_lower(selected: uint32[::1], slots: int16[::1], bins: int32[:, ::1]) -> None:
    """Count pixels by the lower half of their bits.

    Parameters
    ----------
    selected, slots : `~numpy.ndarray`
        Pixels that have a slot, and the slots, as of `select`.
    bins : `~numpy.ndarray`
        Numbers to which the pixels are added, shape ``(slots, 65536)``.
    """
    for i in range(uintp(selected.size)):
        bins[uintp(slots[selected[i] >> _16]), selected[i] & _LOWER] += int32(1)


@entry_point
def add_values(values: float32[::1], lanes: float64[::1]) -> None:
    """Add up the pixels that are finite.

    Parameters
    ----------
    values : `~numpy.ndarray`
        Pixels, shape ``(n,)``.
    lanes : `~numpy.ndarray`
        Lanes of the sum, shape ``(64,)``; overwritten.
    """
    for j in range(_LANES):
        lanes[j] = 0
    for start in range(uintp(0), uintp(values.size), _LANES):
        for j in range(min(_LANES, uintp(values.size) - start)):
            value = values[start + j]
            lanes[j] += float64(value) if abs(value) < _INFINITE else 0.0


@entry_point
def add_powers(values: float32[::1], center: float64, lanes: float64[:, ::1]) -> None:
    """Add up the powers of the deviations of the pixels that are finite.

    Parameters
    ----------
    values : `~numpy.ndarray`
        Pixels, shape ``(n,)``.
    center : float
        Center of the deviations.
    lanes : `~numpy.ndarray`
        Lanes of the sums of the second to fourth powers, shape ``(3, 64)``; overwritten.
    """
    for j in range(_LANES):
        lanes[0, j] = lanes[1, j] = lanes[2, j] = 0
    for start in range(uintp(0), uintp(values.size), _LANES):
        for j in range(min(_LANES, uintp(values.size) - start)):
            value = values[start + j]
            deviation = float64(value) - center if abs(value) < _INFINITE else 0.0
            square = deviation * deviation
            lanes[0, j] += square
            lanes[1, j] += square * deviation
            lanes[2, j] += square * square


@entry_point
def copy_swapped(words: uint32[::1], copied: uint32[::1]) -> uint64:
    """Copy words with their bytes in reverse order, and add them up.

    Parameters
    ----------
    words : `~numpy.ndarray`
        The words, shape ``(n,)``.
    copied : `~numpy.ndarray`
        Array for the copy, same shape.

    Returns
    -------
    int
        Sum of the words.
    """
    total = uint64(0)
    for i in range(uintp(words.size)):
        word = words[i]
        total += uint64(word)
        copied[i] = (word << _24) | ((word & _SECOND) << _8) | ((word >> _8) & _SECOND) | (word >> _24)
    return total
