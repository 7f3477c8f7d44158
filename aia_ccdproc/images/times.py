"""Times, as FITS and DRMS write them."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from astropy.io import fits
from astropy.time import Time
from erfa import ErfaWarning

from aia_ccdproc.errors import HeaderError

__all__ = ["ignore_erfa_warnings", "observation_time", "parse_time"]


_DRMS_TIME = re.compile(r"(\d{4})\.(\d\d)\.(\d\d)_(\d\d:\d\d:\d\d(?:\.\d+)?)_?(TAI|UTC|UT|Z)?$")


def observation_time(header: fits.Header) -> Time:
    """Read T_OBS, by which a pointing record is chosen.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        The header; T_OBS in ISO form with or without ``Z``, or as DRMS writes it, in UTC or TAI.

    Returns
    -------
    `~astropy.time.Time`
        The time, UTC.

    Raises
    ------
    HeaderError
        If T_OBS is missing or is no time.
    """
    text = header.get("T_OBS")
    if not isinstance(text, str) or not text.strip():
        raise HeaderError("T_OBS is missing; it says when the image was taken")
    return parse_time(text)


def parse_time(text: Any) -> Time:
    """Read a time as FITS or DRMS writes it.

    Parameters
    ----------
    text : str
        ``2020-01-01T00:00:11.57Z``, without the Z, or ``2020.01.01_00:00:48_TAI``.

    Returns
    -------
    `~astropy.time.Time`
        The time, UTC.

    Raises
    ------
    HeaderError
        If the text is no time.
    """
    stripped = str(text).strip()
    drms = _DRMS_TIME.match(stripped)
    try:
        with ignore_erfa_warnings():
            if drms:
                year, month, day, clock, scale = drms.groups()
                return Time(f"{year}-{month}-{day}T{clock}", scale="tai" if scale == "TAI" else "utc").utc
            return Time(stripped.removesuffix("Z"), scale="utc")
    except ValueError as error:
        raise HeaderError(f"{text!r} is no time") from error


@contextmanager
def ignore_erfa_warnings() -> Iterator[None]:
    """Silence ERFA's doubts about leap seconds in years to come; a table that ends before says so itself."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*dubious year", ErfaWarning)
        yield
