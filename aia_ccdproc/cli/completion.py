"""Completion of names in a shell: recipes, sources of pointing records, and settings of steps.

A completion never prints an error: it has no place on the line that the user types.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from functools import wraps
from typing import TYPE_CHECKING, Any, get_args

import typer

if TYPE_CHECKING:
    from aia_ccdproc.recipe.recipe import Recipe

__all__ = ["complete_pointing", "complete_recipe", "complete_setting"]


def _quiet(complete: Callable[..., Iterator[str]]) -> Callable[..., list[str]]:
    """Return no completions instead of an error, and only those that begin with what the user has typed."""

    @wraps(complete)
    def call(incomplete: str, *arguments: Any, **options: Any) -> list[str]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                found = list(complete(incomplete, *arguments, **options))
            except Exception:
                return []
        return [text for text in found if text.startswith(incomplete)]

    return call


@_quiet
def complete_recipe(incomplete: str) -> Iterator[str]:
    """Complete the name of a recipe. If no name matches, the shell completes the names of files."""
    from aia_ccdproc.recipe.named import named_recipes

    yield from sorted(named_recipes())


@_quiet
def complete_pointing(incomplete: str) -> Iterator[str]:
    """Complete the name of a source of pointing records."""
    from aia_ccdproc.pointing.settings import SOURCE_NAMES

    yield from SOURCE_NAMES


@_quiet
def complete_setting(incomplete: str, ctx: typer.Context) -> Iterator[str]:
    """Complete the setting of a step of the recipe, and after the sign ``=`` its value."""
    from aia_ccdproc.plugin.loading import get_plugin_manager
    from aia_ccdproc.recipe.recipe import load_recipe

    recipe: Recipe = load_recipe(ctx.params.get("recipe") or "level1.5")
    name, equals, _ = incomplete.partition("=")
    for step in recipe:
        model = type(step.settings)
        for setting, field in model.model_fields.items():
            key = f"{step.use}.{setting}"
            if not equals:
                yield f"{key}="
            elif key == name:
                choices = model.choices(get_plugin_manager()).get(setting) or get_args(field.annotation)
                yield from (f"{key}={value}" for value in choices if isinstance(value, str))
