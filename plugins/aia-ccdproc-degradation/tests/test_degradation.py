"""Tests of the formula: shapes, epochs, versions, and wrong arguments."""

from __future__ import annotations

import astropy.units as u
import numpy as np
import pytest
from astropy.table import Table
from astropy.time import Time
from hypothesis import given
from hypothesis import strategies as st

from aia_ccdproc import SettingsError, TableError
from aia_ccdproc.tables import CalibrationTable
from aia_ccdproc.testing.tables import response_table
from aia_ccdproc_degradation import degradation

NEW_YEAR = Time("2015-01-01T00:00:00")


@pytest.mark.parametrize("shape", [(), (1,), (6,), (2, 3)])
def test_degradation_has_the_shape_of_the_times(shape):
    times = Time("2014-01-01") + np.arange(np.prod(shape, dtype=int)).reshape(shape) * 365 * u.day
    remaining = degradation(171, times, response_table())
    assert np.shape(remaining) == shape
    assert remaining.dtype == np.float64
    one_by_one = [degradation(171, time, response_table()) for time in times.reshape(-1)]
    np.testing.assert_array_equal(np.ravel(remaining), one_by_one)


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
    remaining = degradation(94, Time("2010-03-24", scale="utc") + days * u.day, table)
    assert remaining == pytest.approx(1 + sum(p * days ** (n + 1) for n, p in enumerate(powers)), rel=1e-9)


def test_if_epochs_overlap_the_last_row_is_used():
    table = response_table()
    table["T_STOP"][table["T_STOP"] == "2015-05-01T12:00:00.000"] = "2016-05-01T12:00:00.000"
    assert degradation(94, "2015-06-01", table, 9) == pytest.approx(0.6)
    assert degradation(94, "2015-06-01", table[::-1], 9) == 1


def test_the_newest_version_is_the_default():
    assert degradation(94, "2015-05-01T12:00:00", response_table()) == 0.5
    assert degradation(94, "2015-05-01T12:00:00", response_table(), 10) == 0.5
    assert degradation(94, "2015-05-01T12:00:00", response_table(), 9) == pytest.approx(0.6)


@pytest.mark.parametrize("version", [None, 3, 8, 10])
def test_4500_uses_version_3_in_place_of_later_ones(version):
    assert degradation(4500, "2020-01-01", response_table(), version) == 0.5


@pytest.mark.parametrize(
    ("channel", "time", "version", "message"),
    [
        (174, "2015-01-01", None, "no rows for 174 Å, only for 94_THIN, 131_THIN"),
        (171, "2015-01-01", 8, "no version 8 for 171 Å, only 9, 10"),
        (4500, "2015-01-01", 2, "no version 2 for 4500 Å, only 3"),
        (171, "2009-12-31", None, "no epoch of table covers 2009-12-31T.*171_THIN, version 10.* 2010-03-24T00"),
        (171, ["2015-01-01", "2030-05-01"], None, "no epoch of table covers 2030-05-01"),
    ],
)
def test_an_entry_that_is_not_in_the_table_is_an_error_that_lists_the_existing_entries(channel, time, version, message):
    with pytest.raises(TableError, match=message):
        degradation(channel, time, response_table(), version)


@pytest.mark.parametrize("channel", [94.0, np.int16(94), 94 * u.AA, 9.4 * u.nm])
def test_a_channel_is_a_number_or_a_quantity(channel):
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
def test_an_argument_that_is_not_a_channel_time_or_table_is_an_error(arguments, message):
    with pytest.raises(SettingsError, match=message):
        degradation(*arguments)


@pytest.mark.parametrize("server", ["jsoc", "ftp://jsoc.stanford.edu", 5])
def test_a_server_must_be_a_url(server):
    with pytest.raises(SettingsError, match="server: should be a URL"):
        degradation(94, "2020-01-01", server=server)


def test_a_table_without_a_column_or_with_an_impossible_value_is_an_error(tmp_path):
    table = response_table()
    table.remove_column("EFF_AREA")
    with pytest.raises(TableError, match="no column EFF_AREA, only DATE, T_START"):
        degradation(171, NEW_YEAR, table)
    with pytest.raises(TableError, match="column T_START, T_STOP, VER_NUM, WAVE_STR is missing"):
        degradation(171, NEW_YEAR, Table({"a": [1]}))
    with pytest.raises(TableError, match="cannot open the table"):
        degradation(171, NEW_YEAR, tmp_path / "nowhere.txt")
    table = response_table()
    table["EFFA_P1"] = -1.0
    with pytest.raises(TableError, match=r"171_THIN is -282 on 2011-01-01T00:00 by version 10 of table"):
        degradation(171, ["2010-03-24", "2011-01-01"], table)
