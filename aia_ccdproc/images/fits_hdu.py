"""The planes of an image as HDUs, and HDUs that are written block by block."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from io import BufferedIOBase
from typing import NamedTuple

import numpy as np
from astropy.io import fits

from aia_ccdproc.images.fits_checksum import encode_checksum, fold, sum_words

__all__ = ["Plane", "write_hdu"]

#: Bytes in a FITS block.
_BLOCK_BYTES = 2880


class Plane(NamedTuple):
    """A plane of an image as it is written."""

    array: np.ndarray
    """float32 or uint8, shape ``(ny, nx)``, in native byte order."""
    header: fits.Header
    name: str = ""
    """Name of the extension; empty for the image."""


def write_hdu(stream: BufferedIOBase, header: fits.Header, blocks: Iterable[tuple[bytes | memoryview, int]]) -> None:
    """Write an HDU with CHECKSUM and DATASUM.

    Parameters
    ----------
    stream : `~io.BufferedIOBase`
        File that is open for writing. The header is written again after the data, with the checksums.
    header : `~astropy.io.fits.Header`
        Complete header. CHECKSUM and DATASUM are added to it.
    blocks : iterable of tuple of bytes and int
        The data in the byte order of FITS, in any number of parts, and the sum of the 32-bit words of each part. All
        parts but the last have whole words. Zeros are added to complete the last FITS block.
    """
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S")
    header["DATASUM"] = ("0", f"data unit checksum updated {now}")
    header.set("CHECKSUM", "0" * 16, f"HDU checksum updated {now}", before="DATASUM")
    text: str = header.tostring()
    start = stream.tell()
    stream.write(text.encode("ascii"))
    size = total = 0
    for block, words in blocks:
        size += stream.write(block)
        total += words
    stream.write(bytes(-size % _BLOCK_BYTES))
    end = stream.tell()
    text = _with_value(text, header, "DATASUM", str(fold(total)))
    checksum = fold(fold(total) + sum_words(text.encode("ascii")))
    text = _with_value(text, header, "CHECKSUM", encode_checksum(checksum))
    stream.seek(start)
    stream.write(text.encode("ascii"))
    stream.seek(end)


def _with_value(text: str, header: fits.Header, keyword: str, value: str) -> str:
    """Change a value in a header and in its text. To make the text takes astropy several milliseconds."""
    before = str(header.cards[keyword])
    header[keyword] = value
    return text.replace(before, str(header.cards[keyword]), 1)
