"""Settings of a recipe's ``[output]`` table."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from aia_ccdproc.images.names import NamePattern
from aia_ccdproc.plugin.settings import StepSettings

__all__ = ["OutputSettings"]


class OutputSettings(StepSettings):
    """A recipe's ``[output]``: how the files that it makes are named and written."""

    name: str = Field(
        default="{stem}_lev1p5.fits",
        description="Name of an output below the output folder: {stem} is the input's name, {WAVELNTH:04d} and "
        "{T_OBS:%Y%m%dT%H%M%S} are keywords of its header; / makes folders.",
    )
    compression: Literal["none", "rice", "lossless"] = Field(
        default="none",
        description="Tile compression: none, rice (values are rounded to a 16th of the noise), or lossless.",
    )
    overwrite: bool = Field(
        default=False, description="Replace outputs that are there already and stem from another recipe or input."
    )

    @field_validator("name")
    @classmethod
    def _a_pattern(cls, value: str) -> str:
        return NamePattern(value).pattern

    @property
    def pattern(self) -> NamePattern:
        """The name, as what can be filled in.

        Returns
        -------
        `~aia_ccdproc.images.names.NamePattern`
            The pattern.
        """
        return NamePattern(self.name)
