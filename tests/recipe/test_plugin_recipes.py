"""Recipes that plugins bring."""

from __future__ import annotations

import types

import pytest

from aia_ccdproc import PluginError, RecipeError, hookimpl, load_recipe

RATE = 'name = "mine"\n[[step]]\nuse = "normalize_exposure"\n'


def plugin_with(recipes):
    module = types.ModuleType("brings_recipes")
    module.prep_recipes = hookimpl(lambda: recipes)
    return module


def test_a_recipe_of_a_plugin_is_loaded_by_its_name(prep_manager):
    prep_manager().register(plugin_with({"mine": RATE}))
    assert [step.use for step in load_recipe("mine")] == ["normalize_exposure"]


def test_a_built_in_recipe_is_used_instead_of_that_of_a_plugin(prep_manager):
    prep_manager().register(plugin_with({"level1.5": RATE}))
    assert [step.use for step in load_recipe("level1.5")] == ["update_pointing", "register"]


def test_two_plugins_with_recipes_of_one_name_are_an_error(prep_manager):
    manager = prep_manager()
    manager.register(plugin_with({"mine": RATE}), name="first")
    manager.register(plugin_with({"mine": RATE}), name="second")
    with pytest.raises(PluginError, match="two plugins bring the recipe 'mine'"):
        load_recipe("mine")


def test_the_recipes_of_plugins_are_suggested(prep_manager):
    prep_manager().register(plugin_with({"deconvolved": RATE}))
    with pytest.raises(RecipeError, match="did you mean 'deconvolved'"):
        load_recipe("deconvolve")
