"""Plugins: every hook, and who is in whose way."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Iterator

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
    get_plugin_manager,
    hookimpl,
    hookspec,
    prep,
)
from aia_ccdproc.images.header import complete_header
from aia_ccdproc.plugin import hookspecs, step
from aia_ccdproc.plugin.loading import Plugin
from aia_ccdproc.plugin.manager import PrepPluginManager
from aia_ccdproc.plugin.resampling import MethodParameter, Resampled
from aia_ccdproc.pointing.settings import PointingSettings
from aia_ccdproc.recipe.recipe import Recipe
from aia_ccdproc.steps.aia import AIA
from aia_ccdproc.steps.settings import ExposureSettings, RegistrationSettings

HOOKS = [name for name in vars(hookspecs) if name.startswith("prep_")]
EXPOSURE = small_exposure(shape=(30, 40), corner=(2050, 1990))
RATE = Recipe.from_toml('[[step]]\nuse = "normalize_exposure"')


@pytest.fixture
def ccd() -> CCDData:
    return EXPOSURE.image(small_sun())


def plugin(function: Callable, **options: object) -> object:
    """The smallest plugin: one function that implements the hook of its name."""
    return type("Mine", (), {function.__name__: staticmethod(hookimpl(**options)(function))})()


@pytest.fixture
def load() -> Iterator[Callable[..., PrepPluginManager]]:
    """Add plugins to the manager for the length of a test."""
    manager, loaded = get_plugin_manager(), []

    def add(*implementations: object, distributions: tuple[str, ...] = ("first", "second")) -> PrepPluginManager:
        for implementation, distribution in zip(implementations, distributions, strict=False):
            manager.add(implementation, Plugin("it", distribution, "1.0"))
            loaded.append(f"{distribution}:it")
        return manager

    yield add
    for name in loaded:
        manager.unregister(name=name)
        del manager.plugins[name]


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

    load(plugin(prep_resample))
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
def test_a_method_is_handed_its_parameter_or_its_default(load, ccd: CCDData, recipe: str, level: float) -> None:
    load(Leveled())
    assert (prep(ccd, Recipe.from_toml(recipe)).data == level).all()


@pytest.mark.parametrize("method", ["no-level", "bicubic"])
def test_a_parameter_is_refused_where_the_method_has_none(load, ccd: CCDData, method: str) -> None:
    load(Leveled(), distributions=("leveled",))
    said = rf"method '{method}' has no parameter; those that have one: (.*, )?level"
    with pytest.raises(SettingsError, match=said):
        aia_ccdproc.register(ccd, method=method, parameter=2.0)
    with pytest.raises(RecipeError, match=f"line 4, step 1 .register.: parameter: {said}"):
        Recipe.from_toml(STEP.format(method) + "parameter = 2.0")


def test_a_parameter_out_of_its_range_is_a_problem_of_the_recipe(load, ccd: CCDData) -> None:
    load(Leveled())
    said = r"method 'level' takes a parameter from -10 to 10 \(the level\), not 11"
    with pytest.raises(SettingsError, match=said):
        aia_ccdproc.register(ccd, method="level", parameter=11)
    with pytest.raises(RecipeError, match=f"line 4, step 1 .register.: parameter: {said}"):
        Recipe.from_toml(STEP.format("level") + "parameter = 11")


def test_a_method_that_two_plugins_bring_is_an_error_that_names_both(load, ccd: CCDData) -> None:
    load(Leveled(), Leveled(), distributions=("leveled", "rival"))
    said = r"method 'level' is brought by leveled 1\.0 and by rival 1\.0; only one of them .*AIA_CCDPROC_PLUGINS"
    with pytest.raises(aia_ccdproc.PluginError, match=said):
        aia_ccdproc.register(ccd, method="level")
    with pytest.raises(RecipeError, match=said):
        Recipe.from_toml(STEP.format("level"))
    assert aia_ccdproc.register(ccd).header["LVL_NUM"] == 1.5


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
    manager.hook.prep_addhooks(manager=manager)
    return manager.__dict__.pop("greeted")


def before_batch(load, ccd):
    seen = []

    def prep_before_batch(step, headers):
        seen.append((step, len(headers)))

    load(plugin(prep_before_batch))
    Pipeline(RATE).before_batch([complete_header(ccd)] * 3)
    return seen == [("normalize_exposure", 3)]


def instruments(load, ccd):
    def prep_instruments():
        return [dataclasses.replace(AIA, name="MINE")]

    return [each.name for each in load(plugin(prep_instruments)).instruments()] == ["AIA", "MINE"]


EXERCISED = [
    addhooks,
    identify,
    instruments,
    before_batch,
    update_pointing,
    register,
    normalize_exposure,
    resampling_methods,
    resample,
]


@pytest.mark.parametrize("exercise", EXERCISED)
def test_a_plugin_takes_part_in_every_hook_before_the_core(load, ccd: CCDData, exercise: Callable) -> None:
    assert exercise(load, ccd)


def test_every_hook_is_exercised_by_a_test() -> None:
    assert {f"prep_{exercise.__name__}" for exercise in EXERCISED} == set(HOOKS)


def test_the_core_implements_every_hook_but_the_one_for_new_hooks() -> None:
    manager = PrepPluginManager([])
    without = [hook for hook in HOOKS if not manager.who_implements(hook)]
    assert without == ["prep_addhooks"]
    assert {plugin.distribution for plugin in manager.plugins.values()} == {"aia-ccdproc"}


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_says_what_it_is_for_and_how_it_is_called(hook: str) -> None:
    text = inspect.getdoc(getattr(hookspecs, hook))
    first = getattr(hookspecs, hook).aia_ccdproc_spec["firstresult"]
    assert ("Stops at first non-None result." in text) == first
    for parameter in inspect.signature(getattr(hookspecs, hook)).parameters:
        assert parameter in text


def test_the_steps_stand_in_canonical_order() -> None:
    assert list(PrepPluginManager([]).steps()) == ["update_pointing", "register", "normalize_exposure"]


MODELS = {
    "update_pointing": PointingSettings,
    "register": RegistrationSettings,
    "normalize_exposure": ExposureSettings,
}


@pytest.mark.parametrize("name", MODELS)
def test_a_function_has_the_keywords_and_defaults_of_its_settings(name: str) -> None:
    import aia_ccdproc

    parameters = dict(inspect.signature(getattr(aia_ccdproc, name)).parameters)
    assert next(iter(parameters)) == "ccd"
    parameters.pop("ccd")
    assert parameters.pop("add_keyword").default is True
    assert all(parameter.kind is parameter.KEYWORD_ONLY for parameter in parameters.values())
    of_model = {key: field.default for key, field in MODELS[name].model_fields.items()}
    assert repr({key: parameter.default for key, parameter in parameters.items()}) == repr(of_model)
    assert PrepPluginManager([]).steps()[name].settings is MODELS[name]


# -- conflicts -----------------------------------------------------------------------------------


def doubling(factor: float, only: str | None = None) -> object:
    def prep_normalize_exposure(ccd, instrument, settings):
        if only not in (None, instrument.name):
            return None
        return CCDData(ccd.data * factor, unit="DN/s", header=ccd.header.copy(), wcs=ccd.wcs)

    return plugin(prep_normalize_exposure)


def test_a_plugin_stands_before_the_core_without_conflict_and_history_names_it(load, ccd: CCDData) -> None:
    load(doubling(2))
    result = prep(ccd, RATE)
    assert result.data == pytest.approx(2 * ccd.data)
    assert "normalize_exposure (first 1.0)" in "".join(map(str, result.header["HISTORY"]))


def test_two_plugins_for_one_step_and_instrument_are_a_conflict_that_names_both(load, ccd: CCDData) -> None:
    load(doubling(2), doubling(3))
    match = r"(first and second|second and first) both do normalize_exposure for AIA; choose .* plugin = "
    with pytest.raises(PluginError, match=match):
        prep(ccd, RATE)


@pytest.mark.parametrize(("chosen", "factor"), [("first", 2), ("second", 3), ("aia-ccdproc", 1 / 2.9)])
def test_the_recipe_chooses_between_plugins(load, ccd: CCDData, chosen: str, factor: float) -> None:
    load(doubling(2), doubling(3))
    recipe = Recipe.from_toml(f'[[step]]\nuse = "normalize_exposure"\nplugin = "{chosen}"')
    assert prep(ccd, recipe).data == pytest.approx(factor * ccd.data, rel=1e-6)


def test_plugins_for_different_instruments_are_no_conflict(load, ccd: CCDData) -> None:
    load(doubling(2, only="HMI"), doubling(3, only="AIA"))
    assert prep(ccd, RATE).data == pytest.approx(3 * ccd.data)


def test_plugins_that_pass_leave_the_step_to_the_core(load, ccd: CCDData) -> None:
    load(doubling(2, only="HMI"), doubling(3, only="EIT"))
    result = prep(ccd, RATE)
    assert result.data == pytest.approx(ccd.data / 2.9, rel=1e-6)
    assert "normalize_exposure (aia-ccdproc " in "".join(map(str, result.header["HISTORY"]))


def test_wrappers_are_no_conflict_and_do_not_answer(load, ccd: CCDData) -> None:
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
    assert "first" not in [who.distribution for who in manager.who_implements("prep_normalize_exposure")]


class Sharpen:
    @step()
    @hookspec(firstresult=True)
    def prep_sharpen(self, ccd: CCDData, instrument: Instrument, settings: ExposureSettings) -> CCDData | None:
        """Sharpen an image."""


def test_a_step_that_nobody_does_says_who_was_asked(prep_manager, ccd: CCDData) -> None:
    def prep_sharpen(ccd, instrument):
        return ccd if instrument.name == "HMI" else None

    manager = prep_manager()
    manager.add_hookspecs(Sharpen)
    manager.add(plugin(prep_sharpen), Plugin("it", "first", "1.0"))
    with pytest.raises(InstrumentError, match=r"no plugin does sharpen for AIA; asked: first 1\.0$"):
        prep(ccd, Recipe.from_toml('[[step]]\nuse = "sharpen"'))


def test_a_plugin_that_the_recipe_chooses_must_do_the_step(load) -> None:
    load(doubling(2))
    with pytest.raises(RecipeError, match=r"plugin 'first' does not do register; .*aia-ccdproc"):
        Recipe.from_toml('[[step]]\nuse = "register"\nplugin = "first"')
