"""Limits for the tiles of compressed images: astropy unpacks a gzip tile without one."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
from astropy.io import fits

from aia_ccdproc.errors import ReadError
from aia_ccdproc.images.values import as_number

__all__ = ["MAX_GZIP_RATIO", "MAX_UNPACKED_BYTES", "check_tiles"]

#: Limit for a compressed file, and for a tile; eight times the size of a full-frame image in float32.
MAX_UNPACKED_BYTES = 2**29
#: gzip packs no data better than this.
MAX_GZIP_RATIO = 1032
_COLUMN = re.compile(r"(\d*)([LXBIJKAEDCMPQ])")
_COLUMN_BYTES = dict(zip("LXBIJKAEDCMPQ", (1, 1, 1, 2, 4, 8, 1, 4, 8, 8, 16, 8, 16), strict=True))


def check_tiles(path: Path, stream: IO[bytes], cards: list[str]) -> None:
    """Refuse a tile-compressed image with a gzip tile that would need too much memory.

    Parameters
    ----------
    path : `~pathlib.Path`
        The file, for the message.
    stream : file object
        The file, at the start of the data of the HDU. Its position is changed.
    cards : list of str
        Valid cards of the HDU.

    Raises
    ------
    ReadError
        If a tile would need more than `MAX_UNPACKED_BYTES`.
    """
    if not any(card.startswith(("TTYPE", "ZCMPTYPE")) and "GZIP" in card for card in cards):
        return
    header = fits.Header.fromstring("".join(cards))
    width, rows = _size(header.get("NAXIS1")), _size(header.get("NAXIS2"))
    heap = stream.tell() + _size(header.get("THEAP", width * rows))
    raw = stream.read(width * rows)
    for offset, kind in _gzip_columns(header):
        size = 2 * np.dtype(kind).itemsize
        if offset + size > width:
            return  # astropy will report that this file is damaged
        columns = np.frombuffer(raw, np.uint8).reshape(rows, width)[:, offset : offset + size]
        descriptors = np.ascontiguousarray(columns).view(kind)
        for length, place in descriptors[descriptors[:, 0] > MAX_UNPACKED_BYTES // MAX_GZIP_RATIO].tolist():
            stream.seek(heap + max(place, 0))
            _check_tile(path, stream.read(length))


def _gzip_columns(header: fits.Header) -> Iterator[tuple[int, str]]:
    """Yield position and type of the columns with the descriptors of gzip tiles: their length and their place."""
    names = ["GZIP_COMPRESSED_DATA"]
    if "GZIP" in str(header.get("ZCMPTYPE")):
        names.append("COMPRESSED_DATA")
    offset = 0
    for number in range(1, 1 + min(_size(header.get("TFIELDS")), 999)):
        form = _COLUMN.match(str(header.get(f"TFORM{number}")))
        if form is None:
            return
        if form[2] in "PQ" and str(header.get(f"TTYPE{number}")).strip() in names:
            yield offset, ">i4" if form[2] == "P" else ">i8"
        offset += int(form[1] or 1) * _COLUMN_BYTES[form[2]]


def _check_tile(path: Path, packed: bytes) -> None:
    remaining = MAX_UNPACKED_BYTES
    try:
        while packed and remaining > 0:  # a tile may consist of several gzip members
            unpacker = zlib.decompressobj(wbits=31)
            while packed and not unpacker.eof and remaining > 0:
                remaining -= len(unpacker.decompress(packed, 2**20))
                packed = unpacker.unconsumed_tail
            packed = unpacker.unused_data
    except zlib.error:
        return  # astropy will report that this file is damaged
    if remaining <= 0:
        raise ReadError(
            f"{path}: the size of the image is not plausible: one of its tiles would need more than "
            f"{MAX_UNPACKED_BYTES // 2**20} MiB unpacked"
        )


def _size(value: object) -> int:
    number = as_number(value)
    return number if isinstance(number, int) and number > 0 else 0
