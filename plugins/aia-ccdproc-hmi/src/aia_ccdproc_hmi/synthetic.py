"""Synthetic images of HMI of a Sun whose true brightness is known, for tests and for trying recipes."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy.nddata import CCDData

from aia_ccdproc.synthetic import Exposure, Sun
from aia_ccdproc_hmi.hooks import BUNIT

__all__ = ["observe"]

#: Center of the Sun on the full frame (0-based column and row), plate scale in arcsec and roll angle in degrees, as in
#: hmi.M_45s on 2020-01-01.
_CENTER_PIXEL, _SCALE_ARCSEC, _ROLL_DEGREES = (2041.240112, 2049.3), 0.504011, 179.929733
#: Keywords of AIA that images of HMI do not have.
_AIA_KEYWORDS = (
    *("EXPTIME", "PIXLUNIT", "LVL_NUM", "R_SUN", "ACS_MODE"),
    *("X0_MP", "Y0_MP", "IMSCL_MP", "INST_ROT", "SAT_ROT", "MPO_REC"),
)


def observe(
    sun: Sun,
    content: str = "MAGNETOGRAM",
    *,
    corner: tuple[int, int] = (0, 0),
    shape: tuple[int, int] | None = None,
    **keywords: Any,
) -> CCDData:
    """Make an image of a synthetic Sun as HMI would observe it: rotated by 180 degrees, with NaN off the disk.

    Parameters
    ----------
    sun : `~aia_ccdproc.synthetic.Sun`
        The Sun that is observed. Its brightness is in the unit of the content, and may be negative.
    content : {"CONTINUUM INTENSITY", "MAGNETOGRAM", "DOPPLERGRAM"}
        Physical quantity of the pixels.
    corner : tuple of int
        First column and row of a cutout.
    shape : tuple of int, optional
        Rows and columns of a cutout; by default the full frame of 4096 × 4096 pixels.
    **keywords : object
        Values of header keywords that replace the default ones.

    Returns
    -------
    `~astropy.nddata.CCDData`
        Image of 2020-01-01, float32, shape ``(ny, nx)``, at 0.504 arcsec per pixel. The observer is that of
        `aia_ccdproc.synthetic.Exposure`.
    """
    hmi_keywords = {
        "TELESCOP": "SDO/HMI",
        "INSTRUME": "HMI_FRONT2",
        "CONTENT": content,
        "BUNIT": BUNIT[content],
        "WAVELNTH": 6173.0,
        "T_OBS": "2020.01.01_00:00:37_TAI",
        "T_REC": "2020.01.01_00:00:45_TAI",
        "DATE-OBS": "2019-12-31T23:59:37.90",
        **{f"CRPIX{i + 1}": _CENTER_PIXEL[i] + 1 - corner[i] for i in (0, 1)},
        **{"CDELT1": _SCALE_ARCSEC, "CDELT2": _SCALE_ARCSEC, "CROTA2": _ROLL_DEGREES},
    }
    image = Exposure(corner=corner, shape=shape, keywords={**hmi_keywords, **keywords}).image(sun)
    for keyword in _AIA_KEYWORDS:
        image.header.remove(keyword)
    header = image.header
    y, x = np.ogrid[1 : header["NAXIS2"] + 1, 1 : header["NAXIS1"] + 1]
    radius = np.hypot(x - header["CRPIX1"], y - header["CRPIX2"]) * header["CDELT1"]
    off_disk = radius > header["RSUN_OBS"]
    data = np.where(off_disk, np.float32(np.nan), image.data)
    return CCDData(data, unit=header["BUNIT"], mask=off_disk, header=header, wcs=image.wcs)
