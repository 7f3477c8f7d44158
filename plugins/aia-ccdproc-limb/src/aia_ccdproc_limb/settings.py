"""The settings of the step ``measure_limb``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from aia_ccdproc.plugin import StepSettings

__all__ = ["LimbSettings"]


class LimbSettings(StepSettings):
    """Settings of ``measure_limb``."""

    check: float | None = Field(
        default=None,
        gt=0,
        description="Largest distance in arcsec between the center of the limb and the Sun center of the header. By "
        "default, the distance is not checked.",
    )
    on_failure: Literal["warn", "fail"] = Field(
        default="warn",
        description="What happens if the distance is larger, or if the limb cannot be measured: warn or fail.",
    )
