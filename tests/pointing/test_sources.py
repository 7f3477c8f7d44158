"""Pointing records from JSOC for a user: from Python, in batches, and by ``aia-prep pointing``."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from astropy.io import fits
from astropy.time import Time
from scenes import EUV_CHANNELS, small_exposure, small_sun

import aia_ccdproc
from aia_ccdproc import PointingWarning, SettingsError, TableError, update_pointing
from aia_ccdproc.cli.main import main
from aia_ccdproc.pointing import sources
from aia_ccdproc.pointing.commands import parse_interval
from aia_ccdproc.pointing.settings import HEADER, SOURCE_NAMES, PointingSettings
from aia_ccdproc.pointing.table import PointingTableError
from aia_ccdproc.synthetic import builtin_pointing_path
from aia_ccdproc.tables.cache import FetchCache
from aia_ccdproc.tables.jsoc import connect, server_name

RECIPE = """
[[step]]
use = "update_pointing"
source = "{source}"
on_missing = "{on_missing}"
server = "{server}"
timeout = {timeout}

[[step]]
use = "register"
"""


@pytest.fixture
def files(tmp_path):
    """Images of the seven EUV channels of record #34506, each with a pointing error."""
    paths = []
    for channel in EUV_CHANNELS:
        exposure = small_exposure(channel=channel, pointing_error=(2.0, -3.0), shape=(80, 90))
        paths.append(exposure.write_level1(exposure.image(small_sun()), tmp_path / f"aia_{channel}.fits"))
    return paths


@pytest.fixture
def recipe(jsoc, tmp_path):
    def write(source="auto", on_missing="error", timeout=1.0):
        path = tmp_path / "recipe.toml"
        path.write_text(RECIPE.format(source=source, on_missing=on_missing, server=jsoc.url, timeout=timeout))
        return str(path)

    return write


def prep(files, recipe, output):
    command = [sys.executable, "-W", "error", "-m", "aia_ccdproc", "run", *map(str, files), "-r", recipe]
    return subprocess.run([*command, "-o", str(output)], capture_output=True, text=True)


@pytest.mark.slow
def test_a_batch_over_seven_channels_sends_one_query_and_a_second_run_none(jsoc, files, recipe, tmp_path):
    done = prep(files, recipe(), tmp_path / "first")
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(jsoc.queried_datasets) == 1
    assert len(jsoc.queries) == 1
    for path in sorted((tmp_path / "first").iterdir()):
        header = fits.getheader(path)
        assert header["MPO_REC"] == "aia.master_pointing3h[:#34506]"
        assert header["MPO_TBEG"] == "2020-01-01T00:00:00.000"
        assert header["MPO_SRC"] == server_name(jsoc.url)
        assert len(header["MPO_HASH"]) == 16
    done = prep(files, recipe(), tmp_path / "second")
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(jsoc.queries) == 1
    jsoc.shutdown()
    jsoc.server_close()
    done = prep(files, recipe(), tmp_path / "third")
    assert done.returncode == 0, done.stdout + done.stderr
    assert fits.getheader(tmp_path / "third" / "aia_94_lev1p5.fits")["MPO_REC"].endswith("[:#34506]")


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["maintenance page", "slow", "status 1"])
def test_an_empty_cache_and_no_answer_fail_within_the_timeout_and_write_nothing(jsoc, files, recipe, tmp_path, mode):
    jsoc.fail(mode)
    done = prep(files, recipe(), tmp_path / "out")
    assert len(jsoc.queries) < 7  # the attempts of one query for all files: the workers share its failure
    assert done.returncode == 1
    assert done.stdout.count("PointingError: the local pointing cache does not contain 2020-01") == 7
    assert "Traceback" not in done.stdout + done.stderr
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.slow
def test_an_empty_cache_and_no_answer_keep_the_headers_pointing_with_on_missing_keep(jsoc, files, recipe, tmp_path):
    jsoc.fail("503")
    done = prep(files[:2], recipe(on_missing="keep"), tmp_path / "out")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "pointing of the header kept" in done.stdout
    header = fits.getheader(tmp_path / "out" / "aia_94_lev1p5.fits")
    assert header["LVL_NUM"] == 1.5
    assert header["MPO_SRC"] == "header"
    assert header["X0_MP"] == 2069.808594 + 2
    assert "pointing of the header kept: the local pointing cache" in "".join(header["HISTORY"])


@pytest.mark.parametrize("kind", ["url", "client"])
def test_update_pointing_takes_a_server_as_url_or_client(jsoc, kind):
    server = jsoc.url if kind == "url" else connect(jsoc.url)
    level1 = small_exposure(pointing_error=(2, -3)).image(small_sun())
    pointed = aia_ccdproc.update_pointing(level1, source="jsoc", server=server)
    assert pointed.header["CRPIX1"] == pytest.approx(level1.header["CRPIX1"] - 2)
    assert pointed.header["MPO_REC"] == "aia.master_pointing3h[:#34506]"
    assert "source=jsoc" in str(pointed.header["HISTORY"])


def test_every_name_of_a_source_has_functions():
    assert {*sources._NAMED_SOURCES, HEADER} == set(SOURCE_NAMES)


def test_a_table_can_be_given_as_a_url(jsoc, pointing_path):
    url = jsoc.add_file(pointing_path.name, pointing_path.read_bytes())
    pointed = aia_ccdproc.update_pointing(small_exposure().image(small_sun()), source=url)
    assert pointed.header["MPO_SRC"] == f"table {pointing_path.name}"


@pytest.mark.parametrize("channel", [94, 171])
def test_the_source_header_keeps_the_pointing_of_the_header_without_a_query(jsoc, channel):
    level1 = small_exposure(channel=channel, pointing_error=(2, -3)).image(small_sun())
    first = update_pointing(level1, server=jsoc.url)
    kept = update_pointing(level1, source="header", server="http://127.0.0.1:9/")
    assert len(jsoc.queried_datasets) == 1
    assert "source=header" in str(kept.header["HISTORY"])
    assert kept.header["MPO_SRC"] == "header"
    assert first.header["MPO_SRC"] == server_name(jsoc.url)
    for keyword in ("CRPIX1", "CRPIX2", "CDELT1", "CROTA2", "X0_MP", "Y0_MP"):
        assert kept.header[keyword] == level1.header[keyword]
    again = update_pointing(first, source="header")  # what an earlier correction recorded is removed
    assert "MPO_HASH" not in again.header
    assert again.header["CRPIX1"] == first.header["CRPIX1"]


def test_the_source_header_cannot_be_in_a_list():
    with pytest.raises(SettingsError, match=r'"header" cannot be in a list\. Use on_missing = "keep"'):
        PointingSettings.of(source=["cache", "header"])


@pytest.mark.parametrize(("name", "meant"), [("hedder", "header"), ("AUTO", "auto"), ("jsco", "jsoc")])
def test_a_misspelled_source_is_refused_unless_it_is_a_table(tmp_path, monkeypatch, pointing_path, name, meant):
    monkeypatch.chdir(tmp_path)
    for source in (name, ["cache", name]):
        with pytest.raises(SettingsError, match=rf"'{name}' is neither a table that exists.*did you mean '{meant}'"):
            PointingSettings.of(source=source)
    (tmp_path / name).write_bytes(pointing_path.read_bytes())
    assert PointingSettings.of(source=name).source == Path(name)


def test_the_recipe_with_the_pointing_of_the_header_registers_by_it(no_network):
    level1 = small_exposure(pointing_error=(2, -3)).image(small_sun())
    level15 = aia_ccdproc.prep(level1, "level1.5-header")
    assert (level15.header["LVL_NUM"], level15.header["MPO_SRC"]) == (1.5, "header")
    with pytest.raises(aia_ccdproc.StateError, match=r"already at level 1\.5"):
        update_pointing(level15, source="header")


# -- aia-prep pointing ---------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["ecsv", "csv"])
def test_a_written_table_is_a_source_without_a_network(jsoc, tmp_path, suffix, capsys):
    path = tmp_path / f"pointing.{suffix}"
    interval = ["2020-01-01T01:00", "2020-01-01T04:00"]
    assert main(["pointing", *interval, "-o", str(path), "--server", jsoc.url]) == 0
    assert "wrote 2 records" in capsys.readouterr().out
    jsoc.fail("500")
    pointed = aia_ccdproc.update_pointing(small_exposure().image(small_sun()), source=path)
    assert pointed.header["MPO_REC"] == "aia.master_pointing3h[:#34506]"
    assert main(["pointing", *interval, "-o", str(path), "--server", jsoc.url]) == 2
    assert "already exists. Use --overwrite" in capsys.readouterr().err


def test_the_command_that_the_error_offline_names_fills_the_cache_for_work_without_a_network(jsoc, tmp_path, capsys):
    exposure = small_exposure(shape=(30, 30))
    level1 = exposure.write_level1(exposure.image(small_sun()), tmp_path / "a.fits")
    options = ["--set", f"update_pointing.server={jsoc.url}", "--set", "update_pointing.timeout=0.2"]
    command = ["run", str(level1), "-o", str(tmp_path / "out"), *options]
    jsoc.fail("503")
    assert main(command) == 1
    output = capsys.readouterr().out
    assert "Or keep the pointing of the header: --pointing header" in output
    fill = re.search(r"available: aia-prep (pointing 2020 --cache fill --server \S+/)\. ", output)[1]
    jsoc.recover()
    jsoc.queries.clear()
    assert main(fill.split()) == 0
    assert "contains 1 of the 12 months 2020-01 to 2020-12" in capsys.readouterr().out
    assert len(jsoc.queried_datasets) == 1
    FetchCache.clear_all()
    jsoc.fail("503")
    assert main(command) == 0
    assert fits.getheader(tmp_path / "out" / "a_lev1p5.fits")["MPO_REC"].endswith("[:#34506]")
    assert main(["run", str(level1), "-o", str(tmp_path / "h"), "--pointing", "header"]) == 0
    assert fits.getheader(tmp_path / "h" / "a_lev1p5.fits")["MPO_SRC"] == "header"


@pytest.mark.parametrize(
    ("arguments", "interval"),
    [
        (["2017"], ("2017-01-01", "2018-01-01")),
        (["2017-12"], ("2017-12-01", "2018-01-01")),
        (["2016.02.29"], ("2016-02-29", "2016-03-01")),
        (["2016-12-31"], ("2016-12-31", "2017-01-01")),  # with a leap second
        (["2017", "2018-02"], ("2017-01-01", "2018-03-01")),
        (["2017-08-07", "2017-08-07"], ("2017-08-07", "2017-08-08")),
        (["2017-08-07T12:00", "2017-08-07T13:00"], ("2017-08-07T12:00", "2017-08-07T13:00")),
    ],
)
def test_an_interval_is_a_year_a_month_a_day_or_between_two_times(arguments, interval):
    assert [time.isot for time in parse_interval(*arguments)] == [Time(time).isot for time in interval]


def test_filling_the_cache_for_months_without_records_is_exit_code_1(jsoc, capsys):
    assert main(["pointing", "2015-01-01", "2015-01-02", "--cache", "fill", "--server", jsoc.url]) == 1
    assert "has no aia.master_pointing3h record of 2015-01. Choose" in capsys.readouterr().err


def test_a_table_over_years_is_fetched_with_one_query_per_year(jsoc, tmp_path, capsys):
    path = tmp_path / "table.ecsv"
    assert main(["pointing", "2019-01-01", "2021-12-31", "-o", str(path), "--server", jsoc.url]) == 0
    assert "wrote 2 records" in capsys.readouterr().out
    assert len(jsoc.queried_datasets) == 3


def test_the_cache_is_shown_filled_and_cleared(jsoc, capsys):
    server = ["--server", jsoc.url]
    assert main(["pointing", "--cache", "show", *server]) == 0
    assert ": 0 months" in capsys.readouterr().out
    assert main(["pointing", "2020-01-01", "2020-02-05", "--cache", "fill", *server]) == 0
    assert "contains 1 of the 2 months 2020-01 to 2020-02\n" in capsys.readouterr().out
    assert main(["pointing", "--cache", "show", *server]) == 0
    output = capsys.readouterr().out
    assert ": 1 month\n" in output
    assert "2020-01  2 records, fetched" in output
    assert main(["pointing", "--cache", "show"]) == 0  # all servers
    assert "2020-01  2 records, fetched" in capsys.readouterr().out
    assert main(["pointing", "--cache", "clear", *server]) == 0
    assert ": 1 file removed\n" in capsys.readouterr().out


def test_a_table_with_another_suffix_is_refused(jsoc, tmp_path, capsys):
    assert main(["pointing", "2020-01-01", "2020-01-02", "-o", str(tmp_path / "t.fits"), "--server", jsoc.url]) == 2
    assert "must end in .ecsv or .csv" in capsys.readouterr().err
    assert not jsoc.queries


def test_a_failed_query_is_exit_code_1(jsoc, tmp_path, capsys):
    jsoc.fail("status 1")
    path = tmp_path / "table.ecsv"
    assert main(["pointing", "2020-01-01", "2020-01-02", "-o", str(path), "--server", jsoc.url]) == 1
    error = capsys.readouterr().err
    assert error.startswith("PointingError: cannot get aia.master_pointing3h[")
    assert error.endswith("Try again later\n")  # this command is the advice elsewhere
    assert not path.exists()
    assert main(["pointing", "2020-01-01", "2020-01-02", "--cache", "fill", "--server", jsoc.url]) == 1
    error = capsys.readouterr().err
    assert error.startswith("PointingError: cannot get the pointing records of 2020-01 from 127.0.0.1")
    assert error.endswith("Try again later\n")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["2020-01-01"],
        ["2020-01-01", "2020-01-02"],
        ["2020-01-01T12:00", "--cache", "fill"],
        ["2020-13", "--cache", "fill"],
        ["2020-02-30", "--cache", "fill"],
        ["9999-12-31", "--cache", "fill"],
        ["0000", "--cache", "fill"],
        ["2101", "--cache", "fill"],
        ["soon", "later", "--cache", "fill"],
        ["2020-01-02", "2020-01-01", "--cache", "fill"],
        ["2020-01-01", "2020-01-02", "--cache", "clear"],
        ["--cache", "eat"],
        ["9998-01-01", "9999-12-31", "--cache", "fill"],
        ["0001-01-01", "2020-01-01", "--cache", "fill"],
        ["2009-12-31", "2020-01-01", "--cache", "fill"],
        ["2020-01-01", "2020-01-02", "--cache", "fill", "--timeout", "inf"],
        ["--cache", "show", "--server", ""],
        ["--cache", "clear", "--server", "ftp://example.org/"],
        ["2020-01-01", "2020-01-02", "--cache", "fill", "--server", "ftp://example.org/"],
    ],
)
def test_wrong_usage_is_exit_code_2(cache_folder, arguments, capsys):
    assert main(["pointing", *arguments]) == 2
    assert capsys.readouterr().err


def test_a_remembered_failure_is_gone_after_clear_all(jsoc):
    jsoc.fail("500")
    level1 = small_exposure().image(small_sun())
    with pytest.raises(aia_ccdproc.PointingError):
        aia_ccdproc.update_pointing(level1, server=jsoc.url, timeout=0.3)
    jsoc.recover()
    FetchCache.clear_all()
    assert aia_ccdproc.update_pointing(level1, server=jsoc.url).header["MPO_REC"].endswith("[:#34506]")


# -- a table that cannot be read is not a missing record -----------------------------------------


@pytest.mark.parametrize("content", [None, "", "a,b\n1,2\n"], ids=["no file", "an empty file", "another table"])
def test_keep_does_not_hide_a_table_that_cannot_be_read(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "table.csv"
    if content is not None:
        path.write_text(content)
    ccd = small_exposure().image(small_sun())
    for source in (path, [path, builtin_pointing_path().with_name("none.ecsv")]):
        with pytest.raises(TableError, match=r"table\.csv"):
            update_pointing(ccd, source=source, on_missing="keep")


def test_keep_does_not_hide_a_url_without_a_table_but_bridges_a_server_that_does_not_answer(jsoc) -> None:
    ccd = small_exposure().image(small_sun())
    with pytest.raises(TableError, match=r"none\.csv: the server answered HTTP 404 .*Give another table"):
        update_pointing(ccd, source=f"{jsoc.url}none.csv", on_missing="keep")
    with pytest.warns(PointingWarning, match="pointing of the header kept: .*Connection refused"):
        kept = update_pointing(ccd, source="http://127.0.0.1:9/t.csv", on_missing="keep", timeout=0.2)
    assert kept.header["MPO_SRC"] == "header"


def test_a_list_of_sources_goes_on_after_a_table_that_cannot_be_read(tmp_path: Path, pointing_path: Path) -> None:
    ccd = small_exposure().image(small_sun())
    pointed = update_pointing(ccd, source=[tmp_path / "none.csv", pointing_path])
    assert pointed.header["MPO_SRC"] == f"table {pointing_path.name}"


def test_check_finds_a_missing_file_at_once_and_run_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = tmp_path / "r.toml"
    recipe.write_text('[[step]]\nuse = "update_pointing"\nsource = "none.csv"\non_missing = "keep"\n')
    image = small_exposure().write_level1(small_exposure().image(small_sun()), tmp_path / "a.fits")
    for command in (["check", str(recipe)], ["run", str(image), "-r", str(recipe), "-o", str(tmp_path / "out")]):
        assert main(command) == 2
        error = capsys.readouterr().err.replace("\n", "")
        assert "step update_pointing: cannot read " in error
        assert "none.csv: No such file or directory" in error
    assert not (tmp_path / "out" / "a_lev1p5.fits").exists()


@pytest.mark.parametrize("special", ["/dev/zero", "/dev/urandom", "/proc/self/mem", "pipe"])
def test_a_device_or_pipe_as_the_source_is_an_error_at_once(tmp_path: Path, special: str) -> None:
    path = tmp_path / special  # an absolute path replaces the folder
    if special == "pipe":
        os.mkfifo(path)
    if not path.exists():
        pytest.skip(f"this system has no {special}")
    settings = PointingSettings(source=str(path))
    with pytest.raises(PointingTableError, match=f"{path}: cannot be read as ECSV, CSV or columns"):
        sources.find_record(settings, Time("2020-01-01T00:00:11.57"), 94)
    with pytest.raises(SettingsError, match=f"cannot read {path}: "):
        settings.fingerprint()
