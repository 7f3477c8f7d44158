"""Variance and flags of the pixels of a row.

The weights of a pixel are products of weights along x and along y. Their squares are computed for a chunk of output
pixels at a time, because a chunk fits the nearest cache. Chunks from whose pixels the kernel reaches no flag are
skipped if the image has no variance.
"""

from __future__ import annotations

import numpy as np
from numba import uintp

from aia_ccdproc_cubic.compilation import loop, square_root
from aia_ccdproc_cubic.resampling_loops.interpolation import split_position
from aia_ccdproc_cubic.resampling_loops.taps import FOLDED_TAPS, find_folded_weights, response_at

__all__ = ["propagate_row"]

#: Shift that marks an output pixel whose position is outside the input.
_NOT_COVERED = np.int32(-(2**30))
#: Shortest part of a run for which a vector loop is faster.
_MIN_VECTOR_LENGTH = 8
_ONE, _TWO, _THREE = uintp(1), uintp(2), uintp(3)

# Tuples that the loops take:
#
# inputs   Variance and flags of the input, the worst flag in each tile, and the shape of the input. Planes that the
#          image does not have are empty.
# outputs  Variance and flags of the output pixels of a chunk.
# chunk    Shifts along x and y of its pixels, and phases along x and y. The pixel on the left of output pixel i is in
#          the column shift_x[i] + i and in the row shift_y[i].
# squared  Squared weights along x and y of its pixels, shape (taps, pixels), and buffers for those of one pixel in the
#          first column of two such tables.


@loop
def propagate_row(outputs, x, y, inputs, kernel, buffers):
    """Compute variance and flags of the pixels of a row from their positions in the input."""
    shifts, tables = buffers
    taps = 4 + 2 * kernel[4]
    weights = tables[3:]
    squared = (weights[:taps], weights[taps : 2 * taps]), (weights[2 * taps : 3 * taps], weights[3 * taps :])
    begin = 0
    while begin < x.size:
        end = min(begin + tables.shape[1], x.size)
        count = end - begin
        chunk = shifts[0, :count], shifts[1, :count], tables[0, :count], tables[1, :count]
        _split_positions(x[begin:end], y[begin:end], inputs[3], kernel, chunk)
        part = outputs[0][begin:end], outputs[1][begin:end]
        _propagate_chunk(part, chunk, inputs, kernel, squared, tables[2])
        begin = end


@loop
def _split_positions(x, y, shape, kernel, chunk):
    shift_x, shift_y, phase_x, phase_y = chunk
    for i in range(x.size):
        if not (-0.5 <= x[i] < shape[1] - 0.5 and -0.5 <= y[i] < shape[0] - 0.5):
            shift_x[i] = shift_y[i] = _NOT_COVERED
            phase_x[i] = phase_y[i] = 0
            continue
        left, phase_x[i] = split_position(x[i], shape[1], kernel)
        shift_y[i], phase_y[i] = split_position(y[i], shape[0], kernel)
        shift_x[i] = left - i


@loop
def _propagate_chunk(outputs, chunk, inputs, kernel, squared, sums):
    """Divide a chunk into runs, and each run into its interior, of which all taps are in the image, and the rest."""
    shift_x, shift_y, phase_x, phase_y = chunk
    shape, margin = inputs[3], kernel[4]
    first, ready = 0, False
    while first < shift_x.size:
        x, y, end = shift_x[first], shift_y[first], first + 1
        while end < shift_x.size and shift_x[end] == x and shift_y[end] == y:
            end += 1
        worst = np.uint8(0) if x == _NOT_COVERED else _worst_flag_near(inputs[2], y, first + x, end - first, kernel)
        if x != _NOT_COVERED and (worst > 0 or inputs[0].size > 0):
            if not ready:
                _compute_squared_weights(phase_x, kernel, squared[0][0])
                _compute_squared_weights(phase_y, kernel, squared[0][1])
                ready = True
            folded = FOLDED_TAPS if kernel[1].size > 1 else 0
            low, high = _find_interior(first, end, y, x, margin + folded, shape)
            _propagate_interior(outputs, (low, high, y, x), inputs, kernel, squared[0], sums, worst)
            _propagate_edges(outputs, (first, low, y, x), chunk, inputs, kernel, squared[1])
            _propagate_edges(outputs, (high, end, y, x), chunk, inputs, kernel, squared[1])
        first = end


@loop
def _find_interior(first, end, y, x, margin, shape):
    """Return the part of a run whose taps are all in the image: one before, two after, and the margin on each side."""
    low = max(first, 1 + margin - x)
    exists = y >= 1 + margin and y < shape[0] - 2 - margin and low < end
    high = max(low, min(end, shape[1] - 2 - margin - x))
    return (low, high) if exists else (end, end)


@loop
def _worst_flag_near(tile_flags, row, column, count, kernel):
    """Return the worst flag in the tiles that the kernel can reach from ``count`` pixels of a row."""
    worst, margin, tile_size = np.uint8(0), kernel[4], kernel[6]
    last_row = min(tile_flags.shape[0] - 1, (row + 2 + margin) // tile_size)
    for i in range(max(0, row - 1 - margin) // tile_size, last_row + 1):
        last_column = min(tile_flags.shape[1] - 1, (column + count + 1 + margin) // tile_size)
        for j in range(max(0, column - 1 - margin) // tile_size, last_column + 1):
            worst = max(worst, tile_flags[i, j])
    return worst


@loop
def _compute_squared_weights(phase, kernel, squared):
    """Compute the squared weights of a chunk, shape ``(taps, pixels)``."""
    basis, response, margin = kernel[0], kernel[1], kernel[4]
    for k in range(squared.shape[0]):
        p, q = response_at(response, k - margin), response_at(response, k - margin - 1)
        r, s = response_at(response, k - margin - 2), response_at(response, k - margin - 3)
        # The weight is a polynomial, too.
        w0 = p * basis[0, 0] + q * basis[1, 0] + r * basis[2, 0] + s * basis[3, 0]
        w1 = p * basis[0, 1] + q * basis[1, 1] + r * basis[2, 1] + s * basis[3, 1]
        w2 = p * basis[0, 2] + q * basis[1, 2] + r * basis[2, 2] + s * basis[3, 2]
        w3 = p * basis[0, 3] + q * basis[1, 3] + r * basis[2, 3] + s * basis[3, 3]
        line = squared[k]
        for i in range(uintp(phase.size)):
            weight = ((w3 * phase[i] + w2) * phase[i] + w1) * phase[i] + w0
            line[i] = weight * weight


@loop
def _propagate_interior(outputs, run, inputs, kernel, squared, sums, worst):
    """Compute variance and flags of the interior of a run."""
    out_variance, out_flags = outputs
    low, high, y, x = run
    variance, flags, tile_flags, _ = inputs
    top, left = y - 1 - kernel[4], x - 1 - kernel[4]
    if variance.size > 0 and high - low >= _MIN_VECTOR_LENGTH:
        _add_variance(out_variance, (low, high, top, left), variance, squared, sums)
    elif variance.size > 0:
        for i in range(low, high):
            out_variance[i] = _weighted_sum(variance, top, left + i, squared, i)
    for i in range(low, high if worst > 0 else low):
        if _worst_flag_near(tile_flags, y, x + i, 1, kernel) > 0:
            flag = _flag_by_weight(flags, top, left + i, squared, i, kernel[5], worst)
            out_flags[i] = max(out_flags[i], flag)


@loop
def _add_variance(out, run, variance, squared, sums):
    """Add up variances times squared weights; ``sums`` is a buffer."""
    low, high, top, left = run
    squared_y, squared_x = squared[1], squared[0]
    begin, count = uintp(low), uintp(high - low)
    for i in range(count):
        out[begin + i] = 0
    for j in range(squared_y.shape[0]):
        line = variance[top + j, left + low :]
        for i in range(count):
            sums[i] = 0
        for k in range(uintp(0), uintp(squared_x.shape[0]), uintp(4)):
            a, b, c, d = squared_x[k], squared_x[k + _ONE], squared_x[k + _TWO], squared_x[k + _THREE]
            for i in range(count):
                sums[i] += (
                    a[begin + i] * line[k + i]
                    + b[begin + i] * line[k + i + _ONE]
                    + c[begin + i] * line[k + i + _TWO]
                    + d[begin + i] * line[k + i + _THREE]
                )
        weights = squared_y[j]
        for i in range(count):
            out[begin + i] += weights[begin + i] * sums[i]


@loop
def _weighted_sum(plane, top, left, weights, column):
    """Return the sum of pixels times their weights, which are in one column of the tables of weights."""
    total = np.float32(0)
    # If the image has fewer pixels than the kernel, the taps beyond it have no weight.
    for j in range(min(weights[1].shape[0], plane.shape[0] - top)):
        part = np.float32(0)
        for k in range(min(weights[0].shape[0], plane.shape[1] - left)):
            part += weights[0][k, column] * plane[top + j, left + k]
        total += weights[1][j, column] * part
    return total


@loop
def _flag_by_weight(flags, top, left, squared, column, threshold, worst):
    """Return the worst flag for which the pixels with this flag or a worse one have more weight than the threshold.

    ``worst`` is the worst flag within reach of the kernel.
    """
    masked, invalid = np.float32(0), np.float32(0)
    for j in range(min(squared[1].shape[0], flags.shape[0] - top)):
        for k in range(min(squared[0].shape[0], flags.shape[1] - left)):
            flag = flags[top + j, left + k]
            if flag > 0:
                weight = square_root(squared[1][j, column] * squared[0][k, column])
                masked += weight
                if flag > 1:
                    invalid += weight
                if invalid > threshold or (worst == 1 and masked > threshold):
                    return worst
    return np.uint8(1) if masked > threshold else np.uint8(0)


@loop
def _propagate_edges(outputs, run, chunk, inputs, kernel, weights):
    """Compute variance and flags of pixels some of whose taps are outside the image."""
    first, end, y, x = run
    variance, flags, tile_flags, shape = inputs
    margin, threshold = kernel[4:6]
    for i in range(first, end):
        has_flag = _worst_flag_near(tile_flags, y, x + i, 1, kernel) > 0
        if not has_flag and variance.size == 0:
            continue
        left = find_folded_weights(x + i, chunk[2][i], shape[1], kernel, weights[0])
        top = find_folded_weights(y, chunk[3][i], shape[0], kernel, weights[1])
        for k in range(4 + 2 * margin):
            weights[0][k, 0] *= weights[0][k, 0]
            weights[1][k, 0] *= weights[1][k, 0]
        if has_flag:
            flag = _flag_by_weight(flags, top, left, weights, 0, threshold, np.uint8(2))
            outputs[1][i] = max(outputs[1][i], flag)
        if variance.size > 0:
            outputs[0][i] = _weighted_sum(variance, top, left, weights, 0)
