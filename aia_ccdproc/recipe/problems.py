"""The problems of a recipe: collected while its tables are validated, and listed with their lines.

Every table is validated by a pydantic model, which describes its problems: it knows the names that are allowed. The
problems of a table within a table are raised again with their paths, so that one validation finds all of them.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, TypedDict, TypeVar

from pydantic import ValidationError, ValidationInfo
from pydantic_core import InitErrorDetails, PydanticCustomError

from aia_ccdproc.errors import RecipeProblem
from aia_ccdproc.plugin.manager import PrepPluginManager
from aia_ccdproc.plugin.settings import StepSettings
from aia_ccdproc.recipe.locations import KeyPath, RecipeLocations

__all__ = ["ProblemList", "RecipeContext", "TableProblems", "described", "list_problems"]

S = TypeVar("S", bound=StepSettings)

#: Type of a pydantic error whose message is complete.
_DESCRIBED = "described"


class RecipeContext(TypedDict):
    """What the validators of a recipe need to know."""

    manager: PrepPluginManager
    """The plugin manager, which knows the steps and the instruments."""
    folder: Path | None
    """Folder that relative paths start from; None leaves them as they are."""
    plugin: str | None
    """In a step's table: the plugin that it chooses."""


def described(message: str) -> PydanticCustomError:
    """Return a pydantic error with a complete message, to which no name and no value are added.

    Parameters
    ----------
    message : str
        What is wrong.

    Returns
    -------
    `pydantic_core.PydanticCustomError`
        The error.
    """
    return PydanticCustomError(_DESCRIBED, "{message}", {"message": message})


class TableProblems:
    """Collects the problems of a table and of the tables in it, so that they are raised together.

    Parameters
    ----------
    info : `pydantic.ValidationInfo`
        State of the validation; its context is a `RecipeContext`.
    """

    def __init__(self, info: ValidationInfo) -> None:
        assert info.context is not None  # check_recipe gives it
        self.context: RecipeContext = info.context
        self._details: list[InitErrorDetails] = []

    def __bool__(self) -> bool:
        return bool(self._details)

    def add(self, path: KeyPath, message: str) -> None:
        """Add a problem.

        Parameters
        ----------
        path : tuple of str and int
            Path of the key, from the table.
        message : str
            What is wrong.
        """
        self._details.append(InitErrorDetails(type=described(message), loc=path, input=None))

    def validate(
        self,
        model: type[S],
        values: dict[str, Any],
        path: KeyPath = (),
        *,
        other_keys: Iterable[str] = (),
        only_keys: Container[str] | None = None,
    ) -> S | None:
        """Validate values by a model, and add the problems.

        Parameters
        ----------
        model : type
            The model.
        values : dict
            The values.
        path : tuple of str and int
            Path of the values, from the table.
        other_keys : iterable of str
            Keys that are allowed besides the fields of the model.
        only_keys : container of str, optional
            Add only the problems of these keys; by default all.

        Returns
        -------
        `~aia_ccdproc.plugin.settings.StepSettings` or None
            The model of the values; None if they are invalid.
        """
        try:
            return model.model_validate(values, context=self.context)
        except ValidationError as error:
            for key, message in list_problems(error, model, other_keys):
                if only_keys is None or not key or key[0] in only_keys:
                    self.add((*path, *key), message)
        return None

    def as_error(self) -> ValidationError:
        """Return the error to raise.

        Returns
        -------
        `pydantic.ValidationError`
            All problems.
        """
        return ValidationError.from_exception_data("recipe", self._details)


def list_problems(
    error: ValidationError, model: type[StepSettings], other_keys: Iterable[str] = ()
) -> Iterator[tuple[KeyPath, str]]:
    """List the problems that a validation has found.

    Parameters
    ----------
    error : `pydantic.ValidationError`
        The error that the validation raised.
    model : type
        The model that was validated.
    other_keys : iterable of str
        Keys that are allowed in the table besides the fields of the model.

    Yields
    ------
    path : tuple of str and int
        Path of the key, from the validated table.
    message : str
        What is wrong.
    """
    for detail in error.errors():
        if detail["type"] == _DESCRIBED:
            yield detail["loc"], detail["ctx"]["message"]
        else:
            yield detail["loc"][:1], model.explain(detail, other_keys=tuple(other_keys))


class ProblemList:
    """The problems of a recipe, with their places.

    Parameters
    ----------
    text : str
        The recipe, in TOML.
    step_names : mapping of int to str
        Names of the steps, by their index; steps whose name is unknown are left out.
    """

    def __init__(self, text: str, step_names: Mapping[int, str]) -> None:
        self._locations = RecipeLocations(text)
        self._step_names = step_names
        self._problems: list[tuple[int, RecipeProblem]] = []

    def add(self, path: KeyPath, message: str) -> None:
        """Add a problem.

        Parameters
        ----------
        path : tuple of str and int
            Path of the key, as in `RecipeLocations.find_line`.
        message : str
            What is wrong.
        """
        line = self._locations.find_line(path)
        parts = [] if line is None else [f"line {line}"]
        if len(path) > 1 and path[0] in ("select", "output"):
            parts.append(str(path[0]))
        for name, index in pairwise(path):
            if isinstance(index, int):
                step = self._step_names.get(index) if name == "step" else None
                parts.append(f"{name} {index + 1}" + (f" ({step})" if step else ""))
        self._problems.append((line or 0, RecipeProblem(", ".join(parts) or "recipe", message)))

    def in_file_order(self) -> list[RecipeProblem]:
        """List the problems.

        Returns
        -------
        list of `~aia_ccdproc.errors.RecipeProblem`
            In the order of the file; those without a line first.
        """
        return [problem for _, problem in sorted(self._problems, key=lambda numbered: numbered[0])]
