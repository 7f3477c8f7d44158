"""The demo prints the known scale and rotation, and writes a level-1 file like JSOC's and a picture."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from astropy.io import fits

import aia_ccdproc
from aia_ccdproc.cli.demo import make_demo_sun, run_demo
from aia_ccdproc.synthetic import RSUN_OBS, Source, Sun


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    command = [sys.executable, "-W", "error", "-m", "aia_ccdproc", "demo", "-o", str(folder)]
    environment = {**os.environ, "COLUMNS": "120"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, done.stdout


@pytest.mark.slow
def test_the_demo_prints_scale_and_rotation_before_and_after(demo):
    _, printed = demo
    for text in ("0.600109", "0.0024018", "-0.0024018", "0.6 ", "1.0000000 0.0000000", "2048.500, 2048.500", "#34506"):
        assert text in printed


@pytest.mark.slow
def test_the_demo_writes_a_level1_file_like_those_of_jsoc(demo):
    with fits.open(demo[0] / "aia_94_level1.fits") as hdus:
        assert isinstance(hdus[1], fits.CompImageHDU)
        header = hdus[1].header
        assert header["BITPIX"] == 16
        assert "BUNIT" not in header


@pytest.mark.slow
def test_the_demo_centers_the_sun_and_draws_a_picture(demo):
    from matplotlib.image import imread
    from scenes import limb_center

    level15 = aia_ccdproc.read(demo[0] / "aia_94_lev1p5.fits")
    np.testing.assert_allclose(limb_center(level15, RSUN_OBS / 0.6), 2047.5, atol=0.1)
    picture = imread(demo[0] / "aia_94_before_after.png")
    assert picture.shape[0] > 400
    assert picture.shape[1] > 900
    assert picture[..., :3].std() > 0.1


@pytest.mark.slow
def test_the_demo_notes_that_matplotlib_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.setattr("aia_ccdproc.cli.demo.make_demo_sun", lambda: Sun(disk=5, corona=0, sources=(Source(0, 0),)))
    result = run_demo(tmp_path)
    assert "matplotlib is not installed" in result.note
    assert len(result.files) == 2


def test_a_demo_folder_that_cannot_be_created_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(aia_ccdproc.WriteError, match="cannot write the demo's files"):
        run_demo(tmp_path / "file" / "demo")


def test_the_sun_of_the_demo_is_reproducible():
    assert make_demo_sun() == make_demo_sun()
