"""What a recipe can say of the step."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from aia_ccdproc.plugin import StepSettings, Timeout, table_source

__all__ = ["NoiseSettings"]


class NoiseSettings(StepSettings):
    """Settings of ``estimate_uncertainty``."""

    table: Annotated[Any, table_source()] = Field(
        description="Path or URL of SSW's error table (DN per photon, compression, systematic errors); from Python "
        "also a Table. It is not shipped, and nothing can be estimated without it."
    )
    version: int | None = Field(
        default=None,
        ge=1,
        description="Version of the table (VER_NUM); by default the newest that it has for the channel.",
    )
    calibration: Literal["none", "preflight", "eve"] = Field(
        default="none",
        description="Error of the absolute calibration to add: none, preflight (CALERR, of the calibration on the "
        "ground) or eve (EVEERR, of the scaling to SDO/EVE). The same for all pixels; see the documentation.",
    )
    chianti: bool = Field(
        default=False, description="Add the error of the CHIANTI atomic data (CHIANTI). The same for all pixels."
    )
    replace: bool = Field(default=False, description="Replace an uncertainty that the image has.")
    timeout: Timeout = 60.0
