"""Calibration tables: reading from files, URLs and JSOC, and selection of rows."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import astropy.units as u
import numpy as np
import pytest
from astropy.table import QTable, Table
from astropy.time import Time
from hypothesis import given
from hypothesis import strategies as st
from jsoc_server import as_json_rows

from aia_ccdproc import SettingsError, TableError
from aia_ccdproc.plugin import StepSettings, table_source
from aia_ccdproc.tables import CalibrationTable, FetchCache, disk_cache, query_series
from aia_ccdproc.testing.tables import as_ssw, response_table

SERIES = "aia.response"


@pytest.fixture
def response(jsoc):
    jsoc.series[SERIES] = as_json_rows(response_table())
    return jsoc


def read_jsoc(server: str, timeout: float = 10) -> CalibrationTable:
    return CalibrationTable.read("jsoc", series=SERIES, server=server, timeout=timeout)


def same(table: CalibrationTable, other: CalibrationTable) -> bool:
    """Return whether two tables have equal values, except for DATE, which JSOC rounds to seconds."""
    names = [name for name in other.table.colnames if name != "DATE"]
    return all(np.all(table[name] == other[name]) for name in names)


@pytest.mark.parametrize("kind", ["ssw", "csv", "ecsv", "missing as text"])
def test_a_file_is_read_in_every_usual_format(kind, tmp_path):
    path, table = tmp_path / "table", response_table()
    if kind == "ssw":
        path.write_text("# from SSW\n" + as_ssw(table))
    elif kind == "missing as text":
        table.replace_column("EFFA_P3", ["MISSING"] * len(table))
        table.write(path, format="ascii.csv")
    else:
        table.write(path, format=f"ascii.{kind}")
    read = CalibrationTable.read(path)
    assert read.name == "table"
    assert same(read, CalibrationTable(response_table())) is (kind != "missing as text")
    assert np.isnan(read["EFFA_P3"]).all() == (kind == "missing as text")
    assert isinstance(read["T_START"], Time)


def test_a_file_is_parsed_again_when_it_has_changed(tmp_path):
    path = tmp_path / "table.txt"
    path.write_text(as_ssw(response_table()))
    first = CalibrationTable.read(path)
    assert CalibrationTable.read(path) is first
    path.write_text(as_ssw(response_table()[:5]))
    assert len(CalibrationTable.read(path).table) == 5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it is empty"),
        ("# only a comment", "it is empty"),
        ("a b c\n1 2", "cannot be read as"),
        ("a b c\n1 2 3", "column T_START, T_STOP, VER_NUM, WAVE_STR is missing"),
        ("T_START T_STOP VER_NUM WAVE_STR\nsoon late 1 94", "'soon' is not a time"),
        ("T_START,T_STOP,VER_NUM,WAVE_STR\n", "it is empty"),
    ],
)
def test_a_file_that_is_not_a_calibration_table_is_an_error_that_names_it(text, message, tmp_path):
    path = tmp_path / "odd.txt"
    path.write_text(text)
    with pytest.raises(TableError, match=rf"odd\.txt: .*{message}"):
        CalibrationTable.read(path)


def test_a_table_with_units_and_times_can_be_given_from_python():
    table = QTable(response_table())
    table["T_START"] = Time(list(response_table()["T_START"]))
    table["EFF_AREA"].unit = "cm2"
    table = QTable(table)
    assert same(CalibrationTable.read(table), CalibrationTable.read(response_table()))
    given_already = CalibrationTable(response_table())
    assert CalibrationTable.read(given_already) is given_already


@given(seconds=st.integers(0, 400), starts=st.lists(st.integers(0, 300), min_size=1, max_size=8))
def test_the_last_row_that_covers_the_time_is_used(seconds, starts):
    zero = Time("2015-01-01")
    begins, ends = ([(zero + (start + length) * u.s).isot for start in starts] for length in (0, 50))
    count = len(starts)
    rows = {"T_START": begins, "T_STOP": ends, "VER_NUM": [1] * count, "WAVE_STR": ["171_THIN"] * count}
    table = CalibrationTable(Table(rows))
    moment = zero + (seconds + 0.5) * u.s
    covering = [row for row, start in enumerate(starts) if start <= seconds < start + 50]
    assert table.first_epoch_row == max(row for row, start in enumerate(starts) if start == min(starts))
    if not covering:
        with pytest.raises(TableError, match="no epoch"):
            table.rows_at(moment)
        return
    row, days = table.rows_at(moment)
    assert row == covering[-1]
    assert days * 86400 == pytest.approx(seconds + 0.5 - starts[row], abs=2e-3)


def test_one_query_of_jsoc_gives_the_same_table_as_a_file(response):
    assert same(read_jsoc(response.url), CalibrationTable(response_table()))
    assert read_jsoc(response.url) is read_jsoc(response.url)
    assert response.queried_datasets == [f"{SERIES}[][!1=1!]"]


def test_any_series_can_be_queried_and_its_values_are_strings(response):
    table = query_series(f"{SERIES}[][!1=1!]", ["WAVE_STR", "VER_NUM", "NO_SUCH"], server=response.url)
    assert table.colnames == ["WAVE_STR", "VER_NUM"]
    assert set(table["VER_NUM"]) == {"3", "9", "10"}
    with pytest.raises(TableError, match=r"wrong format .*columns are VER_NUM"):
        query_series(f"{SERIES}[][!1=1!]", ["VER_NUM"], needed=["WAVE_STR"], server=response.url)


def test_a_series_without_records_is_an_error(jsoc):
    jsoc.series[SERIES] = []
    with pytest.raises(TableError, match=rf"127\.0\.0\.1.* has no records of {SERIES}. Give a table"):
        read_jsoc(jsoc.url)


def test_another_process_uses_a_fresh_copy_without_a_query(response):
    read_jsoc(response.url)
    FetchCache.clear_all()
    assert same(read_jsoc(response.url), CalibrationTable(response_table()))
    assert len(response.queried_datasets) == 1


def test_an_old_copy_is_used_if_the_query_fails(response, monkeypatch, caplog):
    read_jsoc(response.url)
    FetchCache.clear_all()
    monkeypatch.setattr(disk_cache, "LIFETIME_SECONDS", 0)
    response.fail("status 1")
    assert same(read_jsoc(response.url), CalibrationTable(response_table()))
    assert "refused the query" in caplog.text
    assert "using the copy of an earlier answer" in caplog.text


def test_an_answer_that_is_not_a_calibration_table_does_not_replace_the_copy(response, monkeypatch, caplog):
    read_jsoc(response.url)
    monkeypatch.setattr(disk_cache, "LIFETIME_SECONDS", 0)
    FetchCache.clear_all()
    good = response.series[SERIES]
    response.series[SERIES] = [{**row, "T_START": "junk"} for row in good]
    assert same(read_jsoc(response.url), CalibrationTable(response_table()))
    assert "'junk' is not a time" in caplog.text
    response.fail("status 1")
    FetchCache.clear_all()
    assert same(read_jsoc(response.url), CalibrationTable(response_table()))


def test_a_damaged_copy_is_fetched_again(response, cache_folder: Path):
    read_jsoc(response.url)
    FetchCache.clear_all()
    [copy] = cache_folder.rglob(f"{SERIES}.ecsv")
    copy.write_text("")
    assert same(read_jsoc(response.url), CalibrationTable(response_table()))
    assert len(response.queried_datasets) == 2


DAMAGES: dict[str, Callable[[bytes], bytes | None]] = {
    "a changed digit": lambda content: content.replace(b"2010", b"2011", 1),
    "without its last line": lambda content: content[: content.rindex(b"#")],
    "without a row": lambda content: content.replace(content.splitlines(keepends=True)[-2], b""),
    "with a row after its last line": lambda content: content + content.splitlines(keepends=True)[-2],
    "not text": lambda content: b"\0\xff" * 1000,
    "a pipe": lambda content: None,
}


def damage(path: Path, change: Callable[[bytes], bytes | None]) -> None:
    content = path.read_bytes()
    changed = change(content)
    assert changed != content
    path.unlink()
    if changed is None:
        os.mkfifo(path)
    else:
        path.write_bytes(changed)


@pytest.mark.parametrize("change", DAMAGES.values(), ids=DAMAGES)
def test_a_copy_that_was_changed_is_fetched_again_or_an_error(response, cache_folder: Path, change, caplog):
    read_jsoc(response.url)
    [copy] = cache_folder.rglob(f"{SERIES}.ecsv")
    damage(copy, change)
    FetchCache.clear_all()
    assert same(read_jsoc(response.url), CalibrationTable(response_table()))
    assert len(response.queried_datasets) == 2
    damage(copy, change)
    FetchCache.clear_all()
    response.fail("status 1")
    with pytest.raises(TableError, match="refused the query"):
        read_jsoc(response.url)
    assert "the copy of an earlier answer cannot be used" in caplog.text


def test_a_copy_of_version_0_1_is_not_called_damaged(response, cache_folder: Path, caplog):
    read_jsoc(response.url)
    [copy] = cache_folder.rglob(f"{SERIES}.ecsv")
    copy.write_bytes(copy.read_bytes().partition(b"# sha256: ")[0])
    FetchCache.clear_all()
    response.fail("status 1")
    with pytest.raises(TableError, match="refused the query"):
        read_jsoc(response.url)
    assert "has no digest: it was written by version 0.1, or its end is missing" in caplog.text
    assert "damaged" not in caplog.text


def test_a_copy_is_a_plain_ecsv_table(response, cache_folder: Path):
    expected = read_jsoc(response.url)
    [copy] = cache_folder.rglob(f"{SERIES}.ecsv")
    assert same(CalibrationTable.read(copy), expected)


@pytest.mark.parametrize("file", ["contents", "*.sha256"])
@pytest.mark.parametrize("change", [DAMAGES["not text"], DAMAGES["a pipe"], lambda content: content[:-1] + b"7"])
def test_a_download_that_was_changed_is_not_used(jsoc, cache_folder: Path, file: str, change, caplog):
    url = jsoc.add_file("table.txt", as_ssw(response_table()).encode())
    CalibrationTable.read(url, timeout=5)
    [copy] = cache_folder.rglob(file)
    damage(copy, change)
    FetchCache.clear_all()
    assert same(CalibrationTable.read(url, timeout=5), CalibrationTable(response_table()))
    [copy] = cache_folder.rglob(file)
    damage(copy, change)
    FetchCache.clear_all()
    jsoc.files.clear()
    with pytest.raises(TableError, match="HTTP 404"):
        CalibrationTable.read(url, timeout=5)
    assert "the copy of an earlier download" in caplog.text


def test_a_download_of_version_0_1_is_not_called_damaged(jsoc, cache_folder: Path, caplog):
    url = jsoc.add_file("table.txt", as_ssw(response_table()).encode())
    CalibrationTable.read(url, timeout=5)
    [digest] = cache_folder.rglob("*.sha256")
    digest.unlink()
    FetchCache.clear_all()
    jsoc.files.clear()
    with pytest.raises(TableError, match=r"HTTP 404 .*Give a table$"):
        CalibrationTable.read(url, timeout=5)
    assert "cannot be used: it has no digest, because version 0.1" in caplog.text
    assert "damaged" not in caplog.text


def test_a_failed_query_is_repeated_only_with_a_longer_timeout(jsoc):
    jsoc.fail("status 1")
    for message in ("refused the query", "refused the query.*this failed 0 s ago"):
        with pytest.raises(TableError, match=message):
            read_jsoc(jsoc.url, timeout=5)
    assert len(jsoc.queried_datasets) == 1
    with pytest.raises(TableError):
        read_jsoc(jsoc.url, timeout=6)
    assert len(jsoc.queried_datasets) == 2


def test_a_url_is_downloaded_once_and_its_copy_is_used_when_the_file_is_gone(jsoc, caplog):
    url = jsoc.add_file("table.txt", as_ssw(response_table()).encode())
    first = CalibrationTable.read(url, timeout=5)
    assert same(first, CalibrationTable(response_table()))
    assert (first.name, CalibrationTable.read(url, timeout=5)) == ("table.txt", first)
    assert len(jsoc.queries) == 1
    jsoc.files.clear()
    FetchCache.clear_all()
    assert same(CalibrationTable.read(url, timeout=5), first)
    assert "using the copy of an earlier download" in caplog.text


def test_a_url_without_a_file_is_an_error(jsoc):
    with pytest.raises(TableError, match=r"cannot get .*nothing\.txt: the server answered HTTP 404"):
        CalibrationTable.read(f"{jsoc.url}nothing.txt", timeout=5)


class SourceSettings(StepSettings):
    """Settings of a step with a table."""

    table: Annotated[Any, table_source("jsoc", "cache")] = "jsoc"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("", "should be a path, a URL or one of jsoc, cache, not ''"),
        (3, "not 3"),
        (["a.txt"], "not"),
        ("gopher://a/b", "should be a URL that starts with http://"),
        (object(), "should be a path, a URL or a Table, not a object"),
    ],
)
def test_a_setting_that_does_not_name_a_table_is_refused(value, message):
    with pytest.raises(SettingsError, match=message):
        SourceSettings.of(table=value)
    assert SourceSettings.of(table="cache").table == "cache"
    assert SourceSettings.of(table="a.txt").table == Path("a.txt")
    assert SourceSettings.of(table="https://a/b.txt").table == "https://a/b.txt"
    relative = SourceSettings.model_validate({"table": "a.txt"}, context={"folder": "/there"})
    assert relative.table == Path("/there/a.txt")
