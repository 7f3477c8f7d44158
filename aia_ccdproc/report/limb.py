"""The limb of the Sun in an image."""

from __future__ import annotations

import math

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

from aia_ccdproc.errors import HeaderError
from aia_ccdproc.images.values import finite_number
from aia_ccdproc.images.wcs_cards import RSUN_METERS

__all__ = ["limb_pixels", "limb_radius_arcsec"]

#: Keywords with the angular radius of the Sun in arcsec: of SDO and others, and of SWAP and EUI.
_RADIUS_KEYWORDS = ("RSUN_OBS", "RSUN_ARC")


def limb_radius_arcsec(header: fits.Header) -> float | None:
    """Return the angular radius of the Sun.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        Complete header.

    Returns
    -------
    float or None
        RSUN_OBS, RSUN_ARC, or RSUN of SECCHI, in arcsec; otherwise the angle of RSUN_REF, by default that of AIA's
        headers, at the distance DSUN_OBS. None if the header lacks these keywords.
    """
    is_secchi = str(header.get("INSTRUME", "")).strip() == "SECCHI"
    for keyword in (*_RADIUS_KEYWORDS, *(("RSUN",) if is_secchi else ())):
        try:
            return finite_number(header, keyword)
        except HeaderError:
            continue
    try:
        radius = finite_number(header, "RSUN_REF") if "RSUN_REF" in header else RSUN_METERS
        return math.degrees(math.asin(radius / finite_number(header, "DSUN_OBS"))) * 3600
    except (HeaderError, ValueError, ZeroDivisionError):
        return None


def limb_pixels(wcs: WCS, radius_arcsec: float) -> tuple[np.ndarray, np.ndarray]:
    """Compute the pixel positions of the limb.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS`
        Helioprojective WCS.
    radius_arcsec : float
        Angular radius of the Sun in arcsec.

    Returns
    -------
    tuple of `~numpy.ndarray`
        Columns and rows, in pixels from 0, of 721 positions around the Sun's center.
    """
    angle, position = math.radians(radius_arcsec / 3600), np.linspace(0, 2 * np.pi, 721)
    longitude = np.arctan2(math.sin(angle) * np.cos(position), math.cos(angle))
    latitude = np.arcsin(math.sin(angle) * np.sin(position))
    columns, rows = wcs.wcs_world2pix(np.degrees(longitude), np.degrees(latitude), 0)
    return columns, rows
