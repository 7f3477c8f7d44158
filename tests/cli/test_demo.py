"""The demo measures the pointing of a known Sun, and writes a level-1 file like JSOC's and a picture."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from astropy.io import fits

import aia_ccdproc
from aia_ccdproc.cli.demo import run_demo
from aia_ccdproc.synthetic import ActiveSun, measure_pointing


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    command = [sys.executable, "-W", "error", "-m", "aia_ccdproc", "demo", "-o", str(folder)]
    environment = {**os.environ, "COLUMNS": "120"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, done.stdout


def rows(printed: str) -> list[list[str]]:
    """Return the cells of each row of the table."""
    return [[cell.strip() for cell in line.strip("│\n").split("│")] for line in printed.splitlines() if "│" in line]


@pytest.mark.slow
def test_the_demo_prints_center_roll_and_scale_in_the_header_as_measured_and_true(demo):
    table = rows(demo[1])
    names = [row[0] for row in table]
    tolerances = {"Sun center [pix]": 0.06, "roll angle [deg]": 0.002, "scale [arcsec/pix]": 5e-5}
    for name, tolerance in tolerances.items():
        first = names.index(name)
        header, measured, true = (
            [np.array(cell.split(", "), dtype=float) for cell in row[1:]] for row in table[first + 1 : first + 4]
        )
        for stage in range(3):
            np.testing.assert_allclose(measured[stage], true[stage], atol=tolerance)
            if stage:
                np.testing.assert_array_equal(header[stage], true[stage])
    center = names.index("Sun center [pix]")
    assert table[center + 1][1:] == ["2049.79, 2051.12", "2056.19, 2047.02", "2048.50, 2048.50"]
    assert table[names.index("pointing record")][1:] == ["#1050", "#34506", "#34506"]


@pytest.mark.slow
def test_the_demo_writes_a_level1_file_like_those_of_jsoc(demo):
    with fits.open(demo[0] / "aia_171_level1.fits") as hdus:
        assert isinstance(hdus[1], fits.CompImageHDU)
        header = hdus[1].header
        assert header["BITPIX"] == 16
        assert "BUNIT" not in header


@pytest.mark.slow
def test_the_demo_centers_the_sun_and_draws_a_picture(demo):
    from matplotlib.image import imread

    level15 = aia_ccdproc.read(demo[0] / "aia_171_lev1p5.fits")
    measured = measure_pointing(level15, ActiveSun(171).points)
    np.testing.assert_allclose(measured.center, 2048.5, atol=5 * measured.error)
    assert measured.error < 0.02
    picture = imread(demo[0] / "aia_171_before_after.png")
    assert picture.shape[0] > 400
    assert picture.shape[1] > 900
    assert picture[..., :3].std() > 0.1


@pytest.mark.slow
def test_the_demo_notes_that_matplotlib_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    result = run_demo(tmp_path)
    assert "matplotlib is not installed" in result.note
    assert len(result.files) == 2


def test_a_demo_folder_that_cannot_be_created_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(aia_ccdproc.WriteError, match="cannot write the demo's files"):
        run_demo(tmp_path / "file" / "demo")
