"""The check of a recipe: all of its problems at once, each with its place in the file and the nearest known name."""

from __future__ import annotations

import math
import os
from typing import Any

from aia_ccdproc.errors import RecipeProblem, suggestion
from aia_ccdproc.plugin.instrument import GENERIC, Instrument
from aia_ccdproc.plugin.manager import PrepPluginManager
from aia_ccdproc.plugin.step import order_problems
from aia_ccdproc.recipe.locations import RecipeProblems
from aia_ccdproc.recipe.output import OutputSettings
from aia_ccdproc.recipe.recipe_step import RecipeStep
from aia_ccdproc.recipe.step_check import StepCheck, checked_selection, checked_settings

__all__ = ["RecipeCheck"]

_TOP_LEVEL = ("name", "description", "instrument", "plate_scale", "hdu", "select", "output", "step")


class RecipeCheck:
    """Goes through a recipe and collects what is wrong with it.

    Parameters
    ----------
    text : str
        The recipe's TOML.
    content : dict
        The same, parsed.
    manager : `~aia_ccdproc.plugin.manager.PrepPluginManager`
        Who knows the steps.
    folder : path-like, optional
        Folder that relative paths start from.
    """

    def __init__(
        self,
        text: str,
        content: dict[str, Any],
        manager: PrepPluginManager,
        folder: str | os.PathLike[str] | None = None,
    ) -> None:
        self._problems = RecipeProblems(text)
        self._check_top(content)
        #: What the recipe holds; to be used only if there are no `problems`.
        self.instrument = self._instrument(content)
        self.select = checked_selection(self._problems, content.get("select", {}), ("select",), manager)
        self.output = self._output(content)
        self.steps = self._steps(content, StepCheck(self._problems, manager, folder))

    @property
    def problems(self) -> list[RecipeProblem]:
        """What was found.

        Returns
        -------
        list of `~aia_ccdproc.errors.RecipeProblem`
            In the order of the file.
        """
        return self._problems.in_order()

    def _check_top(self, content: dict[str, Any]) -> None:
        for key in content:
            if key not in _TOP_LEVEL:
                self._problems.add(f"unknown key {key!r}; {suggestion(key, _TOP_LEVEL)}", (key,))
        for key in ("name", "description"):
            if not isinstance(content.get(key, ""), str):
                self._problems.add(f"{key} should be a string, not {content[key]!r}", (key,))

        hdu = content.get("hdu", 0)
        if isinstance(hdu, bool) or not isinstance(hdu, int | str) or hdu == "" or (isinstance(hdu, int) and hdu < 0):
            self._problems.add(f"hdu should be the number or the name of an HDU, not {hdu!r}", ("hdu",))

    def _instrument(self, content: dict[str, Any]) -> Instrument | None:
        """Make the instrument that the recipe names; by default the headers tell."""
        if content.get("instrument", GENERIC) != GENERIC:
            said = f'instrument should be "{GENERIC}", not {content["instrument"]!r}; others are told by their headers'
            self._problems.add(f"{said}, and chosen in [select]", ("instrument",))
            return None
        if ("instrument" in content) != ("plate_scale" in content):
            said = f'instrument = "{GENERIC}" and plate_scale, in arcsec, go together'
            self._problems.add(said, ("instrument" if "instrument" in content else "plate_scale",))
        scale = content.get("plate_scale")
        if scale is None:
            return None
        if isinstance(scale, bool) or not isinstance(scale, int | float) or not 0 < scale < math.inf:
            self._problems.add(f"plate_scale should be a positive number of arcsec, not {scale!r}", ("plate_scale",))
            return None
        return Instrument.generic(float(scale))

    def _output(self, content: dict[str, Any]) -> OutputSettings:
        table = content.get("output", {})
        if not isinstance(table, dict):
            self._problems.add(f"output should be a table, not {table!r}", ("output",))
            table = {}
        return checked_settings(self._problems, OutputSettings, table, ("output",)) or OutputSettings()

    def _steps(self, content: dict[str, Any], check: StepCheck) -> tuple[RecipeStep, ...]:
        tables = content.get("step")
        if not isinstance(tables, list) or not tables:
            self._problems.add("there is no step; a recipe holds at least one [[step]] table", ("step",))
            return ()
        planned = [check.step(index, table) for index, table in enumerate(tables)]
        steps = [check.find(step.use) if step else None for step in planned]
        for index, said in order_problems(steps):
            self._problems.add(said, ("step", index, "use"), tables[index]["use"])
        return tuple(step for step in planned if step is not None)
