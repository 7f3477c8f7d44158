"""The step ``refresh_keywords``: one query for a batch, all keywords or none, and cutouts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.time import Time
from jsoc_server import JsocServer, describe_keywords

import aia_ccdproc
from aia_ccdproc import HeaderError, StateError, read, run
from aia_ccdproc.__main__ import main
from aia_ccdproc_jsoc import refresh_keywords

SERIES = "aia.lev1_euv_12s"


@pytest.fixture
def downloaded(tmp_path: Path, archive: JsocServer) -> list[Path]:
    """Four level-1 files, whose pointing JSOC corrects after they were downloaded."""
    folder = tmp_path / "level1"
    assert main(["fetch", f"jsoc:{SERIES}[2020-01-01T00:00:00Z/10m@5m][171,193]", "-o", str(folder)]) == 0
    for row in archive.records[SERIES]:
        row["X0_MP"] = str(float(row["X0_MP"]) + 0.25)
        row["CRPIX1"] = "2060.0"  # of the full frame
        row["EXPTIME"] = "2.5"
    archive.queries.clear()
    return sorted(folder.iterdir())


def recipe(server: JsocServer) -> aia_ccdproc.Recipe:
    return aia_ccdproc.Recipe.from_toml(f'[[step]]\nuse = "refresh_keywords"\nserver = "{server.url}"\n')


def test_a_batch_needs_one_query_and_history_names_the_date(tmp_path: Path, downloaded, archive: JsocServer) -> None:
    results = run(downloaded, recipe(archive), tmp_path / "out")
    assert [result.status for result in results] == ["done"] * 4
    assert archive.queried_datasets == [f"{SERIES}[2020-01-01T00:00:00Z,2020-01-01T00:05:00Z][171,193]"]
    old, new = read(downloaded[0]), read(results[0].output)
    assert np.array_equal(old.data, new.data)
    assert new.header["EXPTIME"] == 2.5
    history = "".join(map(str, new.header["HISTORY"]))  # astropy splits a line into cards
    assert f"keywords of {SERIES}[2020-01-01T00:00:00Z][171] from 127.0.0.1" in history
    assert f" on {Time.now().isot[:10]}" in history


def test_a_cutout_keeps_its_corner(downloaded, archive: JsocServer) -> None:
    old = read(downloaded[0])
    new = refresh_keywords(old, server=archive.url)
    assert new.header["X0_MP"] == pytest.approx(old.header["X0_MP"] + 0.25)
    np.testing.assert_allclose(new.wcs.wcs.crpix, np.add(old.wcs.wcs.crpix, [0.25, 0]))


def test_nothing_is_replaced_if_the_record_is_missing(tmp_path: Path, downloaded, archive: JsocServer) -> None:
    archive.records[SERIES] = archive.records[SERIES][1:]
    results = run(downloaded, recipe(archive), tmp_path / "out")
    assert [result.status for result in results] == ["failed", "done", "done", "done"]
    assert "has no record" in results[0].error


def test_a_server_that_refuses_is_asked_once_for_a_batch(tmp_path: Path, downloaded, archive: JsocServer) -> None:
    archive.fail("status 1")
    results = run(downloaded, recipe(archive), tmp_path / "out")
    assert {result.status for result in results} == {"failed"}
    assert all("remove the step refresh_keywords" in result.error for result in results)
    assert len(archive.queries) == 1


def test_images_that_cannot_be_identified_or_are_prepped_are_refused(downloaded, archive: JsocServer) -> None:
    level1 = read(downloaded[0])
    with pytest.raises(StateError, match=r"level 1\.5"):
        refresh_keywords(aia_ccdproc.register(level1), server=archive.url)
    del level1.header["T_REC"]
    with pytest.raises(HeaderError, match="T_REC is missing"):
        refresh_keywords(level1, server=archive.url)


def test_a_real_cutout_is_refreshed(real_data: Path, archive: JsocServer) -> None:
    old = read(real_data / "aia_level1" / "aia.lev1_euv_12s.2013-03-10T120012Z.171.cutout.fits")
    kinds = {"T_REC": "time", "WAVELNTH": "int", "FSN": "int", "EXPTIME": "double", "X0_MP": "float", "Y0_MP": "float"}
    kinds |= {"DATAMEAN": "float", "CRPIX1": "float", "CRPIX2": "float"}
    archive.descriptions[SERIES] = describe_keywords(kinds)
    time = f"{Time(str(old.header['T_REC']).removesuffix('Z')).isot[:19]}Z"
    row = {name: str(old.header.get(name)) for name in kinds}
    row |= {"T_REC": time, "EXPTIME": "2.000001", "DATAMEAN": "1", "Y0_MP": "2046.0", "CRPIX1": "1", "CRPIX2": "1"}
    archive.records[SERIES] = [row]
    new = refresh_keywords(old, server=archive.url)
    assert new.header["EXPTIME"] == 2.000001
    assert new.header["DATAMEAN"] == old.header["DATAMEAN"]
    np.testing.assert_allclose(new.wcs.wcs.crpix - old.wcs.wcs.crpix, [0, 2046.0 - old.header["Y0_MP"]], atol=1e-9)
