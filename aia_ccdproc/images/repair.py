"""Repair of cards that are not valid FITS, and removal of cards that describe the file instead of the image."""

from __future__ import annotations

import re
from typing import Any

from astropy.io import fits

__all__ = ["repair_header", "without_structure"]

#: Cards that describe how pixels are stored in a file.
_STRUCTURE = re.compile(
    r"(XTENSION|PCOUNT|GCOUNT|GROUPS|TFIELDS|THEAP|EXTNAME|EXTVER|EXTLEVEL|INHERIT|BSCALE|BZERO|BLANK|CHECKSUM|DATASUM"
    r"|(TTYPE|TFORM|TUNIT|TDIM|TSCAL|TZERO|ZNAXIS|ZTILE|ZNAME|ZVAL)\d+"
    r"|Z(IMAGE|CMPTYPE|BITPIX|NAXIS|QUANTIZ|DITHER0|BLANK|TENSION|PCOUNT|GCOUNT|HECKSUM|DATASUM|SIMPLE|EXTEND))$"
)
_UNCLOSED_STRING = re.compile(r"'((?:[^']|'')*)$")
_NUMBER = r"[+-]? *(\d+\.?\d*|\.\d+)( *[EeDd] *[+-]? *\d+)?"
_VALID_VALUE = re.compile(rf"('([^']|'')*'|[TF]|{_NUMBER}|\( *{_NUMBER} *, *{_NUMBER} *\))? *(/.*)?$")
_NAN_OR_INFINITY = re.compile(r"[+-]?(nan|inf|infinity)\b", re.IGNORECASE)


def repair_header(hdus: fits.HDUList, image: Any) -> fits.Header:
    """Read the header of an image, repair its invalid cards, and leave out those that describe the file.

    Parameters
    ----------
    hdus : `~astropy.io.fits.HDUList`
        The open file.
    image : HDU
        The image in it.

    Returns
    -------
    `~astropy.io.fits.Header`
        The cards of the image, and those cards of the primary HDU whose keywords the image does not have.
    """
    header = image.header.copy()
    for keyword, value in _repaired_values(_raw_header(image)).items():
        position = header.index(keyword)
        del header[position]
        header.insert(position, fits.Card(keyword, value))
    if image is not hdus[0]:
        header.extend(hdus[0].header, unique=True, strip=True)
    return without_structure(header)


def without_structure(header: fits.Header) -> fits.Header:
    """Copy a header without the cards that describe how pixels are stored in a file.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        The header; not changed.

    Returns
    -------
    `~astropy.io.fits.Header`
        The copy, without BSCALE, BZERO, BLANK, CHECKSUM, and the cards of compressed images and of extensions.
    """
    return fits.Header([card for card in header.cards if not _STRUCTURE.match(card.keyword)], copy=True)


def _raw_header(image: Any) -> str:
    info = image.fileinfo()
    stream = info["file"]
    stream.seek(info["hdrLoc"])
    return str(stream.read(info["datLoc"] - info["hdrLoc"]).decode("latin-1"))


def _repaired_values(raw: str) -> dict[str, object]:
    """Find the cards of a raw header that are not valid FITS, and recover their values."""
    repaired: dict[str, object] = {}
    for start in range(0, len(raw), 80):
        card = raw[start : start + 80]
        if card[8:10] != "= ":
            continue
        keyword, text = card[:8].strip(), card[10:].strip()
        unclosed = _UNCLOSED_STRING.match(text)
        if unclosed:
            repaired[keyword] = unclosed.group(1).replace("''", "'").rstrip()
        elif _NAN_OR_INFINITY.match(text):
            repaired[keyword] = None
        elif not _VALID_VALUE.match(text):
            repaired[keyword] = text.partition(" /")[0].strip()
    return repaired
