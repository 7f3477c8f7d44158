"""Interpolation of the pixels of a row.

The position of an output pixel in the input is split into an input pixel, which is called left, and the remaining
fraction, which is called phase. If the map is affine and nearly the identity, a row of output pixels is divided into
runs. Within a run, the pixels on the left are consecutive pixels of one input row, and the phases are linear functions
of the column. All reads are therefore contiguous, and the compiler generates vector instructions. At the roll angle of
AIA a run is about 400 pixels long. Everywhere else, pixels are interpolated one by one.
"""

from __future__ import annotations

import numpy as np
from numba import uintp

from aia_ccdproc_cubic.compilation import loop
from aia_ccdproc_cubic.resampling_loops.taps import mirror_index, polynomial

__all__ = ["find_run_end", "interpolate_pixels", "interpolate_run", "split_position"]

_ONE, _TWO, _THREE = uintp(1), uintp(2), uintp(3)


@loop
def split_position(position, size, kernel):
    """Return left and phase of a position along an axis of a length."""
    _, _, offset, clamped = kernel[:4]
    if clamped:
        position = min(max(position, 0.0), size - 1.0)
    left = np.floor(position + offset)
    return int(left), np.float32(position - left)


@loop
def find_run_end(first, stop, x_slope, x_start, y_slope, y_start):
    """Return the end of the run that starts at the column ``first``; it is ``stop`` at most."""
    left, below = np.floor(x_slope * first + x_start) - first, np.floor(y_slope * first + y_start)
    x_length = _steps_in_pixel(x_slope * first + x_start - first - left, x_slope - 1)
    y_length = _steps_in_pixel(y_slope * first + y_start - below, y_slope)
    end = first + max(1, int(min(min(x_length, y_length), float(stop - first))))
    # The lengths are rounded.
    while end < stop and _is_in_run(end, left, below, x_slope, x_start, y_slope, y_start):
        end += 1
    while end > first + 1 and not _is_in_run(end - 1, left, below, x_slope, x_start, y_slope, y_start):
        end -= 1
    return end


@loop
def _is_in_run(column, left, below, x_slope, x_start, y_slope, y_start):
    return (np.floor(x_slope * column + x_start) - column == left) & (np.floor(y_slope * column + y_start) == below)


@loop
def _steps_in_pixel(phase, slope):
    """Return the number of steps after which a phase is no longer between 0 and 1."""
    if slope == 0:
        return np.inf
    return np.ceil((1 - phase) / slope) if slope > 0 else np.floor(phase / -slope) + 1


@loop
def interpolate_run(out, source, phases, basis):
    """Interpolate a run of pixels.

    ``source`` are the parts of four rows of the input, from the first tap of the first pixel on. ``phases`` are the
    phases along x and y of the first pixel, and their differences from pixel to pixel.
    """
    p, q, r, s = source
    t0, dt, u0, du = phases
    a0, a1, a2, a3 = basis[0, 0], basis[0, 1], basis[0, 2], basis[0, 3]
    b0, b1, b2, b3 = basis[1, 0], basis[1, 1], basis[1, 2], basis[1, 3]
    c0, c1, c2, c3 = basis[2, 0], basis[2, 1], basis[2, 2], basis[2, 3]
    d0, d1, d2, d3 = basis[3, 0], basis[3, 1], basis[3, 2], basis[3, 3]
    for i in range(uintp(out.size)):
        step = np.float32(np.int32(i))
        t, u = t0 + dt * step, u0 + du * step
        a = ((a3 * t + a2) * t + a1) * t + a0
        b = ((b3 * t + b2) * t + b1) * t + b0
        c = ((c3 * t + c2) * t + c1) * t + c0
        d = ((d3 * t + d2) * t + d1) * t + d0
        sum_p = a * p[i] + b * p[i + _ONE] + c * p[i + _TWO] + d * p[i + _THREE]
        sum_q = a * q[i] + b * q[i + _ONE] + c * q[i + _TWO] + d * q[i + _THREE]
        sum_r = a * r[i] + b * r[i + _ONE] + c * r[i + _TWO] + d * r[i + _THREE]
        sum_s = a * s[i] + b * s[i + _ONE] + c * s[i + _TWO] + d * s[i + _THREE]
        out[i] = (
            (((a3 * u + a2) * u + a1) * u + a0) * sum_p
            + (((b3 * u + b2) * u + b1) * u + b0) * sum_q
            + (((c3 * u + c2) * u + c1) * u + c0) * sum_r
            + (((d3 * u + d2) * u + d1) * u + d0) * sum_s
        )


@loop
def interpolate_pixels(out, out_flags, x, y, source, kernel):
    """Interpolate pixels one by one, and flag those that the input does not cover.

    ``source`` is the plane to which the weights are applied, the row and the column of the input at which it starts,
    and the shape of the input.
    """
    plane, top, left, (rows, columns) = source
    basis = kernel[0]
    for n in range(out.size):
        if not (-0.5 <= x[n] < columns - 0.5 and -0.5 <= y[n] < rows - 0.5):
            out[n], out_flags[n] = np.nan, 2
            continue
        column, t = split_position(x[n], columns, kernel)
        row, u = split_position(y[n], rows, kernel)
        i0 = uintp(mirror_index(column - 1, columns) - left)
        i1 = uintp(mirror_index(column, columns) - left)
        i2 = uintp(mirror_index(column + 1, columns) - left)
        i3 = uintp(mirror_index(column + 2, columns) - left)
        a, b = polynomial(basis, 0, t), polynomial(basis, 1, t)
        c, d = polynomial(basis, 2, t), polynomial(basis, 3, t)
        total = np.float32(0)
        for j in range(4):
            line = plane[mirror_index(row - 1 + j, rows) - top]
            total += polynomial(basis, j, u) * (a * line[i0] + b * line[i1] + c * line[i2] + d * line[i3])
        out[n] = total
