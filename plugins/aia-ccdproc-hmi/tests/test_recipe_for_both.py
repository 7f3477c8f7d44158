"""Tests of a recipe for AIA and HMI, with the files of both in one folder, run by aia-prep."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import aia_ccdproc
from aia_ccdproc.synthetic import Exposure, Source, Sun
from aia_ccdproc_hmi import observe

pytestmark = pytest.mark.process

RECIPE = """
[select]
instrument = ["AIA", "HMI"]

[[step]]
use = "update_pointing"
source = "{table}"

[[step]]
use = "register"

[[step.when]]
instrument = "HMI"
method = "bilinear"

[[step]]
use = "normalize_exposure"
only = {{ instrument = "AIA" }}
"""
#: Position in arcsec of a spot that is bright in AIA and negative in the magnetogram.
SPOT = (-40.0, 30.0)


def spot_sun(peak: float, disk: float = 0) -> Sun:
    return Sun(disk=disk, corona=0, sources=(Source(*SPOT, peak=peak, sigma=2),))


@pytest.fixture
def folder(tmp_path: Path, prep_manager, pointing_path) -> Path:
    """Make a folder ``sdo`` with an exposure of AIA and a magnetogram of HMI, and the recipe beside it."""
    prep_manager("aia-ccdproc-hmi")
    (tmp_path / "sdo").mkdir()
    exposure = Exposure(channel=171, corner=(1900, 1850), shape=(300, 320), pointing_error=(-6.4, 4.1))
    exposure.write_level1(exposure.image(spot_sun(500, disk=100), noise=1), tmp_path / "sdo" / "aia.fits")
    aia_ccdproc.write(observe(spot_sun(-700), corner=(1880, 1900), shape=(320, 340)), tmp_path / "sdo" / "hmi.fits")
    (tmp_path / "both.toml").write_text(RECIPE.format(table=pointing_path))
    return tmp_path


def prep_folder(folder: Path) -> dict[str, object]:
    """Run aia-prep in a process, and return its report."""
    command = [sys.executable, "-W", "error", "-m", "aia_ccdproc", "run", "sdo", "-r", "both.toml", "-o", "out"]
    process = subprocess.run([*command, "--report", "report.json"], cwd=folder, capture_output=True, text=True)
    assert process.returncode == 0, process.stdout + process.stderr
    return json.loads((folder / "report.json").read_text())


def test_each_instrument_is_given_the_steps_that_apply(folder):
    prep_folder(folder)
    aia, hmi = (aia_ccdproc.read(folder / "out" / f"{name}_lev1p5.fits") for name in ("aia", "hmi"))
    history = {name: "".join(map(str, image.header["HISTORY"])) for name, image in (("aia", aia), ("hmi", hmi))}
    assert str(aia.unit) == "DN / s"
    assert str(hmi.unit) == "G"
    assert "method=bicubic" in history["aia"]
    assert "method=bilinear" in history["hmi"]
    assert "normalize_exposure" in history["aia"]
    assert "normalize_exposure" not in history["hmi"]
    assert aia.header["MPO_REC"].endswith("34506]")
    assert "MPO_REC" not in hmi.header
    assert aia.header["RECIPEID"] == hmi.header["RECIPEID"]


def test_both_images_are_on_the_same_grid_with_the_spot_at_the_same_pixel(folder):
    prep_folder(folder)
    aia, hmi = (aia_ccdproc.read(folder / "out" / f"{name}_lev1p5.fits") for name in ("aia", "hmi"))
    offset = hmi.wcs.wcs.crpix - aia.wcs.wcs.crpix
    np.testing.assert_array_equal(offset % 1, 0)
    brightest = np.array(np.unravel_index(np.nanargmax(aia.data), aia.shape))[::-1]
    darkest = np.array(np.unravel_index(np.nanargmin(hmi.data), hmi.shape))[::-1]
    np.testing.assert_array_equal(brightest + offset, darkest)
    np.testing.assert_allclose(darkest + 1 - hmi.wcs.wcs.crpix, np.array(SPOT) / 0.6, atol=0.51)


def test_real_files_of_other_instruments_in_the_folder_are_skipped(folder, real_data):
    others = sorted(path.name for path in (real_data / "other_instruments").iterdir())
    for name in others:
        shutil.copy(real_data / "other_instruments" / name, folder / "sdo")
    report = prep_folder(folder)
    status = {Path(file["path"]).name: file["status"] for file in report["files"]}
    assert {name for name, value in status.items() if value == "done"} == {"aia.fits", "hmi.fits", "resampled_hmi.fits"}
    assert set(status.values()) <= {"done", "skipped"}
    real = aia_ccdproc.read(folder / "out" / "resampled_hmi_lev1p5.fits")
    assert (str(real.unit), real.header["CROTA2"], real.header["LVL_NUM"]) == ("DN / s", 0, 1.5)
    assert real.mask.any()
