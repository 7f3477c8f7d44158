"""Times in the formats of FITS and DRMS."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from aia_ccdproc.errors import HeaderError

if TYPE_CHECKING:
    from astropy.io import fits
    from astropy.time import Time

__all__ = ["EXPOSURE_TIME_KEYWORD", "ignore_erfa_warnings", "observation_time", "parse_time"]

#: T_OBS of the exposure, in an image that has been registered onto a grid of another time.
EXPOSURE_TIME_KEYWORD = "T_OBS_L1"
#: The start of a date. astropy would also read epochs (``J2020.0``).
_DATE = re.compile(r"[+-]?\d{4,5}[-:]\d")
_DRMS_TIME = re.compile(r"(\d{4})\.(\d\d)\.(\d\d)_(\d\d:\d\d:\d\d(?:\.\d+)?)_?(TAI|UTC|UT|Z)?$")


def observation_time(header: fits.Header) -> Time:
    """Read T_OBS, the time for which a pointing record is selected.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        Header with T_OBS in ISO format, with or without ``Z``, or in the format of DRMS, in UTC or TAI.

    Returns
    -------
    `~astropy.time.Time`
        The time, UTC.

    Raises
    ------
    HeaderError
        If T_OBS is missing or is not a time.
    """
    text = header.get("T_OBS", header.get(EXPOSURE_TIME_KEYWORD))
    if not isinstance(text, str) or not text.strip():
        raise HeaderError("T_OBS is missing; the time of the observation is needed")
    return parse_time(text)


def parse_time(text: object) -> Time:
    """Parse a time in a format of FITS or DRMS.

    Parameters
    ----------
    text : str
        ``2020-01-01T00:00:11.57Z``, the same without ``Z``, or ``2020.01.01_00:00:48_TAI``.

    Returns
    -------
    `~astropy.time.Time`
        The time, UTC.

    Raises
    ------
    HeaderError
        If the text is not a time.
    """
    from astropy.time import Time

    stripped = str(text).strip()
    drms = _DRMS_TIME.match(stripped)
    try:
        with ignore_erfa_warnings():
            if drms:
                year, month, day, clock, scale = drms.groups()
                return Time(f"{year}-{month}-{day}T{clock}", scale="tai" if scale == "TAI" else "utc").utc
            if _DATE.match(stripped):
                return Time(stripped.removesuffix("Z"), scale="utc")
    except ValueError as error:
        raise HeaderError(f"{text!r} is not a time") from error
    raise HeaderError(f"{text!r} is not a time")


@contextmanager
def ignore_erfa_warnings() -> Iterator[None]:
    """Ignore ERFA's warnings about years whose leap seconds are not known yet, and about seconds from 60 on.

    A calibration or pointing table that ends before such a year raises an error of its own. Second 60 of a minute
    without a leap second is second 0 of the next minute.
    """
    from erfa import ErfaWarning

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*(dubious year|time is after end of day)", ErfaWarning)
        yield
