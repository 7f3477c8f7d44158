"""The loops over all pixels of an image, which a plugin can replace by faster ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from aia_ccdproc.images import fits_checksum, pixel_counts
from aia_ccdproc.images.pixel_counts import CoarseCounts, FineCounts
from aia_ccdproc.images.quantized_rows import EncodeRice
from aia_ccdproc.images.rice_image import RiceTiles

__all__ = ["NUMPY_ENGINE", "PixelEngine"]


@dataclass(frozen=True)
class PixelEngine:
    """The loops over all pixels of an image.

    A plugin returns one from `~aia_ccdproc.plugin.hookspecs.prep_pixel_engine`. The fields that it does not set are
    those of the core. Results must not depend on the engine, nor on the number of threads; sums may differ by the
    rounding of float64. A ValueError says that the data are damaged; any other exception is an error of the plugin.
    """

    count_coarsely: Callable[[np.ndarray, np.ndarray | None], CoarseCounts] = pixel_counts.count_coarsely
    """Count pixels by the upper half of their bits, and add them up: ``count_coarsely(values, mask)``.

    ``values`` are float32 in native byte order, C-contiguous, shape ``(n,)``. ``mask`` is bool, same shape, True for
    pixels to ignore; or None.
    """
    count_finely: Callable[[np.ndarray, np.ndarray | None, np.ndarray, float], FineCounts] = pixel_counts.count_finely
    """Count the pixels of some bins by the lower half of their bits, and add up the moments of all pixels:
    ``count_finely(values, mask, slots, center)``.

    ``slots`` is int16, shape ``(65536,)``: for each upper half of the bits the slot in which its pixels are counted, or
    -1. The slots are numbered from 0 without gaps. Deviations are those from ``center``.
    """
    copy_big_endian: Callable[[np.ndarray, np.ndarray], int] = fits_checksum.copy_big_endian
    """Copy 32-bit words in the byte order of FITS, and return their sum: ``copy_big_endian(words, copied)``.

    Both arrays are uint32, C-contiguous, shape ``(n,)``; ``words`` is in native byte order.
    """
    decode_rice: Callable[[RiceTiles], np.ndarray] | None = None
    """Decode tiles of a RICE-compressed image, ``decode_rice(tiles)``; None to decode by astropy.

    Returns the integers of all tiles, one after the other, as uint32; only the lower ``tiles.bits`` of each are used.
    Called in several threads at the same time. Raises a ValueError if a tile is damaged; no position in the tiles may
    be trusted.
    """
    encode_rice: EncodeRice | None = None
    """Round rows of pixels to a fraction of their noise and encode them by RICE_1,
    ``encode_rice(rows, divisor, first)``; None to encode by astropy.

    ``rows`` is float32, C-contiguous, shape ``(rows, nx)``. Pixels are rounded to the noise of their row divided by
    ``divisor``, as CFITSIO measures it, with the dithering SUBTRACTIVE_DITHER_1. ``first`` is the index of the first
    row in the sequence of random numbers. Pixels that are NaN become -2147483648. The result is that of
    `~aia_ccdproc.images.quantized_rows.encode_by_astropy`, bit for bit, for values below 1e37. Called in several
    threads at the same time.
    """


#: The loops of the core.
NUMPY_ENGINE = PixelEngine()
