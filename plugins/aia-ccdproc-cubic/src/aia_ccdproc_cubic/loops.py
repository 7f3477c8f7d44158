"""Compiled loops that resample blocks of output pixels. They release the interpreter lock.

The position of an output pixel in the input is split into the input pixel on its left and the remaining fraction, the
phase. A row of output pixels is then divided into runs: within a run, the pixels on the left are consecutive pixels of
one input row. All reads within a run are therefore contiguous, and the compiler generates vector instructions. At the
roll angle of AIA a run is about 400 pixels long.

Three more details serve the same purpose. Planes are passed as flat arrays. Indices are unsigned, because numba tests
signed indices for negative values. The work on a run is done within one function, because numba counts references to
the arrays that are passed to a function.

All loops are in one file, because numba reuses a cached function as long as the file that contains it is unchanged.
"""

from __future__ import annotations

import numpy as np
from numba import uintp

from aia_ccdproc_cubic.compiling import cached_njit

__all__ = ["TILE_SIZE", "compute_spline_coefficients", "resample_block"]

# Tuples that several loops take:
#
# inputs   Planes of the input image: variance (flat), flags (flat), and the worst flag in each tile (2-D). A plane that
#          the image does not have is empty.
# source   Plane to which the weights are applied: pixels or spline coefficients (flat), the row and the column of the
#          input image at which the plane starts, and its width.
# shape    Rows and columns of the input image.
# kernel   Polynomials of the kernel, impulse response of its prefilter, taps on each side beyond the nearest four (the
#          margin), and the weight of bad pixels above which an output pixel is flagged.
# row      A row of output pixels: shifts along x and y, phases along x and y, the ends of its runs, and their number.
#          The input pixel on the left of output pixel c is in column shift_x[c] + c and in row shift_y[c].

#: Width of the square tiles for which the worst flag is known. A kernel must not be wider than a tile.
TILE_SIZE = 32
#: Shift that marks an output pixel whose position is outside the input.
_NOT_COVERED = np.int32(-(2**30))
#: Output pixels whose squared weights are computed at a time. The weights fit the nearest cache.
_CHUNK_SIZE = 128
#: Number of float32 values in a cache line.
_CACHE_LINE = 16
#: Shortest part of a run for which a vector loop is faster.
_MIN_VECTOR_LENGTH = 8
_ONE, _TWO, _THREE, _STRIDE = uintp(1), uintp(2), uintp(3), uintp(64)


# -- positions -----------------------------------------------------------------------------------


@cached_njit
def _compute_affine_positions(coefficients, row, column, positions):
    start = coefficients[1] * row + coefficients[2]
    for c in range(positions.size):
        positions[c] = coefficients[0] * (column + c) + start


@cached_njit
def _split_positions(positions, size, step, shift, phase):
    """Split positions into phases and pixels on the left. A shift is an index minus ``step`` per output pixel."""
    last = size - 0.5
    for c in range(positions.size):
        left = np.floor(positions[c])
        phase[c] = positions[c] - left
        covered = (positions[c] >= -0.5) & (positions[c] <= last)
        shift[c] = np.int32(left) - np.int32(c) * step if covered else _NOT_COVERED


@cached_njit
def _find_runs(shift_x, shift_y, run_ends):
    """Write the end of each run into ``run_ends``, and return the number of runs."""
    size, first, count = uintp(shift_x.size), uintp(0), 0
    while first < size:
        end, x, y = first + _ONE, shift_x[first], shift_y[first]
        while end + _STRIDE <= size:
            differences = np.int32(0)
            for c in range(end, end + _STRIDE):
                differences |= (shift_x[c] ^ x) | (shift_y[c] ^ y)
            if differences != 0:
                break
            end += _STRIDE
        while end < size and shift_x[end] == x and shift_y[end] == y:
            end += _ONE
        run_ends[count] = end
        count += 1
        first = end
    return count


@cached_njit
def _find_interior(first, end, shift_y, shift_x, margin, shape):
    """Return the part of a run whose taps are all in the image: one before, two after, and the margin on each side."""
    low = max(first, 1 + margin - shift_x)
    exists = shift_y >= 1 + margin and shift_y < shape[0] - 2 - margin and low < end
    high = max(low, min(end, shape[1] - 2 - margin - shift_x))
    return (low, high) if exists else (end, end)


@cached_njit
def _mirror_index(i, size):
    """Return the pixel that continues the image at index ``i``: it is mirrored at the centers of its edge pixels."""
    if 0 <= i < size or size == 1:
        return min(max(i, 0), size - 1)
    i = abs(i) % (2 * size - 2)
    return i if i < size else 2 * size - 2 - i


# -- weights -------------------------------------------------------------------------------------


@cached_njit
def _polynomial(basis, j, t):
    return ((basis[j, 3] * t + basis[j, 2]) * t + basis[j, 1]) * t + basis[j, 0]


@cached_njit
def _response_at(response, distance):
    return response[abs(distance)] if abs(distance) < response.size else np.float32(0)


@cached_njit
def _compute_squared_weights(phase, begin, kernel, polynomials, squared):
    """Compute the squared weights of a chunk, shape ``(taps, pixels)``; ``polynomials`` is a buffer."""
    basis, response, margin, _ = kernel
    count = min(_CHUNK_SIZE, phase.size - begin)
    for j in range(4):
        for i in range(count):
            polynomials[j, i] = _polynomial(basis, j, phase[begin + i])
    for k in range(squared.shape[0]):
        a, b = _response_at(response, k - margin), _response_at(response, k - margin - 1)
        c, d = _response_at(response, k - margin - 2), _response_at(response, k - margin - 3)
        for i in range(count):
            weight = a * polynomials[0, i] + b * polynomials[1, i] + c * polynomials[2, i] + d * polynomials[3, i]
            squared[k, i] = weight * weight


@cached_njit
def _compute_edge_weights(left, phase, size, basis, response, weights):
    """Compute the weights of a pixel near an edge, shape ``(taps, 1)``, and return the input pixel of the first weight.

    Weights of taps that mirroring maps to the same input pixel are added.
    """
    taps = weights.shape[0]
    margin = (taps - 4) // 2
    first = left - 1 - margin
    start = max(0, min(first, size - taps))
    a, b = _polynomial(basis, 0, phase), _polynomial(basis, 1, phase)
    c, d = _polynomial(basis, 2, phase), _polynomial(basis, 3, phase)
    for k in range(taps):
        weights[k, 0] = 0
    for k in range(taps):
        weight = _response_at(response, k - margin) * a + _response_at(response, k - margin - 1) * b
        weight += _response_at(response, k - margin - 2) * c + _response_at(response, k - margin - 3) * d
        weights[_mirror_index(first + k, size) - start, 0] += weight
    return start


@cached_njit
def _weighted_sum(plane, corner, width, weights_y, weights_x, column):
    """Return the sum of pixels times their weights, which are in one column of the tables of weights."""
    total = np.float32(0)
    for j in range(weights_y.shape[0]):
        for k in range(weights_x.shape[0]):
            weight = weights_y[j, column] * weights_x[k, column]
            # If the image has fewer pixels than the kernel, the pixels beyond it have no weight.
            if weight != 0:
                total += weight * plane[corner + j * width + k]
    return total


# -- data ----------------------------------------------------------------------------------------


@cached_njit
def _interpolate_interior(out, offset, source, shape, row, basis):
    """Interpolate the pixels of a row whose four taps are all in the image. Return how many pixels remain."""
    plane, top, left, width = source
    shift_x, shift_y, phase_x, phase_y, run_ends, run_count = row
    a0, a1, a2, a3 = basis[0, 0], basis[0, 1], basis[0, 2], basis[0, 3]
    b0, b1, b2, b3 = basis[1, 0], basis[1, 1], basis[1, 2], basis[1, 3]
    c0, c1, c2, c3 = basis[2, 0], basis[2, 1], basis[2, 2], basis[2, 3]
    d0, d1, d2, d3 = basis[3, 0], basis[3, 1], basis[3, 2], basis[3, 3]
    first, remaining = 0, phase_x.size
    for run in range(run_count):
        low, high = _find_interior(first, run_ends[run], shift_y[first], shift_x[first], 0, shape)
        remaining -= high - low
        f, target = uintp(low), uintp(offset + low)
        # The first taps in the four rows of the input.
        p = uintp((shift_y[first] - 1 - top) * width + shift_x[first] + low - 1 - left)
        q = p + uintp(width)
        r = q + uintp(width)
        s = r + uintp(width)
        for i in range(uintp(high - low)):
            t, u = phase_x[f + i], phase_y[f + i]
            a = ((a3 * t + a2) * t + a1) * t + a0
            b = ((b3 * t + b2) * t + b1) * t + b0
            c = ((c3 * t + c2) * t + c1) * t + c0
            d = ((d3 * t + d2) * t + d1) * t + d0
            row_p = a * plane[p + i] + b * plane[p + i + _ONE] + c * plane[p + i + _TWO] + d * plane[p + i + _THREE]
            row_q = a * plane[q + i] + b * plane[q + i + _ONE] + c * plane[q + i + _TWO] + d * plane[q + i + _THREE]
            row_r = a * plane[r + i] + b * plane[r + i + _ONE] + c * plane[r + i + _TWO] + d * plane[r + i + _THREE]
            row_s = a * plane[s + i] + b * plane[s + i + _ONE] + c * plane[s + i + _TWO] + d * plane[s + i + _THREE]
            out[target + i] = (
                (((a3 * u + a2) * u + a1) * u + a0) * row_p
                + (((b3 * u + b2) * u + b1) * u + b0) * row_q
                + (((c3 * u + c2) * u + c1) * u + c0) * row_r
                + (((d3 * u + d2) * u + d1) * u + d0) * row_s
            )
        first = run_ends[run]
    return remaining


@cached_njit
def _interpolate_edges(out, out_flags, offset, source, shape, row, basis, buffers):
    """Interpolate the pixels of a row near the edges, and flag those that the input does not cover."""
    plane, top, left, width = source
    shift_x, shift_y, phase_x, phase_y, run_ends, run_count = row
    weights_x, weights_y = buffers
    no_filter, first = np.ones(1, np.float32), 0
    for run in range(run_count):
        y, x = shift_y[first], shift_x[first]
        low, high = _find_interior(first, run_ends[run], y, x, 0, shape)
        for c in range(first, run_ends[run]):
            if y == _NOT_COVERED or x == _NOT_COVERED:
                out[offset + c] = np.nan
                out_flags[offset + c] = 2
            elif c < low or c >= high:
                first_row = _compute_edge_weights(y, phase_y[c], shape[0], basis, no_filter, weights_y) - top
                first_column = _compute_edge_weights(x + c, phase_x[c], shape[1], basis, no_filter, weights_x) - left
                corner = first_row * width + first_column
                out[offset + c] = _weighted_sum(plane, corner, width, weights_y, weights_x, 0)
        first = run_ends[run]


# -- variance and flags --------------------------------------------------------------------------


@cached_njit
def _worst_flag_near(tile_flags, row, column, count, margin):
    """Return the worst flag in the tiles that the kernel can reach from ``count`` pixels of a row."""
    worst = np.uint8(0)
    last_row = min(tile_flags.shape[0] - 1, (row + 2 + margin) // TILE_SIZE)
    for i in range(max(0, row - 1 - margin) // TILE_SIZE, last_row + 1):
        last_column = min(tile_flags.shape[1] - 1, (column + count + 1 + margin) // TILE_SIZE)
        for j in range(max(0, column - 1 - margin) // TILE_SIZE, last_column + 1):
            worst = max(worst, tile_flags[i, j])
    return worst


@cached_njit
def _flag_by_weight(flags, corner, width, squared_y, squared_x, column, threshold, worst):
    """Return the worst flag for which the pixels with this flag or a worse one have more weight than the threshold.

    ``worst`` is the worst flag within reach of the kernel.
    """
    masked, invalid = np.float32(0), np.float32(0)
    for j in range(squared_y.shape[0]):
        for k in range(squared_x.shape[0]):
            flag = flags[corner + j * width + k]
            if flag > 0:
                weight = np.sqrt(squared_y[j, column] * squared_x[k, column])
                masked += weight
                if flag > 1:
                    invalid += weight
                if invalid > threshold or (worst == 1 and masked > threshold):
                    return worst
    return np.uint8(1) if masked > threshold else np.uint8(0)


@cached_njit
def _add_variance(out, target, variance, corner, width, squared_y, squared_x, begin, count, sums):
    """Add up variances times squared weights, from column ``begin`` of the tables on; ``sums`` is a buffer."""
    taps = squared_x.shape[0]
    target, begin = uintp(target), uintp(begin)
    for j in range(taps):
        for i in range(count):
            sums[i] = 0
        for k in range(0, taps, 4):
            tap = uintp(corner + j * width + k)
            for i in range(uintp(count)):
                sums[i] += (
                    squared_x[k, begin + i] * variance[tap + i]
                    + squared_x[k + 1, begin + i] * variance[tap + i + _ONE]
                    + squared_x[k + 2, begin + i] * variance[tap + i + _TWO]
                    + squared_x[k + 3, begin + i] * variance[tap + i + _THREE]
                )
        for i in range(uintp(count)):
            out[target + i] += squared_y[j, begin + i] * sums[i]


@cached_njit
def _propagate_row(out_variance, out_flags, offset, inputs, shape, row, kernel, buffers):
    """Compute variance and flags of a row, the interior of each run in parts that are within one chunk."""
    variance, flags, tile_flags = inputs
    shift_x, shift_y, phase_x, phase_y, run_ends, run_count = row
    polynomials, squared_x, squared_y, sums = buffers
    margin, threshold, width = kernel[2], kernel[3], shape[1]
    first, ready_chunk = 0, -1
    for run in range(run_count):
        end, y, x = run_ends[run], shift_y[first], shift_x[first]
        if y == _NOT_COVERED or x == _NOT_COVERED:
            first = end
            continue
        low, high = _find_interior(first, end, y, x, margin, shape)
        start = low
        while start < high:
            chunk = start // _CHUNK_SIZE
            begin, stop = chunk * _CHUNK_SIZE, min(high, (chunk + 1) * _CHUNK_SIZE)
            worst = _worst_flag_near(tile_flags, y, start + x, stop - start, margin)
            if ready_chunk != chunk and (worst > 0 or variance.size > 0):
                ready_chunk = chunk
                _compute_squared_weights(phase_x, begin, kernel, polynomials, squared_x)
                _compute_squared_weights(phase_y, begin, kernel, polynomials, squared_y)
            corner = (y - 1 - margin) * width + start + x - 1 - margin
            begin, count = start - begin, stop - start
            if variance.size > 0 and count >= _MIN_VECTOR_LENGTH:
                _add_variance(
                    out_variance, offset + start, variance, corner, width, squared_y, squared_x, begin, count, sums
                )
            for i in range(count if worst > 0 or count < _MIN_VECTOR_LENGTH else 0):
                if variance.size > 0 and count < _MIN_VECTOR_LENGTH:
                    out_variance[offset + start + i] = _weighted_sum(
                        variance, corner + i, width, squared_y, squared_x, begin + i
                    )
                if worst > 0 and _worst_flag_near(tile_flags, y, start + x + i, 1, margin) > 0:
                    out_flags[offset + start + i] = _flag_by_weight(
                        flags, corner + i, width, squared_y, squared_x, begin + i, threshold, worst
                    )
            start = stop
        if high - low < end - first:
            _propagate_edges(out_variance, out_flags, offset, inputs, shape, row, kernel, (first, low, high, end))
        first = end


@cached_njit
def _propagate_edges(out_variance, out_flags, offset, inputs, shape, row, kernel, run):
    """Compute variance and flags of the pixels of a run that are not in its interior."""
    variance, flags, _ = inputs
    shift_x, shift_y, phase_x, phase_y, _, _ = row
    basis, response, margin, threshold = kernel
    first, low, high, end = run
    taps = 4 + 2 * margin
    weights_x, weights_y = np.empty((taps, 1), np.float32), np.empty((taps, 1), np.float32)
    for c in range(first, end):
        if low <= c < high:
            continue
        top = _compute_edge_weights(shift_y[first], phase_y[c], shape[0], basis, response, weights_y)
        left = _compute_edge_weights(shift_x[first] + c, phase_x[c], shape[1], basis, response, weights_x)
        for k in range(taps):
            weights_x[k, 0] *= weights_x[k, 0]
            weights_y[k, 0] *= weights_y[k, 0]
        corner = top * shape[1] + left
        if flags.size > 0:
            out_flags[offset + c] = _flag_by_weight(
                flags, corner, shape[1], weights_y, weights_x, 0, threshold, np.uint8(2)
            )
        if variance.size > 0:
            out_variance[offset + c] = _weighted_sum(variance, corner, shape[1], weights_y, weights_x, 0)


# -- blocks --------------------------------------------------------------------------------------


@cached_njit
def resample_block(inputs, outputs, source, mapping, block, shape, kernel):
    """Resample a block of output pixels.

    Parameters
    ----------
    inputs : tuple of `~numpy.ndarray`
        Variance and flags of the input image, flat, and the worst flag in each tile. Empty where the image has none.
    outputs : tuple of `~numpy.ndarray` and int
        Data, variance and flags of the output image, flat, and its width. Variance and flags are zero at first.
    source : tuple of `~numpy.ndarray` and int
        Part of the image or of its spline coefficients, flat; the row and the column at which it starts; its width.
    mapping : tuple of `~numpy.ndarray`
        Positions x and y of the block's pixels in the input, empty if the map is affine; and the affine map, shape
        ``(2, 3)``, which gives x and y from column, row and 1.
    block : tuple of tuple of int
        Row and column at which the block starts, and its rows and columns.
    shape : tuple of int
        Rows and columns of the input image.
    kernel : tuple
        Polynomials of the kernel, impulse response of its prefilter, taps on each side beyond the nearest four, and the
        weight of bad pixels above which an output pixel is flagged.
    """
    data, out_variance, out_flags, width = outputs
    x, y, affine = mapping
    (first_row, first_column), (rows, columns) = block
    taps = 4 + 2 * kernel[2]
    squared = (np.empty((taps, _CHUNK_SIZE), np.float32), np.empty((taps, _CHUNK_SIZE), np.float32))
    buffers = (np.empty((4, _CHUNK_SIZE), np.float32), squared[0], squared[1], np.empty(_CHUNK_SIZE, np.float32))
    edge_buffers = (np.empty((4, 1), np.float32), np.empty((4, 1), np.float32))
    row_x, row_y = np.empty(columns), np.empty(columns)
    shift_x, shift_y = np.empty(columns, np.int32), np.empty(columns, np.int32)
    phase_x, phase_y = np.empty(columns, np.float32), np.empty(columns, np.float32)
    run_ends = np.empty(columns, np.intp)
    for r in range(rows):
        if x.size > 0:
            for c in range(columns):
                row_x[c], row_y[c] = x[r, c], y[r, c]
        else:
            _compute_affine_positions(affine[0], first_row + r, first_column, row_x)
            _compute_affine_positions(affine[1], first_row + r, first_column, row_y)
        _split_positions(row_x, shape[1], 1, shift_x, phase_x)
        _split_positions(row_y, shape[0], 0, shift_y, phase_y)
        run_count = _find_runs(shift_x, shift_y, run_ends)
        row = (shift_x, shift_y, phase_x, phase_y, run_ends, run_count)
        offset = (first_row + r) * width + first_column
        if _interpolate_interior(data, offset, source, shape, row, kernel[0]) > 0:
            _interpolate_edges(data, out_flags, offset, source, shape, row, kernel[0], edge_buffers)
        if inputs[0].size > 0 or inputs[1].size > 0:
            _propagate_row(out_variance, out_flags, offset, inputs, shape, row, kernel, buffers)


# -- spline coefficients -------------------------------------------------------------------------


@cached_njit
def _filter_columns(plane, pole):
    """Filter a plane along its columns, forwards and backwards, in place."""
    rows, columns = uintp(plane.shape[0]), uintp(plane.shape[1])
    for r in range(_ONE, rows):
        for c in range(columns):
            plane[r, c] += pole * plane[r - _ONE, c]
    for back in range(_ONE, rows):
        r = rows - _ONE - back
        for c in range(columns):
            plane[r, c] = pole * (plane[r + _ONE, c] - plane[r, c])


@cached_njit
def _transpose(plane, first, transposed):
    """Transpose a plane, starting at the row ``first``."""
    columns, rows = transposed.shape
    for top in range(0, rows, _CACHE_LINE):
        for c in range(uintp(columns)):
            for r in range(uintp(top), uintp(min(top + _CACHE_LINE, rows))):
                transposed[c, r] = plane[uintp(first) + r, c]


@cached_njit
def compute_spline_coefficients(data, rows, columns, pole, margin):
    """Compute the spline coefficients of a window of an image: filter it along both axes.

    Parameters
    ----------
    data : `~numpy.ndarray`
        Image, float32, shape ``(ny, nx)``.
    rows, columns : tuple of int
        The window: its first row or column, and the one after its last.
    pole : float
        Pole of the filter, float32.
    margin : int
        Pixels around the window that the filter takes into account. At the edges the image is mirrored.

    Returns
    -------
    `~numpy.ndarray`
        Coefficients, not multiplied by the gain of the filter; float32, shape of the window.
    """
    height, width = rows[1] - rows[0] + 2 * margin, columns[1] - columns[0] + 2 * margin
    input_columns = np.empty(width, np.uintp)
    for c in range(width):
        input_columns[c] = _mirror_index(columns[0] - margin + c, data.shape[1])
    plane = np.empty((height, width), np.float32)
    for r in range(height):
        input_row = data[_mirror_index(rows[0] - margin + r, data.shape[0])]
        for c in range(width):
            plane[r, c] = input_row[input_columns[c]]
    _filter_columns(plane, pole)
    # Along a row, each value depends on the one before. Along the columns of the transposed plane, all rows of the
    # window are filtered at the same time.
    transposed = np.empty((width, height - 2 * margin), np.float32)
    _transpose(plane, margin, transposed)
    _filter_columns(transposed, pole)
    filtered = np.empty((height - 2 * margin, width - 2 * margin), np.float32)
    _transpose(transposed, margin, filtered)
    return filtered
