"""Selections: which images are selected, and why others are not."""

from __future__ import annotations

import datetime
import fnmatch
import pickle
import tomllib
from pathlib import Path
from typing import Any

import pytest
from astropy.io import fits
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aia_ccdproc import SettingsError
from aia_ccdproc.images.fits_file import read_header
from aia_ccdproc.recipe.selection import Selection, check_selection

AIA = {
    "WAVELNTH": 171,
    "T_OBS": "2020-01-01T00:00:11.57Z",
    "DATE-OBS": "2020-01-01T00:00:10.57",
    "T_REC": "2020.01.01_00:00:48_TAI",
    "QUALLEV0": 0,
    "INSTRUME": "AIA_3",
    "ACS_MODE": "SCIENCE",
    "EXPTIME": 2.0,
    "AIFLAG": True,
}


def selection(toml: str) -> Selection:
    return Selection.from_table(tomllib.loads(toml))


def mismatch(toml: str, instrument: str | None = "AIA", **cards: Any) -> str | None:
    return selection(toml).mismatch(fits.Header({**AIA, **cards}), instrument)


@pytest.mark.parametrize(
    "toml",
    [
        "",
        "WAVELNTH = 171",
        "WAVELNTH = 171.0",
        'WAVELNTH = "171"',
        "WAVELNTH = [94, 171]",
        "WAVELNTH = { min = 171, max = 171 }",
        "WAVELNTH = { not = [94, 131] }",
        "QUALITY = { not = 1 }",
        'INSTRUME = "aia_3"',
        'INSTRUME = ["HMI*", "AIA*"]',
        'INSTRUME = "AIA_[123]"',
        'instrument = "aia"',
        'instrument = { not = "HMI" }',
        "AIFLAG = true",
        "QUALLEV0 = { reject_bits = 0x800100f0 }",
        "T_OBS = { min = 2020-01-01, max = 2020-01-02 }",
        "T_OBS = { min = 2020-01-01T00:00:11Z, max = 2020-01-01T00:00:12 }",
        "T_OBS = { min = 2020-01-01T01:00:00+01:00 }",
        'T_REC = { min = "2020-01-01T00:00:11Z", max = "2020.01.01_00:00:48_TAI" }',
        "DATE-OBS = { max = 2031-01-01 }",
        "[WAVELNTH]\nmin = 100\n[EXPTIME]\nmax = 2",
    ],
)
def test_an_image_that_meets_all_conditions_is_selected(toml: str) -> None:
    assert mismatch(toml) is None


@pytest.mark.parametrize(
    ("toml", "why"),
    [
        ("WAVELNTH = [94, 131]", "WAVELNTH is 171, not 94 or 131"),
        ("WAVELNTH = { not = 171 }", "WAVELNTH is 171, which is excluded"),
        ("WAVELNTH = { min = 1600 }", "WAVELNTH is 171, less than 1600"),
        ("EXPTIME = { max = 0.5 }", "EXPTIME is 2, more than 0.5"),
        ('INSTRUME = "HMI*"', "INSTRUME is 'AIA_3', not 'HMI*'"),
        ("INSTRUME = 3", "INSTRUME is 'AIA_3', not 3"),
        ("INSTRUME = { min = 3 }", "INSTRUME is 'AIA_3', which is not a number"),
        ("INSTRUME = { min = 2020-01-01 }", "INSTRUME is 'AIA_3', which is not a time"),
        ("INSTRUME = { reject_bits = 1 }", "INSTRUME is 'AIA_3', which is not an integer"),
        ("WAVELNTH = { min = 2020-01-01 }", "WAVELNTH is 171, which is not a time"),
        ('instrument = "HMI"', "instrument is 'AIA', not 'HMI'"),
        ("AIFLAG = 1", "AIFLAG is T, not 1"),
        ("AIFLAG = false", "AIFLAG is T, not F"),
        ("WAVELNTH = true", "WAVELNTH is 171, not T"),
        ("QUALITY = 0", "QUALITY is missing"),
        ("QUALITY = { not = 1, min = 0 }", "QUALITY is missing"),
        ("QUALITY = { reject_bits = 1 }", "QUALITY is missing"),
        ("T_OBS = { min = 2020-01-02 }", "T_OBS is 2020-01-01T00:00:11.57Z, before 2020-01-02T00:00:00"),
        ("T_REC = { max = 2020-01-01T00:00:10.5 }", "T_REC is 2020.01.01_00:00:48_TAI, after 2020-01-01T00:00:10.5"),
    ],
)
def test_the_reason_is_given_for_an_image_that_is_not_selected(toml: str, why: str) -> None:
    assert mismatch(toml) == why


@pytest.mark.parametrize("value", [0x80000000, -(2**31), "0x80000000", "-2147483648", "2147483648", 2147483648.0])
def test_a_mask_of_32_bits_is_understood_as_jsoc_and_others_write_it(value: object) -> None:
    why = mismatch("QUALLEV0 = { reject_bits = 0x800100f0 }", QUALLEV0=value)
    assert why == "QUALLEV0 is 0x80000000, which contains the rejected bits 0x80000000"
    assert mismatch("QUALLEV0 = { reject_bits = 0x100f0 }", QUALLEV0=value) is None


@pytest.mark.parametrize("value", [None, fits.card.Undefined()])
def test_an_empty_keyword_meets_only_a_condition_that_excludes_values(value: object) -> None:
    assert mismatch("WAVELNTH = { not = 94 }", WAVELNTH=value) is None
    assert mismatch("WAVELNTH = 94", WAVELNTH=value) == "WAVELNTH is empty"
    assert mismatch("WAVELNTH = { not = 94, max = 200 }", WAVELNTH=value) == "WAVELNTH is empty"


def test_without_the_instrument_no_condition_on_it_is_met() -> None:
    assert mismatch('instrument = "AIA"', instrument=None) == "instrument is missing"


def test_only_a_condition_on_the_instrument_needs_the_instrument() -> None:
    assert selection('WAVELNTH = 171\ninstrument = "AIA"').needs_instrument
    assert not selection("WAVELNTH = 171").needs_instrument


def test_a_selection_of_all_images_is_false_and_has_an_empty_description() -> None:
    assert selection("WAVELNTH = 171")
    assert not Selection()
    assert not Selection().needs_instrument
    assert Selection().describe() == ""


def test_selections_of_the_same_images_are_described_alike() -> None:
    one = selection("WAVELNTH = [171, 94.0]\nT_OBS = { min = 2020-01-01 }")
    other = selection('T_OBS = { min = "2020-01-01T00:00:00Z" }\nWAVELNTH = [94, 171]')
    assert one.describe() == other.describe() == "T_OBS: min 2020-01-01T00:00:00, WAVELNTH: 171, 94"
    assert pickle.loads(pickle.dumps(one)) == one
    assert hash(one) == hash(selection("WAVELNTH = [171, 94]\nT_OBS = { min = 2020-01-01 }"))


@pytest.mark.parametrize(
    ("toml", "problem"),
    [
        ("wavelnth = 171", "'wavelnth' is not a header keyword, which is in upper case; did you mean 'WAVELNTH'?"),
        ("Instrument = 'AIA'", "did you mean 'INSTRUMENT'"),
        ('"T OBS" = 1', "'T OBS' is not a header keyword"),
        ("HISTORY = 'x'", "HISTORY has many lines"),
        ("WAVELNTH = []", "WAVELNTH = [] is empty; give at least one value"),
        ("WAVELNTH = {}", "WAVELNTH = {} is empty; available: min, max, not, reject_bits"),
        ("WAVELNTH = { mni = 3 }", "WAVELNTH: unknown test 'mni'; did you mean 'min'?"),
        ("WAVELNTH = [[94]]", "should be a string, a finite number"),
        ("WAVELNTH = nan", "should be a string, a finite number"),
        ("WAVELNTH = ' '", "is an empty string; give a value"),
        ("WAVELNTH = { not = [] }", "WAVELNTH: not = [] is empty; give at least one value"),
        ("WAVELNTH = { min = inf }", "should be a finite number or a time"),
        ("WAVELNTH = { min = true }", "should be a finite number or a time"),
        ("WAVELNTH = { min = 4, max = 3 }", "min = 4 is above max = 3, which excludes every image"),
        ("WAVELNTH = { min = 4, max = 2020-01-01 }", "should be two numbers or two times"),
        ("T_OBS = 2020-01-01", "a time cannot be compared for equality; use min and max"),
        ("T_OBS = { min = 'yesterday' }", "'yesterday': is not a time"),
        ("T_OBS = { min = 10:00:00 }", "should be a finite number or a time"),
        ("T_OBS = { min = 2020-01-02, max = 2020-01-01 }", "is above max"),
        ("QUALITY = { reject_bits = 0 }", "should be a bit mask"),
        ("QUALITY = { reject_bits = -1 }", "should be a bit mask"),
        ("QUALITY = { reject_bits = '0x1' }", "should be a bit mask"),
        ("QUALITY = { reject_bits = true }", "should be a bit mask"),
        ("instrument = { min = 3 }", "instrument is a name"),
    ],
)
def test_an_invalid_condition_is_refused(toml: str, problem: str) -> None:
    table = tomllib.loads(toml)
    [found] = check_selection(table).values()
    assert problem in found
    with pytest.raises(SettingsError) as caught:
        Selection.from_table(table)
    assert str(caught.value) == found


def test_all_problems_are_found() -> None:
    assert list(check_selection({"a": 1, "B": [], "C": 3, "D": {"min": "x"}})) == ["a", "B", "D"]


def test_real_headers_are_selected_by_channel_time_and_quality(real_data: Path) -> None:
    headers = [read_header(path) for path in sorted((real_data / "aia_level1").glob("*.fits"))]
    assert headers
    for header in headers:
        day = str(header["T_OBS"])[:10]
        conditions = (
            f'WAVELNTH = {header["WAVELNTH"]}\nINSTRUME = "AIA*"\nT_OBS = {{ min = "{day}", max = "{day}T23:59:59" }}'
        )
        assert selection(conditions).mismatch(header) is None
        assert "WAVELNTH is" in selection(f"WAVELNTH = {{ not = {header['WAVELNTH']} }}").mismatch(header)


values = st.one_of(
    st.integers(), st.floats(), st.booleans(), st.text(max_size=8), st.dates(), st.datetimes(), st.times(), st.none()
)
conditions = st.recursive(
    st.one_of(values, st.datetimes(timezones=st.just(datetime.UTC))),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["min", "max", "not", "reject_bits", "odd"]), inner, max_size=3),
    ),
    max_leaves=4,
)
keywords = st.sampled_from(["WAVELNTH", "T_OBS", "DATE-OBS", "INSTRUME", "instrument", "lower", "", "HISTORY"])
header_texts = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40)
header_values = st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.booleans(), header_texts)


# The first draw is slow on a busy machine.
@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(keywords, conditions, max_size=3), header_values)
def test_any_table_gives_a_selection_or_its_problems_and_any_value_is_compared(table: dict, value: object) -> None:
    if check_selection(table):
        with pytest.raises(SettingsError):
            Selection.from_table(table)
        return
    made = Selection.from_table(table)
    header = dict.fromkeys(["WAVELNTH", "T_OBS", "DATE-OBS", "INSTRUME"], value)
    assert isinstance(made.mismatch(header, "AIA"), str | None)  # type: ignore[arg-type]
    assert "\n" not in made.describe()
    assert pickle.loads(pickle.dumps(made)) == made


numbers = st.one_of(st.integers(-(10**6), 10**6), st.floats(-1e6, 1e6))


@given(numbers, numbers, numbers)
def test_bounds_are_inclusive_and_order_numbers_as_python_does(value: float, low: float, high: float) -> None:
    low, high = sorted([low, high])
    selected = Selection.from_table({"X": {"min": low, "max": high}}).mismatch({"X": value}) is None  # type: ignore[arg-type]
    assert selected == (low <= value <= high)


@given(st.integers(-(2**31), 2**32 - 1), st.integers(1, 2**32 - 1))
def test_bits_are_those_of_the_32_bit_word(value: int, mask: int) -> None:
    selected = Selection.from_table({"Q": {"reject_bits": mask}}).mismatch({"Q": value}) is None  # type: ignore[arg-type]
    assert selected == ((value % 2**32) & mask == 0)


@given(st.text("aAbB*?_", min_size=1, max_size=5), st.text("aAbB_", min_size=1, max_size=5))
def test_strings_are_compared_as_patterns_in_upper_or_lower_case(pattern: str, value: str) -> None:
    selected = Selection.from_table({"X": pattern}).mismatch({"X": value}) is None  # type: ignore[arg-type]
    assert selected == fnmatch.fnmatchcase(value.upper(), pattern.upper())


@given(st.datetimes(datetime.datetime(1980, 1, 1), datetime.datetime(2100, 1, 1)), st.integers(-(10**8), 10**8))
def test_times_are_compared_to_the_microsecond(bound: datetime.datetime, difference: int) -> None:
    value = bound + datetime.timedelta(microseconds=difference)
    selected = Selection.from_table({"T": {"min": bound}}).mismatch({"T": value.isoformat() + "Z"}) is None  # type: ignore[arg-type]
    assert selected == (difference >= 0)
