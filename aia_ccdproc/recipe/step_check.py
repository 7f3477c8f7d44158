"""The check of one ``[[step]]`` of a recipe: its settings, by whom, and for which images."""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import Any, TypeVar

from pydantic import ValidationError

from aia_ccdproc.errors import PluginError, suggestion
from aia_ccdproc.images.values import KEYWORD
from aia_ccdproc.plugin.manager import PrepPluginManager
from aia_ccdproc.plugin.settings import StepSettings
from aia_ccdproc.plugin.step import Step
from aia_ccdproc.recipe.conditions import INSTRUMENT
from aia_ccdproc.recipe.locations import KeyPath, RecipeProblems
from aia_ccdproc.recipe.recipe_step import RecipeStep, Variant
from aia_ccdproc.recipe.selection import Selection, check_selection
from aia_ccdproc.steps.from_ccdproc.steps import PREFIX, ccdproc_steps, why_unusable

__all__ = ["StepCheck", "checked_selection", "checked_settings"]

S = TypeVar("S", bound=StepSettings)

_OF_EVERY_STEP = ("use", "plugin", "only", "when")
_SKIP = "skip"


def checked_selection(
    problems: RecipeProblems, table: Any, place: KeyPath, manager: PrepPluginManager, use: str = ""
) -> Selection:
    """Make a selection of a table, noting what is wrong with it.

    Parameters
    ----------
    problems : `~aia_ccdproc.recipe.locations.RecipeProblems`
        Where to note it.
    table : object
        What stands in the recipe.
    place : tuple of str and int
        Where it stands.
    manager : `~aia_ccdproc.plugin.manager.PrepPluginManager`
        Who knows the instruments.
    use : str
        The step it belongs to.

    Returns
    -------
    `~aia_ccdproc.recipe.selection.Selection`
        The selection; one of all images if the table is wrong.
    """
    if not isinstance(table, dict):
        problems.add(f"{place[-1]} should be a table of header keywords, not {table!r}", place, use)
        return Selection()
    wrong = check_selection(table)
    for keyword, message in wrong.items():
        problems.add(message, (*place, keyword), use)
    if manager.broken and INSTRUMENT in table:  # else who knows an instrument need not have named it
        known = [instrument.name for instrument in manager.instruments()]
        for name in table[INSTRUMENT] if isinstance(table[INSTRUMENT], list) else [table[INSTRUMENT]]:
            if isinstance(name, str) and name not in known:
                said = f"no plugin names the instrument {name!r}; {suggestion(name, known)}{manager.left_out}"
                problems.add(said, (*place, INSTRUMENT), use)
    return Selection() if wrong else Selection.from_table(table)


def checked_settings(
    problems: RecipeProblems,
    schema: type[S],
    values: dict[str, Any],
    place: KeyPath,
    use: str = "",
    *,
    context: dict[str, Any] | None = None,
    further: tuple[str, ...] = (),
    among: Collection[str] | None = None,
) -> S | None:
    """Make settings of a table, noting what is wrong with it.

    Parameters
    ----------
    problems : `~aia_ccdproc.recipe.locations.RecipeProblems`
        Where to note it.
    schema : type
        The model of the settings.
    values : dict
        What stands in the recipe.
    place : tuple of str and int
        Where it stands.
    use : str
        The step it belongs to.
    context : dict, optional
        What the model's validators need to know.
    further : tuple of str
        Names that may stand beside the settings.
    among : collection of str, optional
        Note only what is wrong with these.

    Returns
    -------
    `~aia_ccdproc.plugin.settings.StepSettings` or None
        The settings; None if the table is wrong.
    """
    try:
        return schema.model_validate(values, context=context)
    except ValidationError as error:
        for detail in error.errors():
            key = str(detail["loc"][0]) if detail["loc"] else ""
            if among is None or not key or key in among:
                problems.add(schema.explain(detail, further=further), (*place, key), use)
    return None


class StepCheck:
    """Goes through the steps of a recipe.

    Parameters
    ----------
    problems : `~aia_ccdproc.recipe.locations.RecipeProblems`
        Where to note what is wrong.
    manager : `~aia_ccdproc.plugin.manager.PrepPluginManager`
        Who knows the steps.
    folder : path-like, optional
        Folder that relative paths start from.
    """

    def __init__(
        self, problems: RecipeProblems, manager: PrepPluginManager, folder: str | os.PathLike[str] | None = None
    ) -> None:
        self._problems = problems
        self._manager = manager
        self._known = manager.steps()
        self._context = {
            "folder": folder,
            "methods": manager.resampling_methods(),
            "contested": manager.contested_method,
            "left_out": manager.left_out,
        }

    def find(self, use: str) -> Step | None:
        """Find a step by its name.

        Parameters
        ----------
        use : str
            A step of a hook, or ``ccdproc.<function>``.

        Returns
        -------
        `~aia_ccdproc.plugin.step.Step` or None
            The step; None if there is none of that name.
        """
        return ccdproc_steps().get(use) if use.startswith(PREFIX) else self._known.get(use)

    def step(self, index: int, table: Any) -> RecipeStep | None:
        """Go through a ``[[step]]``.

        Parameters
        ----------
        index : int
            Which it is, from 0.
        table : object
            What stands in the recipe.

        Returns
        -------
        `~aia_ccdproc.recipe.recipe_step.RecipeStep` or None
            The step, to be used only if there are no problems; None if nobody can tell which it is.
        """
        place = ("step", index)
        step = self._which(table, place)
        if step is None:
            return None
        plugin = table.get("plugin")
        if plugin is not None:
            self._check_plugin(step, plugin, (*place, "plugin"))
        only = Selection()
        if "only" in table:
            only = checked_selection(self._problems, table["only"], (*place, "only"), self._manager, step.name)
            if table["only"] == {}:
                self._problems.add("only = {} is every image; name a keyword", (*place, "only"), step.name)
        values = {key: value for key, value in table.items() if key not in _OF_EVERY_STEP}
        settings = checked_settings(
            self._problems, step.settings, values, place, step.name, context=self._context, further=_OF_EVERY_STEP
        )
        when = self._variants(step, values, table.get("when", []), (*place, "when"))
        return RecipeStep(step.name, settings or step.settings.model_construct(), plugin, only, when)

    def _which(self, table: Any, place: KeyPath) -> Step | None:
        if not isinstance(table, dict):
            self._problems.add(f"should be a table, not {table!r}", place)
            return None
        use = table.get("use")
        if not isinstance(use, str):
            said = (
                f"use should be a string, not {use!r}" if "use" in table else 'says not which step to use: use = "..."'
            )
            self._problems.add(said, (*place, "use"))
            return None
        step = self.find(use)
        if step is None:
            self._problems.add(self._unknown(use), (*place, "use"))
        elif twice := self._manager.declared_twice(step.hook):
            self._problems.add(twice, (*place, "use"), use)
        return step

    def _unknown(self, use: str) -> str:
        if why_unusable(use):
            return f"{use} cannot be a step: {why_unusable(use)}"
        if use.startswith(PREFIX):
            functions = [name.removeprefix(PREFIX) for name in ccdproc_steps()]
            return f"unknown step {use!r}; of ccdproc's functions, {suggestion(use.removeprefix(PREFIX), functions)}"
        near = suggestion(use, [*self._known, *ccdproc_steps()])
        if not near.startswith("did"):
            near = suggestion(use, self._known)
        return f"unknown step {use!r}; {near}{self._manager.left_out}"

    def _check_plugin(self, step: Step, plugin: Any, place: KeyPath) -> None:
        if step.name.startswith(PREFIX):
            self._problems.add(f"{step.name} is ccdproc's own; leave plugin out", place, step.name)
            return
        try:
            found = self._manager.find(plugin)
        except PluginError as error:
            self._problems.add(str(error), place, step.name)
            return
        able = self._manager.who_implements(step.hook)
        if not any(self._manager.plugins[name] in able for name in found):
            names = list(dict.fromkeys(who.distribution for who in able))
            self._problems.add(
                f"plugin {plugin!r} does not do {step.name}; {suggestion(plugin, names)}", place, step.name
            )

    # -- images that differ ----------------------------------------------------------------------

    def _variants(self, step: Step, values: dict[str, Any], tables: Any, place: KeyPath) -> tuple[Variant, ...]:
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            self._problems.add("when should be tables: [[step.when]]", place, step.name)
            return ()
        return tuple(self._variant(step, values, table, (*place, index)) for index, table in enumerate(tables))

    def _variant(self, step: Step, values: dict[str, Any], table: dict[str, Any], place: KeyPath) -> Variant:
        """Go through a ``[[step.when]]``: keywords say for which images, the other keys are settings."""
        asked = {key: value for key, value in table.items() if key == INSTRUMENT or KEYWORD.match(key)}
        changed = {key: value for key, value in table.items() if key not in asked and key != _SKIP}
        if not asked:
            self._problems.add(
                "says not for which images: name a keyword of the header, in upper case", place, step.name
            )
        where = checked_selection(self._problems, asked, place, self._manager, step.name)
        if _SKIP in table:
            if table[_SKIP] is not True:
                said = f"skip should be true, not {table[_SKIP]!r}; without it the step is run"
                self._problems.add(said, (*place, _SKIP), step.name)
            if changed:
                said = f"the step is skipped; {', '.join(changed)} would have no effect"
                self._problems.add(said, (*place, _SKIP), step.name)
            return Variant(where, None)
        if not changed:
            self._problems.add("changes nothing: give a setting, or skip = true", place, step.name)
        settings = checked_settings(
            self._problems,
            step.settings,
            {**values, **changed},
            place,
            step.name,
            context=self._context,
            further=(_SKIP, INSTRUMENT),
            among=changed,
        )
        return Variant(where, settings or step.settings.model_construct())
