"""Recipes that plugins bring."""

from __future__ import annotations

import types

import pytest

from aia_ccdproc import PluginError, PluginWarning, RecipeError, hookimpl, load_recipe
from aia_ccdproc.plugin.plugin import Plugin

RATE = 'name = "mine"\n[[step]]\nuse = "normalize_exposure"\n'


@pytest.fixture
def bring(prep_manager):
    """Load plugins with recipes. A function is called in place of returning recipes."""
    manager = prep_manager()

    def load(recipes, name="first"):
        module = types.ModuleType("brings_recipes")
        module.prep_recipes = hookimpl(lambda: recipes() if callable(recipes) else recipes)
        manager.add(module, Plugin(name, name, "1.0"))

    return load


def test_a_recipe_of_a_plugin_is_loaded_by_its_name(bring):
    bring({"mine": RATE})
    assert [step.use for step in load_recipe("mine")] == ["normalize_exposure"]


def test_a_built_in_recipe_is_used_instead_of_that_of_a_plugin(bring):
    bring({"level1.5": RATE})
    assert [step.use for step in load_recipe("level1.5")] == ["update_pointing", "register"]


def test_two_plugins_with_recipes_of_one_name_are_an_error(bring):
    bring({"mine": RATE}, "first")
    bring({"mine": RATE}, "second")
    with pytest.raises(PluginError, match=r"first 1\.0 and another plugin bring the recipe 'mine'"):
        load_recipe("mine")


def test_the_recipes_of_plugins_are_suggested(bring):
    bring({"deconvolved": RATE})
    with pytest.raises(RecipeError, match="did you mean 'deconvolved'"):
        load_recipe("deconvolve")


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (lambda: 1 / 0, r"recipes are not used: recipes of first 1\.0 failed: ZeroDivisionError.*test_plugin_recipes"),
        ([RATE], r"recipes of first 1\.0 are not used: the list is not a dict of str to str"),
        ({"broken": None}, "the dict is not a dict of str to str"),
    ],
)
def test_a_plugin_that_fails_does_not_prevent_other_recipes(bring, tmp_path, broken, message):
    bring(broken, "first")
    bring({"mine": RATE}, "second")
    (tmp_path / "recipe.toml").write_text(RATE)
    for recipe in ("mine", tmp_path / "recipe.toml"):
        with pytest.warns(PluginWarning, match=message):
            assert [step.use for step in load_recipe(recipe)] == ["normalize_exposure"]
