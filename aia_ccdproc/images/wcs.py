"""The header's rules: what belongs to the WCS, what a number is, what level 1.5 means.

astropy's ``CCDData.read`` moves part of the WCS keywords out of the header and leaves CROTA2 behind, and
slicing moves CRPIX in ``ccd.wcs`` alone. So ``ccd.wcs`` is what holds, and a step that corrects keywords
works on the *complete* header and has the WCS rebuilt from it.
"""

from __future__ import annotations

import functools
import math
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import astropy.units as u
import numpy as np
from astropy.io import fits
from astropy.wcs import WCS, FITSFixedWarning

from aia_ccdproc.errors import HeaderError
from aia_ccdproc.images.values import is_empty, finite_number

__all__ = [
    "geometry_cards",
    "observer_cards",
    "plate_scale",
    "position_cards",
    "roll_angle",
    "same_geometry",
    "wcs_from_header",
    "without_wcs",
]

#: Cards that say where a pixel lies on the sky.
_GEOMETRY = re.compile(
    r"(WCSAXES|CTYPE\d|CUNIT\d|CRPIX\d|CRVAL\d|CDELT\d|CROTA\d?|PC\d_\d|CD\d_\d|PV\d_\d+|LONPOLE|LATPOLE"
    r"|A_ORDER|B_ORDER|AP_ORDER|BP_ORDER|[AB]P?_\d_\d|WCSNAME)$"
)
#: Cards that say from where and when it was seen; part of a WCS as sunpy and astropy understand it.
_POSITION = frozenset(["DSUN_OBS", "RSUN_REF", "HGLN_OBS", "HGLT_OBS", "CRLN_OBS", "CRLT_OBS"])
_OBSERVER = _POSITION | {"DATE-OBS", "DATE-AVG"}
#: Cards of the geometry that hold a number.
_NUMERIC = re.compile(r"(CRPIX\d|CRVAL\d|CDELT\d|CROTA\d|PC\d_\d|CD\d_\d|LONPOLE|LATPOLE)$")


@contextmanager
def ignore_wcs_warnings() -> Iterator[None]:
    """Silence wcslib's reports of having understood a date or a unit."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FITSFixedWarning)
        yield


def _check_card(header: fits.Header, card: fits.Card) -> None:
    """Refuse a card that wcslib would pass over in silence."""
    keyword = card.keyword
    if keyword in ("CTYPE1", "CTYPE2", "CUNIT1", "CUNIT2"):
        if not isinstance(card.value, str):
            raise HeaderError(f"no WCS: {keyword} is {'empty' if is_empty(card.value) else repr(card.value)}")
    elif _NUMERIC.match(keyword):
        finite_number(header, keyword)
    elif keyword in _POSITION and not is_empty(card.value) and card.value != "":
        value = finite_number(header, keyword)
        if keyword in ("DSUN_OBS", "RSUN_REF") and value <= 0:
            raise HeaderError(f"{keyword} is {value:g}; a distance is positive")


def wcs_from_header(header: fits.Header) -> WCS:
    """Make the WCS that a header describes, parsing only the cards that matter.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        Complete header.

    Returns
    -------
    `~astropy.wcs.WCS`
        Two-dimensional celestial WCS, with ``array_shape`` where the header has NAXIS1 and NAXIS2.

    Raises
    ------
    HeaderError
        If the header holds no celestial WCS, or one whose matrix has no inverse.
    """
    missing = [key for key in ("CTYPE1", "CTYPE2", "CRPIX1", "CRPIX2", "CRVAL1", "CRVAL2") if key not in header]
    if missing:
        raise HeaderError(f"no WCS: {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing")
    relevant = [card for card in header.cards if card.keyword in _OBSERVER or _GEOMETRY.match(card.keyword)]
    for card in relevant:
        _check_card(header, card)
    for key in ("CDELT1", "CDELT2"):
        if "CD1_1" not in header and finite_number(header, key) == 0:
            raise HeaderError(f"no WCS: {key} is 0")
    cards = tuple((card.keyword, card.value) for card in relevant if not is_empty(card.value) and card.value != "")
    wcs = _parsed(cards).deepcopy()
    if all(isinstance(header.get(key), int) for key in ("NAXIS1", "NAXIS2")):
        wcs.array_shape = (header["NAXIS2"], header["NAXIS1"])
    return wcs


@functools.lru_cache(maxsize=16)
def _parsed(cards: tuple[tuple[str, Any], ...]) -> WCS:
    """Parse cards; the steps of a chain ask for the same few geometries again and again."""
    header = fits.Header(cards)
    _remove_superseded(header)
    with ignore_wcs_warnings():
        try:
            wcs = WCS(header)
            wcs.wcs.set()
        except Exception as error:  # wcslib has a dozen classes of errors for a header it cannot use
            raise HeaderError(f"no WCS: {str(error).strip().splitlines()[-1]}") from error
    if not wcs.has_celestial or wcs.naxis != 2:
        raise HeaderError(
            f"no WCS: CTYPE1={header.get('CTYPE1')!r} and CTYPE2={header.get('CTYPE2')!r} are not celestial"
        )
    if not abs(np.linalg.det(wcs.pixel_scale_matrix)) > 0:
        raise HeaderError("no WCS: its matrix has no inverse")
    return wcs


def _remove_superseded(header: fits.Header) -> None:
    """Remove what a matrix stands for: beside one, an angle or a scale is older than it."""
    superseded = []
    if "CD1_1" in header:
        superseded = ["CROTA1", "CROTA2", "CDELT1", "CDELT2"]
    elif "PC1_1" in header:
        superseded = ["CROTA1", "CROTA2"]
    for keyword in superseded:
        header.remove(keyword, ignore_missing=True)


def without_wcs(header: fits.Header) -> fits.Header:
    """Copy a header, leaving out every card that says where a pixel lies on the sky.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        The header; not changed.

    Returns
    -------
    `~astropy.io.fits.Header`
        The copy. Observer and date stay.
    """
    return fits.Header([card for card in header.cards if not _GEOMETRY.match(card.keyword)], copy=True)


def observer_cards(header: fits.Header) -> fits.Header:
    """Copy the cards that say from where and when an image was seen.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        The header.

    Returns
    -------
    `~astropy.io.fits.Header`
        DATE-OBS, DSUN_OBS, HGLN_OBS, HGLT_OBS and their like, those that have a value.
    """
    cards = [card for card in header.cards if card.keyword in _OBSERVER]
    return fits.Header([card for card in cards if card.value not in (None, "")], copy=True)


def position_cards(wcs: WCS) -> fits.Header:
    """Write the position of the observer of a WCS as FITS cards.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS`
        Celestial WCS.

    Returns
    -------
    `~astropy.io.fits.Header`
        DSUN_OBS, HGLN_OBS, HGLT_OBS, CRLN_OBS and RSUN_REF, those that it has.
    """
    with ignore_wcs_warnings():
        cards = wcs.to_header(relax=True).cards
    return fits.Header([card for card in cards if card.keyword in _POSITION])


def geometry_cards(wcs: WCS) -> fits.Header:
    """Write a WCS as FITS cards, in arcsec and at full precision.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS`
        Two-dimensional celestial WCS.

    Returns
    -------
    `~astropy.io.fits.Header`
        Cards of the geometry; the rotation as a PC matrix.
    """
    with ignore_wcs_warnings():
        text = wcs.to_header(relax=True)
    cards = fits.Header([card for card in text.cards if _GEOMETRY.match(card.keyword)])
    if wcs.wcs.lonpole == 180 and all(str(kind).endswith("-TAN") for kind in wcs.wcs.ctype):
        del cards["LONPOLE"], cards["LATPOLE"]  # what a tangent projection has without being told
    scales, pc = wcs.wcs.get_cdelt(), wcs.wcs.get_pc()
    for i in (0, 1):
        factor = u.Unit(str(wcs.wcs.cunit[i])).to(u.arcsec)
        cards[f"CUNIT{i + 1}"] = "arcsec"
        cards[f"CRPIX{i + 1}"] = float(wcs.wcs.crpix[i])
        cards[f"CDELT{i + 1}"] = (float(scales[i]) * factor, "[arcsec] Coordinate increment")
        cards[f"CRVAL{i + 1}"] = (float(wcs.wcs.crval[i]) * factor, "[arcsec] Coordinate at CRPIX")
        for j in (0, 1):
            cards[f"PC{i + 1}_{j + 1}"] = float(pc[i, j])
    return cards


def same_geometry(one: WCS, other: WCS) -> bool:
    """Tell whether two WCSs put the same pixels at the same places.

    Parameters
    ----------
    one, other : `~astropy.wcs.WCS`
        The WCSs.

    Returns
    -------
    bool
        True for the same projection, reference and matrix.
    """
    return (
        list(one.wcs.ctype) == list(other.wcs.ctype)
        and (one.sip is None) == (other.sip is None)
        and all(
            np.allclose(a, b, rtol=1e-10, atol=1e-12)
            for a, b in [
                (one.wcs.crpix, other.wcs.crpix),
                (one.wcs.crval, other.wcs.crval),
                (one.pixel_scale_matrix, other.pixel_scale_matrix),
            ]
        )
    )


def plate_scale(header: fits.Header) -> float:
    """Tell the plate scale of an image.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        Complete header.

    Returns
    -------
    float
        Side of a square of the pixel's area, arcsec.
    """
    matrix = wcs_from_header(header).pixel_scale_matrix
    return float(np.sqrt(abs(np.linalg.det(matrix)))) * 3600


def roll_angle(header: fits.Header) -> float:
    """Tell the roll angle of an image.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        Complete header, with CROTA2, a PC or a CD matrix.

    Returns
    -------
    float
        Angle in degrees by which the image has to be turned for north to be up, as CROTA2 has it.
    """
    matrix = wcs_from_header(header).pixel_scale_matrix
    return math.degrees(math.atan2(-matrix[0, 1], matrix[1, 1]))
