"""The formula: golden values, epochs, versions, and aiapy with the same tables."""

from __future__ import annotations

import warnings
from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
from astropy.table import Table
from astropy.time import Time
from calibration_tables import response_table
from hypothesis import given
from hypothesis import strategies as st

from aia_ccdproc import CalibrationTable, SettingsError, TableError
from aia_ccdproc_degradation import degradation

V8 = "aia_V8_20171210_050627_response_table.txt"
V10 = "aia_V10_20201119_190000_response_table.txt"
CHANNELS = (94, 131, 171, 193, 211, 304, 335, 1600, 1700)
#: On 2015-01-01 in version 10, of JSOC's table, which has more digits than SSW's file.
GOLDEN = {
    94: 0.90317732,
    171: 0.78689527,
    193: 0.86181854,
    211: 0.82998772,
    304: 0.14925002,
    335: 0.32689207,
    1600: 0.56048306,
    1700: 0.87895035,
}
NEW_YEAR = Time("2015-01-01T00:00:00")


@pytest.fixture(scope="module")
def tables(real_data: Path) -> Path:
    return real_data / "response"


def digits_lost(channel: int, table: Path) -> float:
    """By what fraction the rounding of a file's EFF_AREA and EFFA_P1 can change the degradation on NEW_YEAR."""
    rows = CalibrationTable.read(table).select(channel)
    epoch, days = rows.at(NEW_YEAR)
    areas = 5e-6 / rows["EFF_AREA"][epoch] + 5e-6 / rows["EFF_AREA"][rows.first_epoch]
    slope = 5e-6 if channel >= 1600 else 5e-7
    return float(areas + slope * days / (1 + rows["EFFA_P1"][epoch] * days))


@pytest.mark.parametrize("channel", GOLDEN)
def test_version_10_gives_the_golden_values_within_the_digits_of_ssws_file(channel, tables):
    left = degradation(channel, NEW_YEAR, tables / V10, 10)
    assert left == pytest.approx(GOLDEN[channel], rel=digits_lost(channel, tables / V10))
    assert left == pytest.approx(GOLDEN[channel], rel=2e-4)


def test_version_8_gives_the_golden_value_to_the_last_digit(tables):
    assert degradation(94, NEW_YEAR, tables / V8, 8) == pytest.approx(0.7667108920899671, rel=1e-15)


@pytest.mark.parametrize("name", [V8, V10])
@pytest.mark.parametrize("channel", CHANNELS)
def test_aiapy_finds_the_same_at_all_times(channel, name, tables):
    calibrate = pytest.importorskip("aiapy.calibrate")
    util = pytest.importorskip("aiapy.calibrate.util")
    # Version 8 is of 2017: its polynomial for 304 Å falls below zero in 2020.
    times = Time("2010-05-01") + np.arange(0, 3600 if name == V8 else 5500, 50.25) * u.day
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = calibrate.degradation(channel * u.AA, times, correction_table=util.get_correction_table(tables / name))
    np.testing.assert_allclose(degradation(channel, times, tables / name), theirs.to_value(""), rtol=1e-12)


@pytest.mark.parametrize("shape", [(), (1,), (6,), (2, 3)])
def test_degradation_has_the_shape_of_the_times(shape):
    times = Time("2014-01-01") + np.arange(np.prod(shape, dtype=int)).reshape(shape) * 365 * u.day
    left = degradation(171, times, response_table())
    assert np.shape(left) == shape
    assert left.dtype == np.float64
    one_by_one = [degradation(171, time, response_table()) for time in times.reshape(-1)]
    np.testing.assert_array_equal(np.ravel(left), one_by_one)


def test_degradation_is_one_in_the_first_epoch_and_follows_the_polynomial_from_the_start_of_the_second():
    table = response_table()
    assert degradation(171, "2012-01-01", table) == 1
    start = Time("2015-05-01T12:00:00")
    assert degradation(171, start - 1 * u.ms, table) == 1
    assert degradation(171, start, table) == 0.5
    assert degradation(171, start + 1000 * u.day, table) == pytest.approx(0.5 * 0.9)


@given(days=st.floats(0, 5000), powers=st.tuples(*[st.floats(0, 1e-3)] * 3))
def test_the_polynomial_has_three_powers_of_days(days, powers):
    table = response_table()[:1]
    table["T_STOP"] = "2030-05-01T00:00:00.000"
    for power, value in enumerate(powers, start=1):
        table[f"EFFA_P{power}"] = value
    left = degradation(94, Time("2010-03-24", scale="utc") + days * u.day, table)
    assert left == pytest.approx(1 + sum(p * days ** (n + 1) for n, p in enumerate(powers)), rel=1e-9)


def test_where_epochs_overlap_the_last_row_wins():
    table = response_table()
    table["T_STOP"][table["T_STOP"] == "2015-05-01T12:00:00.000"] = "2016-05-01T12:00:00.000"
    assert degradation(94, "2015-06-01", table, 9) == pytest.approx(0.6)
    assert degradation(94, "2015-06-01", table[::-1], 9) == 1


def test_the_newest_version_is_taken_unless_one_is_named():
    assert degradation(94, "2015-05-01T12:00:00", response_table()) == 0.5
    assert degradation(94, "2015-05-01T12:00:00", response_table(), 10) == 0.5
    assert degradation(94, "2015-05-01T12:00:00", response_table(), 9) == pytest.approx(0.6)


@pytest.mark.parametrize("version", [None, 3, 8, 10])
def test_4500_stops_at_version_3(version):
    assert degradation(4500, "2020-01-01", response_table(), version) == 0.5


@pytest.mark.parametrize(
    ("channel", "time", "version", "message"),
    [
        (174, "2015-01-01", None, "no rows for 174 Å; it has 94_THIN, 131_THIN"),
        (171, "2015-01-01", 8, "no version 8 for 171 Å; it has 9, 10"),
        (4500, "2015-01-01", 2, "no version 2 for 4500 Å; it has 3"),
        (171, "2009-12-31", None, "no epoch of table covers 2009-12-31T.*171_THIN, version 10.* 2010-03-24T00"),
        (171, ["2015-01-01", "2030-05-01"], None, "no epoch of table covers 2030-05-01"),
    ],
)
def test_what_the_table_does_not_hold_is_an_error_that_says_what_it_has(channel, time, version, message):
    with pytest.raises(TableError, match=message):
        degradation(channel, time, response_table(), version)


@pytest.mark.parametrize("channel", [94.0, np.int16(94), 94 * u.AA, 9.4 * u.nm])
def test_a_channel_is_a_wavelength_of_any_kind(channel):
    table = CalibrationTable(response_table())
    assert degradation(channel, "2020-01-01", table) == degradation(94, "2020-01-01", table) < 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((94.5, "2020-01-01"), "channel: should be a whole number of angstrom, not 94.5"),
        ((94 * u.s, "2020-01-01"), "channel: should be a wavelength in angstrom"),
        (("Fe IX", "2020-01-01"), "channel: should be a wavelength in angstrom, not 'Fe IX'"),
        ((np.nan, "2020-01-01"), "whole number of angstrom, not nan"),
        ((94, "junk"), "time: 'junk' cannot be read as a time"),
        ((94, "2020-01-01", "jsoc", 0), "greater than or equal to 1"),
        ((94, "2020-01-01", ""), "should be a path, a URL or jsoc"),
    ],
)
def test_what_is_no_channel_time_or_table_is_an_error(arguments, message):
    with pytest.raises(SettingsError, match=message):
        degradation(*arguments)


@pytest.mark.parametrize("server", ["jsoc", "ftp://jsoc.stanford.edu", 5])
def test_a_server_is_a_url(server):
    with pytest.raises(SettingsError, match="server: should be a URL"):
        degradation(94, "2020-01-01", server=server)


def test_a_table_of_something_else_or_without_a_value_is_an_error(tmp_path):
    table = response_table()
    table.remove_column("EFF_AREA")
    with pytest.raises(TableError, match="no column EFF_AREA; it has DATE, T_START"):
        degradation(171, NEW_YEAR, table)
    with pytest.raises(TableError, match="column T_START, T_STOP, VER_NUM, WAVE_STR is missing"):
        degradation(171, NEW_YEAR, Table({"a": [1]}))
    with pytest.raises(TableError, match="no such table"):
        degradation(171, NEW_YEAR, tmp_path / "nowhere.txt")
    table = response_table()
    table["EFFA_P1"] = -1.0
    with pytest.raises(TableError, match=r"171_THIN is -282 on 2011-01-01T00:00 by version 10 of table"):
        degradation(171, ["2010-03-24", "2011-01-01"], table)


def test_a_polynomial_is_not_followed_below_zero(tables):
    with pytest.raises(TableError, match=r"304_THIN is -0\.0\d+ on 2025-01-01.*version 8.*was not made for that time"):
        degradation(304, "2025-01-01", tables / V8)
