"""The entry point that resamples a block of output pixels, row by row."""

from __future__ import annotations

import numpy as np
from numba import float32, float64, int64, uint8

from aia_ccdproc_cubic.compilation import entry_point, loop
from aia_ccdproc_cubic.resampling_loops.flags import Flags, flag_pixels
from aia_ccdproc_cubic.resampling_loops.interpolation import Source, interpolate_pixels, interpolate_run
from aia_ccdproc_cubic.resampling_loops.lines import (
    Line,
    fill_positions,
    find_covered,
    find_interior,
    find_run_end,
    split_line,
)
from aia_ccdproc_cubic.resampling_loops.prefilter import ROW_MARGIN, compute_coefficients
from aia_ccdproc_cubic.resampling_loops.taps import Kernel
from aia_ccdproc_cubic.resampling_loops.variance import add_variance_of_pixels, add_variance_of_run

__all__ = ["resample_block"]


@entry_point
def resample_block(
    data: float32[:, ::1],
    variance: float32[:, ::1],
    flags: uint8[:, ::1],
    tiles: uint8[:, ::1],
    out_data: float32[:, ::1],
    out_variance: float32[:, ::1],
    out_flags: uint8[:, ::1],
    x: float64[:, ::1],
    y: float64[:, ::1],
    affine: float64[:, ::1],
    block: int64[::1],
    basis: float32[:, ::1],
    weights: float32[:, ::1],
    pole: float32,
    offset: float64,
    clamped: int64,
    margin: int64,
    threshold: float32,
    tile_size: int64,
    plane: float32[:, ::1],
    lines: float32[:, ::1],
    positions: float64[:, ::1],
    tables: float32[:, ::1],
) -> None:
    """Resample a block of output pixels.

    Parameters
    ----------
    data, variance, flags, tiles : `~numpy.ndarray`
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
    basis, weights, pole, offset, clamped, margin : object
        As in `~aia_ccdproc_cubic.kernels.InterpolationKernel`.
    threshold : float
        Weight of bad pixels above which an output pixel is flagged.
    tile_size : int
        Width of a tile.
    plane, lines, positions, tables : `~numpy.ndarray`
        Buffers.
    """
    window = block[4], block[5], block[6], block[7]
    source = Source(data, 0, 0, data.shape)
    if pole != 0 and window[1] > window[0]:
        compute_coefficients(data, window, pole, plane, lines)
        source = Source(plane, window[0] - ROW_MARGIN, window[2], data.shape)
    folded = (weights.shape[0] - 4 - 2 * margin) // 2
    kernel = Kernel(basis, weights, offset, clamped, margin, folded)
    input_flags = Flags(flags, tiles, tile_size, threshold)
    first, stop = block[1], block[1] + block[3]
    for r in range(block[2]):
        row = block[0] + r
        out, out_flag = out_data[row, first:stop], out_flags[row, first:stop]
        out_spread = out_variance[row if variance.size > 0 else 0, first:stop]
        row_x, row_y = positions[0, : out.size], positions[1, : out.size]
        if affine.size > 0:
            starts = affine[0, 1] * row + affine[0, 2], affine[1, 1] * row + affine[1, 2]
            line = Line(affine[0, 0], starts[0], affine[1, 0], starts[1])
            covered = find_covered(line, data.shape, first, stop)
            _interpolate_line(out, out_flag, first, covered, line, source, kernel, (row_x, row_y))
            if variance.size > 0:
                _add_variance_of_line(out_spread, first, covered, line, variance, kernel, (row_x, row_y), tables)
            if flags.size > 0:
                fill_positions(line, first, row_x, row_y)
        else:
            row_x, row_y = x[r], y[r]
            interpolate_pixels(out, out_flag, row_x, row_y, source, kernel)
            if variance.size > 0:
                add_variance_of_pixels(out_spread, row_x, row_y, variance, kernel, tables)
        if flags.size > 0:
            flag_pixels(out_flag, row_x, row_y, affine.size > 0, input_flags, kernel, tables)


@loop
def _interpolate_line(out, out_flags, first, covered, line, source, kernel, positions):
    """Interpolate a row on an affine map, and flag the pixels that the input does not cover."""
    begin, end = covered[0] - first, covered[1] - first
    out[:begin], out_flags[:begin] = np.nan, 2
    out[end:], out_flags[end:] = np.nan, 2
    low, high = find_interior(line, source.shape, kernel, 0, covered)
    for start, stop in ((covered[0], low), (high, covered[1])):
        x, y = positions[0][: stop - start], positions[1][: stop - start]
        fill_positions(line, start, x, y)
        interpolate_pixels(out[start - first : stop - first], out_flags[start - first :], x, y, source, kernel)
    while low < high:
        stop = find_run_end(line, low, high, kernel)
        left, below, phases = split_line(line, low, kernel)
        interpolate_run(out[low - first : stop - first], source, left, below, phases, kernel.basis)
        low = stop


@loop
def _add_variance_of_line(out, first, covered, line, variance, kernel, positions, tables):
    """Compute the variance of a row on an affine map."""
    low, high = find_interior(line, variance.shape, kernel, kernel.margin + kernel.folded, covered)
    for start, stop in ((covered[0], low), (high, covered[1])):
        x, y = positions[0][: stop - start], positions[1][: stop - start]
        fill_positions(line, start, x, y)
        add_variance_of_pixels(out[start - first : stop - first], x, y, variance, kernel, tables)
    while low < high:
        stop = find_run_end(line, low, high, kernel)
        left, below, phases = split_line(line, low, kernel)
        add_variance_of_run(out[low - first : stop - first], variance, left, below, phases, kernel, tables)
        low = stop
