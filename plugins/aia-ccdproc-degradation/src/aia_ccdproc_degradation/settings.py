"""The settings of the step ``correct_degradation``."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from aia_ccdproc.plugin import ServerURL, StepSettings, Timeout, table_source

__all__ = ["DegradationSettings"]


class DegradationSettings(StepSettings):
    """Settings of ``correct_degradation``."""

    table: Annotated[Any, table_source("jsoc")] = Field(
        default="jsoc",
        description="Table of effective areas: jsoc (its series aia.response), or the path or URL of a response table "
        "of SSW; from Python also a Table.",
    )
    version: int | None = Field(
        default=None,
        ge=1,
        description="Version of the calibration (VER_NUM); by default the newest in the table for the channel. For "
        "4500 angstrom, version 3 is used in place of later ones.",
    )
    server: ServerURL = None
    timeout: Timeout = 60.0
