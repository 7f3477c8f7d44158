"""Records that are not online, and cutouts: one export request for a batch, its progress, and every failure."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from jsoc_server import JsocServer

import aia_ccdproc
from aia_ccdproc import ReadError, read, run
from aia_ccdproc.__main__ import main
from aia_ccdproc_jsoc import Cutout, export

SERIES = "aia.lev1_euv_12s"
TEN_MINUTES = f"jsoc:{SERIES}[2020-01-01T00:00:00Z/10m@5m][171,193]"
ADDRESS = {"email": "me@example.org"}
RECIPE = aia_ccdproc.Recipe.from_toml('[[step]]\nuse = "register"\n')


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask for the status often, and start without an address."""
    monkeypatch.setattr(export, "_FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.delenv("JSOC_EMAIL", raising=False)


@pytest.fixture
def offline(archive: JsocServer) -> JsocServer:
    """A local JSOC of whose first four records one is online."""
    for row in archive.records[SERIES][1:4]:
        archive.exports.stored[row["*recnum*"], "image"] = archive.files.pop(row["{image}"])
        row["{image}"] = "NoDataDirectory"
    return archive


def test_one_request_exports_all_records_that_are_not_online(
    tmp_path: Path, offline: JsocServer, caplog: pytest.LogCaptureFixture
) -> None:
    results = run(TEN_MINUTES, RECIPE, tmp_path / "out", input_options=ADDRESS)
    assert [result.status for result in results] == ["done"] * 4
    [request] = offline.exports.requests
    assert request["ds"] == f"{SERIES}[:#1001,#1002,#1003]{{image}}"
    assert (request["notify"], request["method"], request["protocol"]) == ("me@example.org", "url", "as-is")
    assert [read(result.output).header["FSN"] for result in results] == [5000, 5001, 5002, 5003]
    assert results[1].output.name == f"{SERIES}.2020-01-01T000000Z.193.image_lev1p5.fits"
    assert offline.requested_files[0] == offline.records[SERIES][0]["{image}"]  # those online are fetched first
    assert "the export of 3 files from 127.0.0.1" in caplog.text
    assert "is requested (JSOC_20261127_001)" in caplog.text
    again = run(TEN_MINUTES, RECIPE, tmp_path / "out", input_options=ADDRESS)
    assert [result.status for result in again] == ["unchanged"] * 4
    assert len(offline.exports.requests) == 1


def test_many_records_are_requested_in_turn(
    tmp_path: Path, offline: JsocServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "_MAX_RECORDS_PER_REQUEST", 2)
    assert {result.status for result in run(TEN_MINUTES, RECIPE, tmp_path, input_options=ADDRESS)} == {"done"}
    datasets = [request["ds"] for request in offline.exports.requests]
    assert sorted(number for text in datasets for number in ("1001", "1002", "1003") if number in text) == [
        "1001",
        "1002",
        "1003",
    ]
    assert len(datasets) == 2


def test_only_files_that_are_needed_are_exported(tmp_path: Path, offline: JsocServer) -> None:
    selecting = aia_ccdproc.Recipe.from_toml('[[step]]\nuse = "register"\n[select]\nFSN = 5002\n')
    run(TEN_MINUTES, selecting, tmp_path, input_options=ADDRESS)
    assert [request["ds"] for request in offline.exports.requests] == [f"{SERIES}[:#1002]{{image}}"]


def test_fetch_exports_with_the_address_of_the_option_and_of_the_environment(
    tmp_path: Path, offline: JsocServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fetch", TEN_MINUTES, "-o", str(tmp_path / "a"), "--email", "me@example.org"]) == 0
    captured = capsys.readouterr()
    assert "4 files: 4 fetched, 0 failed" in captured.out
    assert "the export of 3 files" in captured.err
    monkeypatch.setenv("JSOC_EMAIL", "me@example.org")
    assert main(["fetch", TEN_MINUTES, "-o", str(tmp_path / "b")]) == 0
    query = "jsoc:?from=2020-01-01&for=5m&channels=193&email=other@example.org"
    offline.exports.addresses.add("other@example.org")
    run(query, RECIPE, tmp_path / "c")
    assert [request["notify"].split("@")[0] for request in offline.exports.requests] == ["me", "me", "other"]


def test_a_request_waits_for_another_one_of_the_same_user(tmp_path: Path, offline: JsocServer) -> None:
    offline.exports.others_pending = 2
    assert {result.status for result in run(TEN_MINUTES, RECIPE, tmp_path, input_options=ADDRESS)} == {"done"}


def test_the_progress_of_a_request_is_logged(
    tmp_path: Path, offline: JsocServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(export, "_PROGRESS_SECONDS", 0.0)
    run(TEN_MINUTES, RECIPE, tmp_path, input_options={**ADDRESS, "wait": "90m"})
    assert "(JSOC_20261127_001): 0 of at most 90 min" in caplog.text


@pytest.mark.parametrize(
    ("failure", "options", "message"),
    [
        (None, {}, "--email, or the environment variable JSOC_EMAIL"),
        (None, {"email": "you@example.org"}, "you@example.org is not registered at 127.0.0.1"),
        (None, {**ADDRESS, "wait": "0s"}, "has not finished within 0 min. Run the same command again later"),
        ("refused", ADDRESS, r"refused the export: Export request is too large \(status 4\)"),
        ("no reason", ADDRESS, "refused the export: no reason was given"),
        ("no data", ADDRESS, r"\(JSOC_20261127_001\) has finished, but the answer has the wrong format"),
        ("failed", ADDRESS, r"failed: Cannot stage the files \[status=4\]"),
    ],
)
def test_a_failed_export_fails_all_its_files_and_no_others(
    tmp_path: Path, offline: JsocServer, failure: str | None, options: dict[str, str], message: str
) -> None:
    offline.exports.failure = failure
    results = run(TEN_MINUTES, RECIPE, tmp_path, input_options=options)
    assert [result.status for result in results] == ["done", "failed", "failed", "failed"]
    for result in results[1:]:
        with pytest.raises(ReadError, match=message):
            raise ReadError(result.error)
        assert "is not online at 127.0.0.1" in result.error
    assert len(offline.exports.requests) <= 1
    offline.exports.failure = None
    assert {result.status for result in run(TEN_MINUTES, RECIPE, tmp_path, input_options=ADDRESS)} == {
        "unchanged",
        "done",
    }


def test_an_export_without_one_of_the_records_fails_its_file_alone(tmp_path: Path, offline: JsocServer) -> None:
    offline.exports.failure = "no file"
    results = run(TEN_MINUTES, RECIPE, tmp_path, input_options=ADDRESS)
    assert sorted(result.status for result in results) == ["done", "done", "done", "failed"]
    assert "has finished without this file" in results[1].error


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"email": "me"}, "is not an address"),
        ({"wait": "soon"}, "is not a duration"),
        ({"spikes": "maybe"}, "neither yes nor no"),
        ({"color": "red"}, "unknown option 'color' for JSOC"),
        ({"cutout": "1,2,3"}, "is not a field of view"),
        ({"cutout": "1,2,3,-4"}, "must be 0 to 5000 arcsec"),
        ({"cutout": "1,2,30,40"}, "only for users with a registered address"),
    ],
)
def test_wrong_options_are_refused_before_the_batch(
    tmp_path: Path, archive: JsocServer, options: dict[str, str], message: str
) -> None:
    with pytest.raises(ReadError, match=message):
        run(TEN_MINUTES, RECIPE, tmp_path / "out", input_options=options)
    assert not (tmp_path / "out").exists()


# -- cutouts -------------------------------------------------------------------------------------


def cut_out(server: JsocServer, pixels: tuple[slice, slice]) -> None:
    """Let JSOC make cutouts, with complete headers, as im_patch does."""

    def make(row: dict[str, str], segment: str, query: dict[str, str]) -> bytes:
        data = fits.HDUList.fromstring(server.files[row["{image}"]])[1].data[pixels]
        header = fits.Header([(key, float(row[key])) for key in ("CRPIX1", "CRPIX2", "CDELT1", "CDELT2", "CROTA2")])
        header["CRPIX1"] -= pixels[1].start or 0
        header["CRPIX2"] -= pixels[0].start or 0
        header.update(
            {key: row[key] for key in ("T_OBS", "TELESCOP", "INSTRUME", "CTYPE1", "CTYPE2", "CUNIT1", "CUNIT2")}
        )
        header.update(
            {
                "CUNIT1": "arcsec",
                "CUNIT2": "arcsec",
                "WAVELNTH": int(row["WAVELNTH"]),
                "FSN": int(row["FSN"]),
                "LVL_NUM": 1.0,
            }
        )
        header.update({key: float(row[key]) for key in ("RSUN_OBS", "DSUN_OBS", "RSUN_REF", "CRVAL1", "CRVAL2")})
        stream = io.BytesIO()
        fits.PrimaryHDU(data, header).writeto(stream)
        return stream.getvalue()

    server.exports.make_file = make


def test_cutouts_are_made_by_jsoc(tmp_path: Path, archive: JsocServer, capsys: pytest.CaptureFixture[str]) -> None:
    cut_out(archive, (slice(5, 25), slice(10, 40)))
    arguments = [TEN_MINUTES, "-o", str(tmp_path), "--email", "me@example.org", "--cutout", "-3,-20.5,18,12"]
    assert main(["fetch", *arguments]) == 0
    [request] = archive.exports.requests
    assert request["process=n"] == (
        "0|im_patch,t_ref=2020-01-01T00:00:00.000,t=1,r=0,c=0,locunits=arcsec,boxunits=arcsec,"
        "x=-3.0,y=-20.5,width=18.0,height=12.0"
    )
    assert (request["ds"], request["protocol"]) == (f"{SERIES}[:#1000,#1001,#1002,#1003]{{image}}", "fits")
    names = sorted(path.name for path in tmp_path.glob("*.fits"))
    assert names[0] == f"{SERIES}.2020-01-01T000000Z.171.cutout_-3_-20.5_18x12.image.fits"
    full = fits.HDUList.fromstring(archive.files[archive.records[SERIES][0]["{image}"]])[1].data
    cutout = read(tmp_path / names[0])
    assert np.array_equal(cutout.data, full[5:25, 10:40])
    assert cutout.wcs.wcs.crpix[0] == float(archive.records[SERIES][0]["CRPIX1"]) - 10
    assert len(names) == 4
    assert main(["fetch", *arguments]) == 0
    assert len(archive.exports.requests) == 1


def test_a_cutout_follows_the_rotation_and_is_prepped(tmp_path: Path, archive: JsocServer) -> None:
    cut_out(archive, (slice(5, 25), slice(10, 40)))
    query = "jsoc:?from=2020-01-01&for=5m&channels=171&cutout=-3,-20,18,12,track&email=me@example.org"
    [result] = run(query, RECIPE, tmp_path)
    assert result.status == "done", result.error
    assert ",t=0," in archive.exports.requests[0]["process=n"]
    assert "cutout_-3_-20_18x12_track" in read(result.output).header["INPUTSRC"]


def test_a_full_frame_in_place_of_a_cutout_is_refused(tmp_path: Path, archive: JsocServer) -> None:
    cut_out(archive, (slice(0, 40), slice(0, 50)))
    results = run(TEN_MINUTES, RECIPE, tmp_path, input_options={**ADDRESS, "cutout": "0,0,12,12"})
    assert {result.status for result in results} == {"failed"}
    assert "JSOC did not make the cutout" in results[0].error


# -- spikes --------------------------------------------------------------------------------------


@pytest.fixture
def spiky(archive: JsocServer) -> JsocServer:
    """A local JSOC whose images have two spikes each, except the second image."""
    rows, columns = np.array([1985, 1990]), np.array([2050, 2060])
    stream = io.BytesIO()
    fits.writeto(stream, np.array([rows * 4096 + columns, [900, 1200]], dtype=np.int32))
    for row in archive.records[SERIES]:
        archive.files[row["{spikes}"]] = stream.getvalue()
        row["NSPIKES"] = "2"
    archive.records[SERIES][1]["NSPIKES"] = "0"
    archive.descriptions[SERIES]["keywords"].append({"name": "NSPIKES", "type": "int", "units": "none", "note": ""})
    return archive


def respike_recipe(folder: Path) -> aia_ccdproc.Recipe:
    return aia_ccdproc.Recipe.from_toml(f'[[step]]\nuse = "respike"\nspikes = "{folder.as_posix()}"\n')


def test_spikes_are_fetched_to_where_respike_finds_them(tmp_path: Path, spiky: JsocServer, prep_manager) -> None:
    prep_manager("aia-ccdproc-jsoc", "aia-ccdproc-respike")
    folder = tmp_path / "level1"
    offline = spiky.records[SERIES][2]
    spiky.exports.stored["1002", "spikes"] = spiky.files.pop(offline["{spikes}"])
    offline["{spikes}"] = "NoDataDirectory"
    assert main(["fetch", TEN_MINUTES, "-o", str(folder), "--spikes", "--email", "me@example.org"]) == 0
    assert [request["ds"] for request in spiky.exports.requests] == [f"{SERIES}[:#1002]{{spikes}}"]
    assert sorted(path.name for path in folder.glob("*.spikes.fits")) == [
        f"{SERIES}.2020-01-01T000000Z.171.spikes.fits",
        f"{SERIES}.2020-01-01T000500Z.171.spikes.fits",
        f"{SERIES}.2020-01-01T000500Z.193.spikes.fits",
    ]
    assert len(spiky.queried_datasets) == 2
    spiky.queries.clear()
    images = str(folder / "*.image_lev1.fits")
    results = run(images, respike_recipe(folder), tmp_path / "out")
    assert [result.status for result in results] == ["done"] * 4, [result.error for result in results]
    assert spiky.queries == []
    respiked = read(results[0].output)
    assert respiked.data[5, 10] == 900
    assert (respiked.header["SPK_N"], respiked.header["LVL_NUM"]) == (2, 0.5)


def test_run_fetches_spikes_before_it_preps_an_image(tmp_path: Path, spiky: JsocServer, prep_manager) -> None:
    prep_manager("aia-ccdproc-jsoc", "aia-ccdproc-respike")
    out = tmp_path / "out"
    options = {"input_options": {"spikes": "yes"}, "keep_level1": True}
    results = run(TEN_MINUTES, respike_recipe(out / "level1"), out, **options)
    assert [result.status for result in results] == ["done"] * 4, [result.error for result in results]
    assert len(spiky.requested_files) == 7
    min((out / "level1").glob("*.spikes.fits")).unlink()
    results[0].output.unlink()
    assert [result.status for result in run(TEN_MINUTES, respike_recipe(out / "level1"), out, **options)] == [
        "done",
        *["unchanged"] * 3,
    ]
    assert len(spiky.requested_files) == 8


def test_a_series_without_spikes_is_refused(tmp_path: Path, archive: JsocServer) -> None:
    archive.descriptions[SERIES]["segments"].pop()
    with pytest.raises(ReadError, match="has no spikes"):
        run(TEN_MINUTES, RECIPE, tmp_path, input_options={"spikes": "yes"})


def test_options_without_an_archive_are_refused(tmp_path: Path) -> None:
    with pytest.raises(aia_ccdproc.SettingsError, match="all inputs are on this machine"):
        run(tmp_path / "a.fits", RECIPE, tmp_path, input_options=ADDRESS)


def test_a_cutout_is_read_from_an_option() -> None:
    assert Cutout.parse(" -30, 200,400 ,300") == (-30, 200, 400, 300, False, "")
    assert Cutout.parse("-30,200,400,300,track").track
