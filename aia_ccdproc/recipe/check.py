"""Validation of a recipe: all problems at once, each with its line and the nearest known name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from aia_ccdproc.errors import RecipeError
from aia_ccdproc.plugin.instrument import GENERIC
from aia_ccdproc.plugin.manager import PrepPluginManager
from aia_ccdproc.plugin.step import Step, check_order
from aia_ccdproc.recipe.model import RecipeModel
from aia_ccdproc.recipe.problems import ProblemList, RecipeContext, list_problems
from aia_ccdproc.recipe.toml import InvalidTomlError, parse_toml

__all__ = ["check_recipe"]


def check_recipe(
    text: str, manager: PrepPluginManager, *, name: str, folder: str | os.PathLike[str] | None = None
) -> RecipeModel:
    """Parse and validate a recipe.

    Parameters
    ----------
    text : str
        The recipe, in TOML.
    manager : `~aia_ccdproc.plugin.manager.PrepPluginManager`
        The plugin manager, which knows the steps.
    name : str
        Name or path of the recipe, for the error.
    folder : path-like, optional
        Folder that relative paths start from; by default they are left as they are.

    Returns
    -------
    `~aia_ccdproc.recipe.model.RecipeModel`
        The content of the recipe.

    Raises
    ------
    RecipeError
        If the recipe has problems; all of them are listed.
    """
    try:
        content = parse_toml(text)
    except InvalidTomlError as error:
        raise RecipeError(name, [error.problem]) from error
    steps = _find_steps(content.get("step"), manager)
    problems = ProblemList(text, {index: step.name for index, step in enumerate(steps) if step is not None})
    model = None
    context = RecipeContext(manager=manager, folder=None if folder is None else Path(folder), plugin=None)
    try:
        model = RecipeModel.model_validate(content, context=context)
    except ValidationError as error:
        for path, message in list_problems(error, RecipeModel):
            problems.add(path, message)
    for index, message in check_order(steps):
        problems.add(("step", index, "use"), message)
    given = [key for key in ("instrument", "plate_scale") if key in content]
    if len(given) == 1:
        problems.add((given[0],), f'instrument = "{GENERIC}" and plate_scale, in arcsec, must be given together')
    found = problems.in_file_order()
    if model is None or found:
        raise RecipeError(name, found)
    return model


def _find_steps(tables: Any, manager: PrepPluginManager) -> list[Step | None]:
    """Find the steps that the tables name; None for a table that does not name a known step."""
    if not isinstance(tables, list):
        return []
    known = manager.steps()
    names = [table.get("use") if isinstance(table, dict) else None for table in tables]
    return [known.get(name) if isinstance(name, str) else None for name in names]
