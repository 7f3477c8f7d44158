"""The settings of the steps ``respike`` and ``despike``."""

from __future__ import annotations

import os
from typing import Annotated, Literal

from pydantic import Field, field_validator

from aia_ccdproc.plugin import RECORDED_BY_NAME, RecipeFile, ServerURL, StepSettings, Timeout

__all__ = ["SpikesSettings"]


class SpikesSettings(StepSettings):
    """Settings of ``respike`` and ``despike``."""

    spikes: Annotated[Literal["jsoc"] | RecipeFile, RECORDED_BY_NAME] = Field(
        default="jsoc",
        union_mode="left_to_right",
        description="Source of the spikes: jsoc, the folder of an export from JSOC, or the path of a file, which may "
        "contain keywords of the header: spikes/{FSN}.fits.",
    )
    server: ServerURL = None
    timeout: Timeout = 60.0

    @field_validator("spikes")
    @classmethod
    def _check_source(cls, value: object) -> object:
        if not isinstance(value, str | os.PathLike):
            raise ValueError(f"should be jsoc, a folder or the path of a file, not {value!r}")
        if value != "jsoc":
            from aia_ccdproc_respike.spikes import SpikesLocation

            SpikesLocation.from_path(value)
        return value
