"""The demo: the walk-through's numbers, a level-1 file as JSOC delivers it, and a picture."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from astropy.io import fits

import aia_ccdproc
from aia_ccdproc.cli.demo import demo_sun, run_demo
from aia_ccdproc.synthetic import RSUN_OBS, Source, Sun


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    command = [sys.executable, "-W", "error", "-m", "aia_ccdproc", "demo", "-o", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, env=_wide())
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, done.stdout


def _wide():
    import os

    return {**os.environ, "COLUMNS": "120"}


@pytest.mark.slow
def test_the_demo_prints_scale_and_rotation_before_and_after(made):
    _, printed = made
    for text in ("0.600109", "0.0024018", "-0.0024018", "0.6 ", "1.0000000 0.0000000", "2048.500, 2048.500", "#34506"):
        assert text in printed


@pytest.mark.slow
def test_the_demo_writes_level1_as_jsoc_does(made):
    with fits.open(made[0] / "aia_94_level1.fits") as hdus:
        assert isinstance(hdus[1], fits.CompImageHDU)
        header = hdus[1].header
        assert header["BITPIX"] == 16
        assert "BUNIT" not in header


@pytest.mark.slow
def test_the_demos_sun_stands_where_it_should(made):
    from matplotlib.image import imread
    from scenes import limb_centre

    level15 = aia_ccdproc.read(made[0] / "aia_94_lev1p5.fits")
    np.testing.assert_allclose(limb_centre(level15, RSUN_OBS / 0.6), 2047.5, atol=0.1)
    picture = imread(made[0] / "aia_94_before_after.png")
    assert picture.shape[0] > 400
    assert picture.shape[1] > 900
    assert picture[..., :3].std() > 0.1


def test_the_demo_says_so_where_there_is_no_matplotlib(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.setattr("aia_ccdproc.cli.demo.demo_sun", lambda: Sun(disk=5, corona=0, sources=(Source(0, 0),)))
    made = run_demo(tmp_path)
    assert "matplotlib is not installed" in made.note
    assert len(made.files) == 2


def test_a_demo_folder_that_cannot_be_made_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(aia_ccdproc.WriteError, match="cannot be made there"):
        run_demo(tmp_path / "file" / "demo")


def test_the_demos_sun_is_the_same_every_time():
    assert demo_sun() == demo_sun()
