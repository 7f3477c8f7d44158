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
from astropy.nddata import CCDData
from astropy.wcs import WCS, FITSFixedWarning

from aia_ccdproc.errors import HeaderError
from aia_ccdproc.instrument import LEVEL15_SCALE
from aia_ccdproc.keywords import is_empty, number

__all__ = [
    "complete_header",
    "fits_header",
    "geometry_cards",
    "is_registered",
    "observer_cards",
    "plate_scale",
    "position_cards",
    "roll_angle",
    "same_geometry",
    "set_unit",
    "wcs_from_header",
    "with_header",
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
def quiet_wcs() -> Iterator[None]:
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
        number(header, keyword)
    elif keyword in _POSITION and not is_empty(card.value) and card.value != "":
        value = number(header, keyword)
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
        if "CD1_1" not in header and number(header, key) == 0:
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
    with quiet_wcs():
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
    with quiet_wcs():
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
    with quiet_wcs():
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


def fits_header(ccd: CCDData) -> fits.Header:
    """Copy the header of an image as a FITS header, whatever kind of mapping it is.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        The image.

    Returns
    -------
    `~astropy.io.fits.Header`
        The copy.
    """
    if not isinstance(ccd, CCDData):
        raise TypeError(f"a CCDData is needed, not a {type(ccd).__name__}; aia_ccdproc.read makes one from a file")
    return ccd.header.copy() if isinstance(ccd.header, fits.Header) else fits.Header(dict(ccd.header))


def complete_header(ccd: CCDData) -> fits.Header:
    """Give the header of an image with the WCS keywords that hold for its pixels.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        Image of shape ``(ny, nx)``, from `read`, from ``CCDData.read``, or out of a ccdproc step.

    Returns
    -------
    `~astropy.io.fits.Header`
        A copy of ``ccd.header`` in which the geometry is that of ``ccd.wcs``.

    Raises
    ------
    HeaderError
        If the image has no WCS, or its header one for another shape (``ccdproc.block_reduce`` drops the
        WCS of what it makes).
    """
    header = fits_header(ccd)
    _remove_superseded(header)
    ny, nx = ccd.shape
    if ccd.wcs is None:
        declared = (header.get("NAXIS2", ny), header.get("NAXIS1", nx))
        if "CTYPE1" not in header or declared != (ny, nx):
            raise HeaderError(
                f"the image of {nx}x{ny} pixels has no WCS; a step that changed its shape, "
                "ccdproc.block_reduce say, has dropped it. Set ccd.wcs, or do that step after registration"
            )
        return header
    wcs = ccd.wcs
    if not isinstance(wcs, WCS):
        raise HeaderError(f"the WCS of the image is a {type(wcs).__name__}; a FITS WCS is needed")
    if not ("CTYPE1" in header and "CRPIX1" in header and same_geometry(wcs_from_header(header), wcs)):
        header = without_wcs(header)
        header.update(geometry_cards(wcs))
        with quiet_wcs():
            header.extend(observer_cards(wcs.to_header(relax=True)), unique=True)
    header["NAXIS1"], header["NAXIS2"] = nx, ny
    return header


def with_header(ccd: CCDData, header: fits.Header) -> CCDData:
    """Make the same image with another header, and the WCS that this header describes.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        The image; not changed.
    header : `~astropy.io.fits.Header`
        Complete header of the result.

    Returns
    -------
    `~astropy.nddata.CCDData`
        New image. Pixels, mask and uncertainty are those of ``ccd``, not copied.
    """
    return CCDData(
        ccd.data,
        unit=ccd.unit,
        mask=ccd.mask,
        uncertainty=ccd.uncertainty,
        flags=ccd.flags,
        header=header,
        wcs=wcs_from_header(header),
    )


def set_unit(header: fits.Header, unit: u.UnitBase) -> None:
    """Have a header say the unit of its pixels, where it says one.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        The header; changed in place.
    unit : `~astropy.units.UnitBase`
        Unit of the pixels.
    """
    for keyword in ("BUNIT", "PIXLUNIT"):
        if keyword in header:
            header[keyword] = unit.to_string()


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


def is_registered(header: fits.Header) -> bool:
    """Tell whether an image is at level 1.5 already.

    LVL_NUM alone cannot be trusted: the product aia.lev1p5_euv_12s says 1.0. So the geometry is asked as
    well: a whole multiple of 0.6 arcsec, no roll, and the Sun's centre at a pixel's centre or corner.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        Complete header.

    Returns
    -------
    bool
        True for level 1.5 by either sign.
    """
    level = header.get("LVL_NUM")
    if isinstance(level, int | float) and level >= 1.5:
        return True
    wcs = wcs_from_header(header)
    matrix = wcs.pixel_scale_matrix * 3600
    scale = matrix[1, 1]
    multiple = scale / LEVEL15_SCALE
    on_lattice = 2 * wcs.wcs.crpix
    return bool(
        round(multiple) >= 1
        and abs(multiple - round(multiple)) < 1e-6 * multiple
        and abs(matrix[0, 0] - scale) < 1e-6 * scale
        and abs(matrix[0, 1]) + abs(matrix[1, 0]) < 1e-8 * scale
        and not np.any(wcs.wcs.crval)
        and np.all(np.abs(on_lattice - np.round(on_lattice)) < 1e-3)
    )
