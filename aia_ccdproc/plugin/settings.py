"""The settings of a step: schema of its table in a recipe, defaults and documentation in one."""

from __future__ import annotations

import hashlib
import pickle
import re
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from aia_ccdproc.errors import SettingsError, nearest_name, redact_url, suggestion
from aia_ccdproc.images.files import cache_until_modified, open_regular_file
from aia_ccdproc.lazy import is_instance

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from aia_ccdproc.plugin.manager import PrepPluginManager
    from aia_ccdproc.plugin.plugin import Plugin

__all__ = ["RECORDED_BY_NAME", "UNRECORDED", "SettingInfo", "StepSettings"]


class SettingInfo(NamedTuple):
    """A setting as listings show it."""

    required: bool
    default: Any
    description: str


class _Record(Enum):
    """How a setting is recorded; by default in HISTORY by its value and in RECIPEID by its content."""

    NEVER = "never"
    BY_NAME = "by name"


#: Marks a setting that does not change the result: ``timeout: Annotated[float, UNRECORDED]``. Such a setting is neither
#: in HISTORY nor part of RECIPEID.
UNRECORDED = _Record.NEVER
#: Marks a path whose name is recorded, not its content: a folder with a file for each image, for example.
RECORDED_BY_NAME = _Record.BY_NAME


class StepSettings(BaseModel):
    """Base class of every step's settings: unknown names are refused, and values cannot be changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True, strict=True, defer_build=True)

    @model_validator(mode="before")
    @classmethod
    def _convert_numpy_scalars(cls, values: Any) -> Any:
        if isinstance(values, dict):
            return {
                name: value.item() if is_instance(value, "numpy", "generic") else value
                for name, value in values.items()
            }
        return values

    @classmethod
    def of(cls, **values: Any) -> Self:
        """Return the settings that a function was called with.

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
            If values are invalid. The message lists all of them.
        """
        try:
            return cls(**values)
        except ValidationError as error:
            raise SettingsError("; ".join(cls.explain(detail) for detail in error.errors())) from None

    @classmethod
    def explain(cls, detail: ErrorDetails, *, other_keys: tuple[str, ...] = ()) -> str:
        """Describe one of pydantic's errors in one line.

        Parameters
        ----------
        detail : dict
            The error.
        other_keys : tuple of str
            Keys that are allowed in the table besides the settings.

        Returns
        -------
        str
            What is wrong, and the nearest known name.
        """
        name = str(detail["loc"][0]) if detail["loc"] else ""
        if detail["type"] == "extra_forbidden":
            return f"unknown setting {name!r}; {suggestion(name, [*cls.model_fields, *other_keys])}"
        if detail["type"] == "missing":
            return f"{name} is missing; it has no default"
        if detail["type"] == "value_error":
            return f"{name}: {detail['ctx']['error']}"
        message = f"{name} = {redact_url(repr(detail['input']))}: {detail['msg'][0].lower()}{detail['msg'][1:]}"
        allowed = re.findall(r"'([^']*)'", detail["ctx"]["expected"]) if detail["type"] == "literal_error" else []
        nearest = nearest_name(str(detail["input"]), allowed)
        return f"{message}; did you mean {nearest!r}?" if nearest else message

    @classmethod
    def choices(cls, manager: PrepPluginManager) -> dict[str, list[str]]:
        """List the values of settings whose values depend on the installed plugins, for the JSON schema.

        Parameters
        ----------
        manager : `~aia_ccdproc.plugin.manager.PrepPluginManager`
            The plugin manager.

        Returns
        -------
        dict of str to list of str
            By the name of the setting; for ``register`` all resampling methods.
        """
        return {}

    @classmethod
    def document(cls) -> dict[str, SettingInfo]:
        """List the settings with their defaults and descriptions.

        Returns
        -------
        dict of str to `SettingInfo`
            By name; defaults are values that JSON and TOML can represent.
        """
        listed = {}
        for name, field in cls.model_fields.items():
            default = None if field.is_required() else field.get_default(call_default_factory=True)
            if isinstance(default, Enum):
                default = default.value
            if not isinstance(default, str | bool | int | float | list | tuple | None):
                default = str(default)
            listed[name] = SettingInfo(field.is_required(), default, field.description or "")
        return listed

    def describe(self) -> str:
        """Write the settings in one line, as HISTORY contains them.

        Returns
        -------
        str
            ``"method=bicubic, conserve=brightness"``. A path is given by its name alone, so that the line does not
            depend on the folder; an object is given by its type.
        """
        return ", ".join(f"{name}={_format(value, _short_name)}" for name, value in self._recorded())

    def fingerprint(self) -> str:
        """Write the settings in one line, as RECIPEID needs them.

        Returns
        -------
        str
            As `describe`, but files and objects are given by a digest of their content.

        Raises
        ------
        SettingsError
            If a file cannot be read, or data cannot be pickled.
        """
        fields = type(self).model_fields
        return ", ".join(
            f"{name}={_format(value, _short_name if RECORDED_BY_NAME in fields[name].metadata else _content_digest)}"
            for name, value in self._recorded()
        )

    def used_plugins(self, manager: PrepPluginManager, plugin: str | None = None) -> list[Plugin]:
        """Return the plugins that these settings involve besides those that implement the step.

        Parameters
        ----------
        manager : `~aia_ccdproc.plugin.manager.PrepPluginManager`
            The plugin manager.
        plugin : str, optional
            The plugin that the recipe chooses.

        Returns
        -------
        list of `~aia_ccdproc.plugin.plugin.Plugin`
            For ``register`` the engines of the chosen method; their versions are part of RECIPEID.
        """
        return []

    def _recorded(self) -> Iterator[tuple[str, Any]]:
        """Return the settings that are recorded in HISTORY and RECIPEID."""
        fields = type(self).model_fields
        return ((name, value) for name, value in self if value is not None and UNRECORDED not in fields[name].metadata)


def _short_name(value: Any) -> str:
    return value.name if isinstance(value, Path) else f"<{type(value).__name__}>"


def _content_digest(value: Any) -> str:
    if isinstance(value, Path):
        try:
            return _file_digest(value)
        except OSError as error:
            raise SettingsError(f"cannot read {value}: {error.strerror}. Check the path in the settings") from error
    try:
        return hashlib.sha256(pickle.dumps(value)).hexdigest()[:16]
    except Exception as error:  # the methods of an object can raise anything
        kind = type(value).__name__
        raise SettingsError(f"cannot pickle a {kind} ({error}); save it to a file and give the path instead") from error


@cache_until_modified(files=64)
def _file_digest(path: Path) -> str:
    with open_regular_file(path) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[:16]


def _format(value: Any, format_object: Callable[[Any], str]) -> str:
    """Write a value as text; paths and objects are written by ``format_object``."""
    if isinstance(value, Enum):
        return _format(value.value, format_object)
    if isinstance(value, tuple | list):
        return "+".join(_format(item, format_object) for item in value)
    if isinstance(value, set | frozenset):
        return "+".join(sorted(_format(item, format_object) for item in value))
    return redact_url(str(value)) if isinstance(value, str | int | float) else format_object(value)
