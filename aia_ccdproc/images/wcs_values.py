"""The keywords of a WCS besides its geometry: the types of their values, and cards that contradict each other."""

from __future__ import annotations

import re

from astropy.io import fits

from aia_ccdproc.errors import HeaderError
from aia_ccdproc.images.times import ignore_erfa_warnings, parse_time
from aia_ccdproc.images.values import as_number, is_empty
from aia_ccdproc.images.wcs_cards import POSITION_KEYWORDS

__all__ = [
    "add_julian_dates",
    "is_empty_wcs_card",
    "is_other_axis_card",
    "remove_contradictions",
    "standardize_value",
]

#: Keywords that wcslib reads, by the type of their values. A final letter is that of an alternate WCS.
_NUMBER = re.compile(
    r"((CRPIX|CRVAL|CDELT|CRDER|CSYER|CZPHS|CPERI)\d|(PC|CD)\d_\d|PV\d_\d+|LONPOLE|LATPOLE|EQUINOX|RESTFRE?Q|RESTWAV"
    r"|VELOSYS|ZSOURCE|VELANGL|WCSAXES)[A-Z]?$"
    r"|(MJD-?(OBS|BEG|AVG|END|REF|REFI|REFF)|JDREF[IF]?|OBSGEO-[XYZLBH]|[JB]?EPOCH|CROTA\d|VELREF"
    r"|[ABC]_RADIUS|B(LON|LAT|DIS)_OBS"
    r"|TSTART|TSTOP|TELAPSE|XPOSURE|TIMEDEL|TIMEPIXR|TIMEOFFS|TIMSYER|TIMRDER|[AB]P?_(ORDER|DMAX|\d_\d))$"
)
_TEXT = re.compile(
    r"((CTYPE|CUNIT|CNAME)\d|PS\d_\d+|WCSNAME|RADESYS|SPECSYS|SSYSOBS|SSYSSRC)[A-Z]?$"
    r"|(DATE-?(OBS|BEG|AVG|END|REF)|TIMESYS|TREFPOS|TREFDIR|TIMEUNIT|PLEPHEM|OBSORBIT|RADECSYS)$"
)
_INTEGER = re.compile(r"(WCSAXES[A-Z]?|VELREF|[AB]P?_ORDER)$")
_MAX_INTEGER = 2**31
#: Keywords that no output may have: deprecated ones, parameters with numbers that FITS does not allow, and distortions
#: that are in other HDUs or in the conventions of plate surveys and of IRAF.
_UNSUPPORTED = re.compile(
    r"(CROTA\d[A-Z]|VSOURCE[A-Z]?|(PV|PS)\d_\d{3,}[A-Z]?|C[PQ]DIS\d[A-Z]?|C[PQ]ERR\d[A-Z]?|D[PQ]\d[A-Z]?(\..*)?"
    r"|DVERR\d?[A-Z]?|PPO\d|AMD[XY]\d+|[XY]PIXELSZ|CNPIX\d|PLT(RA[HMS]|DEC(SN|[DMS]))|WAT\d_\d{3})$"
)
#: Cards of axes that an image does not have.
_OTHER_AXIS = re.compile(
    r"NAXIS(?![12]$)[\d_-]+$|(CTYPE|CUNIT|CRPIX|CRVAL|CDELT|CROTA|CNAME|CRDER|CSYER|CZPHS|CPERI)(0|[3-9]|\d\d+)[A-Z]?$"
    r"|(PC|CD)((0|[3-9]|\d\d+)_\d+|\d_(0|[3-9]|\d\d+))[A-Z]?$|(PV|PS)(0|[3-9]|\d\d+)_\d+[A-Z]?$"
)
_AXES = re.compile(r"WCSAXES[A-Z]?$")
_DATE = re.compile(r"DATE-?(OBS|BEG|AVG|END|REF)$")
_FITS_TIME = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d+)?Z?)?")
#: Dates, and the numbers in which wcslib repeats them.
_DATES = {**{f"DATE-{name}": f"MJD-{name}" for name in ("OBS", "BEG", "AVG", "END")}, "DATEREF": "MJDREF"}
#: Numbers that repeat a date in another form, and need not agree with it.
_SAME_TIME = {
    "DATE-OBS": ("JEPOCH", "BEPOCH"),
    "DATEREF": ("MJDREFI", "MJDREFF", "JDREF", "JDREFI", "JDREFF"),
}
#: Largest difference of MJD-OBS and DATE-OBS, in days. The first may be in TAI, and the second in UTC.
_MAX_DAYS = 5e-4
#: Position of the observatory on the Earth, in the two forms of FITS.
_OBSERVATORY = (("OBSGEO-X", "OBSGEO-Y", "OBSGEO-Z"), ("OBSGEO-L", "OBSGEO-B", "OBSGEO-H"))
#: Largest coordinate of an observatory, in meters or degrees; far outside of the solar system.
_MAX_COORDINATE = 1e15


def standardize_value(header: fits.Header, keyword: str) -> bool:
    """Convert the value of a WCS keyword to the type and form that FITS requires.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        The header; changed in place. A number that is written as text becomes a number, and a time in the format of
        DRMS becomes one in the format of FITS.
    keyword : str
        The keyword.

    Returns
    -------
    bool
        False if the card must be removed: wcslib would warn about it, or would use it wrongly.
    """
    if _UNSUPPORTED.match(keyword):
        return False
    is_number, is_text = _NUMBER.match(keyword), _TEXT.match(keyword)
    if not (is_number or is_text) or _is_empty(value := header[keyword]):
        return True
    if is_text:
        return isinstance(value, str) and (not _DATE.match(keyword) or _standardize_time(header, keyword))
    number, is_integer = as_number(value), _INTEGER.match(keyword)
    if number is not None and (isinstance(value, str) or is_integer):
        header[keyword] = number
    return number is not None and (not is_integer or (isinstance(number, int) and abs(number) < _MAX_INTEGER))


def _standardize_time(header: fits.Header, keyword: str) -> bool:
    """Write a time in the format of FITS. Return False if it is not a time, or if FITS has no form for its year."""
    text = header[keyword]
    try:
        time = parse_time(text)
        if not _FITS_TIME.fullmatch(text):
            with ignore_erfa_warnings():
                text = header[keyword] = str(time.isot)
    except (HeaderError, ValueError):
        return False
    return _FITS_TIME.fullmatch(text) is not None


def remove_contradictions(header: fits.Header) -> list[str]:
    """Remove WCS cards that contradict others, or that have no meaning without others.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        Header whose WCS values have their types; changed in place. MJD-OBS is removed if it is not the time of
        DATE-OBS, MJDREF if it is not that of DATEREF. The position of the observatory is removed if it is incomplete or
        too far away, and its geodetic form if the header has the geocentric one.

    Returns
    -------
    list of str
        Keywords of the removed cards, without those that only repeat others.
    """
    removed = [mjd for date, mjd in _DATES.items() if not _is_same_time(header.get(date), header.get(mjd))]
    for date, names in _SAME_TIME.items():
        if not _is_empty(header.get(date)):
            removed += [name for name in names if name in header]
    repeated: list[str] = []
    is_known = False
    for names in _OBSERVATORY:
        found = [name for name in names if not _is_empty(header.get(name))]
        numbers = [number for name in found if (number := as_number(header[name])) is not None]
        is_valid = len(numbers) == len(names) and all(abs(number) < _MAX_COORDINATE for number in numbers)
        if not is_valid:
            removed += found
        elif is_known:
            repeated += found
        is_known = is_known or is_valid
    for name in removed + repeated:
        header.remove(name, ignore_missing=True, remove_all=True)
    return removed


def _is_same_time(date: object, mjd: object) -> bool:
    """Check that a date and a modified Julian date agree, or that one of them is missing."""
    number = as_number(mjd)
    return number is None or _is_empty(date) or abs(float(parse_time(date).mjd) - number) < _MAX_DAYS


def add_julian_dates(header: fits.Header) -> None:
    """Write MJD-OBS for DATE-OBS, MJDREF for DATEREF, and the same for the other dates of a WCS.

    wcslib computes such a number if it is missing, and then warns that it has changed the header.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        Header whose dates have the format of FITS; changed in place.
    """
    for keyword, repeated in _DATES.items():
        if not _is_empty(date := header.get(keyword)):
            value = (float(parse_time(date).mjd), f"[d] {keyword} as modified Julian date")
            if repeated in header:
                header[repeated] = value
            else:
                header.insert(keyword, (repeated, *value), after=True)


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
    names = _NUMBER.match(keyword) or _TEXT.match(keyword) or keyword in POSITION_KEYWORDS
    return bool(names) and _is_empty(card.value)


def is_other_axis_card(card: fits.Card) -> bool:
    """Check whether a card belongs to an axis that an image does not have.

    Parameters
    ----------
    card : `~astropy.io.fits.Card`
        The card.

    Returns
    -------
    bool
        True for CTYPE3, PC1_3 and the like, and for ``WCSAXES = 3``.
    """
    return bool(_OTHER_AXIS.match(card.keyword) or (_AXES.match(card.keyword) and as_number(card.value) != 2))


def _is_empty(value: object) -> bool:
    return is_empty(value) or value == ""
