"""Tests with SSW's tables and with a local server in place of JSOC."""

from __future__ import annotations

import time
import warnings
from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
from astropy.time import Time
from jsoc_server import as_json_rows

import aia_ccdproc
from aia_ccdproc import TableError
from aia_ccdproc.tables import CalibrationTable, FetchCache
from aia_ccdproc.testing.tables import as_ssw, response_table
from aia_ccdproc_degradation import correct_degradation, degradation

V8 = "aia_V8_20171210_050627_response_table.txt"
V10 = "aia_V10_20201119_190000_response_table.txt"
CHANNELS = (94, 131, 171, 193, 211, 304, 335, 1600, 1700)
#: Degradation on 2015-01-01 by version 10 of JSOC's table, which has more digits than SSW's file.
REFERENCE = {
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
STEP = '[[step]]\nuse = "correct_degradation"\ntable = "{table}"\n'


@pytest.fixture(autouse=True)
def _manager(prep_manager) -> None:
    prep_manager("aia-ccdproc-degradation")


def _recipe(text: str) -> aia_ccdproc.Recipe:
    return aia_ccdproc.Recipe.from_toml(text)


@pytest.fixture(scope="module")
def tables(real_data: Path) -> Path:
    return real_data / "response"


def rounding_error(channel: int, table: Path) -> float:
    """Return the relative error of the degradation on NEW_YEAR that the rounding of EFF_AREA and EFFA_P1 can cause."""
    rows = CalibrationTable.read(table).select(channel)
    epoch, days = rows.rows_at(NEW_YEAR)
    areas = 5e-6 / rows["EFF_AREA"][epoch] + 5e-6 / rows["EFF_AREA"][rows.first_epoch_row]
    slope = 5e-6 if channel >= 1600 else 5e-7
    return float(areas + slope * days / (1 + rows["EFFA_P1"][epoch] * days))


@pytest.mark.parametrize("channel", REFERENCE)
def test_version_10_gives_the_reference_values_within_the_precision_of_ssws_file(channel, tables):
    remaining = degradation(channel, NEW_YEAR, tables / V10, 10)
    assert remaining == pytest.approx(REFERENCE[channel], rel=rounding_error(channel, tables / V10))
    assert remaining == pytest.approx(REFERENCE[channel], rel=2e-4)


def test_version_8_gives_the_reference_value_to_the_last_digit(tables):
    assert degradation(94, NEW_YEAR, tables / V8, 8) == pytest.approx(0.7667108920899671, rel=1e-15)


@pytest.mark.parametrize("name", [V8, V10])
@pytest.mark.parametrize("channel", CHANNELS)
def test_aiapy_gives_the_same_at_all_times(channel, name, tables):
    calibrate = pytest.importorskip("aiapy.calibrate")
    util = pytest.importorskip("aiapy.calibrate.util")
    # Version 8 was made in 2017: its polynomial for 304 Å falls below zero in 2020.
    times = Time("2010-05-01") + np.arange(0, 3600 if name == V8 else 5500, 50.25) * u.day
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = calibrate.degradation(channel * u.AA, times, correction_table=util.get_correction_table(tables / name))
    np.testing.assert_allclose(degradation(channel, times, tables / name), theirs.to_value(""), rtol=1e-12)


def test_a_polynomial_that_is_negative_is_an_error(tables):
    with pytest.raises(TableError, match=r"304_THIN is -0\.0\d+ on 2025-01-01.*version 8.*not valid at that time"):
        degradation(304, "2025-01-01", tables / V8)


def test_jsoc_is_queried_once_per_process(level1, jsoc):
    jsoc.series["aia.response"] = as_json_rows(response_table())
    settings = {"table": "jsoc", "server": jsoc.url, "timeout": 10}
    for _ in range(3):
        corrected = correct_degradation(level1(171), **settings)
    assert corrected.header["DEGFACT"] == correct_degradation(level1(171), table=response_table()).header["DEGFACT"]
    assert corrected.header["DEGTABLE"].startswith("aia.response of 127.0.0.1")
    assert jsoc.queried_datasets == ["aia.response[][!1=1!]"]


def test_if_jsoc_is_down_it_is_queried_once_and_its_last_answer_is_used(level1, jsoc, monkeypatch):
    jsoc.series["aia.response"] = as_json_rows(response_table())
    settings = {"table": "jsoc", "server": jsoc.url, "timeout": 10}
    first = correct_degradation(level1(), **settings)
    FetchCache.clear_all()
    jsoc.fail("status 1")
    two_hours_later = time.time() + 7200
    monkeypatch.setattr(time, "time", lambda: two_hours_later)
    for _ in range(2):
        corrected = correct_degradation(level1(), **settings)
        assert corrected.header["DEGFACT"] == first.header["DEGFACT"]
    assert len(jsoc.queried_datasets) == 2


def test_if_jsoc_never_answered_it_is_queried_once(level1, jsoc):
    jsoc.fail("status 1")
    settings = {"table": "jsoc", "server": jsoc.url, "timeout": 10}
    for message in ("refused the query.*Try again later, or give a table", "this failed 0 s ago"):
        with pytest.raises(TableError, match=message):
            correct_degradation(level1(), **settings)
    assert len(jsoc.queried_datasets) == 1


def test_a_batch_queries_jsoc_once_before_its_files(level1, jsoc, tmp_path):
    jsoc.series["aia.response"] = as_json_rows(response_table())
    files = [aia_ccdproc.write(level1(171, time=f"2020-01-01T00:0{n}:11Z"), tmp_path / f"{n}.fits") for n in range(3)]
    recipe = _recipe(STEP.format(table="jsoc") + f'server = "{jsoc.url}"\n')
    results = aia_ccdproc.run(files, recipe, tmp_path / "out")
    assert [result.status for result in results] == ["done"] * 3, [result.error for result in results]
    assert len(jsoc.queried_datasets) == 1


def test_workers_use_the_table_that_was_fetched_before_the_batch(level1, jsoc, tmp_path):
    jsoc.files["/response.txt"] = as_ssw(response_table()).encode()
    files = [aia_ccdproc.write(level1(171, time=f"2020-01-01T00:0{n}:11Z"), tmp_path / f"{n}.fits") for n in range(4)]
    recipe = _recipe(STEP.format(table=jsoc.url.replace("/cgi-bin/ajax/", "/response.txt")))
    results = aia_ccdproc.run(files, recipe, tmp_path / "out", jobs=2)
    assert [result.status for result in results] == ["done"] * 4, [result.error for result in results]
    assert len(jsoc.queries) == 1


def test_a_recipe_corrects_a_real_file_with_ssws_table(real_data, tmp_path):
    [path] = (real_data / "aia_level1").glob("*2013-03-10*171.cutout.fits")
    table = real_data / "response" / "aia_V10_20201119_190000_response_table.txt"
    recipe = _recipe('[[step]]\nuse = "register"\n' + STEP.format(table=table))
    [result] = aia_ccdproc.run([path], recipe, tmp_path)
    assert result.status == "done", result.error
    corrected = aia_ccdproc.read(result.output)
    registered = aia_ccdproc.register(aia_ccdproc.read(path))
    good = ~corrected.mask if corrected.mask is not None else slice(None)
    # EFF_AREA decreased from 2.78926 to 2.46826, then by 3e-5 of it per day for 23 days.
    assert corrected.header["DEGFACT"] == pytest.approx(2.46826 / 2.78926 * (1 - 3e-5 * 23), rel=1e-5)
    np.testing.assert_allclose(corrected.data[good] * corrected.header["DEGFACT"], registered.data[good], rtol=1e-5)
