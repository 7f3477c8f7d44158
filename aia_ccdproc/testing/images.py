"""Level-1 images for tests: small, quick, and of a sun whose truth is known."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy.nddata import CCDData, StdDevUncertainty

from aia_ccdproc.steps.aia import CHANNELS
from aia_ccdproc.synthetic import Exposure, Source, Sun

__all__ = ["SUN", "level1_image"]

#: A disk with points on it, all of which a cutout about the Sun's centre sees.
SUN = Sun(
    disk=100,
    corona=0,
    sources=tuple(Source(x, y, 500, 1.8) for x, y in [(-40, -30), (0, 0), (35, 20), (-25, 40), (50, -55)]),
)


def level1_image(
    channel: int = 171,
    *,
    sun: Sun = SUN,
    noise: int | None = None,
    mask: bool = False,
    uncertainty: bool = False,
    **options: Any,
) -> CCDData:
    """Make a level-1 image of a synthetic sun.

    Parameters
    ----------
    channel : int
        Wavelength, angstrom: one of AIA's ten.
    sun : `~aia_ccdproc.synthetic.Sun`
        What it is of.
    noise : int, optional
        Seed of photon noise; by default there is none.
    mask : bool
        Mask a few pixels, one of them NaN, and hot ones.
    uncertainty : bool
        Give it the uncertainty of photon noise, a `~astropy.nddata.StdDevUncertainty`.
    **options : object
        As of `~aia_ccdproc.synthetic.Exposure`. By default a cutout of 320 x 300 pixels about the Sun's centre;
        ``corner=(0, 0), shape=None`` for the full frame.

    Returns
    -------
    `~astropy.nddata.CCDData`
        The image, float32, in DN, with a complete level-1 header.

    Raises
    ------
    ValueError
        If AIA has no such channel.
    """
    if channel not in CHANNELS:
        raise ValueError(f"AIA has no channel {channel!r}; there are: {', '.join(map(str, CHANNELS))}")
    exposure = Exposure(channel=channel, **{"corner": (1900, 1850), "shape": (300, 320), **options})
    image = exposure.image(sun, noise=noise)
    if uncertainty:
        image.uncertainty = StdDevUncertainty(np.sqrt(np.maximum(image.data, 1)))
    if mask:
        rows, columns = image.shape
        bad = np.zeros(image.shape, dtype=bool)
        bad[rows // 4, columns // 4] = bad[rows // 2, columns // 3 : columns // 3 + 3] = True
        image.data[rows // 4, columns // 4] = np.nan
        image.data[rows // 2, columns // 3] = 16000
        image.mask = bad
    return image
