"""Recipes that have a name: those of the package, and those that plugins bring."""

from __future__ import annotations

import importlib.resources
from collections.abc import Iterator

from aia_ccdproc.errors import PluginError, PluginWarning, PrepError, warn_user
from aia_ccdproc.plugin.loading import get_plugin_manager
from aia_ccdproc.plugin.plugin import Plugin

__all__ = ["builtin_recipes", "named_recipes"]


def builtin_recipes() -> dict[str, str]:
    """List the built-in recipes.

    Returns
    -------
    dict of str to str
        Their TOML, by name.
    """
    folder = importlib.resources.files("aia_ccdproc.recipe") / "builtin"
    files = sorted(folder.iterdir(), key=lambda file: file.name)
    return {file.name.removesuffix(".toml"): file.read_text() for file in files if file.name.endswith(".toml")}


def named_recipes() -> dict[str, str]:
    """List the recipes that can be loaded by name.

    Returns
    -------
    dict of str to str
        Their TOML, by name: those of plugins, and the built-in ones, which replace others of the same name.

    Raises
    ------
    PluginError
        If two plugins bring a recipe of the same name.
    """
    builtin = builtin_recipes()
    recipes: dict[str, str] = {}
    for plugin, brought in _recipes_of_plugins():
        twice = recipes.keys() & brought.keys() - builtin.keys()
        if twice:
            raise PluginError(f"{plugin} and another plugin bring the recipe {min(twice)!r}. Remove one of the plugins")
        recipes |= brought
    return recipes | builtin


def _recipes_of_plugins() -> Iterator[tuple[Plugin, dict[str, str]]]:
    """Ask the plugins for their recipes. Those of a plugin that fails are left out with a warning."""
    manager = get_plugin_manager()
    for plugin in manager.implementers("prep_recipes"):
        try:
            answers = manager.call("prep_recipes", plugin)
        except PrepError as error:
            warn_user(f"recipes are not used: {error}", PluginWarning)
            continue
        for brought in answers:
            if isinstance(brought, dict) and all(isinstance(text, str) for pair in brought.items() for text in pair):
                yield plugin, brought
            else:
                kind = type(brought).__name__
                warn_user(f"recipes of {plugin} are not used: the {kind} is not a dict of str to str", PluginWarning)
