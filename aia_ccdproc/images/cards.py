"""Repair of the 80-character cards of a FITS header that are not valid FITS."""

from __future__ import annotations

import math
import re
import warnings
from typing import NamedTuple

from astropy.io import fits

__all__ = ["CARD_LENGTH", "MAX_CARDS", "RepairedCards", "is_end", "repair_cards"]

CARD_LENGTH = 80
#: Maximum number of cards in a header, some fifty times those of AIA: astropy needs a millisecond for a card.
MAX_CARDS = 10_800
#: Maximum number of keywords in a message.
_MAX_LISTED = 8
_COMMENTARY = ("COMMENT ", "HISTORY ", " " * 8)
_STRING = r"'(?:[^']|'')*'"
_FLOAT = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[ED][+-]?\d+)?"
#: Value and comment as FITS requires them.
_VALID_VALUE = re.compile(
    rf" *(?:{_STRING}|[TF]|(?P<number>{_FLOAT})|\( *(?P<real>{_FLOAT}) *, *(?P<imaginary>{_FLOAT}) *\))? *(?:/.*)?"
)
_VALID_KEYWORD = re.compile(r"[A-Z0-9_-]+ *")
#: The convention for keywords of several words.
_HIERARCH = re.compile(r"(HIERARCH +[!-<>-~]+(?: +[!-<>-~]+)*) *=(.*)")
#: A keyword that needs no convention; astropy takes it for the usual one.
_SHORT_HIERARCH = re.compile(r"HIERARCH +[A-Za-z0-9_-]{1,8} *=")
#: A string that is continued in the next card, which has the keyword CONTINUE.
_OPEN_STRING = re.compile(r" *'(?:[^']|'')*&' *(?:/.*)?")
_CONTINUE = re.compile(rf"CONTINUE  +{_STRING} *(?:/.*)?")
_CONTINUED = re.compile(r"CONTINUE  +'(?:[^']|'')*&' *(?:/.*)?")
#: A card with a value, in forms that other software writes.
_LOOSE_CARD = re.compile(r"([A-Za-z0-9_-]{1,8}) *= ?(.*)")
_LOOSE_STRING = re.compile(r"'((?:[^']|'')*)'(.*)")
_LOOSE_NUMBER = re.compile(r"([+-]? *(?:\d+\.?\d*|\.\d+)(?: *[EeDd] *[+-]? *\d+)?) *(?:/.*)?")
_COMPLEX = re.compile(rf"\( *{_FLOAT} *, *{_FLOAT} *\)")
_NOT_FINITE = re.compile(r"[+-]?(nan|inf|infinity)\b", re.IGNORECASE)


class RepairedCards(NamedTuple):
    """The cards of a header after the repair, and the keywords of those that were changed or left out."""

    cards: list[str]
    """Text of each card, 80 characters; several times 80 for a string that is continued."""
    emptied: list[str]
    """Keywords of cards whose value was not finite, and which have no value now."""
    repaired: list[str]
    """Keywords of other cards that were changed."""
    dropped: list[str]
    """Keywords of cards that were left out."""

    @property
    def problem(self) -> str | None:
        """What was changed, for a warning.

        Returns
        -------
        str or None
            ``"cards that are not valid FITS: FOO repaired; PV1_2 not finite, left without a value"``; None if no such
            change is reported.
        """
        parts = [
            f"{_listed(keywords)} {text}"
            for keywords, text in (
                (self.repaired, "repaired"),
                (self.emptied, "not finite, left without a value"),
                (self.dropped, "left out"),
            )
            if keywords
        ]
        return f"cards that are not valid FITS: {'; '.join(parts)}" if parts else None


def _listed(keywords: list[str]) -> str:
    names = list(dict.fromkeys(keyword or "a card without a keyword" for keyword in keywords))
    more = len(names) - _MAX_LISTED
    return ", ".join(names[:_MAX_LISTED]) + (f" and {more} more" if more > 0 else "")


def repair_cards(text: str) -> RepairedCards:
    """Repair the cards of a header that are not valid FITS, or leave them out.

    Parameters
    ----------
    text : str
        The header: cards of 80 characters, up to the card END or the end of the text.

    Returns
    -------
    `RepairedCards`
        Cards that astropy reads, and writes, without a warning. Control characters become blanks, other characters
        that are not ASCII become question marks. A value that is not finite becomes an empty value. A string without
        its closing quote is kept, as is a value that is neither a string nor a number. A card without a usable
        keyword, a second card with the keyword of an earlier one, and a CONTINUE card without a string to continue are
        left out. Repairs of cards as JSOC writes them are not reported: a bare ``nan``, a string without its closing
        quote, and the form of a number.
    """
    result = RepairedCards([], [], [], [])
    seen: dict[str, str] = {}
    lines = [text[i : i + CARD_LENGTH].ljust(CARD_LENGTH) for i in range(0, len(text), CARD_LENGTH)]
    position = 0
    while position < len(lines):
        found = lines[position]
        position += 1
        if is_end(found):
            break
        line = found if _is_valid(found) else _repaired(found, result)
        if line is None:
            continue
        if line is found and _OPEN_STRING.fullmatch(line, 10):
            parts = [line]
            while position < len(lines) and _CONTINUE.fullmatch(lines[position]) and lines[position].isprintable():
                parts.append(lines[position])
                position += 1
                if not _CONTINUED.fullmatch(parts[-1]):
                    break
            line = "".join(parts)
        if not line.startswith(_COMMENTARY):
            keyword = line.partition("=")[0].rstrip()
            first = seen.setdefault(keyword, line)
            if first is not line:
                if first != line:
                    result.dropped.append(f"the second {keyword}")
                continue
        result.cards.append(line)
    return result


def is_end(card: str) -> bool:
    """Check whether a card is the last one of a header.

    Parameters
    ----------
    card : str
        The card.

    Returns
    -------
    bool
        True for END.
    """
    return card.startswith("END") and not card[3:].strip(" \0")


def _is_valid(line: str) -> bool:
    """Check a card. A CONTINUE card is not valid by itself."""
    if not (line.isascii() and line.isprintable()) or line[:8].rstrip() in ("END", "CONTINUE"):
        return False
    if line.startswith(_COMMENTARY):
        return True
    if line[8:10] == "= " and _VALID_KEYWORD.fullmatch(line, 0, 8):
        value = _VALID_VALUE.fullmatch(line, 10)
    elif (hierarch := _HIERARCH.fullmatch(line)) and not _SHORT_HIERARCH.match(line):
        value = _VALID_VALUE.fullmatch(hierarch[2])
    else:
        return False
    return value is not None and all(
        number is None or math.isfinite(float(number.replace("D", "E"))) for number in value.groups()
    )


def _repaired(line: str, result: RepairedCards) -> str | None:
    """Repair a card, and note what was done. Return None if it is left out."""
    clean = "".join(c if " " <= c <= "~" else " " if ord(c) < 160 else "?" for c in line)
    if clean.startswith(_COMMENTARY):
        if clean.strip() and not clean.startswith(" " * 8):
            result.repaired.append(clean[:8].strip())
            return clean
        result.dropped.append("")
        return None
    match = _HIERARCH.fullmatch(clean) or _LOOSE_CARD.fullmatch(clean)
    keyword = match[1].upper().strip() if match else clean[:8].strip()
    if _SHORT_HIERARCH.match(clean):
        keyword = keyword.removeprefix("HIERARCH").strip()
    if match is None or keyword in ("END", "CONTINUE"):
        result.dropped.append(keyword)
        return None
    text = match[2].strip()
    value, comment = _parse_value(text)
    card = _format(keyword, value, comment)
    if card is None:
        result.dropped.append(keyword)
    elif value is None and text and not text.startswith("/"):
        if clean != line or not text.lower().lstrip("+-").startswith("nan"):
            result.emptied.append(keyword)
    elif clean != line or not line.startswith(f"{keyword:8}= ") or not _is_harmless(text):
        result.repaired.append(keyword)
    return card


def _is_harmless(text: str) -> bool:
    """Check whether a value deviates from FITS only as in JSOC's own files."""
    return _LOOSE_NUMBER.fullmatch(text) is not None or (text.startswith("'") and not _LOOSE_STRING.match(text))


def _parse_value(text: str) -> tuple[object, str]:
    """Read value and comment of a card whose form is not valid. The value is None if it is empty or not finite."""
    if string := _LOOSE_STRING.fullmatch(text):
        return string[1].replace("''", "'").rstrip(), string[2].strip(" /")
    if text.startswith("'"):  # without a closing quote
        return text[1:].replace("''", "'").rstrip(), ""
    value, _, comment = (part.strip() for part in text.partition("/"))
    if not value or _NOT_FINITE.match(value) or _COMPLEX.fullmatch(value):
        return None, comment
    if number := _LOOSE_NUMBER.fullmatch(value):
        digits = number[1].replace(" ", "").upper().replace("D", "E")
        if digits.lstrip("+-").isdigit():
            return int(digits), comment
        return (float(digits) if math.isfinite(float(digits)) else None), comment
    if value in ("T", "F"):
        return value == "T", comment
    words, _, comment = (part.strip() for part in text.partition(" /"))  # words may contain a slash
    return words, comment


def _format(keyword: str, value: object, comment: str) -> str | None:
    """Write a card; several for a string that needs them. Return None if FITS has no form for it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # astropy shortens a comment that is too long
            card = str(fits.Card(keyword, value, comment))
    except ValueError:
        return None
    first, rest = card[:CARD_LENGTH], [card[i : i + CARD_LENGTH] for i in range(CARD_LENGTH, len(card), CARD_LENGTH)]
    return card if _is_valid(first) and all(map(_CONTINUE.fullmatch, rest)) else None
