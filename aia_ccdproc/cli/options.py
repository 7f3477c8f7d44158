"""Options that several commands have: the recipe, and changes of its settings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aia_ccdproc.cli.completion import complete_pointing, complete_recipe, complete_setting
from aia_ccdproc.errors import RecipeError

if TYPE_CHECKING:
    from aia_ccdproc.recipe.recipe import Recipe

__all__ = ["PointingOption", "RecipeArgument", "RecipeOption", "SetOption", "load_changed_recipe"]

_POINTING_SETTING = "update_pointing.source"

_RECIPE_HELP = "Name of a recipe (aia-prep recipes lists them), or path of a TOML file."
RecipeOption = Annotated[str, typer.Option("--recipe", "-r", help=_RECIPE_HELP, autocompletion=complete_recipe)]
RecipeArgument = Annotated[str, typer.Argument(help=_RECIPE_HELP, autocompletion=complete_recipe)]
PointingOption = Annotated[
    str | None,
    typer.Option(
        "--pointing",
        metavar="SOURCE",
        help="Source of the pointing records: path or URL of a table; auto (the local cache, then JSOC), cache, jsoc; "
        "or header (keep the pointing of the header, without records).",
        show_default="as in the recipe",
        autocompletion=complete_pointing,
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="STEP.SETTING=VALUE",
        help="Change a setting of the recipe, register.method=bilinear for example. Can be repeated.",
        show_default=False,
        autocompletion=complete_setting,
    ),
]


def load_changed_recipe(name_or_path: str, settings: list[str] | None, pointing: str | None) -> Recipe:
    """Load a recipe, and change its settings by the options ``--set`` and ``--pointing``.

    Raises ``RecipeError``, with the option in the place of the line, if a setting is unknown or invalid.
    """
    from aia_ccdproc.recipe.recipe import load_recipe

    changes: dict[str, Any] = {}
    options: dict[str, str] = {}
    for text in settings or ():
        name, equals, value = text.partition("=")
        name = name.strip()
        if not equals or not name:
            raise typer.BadParameter(f"{text!r} is not STEP.SETTING=VALUE.", param_hint="--set")
        changes[name], options[name] = _parse_value(value.strip()), f"--set {name}"
    if pointing is not None:
        if _POINTING_SETTING in changes:
            raise typer.BadParameter(f"--set {_POINTING_SETTING} cannot be used together with --pointing.")
        changes[_POINTING_SETTING], options[_POINTING_SETTING] = pointing, "--pointing"
    recipe = load_recipe(name_or_path)
    if not changes:
        return recipe
    try:
        return recipe.with_settings(changes, folder=Path.cwd())
    except RecipeError as error:
        problems = [each._replace(place=options.get(each.place, each.place)) for each in error.problems]
        raise RecipeError(name_or_path, problems) from None


def _parse_value(text: str) -> Any:
    """Parse a value of TOML. Any other text is a string, so that words need no quotation marks."""
    from aia_ccdproc.recipe.toml import InvalidTomlError, parse_toml

    try:
        parsed = parse_toml(f"value = {text}")
    except InvalidTomlError:
        return text
    return parsed["value"] if parsed.keys() == {"value"} else text
