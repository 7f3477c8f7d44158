"""HDUs that are written block by block, with their checksums."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from io import BufferedIOBase
from typing import NamedTuple

import numpy as np
from astropy.io import fits

__all__ = ["Plane", "compute_datasum", "write_hdu"]

#: Bytes in a FITS block.
_BLOCK_BYTES = 2880
_WORD = 2**32 - 1
#: Characters between the digits and the letters of ASCII, which must not be in a checksum.
_EXCLUDED = frozenset(b":;<=>?@[\\]^_`")


class Plane(NamedTuple):
    """A plane of an image as it is written."""

    array: np.ndarray
    """float32 or uint8, shape ``(ny, nx)``, in native byte order."""
    header: fits.Header
    name: str = ""
    """Name of the extension; empty for the image."""


def write_hdu(stream: BufferedIOBase, header: fits.Header, datasum: int, blocks: Iterable[bytes | memoryview]) -> None:
    """Write an HDU.

    Parameters
    ----------
    stream : `~io.BufferedIOBase`
        File that is open for writing.
    header : `~astropy.io.fits.Header`
        Complete header. CHECKSUM and DATASUM are added to it.
    datasum : int
        Checksum of the data, from `compute_datasum`.
    blocks : iterable of bytes
        The data in the byte order of FITS, in any number of parts. Zeros are added to complete the last FITS block.

    Notes
    -----
    The FITS Standard defines the checksums in section 4.4.2.7 and in its appendix J.
    """
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S")
    header["DATASUM"] = (str(datasum), f"data unit checksum updated {now}")
    header.set("CHECKSUM", "0" * 16, f"HDU checksum updated {now}", before="DATASUM")
    total = _add_words(datasum, header.tostring().encode("ascii"))
    header["CHECKSUM"] = _encode(total)
    stream.write(header.tostring().encode("ascii"))
    size = 0
    for block in blocks:
        size += stream.write(block)
    stream.write(bytes(-size % _BLOCK_BYTES))


def compute_datasum(data: np.ndarray) -> int:
    """Compute the checksum of data in the byte order of FITS.

    Parameters
    ----------
    data : `~numpy.ndarray`
        C-contiguous array of float32, or of bytes.

    Returns
    -------
    int
        Sum of the data as 32-bit words, in ones' complement.
    """
    if data.itemsize == 4:
        return _fold(int(data.reshape(-1).view(data.dtype.str[0] + "u4").sum(dtype=np.uint64)))
    return _add_words(0, data.reshape(-1).view(np.uint8).data)


def _add_words(total: int, data: bytes | memoryview) -> int:
    """Add bytes to a checksum."""
    values = np.frombuffer(data, np.uint8)
    whole = values.size // 4 * 4
    rest = int.from_bytes(values[whole:].tobytes().ljust(4, b"\0"), "big")
    return _fold(total + rest + int(values[:whole].view(">u4").sum(dtype=np.uint64)))


def _fold(total: int) -> int:
    """Add the carries of a sum of 32-bit words to its lowest bits."""
    while total > _WORD:
        total = (total & _WORD) + (total >> 32)
    return total


def _encode(total: int) -> str:
    """Encode the complement of a checksum in 16 letters and digits."""
    columns = []
    for byte in (_WORD - total).to_bytes(4, "big"):
        quarter, remainder = divmod(byte, 4)
        letters = [ord("0") + quarter + (remainder if i == 0 else 0) for i in range(4)]
        while not _EXCLUDED.isdisjoint(letters):
            # The sum of each pair must not change.
            for first in (0, 2):
                if not _EXCLUDED.isdisjoint(letters[first : first + 2]):
                    letters[first] += 1
                    letters[first + 1] -= 1
        columns.append(letters)
    text = "".join(chr(letters[row]) for row in range(4) for letters in columns)
    return text[-1] + text[:-1]
