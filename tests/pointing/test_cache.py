"""The local cache of pointing records: what is kept, what is fetched again, and how damaged files are treated."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from astropy.io import ascii as ascii_tables
from astropy.time import Time, TimeDelta
from jsoc_server import recorded_rows, row_at

from aia_ccdproc import PointingError, PointingWarning
from aia_ccdproc.pointing.cache import PointingCache
from aia_ccdproc.pointing.months import Month, consecutive_months
from aia_ccdproc.pointing.settings import PointingSettings
from aia_ccdproc.pointing.sources import find_record, prefetch
from aia_ccdproc.pointing.table import PointingRecord
from aia_ccdproc.tables.cache import FetchCache
from aia_ccdproc.tables.jsoc import server_name

T_OBS = Time("2020-01-01T00:00:11.57")
HOUR = TimeDelta(1 / 24, format="jd")


@pytest.fixture
def settings(jsoc):
    return PointingSettings(source="auto", server=jsoc.url, timeout=20)


@pytest.fixture
def impatient(settings):
    """Settings with a short timeout, for a server that does not answer."""
    return settings.model_copy(update={"timeout": 0.5})


@pytest.fixture
def cache(jsoc):
    return PointingCache(server_name(jsoc.url))


def test_months_follow_each_other():
    assert [Month("2019-12").next, Month("2020-01").next] == ["2020-01", "2020-02"]
    assert Month.of(Time("2019-12-31T23:59:59")) == "2019-12"
    assert Month("2020-02").end == Time("2020-03-01")


def test_consecutive_months_are_grouped_up_to_the_longest_group():
    months = [Month(text) for text in ("2019-11", "2019-12", "2020-01", "2020-02", "2021-02")]
    assert consecutive_months(months, longest=3) == [months[:3], months[3:4], months[4:]]
    assert consecutive_months([], longest=3) == []


def test_the_first_call_queries_jsoc_and_the_second_reads_the_cache(jsoc, settings):
    first = find_record(settings, T_OBS, 94)
    assert (first.provider, first.record.name) == (server_name(jsoc.url), "aia.master_pointing3h[:#34506]")
    FetchCache.clear_all()
    assert find_record(settings, T_OBS, 94) == first
    assert len(jsoc.queried_datasets) == 1


def test_fetched_records_are_used_for_an_hour_without_another_query(jsoc, settings):
    jsoc.rows = [row_at(Time.now() - HOUR)]
    for channel in (94, 171, 335):
        find_record(settings, Time.now(), channel)
    assert len(jsoc.queried_datasets) == 1


def test_a_provisional_record_is_fetched_again_when_it_may_have_been_shortened(jsoc, settings):
    start = Time.now() - 2 * HOUR
    jsoc.rows = [row_at(start, hours=6, number=1)]
    assert find_record(settings, Time.now(), 94).record.name.endswith("[:#1]")
    jsoc.rows = [row_at(start, hours=1, number=1), row_at(start + HOUR, number=2)]
    FetchCache.clear_all()
    assert find_record(settings, Time.now(), 94).record.name.endswith("[:#2]")
    assert len(jsoc.queried_datasets) == 2


def test_the_last_record_of_the_series_is_not_final_while_it_is_provisional(jsoc, settings):
    """If a record still covers 6 h after years, JSOC has not revised it."""
    jsoc.rows = [row_at(T_OBS, hours=6)]
    for _ in range(2):
        find_record(settings, T_OBS + HOUR, 94)
        FetchCache.clear_all()
    assert len(jsoc.queried_datasets) == 2


def test_a_provisional_record_is_used_if_jsoc_does_not_answer(jsoc, settings, impatient, caplog):
    jsoc.rows = [row_at(Time.now() - HOUR)]
    find_record(settings, Time.now(), 94)
    FetchCache.clear_all()
    jsoc.fail("500")
    assert find_record(impatient, Time.now(), 94).provider == server_name(jsoc.url)
    assert "in the local cache is provisional" in caplog.text


def test_a_time_without_a_record_is_an_error_that_names_the_table(jsoc, settings):
    with pytest.raises(PointingError, match=r"no aia\.master_pointing3h record covers T_OBS=2020-01-09.*\(94 Å\)"):
        find_record(settings, Time("2020-01-09"), 94)
    with pytest.raises(PointingError, match=r"has no aia\.master_pointing3h record for T_OBS=2021.*nor any in 2021-05"):
        find_record(settings, Time("2021-05-05"), 94)


def test_an_answer_with_unreadable_times_is_a_pointing_error(jsoc, settings):
    jsoc.fail("no times")
    with pytest.raises(PointingError, match=r"aia\.master_pointing3h: column T_START: 'soon' is not a time"):
        find_record(settings, T_OBS, 94)


def test_missing_values_of_a_channel_do_not_affect_other_channels(jsoc, settings):
    jsoc.fail("missing channel", times=1)
    with pytest.raises(PointingError, match="has no X0, Y0, IMSCALE, INSTROT for 94 Å"):
        find_record(settings, T_OBS, 94)
    assert find_record(settings, T_OBS, 171).record.x0 == 2055.19165


def test_the_cache_is_enough_if_the_server_does_not_answer(jsoc, settings):
    find_record(settings, T_OBS, 94)
    FetchCache.clear_all()
    jsoc.fail("503")
    assert find_record(settings, T_OBS, 304).provider == server_name(jsoc.url)
    assert len(jsoc.queried_datasets) == 1


def test_an_empty_cache_and_no_answer_are_an_error_within_the_timeout_and_then_at_once(jsoc, settings, impatient):
    jsoc.fail("500")
    start = time.monotonic()
    with pytest.raises(PointingError, match=r"cache does not contain 2020-01\. .*HTTP 500.*Try again later, or run"):
        find_record(impatient, T_OBS, 94)
    assert time.monotonic() - start < 1.5
    queries = len(jsoc.queries)
    with pytest.raises(PointingError, match="s ago and is not repeated for 300 s, unless with a longer timeout"):
        find_record(impatient, T_OBS, 94)
    assert len(jsoc.queries) == queries
    jsoc.recover()
    assert find_record(settings, T_OBS, 94).record.name.endswith("[:#34506]")  # with the longer timeout


@pytest.mark.parametrize("mode", ["500", "status 1"])
def test_the_error_of_a_file_names_the_month_of_the_file_and_not_those_of_its_batch(jsoc, impatient, mode):
    jsoc.fail(mode)
    times = [Time(f"2020-0{month}-05") for month in (1, 2, 3, 6)]
    with pytest.raises(PointingError, match=r"cannot get the pointing records of 2020-01 to 2020-06 from 127\.0\.0\.1"):
        prefetch(impatient, times)
    queries = len(jsoc.queries)
    for time_of_file in times:
        month = Month.of(time_of_file)
        with pytest.raises(PointingError, match=f"cannot get the pointing records of {month} from") as caught:
            find_record(impatient, time_of_file, 94)
        assert set(re.findall(r"20\d\d-\d\d", str(caught.value))) == {month}
        assert str(caught.value).endswith(f"aia-prep pointing 2020 --cache fill --server {jsoc.url}")
    assert len(jsoc.queries) == queries


def test_a_query_that_fails_does_not_affect_the_months_of_other_queries(jsoc, settings):
    jsoc.rows.append(row_at(Time("2020-06-05")))
    jsoc.fail("404", times=1)
    with pytest.raises(PointingError, match="HTTP 404"):
        prefetch(settings, [T_OBS, Time("2020-06-05")])
    assert find_record(settings, Time("2020-06-05"), 94).record.name.endswith("[:#50000]")
    with pytest.raises(PointingError, match=r"the pointing records of 2020-01 .*HTTP 404.*\(this failed"):
        find_record(settings, T_OBS, 94)


def test_one_query_fetches_the_records_of_a_batch(jsoc, settings, cache):
    jsoc.rows = [row_at(Time("2020-01-01") + n * 60 * HOUR, hours=60, number=n) for n in range(1, 40)]
    times = [Time("2020-01-05"), Time("2020-02-29"), Time("2020-03-31T23:59:59"), Time("2020-01-31")]
    prefetch(settings, times)
    assert len(jsoc.queried_datasets) == 1
    assert cache.months() == ["2020-01", "2020-02", "2020-03"]
    FetchCache.clear_all()
    prefetch(settings, times)
    assert len(jsoc.queried_datasets) == 1


def test_a_long_interval_is_split_and_months_without_files_are_not_queried(jsoc, settings):
    prefetch(settings, [Month(f"{year}-{month:02d}").start for year in (2011, 2012) for month in range(1, 13)])
    assert len(jsoc.queried_datasets) == 2
    prefetch(settings, [Time("2015-01-05"), Time("2018-01-05")])
    assert len(jsoc.queried_datasets) == 4


def test_sources_without_a_server_prefetch_nothing(jsoc, tmp_path):
    prefetch(PointingSettings(source=["cache", tmp_path / "table.ecsv"], server=jsoc.url), [T_OBS])
    assert not jsoc.queries


def test_a_list_of_sources_is_asked_in_order(jsoc, pointing_path):
    settings = PointingSettings(source=["cache", str(pointing_path), "jsoc"], server=jsoc.url)
    assert find_record(settings, T_OBS, 94).provider == "table pointing_34506.ecsv"
    assert not jsoc.queries
    with pytest.raises(PointingError, match="cache does not contain"):
        find_record(PointingSettings(source="cache", server=jsoc.url), T_OBS, 94)


@pytest.mark.parametrize("damage", ["truncated", "changed", "garbage", "empty", "no metadata", "another time"])
def test_a_damaged_file_is_removed_and_fetched_again(jsoc, settings, cache, damage):
    true = find_record(settings, T_OBS, 94).record
    path = cache.path(Month("2020-01"))
    text = path.read_text()
    path.write_text(
        {
            "truncated": text[: len(text) - 200],
            "changed": text.replace("2069.808594", "2069.808599"),
            "garbage": "\0\1\2 not a table",
            "empty": "",
            "no metadata": "\n".join(line for line in text.splitlines() if "digest" not in line),
            "another time": text.replace("fetched: '2", "fetched: '3"),
        }[damage]
    )
    FetchCache.clear_all()
    with pytest.warns(PointingWarning, match=r"cache file 2020-01\.ecsv is damaged: .*\. It is removed"):
        assert find_record(settings, T_OBS, 94).record == true
    FetchCache.clear_all()
    assert find_record(settings, T_OBS, 94).provider == server_name(jsoc.url)


def test_a_file_of_version_0_1_is_not_called_damaged(jsoc, settings, cache):
    true = find_record(settings, T_OBS, 94)
    path = cache.path(Month("2020-01"))
    digest = ascii_tables.read(path, format="ecsv").meta["digest"]
    path.write_text(path.read_text().replace(digest, true.digest))  # the digest of the rows alone
    FetchCache.clear_all()
    with pytest.warns(PointingWarning, match=r"2020-01\.ecsv was written by version 0\.1, .*fetched again") as caught:
        assert find_record(settings, T_OBS, 94) == true
    assert "damaged" not in str(caught[0].message)


def test_a_final_record_is_kept_if_the_server_no_longer_has_it(jsoc, settings):
    true = find_record(settings, T_OBS, 94).record
    FetchCache.clear_all()
    jsoc.rows = jsoc.rows[1:]
    find_record(settings.model_copy(update={"source": "jsoc"}), T_OBS + 3 * HOUR, 94)
    FetchCache.clear_all()
    assert find_record(settings, T_OBS, 94).record == true


def test_a_folder_in_place_of_a_cache_file_is_a_warning(jsoc, settings, cache):
    cache.path(Month("2020-01")).mkdir(parents=True)
    with pytest.warns(PointingWarning, match="is damaged"):
        assert find_record(settings, T_OBS, 94).record.x0 == 2069.808594


@pytest.mark.parametrize("source", ["auto", "cache"])
def test_a_pipe_in_place_of_a_cache_file_is_not_waited_for(jsoc, settings, cache, source):
    true = find_record(settings, T_OBS, 94).record
    path = cache.path(Month("2020-01"))
    path.unlink()
    os.mkfifo(path)
    FetchCache.clear_all()
    with pytest.warns(PointingWarning, match="Not a regular file"):
        assert cache.load(Month("2020-01")) is None
    assert not path.exists()
    os.mkfifo(path)
    with pytest.warns(PointingWarning, match="Not a regular file"):
        found = find_or_none(settings.model_copy(update={"source": source}))
    assert found == (true if source == "auto" else None)


def find_or_none(settings: PointingSettings) -> PointingRecord | None:
    try:
        return find_record(settings, T_OBS, 94).record
    except PointingError:
        return None


def test_a_cache_file_is_a_plain_ecsv_table(jsoc, settings, cache):
    find_record(settings, T_OBS, 94)
    table = ascii_tables.read(cache.path(Month("2020-01")), format="ecsv")
    assert list(table["T_START"]) == [row["T_START"] for row in recorded_rows()]
    assert {"fetched", "digest"} == set(table.meta)
    assert table["A_094_X0"].dtype == np.float64


def test_a_record_is_found_if_the_cache_cannot_be_written(jsoc, settings, cache, monkeypatch, caplog):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(PointingCache, "store", full)
    assert find_record(settings, T_OBS, 94).provider == server_name(jsoc.url)
    assert "cannot be written to the local cache" in caplog.text


def test_threads_that_need_the_same_month_fetch_it_once(jsoc, settings):
    with ThreadPoolExecutor(8) as pool:
        records = list(pool.map(lambda _: find_record(settings, T_OBS, 94).record, range(16)))
    assert len(set(records)) == 1
    assert len(jsoc.queried_datasets) == 1


FILL = """
import sys
from astropy.time import Time
from aia_ccdproc.pointing.settings import PointingSettings
from aia_ccdproc.pointing.sources import find_record
settings = PointingSettings(source="auto", server=sys.argv[1])
for month in range(1, 7):
    found = find_record(settings, Time(f"2020-{month:02d}-02T00:00:00"), 94)
    assert found.record.name == f"aia.master_pointing3h[:#{month}]", found
"""


@pytest.mark.slow
def test_eight_processes_fill_one_cache_without_loss_or_damage(jsoc, cache):
    jsoc.rows = [row_at(Time(f"2020-{n:02d}-01"), hours=48, number=n) for n in range(1, 8)]
    command = [sys.executable, "-W", "error", "-c", FILL, jsoc.url]
    processes = [subprocess.Popen(command, env=os.environ, stderr=subprocess.PIPE) for _ in range(8)]
    for process in processes:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors.decode()
    assert cache.months() == [f"2020-{n:02d}" for n in range(1, 7)]
    for month in cache.months():
        assert cache.load(month) is not None
    assert not list(cache.folder.glob(".*"))
