"""Tables of calibrations: from files, URLs and JSOC, and the choice of rows from them."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import astropy.units as u
import numpy as np
import pytest
from astropy.table import QTable, Table
from astropy.time import Time
from hypothesis import given
from hypothesis import strategies as st
from jsoc_server import on_the_wire

from aia_ccdproc import SettingsError, TableError
from aia_ccdproc.plugin import StepSettings, table_source
from aia_ccdproc.tables import CalibrationTable, query_series
from aia_ccdproc.tables import cache as fetched_tables
from aia_ccdproc.testing.tables import as_ssw, response_table

SERIES = "aia.response"


@pytest.fixture
def response(jsoc):
    jsoc.series[SERIES] = on_the_wire(response_table())
    return jsoc


def read_jsoc(server: str, timeout: float = 10) -> CalibrationTable:
    return CalibrationTable.read("jsoc", series=SERIES, server=server, timeout=timeout)


def same(one: CalibrationTable, other: CalibrationTable) -> bool:
    """Whether two tables hold the same, DATE aside, of which JSOC gives whole seconds."""
    names = [name for name in other.table.colnames if name != "DATE"]
    return all(np.all(one[name] == other[name]) for name in names)


@pytest.mark.parametrize("kind", ["ssw", "csv", "ecsv", "missing as text"])
def test_a_file_is_read_in_every_form_that_people_have(kind, tmp_path):
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
        ("T_START T_STOP VER_NUM WAVE_STR\nsoon late 1 94", "'soon' is no time"),
        ("T_START,T_STOP,VER_NUM,WAVE_STR\n", "it is empty"),
    ],
)
def test_what_is_no_table_of_calibrations_is_an_error_that_names_it(text, message, tmp_path):
    path = tmp_path / "odd.txt"
    path.write_text(text)
    with pytest.raises(TableError, match=rf"odd\.txt: .*{message}"):
        CalibrationTable.read(path)


def test_a_table_with_units_and_times_is_taken_from_python():
    table = QTable(response_table())
    table["T_START"] = Time(list(response_table()["T_START"]))
    table["EFF_AREA"].unit = "cm2"
    table = QTable(table)
    assert same(CalibrationTable.read(table), CalibrationTable.read(response_table()))
    given_already = CalibrationTable(response_table())
    assert CalibrationTable.read(given_already) is given_already


@given(seconds=st.integers(0, 400), starts=st.lists(st.integers(0, 300), min_size=1, max_size=8))
def test_the_last_row_that_holds_wins(seconds, starts):
    zero = Time("2015-01-01")
    begins, ends = ([(zero + (start + length) * u.s).isot for start in starts] for length in (0, 50))
    count = len(starts)
    rows = {"T_START": begins, "T_STOP": ends, "VER_NUM": [1] * count, "WAVE_STR": ["171_THIN"] * count}
    table = CalibrationTable(Table(rows))
    moment = zero + (seconds + 0.5) * u.s
    holding = [row for row, start in enumerate(starts) if start <= seconds < start + 50]
    assert table.first_epoch == max(row for row, start in enumerate(starts) if start == min(starts))
    if not holding:
        with pytest.raises(TableError, match="no epoch"):
            table.at(moment)
        return
    row, days = table.at(moment)
    assert row == holding[-1]
    assert days * 86400 == pytest.approx(seconds + 0.5 - starts[row], abs=2e-3)


def test_jsoc_gives_the_same_as_a_file_by_one_query(response):
    assert same(read_jsoc(response.url), CalibrationTable(response_table()))
    assert read_jsoc(response.url) is read_jsoc(response.url)
    assert response.rs_lists == [f"{SERIES}[][!1=1!]"]


def test_any_series_can_be_queried_and_its_values_are_text(response):
    table = query_series(f"{SERIES}[][!1=1!]", ["WAVE_STR", "VER_NUM", "NO_SUCH"], server=response.url)
    assert table.colnames == ["WAVE_STR", "VER_NUM"]
    assert set(table["VER_NUM"]) == {"3", "9", "10"}
    with pytest.raises(TableError, match=r"wrong shape.*columns VER_NUM"):
        query_series(f"{SERIES}[][!1=1!]", ["VER_NUM"], needed=["WAVE_STR"], server=response.url)


def test_a_series_without_records_is_an_error(jsoc):
    jsoc.series[SERIES] = []
    with pytest.raises(TableError, match=rf"127\.0\.0\.1.* has no records of {SERIES}. Give a table"):
        read_jsoc(jsoc.url)


def test_another_process_takes_a_fresh_copy_and_asks_nobody(response):
    read_jsoc(response.url)
    CalibrationTable.forget()
    assert same(read_jsoc(response.url), CalibrationTable(response_table()))
    assert len(response.rs_lists) == 1


def test_without_an_answer_an_old_copy_serves(response, monkeypatch, caplog):
    read_jsoc(response.url)
    CalibrationTable.forget()
    monkeypatch.setattr(fetched_tables, "_FRESH", 0)
    response.fail("status 1")
    assert same(read_jsoc(response.url), CalibrationTable(response_table()))
    assert "refused the query" in caplog.text
    assert "using the copy of an earlier answer" in caplog.text


def test_an_answer_that_is_no_table_does_not_replace_the_copy(response, monkeypatch, caplog):
    read_jsoc(response.url)
    monkeypatch.setattr(fetched_tables, "_FRESH", 0)
    good = response.series[SERIES]
    response.series[SERIES] = [{**row, "T_START": "junk"} for row in good]
    assert same(read_jsoc(response.url), CalibrationTable(response_table()))
    assert "'junk' is no time" in caplog.text
    response.fail("status 1")
    CalibrationTable.forget()
    assert same(read_jsoc(response.url), CalibrationTable(response_table()))


def test_a_damaged_copy_is_fetched_again(response, cache_folder: Path):
    read_jsoc(response.url)
    CalibrationTable.forget()
    [copy] = cache_folder.rglob(f"{SERIES}.ecsv")
    copy.write_text("")
    assert same(read_jsoc(response.url), CalibrationTable(response_table()))
    assert len(response.rs_lists) == 2


def test_a_server_that_is_down_is_asked_again_only_with_more_patience(jsoc):
    jsoc.fail("status 1")
    for message in ("refused the query", "refused the query.*that was 0 s ago"):
        with pytest.raises(TableError, match=message):
            read_jsoc(jsoc.url, timeout=5)
    assert len(jsoc.rs_lists) == 1
    with pytest.raises(TableError):
        read_jsoc(jsoc.url, timeout=6)
    assert len(jsoc.rs_lists) == 2


@pytest.fixture
def web(tmp_path: Path, cache_folder: Path) -> Iterator[tuple[str, Path, list[str]]]:
    """A web server with SSW's table on it: the table's URL, its file, and what was asked for."""
    folder = tmp_path / "web"
    folder.mkdir()
    (folder / "table.txt").write_text(as_ssw(response_table()))
    asked: list[str] = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, directory=str(folder))

        def log_message(self, format: str, *arguments: object) -> None:
            asked.append(self.path)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/table.txt", folder / "table.txt", asked
        server.shutdown()


def test_a_url_is_downloaded_once_and_serves_when_it_is_gone(web, caplog):
    url, file, asked = web
    first = CalibrationTable.read(url, timeout=5)
    assert same(first, CalibrationTable(response_table()))
    assert (first.name, CalibrationTable.read(url, timeout=5)) == ("table.txt", first)
    assert len(asked) == 1
    file.unlink()
    CalibrationTable.forget()
    assert same(CalibrationTable.read(url, timeout=5), first)
    assert "using the copy of an earlier download" in caplog.text


def test_a_url_with_nothing_at_it_is_an_error(web):
    with pytest.raises(TableError, match=r"nothing\.txt was asked for; it answered HTTP 404"):
        CalibrationTable.read(web[0].replace("table", "nothing"), timeout=5)


class SourceSettings(StepSettings):
    """Settings of a step that takes a table."""

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
def test_a_setting_that_names_no_table_is_refused(value, message):
    with pytest.raises(SettingsError, match=message):
        SourceSettings.of(table=value)
    assert SourceSettings.of(table="cache").table == "cache"
    assert SourceSettings.of(table="a.txt").table == Path("a.txt")
    assert SourceSettings.of(table="https://a/b.txt").table == "https://a/b.txt"
    relative = SourceSettings.model_validate({"table": "a.txt"}, context={"folder": "/there"})
    assert relative.table == Path("/there/a.txt")
