"""Interpolation of pixels."""

from __future__ import annotations

from collections import namedtuple

import numpy as np
from numba import uintp

from aia_ccdproc_cubic.compilation import loop
from aia_ccdproc_cubic.resampling_loops.taps import is_covered, mirror_index, polynomial, split_position

__all__ = ["Source", "interpolate_pixels", "interpolate_run"]

#: The plane to which the weights are applied, pixels or spline coefficients; the row and the column of the input at
#: which it starts; and the shape of the input.
Source = namedtuple("Source", ["plane", "top", "left", "shape"])
_ONE, _TWO, _THREE = uintp(1), uintp(2), uintp(3)


@loop
def interpolate_run(out, source, left, below, phases, basis):
    """Interpolate a run of pixels. The position of the first one is split into ``left``, ``below`` and phases."""
    row, column = below - 1 - source.top, left - 1 - source.left
    stop = column + out.size + 3
    p, q = source.plane[row, column:stop], source.plane[row + 1, column:stop]
    r, s = source.plane[row + 2, column:stop], source.plane[row + 3, column:stop]
    t0, dt, u0, du = np.float32(phases.x), np.float32(phases.x_step), np.float32(phases.y), np.float32(phases.y_step)
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
    """Interpolate pixels one by one, and flag those that the input does not cover."""
    rows, columns = source.shape
    for n in range(out.size):
        if not is_covered(x[n], y[n], source.shape):
            out[n], out_flags[n] = np.nan, 2
            continue
        left, t = split_position(x[n], columns, kernel)
        below, u = split_position(y[n], rows, kernel)
        if 1 <= left < columns - 2 and 1 <= below < rows - 2:
            row, column = below - 1 - source.top, uintp(left - 1 - source.left)
            out[n] = _interpolate_inside(source.plane, row, column, t, u, kernel.basis)
        else:
            out[n] = _interpolate_at_edge(source, below, left, t, u, kernel.basis)


@loop
def _interpolate_inside(plane, row, i, t, u, basis):
    """Interpolate a pixel whose first tap is in a row and a column of the plane."""
    p, q, r, s = plane[row], plane[row + 1], plane[row + 2], plane[row + 3]
    a, b = polynomial(basis, 0, u), polynomial(basis, 1, u)
    c, d = polynomial(basis, 2, u), polynomial(basis, 3, u)
    # The sums of the four columns are computed by one vector instruction each.
    first = a * p[i] + b * q[i] + c * r[i] + d * s[i]
    second = a * p[i + _ONE] + b * q[i + _ONE] + c * r[i + _ONE] + d * s[i + _ONE]
    third = a * p[i + _TWO] + b * q[i + _TWO] + c * r[i + _TWO] + d * s[i + _TWO]
    fourth = a * p[i + _THREE] + b * q[i + _THREE] + c * r[i + _THREE] + d * s[i + _THREE]
    a, b = polynomial(basis, 0, t), polynomial(basis, 1, t)
    c, d = polynomial(basis, 2, t), polynomial(basis, 3, t)
    return a * first + b * second + c * third + d * fourth


@loop
def _interpolate_at_edge(source, below, left, t, u, basis):
    """Interpolate a pixel some of whose taps are outside the image."""
    total = np.float32(0)
    for j in range(4):
        line, part = source.plane[mirror_index(below - 1 + j, source.shape[0]) - source.top], np.float32(0)
        for k in range(4):
            part += polynomial(basis, k, t) * line[mirror_index(left - 1 + k, source.shape[1]) - source.left]
        total += polynomial(basis, j, u) * part
    return total
