"""The settings of the core's steps: schema of a recipe's tables, defaults and documentation in one."""

from __future__ import annotations

import datetime
import hashlib
import os
import pickle
import re
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self

import numpy as np
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from aia_ccdproc.engine import parameter_of
from aia_ccdproc.errors import SettingsError, choices
from aia_ccdproc.file_cache import while_unchanged
from aia_ccdproc.naming import NamePattern

__all__ = [
    "UNRECORDED",
    "ExposureSettings",
    "OutputSettings",
    "PointingSettings",
    "RecipeFile",
    "RegistrationSettings",
    "ServerURL",
    "StepSettings",
    "Timeout",
    "table_source",
]

#: Words that name a source of pointing records and not a table's path.
POINTING_SOURCES = ("auto", "cache", "jsoc")


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
            return f"unknown setting {name!r}; {choices(name, [*cls.model_fields, *further])}"
        if detail["type"] == "missing":
            return f"{name} is missing; it has no default"
        if detail["type"] == "value_error":
            return f"{name}: {detail['ctx']['error']}"
        message = f"{name} = {detail['input']!r}: {detail['msg'][0].lower()}{detail['msg'][1:]}"
        known = re.findall(r"'([^']*)'", detail["ctx"]["expected"]) if detail["type"] == "literal_error" else []
        near = choices(str(detail["input"]), known)
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


@while_unchanged(files=64)
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


_LARGEST_FLOAT32 = float(np.finfo(np.float32).max)
#: Where a table can be downloaded from.
_URL_SCHEMES = ("http://", "https://", "ftp://", "file://")
#: What TOML can hold in the place of a file's name.
_NO_FILE = bool | int | float | list | dict | datetime.date | datetime.time


def _path(value: Any, info: ValidationInfo) -> Any:
    """Take a text as a path; in a recipe, as relative to the folder that the recipe lies in."""
    if not isinstance(value, str):
        return value
    try:
        path = Path(value).expanduser()
    except RuntimeError as error:
        raise ValueError(f"{value!r}: {error}") from error
    folder = (info.context or {}).get("folder")
    return path if folder is None else Path(folder) / path


#: A file named in a recipe, or, from Python, whatever else the setting takes.
RecipeFile = Annotated[Any, BeforeValidator(_path)]


def _source(value: Any, info: ValidationInfo, words: tuple[str, ...], also: str = "") -> Any:
    """Take what names a table: a word or a URL as it is, a text as a path, and from Python a table."""
    if isinstance(value, _NO_FILE | tuple | None) or (isinstance(value, str) and not value):
        one_of = [f"one of {', '.join(words)}"] if len(words) > 1 else list(words)
        kinds = ["a path", "a URL", *one_of, *([also] if also else [])]
        raise ValueError(f"should be {', '.join(kinds[:-1])}{',' if also else ''} or {kinds[-1]}, not {value!r}")
    if isinstance(value, str) and "://" in value and not value.startswith(_URL_SCHEMES):
        raise ValueError(f"should be a URL that starts with {', '.join(_URL_SCHEMES)}, not {value!r}")
    if isinstance(value, str) and (value in words or "://" in value):
        return value
    if not isinstance(value, str | os.PathLike) and not hasattr(value, "colnames"):
        raise ValueError(f"should be a path, a URL or a Table, not a {type(value).__name__}")
    return _path(value, info)


def table_source(*words: str) -> BeforeValidator:
    """Make what checks a setting that names a table: ``table: Annotated[Any, table_source("jsoc")]``.

    Parameters
    ----------
    *words : str
        Words that it takes beside paths (of a recipe, from its folder), URLs, and, from Python, tables.

    Returns
    -------
    `pydantic.BeforeValidator`
        Annotation of the setting.
    """

    def check(value: Any, info: ValidationInfo) -> Any:
        return _source(value, info, words)

    return BeforeValidator(check)


def _server(value: Any) -> Any:
    if isinstance(value, _NO_FILE):
        raise ValueError(f"should be a URL, not {value!r}")
    if isinstance(value, str) and not value.startswith(("http://", "https://")):
        raise ValueError(f"should be a URL that starts with http:// or https://, not {value!r}")
    return value


#: Setting that names a DRMS server: None for JSOC, the base URL of its CGIs, or, from Python, a drms client.
ServerURL = Annotated[
    Any,
    BeforeValidator(_server),
    Field(
        description="Another DRMS server than JSOC: the base URL of its CGIs, under which jsoc_info lies; from Python "
        "also a drms Client."
    ),
]
#: Setting that says how long to wait for a network; it changes no result, and is not recorded.
Timeout = Annotated[
    float,
    UNRECORDED,
    Field(gt=0, description="Seconds after which to give up on the network, all tries together."),
]


class PointingSettings(StepSettings):
    """Settings of ``update_pointing``."""

    source: Any = Field(
        default="auto",
        description="Where the pointing records come from: auto (the local cache, then JSOC), cache, jsoc, the path "
        "or URL of a table (ECSV, or CSV with JSOC's columns), or a list of these, asked in turn; from Python also "
        "a Table.",
    )
    on_missing: Literal["error", "keep"] = Field(
        default="error",
        description="When no record can be had: fail, or keep the pointing of the header and say so.",
    )
    server: ServerURL = None
    timeout: Timeout = 60.0

    @field_validator("source", mode="before")
    @classmethod
    def _paths_and_words(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, list | tuple) and value:
            return tuple(_source(one, info, POINTING_SOURCES, "a list of these") for one in value)
        return _source(value, info, POINTING_SOURCES, "a list of these")

    @property
    def sources(self) -> tuple[Any, ...]:
        """The sources, in the order in which they are asked.

        Returns
        -------
        tuple
            Words, paths, URLs or tables.
        """
        return self.source if isinstance(self.source, tuple) else (self.source,)


class RegistrationSettings(StepSettings):
    """Settings of ``register``."""

    method: str = Field(
        default="bicubic",
        description="How pixels are resampled: nearest-neighbor, bilinear, biquadratic, bicubic, "
        "adaptive-hann, adaptive-gaussian, exact, or a method of a plugin.",
    )
    parameter: float | None = Field(
        default=None,
        allow_inf_nan=False,
        description="Parameter of a plugin's method that has one, in place of its default.",
    )
    conserve: Literal["brightness", "counts"] = Field(
        default="brightness",
        description="What a pixel keeps: its brightness, as aia_prep does, or the counts, "
        "by the ratio of the pixel areas.",
    )
    fill: float = Field(
        default=float("nan"),
        description="Value of the pixels that no valid input pixel covers; they are masked all the same.",
    )
    target: RecipeFile = Field(
        default=None,
        description="Grid to register onto in place of the level-1.5 one: the path of a FITS image, "
        "or from Python a WCS with a shape, a header or an image.",
    )
    force: bool = Field(default=False, description="Register an image that is at level 1.5 already.")

    @field_validator("fill")
    @classmethod
    def _fits_float32(cls, value: float) -> float:
        if abs(value) > _LARGEST_FLOAT32:
            raise ValueError(f"{value:g} is more than a float32 pixel holds")
        return value

    @field_validator("method")
    @classmethod
    def _known_method(cls, value: str, info: ValidationInfo) -> str:
        context = info.context or {}
        known = context.get("methods")
        if known is not None and value not in known:
            raise ValueError(f"unknown method {value!r}; {choices(value, known)}{context.get('left_out', '')}")
        return value

    @field_validator("parameter")
    @classmethod
    def _of_the_method(cls, value: float | None, info: ValidationInfo) -> float | None:
        known, method = (info.context or {}).get("methods"), info.data.get("method", "")
        if known is not None and method in known:
            parameter_of(method, value, known)
        return value

    @field_validator("target")
    @classmethod
    def _a_grid(cls, value: Any) -> Any:
        if isinstance(value, _NO_FILE):
            raise ValueError(f"should be the path of a FITS image, not {value!r}")
        return value


class ExposureSettings(StepSettings):
    """Settings of ``normalize_exposure``: there are none."""


class OutputSettings(StepSettings):
    """A recipe's ``[output]``: how the files that it makes are named and written."""

    name: str = Field(
        default="{stem}_lev1p5.fits",
        description="Name of an output below the output folder: {stem} is the input's name, {WAVELNTH:04d} and "
        "{T_OBS:%Y%m%dT%H%M%S} are keywords of its header; / makes folders.",
    )
    compression: Literal["none", "rice", "lossless"] = Field(
        default="none",
        description="Tile compression: none, rice (values are rounded to a 16th of the noise), or lossless.",
    )
    overwrite: bool = Field(default=False, description="Replace outputs that are there already.")

    @field_validator("name")
    @classmethod
    def _a_pattern(cls, value: str) -> str:
        return NamePattern(value).pattern

    @property
    def pattern(self) -> NamePattern:
        """The name, as what can be filled in.

        Returns
        -------
        `~aia_ccdproc.naming.NamePattern`
            The pattern.
        """
        return NamePattern(self.name)
