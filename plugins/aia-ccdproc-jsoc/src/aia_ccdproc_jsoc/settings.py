"""The settings of the step ``refresh_keywords``."""

from __future__ import annotations

from pydantic import Field

from aia_ccdproc.plugin import ServerURL, StepSettings, Timeout

__all__ = ["RefreshSettings"]


class RefreshSettings(StepSettings):
    """Settings of ``refresh_keywords``."""

    series: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z_]\w*\.\w+$",
        description="Series of the records, aia.lev1_euv_12s for example; by default that of the channel.",
    )
    server: ServerURL = None
    timeout: Timeout = 60.0
