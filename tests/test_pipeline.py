"""The pipeline: steps in their order, a line of HISTORY each, and an input that is not changed."""

from __future__ import annotations

import copy
import time
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import CCDData, StdDevUncertainty
from scenes import small_exposure, small_sun

from aia_ccdproc import (
    InstrumentError,
    Pipeline,
    PluginError,
    Recipe,
    StateError,
    __version__,
    hookimpl,
    load_recipe,
    normalize_exposure,
    prep,
    register,
    update_pointing,
)
from aia_ccdproc.images.header import complete_header
from aia_ccdproc.images.level15 import is_registered
from aia_ccdproc.images.wcs import plate_scale, roll_angle
from aia_ccdproc.plugin import StepSettings
from aia_ccdproc.plugin.loading import load_plugins
from aia_ccdproc.plugin.plugin import Plugin
from aia_ccdproc.recipe.recipe_step import RecipeStep, Variant
from aia_ccdproc.recipe.selection import Selection
from aia_ccdproc.steps.settings import ExposureSettings, RegistrationSettings

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
    """HISTORY, with every line that astropy has split into several cards joined again."""
    return "".join(str(line).ljust(72) if len(str(line)) == 72 else f"{line}\n" for line in ccd.header["HISTORY"])


def test_the_chain_makes_level_15_in_dn_per_second(ccd: CCDData, pointing_path: Path) -> None:
    result = prep(ccd, recipe_with(pointing_path))
    assert result.unit == "DN / s"
    assert is_registered(result.header, result.wcs)
    assert plate_scale(result.wcs) == pytest.approx(0.6, rel=1e-12)
    assert roll_angle(result.wcs) == pytest.approx(0, abs=1e-12)
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


def test_every_step_adds_one_line_of_history_with_its_distribution_and_settings(
    ccd: CCDData, pointing_path: Path
) -> None:
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
def test_a_recipe_of_any_name_makes_a_header_that_is_valid_fits(ccd: CCDData, pointing_path: Path, name: str) -> None:
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


def test_the_result_can_be_changed_without_changing_the_input(ccd: CCDData, pointing_path: Path) -> None:
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


def test_a_pipeline_without_steps_returns_a_copy(ccd: CCDData) -> None:
    result = Pipeline([])(ccd)
    assert result is not ccd
    assert result.header is not ccd.header
    assert np.array_equal(result.data, ccd.data)


def test_a_step_that_returns_its_input_keeps_the_geometry_of_a_slice(ccd: CCDData, prep_manager) -> None:
    class Nothing:
        @hookimpl
        def prep_normalize_exposure(self, ccd: CCDData) -> CCDData:
            return ccd

    manager = prep_manager()
    manager.add(Nothing(), Plugin("nothing", "aia-nothing", "1.0"))
    part = ccd[20:, 30:]
    result = Pipeline([RecipeStep("normalize_exposure", ExposureSettings())], manager)(part)
    assert result.wcs.wcs.crpix == pytest.approx(ccd.wcs.wcs.crpix - [30, 20], abs=1e-9)
    assert result.header["CRPIX1"] == result.wcs.wcs.crpix[0]
    assert part.header["CRPIX1"] == ccd.header["CRPIX1"]


def test_an_unknown_step_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(PluginError, match=r"unknown step 'registerr'; did you mean 'register'\?"):
        Pipeline([RecipeStep("registerr", RegistrationSettings())])


def test_the_error_of_an_unknown_instrument_names_the_plugins_that_were_asked(ccd: CCDData) -> None:
    ccd.header["INSTRUME"] = "SECCHI"
    match = rf"unknown instrument: .*INSTRUME='SECCHI', WAVELNTH=94; asked: aia-ccdproc {__version__}"
    with pytest.raises(InstrumentError, match=match):
        prep(ccd, load_recipe("level1.5"))


def test_the_chain_refuses_what_a_step_refuses(ccd: CCDData, pointing_path: Path) -> None:
    once = prep(ccd, recipe_with(pointing_path))
    with pytest.raises(StateError, match=r"already at level 1\.5"):
        prep(once, recipe_with(pointing_path))


# -- steps that differ by image ------------------------------------------------------------------

BY_CHANNEL = """
[[step]]
use = "register"
method = "bilinear"
[[step.when]]
WAVELNTH = [1600, 1700]
method = "nearest-neighbor"
[[step.when]]
WAVELNTH = 94
fill = 0.0
[[step.when]]
instrument = "AIA"
WAVELNTH = { max = 131 }
skip = true
[[step]]
use = "normalize_exposure"
only = { EXPTIME = { min = 1 }, instrument = "AIA" }
"""


def of_channel(ccd: CCDData, channel: int, exposure: float = 2.9) -> CCDData:
    changed = ccd.copy()
    changed.header["WAVELNTH"], changed.header["EXPTIME"] = channel, exposure
    return changed


@pytest.mark.parametrize(
    ("channel", "settings"),
    [
        (94, "method=bilinear, conserve=brightness, fill=0.0"),
        (171, "method=bilinear, conserve=brightness, fill=nan"),
        (1600, "method=nearest-neighbor, conserve=brightness, fill=nan"),
    ],
)
def test_the_first_variant_that_fits_an_image_gives_its_settings(ccd: CCDData, channel: int, settings: str) -> None:
    result = prep(of_channel(ccd, channel), Recipe.from_toml(BY_CHANNEL))
    assert f"register (aia-ccdproc {__version__}): {settings}" in history(result)
    assert result.unit == "DN / s"


def test_a_step_that_is_left_out_leaves_no_history_and_changes_nothing(ccd: CCDData) -> None:
    image = of_channel(ccd, 131, exposure=0.5)
    result = prep(image, Recipe.from_toml(BY_CHANNEL))
    assert "HISTORY" not in result.header
    assert np.array_equal(result.data, image.data)
    assert not np.may_share_memory(result.data, image.data)
    assert result.unit == "DN"
    assert "RECIPEID" in result.header


def test_a_step_is_chosen_by_the_header_as_it_was_before_the_first_step(ccd: CCDData) -> None:
    recipe = Recipe.from_toml(
        '[[step]]\nuse = "register"\n[[step]]\nuse = "normalize_exposure"\nonly = { LVL_NUM = { max = 1 } }'
    )
    ccd.header["LVL_NUM"] = 1.0
    result = prep(ccd, recipe)
    assert result.header["LVL_NUM"] == 1.5
    assert result.unit == "DN / s"


def test_variants_can_be_made_without_toml(ccd: CCDData) -> None:
    uv = Selection.from_table({"WAVELNTH": [1600, 1700]})
    steps = [
        RecipeStep("register", RegistrationSettings(), when=(Variant(uv, RegistrationSettings(method="bilinear")),)),
        RecipeStep("normalize_exposure", ExposureSettings(), only=uv),
    ]
    assert "method=bicubic" in history(Pipeline(steps)(ccd))
    result = Pipeline(steps)(of_channel(ccd, 1600))
    assert "method=bilinear" in history(result)
    assert result.unit == "DN / s"


class Recording:
    """A plugin that records what it is asked to prefetch."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, list[int]]] = []

    def _record(self, step: str, headers: Sequence[fits.Header], settings: StepSettings) -> None:
        first_setting = settings.describe().partition(",")[0]
        self.calls.append((step, first_setting, [header["WAVELNTH"] for header in headers]))

    @hookimpl
    def prep_prefetch_register(self, headers: Sequence[fits.Header], settings: RegistrationSettings) -> None:
        self._record("register", headers, settings)

    @hookimpl
    def prep_prefetch_normalize_exposure(self, headers: Sequence[fits.Header], settings: ExposureSettings) -> None:
        self._record("normalize_exposure", headers, settings)


def test_every_variant_of_a_step_prefetches_for_its_own_images(ccd: CCDData) -> None:
    manager, recording = load_plugins([]), Recording()
    manager.add(recording, Plugin("recording", "test", "1"))
    headers = [complete_header(of_channel(ccd, channel)) for channel in (94, 131, 171, 1600, 1700)]
    unknown = headers[0].copy()
    unknown["INSTRUME"] = "HMI_FRONT2"
    Pipeline(Recipe.from_toml(BY_CHANNEL), manager).prefetch([*headers, unknown])
    assert recording.calls == [
        ("register", "method=bilinear", [171]),
        ("register", "method=nearest-neighbor", [1600, 1700]),
        ("register", "method=bilinear", [94]),
        ("normalize_exposure", "", [94, 131, 171, 1600, 1700]),
    ]


def test_headers_of_a_batch_are_not_read_if_no_plugin_asks() -> None:
    class Unread(list[fits.Header]):
        def __iter__(self) -> None:  # type: ignore[override]
            raise AssertionError("the headers were read")

    Pipeline(Recipe.from_toml(BY_CHANNEL), load_plugins([])).prefetch(Unread())


# -- seconds -------------------------------------------------------------------------------------


def test_the_seconds_of_every_step_are_added_to_those_of_earlier_runs(ccd: CCDData) -> None:
    trim = '[[step]]\nuse = "ccdproc.trim_image"\nfits_section = "[2:70, 2:50]"\n'
    pipeline = Pipeline(Recipe.from_toml(trim + trim.replace("[2:", "[1:") + BY_CHANNEL))
    seconds: dict[str, float] = {}
    start = time.perf_counter()
    pipeline(ccd, seconds=seconds)
    once = dict(seconds)
    assert list(once) == ["ccdproc.trim_image", "ccdproc.trim_image (2)", "register", "normalize_exposure"]
    assert all(value > 0 for value in once.values())
    assert sum(once.values()) < time.perf_counter() - start
    pipeline(ccd, seconds=seconds)
    assert all(seconds[name] > once[name] for name in once)


def test_a_step_that_is_left_out_takes_no_time(ccd: CCDData) -> None:
    seconds: dict[str, float] = {}
    Pipeline(Recipe.from_toml(BY_CHANNEL))(of_channel(ccd, 131), seconds=seconds)
    assert list(seconds) == ["normalize_exposure"]
