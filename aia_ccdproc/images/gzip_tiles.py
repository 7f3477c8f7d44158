"""Lossless compression of tiles by gzip.

Half of the bits of a floating-point pixel are noise, which no method compresses. A tile is therefore divided into
planes: the first bytes of all its pixels, then the second ones, and so on (GZIP_2). A plane that is noise is stored as
it is. The others are compressed by Huffman codes and run lengths. To search for longer repetitions would take twice the
time, and save 1 % of the file.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Iterator

import numpy as np

__all__ = ["gzip_parts", "pack_tile"]

_HEADER = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"  # no name, no time, unknown system
#: Last block of a stream: no data.
_END = b"\x03\0"
#: Bytes of a block that is not compressed.
_MAX_STORED_BYTES = 65535
#: Bytes of a plane from which its entropy is estimated, and the entropy in bits from which a plane is stored.
_SAMPLE_BYTES, _NOISE_ENTROPY = 1024, 7.6


def pack_tile(pixels: np.ndarray) -> bytes:
    """Compress a tile.

    Parameters
    ----------
    pixels : `~numpy.ndarray`
        The pixels, float32 or uint8, in native byte order, any shape.

    Returns
    -------
    bytes
        A gzip stream without a time. For float32 it contains the first bytes of all pixels, in the byte order of FITS,
        then the second ones, the third and the fourth.
    """
    if pixels.itemsize == 1:
        return gzip_parts([pixels.tobytes()])
    bits = np.ascontiguousarray(pixels).view(np.uint32)
    return gzip_parts((bits >> np.uint32(shift)).astype(np.uint8).tobytes() for shift in (24, 16, 8, 0))


def gzip_parts(parts: Iterable[bytes]) -> bytes:
    """Compress bytes whose parts may differ in how well they can be compressed.

    Parameters
    ----------
    parts : iterable of bytes
        The parts.

    Returns
    -------
    bytes
        One gzip stream, without a name and without a time. It is the same for the same parts.
    """
    blocks, checksum, size = [_HEADER], 0, 0
    for part in parts:
        checksum, size = zlib.crc32(part, checksum), size + len(part)
        packed = b"" if _is_noise(part) else _deflate(part)
        blocks += [packed] if 0 < len(packed) < len(part) else _store(part)
    return b"".join([*blocks, _END, checksum.to_bytes(4, "little"), (size % 2**32).to_bytes(4, "little")])


def _is_noise(part: bytes) -> bool:
    sample = np.frombuffer(part, np.uint8)[:: max(1, len(part) // _SAMPLE_BYTES)]
    if sample.size < _SAMPLE_BYTES:
        return False
    counts = np.bincount(sample)
    counts = counts[counts > 0]
    return math.log2(sample.size) - float(counts @ np.log2(counts)) / sample.size > _NOISE_ENTROPY


def _deflate(part: bytes) -> bytes:
    """Compress a part. The result ends with a whole byte, so that another block can follow."""
    packer = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL, zlib.Z_RLE)
    return packer.compress(part) + packer.flush(zlib.Z_SYNC_FLUSH)


def _store(part: bytes) -> Iterator[bytes]:
    for start in range(0, len(part), _MAX_STORED_BYTES):
        block = part[start : start + _MAX_STORED_BYTES]
        yield b"\0" + len(block).to_bytes(2, "little") + (_MAX_STORED_BYTES - len(block)).to_bytes(2, "little")
        yield block
