"""The WCS of an image: built from a header, checked, written as cards, and measured.

astropy's ``CCDData.read`` moves part of the WCS keywords from the header into ``ccd.wcs`` but leaves CROTA2 in the
header. Slicing moves CRPIX only in ``ccd.wcs``. Therefore ``ccd.wcs`` takes precedence over the header. A step that
corrects keywords works on the *complete* header (`~aia_ccdproc.images.complete_header`). The WCS of its result is built
from the corrected header.
"""

from __future__ import annotations

import functools
import logging
import math
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
from astropy import log
from astropy import units as u
from astropy.io import fits
from astropy.wcs import WCS, FITSFixedWarning, NoConvergence

from aia_ccdproc.errors import HeaderError
from aia_ccdproc.images.conventions import standard_ctype, standard_unit
from aia_ccdproc.images.solar_frames import register_solar_frames
from aia_ccdproc.images.values import as_number, finite_number, is_empty
from aia_ccdproc.images.wcs_cards import (
    NUMERIC_CARD,
    POSITION_KEYWORDS,
    is_geometry_card,
    is_wcs_card,
    remove_superseded,
)

__all__ = [
    "check_celestial",
    "geometry_cards",
    "ignore_wcs_warnings",
    "plate_scale",
    "position_cards",
    "roll_angle",
    "sun_center",
    "wcs_from_header",
]

register_solar_frames()

_REQUIRED = ("CTYPE1", "CTYPE2", "CRPIX1", "CRPIX2", "CRVAL1", "CRVAL2")


@contextmanager
def ignore_wcs_warnings() -> Iterator[None]:
    """Ignore wcslib's warnings and astropy's log messages about converted dates, units and SIP distortions."""
    level = log.level
    log.setLevel(max(level, logging.WARNING))  # astropy logs that CTYPE does not name a SIP distortion
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FITSFixedWarning)
            yield
    finally:
        log.setLevel(level)


def wcs_from_header(header: fits.Header) -> WCS:
    """Build the WCS that a header describes.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        Complete header.

    Returns
    -------
    `~astropy.wcs.WCS`
        Two-dimensional celestial WCS. ``array_shape`` is set if the header has NAXIS1 and NAXIS2.

    Raises
    ------
    HeaderError
        If the header describes no celestial WCS, or if the matrix of the WCS has no inverse.
    """
    missing = [key for key in _REQUIRED if key not in header]
    if missing:
        raise HeaderError(f"no WCS: {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing")
    # Each value is read once: astropy looks up its configuration for each access.
    cards = [(card.keyword, card.value) for card in header.cards if is_wcs_card(card.keyword)]
    values = dict(reversed(cards))  # of several cards with one keyword, the first counts
    for keyword, _ in cards:
        _check_card(values, keyword)
    for key in ("CDELT1", "CDELT2"):
        if "CD1_1" not in header and finite_number(header, key) == 0:
            raise HeaderError(f"no WCS: {key} is 0")
    standard = [(keyword, _standard_value(keyword, value)) for keyword, value in cards if not _is_blank(value)]
    wcs = _parse(tuple(standard)).deepcopy()
    if all(isinstance(header.get(key), int) for key in ("NAXIS1", "NAXIS2")):
        wcs.array_shape = (header["NAXIS2"], header["NAXIS1"])
    return wcs


def _is_blank(value: object) -> bool:
    return is_empty(value) or value == ""


def _standard_value(keyword: str, value: object) -> object:
    """Return the value of a card as wcslib requires it."""
    if not isinstance(value, str):
        return value
    if keyword in ("CTYPE1", "CTYPE2"):
        return standard_ctype(value)
    if keyword in ("CUNIT1", "CUNIT2"):
        return standard_unit(value)
    is_number = NUMERIC_CARD.match(keyword) or keyword in POSITION_KEYWORDS
    return as_number(value) if is_number else value


#: Smallest ratio of the sides of a pixel; the inverse of a matrix with a smaller one has no correct digits.
_MIN_SIDE_RATIO = 1e-12
#: Sides of a pixel. No telescope and no map has pixels outside of this range.
_MIN_PIXEL_DEGREES = 1e-15
_MAX_PIXEL_DEGREES = 360.0
#: Largest roll angle: ten turns, by which the digits after the point are not lost.
_MAX_ROLL_DEGREES = 3600.0
#: Largest order of a distortion polynomial (Shupe et al. 2005).
_MAX_SIP_ORDER = 9


def _check_card(values: Mapping[str, object], keyword: str) -> None:
    """Refuse a card that wcslib would ignore without a warning."""
    value = values[keyword]
    if keyword in ("CTYPE1", "CTYPE2", "CUNIT1", "CUNIT2"):
        if not isinstance(value, str):
            raise HeaderError(f"no WCS: {keyword} is {'empty' if is_empty(value) else repr(value)}")
    elif NUMERIC_CARD.match(keyword):
        number = finite_number(values, keyword)
        if keyword == "CROTA2" and abs(number) > _MAX_ROLL_DEGREES:
            raise HeaderError(f"no WCS: CROTA2 is {number:g} degrees")
    elif keyword in ("A_ORDER", "B_ORDER") and finite_number(values, keyword) > _MAX_SIP_ORDER:
        raise HeaderError(f"no WCS: {keyword} is {value}; the SIP convention allows up to {_MAX_SIP_ORDER}")
    elif keyword in POSITION_KEYWORDS and not _is_blank(value):
        number = finite_number(values, keyword)
        if keyword in ("DSUN_OBS", "RSUN_REF") and number <= 0:
            raise HeaderError(f"{keyword} is {number:g}; a distance must be positive")


@functools.lru_cache(maxsize=4)  # a step often needs the WCS that the step before it has built
def _parse(cards: tuple[tuple[str, object], ...]) -> WCS:
    """Build a WCS from its cards alone: a level-1 header has some 200 others."""
    header = fits.Header(cards)
    remove_superseded(header)
    with ignore_wcs_warnings():
        try:
            wcs = WCS(header)
            wcs.wcs.set()
        except Exception as error:  # wcslib has a dozen exception classes for a header that it cannot use
            raise HeaderError(f"no WCS: {str(error).strip().splitlines()[-1]}") from error
    check_celestial(wcs)
    return wcs


def check_celestial(wcs: WCS) -> None:
    """Check that a WCS is two-dimensional and celestial, and that its matrix has an inverse and describes real pixels.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS`
        The WCS.

    Raises
    ------
    HeaderError
        If one of these conditions is not met.
    """
    if not wcs.has_celestial or wcs.naxis != 2:
        names = " and ".join(f"CTYPE{i}={kind!r}" for i, kind in enumerate(map(str, wcs.wcs.ctype), 1))
        raise HeaderError(f"no WCS: {names} are not celestial")
    if not (np.isfinite(wcs.wcs.crpix).all() and np.isfinite(wcs.wcs.crval).all()):
        raise HeaderError(f"no WCS: CRPIX is {wcs.wcs.crpix} and CRVAL is {wcs.wcs.crval}; finite numbers are needed")
    with np.errstate(all="ignore"):  # of a rotation of pixels whose sides are very different
        matrix = wcs.pixel_scale_matrix
    sides = np.linalg.svd(matrix, compute_uv=False) if np.isfinite(matrix).all() else np.zeros(2)
    if not sides[1] > _MIN_SIDE_RATIO * sides[0]:
        raise HeaderError("no WCS: its matrix has no inverse")
    if not _MIN_PIXEL_DEGREES < sides[1] <= sides[0] < _MAX_PIXEL_DEGREES:
        size = f"{sides[0]:g} x {sides[1]:g} degrees"
        raise HeaderError(f"no WCS: pixels of {size} are not possible. Check CDELT and CUNIT")


def geometry_cards(wcs: WCS) -> fits.Header:
    """Write the geometry of a WCS as FITS cards, in arcsec and at full precision.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS`
        Two-dimensional celestial WCS.

    Returns
    -------
    `~astropy.io.fits.Header`
        The cards; the rotation is a PC matrix.
    """
    with ignore_wcs_warnings():
        written = wcs.to_header(relax=True)
    cards = fits.Header([card for card in written.cards if is_geometry_card(card.keyword)])
    if wcs.wcs.lonpole == 180 and all(str(kind).endswith("-TAN") for kind in wcs.wcs.ctype):
        del cards["LONPOLE"], cards["LATPOLE"]  # the defaults of a tangent projection
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


def position_cards(wcs: WCS) -> fits.Header:
    """Write the position of the observer of a WCS as FITS cards.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS`
        Celestial WCS.

    Returns
    -------
    `~astropy.io.fits.Header`
        DSUN_OBS, HGLN_OBS, HGLT_OBS, CRLN_OBS and RSUN_REF, as far as the WCS has them.
    """
    with ignore_wcs_warnings():
        cards = wcs.to_header(relax=True).cards
    return fits.Header([card for card in cards if card.keyword in POSITION_KEYWORDS])


def plate_scale(wcs: WCS) -> float:
    """Compute the plate scale of an image.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS`
        Celestial WCS of the image.

    Returns
    -------
    float
        Side of a square with the area of a pixel, in arcsec.
    """
    return float(np.sqrt(abs(np.linalg.det(wcs.pixel_scale_matrix)))) * 3600


def roll_angle(wcs: WCS) -> float:
    """Compute the roll angle of an image.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS`
        Celestial WCS of the image.

    Returns
    -------
    float
        Angle in degrees by which the image must be rotated so that solar north is up, with the sign of CROTA2.
    """
    matrix = wcs.pixel_scale_matrix
    return math.degrees(math.atan2(-matrix[0, 1], matrix[1, 1]))


def sun_center(wcs: WCS) -> np.ndarray:
    """Compute the pixel of the center of the Sun.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS`
        Celestial WCS of the image.

    Returns
    -------
    `~numpy.ndarray`
        Column and row, counted from 1, shape ``(2,)``. It is CRPIX if CRVAL is 0. NaN if the axes are not
        helioprojective, or the projection does not contain the center of the Sun.

    Raises
    ------
    HeaderError
        If a distortion cannot be inverted.
    """
    if [str(kind)[:4] for kind in wcs.wcs.ctype] != ["HPLN", "HPLT"]:
        return np.full(2, np.nan)
    if not wcs.wcs.crval.any() and wcs.sip is None:
        return np.array(wcs.wcs.crpix)
    try:
        with np.errstate(all="ignore"):  # of coefficients that make no sense
            return np.ravel(wcs.all_world2pix([[0.0, 0.0]], 1, tolerance=1e-9))
    except NoConvergence as error:
        raise HeaderError("the distortion of the WCS cannot be inverted. Check its SIP coefficients") from error
