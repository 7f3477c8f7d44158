"""The cards of a file: those that are not valid FITS are mended, those that are about the file are left out."""

from __future__ import annotations

import re
from typing import Any

from astropy.io import fits

__all__ = ["repair_header", "without_structure"]

#: Cards that describe how pixels lie in a file, not the image.
_STRUCTURE = re.compile(
    r"(XTENSION|PCOUNT|GCOUNT|GROUPS|TFIELDS|THEAP|EXTNAME|EXTVER|EXTLEVEL|INHERIT|BSCALE|BZERO|BLANK|CHECKSUM|DATASUM"
    r"|(TTYPE|TFORM|TUNIT|TDIM|TSCAL|TZERO|ZNAXIS|ZTILE|ZNAME|ZVAL)\d+"
    r"|Z(IMAGE|CMPTYPE|BITPIX|NAXIS|QUANTIZ|DITHER0|BLANK|TENSION|PCOUNT|GCOUNT|HECKSUM|DATASUM|SIMPLE|EXTEND))$"
)
_OPEN_TEXT = re.compile(r"'((?:[^']|'')*)$")
_NUMBER = r"[+-]? *(\d+\.?\d*|\.\d+)( *[EeDd] *[+-]? *\d+)?"
_VALID = re.compile(rf"('([^']|'')*'|[TF]|{_NUMBER}|\( *{_NUMBER} *, *{_NUMBER} *\))? *(/.*)?$")
_NOT_A_NUMBER = re.compile(r"[+-]?(nan|inf|infinity)\b", re.IGNORECASE)


def repair_header(hdus: fits.HDUList, image: Any) -> fits.Header:
    """Read the header of an image: every card of it that can be read, and none about the file.

    Parameters
    ----------
    hdus : `~astropy.io.fits.HDUList`
        The open file.
    image : HDU
        The image in it.

    Returns
    -------
    `~astropy.io.fits.Header`
        The cards of the image, and those of the primary HDU that it has not.
    """
    header = image.header.copy()
    for keyword, value in _mended_cards(_raw_header(image)).items():
        position = header.index(keyword)
        del header[position]
        header.insert(position, fits.Card(keyword, value))
    if image is not hdus[0]:
        header.extend(hdus[0].header, unique=True, strip=True)
    return without_structure(header)


def without_structure(header: fits.Header) -> fits.Header:
    """Copy a header without the cards that describe how pixels lie in a file.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        The header; not changed.

    Returns
    -------
    `~astropy.io.fits.Header`
        The copy: no BSCALE, BZERO, BLANK, CHECKSUM, nor what a compressed image or an extension has beside.
    """
    return fits.Header([card for card in header.cards if not _STRUCTURE.match(card.keyword)], copy=True)


def _raw_header(image: Any) -> str:
    info = image.fileinfo()
    stream = info["file"]
    stream.seek(info["hdrLoc"])
    return stream.read(info["datLoc"] - info["hdrLoc"]).decode("latin-1")


def _mended_cards(raw: str) -> dict[str, object]:
    """Find the cards of a raw header that no FITS reader can parse, and read out of them what there is."""
    mended: dict[str, object] = {}
    for start in range(0, len(raw), 80):
        card = raw[start : start + 80]
        if card[8:10] != "= ":
            continue
        keyword, text = card[:8].strip(), card[10:].strip()
        open_text = _OPEN_TEXT.match(text)
        if open_text:
            mended[keyword] = open_text.group(1).replace("''", "'").rstrip()
        elif _NOT_A_NUMBER.match(text):
            mended[keyword] = None
        elif not _VALID.match(text):
            mended[keyword] = text.partition(" /")[0].strip()
    return mended
