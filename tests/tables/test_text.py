"""Reading of table files: damaged files give one error of ours, at once; special files are never opened."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import pytest
from astropy.table import Column

from aia_ccdproc import TableError
from aia_ccdproc.tables import text
from aia_ccdproc.tables.text import parse_time_column, read_table_file

HEADER = "# %ECSV 1.0\n# ---\n# datatype:\n# - {name: a, datatype: float64}\n"


def ecsv(*lines: str, data: str = "a\n1\n") -> str:
    """Return an ECSV file with further lines in its header."""
    return HEADER + "".join(f"# {line}\n" for line in lines) + data


@pytest.mark.parametrize("form", [ecsv(), "a\n1\n", "a,b\n1,2\n", "# comment\n\n a  b\n 1  2\n"])
def test_ecsv_csv_and_columns_separated_by_blanks_are_read(tmp_path: Path, form: str) -> None:
    path = tmp_path / "table"
    path.write_text(form)
    assert list(read_table_file(path)["a"]) == [1]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "it is empty"),
        ("# only a comment\n", "it is empty"),
        (HEADER.replace("datatype: float64", "datatyqe: float64") + "a\n1\n", "KeyError"),
        (HEADER.replace("float64", "float66") + "a\n1\n", "float66"),
        (ecsv("- !astropy.units.Unit {unit: m**1e9}"), "TypeError"),
        (ecsv("- !!python/object/apply:os.system ['true']"), "yaml"),
        (ecsv("\t\tx: y"), "yaml"),
        ("\0" * 200_000, "Error"),
        ("a,b\n1,2,3\n", "Number of"),
        (ecsv(data="a\n" + "1x" * 40_000 + "\n"), "failed to convert"),
        ("\udcff", "utf-8"),
        (ecsv("meta: " + "[" * 5000 + "]" * 5000), "nested more than 50 levels"),
        (ecsv("meta: " + "{a: " * 5000), "nested more than 50 levels"),
        (ecsv("meta: " + "- " * 5000), "nested more than 50 levels"),
        (ecsv("meta: " + "? " * 5000), "nested more than 50 levels"),
        (ecsv(*(" " * level + "x:" for level in range(2000))), "more than 100000 characters"),
    ],
)
def test_a_damaged_table_is_one_error_without_a_warning(tmp_path: Path, content: str, reason: str) -> None:
    path = tmp_path / "table.ecsv"
    path.write_text(content, errors="surrogateescape")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(TableError, match=r"table\.ecsv: cannot be read as ECSV, CSV or columns") as caught:
            read_table_file(path)
    assert reason in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 1000


def test_a_unit_that_is_unknown_gives_no_warning(tmp_path: Path) -> None:
    path = tmp_path / "table.ecsv"
    path.write_text(ecsv().replace("datatype: float64", "unit: m**1e9, datatype: float64"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert list(read_table_file(path)["a"]) == [1]


def test_a_table_larger_than_the_limit_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text, "MAX_TABLE_BYTES", 2**20)
    path = tmp_path / "table"
    with path.open("wb") as stream:
        stream.truncate(2**40)
    with pytest.raises(TableError, match="Larger than 1 MiB"):
        read_table_file(path)


@pytest.mark.parametrize("special", ["/dev/zero", "/dev/urandom", "/dev/tty"])
def test_a_device_is_not_a_table(special: str) -> None:
    if not Path(special).exists():
        pytest.skip(f"this system has no {special}")
    with pytest.raises(TableError, match="Not a regular file"):
        read_table_file(Path(special))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_not_a_table_and_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(TableError, match="Not a regular file"):
        read_table_file(tmp_path / "pipe")


def test_a_folder_a_missing_file_and_the_memory_of_the_process_are_not_tables(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing", Path("/proc/self/mem")):
        with pytest.raises(TableError, match="cannot be read as"):
            read_table_file(path)


def test_the_sixtieth_second_without_a_leap_second_is_the_next_minute_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        [time] = parse_time_column(Column(["2020-01-01T00:00:60Z"]))
    assert time.isot == "2020-01-01T00:01:00.000"
