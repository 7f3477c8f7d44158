"""Synthetic images of HMI whose truth is known: for tests, and to try a recipe on."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy.nddata import CCDData

from aia_ccdproc.synthetic import Exposure, Sun
from aia_ccdproc_hmi.hooks import BUNIT

__all__ = ["observe"]

#: Centre of the Sun on the full frame, columns and rows from 0; plate scale; roll: of hmi.M_45s on 2020-01-01.
_CENTRE, _SCALE, _ROLL = (2041.240112, 2049.3), 0.504011, 179.929733
#: Keywords of AIA that HMI's images do not have.
_NOT_HMI = (
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
    """Observe a sun as HMI does: upside down, at 0.504 arcsec per pixel, with NaN off the disk.

    Parameters
    ----------
    sun : `~aia_ccdproc.synthetic.Sun`
        What it looks at; its brightness is in the unit of the content, and may be negative.
    content : {"CONTINUUM INTENSITY", "MAGNETOGRAM", "DOPPLERGRAM"}
        What the image is of.
    corner : tuple of int
        First column and row of a cutout.
    shape : tuple of int, optional
        Rows and columns of a cutout; by default the full frame of 4096 x 4096.
    **keywords : object
        Keywords of the header to have other values.

    Returns
    -------
    `~astropy.nddata.CCDData`
        The image, float32, seen from where `aia_ccdproc.synthetic.Exposure` sees the Sun, on 2020-01-01.
    """
    own = {
        "TELESCOP": "SDO/HMI",
        "INSTRUME": "HMI_FRONT2",
        "CONTENT": content,
        "BUNIT": BUNIT[content],
        "WAVELNTH": 6173.0,
        "T_OBS": "2020.01.01_00:00:37_TAI",
        "T_REC": "2020.01.01_00:00:45_TAI",
        "DATE-OBS": "2019-12-31T23:59:37.90",
        **{f"CRPIX{i + 1}": _CENTRE[i] + 1 - corner[i] for i in (0, 1)},
        **{"CDELT1": _SCALE, "CDELT2": _SCALE, "CROTA2": _ROLL},
    }
    image = Exposure(corner=corner, shape=shape, keywords={**own, **keywords}).image(sun)
    for keyword in _NOT_HMI:
        image.header.remove(keyword)
    header = image.header
    y, x = np.ogrid[1 : header["NAXIS2"] + 1, 1 : header["NAXIS1"] + 1]
    radius = np.hypot(x - header["CRPIX1"], y - header["CRPIX2"]) * header["CDELT1"]
    off_disk = radius > header["RSUN_OBS"]
    data = np.where(off_disk, np.float32(np.nan), image.data)
    return CCDData(data, unit=header["BUNIT"], mask=off_disk, header=header, wcs=image.wcs)
