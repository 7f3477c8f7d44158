"""The settings of the core's steps, and of outputs: schema of a recipe's tables, defaults and documentation in one."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from pydantic import Field, ValidationInfo, field_validator

from aia_ccdproc.errors import suggestion
from aia_ccdproc.plugin.fields import NO_FILE, RecipeFile
from aia_ccdproc.plugin.resampling import parameter_of
from aia_ccdproc.plugin.settings import StepSettings

__all__ = ["ExposureSettings", "RegistrationSettings"]

_LARGEST_FLOAT32 = float(np.finfo(np.float32).max)


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
    saturation: float | None = Field(
        default=None,
        allow_inf_nan=False,
        description="Pixels of this value or more count as masked, in the unit of the image; AIA's cameras count "
        "to 16383.",
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
            raise ValueError(f"unknown method {value!r}; {suggestion(value, known)}{context.get('left_out', '')}")
        if known is not None and (said := context["contested"](value)):
            raise ValueError(said)
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
        if isinstance(value, NO_FILE):
            raise ValueError(f"should be the path of a FITS image, not {value!r}")
        return value


class ExposureSettings(StepSettings):
    """Settings of ``normalize_exposure``: there are none."""
