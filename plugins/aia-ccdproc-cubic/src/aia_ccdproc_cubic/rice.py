"""Tiles of RICE-compressed images, decoded and encoded by compiled loops."""

from __future__ import annotations

import numpy as np

from aia_ccdproc.plugin import QuantizedRows, RiceTiles, dithering_numbers
from aia_ccdproc_cubic.machine_code import CompiledLoops

__all__ = ["LOOPS", "decode_rice", "encode_rice"]

LOOPS = CompiledLoops("aia_ccdproc_cubic.rice_loops")

#: Bytes after the end of each tile that the loops may read, and after the end of the last tile that they may write.
_SLACK_BYTES = 512
#: Ratio of the standard deviation of normal noise to the median of its absolute differences of order two, three, five.
_NOISE_RATIOS = (1.0483579, 0.6052697, 0.1772048)
#: Numbers of levels above the level 0, and in all. CFITSIO reserves ten integers.
_MAX_POSITIVE, _MAX_LEVELS = 2.0**31 - 11, 2.0**32 - 12
_BLOCK_PIXELS = 32


def decode_rice(tiles: RiceTiles) -> np.ndarray:
    """Decode tiles of a RICE-compressed image.

    Parameters
    ----------
    tiles : `~aia_ccdproc.plugin.RiceTiles`
        The tiles.

    Returns
    -------
    `~numpy.ndarray`
        The integers of all tiles, uint32. Only the lower ``tiles.bits`` of each are valid.

    Raises
    ------
    ValueError
        If a tile is damaged.
    """
    data, offsets, ends = tiles.data, tiles.offsets, tiles.offsets + tiles.lengths
    outside = (offsets < 0) | (8 * tiles.lengths < tiles.bits) | (ends < offsets) | (ends > data.size)
    if outside.any():
        raise ValueError("a compressed tile is not in the file")
    if ends.size and ends.max() + _SLACK_BYTES > data.size:
        first = offsets.min()
        data = np.concatenate([data[first : ends.max()], np.zeros(_SLACK_BYTES, np.uint8)])
        offsets = offsets - first
    values = np.empty(tiles.sizes.sum(), np.uint32)
    offsets, lengths, sizes = map(np.ascontiguousarray, (offsets, tiles.lengths, tiles.sizes))
    if LOOPS.decode_tiles(data, offsets, lengths, sizes, tiles.bits, tiles.block, values) >= 0:
        raise ValueError("a compressed tile is damaged")
    return values


def encode_rice(rows: np.ndarray, divisor: int, first: int) -> QuantizedRows:
    """Round rows of pixels to a fraction of their noise, and encode them.

    Parameters
    ----------
    rows : `~numpy.ndarray`
        Pixels, float32, C-contiguous, shape ``(rows, nx)``.
    divisor : int
        Pixels are rounded to the noise of their row divided by this number.
    first : int
        Index of the first row in the sequence of random numbers.

    Returns
    -------
    `~aia_ccdproc.plugin.QuantizedRows`
        The rows.
    """
    count, n = rows.shape
    scales, zeros = _levels(rows, divisor)
    integers, lengths = np.empty(rows.shape, np.int32), np.where(scales > 0, 0, -1)
    LOOPS.quantize_rows(rows, scales, zeros, first, dithering_numbers(), integers)
    # A difference takes 32 bits at most, and a block a header of five.
    data = np.empty(count * (4 * n + n // _BLOCK_PIXELS + 8) + _SLACK_BYTES, np.uint8)
    LOOPS.encode_tiles(integers.reshape(-1), n, lengths, _BLOCK_PIXELS, data, np.empty(_BLOCK_PIXELS, np.uint32))
    return QuantizedRows(data[: lengths.sum()].copy(), lengths, scales, zeros)


def _levels(rows: np.ndarray, divisor: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the distance of the levels and the level 0 of each row, as CFITSIO computes them.

    The distance is 0 for a row without noise, and for one that would need too many levels.
    """
    count, n = rows.shape
    filled, differences = np.empty(n, np.float32), np.empty((3, n), np.float32)
    ranges, medians = np.empty((count, 2), np.int32), np.empty((count, 3), np.int32)
    LOOPS.measure_rows(
        rows.view(np.int32),
        filled,
        filled.view(np.int32),
        differences,
        differences.view(np.int32),
        np.empty(65, np.int32),
        ranges,
        medians,
    )
    low, high = ranges.view(np.float32).T
    second, third, fifth = (medians.view(np.float32) * np.array(_NOISE_RATIOS)).T
    noise = np.minimum(np.where(second > 0, second, third), np.minimum(third, np.where(fifth > 0, fifth, third)))
    scales = noise / divisor
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        span = (high.astype(float) - low) / scales
        # The level 0 is a multiple of the distance, so that a restored image is rounded to the same levels.
        zeros = np.where(span < _MAX_POSITIVE, np.trunc(low / scales + 0.5) * scales, (low + high).astype(float) / 2)
    scales[~(span <= _MAX_LEVELS)] = 0
    zeros[scales == 0] = 0
    return scales, zeros
