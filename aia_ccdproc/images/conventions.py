"""Header conventions of other software: numbers as text, CTYPE, CUNIT and times that FITS does not know."""

from __future__ import annotations

import math

from astropy.io import fits

from aia_ccdproc.images.values import as_number, is_empty
from aia_ccdproc.images.wcs_cards import NUMERIC_CARD, POSITION_KEYWORDS
from aia_ccdproc.images.wcs_values import remove_contradictions, standardize_value

__all__ = [
    "apply_conventions",
    "guess_unit",
    "standard_ctype",
    "standard_unit",
]

#: Keywords of AIA whose value is a number.
_NUMERIC_KEYWORDS = POSITION_KEYWORDS | {
    *("WAVELNTH", "EXPTIME", "LVL_NUM", "QUALITY", "QUALLEV0", "NSPIKES", "FSN", "CAMERA"),
    *("X0_MP", "Y0_MP", "IMSCL_MP", "INST_ROT", "SAT_ROT", "SAT_Y0", "SAT_Z0"),
    *("RSUN_OBS", "R_SUN", "XCEN", "YCEN", "CAR_ROT", "OBS_VR", "OBS_VW", "OBS_VN"),
    *("BLANK", "BSCALE", "BZERO"),
}
_CTYPES = {
    **dict.fromkeys(("SOLAR_X", "SOLAR-X", "SOLARX"), "HPLN-TAN"),
    **dict.fromkeys(("SOLAR_Y", "SOLAR-Y", "SOLARY"), "HPLT-TAN"),
}
_UNITS = {
    **dict.fromkeys(("arcsec", "arcsecs", "arcsecond", "arcseconds", "asec", "arc sec", "arc second", '"'), "arcsec"),
    **dict.fromkeys(("arcmin", "arcmins", "arcminute", "arcminutes", "'"), "arcmin"),
    **dict.fromkeys(("deg", "degs", "degree", "degrees"), "deg"),
    **dict.fromkeys(("rad", "rads", "radian", "radians"), "rad"),
}
#: Largest factor between the plate scale of an image and that of its instrument.
_MAX_SCALE_RATIO = 100.0
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
        Keywords of WCS cards that were removed: the value has the wrong type or is not a time, the card contradicts
        others, or it is one that is deprecated or describes a distortion in another HDU. Cards with ``'nan'`` in place
        of a number, as JSOC writes them, are removed, too, but not returned.
    """
    removed = []
    for keyword in dict.fromkeys(header.keys()):
        if keyword in ("CTYPE1", "CTYPE2", "CUNIT1", "CUNIT2"):
            value = header[keyword]
            if isinstance(value, str):
                standard = standard_ctype(value) if keyword.startswith("CTYPE") else standard_unit(value)
                if standard != value:
                    header[keyword] = standard
        elif keyword in _NUMERIC_KEYWORDS or NUMERIC_CARD.match(keyword):
            value = header[keyword]  # wrong values are refused where they are used
            if isinstance(value, str) and (number := as_number(value)) is not None:
                header[keyword] = number
        elif not standardize_value(header, keyword):
            removed.append(keyword)
    without_value = [keyword for keyword in removed if str(header[keyword]).strip().lower() in _NO_VALUE]
    for keyword in removed:
        header.remove(keyword, ignore_missing=True, remove_all=True)
    contradictory = remove_contradictions(header)
    _mark_sip(header)
    return [keyword for keyword in [*removed, *contradictory] if keyword not in without_value]


def _mark_sip(header: fits.Header) -> None:
    """Give both axes of an image with a SIP distortion the types that FITS requires."""
    ctypes = [str(header.get(keyword)) for keyword in ("CTYPE1", "CTYPE2")]
    if "A_ORDER" in header and "B_ORDER" in header and all(kind[4:] in ("-TAN", "-TAN-SIP") for kind in ctypes):
        for keyword, kind in zip(("CTYPE1", "CTYPE2"), ctypes, strict=True):
            header[keyword] = f"{kind[:8]}-SIP"


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
