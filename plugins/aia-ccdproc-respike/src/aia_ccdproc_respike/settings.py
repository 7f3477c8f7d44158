"""The settings of both steps: schema of a recipe's table, defaults and documentation in one."""

from __future__ import annotations

import os
from typing import Annotated, Literal

from pydantic import Field, field_validator

from aia_ccdproc.plugin import RECORDED_BY_NAME, RecipeFile, ServerURL, StepSettings, Timeout
from aia_ccdproc_respike.spikes import SpikesFolder

__all__ = ["SpikesSettings"]


class SpikesSettings(StepSettings):
    """Settings of ``respike`` and ``despike``."""

    spikes: Annotated[Literal["jsoc"] | RecipeFile, RECORDED_BY_NAME] = Field(
        default="jsoc",
        union_mode="left_to_right",
        description="Where the spikes are: jsoc, the folder of an export from JSOC, or the name of a file, in which "
        "keywords of the header may stand: spikes/{FSN}.fits.",
    )
    server: ServerURL = None
    timeout: Timeout = 60.0

    @field_validator("spikes")
    @classmethod
    def _can_be_found(cls, value: object) -> object:
        if not isinstance(value, str | os.PathLike):
            raise ValueError(f"should be jsoc, a folder or the name of a file, not {value!r}")
        if value != "jsoc":
            SpikesFolder.of(value)
        return value
