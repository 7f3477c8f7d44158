"""The pipeline: steps in their order, a line of HISTORY each, and an input that stays what it was."""

from __future__ import annotations

import copy
import warnings
from pathlib import Path

import numpy as np
import pytest
from astropy.nddata import CCDData, StdDevUncertainty
from scenes import small_exposure, small_sun

from aia_ccdproc import (
    InstrumentError,
    Pipeline,
    PluginError,
    Recipe,
    StateError,
    __version__,
    load_recipe,
    normalize_exposure,
    prep,
    register,
    update_pointing,
)
from aia_ccdproc.header import is_registered, plate_scale, roll_angle
from aia_ccdproc.pipeline import RecipeStep
from aia_ccdproc.settings import ExposureSettings, RegistrationSettings

EXPOSURE = small_exposure(shape=(60, 80), corner=(2040, 1980), pointing_error=(1.5, -0.8))


@pytest.fixture
def ccd() -> CCDData:
    image = EXPOSURE.image(small_sun(), noise=5)
    image.mask = image.data > 400
    image.uncertainty = StdDevUncertainty(np.sqrt(image.data))
    return image


def recipe_with(source: Path, name: str = "mine") -> Recipe:
    return Recipe.from_toml(
        f'name = "{name}"\n[[step]]\nuse = "update_pointing"\nsource = "{source.name}"\n'
        '[[step]]\nuse = "register"\nmethod = "bilinear"\n[[step]]\nuse = "normalize_exposure"\n',
        folder=source.parent,
    )


def history(ccd: CCDData) -> str:
    """HISTORY as it was before it was broken over cards."""
    return "".join(str(line).ljust(72) if len(str(line)) == 72 else f"{line}\n" for line in ccd.header["HISTORY"])


def test_the_chain_makes_level_15_in_dn_per_second(ccd: CCDData, pointing_path: Path) -> None:
    result = prep(ccd, recipe_with(pointing_path))
    assert result.unit == "DN / s"
    assert is_registered(result.header)
    assert plate_scale(result.header) == pytest.approx(0.6, rel=1e-12)
    assert roll_angle(result.header) == pytest.approx(0, abs=1e-12)
    assert result.header["LVL_NUM"] == 1.5
    assert result.data.dtype == np.float32


def test_the_chain_does_what_the_functions_do(ccd: CCDData, pointing_path: Path) -> None:
    by_recipe = prep(ccd, recipe_with(pointing_path))
    by_hand = normalize_exposure(register(update_pointing(ccd, source=pointing_path), method="bilinear"))
    assert np.array_equal(by_recipe.data, by_hand.data, equal_nan=True)
    assert np.array_equal(by_recipe.mask, by_hand.mask)
    assert np.array_equal(by_recipe.uncertainty.array, by_hand.uncertainty.array, equal_nan=True)
    assert by_recipe.unit == by_hand.unit
    same = set(by_hand.header) - {"HISTORY", ""}
    assert {key: by_recipe.header[key] for key in same} == {key: by_hand.header[key] for key in same}


def test_every_step_leaves_one_line_of_history_with_who_did_it_and_how(ccd: CCDData, pointing_path: Path) -> None:
    ccd.header.add_history("from level 0")
    lines = history(prep(ccd, recipe_with(pointing_path))).splitlines()
    by = f"(aia-ccdproc {__version__})"
    assert [line.partition(":")[0] for line in lines] == [
        "from level 0",
        f"update_pointing {by}",
        f"register {by}",
        f"normalize_exposure {by}",
    ]
    assert f"source={pointing_path.name}, on_missing=error" in lines[1]
    assert "method=bilinear, conserve=brightness, fill=nan" in lines[2]
    assert all(line.isascii() for line in lines)


def test_the_result_names_its_recipe(ccd: CCDData, pointing_path: Path) -> None:
    recipe = recipe_with(pointing_path, name="my own")
    header = prep(ccd, recipe).header
    assert (header["RECIPE"], header["RECIPEID"]) == ("my own", recipe.digest)
    assert "RECIPE" not in ccd.header


@pytest.mark.parametrize("name", ["größe Å", "a" * 200, "two\\nlines", "bell\\u0007"])
def test_a_recipe_of_any_name_makes_a_header_that_fits_can_hold(ccd: CCDData, pointing_path: Path, name: str) -> None:
    result = prep(ccd, recipe_with(pointing_path, name=name))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert result.header.tostring().isascii()


@pytest.mark.parametrize("use", ["update_pointing", "register", "normalize_exposure"])
def test_the_input_is_not_changed(ccd: CCDData, pointing_path: Path, use: str) -> None:
    before = copy.deepcopy(ccd)
    source = f'source = "{pointing_path.as_posix()}"' if use == "update_pointing" else ""
    result = prep(ccd, Recipe.from_toml(f'[[step]]\nuse = "{use}"\n{source}'))
    result.header["T_OBS"] = "changed"
    result.wcs.wcs.crpix = [0, 0]
    assert np.array_equal(ccd.data, before.data)
    assert np.array_equal(ccd.mask, before.mask)
    assert np.array_equal(ccd.uncertainty.array, before.uncertainty.array)
    assert ccd.header.tostring() == before.header.tostring()
    assert ccd.wcs.wcs == before.wcs.wcs


def test_what_the_chain_makes_can_be_changed_without_changing_the_input(ccd: CCDData, pointing_path: Path) -> None:
    before = ccd.data.copy()
    recipe = Recipe.from_toml(f'[[step]]\nuse = "update_pointing"\nsource = "{pointing_path.as_posix()}"')
    result = prep(ccd, recipe)
    result.data[:] = -1
    result.mask[:] = True
    assert np.array_equal(ccd.data, before)
    assert not ccd.mask.all()


def test_a_pipeline_can_be_run_again_and_gives_the_same(ccd: CCDData, pointing_path: Path) -> None:
    pipeline = Pipeline(recipe_with(pointing_path))
    one, other = pipeline(ccd), pipeline(ccd)
    assert np.array_equal(one.data, other.data, equal_nan=True)
    assert one.header.tostring() == other.header.tostring()


def test_a_pipeline_can_be_made_of_steps_without_a_recipe(ccd: CCDData) -> None:
    steps = [RecipeStep("register", RegistrationSettings()), RecipeStep("normalize_exposure", ExposureSettings())]
    result = Pipeline(steps)(ccd)
    assert result.unit == "DN / s"
    assert "RECIPE" not in result.header


def test_steps_of_any_iterable_are_run(ccd: CCDData) -> None:
    assert Pipeline(iter([RecipeStep("normalize_exposure", ExposureSettings())]))(ccd).unit == "DN / s"


def test_no_steps_give_a_copy(ccd: CCDData) -> None:
    result = Pipeline([])(ccd)
    assert result is not ccd
    assert result.header is not ccd.header
    assert np.array_equal(result.data, ccd.data)


def test_a_step_that_nobody_declares_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(PluginError, match=r"unknown step 'registerr'; did you mean 'register'\?"):
        Pipeline([RecipeStep("registerr", RegistrationSettings())])


def test_an_unknown_instrument_is_refused_saying_who_was_asked(ccd: CCDData) -> None:
    ccd.header["INSTRUME"] = "HMI_FRONT2"
    match = rf"unknown instrument: .*INSTRUME='HMI_FRONT2', WAVELNTH=94; asked: aia-ccdproc {__version__}"
    with pytest.raises(InstrumentError, match=match):
        prep(ccd, load_recipe("level1.5"))


def test_the_chain_refuses_what_a_step_refuses(ccd: CCDData, pointing_path: Path) -> None:
    once = prep(ccd, recipe_with(pointing_path))
    with pytest.raises(StateError, match=r"at level 1\.5 already"):
        prep(once, recipe_with(pointing_path))
