"""Noise of rows of pixels, from medians of the absolute differences between neighbors.

A median is found without a sort: by counting how many differences are below a limit, until few are left. A count is a
vector loop, and takes a fraction of a processor cycle for each pixel.
"""

from __future__ import annotations

from numba import float32, int32, int64

from aia_ccdproc_cubic.compilation import entry_point, loop

__all__ = ["measure_rows"]

#: Length of the shortest row whose noise is measured: that of a difference of order five between every other pixel.
_MIN_PIXELS = 9
_INFINITY = int32(0x7F800000)
_ABSOLUTE = int32(0x7FFFFFFF)
#: Differences among which the median is searched by sorting them.
_FEW = 64
#: Distance of the first limits from the median of the previous row: 3 %, in units of the last bit.
_FIRST_STEP = 2**18
#: The next limits should have this number of differences between them and the median.
_MARGIN = 12
#: Number of limits after which the interval is halved, so that the search ends for every distribution.
_MAX_INTERPOLATIONS = 12


@loop
def _count_below(values, n, limit):
    count = int32(0)
    for i in range(n):
        count = int32(count + (values[i] < limit))
    return int64(count)


@loop
def _sort_between(values, n, low, high, sorted_values):
    """Sort the values from ``low`` to below ``high``."""
    count = 0
    for i in range(n):
        sorted_values[count] = values[i]
        count += (values[i] >= low) & (values[i] < high)
    for i in range(1, count):
        value, k = sorted_values[i], i
        while k > 0 and sorted_values[k - 1] > value:
            sorted_values[k] = sorted_values[k - 1]
            k -= 1
        sorted_values[k] = value


@loop
def _select(values, n, guess, buffer):
    """Return the lower median of values that are not negative. ``guess`` is a first guess."""
    rank = (n - 1) // 2
    low, high, below, up_to, step = int64(0), int64(_INFINITY), int64(0), int64(n), 0
    while up_to - below > _FEW and high - low > 1:
        if step < 2:
            limit = guess + (_FIRST_STEP if step else -_FIRST_STEP)
        elif step < _MAX_INTERPOLATIONS:
            wanted = rank - below + (_MARGIN if step % 2 else -_MARGIN)
            limit = low + int64((high - low) * (wanted / (up_to - below)))
        else:
            limit = low + (high - low) // 2
        limit = min(max(limit, low + 1), high - 1)
        count = _count_below(values, n, int32(limit))
        if count <= rank:
            low, below = limit, count
        else:
            high, up_to = limit, count
        step += 1
    if high - low == 1:
        return low
    _sort_between(values, n, int32(low), int32(high), buffer)
    return int64(buffer[rank - below])


@loop
def _find_range(bits, n):
    """Return the smallest and the largest pixel that is not NaN, as integers in the same order; 0, 0 if all are NaN."""
    low, high = _ABSOLUTE, int32(-_ABSOLUTE)
    for i in range(n):
        ordered = int32(bits[i] ^ int32(int32(bits[i] >> int32(31)) & _ABSOLUTE))
        is_nan = int32(bits[i] & _ABSOLUTE) > _INFINITY
        low = min(low, _ABSOLUTE if is_nan else ordered)
        high = max(high, int32(-_ABSOLUTE) if is_nan else ordered)
    return (low, high) if low <= high else (int32(0), int32(0))


@loop
def _fill(bits, n, value, filled):
    """Copy pixels, and replace those that are NaN."""
    for i in range(n):
        filled[i] = value if int32(bits[i] & _ABSOLUTE) > _INFINITY else bits[i]


@loop
def _has_runs(pixels, n):
    """Check whether three neighbors are equal somewhere."""
    found = int32(0)
    for i in range(n - 2):
        found |= int32(pixels[i] == pixels[i + 1]) & int32(pixels[i + 1] == pixels[i + 2])
    return found != 0


@loop
def _write_differences(pixels, n, has_runs, second, third, fifth):
    """Compute the absolute differences of pixels that are not in a run of five equal ones. Return their number.

    Six times a pixel is a sum, so that it makes no difference whether the processor rounds after a multiplication.
    """
    count = 0
    for i in range(n - _MIN_PIXELS + 1):
        a, b, c, d, e = pixels[i], pixels[i + 2], pixels[i + 4], pixels[i + 6], pixels[i + 8]
        second[count] = abs(c - d)
        third[count] = abs(float32(2) * c - b - d)
        fifth[count] = abs((float32(4) * c + float32(2) * c) - float32(4) * b - float32(4) * d + a + e)
        if has_runs:
            count += not (b == pixels[i + 3] and b == c and c == pixels[i + 5] and c == d)
        else:
            count += 1
    return count


@entry_point
def measure_rows(
    bits: int32[:, ::1],
    filled: float32[::1],
    filled_bits: int32[::1],
    differences: float32[:, ::1],
    difference_bits: int32[:, ::1],
    buffer: int32[::1],
    ranges: int32[:, ::1],
    medians: int32[:, ::1],
) -> None:
    """Measure the range and the noise of rows.

    Floating-point numbers that are not negative have the same order as their bits. The loops compare bits.

    Parameters
    ----------
    bits : `~numpy.ndarray`
        Bits of the pixels, float32, shape ``(rows, n)``.
    filled, filled_bits : `~numpy.ndarray`
        Buffer of shape ``(n,)`` as float32, and its bits.
    differences, difference_bits : `~numpy.ndarray`
        Buffer of shape ``(3, n)`` as float32, and its bits.
    buffer : `~numpy.ndarray`
        Buffer of 65 numbers.
    ranges : `~numpy.ndarray`
        Output: bits of the smallest and the largest pixel, shape ``(rows, 2)``.
    medians : `~numpy.ndarray`
        Output: bits of the median absolute differences of order two, three and five, shape ``(rows, 3)``. They are 0
        for a row with fewer than nine pixels, or if all its pixels are equal. The value of a pixel that is NaN is
        taken to be that of the smallest pixel.
    """
    n = bits.shape[1]
    guesses = (int64(0), int64(0), int64(0))
    for row in range(bits.shape[0]):
        low, high = _find_range(bits[row], n)
        low, high = low ^ ((low >> int32(31)) & _ABSOLUTE), high ^ ((high >> int32(31)) & _ABSOLUTE)
        ranges[row, 0], ranges[row, 1] = low, high
        medians[row, 0] = medians[row, 1] = medians[row, 2] = 0
        if n < _MIN_PIXELS:
            continue
        _fill(bits[row], n, low, filled_bits)
        count = _write_differences(filled, n, _has_runs(filled, n), differences[0], differences[1], differences[2])
        if count:
            guesses = (
                _select(difference_bits[0], count, guesses[0], buffer),
                _select(difference_bits[1], count, guesses[1], buffer),
                _select(difference_bits[2], count, guesses[2], buffer),
            )
            for order in range(3):
                medians[row, order] = guesses[order]
