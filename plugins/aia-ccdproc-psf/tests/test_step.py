"""Tests of the step `deconvolve`, its place in recipes, and the recipe that the plugin brings."""

from __future__ import annotations

import numpy as np
import pytest
from astropy import units as u

import aia_ccdproc
from aia_ccdproc import InstrumentError, RecipeError
from aia_ccdproc_psf import deconvolve


def test_step_keeps_the_contract(check_step, level1):
    def rotated(ccd):
        ccd.header["CROTA2"] += 90.0
        ccd.wcs = None

    check_step(
        "deconvolve",
        {"method": "bid"},
        refuses=[
            (lambda ccd: aia_ccdproc.normalize_exposure(ccd), r"an image in DN / s.*before normalize_exposure"),
            (lambda ccd: aia_ccdproc.register(ccd), "a level-1.5 image.*before register"),
            (rotated, "resampled or rotated"),
            (lambda ccd: level1(binning=2, corner=(0, 0), shape=(150, 160)), "resampled or rotated"),
            (lambda ccd: deconvolve(ccd, method="bid"), r"already deconvolved, with grigis2012 \(PSFMODEL\)"),
        ],
    )
    check_step(
        "deconvolve", {"iterations": 3, "uncertainty": "monte-carlo", "realizations": 3}, level1(uncertainty=True)
    )


@pytest.mark.parametrize("later", ["register", "normalize_exposure"])
def test_recipes_with_the_wrong_order_are_refused(later):
    def recipe(*names):
        return aia_ccdproc.Recipe.from_toml("\n".join(f'[[step]]\nuse = "{name}"' for name in names))

    recipe("deconvolve", later)
    with pytest.raises(RecipeError, match=f"deconvolve must come before {later}"):
        recipe(later, "deconvolve")


def test_order_with_steps_of_other_plugins(prep_manager):
    pytest.importorskip("aia_ccdproc_respike")
    prep_manager("aia-ccdproc-psf", "aia-ccdproc-respike")
    with pytest.raises(RecipeError, match="respike must come before deconvolve"):
        aia_ccdproc.Recipe.from_toml('[[step]]\nuse = "deconvolve"\n[[step]]\nuse = "respike"')


def test_the_recipe_of_the_plugin_makes_level_15(level1, pointing_path, tmp_path):
    recipe = aia_ccdproc.load_recipe("level1.5-psf")
    assert [step.use for step in recipe] == ["update_pointing", "deconvolve", "register"]
    text = '[[step]]\nuse = "update_pointing"\nsource = "{}"\n[[step]]\nuse = "deconvolve"\n[[step]]\nuse = "register"'
    local = aia_ccdproc.Recipe.from_toml(text.format(pointing_path))
    result = aia_ccdproc.prep(level1(noise=1, uncertainty=True), local)
    assert (result.unit, result.header["LVL_NUM"], result.header["PSFITER"]) == (u.DN, 1.5, 25)
    assert np.nanmin(result.uncertainty.array) > 0
    assert "deconvolve (aia-ccdproc-psf" in "".join(result.header["HISTORY"])


def test_a_batch_deconvolves_its_files(level1, pointing_path, tmp_path):
    files = []
    for channel in (94, 171):
        files.append(aia_ccdproc.write(level1(channel, noise=1, shape=(64, 80)), tmp_path / f"{channel}.fits"))
    recipe = aia_ccdproc.Recipe.from_toml('[[step]]\nuse = "deconvolve"\nmethod = "bid"')
    results = aia_ccdproc.run(files, recipe, tmp_path / "out")
    assert [result.status for result in results] == ["done"] * 2, [result.error for result in results]
    single = deconvolve(aia_ccdproc.read(files[0]), method="bid")
    np.testing.assert_array_equal(aia_ccdproc.read(results[0].output).data, single.data)


def test_other_instruments_are_refused(prep_manager, level1):
    manager = prep_manager("aia-ccdproc-psf")
    step = manager.steps()["deconvolve"]
    with pytest.raises(InstrumentError, match="no plugin runs deconvolve for SWAP"):
        step.run(level1(), aia_ccdproc.Instrument("SWAP", 3.16, (1024, 1024)), step.settings())


@pytest.mark.slow
def test_real_images_are_deconvolved(real_data):
    for name in ("2013-03-10T120012Z.171.cutout", "2021-06-28T232159Z.171.cutout"):
        [path] = (real_data / "aia_level1").glob(f"*{name}.fits")
        image = aia_ccdproc.read(path)
        result = deconvolve(image, method="bid")
        good = np.isfinite(image.data)
        assert result.data[good].min() >= 0
        assert result.data.std() > image.data[good].std()  # contrast is restored
