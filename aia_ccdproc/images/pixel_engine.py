"""The loops over all pixels of an image, which a plugin can replace by faster ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from aia_ccdproc.images.pixel_summary import PixelSummary, summarize

__all__ = ["NUMPY_ENGINE", "PixelEngine"]

#: Function that computes the statistics of the pixels: of an image, a mask or None, and the fractions of the quantiles.
Summarize: TypeAlias = Callable[[np.ndarray, np.ndarray | None, Sequence[float]], PixelSummary]


@dataclass(frozen=True)
class PixelEngine:
    """The loops over all pixels of an image.

    A plugin returns one from `~aia_ccdproc.plugin.hookspecs.prep_pixel_engine`. The fields that it does not set are
    those of the core. Results must not depend on the engine, nor on the number of threads.
    """

    summarize: Summarize = summarize
    """Compute a `PixelSummary` of an image, ``summarize(data, mask, fractions)``.

    ``data`` is float32, C-contiguous, in native byte order. Pixels that are not finite, or for which ``mask`` is True,
    are ignored. ``fractions`` are those of the quantiles, from 0 to 1.
    """


#: The loops of the core.
NUMPY_ENGINE = PixelEngine()
