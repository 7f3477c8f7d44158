"""Recipes: which steps, in which order, with which settings. Checked whole before a pixel is read."""

from __future__ import annotations

import hashlib
import importlib.resources
import json
import os
import re
import textwrap
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from aia_ccdproc.errors import Fault, PluginError, RecipeError, choices
from aia_ccdproc.header import printable
from aia_ccdproc.pipeline import Pipeline, RecipeStep
from aia_ccdproc.plugins import PrepPluginManager, Step, get_plugin_manager

if TYPE_CHECKING:
    from astropy.nddata import CCDData

__all__ = ["Recipe", "builtin_recipes", "load_recipe", "prep", "recipe_template"]

_TOP_LEVEL = ("name", "description", "step")
_OF_EVERY_STEP = ("use", "plugin")


@dataclass(frozen=True)
class Recipe:
    """A recipe that has been checked.

    Parameters
    ----------
    name : str
        Its name.
    steps : tuple of `~aia_ccdproc.pipeline.RecipeStep`
        The steps, in order.
    description : str
        What it is for.
    """

    name: str
    steps: tuple[RecipeStep, ...]
    description: str = ""

    def __iter__(self) -> Iterator[RecipeStep]:
        return iter(self.steps)

    @property
    def digest(self) -> str:
        """The first 16 hexadecimal digits of the SHA-256 of what the recipe does.

        Neither its name nor the folders of the files that it names count.
        """
        content = [(step.use, step.plugin, step.settings.describe()) for step in self.steps]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]

    @property
    def cards(self) -> dict[str, tuple[str, str]]:
        """The cards by which an output says how it was made."""
        return {
            "RECIPE": (printable(self.name), "Recipe of this image"),
            "RECIPEID": (self.digest, "SHA-256 of the recipe (first 16)"),
        }

    @classmethod
    def from_toml(cls, text: str, *, name: str = "recipe", folder: str | os.PathLike[str] | None = None) -> Recipe:
        """Read a recipe from TOML, and check it.

        Parameters
        ----------
        text : str
            The TOML.
        name : str
            What to call it in messages; its own ``name`` is the recipe's.
        folder : path-like, optional
            Folder that relative paths in it start from; by default they stay as they are.

        Returns
        -------
        `Recipe`
            The recipe.

        Raises
        ------
        RecipeError
            If it has faults; all of them are listed.
        """
        try:
            content = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise RecipeError(name, [Fault("TOML", str(error))]) from error
        check = _Check(_Lines(text), get_plugin_manager(), folder)
        recipe = check.recipe(content, Path(name).stem)
        if check.faults:
            raise RecipeError(name, check.faults)
        return recipe


def builtin_recipes() -> dict[str, str]:
    """List the recipes that come with the package.

    Returns
    -------
    dict of str to str
        Their TOML, by name.
    """
    folder = importlib.resources.files("aia_ccdproc") / "recipes"
    files = sorted(folder.iterdir(), key=lambda file: file.name)
    return {file.name.removesuffix(".toml"): file.read_text() for file in files if file.name.endswith(".toml")}


def load_recipe(name_or_path: str | os.PathLike[str] | Recipe) -> Recipe:
    """Load a recipe and check it.

    Parameters
    ----------
    name_or_path : str, path-like or `Recipe`
        Name of a built-in recipe (``"level1.5"``, ``"level1.5-rate"``), or the path of a TOML file.

    Returns
    -------
    `Recipe`
        The recipe.

    Raises
    ------
    RecipeError
        If there is no such recipe, or it has faults; all of them are listed.
    """
    if isinstance(name_or_path, Recipe):
        return name_or_path
    name = os.fspath(name_or_path)
    builtin = builtin_recipes()
    if name in builtin:
        return Recipe.from_toml(builtin[name], name=name)
    path = Path(name)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise RecipeError(
            name, [Fault("recipe", f"no such file or built-in recipe; {choices(name, builtin)}")]
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(name, [Fault("recipe", f"cannot be read ({error})")]) from error
    return Recipe.from_toml(text, name=name, folder=path.parent)


def prep(ccd: CCDData, recipe: str | os.PathLike[str] | Recipe = "level1.5") -> CCDData:
    """Prep one image by a recipe.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        Level-1 image, shape ``(ny, nx)``; not changed.
    recipe : str, path-like or `Recipe`
        A built-in recipe's name, the path of a TOML file, or a recipe.

    Returns
    -------
    `~astropy.nddata.CCDData`
        New image.

    Raises
    ------
    RecipeError
        If the recipe has faults.
    PrepError
        Whatever a step raises.
    """
    return Pipeline(load_recipe(recipe))(ccd)


def recipe_template(manager: PrepPluginManager) -> str:
    """Write a recipe of every step there is, with every setting at its default and what it means.

    Parameters
    ----------
    manager : `~aia_ccdproc.plugins.PrepPluginManager`
        Who knows the steps.

    Returns
    -------
    str
        TOML. Steps that are not in ``level1.5-rate`` are commented out.
    """
    usual = {step.use for step in load_recipe("level1.5-rate").steps}
    lines = [
        "# A recipe for aia-prep: the steps, in the order in which they are run.",
        "# Check it with: aia-prep check FILE; use it with: aia-prep run -r FILE",
        'name = "my-recipe"',
    ]
    for step in manager.steps().values():
        off = "" if step.name in usual else "# "
        lines += ["", f"# {step.summary}", f"{off}[[step]]", f'{off}use = "{step.name}"']
        for name, field in step.settings.model_fields.items():
            lines += textwrap.wrap(f"{field.description}", 100, initial_indent="# ", subsequent_indent="# ")
            lines.append(f"# {name} = ..." if field.default is None else f"{off}{name} = {_toml(field.default)}")
    return "\n".join(lines) + "\n"


def _toml(value: object) -> str:
    return str(value) if isinstance(value, float) else json.dumps(value)


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


class _Check:
    """Goes through a recipe and collects what is wrong with it."""

    def __init__(self, lines: _Lines, manager: PrepPluginManager, folder: str | os.PathLike[str] | None) -> None:
        self._found: list[tuple[int, Fault]] = []
        self._lines = lines
        self._manager = manager
        self._known = manager.steps()
        self._context = {"folder": folder, "methods": manager.resampling_methods()}

    @property
    def faults(self) -> list[Fault]:
        """What was found, in the order of the file."""
        return [fault for _, fault in sorted(self._found, key=lambda found: found[0])]

    def _fault(self, message: str, index: int | None, key: str | None = None, use: str | None = None) -> None:
        line = self._lines.of(index, key)
        place = [f"line {line}"] if line else []
        if index is not None:
            place.append(f"step {index + 1}" + (f" ({use})" if use else ""))
        self._found.append((line, Fault(", ".join(place) or "recipe", message)))

    def recipe(self, content: dict[str, Any], name: str) -> Recipe:
        for key in content:
            if key not in _TOP_LEVEL:
                self._fault(f"unknown key {key!r}; {choices(key, _TOP_LEVEL)}", None, key)
        for key in ("name", "description"):
            if not isinstance(content.get(key, ""), str):
                self._fault(f"{key} should be a string, not {content[key]!r}", None, key)
        tables = content.get("step")
        if not isinstance(tables, list) or not tables:
            self._fault("there is no step; a recipe holds at least one [[step]] table", None)
            tables = []
        planned = [self._step(index, table) for index, table in enumerate(tables)]
        self._order([step.use if step else None for step in planned])
        steps = tuple(step for step in planned if step is not None)
        return Recipe(str(content.get("name", name)), steps, str(content.get("description", "")))

    def _step(self, index: int, table: Any) -> RecipeStep | None:
        if not isinstance(table, dict):
            self._fault(f"should be a table, not {table!r}", index)
            return None
        use, plugin = table.get("use"), table.get("plugin")
        if not isinstance(use, str):
            self._fault('says not which step to use: use = "..."', index, "use")
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
        if detail["type"] == "extra_forbidden":
            known = [*step.settings.model_fields, *_OF_EVERY_STEP]
            message = f"unknown setting {key!r}; {choices(key, known)}"
        elif detail["type"] == "value_error":
            message = f"{key}: {detail['ctx']['error']}"
        else:
            message = f"{key} = {detail['input']!r}: {detail['msg'][0].lower()}{detail['msg'][1:]}"
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
