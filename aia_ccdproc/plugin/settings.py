"""What every step's settings can do."""

from __future__ import annotations

import hashlib
import pickle
import re
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from aia_ccdproc.errors import SettingsError, suggestion
from aia_ccdproc.images.files import cache_until_modified

__all__ = ["UNRECORDED", "Documented", "StepSettings"]


class Documented(NamedTuple):
    """A setting as it is shown to people."""

    required: bool
    default: Any
    description: str


class Unrecorded:
    """Marks a setting as one that changes no result: no part of HISTORY, nor of a recipe's digest."""


#: ``timeout: Annotated[float, UNRECORDED]``: how long one waits is no part of what is done.
UNRECORDED = Unrecorded()


class StepSettings(BaseModel):
    """Base of every step's settings: unknown names are refused, values are fixed once made."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True, strict=True)

    @model_validator(mode="before")
    @classmethod
    def _python_scalars(cls, values: Any) -> Any:
        if isinstance(values, dict):
            return {name: value.item() if isinstance(value, np.generic) else value for name, value in values.items()}
        return values

    @classmethod
    def of(cls, **values: Any) -> Self:
        """Make the settings that a function was called with.

        Parameters
        ----------
        **values : object
            Settings by name.

        Returns
        -------
        `StepSettings`
            The settings.

        Raises
        ------
        SettingsError
            If a value is wrong; all that are.
        """
        try:
            return cls(**values)
        except ValidationError as error:
            raise SettingsError("; ".join(cls.explain(detail) for detail in error.errors())) from None

    @classmethod
    def explain(cls, detail: Any, *, further: tuple[str, ...] = ()) -> str:
        """Say what pydantic found, in a line.

        Parameters
        ----------
        detail : dict
            One of pydantic's errors.
        further : tuple of str
            Names that may stand beside the settings.

        Returns
        -------
        str
            What is wrong, and the nearest known name.
        """
        name = str(detail["loc"][0]) if detail["loc"] else ""
        if detail["type"] == "extra_forbidden":
            return f"unknown setting {name!r}; {suggestion(name, [*cls.model_fields, *further])}"
        if detail["type"] == "missing":
            return f"{name} is missing; it has no default"
        if detail["type"] == "value_error":
            return f"{name}: {detail['ctx']['error']}"
        message = f"{name} = {detail['input']!r}: {detail['msg'][0].lower()}{detail['msg'][1:]}"
        known = re.findall(r"'([^']*)'", detail["ctx"]["expected"]) if detail["type"] == "literal_error" else []
        near = suggestion(str(detail["input"]), known)
        return f"{message}; {near}" if near.startswith("did") else message

    @classmethod
    def document(cls) -> dict[str, Documented]:
        """List the settings with their defaults and what they mean.

        Returns
        -------
        dict of str to `Documented`
            By name; a default as JSON and TOML can hold it.
        """
        listed = {}
        for name, field in cls.model_fields.items():
            default = None if field.is_required() else field.get_default(call_default_factory=True)
            if isinstance(default, Enum):
                default = default.value
            if not isinstance(default, str | bool | int | float | list | tuple | None):
                default = str(default)
            listed[name] = Documented(field.is_required(), default, field.description or "")
        return listed

    def describe(self) -> str:
        """Write the settings on one line, as HISTORY holds them.

        Returns
        -------
        str
            ``"method=bicubic, conserve=brightness"``; a path is given by its name alone, so that
            the line does not depend on where a file lies, and data by the name of its type.
        """
        return ", ".join(f"{name}={_describe(value)}" for name, value in self._said())

    def _said(self) -> Iterator[tuple[str, Any]]:
        """Give the settings that are worth a word."""
        fields = type(self).model_fields
        return ((name, value) for name, value in self if value is not None and UNRECORDED not in fields[name].metadata)

    def fingerprint(self) -> str:
        """Write the settings on one line, as a recipe's digest needs them.

        Returns
        -------
        str
            As `describe`, but with a digest of their content in the place of the names of files and of data.
        """
        return ", ".join(f"{name}={_describe(value, _content_of)}" for name, value in self._said())


def _name_of(value: Any) -> str:
    return value.name if isinstance(value, Path) else f"<{type(value).__name__}>"


def _content_of(value: Any) -> str:
    try:
        if isinstance(value, Path):
            return _digest_of_file(value)
        return hashlib.sha256(pickle.dumps(value)).hexdigest()[:16]
    except Exception:  # no such file, or nothing that can be written down: its name has to do
        return _name_of(value)


@cache_until_modified(files=64)
def _digest_of_file(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[:16]


def _describe(value: Any, of_data: Callable[[Any], str] = _name_of) -> str:
    if isinstance(value, Enum):
        return _describe(value.value, of_data)
    if isinstance(value, tuple | list):
        return "+".join(_describe(one, of_data) for one in value)
    if isinstance(value, set | frozenset):
        return "+".join(sorted(_describe(one, of_data) for one in value))
    return str(value) if isinstance(value, str | int | float) else of_data(value)
