"""Names of outputs: made from keywords, and never outside the output folder."""

from __future__ import annotations

import os
import pickle
import string
from pathlib import Path, PurePath

import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st

from aia_ccdproc import HeaderError, SettingsError, WriteError
from aia_ccdproc.images.fits_file import read_header
from aia_ccdproc.images.names import NamePattern, stem
from aia_ccdproc.recipe.output import OutputSettings

HEADER = fits.Header(
    {
        "WAVELNTH": 94,
        "T_OBS": "2020-01-01T00:00:11.57Z",
        "DATE-OBS": "2020.01.01_00:00:48_TAI",
        "TELESCOP": "SDO/AIA",
        "EXPTIME": 2.901051,
        "FSN": "19743314",
        "QUALITY": -2147483648,
        "CAMERA": 3.0,
        "EMPTY": None,
        "BLANKS": "  ",
        "UP": "..",
        "HIDDEN": ".x",
        "AIFLAG": True,
    }
)


def filled(pattern: str, path: str = "in/aia.lev1_94.fits") -> str:
    return str(NamePattern(pattern).fill(path, HEADER))


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("{stem}_lev1p5.fits", "aia.lev1_94_lev1p5.fits"),
        ("{stem}.fits.gz", "aia.lev1_94.fits.gz"),
        ("{WAVELNTH:04d}/{T_OBS:%Y%m%dT%H%M%S}.fits", "0094/20200101T000011.fits"),
        ("{T_OBS:%Y/%m/%d}/{stem}.fits", "2020/01/01/aia.lev1_94.fits"),
        ("{DATE-OBS:%j_%H-%M-%S.%f}.fits", "001_00-00-11.000.fits"),
        ("{DATE-OBS}.fits", "2020.01.01_00_00_48_TAI.fits"),
        ("{TELESCOP}_{CAMERA}_{AIFLAG}.fits", "SDO_AIA_3_T.fits"),
        ("{EXPTIME:.1f}s_{EXPTIME:06.2f}.fits", "2.9s_002.90.fits"),
        ("{FSN:010d}_{QUALITY}.fits", "0019743314_-2147483648.fits"),
        ("{{{WAVELNTH}}}.fits", "{94}.fits"),
    ],
)
def test_a_name_is_made_from_the_input_and_its_header(pattern: str, name: str) -> None:
    assert filled(pattern) == name


def test_a_pattern_lists_the_keywords_that_it_needs() -> None:
    assert NamePattern("{stem}_lev1p5.fits").keywords == frozenset()
    assert NamePattern("{WAVELNTH}/{DATE-OBS:%Y}/{stem}.fits").keywords == {"WAVELNTH", "DATE-OBS"}
    assert NamePattern("{stem}_lev1p5.fits").fill(Path("a/b.fits.gz")) == PurePath("b_lev1p5.fits")


@pytest.mark.parametrize("name", ["a.fits", "a.fit", "a.fts", "a.FITS", "a.fits.gz", "a.fits.fz", "a.FTS.GZ"])
def test_the_stem_is_the_name_without_the_fits_extension(name: str) -> None:
    assert stem(f"folder.fits/{name}") == "a"
    assert str(OutputSettings().pattern.fill(Path(name))) == "a_lev1p5.fits"


@pytest.mark.parametrize(
    ("name", "output"),
    [
        ("aia.lev1_euv_12s.2017-08-07T235946Z.171.image_lev1.fits", "171.image_lev1p5.fits"),
        ("aia_lev1_171a_2017_08_07t23_59_57_35z_image_lev1.fits.gz", "_image_lev1p5.fits"),
        ("AIA_LEV1.FITS", "AIA_LEV1p5.fits"),
        ("aia_94_level1.fits", "aia_94_level1p5.fits"),
        ("lev1.fits", "lev1p5.fits"),
        ("aia.lev1.171.cutout.fits", "aia.lev1.171.cutout_lev1p5.fits"),
        ("sublev1.fits", "sublev1_lev1p5.fits"),
        ("image_lev11.fits", "image_lev11_lev1p5.fits"),
        ("a.fits", "a_lev1p5.fits"),
    ],
)
def test_the_level_at_the_end_of_a_name_is_replaced(name: str, output: str) -> None:
    assert str(OutputSettings().pattern.fill(Path("in") / name)).endswith(output)
    assert OutputSettings().pattern.keywords == frozenset()


def test_other_extensions_are_part_of_the_stem() -> None:
    assert stem("a.fits.bak") == "a.fits.bak"
    assert stem("aia.lev1.171A.image") == "aia.lev1.171A.image"


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        ("", r"must end with .fits or .fits.gz"),
        ("{stem}", r"must end with"),
        ("{stem}.png", r"must end with"),
        ("{stem}.FITS", r"must end with"),
        ("{T_OBS:%Y.fits}", r"must end with"),
        ("/{stem}.fits", r"is absolute"),
        ("C:/{stem}.fits", r"must be relative"),
        ("a\\{stem}.fits", r"must be relative"),
        ("../{stem}.fits", r"has the part '..'"),
        ("a/../{stem}.fits", r"has the part '..'"),
        ("{T_OBS:%Y/../..}/{stem}.fits", r"has the part '..'"),
        ("a//{stem}.fits", r"has the part ''"),
        ("./{stem}.fits", r"has the part '.'"),
        (".{stem}.fits", r"has the hidden part"),
        ("a/.fits", r"has the hidden part"),
        ("{T_OBS:.%Y}.fits", r"has the hidden part"),
        ("a\n{stem}.fits", r"cannot be printed"),
        ("{stem.fits", r"is malformed: expected '}'"),
        ("stem}.fits", r"is malformed: Single '}'"),
        ("{}.fits", r"{} is not stem, stem_lev1p5 or a header keyword"),
        ("{0}.fits", r"\{0\} is not stem"),
        ("{stm}.fits", r"did you mean 'stem'\?"),
        ("{wavelnth}.fits", r"did you mean 'WAVELNTH'\?"),
        ("{stem.__class__}.fits", r"{stem.__class__} is not stem"),
        ("{stem[0]}.fits", r"{stem\[0\]} is not stem"),
        ("{WAVELNTH.real}.fits", r"{WAVELNTH.real} is not stem"),
        ("{stem!r}.fits", r"takes no conversion \(!r\)"),
        ("{stem:10}.fits", r"takes no format \('10'\)"),
        ("{WAVELNTH:04q}.fits", r"'04q' is not a format"),
        ("{WAVELNTH:>9}.fits", r"'>9' is not a format"),
        ("{WAVELNTH:9999d}.fits", r"'9999d' is not a format"),
        ("{WAVELNTH:{FSN}}.fits", r"is not a format"),
        ("{T_OBS:%Q}.fits", r"unknown %Q in '%Q'; available: %Y"),
        ("{T_OBS:%Y%}.fits", r"unknown % in"),
        ("x" * 300 + ".fits", r"more than 255 bytes"),
        ("x/" * 600 + "{stem}.fits", r"more than 1024 bytes"),
    ],
)
def test_a_pattern_that_can_give_an_unsafe_name_is_refused(pattern: str, problem: str) -> None:
    with pytest.raises(SettingsError, match=problem):
        NamePattern(pattern)
    with pytest.raises(SettingsError, match=problem):
        OutputSettings.of(name=pattern)


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        ("{NAXIS7}.fits", "NAXIS7 is missing"),
        ("{EMPTY}.fits", "EMPTY is empty"),
        ("{BLANKS}.fits", "BLANKS is empty"),
        ("{TELESCOP:d}.fits", "TELESCOP is 'SDO/AIA', not a whole number as 'd' needs"),
        ("{EXPTIME:04d}.fits", "EXPTIME is 2.901051, not a whole number as '04d' needs"),
        ("{TELESCOP:.1f}.fits", "TELESCOP is 'SDO/AIA', not a number"),
        ("{TELESCOP:%Y}.fits", "TELESCOP is 'SDO/AIA', not a time"),
        ("{WAVELNTH:%Y}.fits", "WAVELNTH is 94, not a time"),
    ],
)
def test_a_keyword_that_its_format_cannot_write_is_refused(pattern: str, problem: str) -> None:
    with pytest.raises(HeaderError, match=f"cannot make a name from the pattern .*: {problem}"):
        filled(pattern)


def test_a_keyword_needs_a_header() -> None:
    with pytest.raises(HeaderError, match="WAVELNTH is missing"):
        NamePattern("{WAVELNTH}.fits").fill("a.fits")


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [("{UP}/{stem}.fits", "has the part '..'"), ("{HIDDEN}.fits", "hidden"), ("{stem}{stem}.fits", "255 bytes")],
)
def test_a_name_that_would_leave_the_folder_be_hidden_or_too_long_is_refused(pattern: str, problem: str) -> None:
    with pytest.raises(WriteError, match=problem):
        NamePattern(pattern).fill("x" * 200 + ".fits", HEADER)


def test_a_leap_second_has_a_name() -> None:
    header = fits.Header({"T_OBS": "2016-12-31T23:59:60.57Z"})
    assert str(NamePattern("{T_OBS:%Y%m%dT%H%M%S}.fits").fill("a", header)) == "20161231T235960.fits"


def test_real_files_are_named_by_channel_and_time(real_data: Path) -> None:
    pattern = NamePattern("{INSTRUME}/{WAVELNTH:04d}/{T_OBS:%Y/%m/%d}/{stem}.fits")
    for path in sorted((real_data / "aia_level1").glob("*lev1_*.fits")):
        header = read_header(path)
        name = pattern.fill(path, header)
        assert name.parts[1] == f"{int(header['WAVELNTH']):04d}"
        assert "-".join(name.parts[2:5]) == header["T_OBS"][:10]
        assert name.name == path.name


def test_patterns_can_be_pickled_for_workers() -> None:
    pattern = NamePattern("{WAVELNTH:04d}/{stem}.fits")
    assert pickle.loads(pickle.dumps(pattern)) == pattern
    assert pickle.loads(pickle.dumps(pattern)).fill("a.fits", HEADER) == pattern.fill("a.fits", HEADER)


texts = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60)
dots = st.text("./\\~ :ab", max_size=8)
header_values = st.one_of(texts, dots, st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.booleans())
patterns = st.sampled_from(
    [
        "{stem}.fits",
        "{A}.fits",
        "{A}/{stem}.fits",
        "{A}{B}/x.fits.gz",
        "x/{A}/{B}/{stem}.fits",
        "{A:04d}.fits",
        "{A:.3e}.fits",
        "{A:%Y/%m}/{B}.fits",
    ]
)


@settings(deadline=None)
@given(patterns, st.one_of(texts, dots).filter(lambda name: "/" not in name), header_values, header_values)
def test_the_name_stays_in_the_folder_for_any_header(pattern: str, name: str, one: object, other: object) -> None:
    try:
        made = NamePattern(pattern).fill(name, {"A": one, "B": other})  # type: ignore[arg-type]
    except (HeaderError, WriteError):
        return
    assert not made.is_absolute()
    assert os.path.normpath("/out" / made) == str("/out" / made)
    assert len(("/out" / made).relative_to("/out").parts) == pattern.count("/") + 1
    assert not any(part.startswith(".") for part in made.parts)
    if "{stem}" not in pattern:
        assert set(str(made)) <= set(string.ascii_letters + string.digits + "._+-/")


@settings(deadline=None)
@given(st.text("{}stemA:%Yd0!r./[]~_- ", max_size=20))
def test_an_invalid_pattern_raises_only_a_settings_error(pattern: str) -> None:
    try:
        made = NamePattern(pattern + ".fits")
    except SettingsError:
        return
    assert all(f"{{{keyword}" in pattern for keyword in made.keywords)
