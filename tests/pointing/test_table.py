"""Pointing tables: their formats, missing values, and the selection of a record."""

from __future__ import annotations

import datetime
from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
from astropy.table import MaskedColumn, QTable, Table
from astropy.time import Time
from astropy.utils.masked import Masked
from hypothesis import given
from hypothesis import strategies as st

from aia_ccdproc import PointingError
from aia_ccdproc.pointing.table import PointingTable, read_pointing_table

START, STOP = "2020-01-01T00:00:00Z", "2020-01-01T03:00:00Z"
VALUES = {"X0": 2069.8, "Y0": 2008.1, "IMSCALE": 0.600109, "INSTROT": -0.13761}


def columns(prefix: str = "A_094_", start: str = START, stop: str = STOP, **values: object) -> dict[str, list]:
    return {"T_START": [start], "T_STOP": [stop], **{prefix + k: [v] for k, v in {**VALUES, **values}.items()}}


def jsoc_table(**values: object) -> Table:
    return Table(columns(**values))


def at(time: str) -> Time:
    return Time(time, scale="utc")


MIDDLE = at("2020-01-01T01:00:00")


# -- which record --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("time", "x0"),
    [
        ("2020-01-01T00:00:00", 1),
        ("2020-01-01T02:59:59.999", 1),
        ("2020-01-01T03:00:00", 2),
        ("2020-01-01T05:59:59", 2),
    ],
)
def test_a_record_is_valid_from_t_start_until_just_before_t_stop(time: str, x0: float) -> None:
    rows = [columns(X0=1.0), columns(X0=2.0, start=STOP, stop="2020-01-01T06:00:00Z")]
    table = Table({key: [row[key][0] for row in rows] for key in rows[0]})
    assert PointingTable(table).record(at(time), 94).x0 == x0


@pytest.mark.parametrize("time", ["2019-12-31T23:59:59.999", "2020-01-01T03:00:00", "2020-06-01"])
def test_a_time_without_a_record_is_an_error_with_the_interval_of_the_table(time: str) -> None:
    match = r"no aia\.master_pointing3h record covers T_OBS=.* \(94 Å\); .*2020-01-01T00:00 to 2020-01-01T03:00"
    with pytest.raises(PointingError, match=match):
        PointingTable(jsoc_table()).record(at(time), 94)


def test_the_record_with_the_later_start_is_used_where_two_overlap() -> None:
    rows = [
        columns(X0=2.0, start="2020-01-01T03:00:00Z", stop="2020-01-01T06:00:00Z"),
        columns(X0=1.0, start=START, stop="2020-01-01T06:00:00Z"),
    ]
    table = PointingTable(Table({key: [row[key][0] for row in rows] for key in rows[0]}))
    assert table.record(at("2020-01-01T02:00:00"), 94).x0 == 1
    assert table.record(at("2020-01-01T04:00:00"), 94).x0 == 2


starts = st.lists(st.integers(0, 400), min_size=1, max_size=12, unique=True)


@given(starts, st.lists(st.integers(1, 80), min_size=12, max_size=12), st.integers(0, 500))
def test_the_record_is_the_latest_that_covers_the_time(begin: list[int], lengths: list[int], minute: int) -> None:
    epoch = datetime.datetime(2020, 1, 1)
    stamp = [(epoch + datetime.timedelta(minutes=m)).isoformat() + "Z" for m in range(600)]
    end = [b + n for b, n in zip(begin, lengths, strict=False)]
    table = Table(
        {
            "T_START": [stamp[b] for b in begin],
            "T_STOP": [stamp[e] for e in end],
            "A_171_X0": [float(b) for b in begin],
            **{f"A_171_{key}": [1.0] * len(begin) for key in ("Y0", "IMSCALE", "INSTROT")},
        }
    )
    covering = [b for b, e in zip(begin, end, strict=True) if b <= minute < e]
    find = lambda: PointingTable(table).record(at(stamp[minute][:-1]), 171)  # noqa: E731
    if covering:
        assert find().x0 == max(covering)
    else:
        with pytest.raises(PointingError, match=r"no aia\.master_pointing3h record covers"):
            find()


# -- missing values ------------------------------------------------------------------------------

MISSING = {
    "MISSING": ["MISSING"],
    "nan": [np.nan],
    "infinite": [np.inf],
    "masked": MaskedColumn([1.0], mask=[True]),
    "nothing": np.array([None], dtype=object),
    "bytes": np.array([b"MISSING"]),
    "empty": [""],
    "masked quantity": Masked([1.0] * u.pix, mask=[True]),
}


@pytest.mark.parametrize("kind", MISSING)
@pytest.mark.parametrize("column", VALUES)
def test_a_value_that_is_missing_is_an_error_and_never_a_number(kind: str, column: str) -> None:
    table = QTable(columns())
    table[f"A_094_{column}"] = MISSING[kind]
    with pytest.raises(PointingError, match=f"record of 2020-01-01T00:00:00.000 in given has no {column} for 94 Å"):
        read_pointing_table(table).record(MIDDLE, 94)


@pytest.mark.parametrize("number", [[np.nan], ["MISSING"], MaskedColumn([7], mask=[True])])
def test_a_record_without_a_number_is_named_after_its_start(number: object) -> None:
    table = jsoc_table()
    table["MPO_RECNUM"] = number
    assert PointingTable(table).record(MIDDLE, 94).name == "aia.master_pointing3h[2020-01-01T00:00:00.000Z]"


@pytest.mark.parametrize("column", ["MPO_RECNUM", "*recnum*"])
def test_a_record_is_named_after_its_number(column: str) -> None:
    table = jsoc_table()
    table[column] = [34506]
    assert PointingTable(table).record(MIDDLE, 94).name == "aia.master_pointing3h[:#34506]"


# -- formats of tables ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("channel", "prefix"),
    [(94, "A_094_"), (94, "A_0094_"), (171, "A_171_"), (1600, "A_1600_"), (1700, "A1700_"), (4500, "A_4500_")],
)
def test_every_spelling_of_the_columns_is_recognized(channel: int, prefix: str) -> None:
    record = PointingTable(Table(columns(prefix))).record(MIDDLE, channel)
    assert (record.x0, record.y0) == (VALUES["X0"], VALUES["Y0"])
    assert (record.image_scale, record.instrument_roll) == (VALUES["IMSCALE"], VALUES["INSTROT"])


@pytest.mark.parametrize("ending", ["", "Z"])
@pytest.mark.parametrize("form", ["csv", "ascii.ecsv"])
def test_csv_and_ecsv_give_the_same_record_and_digest(tmp_path: Path, form: str, ending: str) -> None:
    table = Table(columns(start=START[:-1] + ending, stop=STOP[:-1] + ending))
    table.write(tmp_path / "table", format=form)
    back = read_pointing_table(tmp_path / "table")
    assert back.record(MIDDLE, 94).x0 == VALUES["X0"]
    assert back.digest == PointingTable(table).digest
    assert back.digest != PointingTable(jsoc_table(X0=1.0)).digest


@pytest.mark.parametrize("form", ["csv", "ascii.ecsv"])
def test_a_file_with_missing_for_one_channel_gives_records_of_the_others(tmp_path: Path, form: str) -> None:
    Table({**columns("A_094_", X0="MISSING"), **columns("A_171_")}).write(tmp_path / "table", format=form)
    table = read_pointing_table(tmp_path / "table")
    assert table.record(MIDDLE, 171).x0 == VALUES["X0"]
    with pytest.raises(PointingError, match="has no X0 for 94"):
        table.record(MIDDLE, 94)


def with_units() -> QTable:
    table = QTable(columns())
    table["T_START"], table["T_STOP"] = Time([START[:-1]]), Time([STOP[:-1]])
    table["A_094_X0"].unit = table["A_094_Y0"].unit = u.pix
    table["A_094_IMSCALE"] = [VALUES["IMSCALE"] * 1000] * u.marcsec / u.pix
    table["A_094_INSTROT"] = [VALUES["INSTROT"] * 60] * u.arcmin
    return table


def test_units_and_times_of_a_qtable_are_converted() -> None:
    record = read_pointing_table(with_units()).record(MIDDLE, 94)
    assert record.image_scale == pytest.approx(VALUES["IMSCALE"], rel=1e-12)
    assert record.instrument_roll == pytest.approx(VALUES["INSTROT"], rel=1e-12)


def test_a_qtable_with_times_comes_back_from_ecsv(tmp_path: Path) -> None:
    with_units().write(tmp_path / "table.ecsv")
    record = read_pointing_table(tmp_path / "table.ecsv").record(MIDDLE, 94)
    assert record.image_scale == pytest.approx(VALUES["IMSCALE"], rel=1e-12)


def test_times_in_tai_are_converted_to_utc() -> None:
    table = jsoc_table(start="2020.01.01_00:00:37_TAI", stop="2020.01.01_03:00:37_TAI")
    assert PointingTable(table).record(at("2020-01-01T00:00:00"), 94).start == "2020-01-01T00:00:00.000"
    with pytest.raises(PointingError, match=r"no .* record covers"):
        PointingTable(table).record(at("2020-01-01T03:00:00"), 94)


def test_times_in_years_without_known_leap_seconds_give_no_warning() -> None:
    assert PointingTable(jsoc_table(stop="2035-01-01T00:00:00Z")).record(at("2027-01-01"), 94).x0 == VALUES["X0"]


def test_a_table_with_one_row_per_channel_gives_the_records_of_its_channels(real_data: Path) -> None:
    table = read_pointing_table(real_data / "pointing" / "real_level1_pointing_values.csv")
    record = table.record(at("2020-01-01T01:00:36.57"), 94)
    assert (record.x0, record.y0) == (2069.808594, 2008.082275)
    assert (record.image_scale, record.instrument_roll) == (0.600109, -0.137610)
    assert record.name == "aia.master_pointing3h[:#34506]"
    assert table.record(at("2020-01-01T01:00:36.57"), 171).x0 == 2055.191650
    assert table.record(at("2021-06-28T23:22:10.347"), 171).name == "aia.master_pointing3h[:#43206]"
    with pytest.raises(PointingError, match=r"T_OBS=2021-06-28T23:22:10.347 \(94 Å\)"):
        table.record(at("2021-06-28T23:22:10.347"), 94)


def test_the_built_in_table_is_the_real_record(real_data: Path, pointing_path: Path) -> None:
    real = read_pointing_table(real_data / "pointing" / "real_level1_pointing_values.csv")
    built_in = read_pointing_table(pointing_path)
    for channel in (94, 131, 171, 193, 211, 304, 335):
        assert built_in.record(MIDDLE, channel) == real.record(MIDDLE, channel)


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    jsoc_table(X0=1.0).write(path)
    assert read_pointing_table(path).record(MIDDLE, 94).x0 == 1
    jsoc_table(X0=222.25).write(path, overwrite=True)
    assert read_pointing_table(path).record(MIDDLE, 94).x0 == 222.25


# -- files that are not tables -----------------------------------------------------------------------

GARBAGE = {
    "empty": b"",
    "one line": b"garbage",
    "prose": b"Dear user\nthe table moved\n",
    "html": b"<html>\n<body>down, sorry</body>\n</html>\n",
    "binary": bytes(range(256)) * 20,
    "null": b"T_START\0,T_STOP\n1,2\n",
    "comments": b"# nothing\n# but this\n",
    "a heading": b"T_START,T_STOP,A_094_X0\n",
    "broken ECSV": b"# %ECSV 1.0\n# ---\n# datatype: [\nx\n",
    "ragged": b"T_START,T_STOP\n1\n1,2,3\n",
    "no times": b"T_START,T_STOP,A_094_X0\nyesterday,today,5\n",
    "no T_STOP": b"T_START,A_094_X0\n2020-01-01T00:00:00Z,5\n",
}


@pytest.mark.parametrize("kind", GARBAGE)
def test_a_file_that_is_not_a_pointing_table_is_an_error_that_names_it(tmp_path: Path, kind: str) -> None:
    (tmp_path / "bad.csv").write_bytes(GARBAGE[kind])
    with pytest.raises(PointingError, match=r"bad\.csv: ") as caught:
        read_pointing_table(tmp_path / "bad.csv")
    assert len(str(caught.value).splitlines()) == 1


def test_a_file_that_does_not_exist_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(PointingError, match=r"cannot open the pointing table .*nowhere\.ecsv \(No such file"):
        read_pointing_table(tmp_path / "nowhere.ecsv")
    with pytest.raises(PointingError, match=str(tmp_path)):
        read_pointing_table(tmp_path)


def test_a_table_without_the_channel_is_an_error_with_the_columns_that_are_needed() -> None:
    with pytest.raises(PointingError, match="no columns for 335 Å; looked for A_335_X0, A_335_Y0"):
        PointingTable(jsoc_table()).record(MIDDLE, 335)


def test_a_table_with_half_the_columns_of_a_channel_is_refused() -> None:
    table = jsoc_table()
    del table["A_094_INSTROT"]
    with pytest.raises(PointingError, match=r"no columns for 94 Å; .*A_094_INSTROT"):
        PointingTable(table).record(MIDDLE, 94)


@pytest.mark.parametrize("column", VALUES)
def test_a_long_table_without_one_of_its_columns_is_refused(column: str) -> None:
    table = Table({**columns(""), "WAVELNTH": [94]})
    del table[column]
    with pytest.raises(PointingError, match=column):
        PointingTable(table).record(MIDDLE, 94)


def test_a_long_table_whose_wavelengths_are_not_numbers_is_refused() -> None:
    with pytest.raises(PointingError, match="WAVELNTH"):
        PointingTable(Table({**columns(""), "WAVELNTH": ["green"]})).record(MIDDLE, 94)


cells = st.one_of(st.none(), st.floats(), st.text(max_size=5), st.just("MISSING"), st.just("2020-01-01T00:00:00Z"))


@given(st.lists(st.tuples(*[cells] * 6), min_size=1, max_size=4))
def test_a_table_with_arbitrary_cells_gives_a_record_of_numbers_or_a_pointing_error(rows: list[tuple]) -> None:
    names = ["T_START", "T_STOP", *(f"A_094_{key}" for key in VALUES)]
    table = Table({name: np.array([row[i] for row in rows], dtype=object) for i, name in enumerate(names)})
    table["T_START"][0], table["T_STOP"][0] = START, STOP
    try:
        record = PointingTable(table).record(MIDDLE, 94)
    except PointingError:
        return
    assert np.isfinite([record.x0, record.y0, record.image_scale, record.instrument_roll]).all()
