"""The entry point that resamples a block of output pixels."""

from __future__ import annotations

import numpy as np
from numba import float32, float64, int32, int64, uint8

from aia_ccdproc_cubic.compilation import entry_point, loop
from aia_ccdproc_cubic.resampling_loops.interpolation import find_run_end, interpolate_pixels, interpolate_run
from aia_ccdproc_cubic.resampling_loops.prefilter import ROW_MARGIN, compute_coefficients
from aia_ccdproc_cubic.resampling_loops.propagation import propagate_row
from aia_ccdproc_cubic.resampling_loops.taps import find_interval

__all__ = ["resample_block"]

#: Sum of the slopes of an affine map, against the identity, up to which a row is divided into runs.
_MAX_RUN_SLOPE = 1 / 16


@entry_point
def resample_block(
    data: float32[:, ::1],
    variance: float32[:, ::1],
    flags: uint8[:, ::1],
    tile_flags: uint8[:, ::1],
    out_data: float32[:, ::1],
    out_variance: float32[:, ::1],
    out_flags: uint8[:, ::1],
    x: float64[:, ::1],
    y: float64[:, ::1],
    affine: float64[:, ::1],
    block: int64[::1],
    basis: float32[:, ::1],
    response: float32[::1],
    pole: float32,
    offset: float64,
    clamped: int64,
    margin: int64,
    threshold: float32,
    tile_size: int64,
    plane: float32[:, ::1],
    lines: float32[:, ::1],
    positions: float64[:, ::1],
    shifts: int32[:, ::1],
    tables: float32[:, ::1],
) -> None:
    """Resample a block of output pixels.

    Parameters
    ----------
    data, variance, flags, tile_flags : `~numpy.ndarray`
        The input, shape ``(ny, nx)``, and the worst flag in each tile. Empty where the image has none.
    out_data, out_variance, out_flags : `~numpy.ndarray`
        The output. Variance and flags are zero at first.
    x, y : `~numpy.ndarray`
        Positions of the block's pixels in the input; empty if the map is affine.
    affine : `~numpy.ndarray`
        The affine map, shape ``(2, 3)``, which gives x and y from column, row and 1; empty if the map is not affine.
    block : `~numpy.ndarray`
        First row and column of the block, its rows and columns; first row of the part of the input that it needs, row
        after the last, first column, column after the last.
    basis, response, pole, offset, clamped, margin : object
        As in `~aia_ccdproc_cubic.kernels.InterpolationKernel`.
    threshold : float
        Weight of bad pixels above which an output pixel is flagged.
    tile_size : int
        Width of a tile.
    plane, lines, positions, shifts, tables : `~numpy.ndarray`
        Buffers.
    """
    first_row, first_column, rows, columns = block[0], block[1], block[2], block[3]
    window = block[4], block[5], block[6], block[7]
    source = data, 0, 0, data.shape
    if pole != 0 and window[1] > window[0]:
        compute_coefficients(data, window, pole, plane, lines)
        source = plane, window[0] - ROW_MARGIN, window[2], data.shape
    kernel = basis, response, offset, clamped, margin, threshold, tile_size
    inputs = variance, flags, tile_flags, data.shape
    propagates = variance.size > 0 or flags.size > 0
    for r in range(rows):
        row = first_row + r
        out = out_data[row, first_column : first_column + columns]
        flag = out_flags[row, first_column : first_column + columns]
        if affine.size > 0:
            row_x, row_y = positions[0, :columns], positions[1, :columns]
            lines_xy = affine[0, 0], affine[0, 1] * row + affine[0, 2], affine[1, 0], affine[1, 1] * row + affine[1, 2]
            _interpolate_affine_row(out, flag, first_column, lines_xy, source, kernel, (row_x, row_y))
            if propagates:
                _fill_positions(row_x, row_y, lines_xy, first_column)
        else:
            row_x, row_y = x[r], y[r]
            interpolate_pixels(out, flag, row_x, row_y, source, kernel)
        if propagates:
            spread = out_variance[row if variance.size > 0 else 0, first_column : first_column + columns]
            propagate_row((spread, flag), row_x, row_y, inputs, kernel, (shifts, tables))


@loop
def _interpolate_affine_row(out, flags, first, lines, source, kernel, positions):
    """Interpolate the pixels of a row of a block: in runs where all taps are in the image, and one by one elsewhere.

    ``lines`` gives the position x at a column as slope and start, and then y.
    """
    x_slope, x_start, y_slope, y_start = lines
    (rows, columns), offset, stop = source[3], kernel[2], first + out.size
    begin, end = find_interval(x_slope, x_start, -0.5, columns - 0.5, first, stop)
    begin, end = find_interval(y_slope, y_start, -0.5, rows - 0.5, begin, end)
    low = high = end
    if abs(x_slope - 1) + abs(y_slope) <= _MAX_RUN_SLOPE:
        low, high = find_interval(x_slope, x_start + offset, 1.0, columns - 2.0, begin, end)
        low, high = find_interval(y_slope, y_start + offset, 1.0, rows - 2.0, low, high)
        if low == high:
            low = high = end
    out[: begin - first], flags[: begin - first] = np.nan, 2
    out[end - first :], flags[end - first :] = np.nan, 2
    _interpolate_part(out, flags, first, (begin, low), lines, source, kernel, positions)
    _interpolate_part(out, flags, first, (high, end), lines, source, kernel, positions)
    while low < high:
        end = find_run_end(low, high, x_slope, x_start + offset, y_slope, y_start + offset)
        _interpolate_whole_run(out[low - first : end - first], low, lines, source, kernel)
        low = end


@loop
def _interpolate_part(out, flags, first, part, lines, source, kernel, positions):
    """Interpolate a part of a row pixel by pixel."""
    begin, end = part[0] - first, part[1] - first
    if begin < end:
        x, y = positions[0][begin:end], positions[1][begin:end]
        _fill_positions(x, y, lines, part[0])
        interpolate_pixels(out[begin:end], flags[begin:end], x, y, source, kernel)


@loop
def _interpolate_whole_run(out, column, lines, source, kernel):
    x_slope, x_start, y_slope, y_start = lines
    plane, top, left, _ = source
    x, y = x_slope * column + x_start, y_slope * column + y_start
    tap_column, tap_row = int(np.floor(x + kernel[2])), int(np.floor(y + kernel[2]))
    phases = (np.float32(x - tap_column), np.float32(x_slope - 1), np.float32(y - tap_row), np.float32(y_slope))
    i, j, stop = tap_row - 1 - top, tap_column - 1 - left, tap_column - left + out.size + 2
    taps = (plane[i, j:stop], plane[i + 1, j:stop], plane[i + 2, j:stop], plane[i + 3, j:stop])
    interpolate_run(out, taps, phases, kernel[0])


@loop
def _fill_positions(x, y, lines, first):
    """Compute the positions of the pixels of a row from the column ``first`` on."""
    x_slope, x_start, y_slope, y_start = lines
    for c in range(x.size):
        x[c] = x_slope * (first + c) + x_start
        y[c] = y_slope * (first + c) + y_start
