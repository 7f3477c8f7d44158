"""The check of a recipe: all of its faults at once, each with its place in the file and the nearest known name."""

from __future__ import annotations

import os
import re
from typing import Any

from pydantic import ValidationError

from aia_ccdproc.chain import Step
from aia_ccdproc.errors import Fault, PluginError, choices
from aia_ccdproc.pipeline import RecipeStep
from aia_ccdproc.plugins import PrepPluginManager

__all__ = ["RecipeCheck"]

_TOP_LEVEL = ("name", "description", "step")
_OF_EVERY_STEP = ("use", "plugin")


class _Lines:
    """Finds the line of a recipe on which a key stands. tomllib does not tell."""

    def __init__(self, text: str) -> None:
        self._lines = text.splitlines()
        self._steps = [i for i, line in enumerate(self._lines) if re.match(r"\s*\[\[\s*step\s*\]\]", line)]

    def of(self, step: int | None, key: str | None = None) -> int:
        """Give the line of a step's key, or of a top-level key; 0 if it is not found."""
        if step is None:
            first, last = 0, self._steps[0] if self._steps else len(self._lines)
        elif step < len(self._steps):
            bounds = [*self._steps, len(self._lines)]
            first, last = bounds[step], bounds[step + 1]
        else:
            return 0
        for i in range(first, last):
            if key is not None and re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*[=.]", self._lines[i]):
                return i + 1
        return 0 if step is None else first + 1


class RecipeCheck:
    """Goes through a recipe and collects what is wrong with it.

    Parameters
    ----------
    text : str
        The recipe's TOML.
    manager : `~aia_ccdproc.plugins.PrepPluginManager`
        Who knows the steps.
    folder : path-like, optional
        Folder that relative paths start from.
    """

    def __init__(self, text: str, manager: PrepPluginManager, folder: str | os.PathLike[str] | None) -> None:
        self._found: list[tuple[int, Fault]] = []
        self._lines = _Lines(text)
        self._manager = manager
        self._known = manager.steps()
        self._context = {"folder": folder, "methods": manager.resampling_methods()}

    @property
    def faults(self) -> list[Fault]:
        """What was found.

        Returns
        -------
        list of `~aia_ccdproc.errors.Fault`
            In the order of the file.
        """
        return [fault for _, fault in sorted(self._found, key=lambda found: found[0])]

    def _fault(self, message: str, index: int | None, key: str | None = None, use: str | None = None) -> None:
        line = self._lines.of(index, key)
        place = [f"line {line}"] if line else []
        if index is not None:
            place.append(f"step {index + 1}" + (f" ({use})" if use else ""))
        self._found.append((line, Fault(", ".join(place) or "recipe", message)))

    def steps(self, content: dict[str, Any]) -> tuple[RecipeStep, ...]:
        """Go through what a recipe holds.

        Parameters
        ----------
        content : dict
            The TOML, parsed.

        Returns
        -------
        tuple of `~aia_ccdproc.pipeline.RecipeStep`
            Its steps; to be used only if there are no `faults`.
        """
        for key in content:
            if key not in _TOP_LEVEL:
                self._fault(f"unknown key {key!r}; {choices(key, _TOP_LEVEL)}", None, key)
        for key in ("name", "description"):
            if not isinstance(content.get(key, ""), str):
                self._fault(f"{key} should be a string, not {content[key]!r}", None, key)
        tables = content.get("step")
        if not isinstance(tables, list) or not tables:
            self._fault("there is no step; a recipe holds at least one [[step]] table", None, "step")
            tables = []
        planned = [self._step(index, table) for index, table in enumerate(tables)]
        self._order([step.use if step else None for step in planned])
        return tuple(step for step in planned if step is not None)

    def _step(self, index: int, table: Any) -> RecipeStep | None:
        if not isinstance(table, dict):
            self._fault(f"should be a table, not {table!r}", index)
            return None
        use, plugin = table.get("use"), table.get("plugin")
        if not isinstance(use, str):
            said = (
                f"use should be a string, not {use!r}" if "use" in table else 'says not which step to use: use = "..."'
            )
            self._fault(said, index, "use")
            return None
        if use not in self._known:
            broken = "; ".join(map(str, self._manager.broken))
            left_out = f" (not loaded: {broken})" if broken else ""
            self._fault(f"unknown step {use!r}; {choices(use, self._known)}{left_out}", index, "use")
            return None
        step = self._known[use]
        if plugin is not None:
            self._plugin(index, step, plugin)
        values = {key: value for key, value in table.items() if key not in _OF_EVERY_STEP}
        try:
            settings = step.settings.model_validate(values, context=self._context)
        except ValidationError as error:
            for detail in error.errors():
                self._setting(index, step, detail)
            return RecipeStep(use, step.settings.model_construct(), None)
        return RecipeStep(use, settings, plugin)

    def _plugin(self, index: int, step: Step, plugin: Any) -> None:
        try:
            found = self._manager.find(plugin)
        except PluginError as error:
            self._fault(str(error), index, "plugin", step.name)
            return
        able = self._manager.who_implements(step.hook)
        if not any(self._manager.plugins[name] in able for name in found):
            names = list(dict.fromkeys(who.distribution for who in able))
            self._fault(
                f"plugin {plugin!r} does not do {step.name}; {choices(plugin, names)}",
                index,
                "plugin",
                step.name,
            )

    def _setting(self, index: int, step: Step, detail: Any) -> None:
        key = str(detail["loc"][0]) if detail["loc"] else ""
        message = step.settings.explain(detail, further=_OF_EVERY_STEP)
        self._fault(message, index, key, step.name)

    def _order(self, uses: list[str | None]) -> None:
        """Refuse what makes no physical sense, a pair of steps at a time."""
        for index, use in enumerate(uses):
            if use is None:
                continue
            place = self._known[use].place
            if use in uses[:index] and not place.repeatable:
                self._fault(f"{use} may run only once; it is step {uses.index(use) + 1} already", index, "use", use)
            for other in dict.fromkeys(uses[:index]):
                if other is not None and (other in place.before or use in self._known[other].place.after):
                    self._fault(
                        f"{use} must come before {other}, which is step {uses.index(other) + 1}",
                        index,
                        "use",
                        use,
                    )
