"""Flags of output pixels.

Most pixels are far from any flag. They are skipped by means of the worst flag in each tile of the input.
"""

from __future__ import annotations

from collections import namedtuple

import numpy as np
from numba import int64, uint8, uintp

from aia_ccdproc_cubic.compilation import entry_point, loop
from aia_ccdproc_cubic.resampling_loops.taps import find_weights, is_covered, split_position

__all__ = ["Flags", "find_worst_flags", "flag_pixels"]

#: Flags of the input, the worst flag in each tile, the width of a tile, and the weight above which a pixel is flagged.
Flags = namedtuple("Flags", ["plane", "tiles", "tile_size", "threshold"])
#: Output pixels around which flags are searched at a time.
_PIECE = 64


@entry_point
def find_worst_flags(flags: uint8[:, ::1], tiles: uint8[:, ::1], tile_size: int64) -> None:
    """Find the worst flag in each tile.

    Parameters
    ----------
    flags : `~numpy.ndarray`
        Flags of the input.
    tiles : `~numpy.ndarray`
        The worst flags; zero at first.
    tile_size : int
        Width of a tile.
    """
    for row in range(flags.shape[0]):
        line, worst = flags[row], tiles[row // tile_size]
        for begin in range(0, line.size, _PIECE):
            piece, present = line[begin : begin + _PIECE], uint8(0)
            for i in range(uintp(piece.size)):
                present |= piece[i]
            for i in range(piece.size if present else 0):
                tile = (begin + i) // tile_size
                worst[tile] = max(worst[tile], piece[i])


@loop
def flag_pixels(out, x, y, are_linear, flags, kernel, weights):
    """Flag pixels by their positions in the input. Pixels that the input does not cover are left as they are.

    ``are_linear`` says whether the positions are linear functions of the column.
    """
    for begin in range(0, x.size, _PIECE):
        end = min(begin + _PIECE, x.size)
        low_x, high_x, low_y, high_y = np.inf, -np.inf, np.inf, -np.inf
        i, step = begin, max(1, end - 1 - begin) if are_linear else 1
        while i < end:
            if x[i] == x[i] and y[i] == y[i]:  # not NaN
                low_x, high_x, low_y, high_y = min(low_x, x[i]), max(high_x, x[i]), min(low_y, y[i]), max(high_y, y[i])
            i += step
        if _worst_flag_near(low_x, high_x, low_y, high_y, flags, kernel) == 0:
            continue
        for i in range(begin, end):
            if is_covered(x[i], y[i], flags.plane.shape):
                worst = _worst_flag_near(x[i], x[i], y[i], y[i], flags, kernel)
                if worst > 0:
                    out[i] = _flag_at(x[i], y[i], flags, kernel, weights, worst)


@loop
def _worst_flag_near(low_x, high_x, low_y, high_y, flags, kernel):
    """Return the worst flag in the tiles that the kernel can reach from the positions in a rectangle."""
    rows, columns = flags.plane.shape
    if not (low_x < columns and high_x > -1 and low_y < rows and high_y > -1):
        return np.uint8(0)
    reach = 2.0 + kernel.margin
    first_row, last_row = int(max(low_y - reach, 0.0)), int(min(high_y + reach + 1, rows - 1.0))
    first_column, last_column = int(max(low_x - reach, 0.0)), int(min(high_x + reach + 1, columns - 1.0))
    worst = np.uint8(0)
    for i in range(first_row // flags.tile_size, last_row // flags.tile_size + 1):
        for j in range(first_column // flags.tile_size, last_column // flags.tile_size + 1):
            worst = max(worst, flags.tiles[i, j])
    return worst


@loop
def _flag_at(x, y, flags, kernel, weights, worst):
    """Return the worst flag for which the pixels with this flag or a worse one have more weight than the threshold.

    ``worst`` is the worst flag that is possible.
    """
    rows, columns = flags.plane.shape
    left, phase_x = split_position(x, columns, kernel)
    below, phase_y = split_position(y, rows, kernel)
    nearest = flags.plane[min(below + int(phase_y > 0.5), rows - 1), min(left + int(phase_x > 0.5), columns - 1)]
    if nearest == worst:  # the nearest pixel always has more weight than the threshold
        return worst
    first_column = find_weights(left, phase_x, columns, kernel, weights[0])
    first_row = find_weights(below, phase_y, rows, kernel, weights[1])
    taps = 4 + 2 * kernel.margin
    masked, invalid = np.float32(0), np.float32(0)
    for j in range(min(taps, rows - first_row)):
        for k in range(min(taps, columns - first_column)):
            flag = flags.plane[first_row + j, first_column + k]
            if flag > 0:
                weight = abs(weights[1][j] * weights[0][k])
                masked += weight
                invalid += weight if flag > 1 else np.float32(0)
                if invalid > flags.threshold or (worst == 1 and masked > flags.threshold):
                    return worst
    return np.uint8(1) if masked > flags.threshold else np.uint8(0)
