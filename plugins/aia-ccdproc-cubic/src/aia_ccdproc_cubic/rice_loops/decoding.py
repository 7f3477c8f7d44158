"""Decoding of RICE_1."""

from __future__ import annotations

from numba import int64, uint8, uint32, uint64

from aia_ccdproc_cubic.compilation import entry_point, loop
from aia_ccdproc_cubic.rice_loops.bits import block_header, count_leading_zeros, load_word

__all__ = ["decode_tiles"]

_0, _1, _2, _3, _4, _7, _63, _64 = (uint64(n) for n in (0, 1, 2, 3, 4, 7, 63, 64))
#: Bits of a window that are certainly valid: a word without the bits of its first byte that are already used.
_WINDOW_BITS = uint64(57)


@loop
def _window(data, position):
    """Return a word that begins at the bit ``position``."""
    return load_word(data, position >> _3) << (position & _7)


@loop
def _next_code(window, used, split):
    """Return the window without its first code, the number of bits used so far, and the code.

    The code is wrong if these are more than `_WINDOW_BITS`.
    """
    zeros = count_leading_zeros(window)
    code = uint32(((zeros - _1) << split) + ((window << (zeros & _63)) >> (_63 - split)))
    length = zeros + split + _1
    return window << (length & _63), used + length, code


@loop
def _read_code(data, position, end, split):
    """Return the position after a code of any length, and the code."""
    quotient = _0
    window = _window(data, position)
    while window < uint64(2**7):
        if position > end:
            return position, uint32(0)
        quotient += _WINDOW_BITS
        position += _WINDOW_BITS
        window = _window(data, position)
    zeros = count_leading_zeros(window)
    position += zeros + _1
    remainder = (_window(data, position) >> _1) >> (_63 - split)
    return position + split, uint32(((quotient + zeros) << split) + remainder)


@loop
def _read_codes_of_pair(data, position, other, end, other_end, split, other_split, values, k, j, count):
    """Read the codes of a block of each of two tiles. Return the positions after them."""
    stop = k + count
    while k < stop:
        if k + _4 <= stop:
            window, used, code = _next_code(_window(data, position), _0, split)
            other_window, other_used, other_code = _next_code(_window(data, other), _0, other_split)
            values[k], values[j] = code, other_code
            window, used, code = _next_code(window, used, split)
            other_window, other_used, other_code = _next_code(other_window, other_used, other_split)
            values[k + _1], values[j + _1] = code, other_code
            window, used, code = _next_code(window, used, split)
            other_window, other_used, other_code = _next_code(other_window, other_used, other_split)
            values[k + _2], values[j + _2] = code, other_code
            window, used, code = _next_code(window, used, split)
            other_window, other_used, other_code = _next_code(other_window, other_used, other_split)
            values[k + _3], values[j + _3] = code, other_code
            if max(used, other_used) <= _WINDOW_BITS:
                position += used
                other += other_used
                k += _4
                j += _4
                continue
        position, values[k] = _read_code(data, position, end, split)
        other, values[j] = _read_code(data, other, other_end, other_split)
        k += _1
        j += _1
    return position, other


@loop
def _read_block(data, position, end, bits, header, values, k, count):
    """Read the codes of a block. Return the position after them; one after the end if the block is damaged."""
    limit = block_header(bits)[1]
    if header > limit + _1:
        return end + _1
    for i in range(k, k + count):
        if header == _0:
            values[i] = uint32(0)
        elif header <= limit:
            position, values[i] = _read_code(data, position, end, header - _1)
        else:
            values[i] = uint32(_window(data, position) >> (_64 - bits))
            position += bits
    return position


@loop
def _add_up(values, k, count, value):
    """Replace codes by the differences that they stand for, and these by pixels."""
    for i in range(k, k + count):
        code = values[i]
        values[i] = (code >> uint32(1)) ^ (uint32(0) - (code & uint32(1)))
    for i in range(k, k + count):
        value += values[i]
        values[i] = value


@loop
def _decode_pair(data, position, other, end, other_end, bits, block, values, k, j, count):
    """Decode two tiles of equal size. Return 0, or 1 or 2 if the first or the second one is damaged."""
    width, limit = block_header(bits)
    value, other_value = uint32(_window(data, position) >> (_64 - bits)), uint32(_window(data, other) >> (_64 - bits))
    position += bits
    other += bits
    done = _0
    while done < count:
        size = min(block, count - done)
        header, other_header = _window(data, position) >> (_64 - width), _window(data, other) >> (_64 - width)
        position += width
        other += width
        if header - _1 < limit and other_header - _1 < limit:
            splits = header - _1, other_header - _1
            places = k + done, j + done
            position, other = _read_codes_of_pair(data, position, other, end, other_end, *splits, values, *places, size)
        else:
            position = _read_block(data, position, end, bits, header, values, k + done, size)
            other = _read_block(data, other, other_end, bits, other_header, values, j + done, size)
        if position > end:
            return 1
        if other > other_end:
            return 2
        done += size
    if end - position > _7:  # bytes that belong to no pixel
        return 1
    if other_end - other > _7:
        return 2
    _add_up(values, k, count, value)
    if j != k:
        _add_up(values, j, count, other_value)
    return 0


@entry_point
def decode_tiles(
    data: uint8[::1],
    offsets: int64[::1],
    lengths: int64[::1],
    sizes: int64[::1],
    bits: int64,
    block: int64,
    values: uint32[::1],
) -> int64:
    """Decode tiles.

    Parameters
    ----------
    data : `~numpy.ndarray`
        Bytes that contain the tiles, and 512 bytes more, shape ``(m,)``.
    offsets, lengths, sizes : `~numpy.ndarray`
        First byte, number of bytes and number of pixels of each tile, shape ``(n,)``.
    bits : int
        Bits of a pixel: 8, 16 or 32.
    block : int
        Pixels of a block.
    values : `~numpy.ndarray`
        Output: the pixels of all tiles. Only the lower ``bits`` of each are valid.

    Returns
    -------
    int
        Index of a tile that is damaged; -1 if there is none.
    """
    tile, place = 0, _0
    while tile < sizes.size:
        count = uint64(sizes[tile])
        # A tile without another one of its size is decoded twice at the same time, into the same place.
        other = tile + 1 if tile + 1 < sizes.size and sizes[tile + 1] == sizes[tile] else tile
        places = place, place + count if other > tile else place
        starts = uint64(offsets[tile]) << _3, uint64(offsets[other]) << _3
        ends = starts[0] + (uint64(lengths[tile]) << _3), starts[1] + (uint64(lengths[other]) << _3)
        damaged = _decode_pair(data, *starts, *ends, uint64(bits), uint64(block), values, *places, count)
        if damaged:
            return tile if damaged == 1 else other
        place = places[1] + count
        tile = other + 1
    return -1
