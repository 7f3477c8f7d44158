"""Rows of output pixels on an affine map, and their runs.

The position of an output pixel in the input is a linear function of its column. If the map is nearly the identity, a
row of output pixels is divided into runs. Within a run, the pixels on the left are consecutive pixels of one input row,
and the phases are linear functions of the column. All reads are therefore contiguous, and the compiler generates vector
instructions. At the roll angle of AIA a run is about 400 pixels long.
"""

from __future__ import annotations

from collections import namedtuple

import numpy as np

from aia_ccdproc_cubic.compilation import loop

__all__ = ["Line", "Phases", "fill_positions", "find_covered", "find_interior", "find_run_end", "split_line"]

#: The positions x and y of the pixels of a row: each with its slope and its value at column 0.
Line = namedtuple("Line", ["x_slope", "x_start", "y_slope", "y_start"])
#: The phases along x and y of the first pixel of a run, and their differences from pixel to pixel.
Phases = namedtuple("Phases", ["x", "x_step", "y", "y_step"])
#: Sum of the slopes, against those of the identity, up to which a row is divided into runs.
_MAX_SLOPE = 1 / 16


@loop
def fill_positions(line, first, x, y):
    """Compute the positions of the pixels from the column ``first`` on."""
    for c in range(x.size):
        x[c] = line.x_slope * (first + c) + line.x_start
        y[c] = line.y_slope * (first + c) + line.y_start


@loop
def find_covered(line, shape, first, stop):
    """Return the range of the columns from ``first`` to ``stop`` that the input covers."""
    begin, end = _find_interval(line.x_slope, line.x_start, -0.5, shape[1] - 0.5, first, stop)
    return _find_interval(line.y_slope, line.y_start, -0.5, shape[0] - 0.5, begin, end)


@loop
def find_interior(line, shape, kernel, margin, covered):
    """Return the range of the columns that can be divided into runs: at least ``margin`` pixels are around the taps."""
    begin, end = covered
    if abs(line.x_slope - 1) + abs(line.y_slope) > _MAX_SLOPE:
        return (end, end)
    low, high, x_start, y_start = 1.0 + margin, 2.0 + margin, line.x_start + kernel.offset, line.y_start + kernel.offset
    begin, stop = _find_interval(line.x_slope, x_start, low, shape[1] - high, begin, end)
    begin, stop = _find_interval(line.y_slope, y_start, low, shape[0] - high, begin, stop)
    return (begin, stop) if begin < stop else (end, end)


@loop
def _find_interval(slope, start, low, high, first, stop):
    """Return the range of the columns from ``first`` to ``stop`` in which ``low <= slope * column + start < high``."""
    if slope == 0:
        return (first, stop if low <= start < high else first)
    bounds = ((low - start) / slope, (high - start) / slope)
    begin = int(min(max(np.ceil(min(bounds)), first), stop))
    end = int(min(max(np.floor(max(bounds)) + 1, begin), stop))
    # The divisions are rounded.
    while begin > first and low <= slope * (begin - 1) + start < high:
        begin -= 1
    while begin < end and not low <= slope * begin + start < high:
        begin += 1
    while end < stop and end > begin and low <= slope * end + start < high:
        end += 1
    while end > begin and not low <= slope * (end - 1) + start < high:
        end -= 1
    return (begin, end)


@loop
def split_line(line, column, kernel):
    """Return the pixels left and below of the position of a column, and the phases of the run that starts there."""
    x, y = line.x_slope * column + line.x_start, line.y_slope * column + line.y_start
    left, below = np.floor(x + kernel.offset), np.floor(y + kernel.offset)
    return int(left), int(below), Phases(x - left, line.x_slope - 1, y - below, line.y_slope)


@loop
def find_run_end(line, first, stop, kernel):
    """Return the end of the run that starts at the column ``first``; it is ``stop`` at most."""
    left, below, phases = split_line(line, first, kernel)
    x_length = _steps_in_pixel(phases.x + kernel.offset, phases.x_step)
    y_length = _steps_in_pixel(phases.y + kernel.offset, phases.y_step)
    end = first + max(1, int(min(min(x_length, y_length), float(stop - first))))
    # The lengths are rounded.
    while end < stop and _is_in_run(line, end, left - first, below, kernel):
        end += 1
    while end > first + 1 and not _is_in_run(line, end - 1, left - first, below, kernel):
        end -= 1
    return end


@loop
def _is_in_run(line, column, shift, below, kernel):
    left, row, _ = split_line(line, column, kernel)
    return (left - column == shift) & (row == below)


@loop
def _steps_in_pixel(phase, step):
    """Return the number of steps after which a phase is no longer between 0 and 1."""
    if step == 0:
        return np.inf
    return np.ceil((1 - phase) / step) if step > 0 else np.floor(phase / -step) + 1
