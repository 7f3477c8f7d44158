"""Synthetic level-1 images for tests: small, fast to make, and of a Sun whose true brightness is known."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy.nddata import CCDData, StdDevUncertainty

from aia_ccdproc.steps.aia import CHANNELS
from aia_ccdproc.synthetic import Exposure, Source, Sun

__all__ = ["SUN", "level1_image"]

#: A disk with bright points that are all in a cutout about the center of the Sun.
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
    flags: bool = False,
    psf: bool = False,
    **options: Any,
) -> CCDData:
    """Make a level-1 image of a synthetic Sun.

    Parameters
    ----------
    channel : int
        Wavelength in angstrom: one of AIA's ten channels.
    sun : `~aia_ccdproc.synthetic.Sun`
        The Sun that is observed.
    noise : int, optional
        Seed of the photon noise; by default the image has no noise.
    mask : bool
        Mask a few pixels; one of them is NaN, another is saturated.
    uncertainty : bool
        Add the uncertainty of photon noise, a `~astropy.nddata.StdDevUncertainty`.
    flags : bool
        Add flags, different integers for all pixels.
    psf : bool
        Add a point spread function of 3 x 3 pixels.
    **options : object
        Parameters of `~aia_ccdproc.synthetic.Exposure`. By default the image is a cutout of 320 × 300 pixels about the
        center of the Sun; ``corner=(0, 0), shape=None`` makes a full frame.

    Returns
    -------
    `~astropy.nddata.CCDData`
        Image in DN, float32, shape ``(ny, nx)``, with a complete level-1 header.

    Raises
    ------
    ValueError
        If AIA has no such channel.
    """
    if channel not in CHANNELS:
        raise ValueError(f"AIA has no channel {channel!r}; available: {', '.join(map(str, CHANNELS))}")
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
    if flags:
        image.flags = np.arange(image.data.size, dtype=np.int32).reshape(image.shape)
    if psf:
        image.psf = np.outer([1.0, 2.0, 1.0], [1.0, 2.0, 1.0]) / 16
    return image
