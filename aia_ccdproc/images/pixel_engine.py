"""The loops over all pixels of an image, which a plugin can replace by faster ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from aia_ccdproc.images import fits_checksum, pixel_counts
from aia_ccdproc.images.pixel_counts import CoarseCounts, FineCounts

__all__ = ["NUMPY_ENGINE", "PixelEngine"]


@dataclass(frozen=True)
class PixelEngine:
    """The loops over all pixels of an image.

    A plugin returns one from `~aia_ccdproc.plugin.hookspecs.prep_pixel_engine`. The fields that it does not set are
    those of the core. Results must not depend on the engine, nor on the number of threads; sums may differ by the
    rounding of float64.
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


#: The loops of the core.
NUMPY_ENGINE = PixelEngine()
