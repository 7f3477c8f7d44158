"""Encoding by RICE_1."""

from __future__ import annotations

from numba import int32, int64, uint8, uint32, uint64

from aia_ccdproc_cubic.compilation import entry_point, loop
from aia_ccdproc_cubic.rice_loops.bits import block_header, count_leading_zeros, store_word

__all__ = ["encode_tiles"]

_0, _1, _2, _3, _4, _7, _64 = (uint64(n) for n in (0, 1, 2, 3, 4, 7, 64))


@loop
def _write_bits(data, position, bits, length):
    """Write up to 56 bits. All bits after ``position``, up to the end of its byte, must be 0."""
    index = position >> _3
    head = uint64(data[index]) << uint64(56)
    store_word(data, index, head | (bits << (_64 - (position & _7) - length)))
    return position + length


@loop
def _write_code(data, position, code, split):
    """Write a code of any length."""
    zeros = uint64(code) >> split
    while zeros > uint64(24):
        position = _write_bits(data, position, _0, uint64(24))
        zeros -= uint64(24)
    return _write_bits(data, position, (_1 << split) | (uint64(code) & ((_1 << split) - _1)), zeros + _1 + split)


@loop
def _write_codes(data, position, codes, count, split):
    """Write the codes of a block."""
    mask, k = (_1 << split) - _1, _0
    stop, length = _1 << split, split + _1
    while k < count:
        if k + _4 <= count:
            a, b, c, d = uint64(codes[k]), uint64(codes[k + _1]), uint64(codes[k + _2]), uint64(codes[k + _3])
            of_b, of_c, of_d = (b >> split) + length, (c >> split) + length, (d >> split) + length
            total = (a >> split) + length + of_b + of_c + of_d
            if total <= uint64(56):
                left = ((stop | (a & mask)) << of_b) | stop | (b & mask)
                right = ((stop | (c & mask)) << of_d) | stop | (d & mask)
                position = _write_bits(data, position, (left << (of_c + of_d)) | right, total)
                k += _4
                continue
        position = _write_code(data, position, codes[k], split)
        k += _1
    return position


@loop
def _encode_tile(values, start, count, block, data, position, codes):
    """Encode a tile of 32-bit pixels. Return the position after it, at the start of a byte."""
    header, limit = block_header(uint64(32))
    data[position >> _3] = 0
    last = values[start]
    position = _write_bits(data, position, uint64(uint32(last)), uint64(32))
    i = _0
    while i < count:
        size = min(block, count - i)
        total = _0
        for k in range(size):
            value = values[start + i + k]
            difference = uint32(uint32(value) - uint32(last))
            codes[k] = (difference << uint32(1)) ^ (uint32(0) - (difference >> uint32(31)))
            total += uint64(codes[k])
            last = value
        correction = (size >> _1) + _1
        mean = (total - correction) // size if total > correction else _0
        split = _64 - count_leading_zeros(mean >> _1)
        if split >= limit:
            position = _write_bits(data, position, limit + _1, header)
            for k in range(size):
                position = _write_bits(data, position, uint64(codes[k]), uint64(32))
        elif total == _0:
            position = _write_bits(data, position, _0, header)
        else:
            position = _write_bits(data, position, split + _1, header)
            position = _write_codes(data, position, codes, size, split)
        i += size
    return (position + _7) & ~_7


@entry_point
def encode_tiles(
    values: int32[::1], pixels: int64, lengths: int64[::1], block: int64, data: uint8[::1], codes: uint32[::1]
) -> None:
    """Encode tiles of 32-bit pixels, one after the other.

    Parameters
    ----------
    values : `~numpy.ndarray`
        Pixels of all tiles, one after the other.
    pixels : int
        Pixels of a tile.
    lengths : `~numpy.ndarray`
        Output: number of bytes of each tile. Tiles whose length is negative are left out, and have length 0.
    block : int
        Pixels of a block.
    data : `~numpy.ndarray`
        Output: the encoded tiles. It must have space for the longest possible code, and 8 bytes more.
    codes : `~numpy.ndarray`
        Buffer for a block.
    """
    position = _0
    count = uint64(pixels)
    for tile in range(lengths.size):
        start = position
        if lengths[tile] >= 0:
            position = _encode_tile(values, uint64(tile) * count, count, uint64(block), data, position, codes)
        lengths[tile] = (position - start) >> _3
