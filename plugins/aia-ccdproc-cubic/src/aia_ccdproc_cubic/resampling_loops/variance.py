"""Variance of output pixels: the sum of squared weights times variances of the input.

A weight is the product of a weight along x and one along y. In a run, the squared weights along both axes are computed
for a part of it that fits the nearest cache. The sums of products are then vector loops.
"""

from __future__ import annotations

import numpy as np
from numba import uintp

from aia_ccdproc_cubic.compilation import loop
from aia_ccdproc_cubic.resampling_loops.taps import find_weights, is_covered, split_position

__all__ = ["add_variance_of_pixels", "add_variance_of_run"]

_ONE, _TWO, _THREE = uintp(1), uintp(2), uintp(3)


@loop
def add_variance_of_pixels(out, x, y, variance, kernel, weights):
    """Compute the variance of the pixels that the input covers, from their positions."""
    (rows, columns), taps = variance.shape, 4 + 2 * kernel.margin
    for i in range(x.size):
        if not is_covered(x[i], y[i], variance.shape):
            continue
        left, phase_x = split_position(x[i], columns, kernel)
        below, phase_y = split_position(y[i], rows, kernel)
        first_column = find_weights(left, phase_x, columns, kernel, weights[0])
        first_row = find_weights(below, phase_y, rows, kernel, weights[1])
        total = np.float32(0)
        # If the image has fewer pixels than the kernel, the taps beyond it have no weight.
        for j in range(min(taps, rows - first_row)):
            line, part = variance[first_row + j, first_column:], np.float32(0)
            for k in range(uintp(min(taps, columns - first_column))):
                part += weights[0][k] * weights[0][k] * line[k]
            total += weights[1][j] * weights[1][j] * part
        out[i] = total


@loop
def add_variance_of_run(out, variance, left, below, phases, kernel, tables):
    """Compute the variance of a run of pixels. ``out`` is zero at first."""
    taps, most = 4 + 2 * kernel.margin, tables.shape[1]
    row, column, begin = below - 1 - kernel.margin, left - 1 - kernel.margin, 0
    while begin < out.size:
        part = out[begin : min(begin + most, out.size)]
        _square_weights(part.size, phases.x + begin * phases.x_step, phases.x_step, kernel, tables[:taps])
        _square_weights(part.size, phases.y + begin * phases.y_step, phases.y_step, kernel, tables[taps:])
        for j in range(0, taps, 4):
            for k in range(0, taps, 4):
                corner = row + j, column + begin + k
                _add_products(part, variance, corner, tables[k : k + 4], tables[taps + j : taps + j + 4])
        begin += part.size


@loop
def _square_weights(count, phase, step, kernel, squared):
    """Compute the squared weights of some pixels along an axis, shape ``(taps, pixels)``."""
    for k in range(4 + 2 * kernel.margin):
        row = kernel.folded + k
        w0, w1 = kernel.weights[row, 0], kernel.weights[row, 1]
        w2, w3 = kernel.weights[row, 2], kernel.weights[row, 3]
        line = squared[k]
        for i in range(uintp(count)):
            t = np.float32(phase) + np.float32(step) * np.float32(np.int32(i))
            weight = ((w3 * t + w2) * t + w1) * t + w0
            line[i] = weight * weight


@loop
def _add_products(out, variance, corner, weights_x, weights_y):
    """Add the products of weights and variances of 4 x 4 taps."""
    row, column = corner
    p, q = variance[row, column:], variance[row + 1, column:]
    r, s = variance[row + 2, column:], variance[row + 3, column:]
    a, b, c, d = weights_x[0], weights_x[1], weights_x[2], weights_x[3]
    e, f, g, h = weights_y[0], weights_y[1], weights_y[2], weights_y[3]
    for i in range(uintp(out.size)):
        sum_p = a[i] * p[i] + b[i] * p[i + _ONE] + c[i] * p[i + _TWO] + d[i] * p[i + _THREE]
        sum_q = a[i] * q[i] + b[i] * q[i + _ONE] + c[i] * q[i + _TWO] + d[i] * q[i + _THREE]
        sum_r = a[i] * r[i] + b[i] * r[i + _ONE] + c[i] * r[i + _TWO] + d[i] * r[i + _THREE]
        sum_s = a[i] * s[i] + b[i] * s[i + _ONE] + c[i] * s[i + _TWO] + d[i] * s[i + _THREE]
        out[i] += e[i] * sum_p + f[i] * sum_q + g[i] * sum_r + h[i] * sum_s
