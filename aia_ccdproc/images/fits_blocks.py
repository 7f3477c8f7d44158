"""The blocks of a FITS file, read so that astropy gets valid headers only, and unpacks a limited size only."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import math
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

from aia_ccdproc.errors import ReadError
from aia_ccdproc.images.cards import CARD_LENGTH, MAX_CARDS, RepairedCards, is_end, repair_cards
from aia_ccdproc.images.tiles import MAX_GZIP_RATIO, MAX_UNPACKED_BYTES, check_tiles

__all__ = ["open_repaired"]

_BLOCK = 2880
_MAX_HEADER_BYTES = MAX_CARDS * CARD_LENGTH
_UNPACKERS: dict[bytes, Callable[[IO[bytes]], Any]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}
_SIZE_CARD = re.compile(r"(BITPIX|NAXIS\d*|PCOUNT|GCOUNT) *= *(?:([+-]?\d+) *(?:/.*)?$)?")
_PIXEL_BITS = (8, 16, 32, 64, -32, -64)


class _Hdu(NamedTuple):
    """One HDU of a file."""

    header: bytes
    """Bytes of the header as they are in the file, padding included."""
    repaired: RepairedCards
    span: int
    """Size of its data in bytes, with padding."""


@contextmanager
def open_repaired(path: Path) -> Iterator[tuple[IO[bytes], list[str]]]:
    """Open a FITS file so that astropy can read it.

    Parameters
    ----------
    path : `~pathlib.Path`
        The file, plain or compressed with gzip, bzip2 or xz.

    Yields
    ------
    stream : file object
        The file, if it is plain and its headers are valid. Otherwise a copy in memory, unpacked, whose headers have
        been repaired, and which ends with the last HDU.
    problems : list of str
        What was repaired.

    Raises
    ------
    ReadError
        If the file is not FITS or is truncated; if a compressed file would need more memory than `MAX_UNPACKED_BYTES`
        or than its headers say.
    """
    with path.open("rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        start = stream.read(6)
        stream.seek(0)
        unpack = next((opener for magic, opener in _UNPACKERS.items() if start.startswith(magic)), None)
        if not size:
            raise ReadError(f"{path}: is empty")
        if unpack is None:
            hdus = list(_plain_hdus(path, stream, size))
            if all(_is_unchanged(hdu) for hdu in hdus):
                stream.seek(0)
                yield stream, []
                return
            content = _repaired_copy(stream, hdus)
        else:
            with unpack(stream) as unpacked:
                content, hdus = _unpack(path, unpacked, size * MAX_GZIP_RATIO if unpack is gzip.open else None)
    with content:
        yield content, [hdu.repaired.problem for hdu in hdus if hdu.repaired.problem is not None]


def _plain_hdus(path: Path, stream: IO[bytes], size: int) -> Iterator[_Hdu]:
    """Yield the HDUs of a file that is not compressed. The file may have other data after the last one."""
    position = header_bytes = 0
    while (hdu := _read_hdu(path, stream, header_bytes)) is not None:
        yield hdu
        header_bytes += len(hdu.header)
        position += len(hdu.header) + hdu.span
        if size < position:
            raise ReadError(f"{path}: is truncated: it has {size} bytes of {position}. Download it again")
        check_tiles(path, stream, hdu.repaired.cards)
        stream.seek(position)


def _repaired_copy(stream: IO[bytes], hdus: list[_Hdu]) -> io.BytesIO:
    content = io.BytesIO()
    stream.seek(0)
    for hdu in hdus:
        stream.seek(len(hdu.header), os.SEEK_CUR)
        content.write(_repaired_header(hdu))
        content.write(stream.read(hdu.span))
    content.seek(0)
    return content


def _unpack(path: Path, unpacked: IO[bytes], most: int | None) -> tuple[io.BytesIO, list[_Hdu]]:
    """Unpack the HDUs of a compressed file, and nothing that follows them."""
    content = io.BytesIO()
    hdus: list[_Hdu] = []
    while (hdu := _read_hdu(path, unpacked, sum(len(hdu.header) for hdu in hdus))) is not None:
        needed = content.tell() + len(hdu.header) + hdu.span
        if needed > MAX_UNPACKED_BYTES:
            raise ReadError(
                f"{path}: the size of the image is not plausible: it would need {needed / 2**20:.0f} MiB unpacked, and "
                f"{MAX_UNPACKED_BYTES // 2**20} MiB are allowed. Unpack the file if it is right"
            )
        if most is not None and needed > most:
            raise ReadError(f"{path}: is damaged or truncated: it cannot contain {needed} bytes. Download it again")
        hdus.append(hdu)
        content.write(_repaired_header(hdu))
        data = unpacked.read(hdu.span)
        content.write(data)
        if len(data) < hdu.span:
            raise ReadError(f"{path}: is truncated: {hdu.span - len(data)} bytes are missing. Download it again")
        check_tiles(path, io.BytesIO(data), hdu.repaired.cards)
    content.seek(0)
    return content, hdus


def _read_hdu(path: Path, stream: IO[bytes], header_bytes: int) -> _Hdu | None:
    """Read the header of the next HDU, after headers of a given size. Return None after the last one."""
    header = stream.read(_BLOCK)
    if not header_bytes and not header.startswith(b"SIMPLE  ="):
        raise ReadError(f"{path}: is not a FITS file")
    if header_bytes and not header.startswith(b"XTENSION"):
        return None
    while not _contains_end(header):
        block = stream.read(_BLOCK)
        if not block:
            raise ReadError(f"{path}: is damaged or truncated: a header has no END. Download it again")
        header += block
        if header_bytes + len(header) > _MAX_HEADER_BYTES:
            break
    if header_bytes + len(header) > _MAX_HEADER_BYTES:
        raise ReadError(
            f"{path}: its headers have more than {MAX_CARDS} cards, or one of them has no END. Download it again, or "
            "remove cards such as HISTORY"
        )
    repaired = repair_cards(header.decode("latin-1"))
    return _Hdu(header, repaired, _data_span(path, repaired.cards))


def _contains_end(header: bytes) -> bool:
    """Check whether the last block of a header contains the card END."""
    block = header[-_BLOCK:].decode("latin-1")
    return any(is_end(block[i : i + CARD_LENGTH]) for i in range(0, len(block), CARD_LENGTH))


def _data_span(path: Path, cards: list[str]) -> int:
    """Compute the size of the data of an HDU in bytes, padding included. Refuse a header that does not give it."""
    matches = filter(None, map(_SIZE_CARD.match, cards))
    found = {match[1]: None if match[2] is None else int(match[2]) for match in matches}

    def checked(keyword: str, default: int | None = None) -> int:
        value = found.get(keyword, default)
        if value is None or value < 0:  # with a negative size, astropy would read the same HDU again and again
            state = "is missing or not an integer" if value is None else f"is {value}"
            raise ReadError(f"{path}: is damaged: {keyword} {state}. Download it again")
        return value

    axes = [checked(f"NAXIS{i + 1}") for i in range(checked("NAXIS"))]
    pixels = math.prod(axes) if axes else 0
    bits = found.get("BITPIX")
    if bits not in _PIXEL_BITS:
        raise ReadError(f"{path}: is damaged: BITPIX is {bits}, not one of {_PIXEL_BITS}. Download it again")
    size = abs(bits) // 8 * checked("GCOUNT", 1) * (checked("PCOUNT", 0) + pixels)
    return -(-size // _BLOCK) * _BLOCK


def _is_unchanged(hdu: _Hdu) -> bool:
    raw = hdu.header.decode("latin-1")
    text = "".join(hdu.repaired.cards)
    return raw.startswith(text) and is_end(raw[len(text) : len(text) + CARD_LENGTH])


def _repaired_header(hdu: _Hdu) -> bytes:
    text = "".join(hdu.repaired.cards) + "END".ljust(CARD_LENGTH)
    return text.encode("ascii").ljust(-(-len(text) // _BLOCK) * _BLOCK)
