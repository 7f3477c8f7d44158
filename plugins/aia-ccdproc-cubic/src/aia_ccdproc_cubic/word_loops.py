"""Compiled loop that copies 32-bit words in the byte order of FITS."""

from __future__ import annotations

import numpy as np
from numba import uintp

from aia_ccdproc_cubic.compiling import cached_njit

__all__ = ["copy_swapped"]

#: The second byte of a word, and shifts by one byte and by three bytes.
_SECOND, _8, _24 = np.uint32(0xFF00), np.uint32(8), np.uint32(24)


@cached_njit
def copy_swapped(words, copied):
    """Copy words with their bytes in reverse order, and add them up.

    Parameters
    ----------
    words : `~numpy.ndarray`
        The words, uint32, shape ``(n,)``.
    copied : `~numpy.ndarray`
        Array for the copy, uint32, same shape.

    Returns
    -------
    int
        Sum of the words, uint64.
    """
    total = np.uint64(0)
    for i in range(uintp(words.size)):
        word = words[i]
        total += np.uint64(word)
        copied[i] = (word << _24) | ((word & _SECOND) << _8) | ((word >> _8) & _SECOND) | (word >> _24)
    return total
