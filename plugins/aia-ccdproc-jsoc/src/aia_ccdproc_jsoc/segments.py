"""Join the FITS file of a segment, which has no keywords, with the header of its record."""

from __future__ import annotations

import math
import re
import shutil
from pathlib import Path
from typing import BinaryIO, NamedTuple

from astropy.io import fits

from aia_ccdproc import ReadError
from aia_ccdproc.images import is_empty

__all__ = ["write_with_header"]

_BLOCK_BYTES = 2880
#: Keywords that describe the bytes of the file; those of the record are not used.
_STRUCTURE = re.compile(
    r"SIMPLE|XTENSION|EXTEND|EXTNAME|BITPIX|NAXIS\d*|PCOUNT|GCOUNT|TFIELDS|BSCALE|BZERO|BLANK|DATASUM|CHECKSUM|END"
    r"|T(TYPE|FORM|UNIT|SCAL|ZERO|NULL|DIM|DISP)\d+|Z\w*|THEAP"
)


class _Hdu(NamedTuple):
    """A header in a file, and where it begins and ends, in bytes."""

    header: fits.Header
    start: int
    end: int


def write_with_header(segment: Path, header: fits.Header, path: Path) -> None:
    """Write a copy of the file of a segment, with keywords added to the header of its image.

    Parameters
    ----------
    segment : `~pathlib.Path`
        The file.
    header : `~astropy.io.fits.Header`
        The keywords of the record.
    path : `~pathlib.Path`
        The file to write. The pixels have the same bytes as in the file of the segment, compressed or not.

    Raises
    ------
    ReadError
        If the file is not a FITS image, or is truncated.
    """
    with segment.open("rb") as source:
        image = _find_image(source, segment.stat().st_size)
        joined = image.header.copy()
        joined.remove("CHECKSUM", ignore_missing=True)  # it includes the header
        for card in header.cards:
            if not _STRUCTURE.fullmatch(card.keyword):
                joined.set(card.keyword, None if is_empty(card.value) else card.value, card.comment)
        with path.open("wb") as target:
            source.seek(0)
            target.write(source.read(image.start))
            target.write(joined.tostring().encode("ascii"))
            source.seek(image.end)
            shutil.copyfileobj(source, target)


def _find_image(stream: BinaryIO, size: int) -> _Hdu:
    """Find the first header with pixels."""
    start = 0
    while True:
        try:
            header = fits.Header.fromfile(stream)
            end = stream.tell()
            axes = [int(header[f"NAXIS{i + 1}"]) for i in range(int(header["NAXIS"]))]
            values = int(header.get("PCOUNT", 0)) + math.prod(axes)
            length = abs(int(header["BITPIX"])) // 8 * int(header.get("GCOUNT", 1)) * values if axes else 0
        except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
            raise ReadError(f"the file of the segment is not a FITS image ({error})") from error
        if end + length > size:
            raise ReadError(f"the file of the segment is truncated: it has {size} bytes of at least {end + length}")
        if length:
            return _Hdu(header, start, end)
        start = end
