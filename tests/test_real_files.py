"""Real files: aia-prep run processes them, and sunpy opens the outputs."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import CCDData
from scenes import limb_center

import aia_ccdproc

sunpy_map = pytest.importorskip("sunpy.map")

#: The pointing is kept for files without a record in the table (2011 to 2017) and for the binned file.
RECIPE = """
[[step]]
use = "update_pointing"
source = "{table}"
on_missing = "keep"

[[step]]
use = "register"
"""


@pytest.fixture(scope="module")
def level1_files(real_data: Path) -> list[Path]:
    return sorted((real_data / "aia_level1").glob("*.fits"))


@pytest.fixture(scope="module")
def outputs(real_data: Path, level1_files: list[Path], tmp_path_factory: pytest.TempPathFactory) -> dict[Path, Path]:
    """The outputs of ``aia-prep run`` for all five files, in another process."""
    folder = tmp_path_factory.mktemp("level15")
    recipe = folder / "recipe.toml"
    recipe.write_text(RECIPE.format(table=real_data / "pointing" / "real_level1_pointing_values.csv"))
    before = [hashlib.sha256(path.read_bytes()).digest() for path in level1_files]
    command = [sys.executable, "-W", "error", "-m", "aia_ccdproc", "run", *map(str, level1_files)]
    done = subprocess.run([*command, "-r", str(recipe), "-o", str(folder)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 done, 0 failed" in done.stdout
    assert before == [hashlib.sha256(path.read_bytes()).digest() for path in level1_files]
    return {path: folder / f"{path.stem.removesuffix('_lev1')}_lev1p5.fits" for path in level1_files}


@pytest.mark.slow
def test_sunpy_opens_every_output_as_a_level15_map(outputs):
    assert len(outputs) == 5
    for path, output in outputs.items():
        level1, level15 = aia_ccdproc.read(path), sunpy_map.Map(output)
        assert type(level15).__name__ == "AIAMap"
        assert level15.processing_level == 1.5
        scale = 19.2 if "128" in path.name else 0.6
        np.testing.assert_allclose([axis.to_value("arcsec / pix") for axis in level15.scale], scale, rtol=1e-12)
        np.testing.assert_allclose(level15.rotation_matrix, np.eye(2), rtol=0, atol=1e-12)
        assert level15.unit.to_string() == "DN"
        assert level15.date.isot.startswith(str(level1.header["DATE-OBS"])[:19])
        assert level15.observer_coordinate.radius.to_value("m") == pytest.approx(level1.header["DSUN_OBS"], rel=1e-4)
        assert level15.data.dtype.newbyteorder("=") == np.float32


@pytest.mark.slow
def test_ccddata_and_read_open_every_output(outputs):
    for output in outputs.values():
        ours, astropys = aia_ccdproc.read(output), CCDData.read(output)
        np.testing.assert_array_equal(ours.data, astropys.data)
        np.testing.assert_array_equal(np.isnan(ours.data), False if ours.mask is None else ours.mask)


@pytest.mark.slow
def test_outputs_are_valid_fits_and_record_how_they_were_made(outputs):
    for path, output in outputs.items():
        with fits.open(output, checksum=True) as hdus:
            hdus.verify("exception")
            header = hdus[0].header
            assert header["LVL_NUM"] == 1.5
            assert header["RECIPE"] == "recipe"
            history = "".join(header["HISTORY"])
            assert "update_pointing (aia-ccdproc" in history
            assert "register (aia-ccdproc" in history
            known = "2021-06-28" in path.name
            assert header["MPO_SRC"] == ("table real_level1_pointing_values.csv" if known else "header")
            assert ("pointing of the header kept" in history) != known
    assert not list(next(iter(outputs.values())).parent.glob(".*"))


@pytest.mark.slow
def test_the_limb_of_the_full_disk_keeps_its_offset_from_crpix(outputs):
    path, output = next((p, o) for p, o in outputs.items() if "image_lev1" in p.name)
    offsets = []
    for image in (aia_ccdproc.read(path), aia_ccdproc.read(output)):
        center = limb_center(image, image.header["R_SUN"], step=20)
        offset = center - (image.wcs.wcs.crpix - 1)
        angle = np.radians(aia_ccdproc.images.roll_angle(image.wcs))
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        offsets.append(turn @ offset)
    assert np.hypot(*(offsets[1] - offsets[0])) < 0.1


@pytest.mark.slow
def test_registration_conserves_the_brightness_of_real_pixels(outputs):
    for path, output in outputs.items():
        level1, level15 = aia_ccdproc.read(path), aia_ccdproc.read(output)
        inner = tuple(slice(n // 10, -n // 10) for n in level1.shape)
        assert np.nanmean(level15.data[inner]) == pytest.approx(level1.data[inner].mean(), rel=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("source", ["aia_level15", "other_instruments"])
def test_a_file_that_is_not_a_level1_image_of_aia_is_refused(real_data, source, tmp_path):
    files = sorted(map(str, (real_data / source).iterdir()))
    results = aia_ccdproc.run(files, "level1.5", tmp_path / "out")
    assert {result.status for result in results} == {"failed"}
    expected = "StateError: the image is already at level 1.5" if source == "aia_level15" else "InstrumentError"
    assert all(expected in result.error for result in results)
    assert not list((tmp_path / "out").iterdir())
