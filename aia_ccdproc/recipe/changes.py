"""Changed settings of a recipe, as ``aia-prep run --set`` makes them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from pydantic import ValidationError

from aia_ccdproc.errors import RecipeError, RecipeProblem
from aia_ccdproc.plugin.manager import PrepPluginManager
from aia_ccdproc.plugin.settings import StepSettings
from aia_ccdproc.recipe.problems import RecipeContext, list_problems
from aia_ccdproc.recipe.recipe_step import RecipeStep, Variant

__all__ = ["change_settings"]

#: New values of settings, by the name of the setting.
_Values: TypeAlias = dict[str, Any]


def change_settings(
    steps: Sequence[RecipeStep],
    changes: Mapping[str, Any],
    manager: PrepPluginManager,
    *,
    name: str,
    folder: str | os.PathLike[str] | None = None,
) -> tuple[RecipeStep, ...]:
    """Change settings of steps, and validate them as in a recipe.

    Parameters
    ----------
    steps : sequence of `~aia_ccdproc.recipe.recipe_step.RecipeStep`
        The steps of a recipe.
    changes : mapping of str to object
        New values, by the names of the step and the setting: ``"register.method"``.
    manager : `~aia_ccdproc.plugin.manager.PrepPluginManager`
        The plugin manager.
    name : str
        Name of the recipe, for the error.
    folder : path-like, optional
        Folder that relative paths start from; by default they are left as they are.

    Returns
    -------
    tuple of `~aia_ccdproc.recipe.recipe_step.RecipeStep`
        The steps. Settings that a ``[[step.when]]`` table changes keep the values of that table.

    Raises
    ------
    RecipeError
        If a step is not in the recipe, or a setting is unknown or has an invalid value; all problems are listed.
    """
    by_step: dict[str, _Values] = {}
    problems: dict[RecipeProblem, None] = {}
    names = dict.fromkeys(step.use for step in steps)
    for path, value in changes.items():
        use, _, setting = path.rpartition(".")
        if use in names:
            by_step.setdefault(use, {})[setting] = value
        else:
            reason = f"is not a step of the recipe; its steps are {', '.join(names)}"
            problems[RecipeProblem(path, f"{use!r} {reason}" if use else "should be STEP.SETTING")] = None
    changed = []
    for step in steps:
        context = RecipeContext(manager=manager, folder=None if folder is None else Path(folder), plugin=step.plugin)
        try:
            changed.append(_change_step(step, by_step.get(step.use, {}), context))
        except _InvalidSettingsError as error:
            problems |= dict.fromkeys(error.problems)
    if problems:
        raise RecipeError(name, problems)
    return tuple(changed)


class _InvalidSettingsError(Exception):
    def __init__(self, problems: list[RecipeProblem]) -> None:
        super().__init__(problems)
        self.problems = problems


def _change_step(step: RecipeStep, changes: _Values, context: RecipeContext) -> RecipeStep:
    if not changes:
        return step
    given = _given(step.settings)
    settings = _validate(step, {**given, **changes}, changes, context)
    variants = []
    for where, changed in step.when:
        if changed is not None:
            own = {key: value for key, value in _given(changed).items() if _differs(value, key, given)}
            changed = _validate(step, {**given, **changes, **own}, changes, context)
        variants.append(Variant(where, changed))
    return step._replace(settings=settings, when=tuple(variants))


def _given(settings: StepSettings) -> _Values:
    """Return the settings that are not left at their defaults."""
    return {key: getattr(settings, key) for key in settings.model_fields_set}


def _differs(value: Any, key: str, given: _Values) -> bool:
    return key not in given or repr(value) != repr(given[key])  # NaN is not equal to itself


def _validate(step: RecipeStep, values: _Values, changes: _Values, context: RecipeContext) -> StepSettings:
    model = type(step.settings)
    try:
        return model.model_validate(values, context=context)
    except ValidationError as error:
        problems = []
        for key, message in list_problems(error, model):
            places = [str(key[0])] if key and key[0] in changes else changes
            problems += [RecipeProblem(f"{step.use}.{place}", message) for place in places]
        raise _InvalidSettingsError(problems) from None
