"""The plugin manager: every hook, the steps, and plugins that compete."""

from __future__ import annotations

import dataclasses
import inspect
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib.metadata import version

import numpy as np
import pytest
from astropy.nddata import CCDData
from scenes import small_exposure, small_sun

import aia_ccdproc
from aia_ccdproc import (
    Instrument,
    InstrumentError,
    Pipeline,
    PluginError,
    RecipeError,
    SettingsError,
    StateError,
    get_plugin_manager,
    hookimpl,
    hookspec,
    prep,
)
from aia_ccdproc.images.header import complete_header
from aia_ccdproc.images.pixel_engine import NUMPY_ENGINE, PixelEngine
from aia_ccdproc.plugin import hookspecs, step
from aia_ccdproc.plugin.loading import load_plugins
from aia_ccdproc.plugin.manager import PrepPluginManager
from aia_ccdproc.plugin.plugin import Plugin
from aia_ccdproc.plugin.resampling import MethodParameter, Resampled
from aia_ccdproc.plugin.step import Step, StepOrder, StepResult
from aia_ccdproc.pointing.settings import PointingSettings
from aia_ccdproc.recipe.recipe import Recipe, load_recipe
from aia_ccdproc.steps import hookspecs as step_hookspecs
from aia_ccdproc.steps.aia import AIA
from aia_ccdproc.steps.settings import ExposureSettings, RegistrationSettings

SPECIFICATIONS = {
    name: function
    for module in (hookspecs, step_hookspecs)
    for name, function in vars(module).items()
    if name.startswith("prep_")
}
PREFETCH = [f"prep_prefetch_{name}" for name in ("update_pointing", "register", "normalize_exposure")]
EXPOSURE = small_exposure(shape=(30, 40), corner=(2050, 1990))
RATE = Recipe.from_toml('[[step]]\nuse = "normalize_exposure"')


@pytest.fixture
def ccd() -> CCDData:
    return EXPOSURE.image(small_sun())


def plugin(function: Callable, **options: object) -> object:
    """Make a plugin of one function, which implements the hook of its name."""
    return type("Small", (), {function.__name__: staticmethod(hookimpl(**options)(function))})()


def engine(function: Callable, method: str = "bicubic") -> object:
    """Make a plugin of a function that resamples by a method."""
    made = plugin(function)
    made.prep_resampling_methods = hookimpl(lambda: [method])
    return made


@pytest.fixture
def load() -> Iterator[Callable[..., PrepPluginManager]]:
    """Add plugins to the manager for the length of a test."""
    manager, loaded = get_plugin_manager(), []

    def add(*implementations: object, distributions: tuple[str, ...] = ("first", "second")) -> PrepPluginManager:
        for implementation, distribution in zip(implementations, distributions, strict=False):
            loaded.append(Plugin("it", distribution, "1.0"))
            manager.add(implementation, loaded[-1])
        return manager

    yield add
    for plugin in loaded:
        manager.remove(plugin)


# -- every hook ----------------------------------------------------------------------------------


def identify(load, ccd):
    def prep_identify(header):
        return dataclasses.replace(AIA, name="MINE")

    return load(plugin(prep_identify)).identify(complete_header(ccd)).name == "MINE"


def update_pointing(load, ccd):
    def prep_update_pointing(header, instrument, settings):
        moved = header.copy()
        moved["CRPIX1"] += 5
        return moved

    load(plugin(prep_update_pointing))
    pointed = prep(ccd, Recipe.from_toml('[[step]]\nuse = "update_pointing"'))
    return pointed.wcs.wcs.crpix[0] == ccd.wcs.wcs.crpix[0] + 5


def register(load, ccd):
    def prep_register(ccd, instrument, settings):
        return ccd[:10, :10]

    load(plugin(prep_register))
    return prep(ccd, Recipe.from_toml('[[step]]\nuse = "register"')).shape == (10, 10)


def normalize_exposure(load, ccd):
    def prep_normalize_exposure(ccd, instrument, settings):
        return CCDData(np.zeros(ccd.shape), unit="DN/s", header=ccd.header, wcs=ccd.wcs)

    load(plugin(prep_normalize_exposure))
    return not prep(ccd, RATE).data.any()


def resampling_methods(load, ccd):
    def prep_resampling_methods():
        return ["none-at-all"]

    load(plugin(prep_resampling_methods))
    recipe = '[[step]]\nuse = "register"\nmethod = "none-at-all"'
    return Recipe.from_toml(recipe).steps[0].settings.method == "none-at-all"


def resample(load, ccd):
    def prep_resample(data, output_shape, method):
        return Resampled(np.full(output_shape, 7, np.float32), None, np.zeros(output_shape, np.uint8))

    load(engine(prep_resample))
    return (prep(ccd, Recipe.from_toml('[[step]]\nuse = "register"')).data == 7).all()


class Leveled:
    """An engine with a method that has a parameter, and one that has none."""

    @hookimpl
    def prep_resampling_methods(self):
        return {"level": MethodParameter(3, -10, 10, "the level"), "no-level": None}

    @hookimpl
    def prep_resample(self, output_shape, method, parameter):
        if method in ("level", "no-level"):
            level = -1 if parameter is None else parameter
            return Resampled(np.full(output_shape, level, np.float32), None, np.zeros(output_shape, np.uint8))
        return None


STEP = '[[step]]\nuse = "register"\nmethod = "{}"\n'


@pytest.mark.parametrize(
    ("recipe", "level"),
    [
        (STEP.format("level"), 3),
        (STEP.format("level") + "parameter = 5", 5),
        (STEP.format("level") + "parameter = 0.0", 0),
        (STEP.format("no-level"), -1),
    ],
)
def test_a_method_is_called_with_its_parameter_or_its_default(load, ccd: CCDData, recipe: str, level: float) -> None:
    load(Leveled())
    assert (prep(ccd, Recipe.from_toml(recipe)).data == level).all()


@pytest.mark.parametrize("method", ["no-level", "bicubic"])
def test_a_parameter_is_refused_where_the_method_has_none(load, ccd: CCDData, method: str) -> None:
    load(Leveled(), distributions=("leveled",))
    message = rf"method '{method}' has no parameter; methods that have one: (.*, )?level"
    with pytest.raises(SettingsError, match=message):
        aia_ccdproc.register(ccd, method=method, parameter=2.0)
    with pytest.raises(RecipeError, match=f"line 4, step 1 .register.: parameter: {message}"):
        Recipe.from_toml(STEP.format(method) + "parameter = 2.0")


def test_a_parameter_out_of_its_range_is_a_problem_of_the_recipe(load, ccd: CCDData) -> None:
    load(Leveled())
    message = r"method 'level' takes a parameter from -10 to 10 \(the level\), not 11"
    with pytest.raises(SettingsError, match=message):
        aia_ccdproc.register(ccd, method="level", parameter=11)
    with pytest.raises(RecipeError, match=f"line 4, step 1 .register.: parameter: {message}"):
        Recipe.from_toml(STEP.format("level") + "parameter = 11")


def test_a_method_that_two_plugins_provide_is_an_error_that_names_both(load, ccd: CCDData) -> None:
    load(Leveled(), Leveled(), distributions=("leveled", "rival"))
    message = r"method 'level' is provided by leveled 1\.0 and by rival 1\.0; choose one: plugin = \"leveled\""
    with pytest.raises(aia_ccdproc.PluginError, match=message):
        aia_ccdproc.register(ccd, method="level")
    with pytest.raises(RecipeError, match=message):
        Recipe.from_toml(STEP.format("level"))
    assert aia_ccdproc.register(ccd).header["LVL_NUM"] == 1.5


# -- engines of a method of the core ---------------------------------------------------------------

CHOSEN = '[[step]]\nuse = "register"\nmethod = "{}"\nplugin = "{}"\n'


def constant(level: float, method: str = "bicubic") -> object:
    """Make an engine whose pixels all have one value, so that a test can see which engine resampled."""

    def prep_resample(output_shape):
        return Resampled(np.full(output_shape, level, np.float32), None, np.zeros(output_shape, np.uint8))

    return engine(prep_resample, method)


def test_an_engine_serves_a_method_of_the_core_and_history_names_it_with_its_version(load, ccd: CCDData) -> None:
    load(constant(7))
    image = aia_ccdproc.register(ccd)
    assert (image.data == 7).all()
    assert "register: resampled by first 1.0" in image.header["HISTORY"]


@pytest.mark.parametrize("name", ["aia-ccdproc", "registration"])
def test_with_the_core_chosen_reproject_resamples_in_a_recipe_and_in_python(load, ccd: CCDData, name: str) -> None:
    expected = aia_ccdproc.register(ccd).data
    load(constant(7))
    for image in (
        prep(ccd, Recipe.from_toml(CHOSEN.format("bicubic", name))),
        aia_ccdproc.register(ccd, plugin=name),
    ):
        np.testing.assert_array_equal(image.data, expected)
        assert "resampled by" not in str(image.header["HISTORY"])


def test_an_engine_can_be_chosen_of_two_and_without_a_choice_both_are_named(load, ccd: CCDData) -> None:
    load(constant(7), constant(8))
    message = r"method 'bicubic' is provided by first 1\.0 and by second 1\.0; choose one: plugin = \"first\""
    with pytest.raises(PluginError, match=message):
        aia_ccdproc.register(ccd)
    with pytest.raises(RecipeError, match=message):
        Recipe.from_toml(STEP.format("bicubic"))
    for name, level in {"first": 7, "second": 8}.items():
        assert (prep(ccd, Recipe.from_toml(CHOSEN.format("bicubic", name))).data == level).all()
        assert (aia_ccdproc.register(ccd, plugin=name).data == level).all()


def test_an_engine_that_does_not_provide_the_method_cannot_be_chosen(load, ccd: CCDData) -> None:
    load(constant(7))
    message = "plugin 'first' does not provide method 'exact'; plugins that do: aia-ccdproc"
    with pytest.raises(PluginError, match=message):
        aia_ccdproc.register(ccd, method="exact", plugin="first")
    with pytest.raises(RecipeError, match=message):
        Recipe.from_toml(CHOSEN.format("exact", "first"))
    with pytest.raises(RecipeError, match=r"line 4.*plugin 'nobody' is not installed") as caught:
        Recipe.from_toml(CHOSEN.format("exact", "nobody"))
    assert len(caught.value.problems) == 1


def test_the_core_runs_the_step_with_the_method_of_a_plugin(load, ccd: CCDData) -> None:
    """``plugin = "aia-ccdproc"`` then chooses the step alone."""
    load(constant(7, "sevens"))
    assert (prep(ccd, Recipe.from_toml(CHOSEN.format("sevens", "aia-ccdproc"))).data == 7).all()


def test_an_engine_is_not_asked_for_a_method_that_it_does_not_list(load, ccd: CCDData) -> None:
    expected = aia_ccdproc.register(ccd, method="bilinear").data
    load(constant(7))
    np.testing.assert_array_equal(aia_ccdproc.register(ccd, method="bilinear").data, expected)


def test_a_chosen_engine_that_refuses_the_map_is_an_error_that_names_it(load, ccd: CCDData) -> None:
    def prep_resample(method):
        return None

    load(engine(prep_resample))
    assert np.isfinite(aia_ccdproc.register(ccd).data).any()  # by the core
    message = r"no engine resamples by method 'bicubic' between these two WCSs; asked: first 1\.0"
    with pytest.raises(PluginError, match=message):
        aia_ccdproc.register(ccd, plugin="first")


def test_the_digest_of_a_recipe_depends_on_the_engine_that_may_resample_and_on_its_version(load) -> None:
    def digests() -> dict[str, str]:
        recipes = {"any": STEP.format("bicubic"), "core": CHOSEN.format("bicubic", "aia-ccdproc")}
        recipes["other"] = STEP.format("exact")
        return {name: Recipe.from_toml(text).digest for name, text in recipes.items()}

    without = digests()
    manager = load(constant(7))
    served = digests()
    assert served["any"] != without["any"]
    assert (served["core"], served["other"]) == (without["core"], without["other"])
    manager.plugins["first:it"] = Plugin("it", "first", "1.1")
    assert digests()["any"] not in (served["any"], without["any"])


def test_an_unknown_method_with_a_parameter_is_one_problem(load) -> None:
    with pytest.raises(RecipeError) as caught:
        Recipe.from_toml(STEP.format("bicubik") + "parameter = 2.0")
    assert len(caught.value.problems) == 1
    with pytest.raises(RecipeError, match="parameter"):
        Recipe.from_toml(STEP.format("bicubic") + "parameter = nan")


def addhooks(load, ccd):
    def prep_addhooks(manager):
        manager.greeted = True

    manager = load(plugin(prep_addhooks))
    manager.call("prep_addhooks", manager.plugins["first:it"], manager=manager)
    return manager.__dict__.pop("greeted")


def prefetch_normalize_exposure(load, ccd):
    seen = []

    def prep_prefetch_normalize_exposure(headers, settings):
        seen.append((len(headers), settings))

    load(plugin(prep_prefetch_normalize_exposure))
    Pipeline(RATE).prefetch([complete_header(ccd)] * 3)
    return seen == [(3, ExposureSettings())]


def prefetch_update_pointing(load, ccd):
    seen = []

    def prep_prefetch_update_pointing(headers):
        seen.append(len(headers))

    load(plugin(prep_prefetch_update_pointing))
    Pipeline(RATE).prefetch([complete_header(ccd)])  # a recipe without the step
    return seen == []


def prefetch_register(load, ccd):
    seen = []

    def prep_prefetch_register(headers):
        seen.append(len(headers))

    load(plugin(prep_prefetch_register))
    Pipeline(Recipe.from_toml('[[step]]\nuse = "register"')).prefetch([complete_header(ccd)])
    return seen == [1]


class Invert(Step):
    """A step that is not a hook."""

    def versions(self, settings, plugin=None):
        return ["first 1.0"]

    def run(self, ccd, instrument, settings, plugin=None):
        return StepResult(ccd.multiply(-1, handle_meta="first_found"), "first 1.0")


def steps(load, ccd):
    def prep_steps():
        return [Invert("invert", ExposureSettings, StepOrder(before=("register",)), "Change the sign.")]

    manager = load(plugin(prep_steps))
    names = list(manager.steps())
    assert names.index("invert") < names.index("register")
    inverted = prep(ccd, Recipe.from_toml('[[step]]\nuse = "invert"'))
    assert "invert (first 1.0)" in "".join(map(str, inverted.header["HISTORY"]))
    return (inverted.data == -ccd.data).all()


def explain_unknown_step(load, ccd):
    def prep_explain_unknown_step(name):
        return "sharpening loses photometry" if name == "sharpen" else None

    load(plugin(prep_explain_unknown_step))
    with pytest.raises(RecipeError, match="sharpening loses photometry"):
        Recipe.from_toml('[[step]]\nuse = "sharpen"')
    return True


def recipes(load, ccd):
    def prep_recipes():
        return {"mine": '[[step]]\nuse = "normalize_exposure"\n'}

    load(plugin(prep_recipes))
    return [step.use for step in load_recipe("mine")] == ["normalize_exposure"]


def instruments(load, ccd):
    def prep_instruments():
        return [dataclasses.replace(AIA, name="MINE")]

    return [each.name for each in load(plugin(prep_instruments)).instruments()] == ["AIA", "MINE"]


def preload(load, ccd):
    called = []

    def prep_preload():
        called.append("first")
        raise ImportError("no such library")

    load(plugin(prep_preload)).preload()  # the failure is ignored: it will occur again when the library is used
    return called == ["first"]


def pixel_engine(load, ccd):
    seen = []

    def count_coarsely(values, mask):
        seen.append(values.size)
        return NUMPY_ENGINE.count_coarsely(values, mask)

    def prep_pixel_engine():
        return PixelEngine(count_coarsely=count_coarsely)

    with tempfile.TemporaryDirectory() as folder, load(plugin(prep_pixel_engine)).in_use():
        aia_ccdproc.write(ccd, f"{folder}/image.fits")
    return seen == [ccd.data.size]


def inputs(load, ccd):
    def prep_inputs(name):
        return [name] if name.startswith("https:") else None

    url = "https://host/a.fits"
    return load(plugin(prep_inputs)).hook.prep_inputs(name=url, options={}) == [url]


EXERCISED = [
    addhooks,
    steps,
    recipes,
    inputs,
    explain_unknown_step,
    identify,
    instruments,
    prefetch_update_pointing,
    prefetch_register,
    prefetch_normalize_exposure,
    update_pointing,
    register,
    normalize_exposure,
    resampling_methods,
    resample,
    pixel_engine,
    preload,
]


@pytest.mark.parametrize("exercise", EXERCISED)
def test_a_plugin_takes_part_in_every_hook_before_the_core(load, ccd: CCDData, exercise: Callable) -> None:
    assert exercise(load, ccd)


def test_every_hook_is_exercised_by_a_test() -> None:
    assert {f"prep_{exercise.__name__}" for exercise in EXERCISED} == {*SPECIFICATIONS, *PREFETCH}


def test_the_core_implements_every_hook() -> None:
    manager = load_plugins([])
    assert all(manager.implementers(hook) for hook in SPECIFICATIONS)
    assert {plugin.distribution for plugin in manager.plugins.values()} == {"aia-ccdproc"}


@pytest.mark.parametrize("hook", SPECIFICATIONS)
def test_the_docstring_of_a_hook_says_how_it_is_called_and_describes_its_arguments(hook: str) -> None:
    text = inspect.getdoc(SPECIFICATIONS[hook])
    first = SPECIFICATIONS[hook].aia_ccdproc_spec["firstresult"]
    assert ("Stops at first non-None result." in text) == first
    for parameter in inspect.signature(SPECIFICATIONS[hook]).parameters:
        assert parameter in text


def test_steps_are_listed_in_canonical_order() -> None:
    names = list(load_plugins([]).steps())
    assert [name for name in names if "." not in name] == ["update_pointing", "register", "normalize_exposure"]
    assert names.index("ccdproc.flat_correct") < names.index("register")


MODELS = {
    "update_pointing": PointingSettings,
    "register": RegistrationSettings,
    "normalize_exposure": ExposureSettings,
}


@pytest.mark.parametrize("name", MODELS)
def test_a_function_has_the_keywords_and_defaults_of_its_settings(name: str) -> None:
    parameters = dict(inspect.signature(getattr(aia_ccdproc, name)).parameters)
    assert next(iter(parameters)) == "ccd"
    parameters.pop("ccd")
    assert parameters.pop("add_keyword").default is True
    parameters.pop("plugin", None)  # in a recipe a key of every step
    assert all(parameter.kind is parameter.KEYWORD_ONLY for parameter in parameters.values())
    of_model = {key: field.default for key, field in MODELS[name].model_fields.items()}
    assert repr({key: parameter.default for key, parameter in parameters.items()}) == repr(of_model)
    assert load_plugins([]).steps()[name].settings is MODELS[name]


# -- conflicts -----------------------------------------------------------------------------------


def multiplying(factor: float, only: str | None = None) -> object:
    """Make a plugin whose normalize_exposure multiplies an image by a factor."""

    def prep_normalize_exposure(ccd, instrument, settings):
        if only not in (None, instrument.name):
            return None
        return CCDData(ccd.data * factor, unit="DN/s", header=ccd.header.copy(), wcs=ccd.wcs)

    made = plugin(prep_normalize_exposure)
    if only is not None:
        made.prep_instruments = hookimpl(lambda: [dataclasses.replace(AIA, name=only)])
    return made


def test_a_plugin_comes_before_the_core_without_conflict_and_history_names_it(load, ccd: CCDData) -> None:
    load(multiplying(2))
    result = prep(ccd, RATE)
    assert result.data == pytest.approx(2 * ccd.data)
    assert "normalize_exposure (first 1.0)" in "".join(map(str, result.header["HISTORY"]))


def test_two_plugins_for_one_step_and_instrument_are_a_conflict_that_names_both(load, ccd: CCDData) -> None:
    load(multiplying(2), multiplying(3))
    match = r"(first and second|second and first) both run normalize_exposure for any instrument; choose .* plugin = "
    with pytest.raises(PluginError, match=match):
        prep(ccd, RATE)
    with pytest.raises(RecipeError, match=f"line 2, step 1 .*{match}"):
        Recipe.from_toml('[[step]]\nuse = "normalize_exposure"')


def test_two_plugins_that_name_the_same_instrument_are_a_conflict_that_names_it(load) -> None:
    load(multiplying(2, only="EIT"), multiplying(3, only="EIT"))
    with pytest.raises(RecipeError, match="both run normalize_exposure for EIT"):
        Recipe.from_toml('[[step]]\nuse = "normalize_exposure"')


def test_a_conflict_is_found_without_running_a_plugin(load) -> None:
    def prep_normalize_exposure(ccd, instrument, settings):
        raise AssertionError("was run")

    load(plugin(prep_normalize_exposure), plugin(prep_normalize_exposure))
    with pytest.raises(RecipeError, match="both run normalize_exposure"):
        Recipe.from_toml('[[step]]\nuse = "normalize_exposure"')


@pytest.mark.parametrize(("chosen", "factor"), [("first", 2), ("second", 3), ("aia-ccdproc", 1 / 2.9)])
def test_the_recipe_chooses_between_plugins(load, ccd: CCDData, chosen: str, factor: float) -> None:
    load(multiplying(2), multiplying(3))
    recipe = Recipe.from_toml(f'[[step]]\nuse = "normalize_exposure"\nplugin = "{chosen}"')
    assert prep(ccd, recipe).data == pytest.approx(factor * ccd.data, rel=1e-6)


def test_plugins_for_different_instruments_do_not_conflict(load, ccd: CCDData) -> None:
    load(multiplying(2, only="HMI"), multiplying(3, only="AIA"))
    assert prep(ccd, RATE).data == pytest.approx(3 * ccd.data)


def test_plugins_that_pass_leave_the_step_to_the_core(load, ccd: CCDData) -> None:
    load(multiplying(2, only="HMI"), multiplying(3, only="EIT"))
    result = prep(ccd, RATE)
    assert result.data == pytest.approx(ccd.data / 2.9, rel=1e-6)
    assert "normalize_exposure (aia-ccdproc " in "".join(map(str, result.header["HISTORY"]))


def test_wrappers_do_not_conflict_and_do_not_answer(load, ccd: CCDData) -> None:
    seen = []

    def prep_normalize_exposure(ccd, instrument, settings):
        seen.append(ccd.unit.to_string())
        result = yield
        seen.append(result.unit.to_string())
        return result

    manager = load(*[plugin(prep_normalize_exposure, wrapper=True) for _ in range(2)])
    result = prep(ccd, RATE)
    assert seen == ["DN", "DN", "DN / s", "DN / s"]
    assert "(aia-ccdproc " in "".join(map(str, result.header["HISTORY"]))
    assert "first" not in [each.distribution for each in manager.implementers("prep_normalize_exposure")]


class Sharpen:
    @step(settings=ExposureSettings)
    @hookspec(firstresult=True)
    def prep_sharpen(self, ccd: CCDData, instrument: Instrument, settings: ExposureSettings) -> CCDData | None:
        """Sharpen an image."""


def test_the_error_of_a_step_that_no_plugin_runs_names_the_plugins_that_were_asked(prep_manager, ccd: CCDData) -> None:
    def prep_sharpen(ccd, instrument):
        return ccd if instrument.name == "HMI" else None

    manager = prep_manager()
    manager.add_hookspecs(Sharpen)
    manager.add(plugin(prep_sharpen), Plugin("it", "first", "1.0"))
    with pytest.raises(InstrumentError, match=r"no plugin runs sharpen for AIA; asked: first 1\.0$"):
        prep(ccd, Recipe.from_toml('[[step]]\nuse = "sharpen"'))


def test_a_plugin_that_the_recipe_chooses_must_implement_the_step(load) -> None:
    load(multiplying(2))
    with pytest.raises(RecipeError, match=r"plugin 'first' does not implement register; plugins that do: aia-ccdproc"):
        Recipe.from_toml('[[step]]\nuse = "register"\nplugin = "first"')


# -- failures ------------------------------------------------------------------------------------


def failing(name: str) -> object:
    """A plugin whose implementation of a hook raises."""
    made = type("Failing", (), {})()
    setattr(made, name, hookimpl(specname=name)(lambda: 1 / 0))
    return made


def test_a_failure_inside_a_plugin_names_the_step_the_distribution_and_the_line(load, ccd: CCDData) -> None:
    load(failing("prep_normalize_exposure"))
    match = (
        r"^normalize_exposure of first 1\.0 failed: ZeroDivisionError: division by zero \(test_manager\.py, line \d+\)$"
    )
    with pytest.raises(PluginError, match=match) as caught:
        prep(ccd, RATE)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_a_failure_inside_an_engine_names_the_engine(load, ccd: CCDData) -> None:
    def prep_resample(data, method):
        return 1 / 0

    load(engine(prep_resample))
    with pytest.raises(PluginError, match=r"^resample of first 1\.0 failed: ZeroDivisionError"):
        aia_ccdproc.register(ccd)


def test_a_refused_step_is_an_error_with_the_reason(load, ccd: CCDData) -> None:
    refusing = dataclasses.replace(AIA, name="MINE", refused_steps={"normalize_exposure": "it is not a count"})

    def prep_identify(header):
        return refusing

    load(plugin(prep_identify))
    with pytest.raises(StateError, match="cannot run normalize_exposure on an image of MINE: it is not a count"):
        prep(ccd, RATE)


# -- versions and trace --------------------------------------------------------------------------


def test_versions_are_those_of_the_distributions_that_may_run_the_step(load) -> None:
    manager = load(multiplying(2))
    step = manager.steps()["normalize_exposure"]
    core = f"aia-ccdproc {version('aia-ccdproc')}"
    assert step.versions(ExposureSettings()) == [core, "first 1.0"]
    assert step.versions(ExposureSettings(), "first") == ["first 1.0"]
    load(Leveled(), distributions=("engine",))
    register = manager.steps()["register"]
    assert register.versions(RegistrationSettings(method="bicubic")) == [core]
    assert register.versions(RegistrationSettings(method="level")) == [core, "engine 1.0"]


@pytest.mark.process
def test_the_trace_logs_which_distribution_answered_which_hook_in_what_time(tmp_path) -> None:
    script = (
        "from aia_ccdproc import get_plugin_manager\n"
        "from astropy.io import fits\n"
        "header = fits.Header({'INSTRUME': 'AIA_3', 'WAVELNTH': 171})\n"
        "print(get_plugin_manager().identify(header).name)\n"
    )
    environment = os.environ | {"AIA_CCDPROC_TRACE": "1"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "AIA\n"
    assert re.search(r"^prep_identify: aia-ccdproc:aia answered in \d+\.\d ms$", done.stderr, re.MULTILINE)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr == ""


# -- hooks that return something else ------------------------------------------------------------


def test_an_instrument_that_is_not_an_instrument_names_the_plugin(load, ccd: CCDData) -> None:
    def prep_identify(header):
        return "AIA"

    with pytest.raises(PluginError, match=r"identify of first 1\.0 returned a str, not an Instrument"):
        load(plugin(prep_identify)).identify(complete_header(ccd))


def test_an_engine_that_returns_something_else_is_named(load, ccd: CCDData) -> None:
    def prep_resample(data, method):
        return 3

    load(engine(prep_resample))
    with pytest.raises(PluginError, match=r"resample of first 1\.0 returned a int, not a Resampled"):
        aia_ccdproc.register(ccd)


def test_a_prefetch_that_fails_does_not_stop_the_others(load, ccd: CCDData, caplog: pytest.LogCaptureFixture) -> None:
    seen = []

    def prep_prefetch_normalize_exposure(headers):
        seen.append(len(headers))

    load(plugin(prep_prefetch_normalize_exposure), failing("prep_prefetch_normalize_exposure"))
    Pipeline(RATE).prefetch([complete_header(ccd)])
    assert seen == [1]
    assert "cannot prefetch for normalize_exposure with second 1.0: PluginError" in caplog.text


def test_the_location_of_a_failure_is_the_line_of_the_plugin(load, ccd: CCDData) -> None:
    def prep_normalize_exposure(ccd, instrument, settings):
        return np.linalg.inv(np.zeros((2, 2)))

    load(plugin(prep_normalize_exposure))
    with pytest.raises(PluginError, match=r"LinAlgError: Singular matrix \(test_manager\.py, line \d+\)"):
        prep(ccd, RATE)


def test_a_pixel_engine_that_is_something_else_is_named(load) -> None:
    def prep_pixel_engine():
        return 3

    with pytest.raises(PluginError, match=r"pixel_engine of first 1\.0 returned a int, not a PixelEngine"):
        load(plugin(prep_pixel_engine)).pixel_engine()


def test_a_failure_inside_a_pixel_engine_names_the_plugin_and_leaves_no_file(load, ccd: CCDData, tmp_path) -> None:
    def copy_big_endian(words, copied):
        return words[copied.size].item()

    def prep_pixel_engine():
        return PixelEngine(copy_big_endian=copy_big_endian)

    match = r"copy_big_endian of first 1\.0 failed: IndexError: .* \(test_manager\.py, line \d+\)"
    with load(plugin(prep_pixel_engine)).in_use(), pytest.raises(PluginError, match=match):
        aia_ccdproc.write(ccd, tmp_path / "image.fits")
    assert not list(tmp_path.iterdir())
