"""The ``[[step]]`` table of a recipe: keys of every step, settings of its own, and the images that it is run on."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, PlainValidator, ValidationInfo, field_validator
from pydantic_core import ErrorDetails

from aia_ccdproc.errors import PluginError, suggestion
from aia_ccdproc.images.values import KEYWORD
from aia_ccdproc.plugin.manager import PrepPluginManager
from aia_ccdproc.plugin.settings import StepSettings
from aia_ccdproc.plugin.step import Step
from aia_ccdproc.recipe.conditions import INSTRUMENT
from aia_ccdproc.recipe.locations import KeyPath
from aia_ccdproc.recipe.problems import TableProblems
from aia_ccdproc.recipe.recipe_step import RecipeStep, Variant
from aia_ccdproc.recipe.selection import NAMED_CONDITIONS, Selection, check_selection

__all__ = ["SKIP", "SelectionField", "StepTable", "read_step"]

#: Key of a ``[[step.when]]`` table that skips the step.
SKIP = "skip"


# -- selections ------------------------------------------------------------------------------------


def _read_selection(table: Any, info: ValidationInfo) -> Selection:
    if not isinstance(table, dict):
        raise ValueError(f"should be a table of header keywords, not {table!r}")
    problems = TableProblems(info)
    selection = _select(table, (), problems)
    if problems:
        raise problems.as_error()
    return selection


def _select(table: dict[str, Any], path: KeyPath, problems: TableProblems) -> Selection:
    """Return the selection of a table, or one of all images if the table is invalid."""
    invalid = {**_unknown_instrument(table, problems.context["manager"]), **check_selection(table)}
    for keyword, message in invalid.items():
        problems.add((*path, keyword), message)
    return Selection() if invalid else Selection.from_table(table)


def _unknown_instrument(table: dict[str, Any], manager: PrepPluginManager) -> dict[str, str]:
    """Find an instrument that may belong to a plugin that cannot be used.

    If all plugins work, any name is accepted: a plugin need not list the instruments that it identifies.
    """
    if not manager.broken:
        return {}
    names = table.get(INSTRUMENT)
    known = [instrument.name for instrument in manager.instruments()]
    for name in names if isinstance(names, list) else [names]:
        if isinstance(name, str) and name not in known:
            hint = f"{suggestion(name, known)}{manager.broken_note()}"
            return {INSTRUMENT: f"no plugin lists the instrument {name!r}; {hint}"}
    return {}


#: A table of conditions on header keywords.
SelectionField = Annotated[Selection, PlainValidator(_read_selection)]


# -- steps -----------------------------------------------------------------------------------------


class StepTable(StepSettings):
    """The keys that every ``[[step]]`` table can contain besides the settings of its step."""

    use: str = Field(description="Name of the step; aia-prep steps lists the steps.")
    plugin: str | None = Field(
        default=None,
        description="Distribution or entry point that runs the step, or for register the engine that resamples; needed "
        "if two plugins do so for the same instrument or method.",
    )
    only: SelectionField = Field(
        default=Selection(), description="Images that the step is run on, by their header keywords; by default all."
    )
    when: list[dict[str, Any]] = Field(
        default=[], description="Other settings for some images; the first table that matches an image is used."
    )

    @field_validator("only", mode="before")
    @classmethod
    def _check_only(cls, value: Any) -> Any:
        if value == {}:
            raise ValueError("{} selects every image; name a keyword, or leave only out")
        return value

    @field_validator("when", mode="before")
    @classmethod
    def _check_when(cls, value: Any) -> Any:
        if not isinstance(value, list) or not all(isinstance(table, dict) for table in value):
            raise ValueError("should be an array of tables: [[step.when]]")
        return value

    @classmethod
    def explain(cls, detail: ErrorDetails, *, other_keys: tuple[str, ...] = ()) -> str:  # numpydoc ignore=GL08
        if detail["type"] == "missing":
            return 'use is missing; name the step, such as use = "register"'
        return super().explain(detail, other_keys=other_keys)


def read_step(table: Any, info: ValidationInfo) -> RecipeStep:
    """Read a ``[[step]]`` table; used as a validator.

    Parameters
    ----------
    table : object
        The table.
    info : `pydantic.ValidationInfo`
        State of the validation; its context is a `~aia_ccdproc.recipe.problems.RecipeContext`.

    Returns
    -------
    `~aia_ccdproc.recipe.recipe_step.RecipeStep`
        The step.

    Raises
    ------
    pydantic.ValidationError
        If the table has problems.
    """
    problems = TableProblems(info)
    if not isinstance(table, dict):
        problems.add((), f"should be a table, not {table!r}")
        raise problems.as_error()
    common = {key: value for key, value in table.items() if key in StepTable.model_fields}
    values = {key: value for key, value in table.items() if key not in common}
    keys = problems.validate(StepTable, common)
    step = _find_step(common.get("use"), common.get("plugin"), problems)
    if step is None:
        raise problems.as_error()
    settings = problems.validate(step.settings, values, other_keys=StepTable.model_fields)
    tables = common.get("when")
    variants = tuple(
        _read_variant(step, values, variant, ("when", index), problems)
        for index, variant in enumerate(tables if isinstance(tables, list) else [])
        if isinstance(variant, dict)
    )
    if problems or keys is None or settings is None:
        raise problems.as_error()
    return RecipeStep(step.name, settings, keys.plugin, keys.only, variants)


def _find_step(use: object, plugin: object, problems: TableProblems) -> Step | None:
    """Find a step, and check that it is clear which plugin runs it."""
    if not isinstance(use, str):
        return None
    manager = problems.context["manager"]
    step = manager.steps().get(use)
    if isinstance(plugin, str | None):
        try:
            manager.check_step(use, plugin)
            problems.context = {**problems.context, "plugin": plugin}
        except PluginError as error:
            problems.add(("use" if step is None or plugin is None else "plugin",), str(error))
    return step


def _read_variant(
    step: Step, values: dict[str, Any], table: dict[str, Any], path: KeyPath, problems: TableProblems
) -> Variant:
    """Read a ``[[step.when]]`` table: keywords select images, the other keys are settings."""
    conditions = {key: value for key, value in table.items() if key in NAMED_CONDITIONS or KEYWORD.match(key)}
    changes = {key: value for key, value in table.items() if key not in conditions and key != SKIP}
    if not conditions:
        problems.add(path, "does not select images; name a header keyword, in upper case")
    where = _select(conditions, path, problems)
    if SKIP in table:
        if table[SKIP] is not True:
            problems.add((*path, SKIP), f"{SKIP}: should be true, not {table[SKIP]!r}; without {SKIP} the step is run")
        if changes:
            problems.add((*path, SKIP), f"{', '.join(changes)} has no effect, because the step is skipped")
        return Variant(where, None)
    if not changes:
        problems.add(path, f"does not change anything; give a setting, or {SKIP} = true")
    settings = problems.validate(
        step.settings, {**values, **changes}, path, other_keys=(SKIP, *NAMED_CONDITIONS), only_keys=changes
    )
    return Variant(where, settings)
