"""Checksums of FITS: sums of 32-bit big-endian words in ones' complement.

The FITS Standard defines them in section 4.4.2.7 and in appendix J.
"""

from __future__ import annotations

import numpy as np

__all__ = ["copy_big_endian", "encode_checksum", "fold", "sum_words"]

_LARGEST_WORD = 2**32 - 1
#: Characters between the digits and the letters of ASCII, which must not be in a checksum.
_EXCLUDED = frozenset(b":;<=>?@[\\]^_`")


def copy_big_endian(words: np.ndarray, copied: np.ndarray) -> int:
    """Copy 32-bit words in the byte order of FITS, and add them up.

    Parameters
    ----------
    words : `~numpy.ndarray`
        The words, uint32, shape ``(n,)``.
    copied : `~numpy.ndarray`
        Array for the copy, uint32, same shape.

    Returns
    -------
    int
        The sum of the words.
    """
    np.copyto(copied.view(">u4"), words)
    return int(words.sum(dtype=np.uint64))


def sum_words(data: bytes | memoryview) -> int:
    """Add up the 32-bit words in bytes.

    Parameters
    ----------
    data : bytes or memoryview
        The bytes. Zeros complete the last word.

    Returns
    -------
    int
        The sum.
    """
    values = np.frombuffer(data, np.uint8)
    whole = values.size // 4 * 4
    rest = int.from_bytes(values[whole:].tobytes().ljust(4, b"\0"), "big")
    return rest + int(values[:whole].view(">u4").sum(dtype=np.uint64))


def fold(total: int) -> int:
    """Convert a sum of words to ones' complement.

    Parameters
    ----------
    total : int
        The sum.

    Returns
    -------
    int
        32 bits: the carries are added to the lowest bits.
    """
    while total > _LARGEST_WORD:
        total = (total & _LARGEST_WORD) + (total >> 32)
    return total


def encode_checksum(total: int) -> str:
    """Encode the complement of a checksum in letters and digits.

    Parameters
    ----------
    total : int
        The checksum, from `fold`.

    Returns
    -------
    str
        16 characters. If they are in the header as the value of CHECKSUM, the checksum of the HDU is zero.
    """
    columns = []
    for byte in (_LARGEST_WORD - total).to_bytes(4, "big"):
        quarter, remainder = divmod(byte, 4)
        letters = [ord("0") + quarter + (remainder if i == 0 else 0) for i in range(4)]
        while not _EXCLUDED.isdisjoint(letters):
            for first in (0, 2):  # the sum of a pair must not change
                if not _EXCLUDED.isdisjoint(letters[first : first + 2]):
                    letters[first] += 1
                    letters[first + 1] -= 1
        columns.append(letters)
    text = "".join(chr(letters[row]) for row in range(4) for letters in columns)
    return text[-1] + text[:-1]
