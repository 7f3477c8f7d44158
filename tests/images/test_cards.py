"""Cards that are not valid FITS: what is repaired, what is left out, and that nothing invalid is written."""

from __future__ import annotations

import math
import warnings
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import CCDData
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import small_exposure, small_sun

from aia_ccdproc import PrepWarning, read, write
from aia_ccdproc.images.cards import repair_cards

EXPOSURE = small_exposure(shape=(40, 50), corner=(2040, 1980))


def write_with_cards(path: Path, *cards: bytes, compressed: bool = False) -> Path:
    """Write a level-1 image; the cards replace those of the same keyword, or are added at the end of the header."""
    ccd = EXPOSURE.image(small_sun())
    if compressed:
        EXPOSURE.write_level1(ccd, path)
    else:
        fits.PrimaryHDU(np.rint(ccd.data).astype(np.int16), ccd.header).writeto(path)
    raw = path.read_bytes()
    start = raw.index(b"XTENSION") if compressed else 0
    end = raw.index(b"END".ljust(80), start)
    lines = [raw[i : i + 80] for i in range(start, end, 80)]
    for card in cards:
        card = card.ljust(80)
        same = [i for i, line in enumerate(lines) if card[8:10] == b"= " and line[:8] == card[:8]]
        lines[same[0] if same else len(lines) : (same[0] if same else len(lines)) + 1] = [card]
    header = b"".join(lines) + b"END".ljust(80)
    data = raw[start + -(-(end + 80 - start) // 2880) * 2880 :]
    path.write_bytes(raw[:start] + header.ljust(-(-len(header) // 2880) * 2880) + data)
    return path


def is_undefined(value: object) -> bool:
    return value is None or isinstance(value, fits.card.Undefined)


#: Card, keyword, its value after reading ("absent" if it is left out), and the words of the warning (None without one).
CARDS = {
    "a tab": (b"FOO     = 'tab\there'", "FOO", "tab here", "FOO repaired"),
    "a newline": (b"FOO     = 'new\nline'", "FOO", "new line", "FOO repaired"),
    "NUL in T_OBS": (b"T_OBS   = '2020-01-01T00:00:11.57Z\x00'", "T_OBS", "2020-01-01T00:00:11.57Z", "T_OBS repaired"),
    "NUL in DATE-OBS": (b"DATE-OBS= '2020-01-01T00:00:11\x00\x00'", "DATE-OBS", "2020-01-01T00:00:11", "DATE-OBS rep"),
    "a letter with an accent": (b"FOO     = 'se\xf1al'", "FOO", "se?al", "FOO repaired"),
    "CONTINUE alone": (b"CONTINUE  'lost'", "CONTINUE", "absent", "CONTINUE left out"),
    "CONTINUE without a string": (b"CONTINUE", "CONTINUE", "absent", "CONTINUE left out"),
    "too large": (b"FOO     = 1E400 / [m] too large", "FOO", None, "FOO not finite"),
    "too large in a WCS": (b"PV1_2   = 1E400", "PV1_2", None, "PV1_2 not finite"),
    "a radius too large": (b"RSUN_OBS= -1E400", "RSUN_OBS", None, "RSUN_OBS not finite"),
    "inf": (b"OBSGEO-X= inf", "OBSGEO-X", None, "OBSGEO-X not finite"),
    "a complex number too large": (b"FOO     = (1E400, 1)", "FOO", None, "FOO not finite"),
    "words": (b"FOO     = abc def / words", "FOO", "abc def", "FOO repaired"),
    "text after a string": (b"FOO     = 'a' b", "FOO", "a", "FOO repaired"),
    "a lower-case keyword": (b"foo     = 5", "FOO", 5, "FOO repaired"),
    "a displaced equal sign": (b"FOO =5", "FOO", 5, "FOO repaired"),
    "a keyword with a dot": (b"FOO.BAR = 5", "FOO.BAR", "absent", "FOO.BAR left out"),
    "two words": (b"FOO BAR = 5", "FOO BAR", "absent", "FOO BAR left out"),
    "a value of END": (b"END     = 3", "END", "absent", "END left out"),
    "not text": (bytes(range(1, 81)), "FOO", "absent", "left out"),
    "nan": (b"FOO     = nan", "FOO", None, None),
    "an unclosed string": (b"FOO     = 'unclosed", "FOO", "unclosed", None),
    "a number in C": (b"FOO     = 1.5e3", "FOO", 1500.0, None),
    "a number with blanks": (b"FOO     = - 1.5 D3", "FOO", -1500.0, None),
    "a text as date": (b"DATEREF = 'never'", "DATEREF", "absent", "not valid in a WCS: DATEREF left out"),
    "a number as date": (b"DATE-AVG= 1E300", "DATE-AVG", "absent", "not valid in a WCS: DATE-AVG left out"),
    "a text as coordinate": (b"OBSGEO-X= 'here'", "OBSGEO-X", "absent", "not valid in a WCS: OBSGEO-X left out"),
    "nan as text": (b"CRDER1  = 'nan'", "CRDER1", "absent", None),
    "a text in another WCS": (b"CRPIX1A = 'left'", "CRPIX1A", "absent", "not valid in a WCS: CRPIX1A left out"),
    "a number as axis type": (b"CTYPE1A = 179.5", "CTYPE1A", "absent", "not valid in a WCS: CTYPE1A left out"),
    "a large frame of reference": (b"VELREF  = 1E30", "VELREF", "absent", "not valid in a WCS: VELREF left out"),
    "a roll of another WCS": (b"CROTA2A = 5", "CROTA2A", "absent", "not valid in a WCS: CROTA2A left out"),
    "a distortion in another HDU": (b"CPDIS1  = 'LOOKUP'", "CPDIS1", "absent", "not valid in a WCS: CPDIS1 left out"),
    "a parameter of a distortion": (b"DP1     = -1", "DP1", "absent", "not valid in a WCS: DP1 left out"),
    "a card of compression": (b"ZSCALE  = -1E300", "ZSCALE", "absent", None),
    "a short keyword of the long form": (b"HIERARCH FOO = 5", "FOO", 5, "FOO repaired"),
    "SIMPLE in the long form": (b"HIERARCH SIMPLE = 5", "XSIMPLE", "absent", "SIMPLE"),
    "a time of DRMS": (b"DATE-OBS= '2020.01.01_00:00:11_UTC'", "DATE-OBS", "2020-01-01T00:00:11.000", None),
    "a time in TAI": (b"DATE-OBS= '2020.01.01_00:00:48_TAI'", "DATE-OBS", "2020-01-01T00:00:11.000", None),
}


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("kind", CARDS)
def test_an_invalid_card_is_repaired_or_left_out_with_one_warning(tmp_path: Path, kind: str, compressed: bool) -> None:
    card, keyword, expected, warning = CARDS[kind]
    path = write_with_cards(tmp_path / "a.fits", card, compressed=compressed)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ccd = read(path)
        written = write(ccd, tmp_path / "out.fits")
    assert [type(w.message) for w in caught] == ([PrepWarning] if warning else [])
    if warning:
        assert warning in str(caught[0].message)
        assert str(path) in str(caught[0].message)
    if expected == "absent":
        assert keyword not in ccd.header
    elif expected is None:
        assert is_undefined(ccd.header[keyword])
    else:
        assert ccd.header[keyword] == expected
    assert_astropy_reads_without_a_warning(written)


def assert_astropy_reads_without_a_warning(path: Path) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with fits.open(path) as hdus:
            hdus.verify("exception")
            for hdu in hdus:
                for card in hdu.header.cards:
                    card.verify("exception")
                    assert not (isinstance(card.value, float | complex) and not np.isfinite(card.value))
                assert hdu.data is None or not np.isinf(hdu.data).any()
        CCDData.read(path)
    # astropy always warns that it has computed MJD-OBS.
    assert [str(w.message) for w in caught if "Set MJD-OBS" not in str(w.message)] == []


def test_several_invalid_cards_give_one_warning(tmp_path: Path) -> None:
    path = write_with_cards(tmp_path / "a.fits", b"FOO     = 'a\tb'", b"BAR     = 1E999", b"CONTINUE", b"DATE-AVG= 3")
    with pytest.warns(PrepWarning) as caught:
        read(path)
    assert len(caught) == 1
    for part in ("FOO repaired", "BAR not finite", "CONTINUE left out", "not valid in a WCS: DATE-AVG left out"):
        assert part in str(caught[0].message)


def test_of_two_cards_with_one_keyword_the_first_counts_also_for_the_wcs(tmp_path: Path) -> None:
    path = write_with_cards(tmp_path / "a.fits")
    crpix = read(path).header["CRPIX1"]
    raw = path.read_bytes()
    end = raw.index(b"END".ljust(80))
    path.write_bytes(raw[:end] + b"CRPIX1  =                  3.0".ljust(80) + raw[end : end + 80] + raw[end + 160 :])
    with pytest.warns(PrepWarning, match="the second CRPIX1 left out"):
        ccd = read(path)
    assert ccd.header["CRPIX1"] == ccd.wcs.wcs.crpix[0] == crpix


def test_hierarch_cards_and_continued_strings_are_kept(tmp_path: Path) -> None:
    long = "x" * 150
    cards = str(fits.Card("LONG", long, "a comment")).encode()
    path = write_with_cards(
        tmp_path / "a.fits", *(cards[i : i + 80] for i in range(0, len(cards), 80)), b"HIERARCH ESO A B C = 5 / words"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ccd = read(path)
    assert (ccd.header["LONG"], ccd.header["ESO A B C"]) == (long, 5)
    written = write(ccd, tmp_path / "out.fits")
    assert fits.getheader(written)["LONG"] == long
    assert fits.getheader(written)["ESO A B C"] == 5


def test_rubbish_in_history_becomes_printable(tmp_path: Path) -> None:
    path = write_with_cards(tmp_path / "a.fits", b"HISTORY " + bytes(range(150, 222)), b"COMMENT kept\x00\x01")
    with pytest.warns(PrepWarning, match="HISTORY, COMMENT repaired"):
        ccd = read(path)
    assert str(ccd.header["HISTORY"]).isprintable()
    assert str(ccd.header["COMMENT"]).startswith("kept")
    assert_astropy_reads_without_a_warning(write(ccd, tmp_path / "out.fits"))


def test_an_invalid_card_of_an_image_in_memory_is_not_written(tmp_path: Path) -> None:
    ccd = EXPOSURE.image(small_sun())
    ccd.header.append(fits.Card.fromstring("FOO     = 1E400"))
    ccd.header.append(fits.Card.fromstring("BAR     = 'a\tb'"))
    ccd.header.append(fits.Card.fromstring("CONTINUE  'lost'"))
    with pytest.warns(PrepWarning, match=r"out\.fits: .*FOO not finite.*CONTINUE, BAR left out"):
        write(ccd, tmp_path / "out.fits")
    assert_astropy_reads_without_a_warning(tmp_path / "out.fits")


@settings(max_examples=300, deadline=None)
@given(st.lists(st.binary(max_size=80) | st.from_regex(rb"[A-Z]{1,8} *= ?[ -~]{0,70}", fullmatch=True), max_size=6))
def test_repaired_cards_are_always_read_by_astropy_without_a_warning(cards: list[bytes]) -> None:
    text = "".join(card[:80].ljust(80).decode("latin-1") for card in cards)
    repaired = "".join(repair_cards(text).cards)
    assert repair_cards(repaired).cards == repair_cards(text).cards
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for card in fits.Header.fromstring(repaired).cards:
            card.verify("exception")
            assert not (isinstance(card.value, float) and not math.isfinite(card.value))
            assert isinstance(card.comment, str)
