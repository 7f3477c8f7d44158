"""Synthetic images of HMI whose truth is known: for tests, and to try a recipe on."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy.nddata import CCDData

from aia_ccdproc.synthetic import Exposure, Sun

__all__ = ["observe"]

_BUNIT = {"CONTINUUM INTENSITY": "DN/s", "MAGNETOGRAM": "Gauss", "DOPPLERGRAM": "m/s"}


def observe(
    sun: Sun,
    content: str = "MAGNETOGRAM",
    *,
    centre: tuple[float, float] = (2041.24, 2049.3),
    scale: float = 0.504011,
    roll: float = 179.9297,
    corner: tuple[int, int] = (0, 0),
    shape: tuple[int, int] | None = None,
    **keywords: Any,
) -> CCDData:
    """Observe a sun as HMI does: upside down, with NaN off the disk.

    Parameters
    ----------
    sun : `~aia_ccdproc.synthetic.Sun`
        What it looks at; its brightness is in the unit of the content, and may be negative.
    content : {"CONTINUUM INTENSITY", "MAGNETOGRAM", "DOPPLERGRAM"}
        CONTENT.
    centre : tuple of float
        Column and row of the Sun's centre on the full frame, from 0.
    scale : float
        Plate scale, arcsec per pixel.
    roll : float
        CROTA2, degrees.
    corner : tuple of int
        First column and row of a cutout.
    shape : tuple of int, optional
        Rows and columns of a cutout; by default the full frame of 4096 x 4096.
    **keywords : object
        Further keywords of the header, or other values.

    Returns
    -------
    `~astropy.nddata.CCDData`
        The image, float32, with the observer of the exposures of AIA of `aia_ccdproc.synthetic`.
    """
    own = {
        "TELESCOP": "SDO/HMI",
        "INSTRUME": "HMI_FRONT2",
        "WAVELNTH": 6173.0,
        "CONTENT": content,
        "T_OBS": "2020.01.01_00:00:37_TAI",
        "T_REC": "2020.01.01_00:00:45_TAI",
        "DATE-OBS": "2019-12-31T23:59:37.90",
        "CRPIX1": centre[0] + 1 - corner[0],
        "CRPIX2": centre[1] + 1 - corner[1],
        "CDELT1": scale,
        "CDELT2": scale,
        "CROTA2": roll,
        **keywords,
    }
    ccd = Exposure(corner=corner, shape=shape, keywords=own).image(sun)
    for keyword in (
        "EXPTIME",
        "PIXLUNIT",
        "LVL_NUM",
        "X0_MP",
        "Y0_MP",
        "IMSCL_MP",
        "INST_ROT",
        "SAT_ROT",
        "MPO_REC",
        "ACS_MODE",
        "R_SUN",
    ):
        del ccd.header[keyword]  # AIA's, which HMI has not
    ccd.header["BUNIT"] = _BUNIT[content]
    rows, columns = np.indices(ccd.shape)
    off_disk = np.hypot(columns + 1 - own["CRPIX1"], rows + 1 - own["CRPIX2"]) * scale > ccd.header["RSUN_OBS"]
    ccd.data[off_disk] = np.nan
    return CCDData(
        ccd.data, unit=ccd.header["BUNIT"], mask=off_disk if off_disk.any() else None, header=ccd.header, wcs=ccd.wcs
    )
