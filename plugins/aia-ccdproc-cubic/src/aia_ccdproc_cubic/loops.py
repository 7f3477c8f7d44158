"""The compiled loops. They run without the interpreter lock, each call on a block of output pixels of its own.

A row of output pixels falls into runs, within which the pixels to the left of the positions follow each other in one
row of the input. So in a run all that is read is contiguous, and the compiler makes vector instructions of the
loop: for the roll of AIA a run is some four hundred pixels long. For the same end planes are handed on as flat
arrays, indices are unsigned (numba would ask of each other one whether it is negative), and what is done for each
run is done within one function (numba counts references to every array that it hands on).

They stay in one file because numba takes a function from its cache as long as the file that holds it is the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit, uintp
from numba.core.caching import NullCache

__all__ = ["CELL", "coefficients", "resample_block", "without_cache"]

#: Side of the squares of pixels of which is known whether a flag is among them; more than a kernel's.
CELL = 32
#: Stands for the place of a position that lies outside of the input.
_OUTSIDE = np.int32(-(2**30))
#: Output pixels whose noise is computed in one go: as many as keep their weights in the nearest cache.
_CHUNK = 128
#: Float32 values in a cache line.
_LINE = 16
#: Shortest part of a run for which a vector loop pays.
_SHORT = 8
_ONE, _TWO, _THREE, _STRIDE = uintp(1), uintp(2), uintp(3), uintp(64)


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Have a function compiled when it is first called, and kept on disk where there is a place to write.

    Parameters
    ----------
    function : callable
        The function.

    Returns
    -------
    callable
        What numba makes of it.
    """
    options = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}}
    try:
        return njit(cache=True, **options)(function)
    except RuntimeError:  # neither the package's folder nor the user's cache can be written
        return njit(**options)(function)


def without_cache() -> None:
    """Have everything compiled anew, in memory: for a cache that is damaged, or cannot be written to the end."""
    for function in globals().values():
        if hasattr(function, "_cache"):
            function._cache = NullCache()


# -- positions -----------------------------------------------------------------------------------


@compiled
def _positions(line, row, column, along):
    start = line[1] * row + line[2]
    for c in range(along.size):
        along[c] = line[0] * (column + c) + start


@compiled
def _split(position, size, step, shift, phase):
    """Split positions into the pixel to their left, less ``step`` per output pixel, and what is left over."""
    last = size - 0.5
    for c in range(position.size):
        whole = np.floor(position[c])
        phase[c] = position[c] - whole
        covered = (position[c] >= -0.5) & (position[c] <= last)
        shift[c] = np.int32(whole) - np.int32(c) * step if covered else _OUTSIDE


@compiled
def _find_runs(shift_x, shift_y, ends):
    """Write down where each run ends, and return how many there are."""
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
        ends[count] = end
        count += 1
        first = end
    return count


@compiled
def _inner_part(first, end, row, shift, margin, shape):
    """Which pixels of a run have all taps within the image: one before, two after, and a margin on each side."""
    low = max(first, 1 + margin - shift)
    within = row >= 1 + margin and row < shape[0] - 2 - margin and low < end
    high = max(low, min(end, shape[1] - 2 - margin - shift))
    return (low, high) if within else (end, end)


@compiled
def mirrored(i, size):
    """Say where the image continues beyond an edge: it is mirrored at the centre of its outermost pixels.

    Parameters
    ----------
    i : int
        Row or column.
    size : int
        Rows or columns there are.

    Returns
    -------
    int
        Row or column of the image.
    """
    if 0 <= i < size or size == 1:
        return min(max(i, 0), size - 1)
    i = abs(i) % (2 * size - 2)
    return i if i < size else 2 * size - 2 - i


# -- weights -------------------------------------------------------------------------------------


@compiled
def _polynomial(basis, j, t):
    return ((basis[j, 3] * t + basis[j, 2]) * t + basis[j, 1]) * t + basis[j, 0]


@compiled
def _response(response, distance):
    return response[abs(distance)] if abs(distance) < response.size else np.float32(0)


@compiled
def _square_weights(phase, begin, kernel, near, squares):
    """Squared weights in a chunk, shape ``(taps, positions)``; ``near`` is room for the polynomials."""
    basis, response, margin, _ = kernel
    count = min(_CHUNK, phase.size - begin)
    for j in range(4):
        for i in range(count):
            near[j, i] = _polynomial(basis, j, phase[begin + i])
    for k in range(squares.shape[0]):
        a, b = _response(response, k - margin), _response(response, k - margin - 1)
        c, d = _response(response, k - margin - 2), _response(response, k - margin - 3)
        for i in range(count):
            weight = a * near[0, i] + b * near[1, i] + c * near[2, i] + d * near[3, i]
            squares[k, i] = weight * weight


@compiled
def _weights_at_edge(whole, phase, size, basis, response, weights):
    """Weights of pixels from the one returned on, shape ``(taps, 1)``: those that mirroring puts on one are added."""
    taps = weights.shape[0]
    margin = (taps - 4) // 2
    first = whole - 1 - margin
    start = max(0, min(first, size - taps))
    a, b = _polynomial(basis, 0, phase), _polynomial(basis, 1, phase)
    c, d = _polynomial(basis, 2, phase), _polynomial(basis, 3, phase)
    for k in range(taps):
        weights[k, 0] = 0
    for k in range(taps):
        weight = _response(response, k - margin) * a + _response(response, k - margin - 1) * b
        weight += _response(response, k - margin - 2) * c + _response(response, k - margin - 3) * d
        weights[mirrored(first + k, size) - start, 0] += weight
    return start


@compiled
def _sum(plane, corner, width, along_y, along_x, column):
    """Sum of pixels times their weights, those in a column of the tables."""
    total = np.float32(0)
    for j in range(along_y.shape[0]):
        for k in range(along_x.shape[0]):
            weight = along_y[j, column] * along_x[k, column]
            # Where the image has fewer pixels than the kernel, what is beyond it has no weight.
            if weight != 0:
                total += weight * plane[corner + j * width + k]
    return total


# -- data ----------------------------------------------------------------------------------------


@compiled
def _interpolate_row(out, line, source, shape, places, basis):
    """Interpolate where all four taps lie within the image, and return how many pixels are left."""
    plane, top, left, width = source
    shift_x, shift_y, x, y, ends, runs = places
    a0, a1, a2, a3 = basis[0, 0], basis[0, 1], basis[0, 2], basis[0, 3]
    b0, b1, b2, b3 = basis[1, 0], basis[1, 1], basis[1, 2], basis[1, 3]
    c0, c1, c2, c3 = basis[2, 0], basis[2, 1], basis[2, 2], basis[2, 3]
    d0, d1, d2, d3 = basis[3, 0], basis[3, 1], basis[3, 2], basis[3, 3]
    first, remaining = 0, x.size
    for run in range(runs):
        low, high = _inner_part(first, ends[run], shift_y[first], shift_x[first], 0, shape)
        remaining -= high - low
        f, target = uintp(low), uintp(line + low)
        p = uintp((shift_y[first] - 1 - top) * width + shift_x[first] + low - 1 - left)
        q = p + uintp(width)
        r = q + uintp(width)
        s = r + uintp(width)
        for i in range(uintp(high - low)):
            t, u = x[f + i], y[f + i]
            a = ((a3 * t + a2) * t + a1) * t + a0
            b = ((b3 * t + b2) * t + b1) * t + b0
            c = ((c3 * t + c2) * t + c1) * t + c0
            d = ((d3 * t + d2) * t + d1) * t + d0
            one = a * plane[p + i] + b * plane[p + i + _ONE] + c * plane[p + i + _TWO] + d * plane[p + i + _THREE]
            two = a * plane[q + i] + b * plane[q + i + _ONE] + c * plane[q + i + _TWO] + d * plane[q + i + _THREE]
            three = a * plane[r + i] + b * plane[r + i + _ONE] + c * plane[r + i + _TWO] + d * plane[r + i + _THREE]
            four = a * plane[s + i] + b * plane[s + i + _ONE] + c * plane[s + i + _TWO] + d * plane[s + i + _THREE]
            out[target + i] = (
                (((a3 * u + a2) * u + a1) * u + a0) * one
                + (((b3 * u + b2) * u + b1) * u + b0) * two
                + (((c3 * u + c2) * u + c1) * u + c0) * three
                + (((d3 * u + d2) * u + d1) * u + d0) * four
            )
        first = ends[run]
    return remaining


@compiled
def _finish_row(out, worst, line, source, shape, places, kernel, room):
    """Interpolate at the edges, and say where there is no input."""
    plane, top, left, width = source
    shift_x, shift_y, x, y, ends, runs = places
    along_x, along_y = room
    unity, first = np.ones(1, np.float32), 0
    for run in range(runs):
        row, shift = shift_y[first], shift_x[first]
        low, high = _inner_part(first, ends[run], row, shift, 0, shape)
        for c in range(first, ends[run]):
            if row == _OUTSIDE or shift == _OUTSIDE:
                out[line + c] = np.nan
                worst[line + c] = 2
            elif c < low or c >= high:
                at_y = _weights_at_edge(row, y[c], shape[0], kernel[0], unity, along_y) - top
                at_x = _weights_at_edge(shift + c, x[c], shape[1], kernel[0], unity, along_x) - left
                out[line + c] = _sum(plane, at_y * width + at_x, width, along_y, along_x, 0)
        first = ends[run]


# -- variance and flags --------------------------------------------------------------------------


@compiled
def _worst_near(cells, row, column, count, margin):
    """Worst flag in the cells that the kernel may reach from some pixels of a row."""
    worst = np.uint8(0)
    for i in range(max(0, row - 1 - margin) // CELL, min(cells.shape[0] - 1, (row + 2 + margin) // CELL) + 1):
        last = min(cells.shape[1] - 1, (column + count + 1 + margin) // CELL)
        for j in range(max(0, column - 1 - margin) // CELL, last + 1):
            worst = max(worst, cells[i, j])
    return worst


@compiled
def _touching_flag(flags, corner, width, squares_y, squares_x, column, threshold, limit):
    """Worst flag whose pixels, or worse ones, have more weight than the threshold; none is worse than ``limit``."""
    masked, invalid = np.float32(0), np.float32(0)
    for j in range(squares_y.shape[0]):
        for k in range(squares_x.shape[0]):
            flag = flags[corner + j * width + k]
            if flag > 0:
                weight = np.sqrt(squares_y[j, column] * squares_x[k, column])
                masked += weight
                if flag > 1:
                    invalid += weight
                if invalid > threshold or (limit == 1 and masked > threshold):
                    return limit
    return np.uint8(1) if masked > threshold else np.uint8(0)


@compiled
def _variance_of_part(out, target, variance, corner, width, squares_y, squares_x, begin, count, sums):
    """Sum up variances times squared weights, those from ``begin`` on; ``sums`` is room for the sums along a row."""
    taps = squares_x.shape[0]
    target, begin = uintp(target), uintp(begin)
    for j in range(taps):
        for i in range(count):
            sums[i] = 0
        for k in range(0, taps, 4):
            tap = uintp(corner + j * width + k)
            for i in range(uintp(count)):
                sums[i] += (
                    squares_x[k, begin + i] * variance[tap + i]
                    + squares_x[k + 1, begin + i] * variance[tap + i + _ONE]
                    + squares_x[k + 2, begin + i] * variance[tap + i + _TWO]
                    + squares_x[k + 3, begin + i] * variance[tap + i + _THREE]
                )
        for i in range(uintp(count)):
            out[target + i] += squares_y[j, begin + i] * sums[i]


@compiled
def _noise_row(spread, worst, line, planes, shape, places, kernel, room):
    """Variance and flags of a row, inner pixels in parts that do not go beyond a chunk."""
    variance, flags, cells = planes
    shift_x, shift_y, x, y, ends, runs = places
    near, squares_x, squares_y, sums = room
    margin, threshold, width = kernel[2], kernel[3], shape[1]
    first, ready = 0, -1
    for run in range(runs):
        end, row, shift = ends[run], shift_y[first], shift_x[first]
        low, high = _inner_part(first, end, row, shift, margin, shape)
        start = low
        while start < high and row != _OUTSIDE and shift != _OUTSIDE:
            chunk = start // _CHUNK
            begin, stop = chunk * _CHUNK, min(high, (chunk + 1) * _CHUNK)
            limit = _worst_near(cells, row, start + shift, stop - start, margin)
            if ready != chunk and (limit > 0 or variance.size > 0):
                ready = chunk
                _square_weights(x, begin, kernel, near, squares_x)
                _square_weights(y, begin, kernel, near, squares_y)
            corner = (row - 1 - margin) * width + start + shift - 1 - margin
            begin, count = start - begin, stop - start
            if variance.size > 0 and count >= _SHORT:
                _variance_of_part(
                    spread, line + start, variance, corner, width, squares_y, squares_x, begin, count, sums
                )
            for i in range(count if limit > 0 or count < _SHORT else 0):
                if variance.size > 0 and count < _SHORT:
                    spread[line + start + i] = _sum(variance, corner + i, width, squares_y, squares_x, begin + i)
                if limit > 0 and _worst_near(cells, row, start + shift + i, 1, margin) > 0:
                    worst[line + start + i] = _touching_flag(
                        flags, corner + i, width, squares_y, squares_x, begin + i, threshold, limit
                    )
            start = stop
        if high - low < end - first and row != _OUTSIDE and shift != _OUTSIDE:
            _noise_at_edges(spread, worst, line, planes, shape, places, kernel, (first, low, high, end))
        first = end


@compiled
def _noise_at_edges(spread, worst, line, planes, shape, places, kernel, run):
    """Variance and flags of those pixels of a run that are not among its inner ones."""
    variance, flags, _ = planes
    shift_x, shift_y, x, y, _, _ = places
    basis, response, margin, threshold = kernel
    first, low, high, end = run
    taps = 4 + 2 * margin
    along_x, along_y = np.empty((taps, 1), np.float32), np.empty((taps, 1), np.float32)
    for c in range(first, end):
        if low <= c < high:
            continue
        top = _weights_at_edge(shift_y[first], y[c], shape[0], basis, response, along_y)
        left = _weights_at_edge(shift_x[first] + c, x[c], shape[1], basis, response, along_x)
        for k in range(taps):
            along_x[k, 0] *= along_x[k, 0]
            along_y[k, 0] *= along_y[k, 0]
        corner = top * shape[1] + left
        if flags.size > 0:
            worst[line + c] = _touching_flag(flags, corner, shape[1], along_y, along_x, 0, threshold, np.uint8(2))
        if variance.size > 0:
            spread[line + c] = _sum(variance, corner, shape[1], along_y, along_x, 0)


# -- blocks --------------------------------------------------------------------------------------


@compiled
def resample_block(planes, out, source, x, y, affine, corner, size, shape, kernel):
    """Resample a block of output pixels.

    Parameters
    ----------
    planes : tuple of `~numpy.ndarray`
        Variance and flags of the input, flat, and the worst flag in each cell of it; of no size where there are none.
    out : tuple of `~numpy.ndarray` and int
        Data, variance and flags to be written, flat, the latter two zero, and how wide they are.
    source : tuple of `~numpy.ndarray` and int
        Part of the input, or of its coefficients, flat; row and column at which it starts, and how wide it is.
    x, y : `~numpy.ndarray`
        Positions in the input of the block's pixels; of no size where the map is affine.
    affine : `~numpy.ndarray`
        Shape ``(2, 3)``: gives ``x, y`` of ``column, row, 1``.
    corner, size : tuple of int
        Row and column at which the block starts, and how many it has.
    shape : tuple of int
        Shape of the input.
    kernel : tuple
        Basis and response of the kernel, how many pixels beyond four have a weight on each side, and the weight that
        flagged pixels have in those that they touch.
    """
    data, spread, worst, width = out
    taps, columns = 4 + 2 * kernel[2], size[1]
    squares = (np.empty((taps, _CHUNK), np.float32), np.empty((taps, _CHUNK), np.float32))
    room = (np.empty((4, _CHUNK), np.float32), squares[0], squares[1], np.empty(_CHUNK, np.float32))
    edge_room = (np.empty((4, 1), np.float32), np.empty((4, 1), np.float32))
    along_x, along_y = np.empty(columns), np.empty(columns)
    shift_x, shift_y = np.empty(columns, np.int32), np.empty(columns, np.int32)
    phase_x, phase_y = np.empty(columns, np.float32), np.empty(columns, np.float32)
    ends = np.empty(columns, np.intp)
    for r in range(size[0]):
        if x.size > 0:
            for c in range(columns):
                along_x[c], along_y[c] = x[r, c], y[r, c]
        else:
            _positions(affine[0], corner[0] + r, corner[1], along_x)
            _positions(affine[1], corner[0] + r, corner[1], along_y)
        _split(along_x, shape[1], 1, shift_x, phase_x)
        _split(along_y, shape[0], 0, shift_y, phase_y)
        runs = _find_runs(shift_x, shift_y, ends)
        places = (shift_x, shift_y, phase_x, phase_y, ends, runs)
        line = (corner[0] + r) * width + corner[1]
        if _interpolate_row(data, line, source, shape, places, kernel[0]) > 0:
            _finish_row(data, worst, line, source, shape, places, kernel, edge_room)
        if planes[0].size > 0 or planes[1].size > 0:
            _noise_row(spread, worst, line, planes, shape, places, kernel, room)


# -- the filter that makes coefficients of a spline out of pixels ----------------------------------


@compiled
def _filter(plane, pole):
    """Filter along the columns, forth and back, in place."""
    rows, columns = uintp(plane.shape[0]), uintp(plane.shape[1])
    for r in range(_ONE, rows):
        for c in range(columns):
            plane[r, c] += pole * plane[r - _ONE, c]
    for back in range(_ONE, rows):
        r = rows - _ONE - back
        for c in range(columns):
            plane[r, c] = pole * (plane[r + _ONE, c] - plane[r, c])


@compiled
def _transpose(plane, first, transposed):
    """Transpose a plane from a row on."""
    columns, rows = transposed.shape
    for top in range(0, rows, _LINE):
        for c in range(uintp(columns)):
            for r in range(uintp(top), uintp(min(top + _LINE, rows))):
                transposed[c, r] = plane[uintp(first) + r, c]


@compiled
def coefficients(data, rows, columns, pole, margin):
    """Filter a window of an image along both axes.

    Parameters
    ----------
    data : `~numpy.ndarray`
        Image.
    rows, columns : tuple of int
        The window: its first row or column, and the one after its last.
    pole : float
        Pole of the filter, float32.
    margin : int
        Pixels around the window over which the filter is followed; beyond an edge of the image it is mirrored.

    Returns
    -------
    `~numpy.ndarray`
        Coefficients, but for the gain of the filter; float32, of the window's shape.
    """
    height, width = rows[1] - rows[0] + 2 * margin, columns[1] - columns[0] + 2 * margin
    taken = np.empty(width, np.uintp)
    for c in range(width):
        taken[c] = mirrored(columns[0] - margin + c, data.shape[1])
    plane = np.empty((height, width), np.float32)
    for r in range(height):
        row = data[mirrored(rows[0] - margin + r, data.shape[0])]
        for c in range(width):
            plane[r, c] = row[taken[c]]
    _filter(plane, pole)
    # Along the rows each step would wait for the one before; turned, as many go abreast as there are rows.
    turned = np.empty((width, height - 2 * margin), np.float32)
    _transpose(plane, margin, turned)
    _filter(turned, pole)
    filtered = np.empty((height - 2 * margin, width - 2 * margin), np.float32)
    _transpose(turned, margin, filtered)
    return filtered
