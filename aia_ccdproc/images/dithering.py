"""Random numbers of the FITS Standard, by which floating-point pixels are dithered before they are rounded."""

from __future__ import annotations

import functools

import numpy as np

__all__ = ["MAX_DITHERED_PIXELS", "dither_rows", "dithering_numbers"]

_COUNT = 10000
#: The sequence of a tile begins at one of the first 500 numbers. Longer tiles would need more than one sequence.
MAX_DITHERED_PIXELS = _COUNT - 500


def dithering_numbers() -> np.ndarray:
    """Return the random numbers of the FITS Standard.

    Returns
    -------
    `~numpy.ndarray`
        10000 numbers from 0 to 1, float32; read-only.

    References
    ----------
    FITS Standard 4.0, appendix I.
    """
    return _make_numbers()


@functools.cache
def _make_numbers() -> np.ndarray:
    seed, seeds = 1, []
    for _ in range(_COUNT):
        seed = 16807 * seed % (2**31 - 1)
        seeds.append(seed)
    numbers = (np.array(seeds, dtype=np.float64) / (2**31 - 1)).astype(np.float32)
    numbers.flags.writeable = False
    return numbers


def dither_rows(tiles: np.ndarray, pixels: int) -> np.ndarray:
    """Return the random numbers of some tiles.

    Parameters
    ----------
    tiles : `~numpy.ndarray`
        Numbers of the tiles, counted from 0, plus the value of ZDITHER0 minus 1.
    pixels : int
        Pixels of a tile, at most `MAX_DITHERED_PIXELS`.

    Returns
    -------
    `~numpy.ndarray`
        Float32, shape ``(tiles, pixels)``.
    """
    random = dithering_numbers()
    starts = (random[tiles % _COUNT].astype(np.float64) * 500).astype(np.intp)
    rows: np.ndarray = np.lib.stride_tricks.sliding_window_view(random, pixels)[starts]
    return rows
