"""The cards of a header that belong to its WCS."""

from __future__ import annotations

import re

from astropy.io import fits

from aia_ccdproc.images.card_filter import without_cards

__all__ = [
    "NUMERIC_CARD",
    "POSITION_KEYWORDS",
    "RSUN_METERS",
    "is_geometry_card",
    "is_wcs_card",
    "observer_cards",
    "remove_superseded",
    "without_wcs",
]

#: Cards that map a pixel to a position on the sky.
_GEOMETRY_CARD = re.compile(
    r"(WCSAXES|CTYPE\d|CUNIT\d|CRPIX\d|CRVAL\d|CDELT\d|CROTA\d?|PC\d_\d|CD\d_\d|PV\d_\d+|LONPOLE|LATPOLE"
    r"|A_ORDER|B_ORDER|AP_ORDER|BP_ORDER|[AB]P?_\d_\d|WCSNAME)$"
)
#: Geometry cards that contain a number.
NUMERIC_CARD = re.compile(r"(CRPIX\d|CRVAL\d|CDELT\d|CROTA\d|PC\d_\d|CD\d_\d|LONPOLE|LATPOLE)$")
#: Position of the observer, and the radius of the Sun. sunpy and astropy make them part of the WCS.
POSITION_KEYWORDS = frozenset(["DSUN_OBS", "RSUN_REF", "HGLN_OBS", "HGLT_OBS", "CRLN_OBS", "CRLT_OBS"])
_OBSERVER_KEYWORDS = POSITION_KEYWORDS | {"DATE-OBS", "DATE-AVG"}
#: Radius of the Sun in AIA headers, the value of RSUN_REF.
RSUN_METERS = 696000000.0


def is_geometry_card(keyword: str) -> bool:
    """Check whether a card is one of those that map a pixel to a position on the sky.

    Parameters
    ----------
    keyword : str
        Keyword of the card.

    Returns
    -------
    bool
        True for CRPIX1, CDELT1, PC1_1 and the like.
    """
    return _GEOMETRY_CARD.match(keyword) is not None


def is_wcs_card(keyword: str) -> bool:
    """Check whether a card is part of a WCS as astropy and sunpy understand it.

    Parameters
    ----------
    keyword : str
        Keyword of the card.

    Returns
    -------
    bool
        True for the geometry, the position of the observer, and the date of the observation.
    """
    return keyword in _OBSERVER_KEYWORDS or is_geometry_card(keyword)


def remove_superseded(header: fits.Header) -> None:
    """Remove CROTA if the header has a PC matrix, and CROTA and CDELT if it has a CD matrix.

    A matrix contains the rotation. An angle in the same header is left from an older state.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        The header; changed in place.
    """
    superseded = []
    if "CD1_1" in header:
        superseded = ["CROTA", "CROTA1", "CROTA2", "CDELT1", "CDELT2"]
    elif "PC1_1" in header:
        superseded = ["CROTA", "CROTA1", "CROTA2"]
    for keyword in superseded:
        header.remove(keyword, ignore_missing=True)


def without_wcs(header: fits.Header) -> fits.Header:
    """Copy a header without the cards that map a pixel to a position on the sky.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        The header; not changed.

    Returns
    -------
    `~astropy.io.fits.Header`
        The copy. The cards of the observer and of the date are kept.
    """
    return without_cards(header, lambda card: is_geometry_card(card.keyword))


def observer_cards(header: fits.Header) -> fits.Header:
    """Copy the cards with the position of the observer and the date of the observation.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        The header.

    Returns
    -------
    `~astropy.io.fits.Header`
        DATE-OBS, DSUN_OBS, HGLN_OBS, HGLT_OBS and similar cards that have a value.
    """
    return without_cards(header, lambda card: card.keyword not in _OBSERVER_KEYWORDS or card.value in (None, ""))
