"""Header conventions of other software: numbers as text, CTYPE, CUNIT and times that FITS does not know."""

from __future__ import annotations

import math
import re

from astropy.io import fits

from aia_ccdproc.errors import HeaderError
from aia_ccdproc.images.times import is_drms_time, parse_time
from aia_ccdproc.images.values import as_number, is_empty
from aia_ccdproc.images.wcs_cards import NUMERIC_CARD, POSITION_KEYWORDS

__all__ = [
    "apply_conventions",
    "guess_unit",
    "is_empty_wcs_card",
    "standard_ctype",
    "standard_unit",
    "without_flat_axes",
]

#: Keywords of AIA whose value is a number.
_NUMERIC_KEYWORDS = POSITION_KEYWORDS | {
    *("WAVELNTH", "EXPTIME", "LVL_NUM", "QUALITY", "QUALLEV0", "NSPIKES", "FSN", "CAMERA"),
    *("X0_MP", "Y0_MP", "IMSCL_MP", "INST_ROT", "SAT_ROT", "SAT_Y0", "SAT_Z0"),
    *("RSUN_OBS", "R_SUN", "XCEN", "YCEN", "CAR_ROT", "OBS_VR", "OBS_VW", "OBS_VN"),
    *("BLANK", "BSCALE", "BZERO"),
}
#: Keywords that wcslib reads, by the type of their values. A final letter is that of an alternate WCS.
_WCS_NUMBER = re.compile(
    r"((CRPIX|CRVAL|CDELT|CRDER|CSYER|CZPHS|CPERI)\d|(PC|CD)\d_\d|PV\d_\d+|LONPOLE|LATPOLE|EQUINOX|RESTFRQ|RESTWAV"
    r"|VELOSYS|ZSOURCE|VELANGL|WCSAXES)[A-Z]?$"
    r"|(MJD-?(OBS|BEG|AVG|END|REF|REFI|REFF)|JDREF[IF]?|OBSGEO-[XYZLBH]|EPOCH|CROTA\d|VELREF"
    r"|TSTART|TSTOP|TELAPSE|XPOSURE|TIMEDEL|TIMEPIXR|TIMEOFFS|TIMSYER|TIMRDER|[AB]P?_(ORDER|DMAX|\d_\d))$"
)
_WCS_TEXT = re.compile(
    r"((CTYPE|CUNIT|CNAME)\d|PS\d_\d+|WCSNAME|RADESYS|SPECSYS|SSYSOBS|SSYSSRC)[A-Z]?$"
    r"|(DATE-?(OBS|BEG|AVG|END|REF)|TIMESYS|TREFPOS|TREFDIR|TIMEUNIT|PLEPHEM|OBSORBIT)$"
)
_WCS_INTEGER = re.compile(r"(WCSAXES[A-Z]?|VELREF|[AB]P?_ORDER)$")
#: Keywords of a WCS that no output may have: deprecated ones, and distortions that are in other HDUs.
_UNSUPPORTED = re.compile(
    r"(CROTA\d[A-Z]|VSOURCE[A-Z]?|C[PQ]DIS\d[A-Z]?|C[PQ]ERR\d[A-Z]?|D[PQ]\d[A-Z]?(\..*)?|DVERR\d?[A-Z]?)$"
)
_DATE = re.compile(r"DATE-?(OBS|BEG|AVG|END|REF)$")
#: Cards of the third and later axes of an array.
_LATER_AXIS = re.compile(
    r"(NAXIS|CTYPE|CUNIT|CRPIX|CRVAL|CDELT|CROTA|CNAME|CRDER|CSYER)[3-9][A-Z]?$"
    r"|(PC|CD)([3-9]_\d|\d_[3-9])[A-Z]?$|(PV|PS)[3-9]_\d+[A-Z]?$"
)
_AXES = re.compile(r"WCSAXES[A-Z]?$")
_CTYPES = {"SOLAR_X": "HPLN-TAN", "SOLAR-X": "HPLN-TAN", "SOLAR_Y": "HPLT-TAN", "SOLAR-Y": "HPLT-TAN"}
_UNITS = {
    **dict.fromkeys(("arcsec", "arcsecs", "arcsecond", "arcseconds", "asec", "arc sec", "arc second"), "arcsec"),
    **dict.fromkeys(("arcmin", "arcmins", "arcminute", "arcminutes"), "arcmin"),
    **dict.fromkeys(("deg", "degs", "degree", "degrees"), "deg"),
    **dict.fromkeys(("rad", "rads", "radian", "radians"), "rad"),
}
#: Largest factor between the plate scale of an image and that of its instrument.
_MAX_SCALE_RATIO = 100.0
_MAX_INTEGER = 2**31
#: Text that JSOC writes in place of a number.
_NO_VALUE = ("nan", "-nan", "missing")


def standard_ctype(value: str) -> str:
    """Return the standard axis type of FITS for one that other software writes.

    Parameters
    ----------
    value : str
        ``"solar_x"``, ``"hpln-tan"``.

    Returns
    -------
    str
        ``"HPLN-TAN"``; unknown types in upper case.
    """
    upper = value.strip().upper()
    return _CTYPES.get(upper, upper)


def standard_unit(value: str) -> str:
    """Return the unit of an angle as FITS writes it.

    Parameters
    ----------
    value : str
        ``"arcseconds"``, ``" ARCSEC "``, ``"degrees"``.

    Returns
    -------
    str
        ``"arcsec"``, ``"deg"``; unknown units without surrounding blanks.
    """
    stripped = value.strip()
    return _UNITS.get(stripped.lower(), stripped)


def apply_conventions(header: fits.Header) -> list[str]:
    """Replace values of WCS and AIA keywords that other software writes by those that FITS requires.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        Header of an image; changed in place. Numbers that are written as text become numbers. CTYPE becomes upper case,
        ``solar_x`` becomes ``HPLN-TAN``. ``arcseconds`` becomes ``arcsec``.

    Returns
    -------
    list of str
        Keywords of WCS cards that were removed: the value has the wrong type or is not a time, or the card is one
        that is deprecated or describes a distortion in another HDU. Cards with ``'nan'`` in place of a number, as JSOC
        writes them, are removed, too, but not returned.
    """
    removed = []
    for keyword in dict.fromkeys(header.keys()):
        if keyword in ("CTYPE1", "CTYPE2", "CUNIT1", "CUNIT2"):
            value = header[keyword]
            if isinstance(value, str):
                standard = standard_ctype(value) if keyword.startswith("CTYPE") else standard_unit(value)
                if standard != value:
                    header[keyword] = standard
        elif keyword in _NUMERIC_KEYWORDS or NUMERIC_CARD.match(
            keyword
        ):  # wrong values are refused where they are used
            value = header[keyword]
            if isinstance(value, str) and (number := as_number(value)) is not None:
                header[keyword] = number
        elif not _standardize(header, keyword):
            removed.append(keyword)
    without_value = [keyword for keyword in removed if str(header[keyword]).strip().lower() in _NO_VALUE]
    for keyword in removed:
        header.remove(keyword, ignore_missing=True, remove_all=True)
    _mark_sip(header)
    return [keyword for keyword in removed if keyword not in without_value]


def _standardize(header: fits.Header, keyword: str) -> bool:
    """Convert numbers as text, and times of DRMS, to those of FITS. Return False if wcslib would warn about a card."""
    if _UNSUPPORTED.match(keyword):
        return False
    is_number, is_text = _WCS_NUMBER.match(keyword), _WCS_TEXT.match(keyword)
    if not (is_number or is_text) or is_empty(value := header[keyword]) or value == "":
        return True
    if is_text:
        return isinstance(value, str) and (not _DATE.match(keyword) or _standardize_time(header, keyword))
    number = as_number(value)
    if number is not None and isinstance(value, str):
        header[keyword] = number
    return number is not None and (not _WCS_INTEGER.match(keyword) or abs(number) < _MAX_INTEGER)


def _standardize_time(header: fits.Header, keyword: str) -> bool:
    """Write a time in the format of FITS. Return False if it is not a time."""
    text = header[keyword]
    try:
        time = parse_time(text)
        if is_drms_time(text):
            header[keyword] = str(time.isot)
    except (HeaderError, ValueError):
        return False
    return True


def _mark_sip(header: fits.Header) -> None:
    """Give both axes of an image with a SIP distortion the types that FITS requires."""
    ctypes = [str(header.get(keyword)) for keyword in ("CTYPE1", "CTYPE2")]
    if "A_ORDER" in header and "B_ORDER" in header and all(kind[4:] in ("-TAN", "-TAN-SIP") for kind in ctypes):
        for keyword, kind in zip(("CTYPE1", "CTYPE2"), ctypes, strict=True):
            header[keyword] = f"{kind[:8]}-SIP"


def is_empty_wcs_card(card: fits.Card) -> bool:
    """Check whether wcslib would warn about a card because it has no value.

    Parameters
    ----------
    card : `~astropy.io.fits.Card`
        The card.

    Returns
    -------
    bool
        True for ``DATE-AVG=`` and the like.
    """
    keyword = card.keyword
    names = _WCS_NUMBER.match(keyword) or _WCS_TEXT.match(keyword) or keyword in POSITION_KEYWORDS
    return bool(names) and (is_empty(card.value) or card.value == "")


def guess_unit(header: fits.Header, plate_scale: float) -> str | None:
    """Add CUNIT to the header of a helioprojective image that does not have it.

    By the FITS standard, a missing CUNIT means degrees. Solar software uses arcsec.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        Complete header; changed in place.
    plate_scale : float
        Plate scale of the instrument, in arcsec per pixel.

    Returns
    -------
    str or None
        What was assumed, for a warning. If one axis has a unit, it is assumed for the other. Otherwise arcsec is
        assumed, if the plate scale is then within a factor of 100 of that of the instrument, and nearer to it than in
        degrees. None if the header was not changed.
    """
    missing = [key for key in ("CUNIT1", "CUNIT2") if is_empty(header.get(key)) or header[key] == ""]
    ctypes = [str(header.get(key)).strip().upper()[:4] for key in ("CTYPE1", "CTYPE2")]
    if not missing or sorted(ctypes) != ["HPLN", "HPLT"]:
        return None
    if len(missing) == 1:
        other = "CUNIT1" if missing == ["CUNIT2"] else "CUNIT2"
        header[missing[0]] = header[other]
        return f"{missing[0]} is missing; the unit of {other}, {header[other]}, is assumed"
    scale = _scale(header)
    if scale is None:
        return None
    as_arcsec, as_degrees = (abs(math.log(scale * factor / plate_scale)) for factor in (1, 3600))
    if as_arcsec > math.log(_MAX_SCALE_RATIO) * (1 + 1e-9) or as_degrees < as_arcsec:
        return None
    header["CUNIT1"] = header["CUNIT2"] = "arcsec"
    return (
        f"CUNIT1 and CUNIT2 are missing; arcsec is assumed, because the plate scale is then {scale:g} arcsec per pixel"
    )


def _scale(header: fits.Header) -> float | None:
    """Return the plate scale in the unit of the header; None if it has none."""
    for names in (("CD1_1", "CD1_2"), ("CDELT1",)):
        scale = math.hypot(*(as_number(header.get(name)) or 0.0 for name in names))
        if scale > 0:
            return scale
    return None


def without_flat_axes(header: fits.Header) -> fits.Header:
    """Copy a header without the cards of a third and later axes.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        Header of an image whose third and later axes have the length 1; not changed.

    Returns
    -------
    `~astropy.io.fits.Header`
        The copy.
    """
    kept = [
        card
        for card in header.cards
        if not (_LATER_AXIS.match(card.keyword) or (_AXES.match(card.keyword) and as_number(card.value) != 2))
    ]
    result = fits.Header(kept, copy=True)
    if (as_number(result.get("NAXIS")) or 0) > 2:
        result["NAXIS"] = 2
    return result
