"""The settings of the core's steps: schema of a recipe's tables, defaults and documentation in one."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator

from aia_ccdproc.errors import choices

__all__ = ["ExposureSettings", "PointingSettings", "RegistrationSettings", "StepSettings"]

#: Words that name a source of pointing records and not a table's path.
POINTING_SOURCES = ("auto", "cache", "jsoc")


class StepSettings(BaseModel):
    """Base of every step's settings: unknown names are refused, values are fixed once made."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True, strict=True)

    def describe(self) -> str:
        """Write the settings on one line, as HISTORY holds them.

        Returns
        -------
        str
            ``"method=bicubic, conserve=brightness"``; a path is given by its name alone, so that
            the line does not depend on where a file lies, and data by the name of its type.
        """
        parts = [f"{name}={_describe(value)}" for name, value in self if value is not None]
        return ", ".join(parts)


def _describe(value: Any) -> str:
    if isinstance(value, tuple):
        return "+".join(_describe(one) for one in value)
    if isinstance(value, Path):
        return value.name
    return str(value) if isinstance(value, str | int | float) else f"<{type(value).__name__}>"


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

    server: Any = Field(
        default=None,
        description="Another DRMS server than JSOC: the base URL of its CGIs, under which jsoc_info lies; from Python "
        "also a drms Client.",
    )
    timeout: float = Field(
        default=60.0, gt=0, description="Seconds after which to give up on the network, all tries together."
    )

    @field_validator("source", mode="before")
    @classmethod
    def _paths_and_words(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, list | tuple) and value:
            return tuple(cls._path_or_word(one, info) for one in value)
        return cls._path_or_word(value, info)

    @staticmethod
    def _path_or_word(value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, _NO_FILE | tuple | None) or (isinstance(value, str) and not value):
            words = ", ".join(POINTING_SOURCES)
            raise ValueError(f"should be a path, a URL, one of {words}, or a list of these, not {value!r}")
        if isinstance(value, str) and (value in POINTING_SOURCES or "://" in value):
            return value
        return _path(value, info)

    @field_validator("server")
    @classmethod
    def _a_url(cls, value: Any) -> Any:
        if isinstance(value, _NO_FILE):
            raise ValueError(f"should be a URL, not {value!r}")
        if isinstance(value, str) and not value.startswith(("http://", "https://")):
            raise ValueError(f"should be a URL that starts with http:// or https://, not {value!r}")
        return value

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

    @field_validator("method")
    @classmethod
    def _known_method(cls, value: str, info: ValidationInfo) -> str:
        known = (info.context or {}).get("methods")
        if known is not None and value not in known:
            raise ValueError(f"unknown method {value!r}; {choices(value, known)}")
        return value

    @field_validator("target")
    @classmethod
    def _a_grid(cls, value: Any) -> Any:
        if isinstance(value, _NO_FILE):
            raise ValueError(f"should be the path of a FITS image, not {value!r}")
        return value


class ExposureSettings(StepSettings):
    """Settings of ``normalize_exposure``: there are none."""
