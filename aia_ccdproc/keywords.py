"""Keywords: numbers, times and HISTORY lines, as FITS headers hold them."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from astropy.io import fits
from astropy.time import Time
from erfa import ErfaWarning

from aia_ccdproc.errors import HeaderError

__all__ = [
    "KEYWORD",
    "add_history",
    "add_step_history",
    "any_year",
    "as_number",
    "as_text",
    "is_empty",
    "number",
    "observation_time",
    "parse_time",
    "printable",
]

#: How the keyword of a header is written: upper case, with digits, hyphens and underscores.
KEYWORD = re.compile(r"[A-Z][A-Z0-9_-]*$", re.ASCII)
_INTEGER = re.compile(r"[+-]?(\d{1,64}|0[xX][0-9a-fA-F]{1,64})$", re.ASCII)
_DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$", re.ASCII)


class Described(Protocol):
    """What can be said on one line: the settings of a step."""

    def describe(self) -> str:
        """Say it.

        Returns
        -------
        str
            The line.
        """


def number(header: fits.Header, keyword: str) -> float:
    """Read a keyword that must be a finite number.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        The header.
    keyword : str
        The keyword.

    Returns
    -------
    float
        Its value.

    Raises
    ------
    HeaderError
        If the keyword is missing, empty, not a number or not finite.
    """
    value = header.get(keyword)
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    if keyword not in header:
        said = "is missing"
    elif is_empty(value):
        said = "is empty"
    else:
        said = f"is {value!r}"
    raise HeaderError(f"{keyword} {said}; a finite number is needed")


def as_number(value: object) -> int | float | None:
    """Take the value of a card as a number, also where the header holds it as a text.

    Parameters
    ----------
    value : object
        What the header gives: ``171``, ``171.0``, ``"171"``, ``"0x40000000"``.

    Returns
    -------
    int, float or None
        The number, an integer where it is whole; None for what is no finite number.
    """
    if isinstance(value, str):
        text = value.strip()
        if _INTEGER.match(text):
            return int(text, 16 if "x" in text.lower() else 10)
        value = float(text) if _DECIMAL.match(text) else None
    if isinstance(value, int):
        return None if isinstance(value, bool) else value
    if not isinstance(value, float) or not math.isfinite(value):
        return None
    return int(value) if value.is_integer() else value


def as_text(value: object) -> str:
    """Take the value of a card as a text.

    Parameters
    ----------
    value : object
        What the header gives.

    Returns
    -------
    str
        Texts without the blanks around them, whole numbers without a decimal point, T and F for the logical values;
        nothing for a card without a value.
    """
    if is_empty(value):
        return ""
    if isinstance(value, bool):
        return "T" if value else "F"
    whole = None if isinstance(value, str) else as_number(value)
    return str(value if whole is None else whole).strip()


def is_empty(value: object) -> bool:
    """Tell whether a card has no value.

    Parameters
    ----------
    value : object
        What the header gives for it.

    Returns
    -------
    bool
        True for an empty value field.
    """
    return value is None or isinstance(value, fits.card.Undefined)


def add_history(header: fits.Header, text: str) -> None:
    """Add a line to a header's HISTORY, in ASCII.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        The header; changed in place.
    text : str
        The line; astropy breaks it over cards after 72 characters.
    """
    header.add_history(" ".join(printable(text).split()))


def printable(text: str) -> str:
    """Replace what FITS cannot hold in a text by question marks.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    str
        Printable ASCII.
    """
    return "".join(c if " " <= c <= "~" else " " if c.isspace() else "?" for c in text)


def add_step_history(header: fits.Header, step: str, plugin: str, settings: Described) -> None:
    """Add the HISTORY line of a step: what was done, by whom, with which settings.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        The header; changed in place.
    step : str
        Name of the step.
    plugin : str
        Distribution and version that did it.
    settings : `~aia_ccdproc.settings.StepSettings`
        Its settings.
    """
    described = settings.describe()
    add_history(header, f"{step} ({plugin})" + (f": {described}" if described else ""))


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
        with any_year():
            if drms:
                year, month, day, clock, scale = drms.groups()
                return Time(f"{year}-{month}-{day}T{clock}", scale="tai" if scale == "TAI" else "utc").utc
            return Time(stripped.removesuffix("Z"), scale="utc")
    except ValueError as error:
        raise HeaderError(f"{text!r} is no time") from error


@contextmanager
def any_year() -> Iterator[None]:
    """Silence ERFA's doubts about leap seconds in years to come; a table that ends before says so itself."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*dubious year", ErfaWarning)
        yield
