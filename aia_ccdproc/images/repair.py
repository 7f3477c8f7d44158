"""Repair of headers in memory, and removal of the cards that describe the file instead of the image."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable

from astropy.io import fits

from aia_ccdproc.images.card_filter import without_cards
from aia_ccdproc.images.cards import repair_cards
from aia_ccdproc.images.values import as_number
from aia_ccdproc.images.wcs_values import is_other_axis_card

__all__ = ["image_cards", "is_readable", "is_structure_card", "repair_header"]

#: Cards that describe how pixels are stored in a file.
_STRUCTURE = re.compile(
    r"(XTENSION|PCOUNT|GCOUNT|GROUPS|TFIELDS|THEAP|EXTNAME|EXTVER|EXTLEVEL|INHERIT|BSCALE|BZERO|BLANK|CHECKSUM|DATASUM"
    r"|T(TYPE|FORM|UNIT|NULL|SCAL|ZERO|DISP|BCOL|DIM|CTYP|CUNI|CRPX|CRVL|CDLT|RPOS)\d+|Z(NAXIS|TILE|NAME|VAL)\d+"
    r"|Z(IMAGE|CMPTYPE|MASKCMP|BITPIX|NAXIS|QUANTIZ|DITHER0|BLANK|SCALE|ZERO|TENSION|BLOCKED|PCOUNT|GCOUNT|HECKSUM|DATASUM"
    r"|SIMPLE|EXTEND))$"
)


def image_cards(header: fits.Header, *is_dropped: Callable[[fits.Card], bool]) -> fits.Header:
    """Reduce a header to the cards that describe a two-dimensional image, instead of the file that contains it.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        Header of an image whose third and later axes have the length 1. It shares its cards with the result, and must
        not be used any more.
    *is_dropped : callable
        Conditions. A card that meets one of them is left out, too.

    Returns
    -------
    `~astropy.io.fits.Header`
        The header without BSCALE, BZERO, BLANK, CHECKSUM, and the cards of compressed images, of extensions, and of
        axes other than the first and the second.
    """
    result = without_cards(header, is_structure_card, is_other_axis_card, *is_dropped, share=True)
    if (as_number(result.get("NAXIS")) or 0) > 2:
        result["NAXIS"] = 2
    return result


def is_structure_card(card: fits.Card) -> bool:
    """Check whether a card describes how pixels are stored in a file.

    Parameters
    ----------
    card : `~astropy.io.fits.Card`
        The card.

    Returns
    -------
    bool
        True for BSCALE, CHECKSUM, ZIMAGE and the like.
    """
    return _STRUCTURE.match(card.keyword) is not None


def is_readable(header: fits.Header) -> bool:
    """Check whether astropy can read the value of each card of a header.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        The header; not changed.

    Returns
    -------
    bool
        False if a card is not valid FITS.
    """
    try:
        for card in header.cards:
            _ = card.value
    except fits.VerifyError:
        return False
    return True


def repair_header(header: fits.Header) -> tuple[fits.Header, str | None]:
    """Repair the cards of a header in memory.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        The header; not changed.

    Returns
    -------
    header : `~astropy.io.fits.Header`
        A copy that astropy writes without a warning and that contains valid cards only.
    problem : str or None
        What was changed, for a warning; None if nothing.
    """
    texts, emptied, dropped = [], [], []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for card in header.copy().cards:  # astropy changes a card when it writes it
            try:
                texts.append(str(card))
            except (ValueError, fits.VerifyError):
                if _is_number(card):  # not finite
                    texts.append(str(fits.Card(card.keyword, None, card.comment)))
                    emptied.append(card.keyword)
                else:  # not readable, or longer than a card may be
                    dropped.append(card.keyword)
    repaired = repair_cards("".join(texts))
    repaired.emptied.extend(emptied)
    repaired.dropped.extend(dropped)
    if "".join(repaired.cards) == "".join(texts) and not (emptied or dropped):
        return header.copy(), None
    return fits.Header.fromstring("".join(repaired.cards)), repaired.problem


def _is_number(card: fits.Card) -> bool:
    try:
        return isinstance(card.value, float | complex)
    except fits.VerifyError:
        return False
