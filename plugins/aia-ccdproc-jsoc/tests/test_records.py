"""Records of a local JSOC as inputs: which requests are sent, the files and their headers, and every failure."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from drms.client import SeriesInfo
from jsoc_server import JsocServer

import aia_ccdproc
from aia_ccdproc import ReadError, TableError, read, run
from aia_ccdproc.__main__ import main
from aia_ccdproc.images import is_empty
from aia_ccdproc_jsoc import find_records, records
from aia_ccdproc_jsoc.keywords import make_header, record_cards
from aia_ccdproc_jsoc.options import record_sets
from aia_ccdproc_jsoc.segments import write_with_header

SERIES = "aia.lev1_euv_12s"
HOUR = f"{SERIES}[2020-01-01T00:00:00Z/1h@5m][171,193]"
ANSWER = "jsoc_info.rs_list.aia.lev1_euv_12s_2020.01.01_01_01_13_TAI-2020.01.01_01_01_15_TAI_QUALITY_2_AND_EXPTIME_2.2"


@pytest.fixture
def recipe(pointing_path: Path) -> aia_ccdproc.Recipe:
    step = f'[[step]]\nuse = "update_pointing"\nsource = "{pointing_path.as_posix()}"\n'
    return aia_ccdproc.Recipe.from_toml(f'{step}[[step]]\nuse = "register"\n')


def operations(server: JsocServer) -> list[str]:
    return [query["op"] for query in server.queries if "op" in query]


def test_an_hour_of_two_channels_is_prepped_and_resumed(tmp_path: Path, archive: JsocServer, recipe) -> None:
    ten_minutes = HOUR.replace("/1h", "/10m")
    first = run(f"jsoc:{ten_minutes}", recipe, tmp_path / "out")
    assert [result.status for result in first] == ["done"] * 4
    results = run(f"jsoc:{HOUR}", recipe, tmp_path / "out")
    assert [result.status for result in results] == ["unchanged"] * 4 + ["done"] * 20
    assert len(archive.requested_files) == len(set(archive.requested_files)) == 24
    assert operations(archive) == ["series_struct", "rs_list", "rs_list"] * 2
    assert not (tmp_path / "out" / ".level1").exists()
    header = read(results[0].output).header
    assert header["LVL_NUM"] == 1.5
    assert header["INPUTSRC"] == f"{SERIES}[2020-01-01T00:00:00Z][171]{{image}}"
    assert results[0].output.name == f"{SERIES}.2020-01-01T000000Z.171.image_lev1p5.fits"


def test_fetched_files_have_the_bytes_of_the_segment_and_the_keywords_of_the_record(
    tmp_path: Path, archive: JsocServer, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["fetch", "--from", "2020-01-01", "--for", "5m", "--channels", "171,193", "-o", str(tmp_path)]
    assert main(arguments) == 0
    assert "2 files: 2 fetched, 0 failed" in capsys.readouterr().out
    path = tmp_path / f"{SERIES}.2020-01-01T000000Z.193.image_lev1.fits"
    segment = archive.files["/SUM12/D1001/S00000/image_lev1.fits"]
    image = read(path)
    assert np.array_equal(image.data, fits.HDUList.fromstring(segment)[1].data)
    with fits.open(path, disable_image_compression=True) as hdus:
        begin = hdus.fileinfo(1)["datLoc"]
        assert hdus[1].header["DATE-OBS"] == "2020-01-01T00:00:00.12"
        assert hdus[1].header["QUALITY"] == 0x40000000
        assert hdus[1].header.comments["T_OBS"] == "Note on T_OBS"
        assert hdus[1].header["ROI_SUM"] is None
        assert "T_REC_STEP" not in hdus[1].header
    with fits.open(tmp_path / path.name) as checked:
        checked.verify("exception")
    assert path.read_bytes()[begin:] == segment[-len(path.read_bytes()[begin:]) :]
    archive.requested_files.clear()
    assert main(arguments) == 0
    assert "2 files: 2 unchanged, 0 failed" in capsys.readouterr().out
    assert archive.requested_files == []


def test_run_takes_the_options_of_fetch(
    tmp_path: Path, archive: JsocServer, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--from", "2020-01-01", "--for", "10m", "--every", "5m", "--channels", "171"]
    (tmp_path / "recipe.toml").write_text('[[step]]\nuse = "normalize_exposure"\n')
    assert main(["run", *options, "-r", str(tmp_path / "recipe.toml"), "-o", str(tmp_path / "out"), "-j", "1"]) == 0
    assert "2 done, 0 failed" in capsys.readouterr().out
    assert archive.queried_datasets[0] == f"{SERIES}[2020-01-01T00:00:00Z/10m@5m][171]"
    assert main(["run", "-o", str(tmp_path / "out")]) == 2
    assert "name a file, a folder or a query" in capsys.readouterr().err


def test_many_records_are_queried_in_batches(archive: JsocServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "_MAX_RECORDS_PER_QUERY", 10)
    found = find_records(HOUR, server=archive.url)
    assert [record.header()["FSN"] for record in found] == list(range(5000, 5024))
    assert operations(archive) == ["series_struct", "rs_list", "rs_list", "rs_list", "rs_list"]


def test_records_are_selected_by_their_keywords_before_they_are_fetched(tmp_path: Path, archive: JsocServer) -> None:
    selecting = aia_ccdproc.Recipe.from_toml('[[step]]\nuse = "register"\n[select]\nFSN = 5003\n')
    results = run(f"jsoc:{HOUR}", selecting, tmp_path)
    assert [result.status for result in results].count("skipped") == 23
    assert archive.requested_files == ["/SUM12/D1003/S00000/image_lev1.fits"]


@pytest.mark.parametrize(
    ("failure", "message"),
    [("404", "HTTP 404"), ("incomplete", "the file of the segment is"), ("maintenance page", "is not a FITS image")],
)
def test_a_file_that_cannot_be_fetched_is_not_created(
    tmp_path: Path, archive: JsocServer, capsys: pytest.CaptureFixture[str], failure: str, message: str
) -> None:
    archive.file_failures["/SUM12/D1000/S00000/image_lev1.fits"] = [failure]
    assert main(["fetch", f"jsoc:{HOUR.replace('1h', '5m')}", "-o", str(tmp_path)]) == 1
    captured = capsys.readouterr()
    assert message in captured.err.replace("\n", " ")
    assert "1 fetched, 1 failed" in captured.out
    assert [path.name for path in tmp_path.glob("*.*")] == [f"{SERIES}.2020-01-01T000000Z.193.image_lev1.fits"]


@pytest.mark.parametrize("failure", ["503", "cut off", "slow"])
def test_a_failure_that_passes_is_retried(tmp_path: Path, archive: JsocServer, failure: str) -> None:
    archive.file_failures["/SUM12/D1000/S00000/image_lev1.fits"] = [failure]
    [record, _] = find_records(HOUR.replace("1h", "5m"), server=archive.url)
    record.fetch(tmp_path / "a.fits")
    assert read(tmp_path / "a.fits").header["FSN"] == 5000


def test_a_record_that_is_not_online_fails_alone(tmp_path: Path, archive: JsocServer, recipe) -> None:
    archive.records[SERIES][0]["{image}"] = "NoDataDirectory"
    results = run(f"jsoc:{HOUR.replace('1h', '5m')}", recipe, tmp_path / "out")
    assert [result.status for result in results] == ["failed", "done"]
    assert "is not online" in results[0].error


@pytest.mark.parametrize(
    ("query", "error", "message"),
    [
        ("jsoc:aia.lev1_euv_12s", ReadError, "is not a record set"),
        (f"jsoc:{SERIES}[1999-01-01T00:00:00Z/1h][171]", ReadError, "has no records"),
        ("jsoc:?from=2020-01-01", ReadError, "'channels' is missing"),
        ("jsoc:?from=2020-01-01&channels=172", ReadError, "is not a channel of AIA"),
        ("jsoc:?from=yesterday&channels=171", ReadError, "is not a time"),
        ("jsoc:?from=2020-01-01&for=1y&channels=171", ReadError, "is not a duration"),
        ("jsoc:?from=2020-01-01&every=5m&channels=171", ReadError, "'every' needs 'for'"),
        ("jsoc:?start=2020-01-01&channels=171", ReadError, "unknown 'start'"),
    ],
)
def test_a_wrong_query_is_refused_before_the_batch(
    tmp_path: Path, archive: JsocServer, query: str, error: type, message: str
) -> None:
    with pytest.raises(error, match=message):
        run(query, "level1.5", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_refused_query_is_an_error_of_this_package(tmp_path: Path, archive: JsocServer) -> None:
    archive.fail("status 1")
    with pytest.raises(TableError, match="Cannot open series"):
        run(f"jsoc:{HOUR}", "level1.5", tmp_path)


def test_channels_are_in_the_series_of_their_camera_mode() -> None:
    assert record_sets("from=2020-01-01&channels=94,1600,0171") == [
        "aia.lev1_euv_12s[2020-01-01T00:00:00Z][94,171]",
        "aia.lev1_uv_24s[2020-01-01T00:00:00Z][1600]",
    ]


def test_an_image_that_is_not_compressed_is_joined_too(tmp_path: Path) -> None:
    pixels = np.arange(12, dtype=np.int16).reshape(3, 4)
    fits.writeto(tmp_path / "segment.fits", pixels, checksum=True)
    header = fits.Header([("FSN", 5), ("NAXIS1", 99), ("BLANK", 3)])
    write_with_header(tmp_path / "segment.fits", header, tmp_path / "joined.fits")
    (tmp_path / "short.fits").write_bytes((tmp_path / "segment.fits").read_bytes()[:2890])
    with pytest.raises(ReadError, match="is truncated"):
        write_with_header(tmp_path / "short.fits", header, tmp_path / "other.fits")
    with fits.open(tmp_path / "joined.fits", checksum=True) as hdus:
        assert np.array_equal(hdus[0].data, pixels)
        assert hdus[0].header["FSN"] == 5
        assert "BLANK" not in hdus[0].header


# -- recorded answers ----------------------------------------------------------------------------


def test_headers_have_all_recorded_keywords(real_data: Path, tmp_path: Path) -> None:
    description = json.loads((real_data / "jsoc" / "jsoc_info.series_struct.aia.lev1_euv_12s.json").read_text())
    answer = json.loads((real_data / "jsoc" / f"{ANSWER}.json").read_text())
    series = SeriesInfo(description, name=SERIES)
    columns = {column["name"]: column["values"] for column in answer["keywords"]}
    for i in range(answer["count"]):
        row = {name: values[i] for name, values in columns.items()}
        header = make_header(record_cards(row, series))
        expected = {name: text for name, text in row.items() if len(name) <= 8 and name.upper() == name}
        assert len(expected) == len(header) > 170
        for name, text in expected.items():
            value, kind = header[name], series.keywords.loc[name, "type"]
            if text == "MISSING":
                assert value is None
                assert header.comments[name].startswith("(MISSING)")
            elif kind in ("time", "string"):
                assert value == (text.removesuffix("Z") if kind == "time" else text)
            elif kind in ("float", "double"):
                assert isinstance(value, float)
                assert value == float(text)
            else:
                assert isinstance(value, int)
                assert value == int(text, 0)
    assert header["DATE-OBS"] == row["DATE__OBS"].removesuffix("Z")
    assert header.comments["SAT_Y0"].startswith("[arcsec] Position of solar center")
    fits.PrimaryHDU(header=header).writeto(tmp_path / "header.fits")  # every card is valid FITS


def test_comments_are_those_of_a_real_export(real_data: Path) -> None:
    description = json.loads((real_data / "jsoc" / "jsoc_info.series_struct.aia.lev1_euv_12s.json").read_text())
    series = SeriesInfo(description, name=SERIES)
    path = real_data / "aia_level1" / "aia.lev1_euv_12s.2013-03-10T120012Z.171.cutout.fits"
    with fits.open(path, disable_image_compression=True) as hdus:
        exported = {card.keyword: card for card in hdus[1].header.cards if card.keyword in series.keywords.index}
    values = {keyword: "MISSING" if is_empty(card.value) else str(card.value) for keyword, card in exported.items()}
    made = make_header(record_cards(values, series))
    differing = [
        keyword
        for keyword, card in exported.items()
        if not (made.comments[keyword].startswith(card.comment) or card.comment.startswith(made.comments[keyword]))
    ]
    assert len(exported) > 150
    assert len(differing) < 8, differing
