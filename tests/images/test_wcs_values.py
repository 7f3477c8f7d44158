"""Keywords of a WCS besides its geometry: nothing is written that astropy or wcslib would warn about."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from astropy.io import fits
from astropy.nddata import CCDData
from astropy.wcs import WCS
from scenes import small_exposure, small_sun

from aia_ccdproc import HeaderError, PrepWarning, read, write
from aia_ccdproc.images import as_number, parse_time

EXPOSURE = small_exposure(shape=(40, 50), corner=(2040, 1980))
DATE = "2020-01-01T00:00:11.570"
#: Cards, and the keywords that are left out with a warning.
CARDS: dict[str, tuple[dict[str, object], str]] = {
    "an epoch as text": ({"JEPOCH": "text"}, "JEPOCH"),
    "a logical epoch": ({"BEPOCH": True}, "BEPOCH"),
    "an epoch beside a date": ({"JEPOCH": 1999.5}, "JEPOCH"),
    "a frame of velocity as text": ({"VELREF": "text"}, "VELREF"),
    "a frame of velocity that is not whole": ({"VELREF": 1.5}, "VELREF"),
    "a frequency as text": ({"RESTFREQ": "text"}, "RESTFREQ"),
    "a radius of a planet as text": ({"A_RADIUS": "text"}, "A_RADIUS"),
    "a position of a planet as text": ({"BLON_OBS": "text"}, "BLON_OBS"),
    "a reference position as number": ({"TREFPOS": 5}, "TREFPOS"),
    "an orbit as number": ({"OBSORBIT": 5}, "OBSORBIT"),
    "a name as number": ({"CNAME1A": 5}, "CNAME1A"),
    "one coordinate of the observatory": ({"OBSGEO-X": 5.0}, "OBSGEO-X"),
    "two of three coordinates": ({"OBSGEO-L": 5.0, "OBSGEO-B": 5.0}, "OBSGEO-L, OBSGEO-B"),
    "coordinates of both kinds": ({"OBSGEO-X": 5.0, "OBSGEO-Y": 5.0, "OBSGEO-H": 5.0}, "OBSGEO-X, OBSGEO-Y, OBSGEO-H"),
    "one coordinate as text": (
        {"OBSGEO-X": 5.0, "OBSGEO-Y": 5.0, "OBSGEO-Z": "text"},
        "OBSGEO-Z, OBSGEO-X, OBSGEO-Y",
    ),
    "an observatory in another universe": (
        {"OBSGEO-L": 1.0, "OBSGEO-B": 2.0, "OBSGEO-H": 1e200},
        "OBSGEO-L, OBSGEO-B, OBSGEO-H",
    ),
    "another day": ({"MJD-OBS": 58850.0}, "MJD-OBS"),
    "another time of the end": ({"DATE-END": DATE, "MJD-END": 58849.01}, "MJD-END"),
    "another reference": ({"DATEREF": DATE, "MJDREF": 5.0}, "MJDREF"),
    "an epoch as date": ({"DATE-AVG": "J2020.0"}, "DATE-AVG"),
    "a year as date": ({"DATE-AVG": "2020"}, "DATE-AVG"),
    "a date without form": ({"DATE-AVG": "20200101T000000"}, "DATE-AVG"),
    "a date of ten millennia": ({"DATE-AVG": "+12020-01-01T00:00:00"}, "DATE-AVG"),
    "a parameter with a large number": ({"PV1_100": 1.0}, "PV1_100"),
    "the plate of a survey": ({"XPIXELSZ": 25.0, "PLTRAH": "text"}, "XPIXELSZ, PLTRAH"),
    "a distortion of IRAF": ({"WAT1_001": 5}, "WAT1_001"),
    "axis 0": ({"CRPIX0": 1.0, "PC0_1": 1.0, "PC1_0": 1.0, "PV0_1": 1.0}, ""),
    "axis 9": ({"CRPIX9": 1.0, "CTYPE9A": "text", "PV9_1": 1.0}, ""),
    "lengths of axes that do not exist": ({"NAXIS-1": 5, "NAXIS1_0": 5, "NAXIS3": "text"}, ""),
    "axis 99": ({"PV99_0": 1.0, "PS99_0": "text", "CRPIX99": 1.0}, ""),
    "99999 axes of another WCS": ({"WCSAXESA": 99999}, ""),
    "nine axes": ({"WCSAXES": 9}, ""),
    "both forms of the observatory": (
        {"OBSGEO-X": 6378137.0, "OBSGEO-Y": 0.0, "OBSGEO-Z": 0.0, "OBSGEO-L": 5.0, "OBSGEO-B": 0.0, "OBSGEO-H": 0.0},
        "",
    ),
    "columns of a table": ({"TNULL1": 5, "TDISP1": "text", "TCRPX1": 5, "ZMASKCMP": "text"}, ""),
}


def image(cards: dict[str, object]) -> CCDData:
    result = EXPOSURE.image(small_sun())
    result.header["DATE-OBS"] = DATE
    result.header.update(cards)
    return result


def input_file(path: Path, cards: dict[str, object]) -> Path:
    ccd = image(cards)
    fits.PrimaryHDU(ccd.data, ccd.header).writeto(path, output_verify="ignore")
    return path


def assert_wcslib_accepts(path: Path, hdu: int) -> None:
    """Check in another process, because wcslib crashes for some headers."""
    script = (
        "import sys, warnings\n"
        "from astropy.io import fits\n"
        "from astropy.wcs import WCS\n"
        "with warnings.catch_warnings(record=True) as caught:\n"
        "    warnings.simplefilter('always')\n"
        "    WCS(fits.getheader(sys.argv[1], int(sys.argv[2]))).to_header()\n"
        "for warning in caught:\n"
        "    for line in str(warning.message).splitlines():\n"
        "        if 'Set ' not in line:\n"
        "            print(line)\n"
    )
    command = [sys.executable, "-c", script, str(path), str(hdu)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


@pytest.mark.process
@pytest.mark.parametrize("kind", ["an epoch as text", "axis 0", "one coordinate of the observatory"])
def test_wcslib_warns_if_the_cards_are_not_left_out(tmp_path: Path, kind: str) -> None:
    path = input_file(tmp_path / "a.fits", CARDS[kind][0])
    with pytest.raises(AssertionError):
        assert_wcslib_accepts(path, 0)


@pytest.mark.parametrize("kind", CARDS)
def test_a_card_that_wcslib_would_warn_about_is_left_out_of_an_image_that_is_read(tmp_path: Path, kind: str) -> None:
    cards, reported = CARDS[kind]
    path = input_file(tmp_path / "a.fits", cards)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ccd = read(path)
    assert [str(w.message) for w in caught] == (
        [f"{path}: cards that are not valid in a WCS: {reported} left out"] if reported else []
    )
    assert not set(reported.split(", ")) & set(ccd.header)
    assert ccd.header["DATE-OBS"] == DATE


@pytest.mark.process
@pytest.mark.parametrize("compression", ["none", "lossless"])
def test_wcslib_accepts_what_is_written(tmp_path: Path, compression: str) -> None:
    every = {
        keyword: value
        for kind, (cards, _) in CARDS.items()
        for keyword, value in cards.items()
        if not kind.startswith(("both", "an observatory"))
    }
    with pytest.warns(PrepWarning, match=r"out\.fits: cards that are not valid in a WCS: .*JEPOCH.* left out"):
        path = write(image(every), tmp_path / "out.fits", compression=compression)
    assert_wcslib_accepts(path, 0 if compression == "none" else 1)


def test_valid_cards_are_kept(tmp_path: Path) -> None:
    cards = {
        **{"MJD-OBS": 58849.00013, "DATE-BEG": DATE, "MJD-BEG": 58849.0005, "TIMESYS": "UTC", "VELREF": 257},
        **{"OBSGEO-X": -2144202.0, "OBSGEO-Y": 4397871.0, "OBSGEO-Z": 4077985.0, "TIMEUNIT": "s", "CRDER1": 0.5},
        **{"EQUINOX": 2000.0, "RADESYS": "FK5", "A_RADIUS": 1737400.0, "TREFPOS": "GEOCENTER"},
    }
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        header = read(input_file(tmp_path / "a.fits", cards)).header
    assert {keyword: header.get(keyword) for keyword in cards} == cards


def test_one_form_of_the_position_of_the_observatory_is_kept(tmp_path: Path) -> None:
    header = read(input_file(tmp_path / "a.fits", CARDS["both forms of the observatory"][0])).header
    assert [header[f"OBSGEO-{axis}"] for axis in "XYZ"] == [6378137.0, 0.0, 0.0]
    assert "OBSGEO-L" not in header


@pytest.mark.parametrize(
    ("date", "standard"),
    [
        ("2020-01-01 00:00:11.57", DATE),
        ("2020-1-1", "2020-01-01T00:00:00.000"),
        ("2020-01-01T00:00", "2020-01-01T00:00:00.000"),
        ("+02020-01-01T00:00:11.57", DATE),
        ("2020:001:00:00:11.57", DATE),
        ("2020-01-01T00:00:11.57Z", "2020-01-01T00:00:11.57Z"),
        ("2020-01-01", "2020-01-01"),
    ],
)
def test_a_date_is_written_in_the_form_of_fits(tmp_path: Path, date: str, standard: str) -> None:
    assert read(input_file(tmp_path / "a.fits", {"DATE-OBS": date})).header["DATE-OBS"] == standard


@pytest.mark.parametrize("text", ["J2020.0", "B1950.0", "2020", "now", ""])
def test_an_epoch_or_a_word_is_not_a_time(text: str) -> None:
    with pytest.raises(HeaderError, match="is not a time"):
        parse_time(text)


def test_a_whole_number_is_written_as_an_integer_where_wcslib_needs_one(tmp_path: Path) -> None:
    path = write(read(input_file(tmp_path / "a.fits", {"VELREF": 257.0, "WCSAXES": 2.0})), tmp_path / "out.fits")
    raw = path.read_bytes()
    assert b"VELREF  =                  257" in raw
    assert b"WCSAXES =                    2" in raw


def test_a_large_number_as_text_is_written_without_a_warning(tmp_path: Path) -> None:
    assert as_number("-1E300") == -1e300
    assert isinstance(as_number("-1E300"), float)
    assert isinstance(as_number("1E15"), int)
    path = input_file(tmp_path / "a.fits", {"PV1_0": "-1E300", "PC1_2A": "1E308"})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        written = write(read(path), tmp_path / "out.fits")
    header = fits.getheader(written)
    assert (header["PV1_0"], header["PC1_2A"]) == (-1e300, 1e308)


def test_the_reference_date_of_an_output_has_its_julian_date(tmp_path: Path) -> None:
    path = write(image({"DATEREF": DATE}), tmp_path / "out.fits")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        header = read(path).header
        WCS(fits.getheader(path))
    assert header["MJDREF"] == header["MJD-OBS"]


def test_the_error_for_an_emptied_card_says_what_was_in_it(tmp_path: Path) -> None:
    path = input_file(tmp_path / "a.fits", {"CDELT1": 1.0})
    path.write_bytes(path.read_bytes().replace(b"CDELT1  =                  1.0", b"CDELT1  =                1E400"))
    with pytest.raises(HeaderError, match=r"CDELT1 is empty.*\(.*CDELT1 not finite, left without a value\)"):
        read(path)


@pytest.mark.parametrize(
    ("cards", "reason"),
    [
        ({"CDELT1": 1e-320}, "its matrix has no inverse"),
        ({"CDELT1": 1e-320, "CDELT2": 1e-320}, "pixels of .* degrees are not possible"),
        ({"CDELT1": 1e300, "CDELT2": 1e300}, "no WCS"),
        ({"CDELT1": 1e7, "CDELT2": 1e7}, r"pixels of 2777\.78 x 2777\.78 degrees are not possible\. Check CDELT and"),
        ({"CROTA2": 1e300}, r"CROTA2 is 1e\+300 degrees"),
    ],
)
def test_pixels_of_an_impossible_size_are_refused_without_a_warning(
    tmp_path: Path, cards: dict[str, object], reason: str
) -> None:
    path = input_file(tmp_path / "a.fits", cards)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(HeaderError, match=rf"a\.fits: no WCS: .*{reason}|a\.fits: {reason}"):
            read(path)
