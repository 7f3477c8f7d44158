"""Values of keywords: numbers, strings and empty values."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from aia_ccdproc.errors import HeaderError
from aia_ccdproc.lazy import is_instance

if TYPE_CHECKING:
    from astropy.io import fits

__all__ = ["KEYWORD", "as_number", "as_text", "finite_number", "is_empty"]

#: Form of a header keyword: upper-case letters, digits, hyphens and underscores.
KEYWORD = re.compile(r"[A-Z][A-Z0-9_-]*$", re.ASCII)
_INTEGER = re.compile(r"[+-]?(\d{1,64}|0[xX][0-9a-fA-F]{1,64})$", re.ASCII)
#: Larger whole numbers are not converted to integers: their cards would be longer than FITS allows.
_MAX_WHOLE = 2.0**63
_DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eEdD][+-]?\d+)?$", re.ASCII)


def finite_number(header: fits.Header | Mapping[str, object], keyword: str) -> float:
    """Read a keyword that must be a finite number.

    Parameters
    ----------
    header : `~astropy.io.fits.Header` or dict
        The header, or values by keyword.
    keyword : str
        The keyword.

    Returns
    -------
    float
        Its value, also if the header contains it as a string: ``"171"``.

    Raises
    ------
    HeaderError
        If the keyword is missing, empty, not a number or not finite.
    """
    value = header.get(keyword)
    number = as_number(value)
    if number is not None:
        with suppress(OverflowError):  # an integer of more than 308 digits
            return float(number)
    if keyword not in header:
        state = "is missing"
    elif is_empty(value):
        state = "is empty"
    else:
        state = f"is {value!r}"
    raise HeaderError(f"{keyword} {state}; a finite number is needed")


def as_number(value: object) -> int | float | None:
    """Convert the value of a card to a number, also if the header contains it as a string.

    Parameters
    ----------
    value : object
        Value from the header: ``171``, ``171.0``, ``"171"``, ``"0x40000000"``.

    Returns
    -------
    int, float or None
        The number, as an integer if it is whole and not larger than 64 bits; None if the value is not a finite number.
    """
    if isinstance(value, str):
        text = value.strip()
        if _INTEGER.match(text):
            return int(text, 16 if "x" in text.lower() else 10)
        value = float(text.lower().replace("d", "e")) if _DECIMAL.match(text) else None
    if isinstance(value, int):
        return None if isinstance(value, bool) else value
    if not isinstance(value, float) or not math.isfinite(value):
        return None
    return int(value) if value.is_integer() and abs(value) < _MAX_WHOLE else value


def as_text(value: object) -> str:
    """Convert the value of a card to a string.

    Parameters
    ----------
    value : object
        Value from the header.

    Returns
    -------
    str
        A string without surrounding blanks; a whole number without a decimal point; T or F for a logical value; the
        empty string for a card without a value.
    """
    if is_empty(value):
        return ""
    if isinstance(value, bool):
        return "T" if value else "F"
    whole = None if isinstance(value, str) else as_number(value)
    return str(value if whole is None else whole).strip()


def is_empty(value: object) -> bool:
    """Check whether a card has no value.

    Parameters
    ----------
    value : object
        Value from the header.

    Returns
    -------
    bool
        True for an empty value field.
    """
    return value is None or is_instance(value, "astropy.io.fits.card", "Undefined")
