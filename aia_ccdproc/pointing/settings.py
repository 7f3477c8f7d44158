"""Settings of ``update_pointing``."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from aia_ccdproc.errors import nearest_name
from aia_ccdproc.plugin.fields import ServerURL, Timeout, validate_table_source
from aia_ccdproc.plugin.settings import StepSettings

__all__ = ["HEADER", "SOURCE_NAMES", "PointingSettings"]

#: Source that is not a table of records: the pointing of the image's own header.
HEADER = "header"
#: Names of sources; any other string is the path or URL of a table. ``pointing/sources.py`` defines their meaning.
SOURCE_NAMES = ("auto", "cache", "jsoc", HEADER)


def _validate_element(value: Any, info: ValidationInfo) -> Any:
    source = validate_table_source(value, info, SOURCE_NAMES, "a list of these")
    if isinstance(value, str) and isinstance(source, Path):
        nearest = nearest_name(value.lower(), SOURCE_NAMES)
        if nearest is not None and not source.exists():
            raise ValueError(
                f"{value!r} is neither a table that exists nor one of {', '.join(SOURCE_NAMES)}; "
                f"did you mean {nearest!r}?"
            )
    return source


class PointingSettings(StepSettings):
    """Settings of ``update_pointing``."""

    source: Any = Field(
        default="auto",
        description="Source of the pointing records: auto (the local cache, then JSOC), cache, jsoc, the path or URL "
        "of a table (ECSV, or CSV with JSOC's columns), or a list of these, which are asked in order; from Python also "
        "a Table. header: keep the pointing of the header.",
    )
    on_missing: Literal["error", "keep"] = Field(
        default="error",
        description="If no source has a record: raise an error, or keep the pointing of the header and record that in "
        "HISTORY.",
    )
    server: ServerURL = None
    timeout: Timeout = 60.0

    @field_validator("source", mode="before", json_schema_input_type=str | list[str])
    @classmethod
    def _validate_source(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, list | tuple) and value:
            if HEADER in (element for element in value if isinstance(element, str)):
                raise ValueError(
                    f'"{HEADER}" cannot be in a list. Use on_missing = "keep" to keep the pointing of the header if no '
                    "source has a record"
                )
            return tuple(_validate_element(element, info) for element in value)
        return _validate_element(value, info)

    @property
    def keeps_header(self) -> bool:
        """Whether the pointing of the header is kept, and no records are needed.

        Returns
        -------
        bool
            True if the source is ``"header"``.
        """
        return isinstance(self.source, str) and self.source == HEADER

    @property
    def sources(self) -> tuple[Any, ...]:
        """Sources, in the order in which they are asked.

        Returns
        -------
        tuple
            Names of sources, paths, URLs or tables.
        """
        return self.source if isinstance(self.source, tuple) else (self.source,)

    @property
    def uses_server(self) -> bool:
        """Whether a record may be fetched from the server.

        Returns
        -------
        bool
            True if a source is ``"auto"`` or ``"jsoc"``.
        """
        return any(source in ("auto", "jsoc") for source in self.sources if isinstance(source, str))
