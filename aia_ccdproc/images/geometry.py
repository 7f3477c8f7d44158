"""Comparison of geometries: of two WCSs, or of a header and a WCS."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.wcs import WCS

from aia_ccdproc.errors import HeaderError
from aia_ccdproc.images.values import finite_number

__all__ = ["Geometry", "header_describes", "header_geometry", "same_geometry", "wcs_geometry"]

_ELEMENTS = ("1_1", "1_2", "2_1", "2_2")


class Geometry(NamedTuple):
    """The numbers that map a pixel to a position on the sky; angles in degrees."""

    ctype: list[str]
    has_sip: bool
    crpix: np.ndarray
    crval: np.ndarray
    matrix: np.ndarray
    """Degrees per pixel, shape ``(2, 2)``."""

    def is_close(self, other: Geometry, *, shifted: bool = False) -> bool:
        """Check whether two geometries are the same.

        Parameters
        ----------
        other : `Geometry`
            The other one.
        shifted : bool
            Ignore CRPIX, which differs if the pixels are counted from another corner.

        Returns
        -------
        bool
            True if they agree within rounding errors.
        """
        if self.ctype != other.ctype or self.has_sip != other.has_sip:
            return False
        names = ("crval", "matrix") if shifted else ("crpix", "crval", "matrix")
        return all(np.allclose(getattr(self, n), getattr(other, n), rtol=1e-10, atol=1e-12) for n in names)

    @property
    def plate_scale(self) -> float:
        """The plate scale.

        Returns
        -------
        float
            Side of a square with the area of a pixel, in arcsec.
        """
        return float(np.sqrt(abs(np.linalg.det(self.matrix)))) * 3600


def same_geometry(first: WCS, second: WCS) -> bool:
    """Check whether two WCSs give the same pixels the same positions on the sky.

    Parameters
    ----------
    first, second : `~astropy.wcs.WCS`
        Two-dimensional WCSs.

    Returns
    -------
    bool
        True if projection, reference point, matrix, and presence of a SIP distortion are the same.
    """
    return wcs_geometry(first).is_close(wcs_geometry(second))


def header_describes(header: fits.Header, wcs: WCS) -> bool:
    """Check whether the cards of a header describe the geometry of a WCS.

    The numbers in the cards are compared with those of the WCS, which may have been changed in place. To build a WCS
    from the header would take a millisecond.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        The header.
    wcs : `~astropy.wcs.WCS`
        The WCS.

    Returns
    -------
    bool
        True if both have the same geometry, as in `same_geometry`. False also for a header in which a card is missing
        or has no usable value, and for a WCS that is not two-dimensional.
    """
    described = header_geometry(header)
    return wcs.naxis == 2 and described is not None and described.is_close(wcs_geometry(wcs))


def wcs_geometry(wcs: WCS) -> Geometry:
    """Return the geometry of a WCS.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS`
        Two-dimensional WCS.

    Returns
    -------
    `Geometry`
        The numbers that map a pixel to a position.
    """
    matrix = wcs.pixel_scale_matrix  # must be first: it makes wcslib convert all units to degrees
    ctype = [str(kind).strip() for kind in wcs.wcs.ctype]
    return Geometry(ctype, wcs.sip is not None, wcs.wcs.crpix, wcs.wcs.crval, matrix)


def header_geometry(header: fits.Header) -> Geometry | None:
    """Read the geometry from the cards of a header, by the rules of FITS papers I and II.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        The header.

    Returns
    -------
    `Geometry` or None
        The numbers in the cards; None if a card is missing or has no usable value.
    """
    try:
        return _geometry_of_cards(header)
    except (HeaderError, ValueError):  # ValueError: invalid unit
        return None


def _geometry_of_cards(header: fits.Header) -> Geometry:
    degrees = np.array([u.Unit(str(header.get(f"CUNIT{i}", "deg")).strip()).to(u.deg) for i in (1, 2)])
    crpix, crval = (np.array([finite_number(header, f"{name}{i}") for i in (1, 2)]) for name in ("CRPIX", "CRVAL"))
    return Geometry(
        ctype=[str(header.get(f"CTYPE{i}")).strip() for i in (1, 2)],
        has_sip="A_ORDER" in header or "B_ORDER" in header,
        crpix=crpix,
        crval=crval * degrees,
        matrix=_matrix(header) * degrees[:, np.newaxis],
    )


def _matrix(header: fits.Header) -> np.ndarray:
    """Read the matrix, in the units of the header per pixel."""
    if any(f"CD{element}" in header for element in _ELEMENTS):
        return _elements(header, "CD", (0.0, 0.0, 0.0, 0.0))
    scales = np.array([finite_number(header, f"CDELT{i}") for i in (1, 2)])
    if any(f"PC{element}" in header for element in _ELEMENTS):
        return np.asarray(scales[:, np.newaxis] * _elements(header, "PC", (1.0, 0.0, 0.0, 1.0)))
    roll = math.radians(finite_number(header, "CROTA2")) if "CROTA2" in header else 0.0
    # CROTA2 rotates the scaled axes (paper II, section 6.1).
    rotation = np.array([[math.cos(roll), -math.sin(roll)], [math.sin(roll), math.cos(roll)]])
    return np.asarray(rotation * scales)


def _elements(header: fits.Header, name: str, defaults: tuple[float, ...]) -> np.ndarray:
    """Read a matrix; elements that the header does not give have default values."""
    keywords = [name + element for element in _ELEMENTS]
    values = [
        finite_number(header, keyword) if keyword in header else default
        for keyword, default in zip(keywords, defaults, strict=True)
    ]
    return np.array(values).reshape(2, 2)
