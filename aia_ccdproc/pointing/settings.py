"""Settings of ``update_pointing``."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from aia_ccdproc.plugin.fields import ServerURL, Timeout, checked_source
from aia_ccdproc.plugin.settings import StepSettings

__all__ = ["POINTING_SOURCES", "PointingSettings"]


#: Words that name a source of pointing records and not a table's path.
POINTING_SOURCES = ("auto", "cache", "jsoc")


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
            return tuple(checked_source(one, info, POINTING_SOURCES, "a list of these") for one in value)
        return checked_source(value, info, POINTING_SOURCES, "a list of these")

    @property
    def sources(self) -> tuple[Any, ...]:
        """The sources, in the order in which they are asked.

        Returns
        -------
        tuple
            Words, paths, URLs or tables.
        """
        return self.source if isinstance(self.source, tuple) else (self.source,)
