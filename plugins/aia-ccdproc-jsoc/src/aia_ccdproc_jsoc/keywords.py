"""FITS cards from the keywords of a DRMS record."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from astropy.io import fits

from aia_ccdproc.images import as_number

if TYPE_CHECKING:
    from drms.client import SeriesInfo

__all__ = ["RecordCard", "make_header", "record_cards"]

#: Names that DRMS gives to keywords of FITS.
_RENAMED = {"DATE__OBS": "DATE-OBS"}
#: Names that FITS allows. The parts of a slotted keyword (T_REC_step) are not exported under their own names.
_FITS_KEYWORD = re.compile(r"[A-Z0-9_-]{1,8}$", re.ASCII)
_MISSING = "MISSING"
#: Column of a card in which a comment begins at the earliest, and length of a card.
_COMMENT_COLUMN, _CARD_LENGTH = 30, 80


class RecordCard(NamedTuple):
    """A card of a record. It can be compared and pickled."""

    keyword: str
    #: None for a missing value.
    value: str | int | float | None
    comment: str


def record_cards(values: Mapping[str, str], series: SeriesInfo) -> tuple[RecordCard, ...]:
    """Make the cards of a record.

    Parameters
    ----------
    values : mapping of str to str
        Values by the names of DRMS, as the server sends them.
    series : `drms.client.SeriesInfo`
        Description of the series: types, units and notes of its keywords.

    Returns
    -------
    tuple of `RecordCard`
        The cards, in the order of the values. Keywords whose names FITS does not allow are left out.
    """
    known = series.keywords.to_dict("index")
    cards: dict[str, RecordCard] = {}
    for name, text in values.items():
        keyword = _RENAMED.get(name, name)
        if _FITS_KEYWORD.match(keyword) and keyword not in cards:
            description = known.get(name, {})
            value = _convert(text.strip(), str(description.get("type")))
            comment = _comment(description.get("units"), description.get("note"), value is None)
            cards[keyword] = RecordCard(keyword, value, _shorten(comment, keyword, value))
    return tuple(cards.values())


def make_header(cards: tuple[RecordCard, ...]) -> fits.Header:
    """Make a header of the cards of a record.

    Parameters
    ----------
    cards : tuple of `RecordCard`
        The cards.

    Returns
    -------
    `~astropy.io.fits.Header`
        The header, without the keywords that describe the array of pixels.
    """
    return fits.Header([fits.Card(*card) for card in cards])


def _convert(text: str, kind: str) -> str | int | float | None:
    """Convert the text of a value to the type of its keyword."""
    if text == _MISSING:
        return None
    if kind == "time":
        return _ascii(text).removesuffix("Z")  # as in exports: times of FITS are UTC unless they name another scale
    if kind == "string":
        return _ascii(text)
    number = as_number(text)
    if number is None:  # FITS has no NaN
        return None if text.lower().lstrip("+-") in ("nan", "inf") else _ascii(text)
    if kind in ("float", "double"):
        return float(number)
    if kind == "int" and number >= 2**31:  # bits in hexadecimal; an integer of DRMS is signed
        return int(number) - 2**32
    return number


def _comment(unit: object, note: object, is_missing: bool) -> str:
    """Write a comment as JSOC's export does: ``[arcsec] Position of the Sun's center``."""
    parts = [f"[{unit}]"] if unit and unit != "none" and not is_missing else []
    parts += ["(MISSING)"] if is_missing else []
    return _ascii(" ".join([*parts, str(note or "").strip()]).strip())


def _shorten(comment: str, keyword: str, value: str | float | None) -> str:
    """Shorten a comment so that it fits into the card."""
    used = max(len(fits.Card(keyword, value).image.rstrip()), _COMMENT_COLUMN)
    return comment[: max(_CARD_LENGTH - used - len(" / "), 0)].rstrip()


def _ascii(text: str) -> str:
    return "".join(c if " " <= c <= "~" else " " if c.isspace() else "?" for c in text)
