"""The HDUs of a FITS file as raw cards and bytes, valid or not."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TypeAlias

BLOCK = 2880
CARD = 80
END_CARD = b"END".ljust(CARD)

Cards: TypeAlias = list[bytes]


@dataclass
class Hdu:
    """The raw cards of a header, without END, and the bytes after it."""

    cards: Cards
    data: bytes


def split_fits(content: bytes) -> list[Hdu]:
    """Split a valid FITS file into its HDUs."""
    hdus, position = [], 0
    while position < len(content):
        cards = []
        while (card := content[position : position + CARD]) != END_CARD:
            cards.append(card)
            position += CARD
        start = (position // BLOCK + 1) * BLOCK
        values = {card[:8].strip(): card[10:30].strip() for card in cards if card[8:10] == b"= "}
        size = abs(int(values[b"BITPIX"])) // 8 * bool(int(values[b"NAXIS"]))
        for axis in range(int(values[b"NAXIS"])):
            size *= int(values[b"NAXIS%d" % (axis + 1)])
        size += int(values.get(b"PCOUNT", b"0"))
        position = start + -(-size // BLOCK) * BLOCK
        hdus.append(Hdu(cards, content[start:position]))
    return hdus


def join_fits(hdus: list[Hdu]) -> bytes:
    """Join HDUs to a file."""
    return b"".join(pad(b"".join([*hdu.cards, END_CARD]), b" ") + hdu.data for hdu in hdus)


def pad(content: bytes, filler: bytes) -> bytes:
    """Complete the last block of a file."""
    return content + filler * (-len(content) % BLOCK)


def card(keyword: str, literal: str = "", comment: str = "") -> bytes:
    """Make a card from a literal value, valid or not. It is cut at 80 characters."""
    text = f"{keyword:<8}= {literal:>20}{' / ' if comment else ''}{comment}"
    return text.encode("latin-1", "replace").ljust(CARD)[:CARD]


def keyword_of(raw: bytes) -> str:
    """Return the keyword of a card."""
    return raw[:8].decode("latin-1").strip()


def find_card(cards: Cards, keyword: str) -> int | None:
    """Return the position of the first card with a keyword."""
    return next((index for index, raw in enumerate(cards) if keyword_of(raw) == keyword), None)


def set_card(chance: Random, cards: Cards, keyword: str, new: bytes) -> str:
    """Replace the card of a keyword, or add it somewhere."""
    index = find_card(cards, keyword)
    if index is None:
        index = chance.randrange(min(5, len(cards)), len(cards) + 1)
        cards.insert(index, new)
    else:
        cards[index] = new
    return repr(new.decode("latin-1").rstrip(" "))
