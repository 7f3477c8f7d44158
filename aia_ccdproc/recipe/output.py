"""Settings of a recipe's ``[output]`` table."""

from __future__ import annotations

from pydantic import Field, field_validator

from aia_ccdproc.images.compression import Compression
from aia_ccdproc.images.names import NamePattern
from aia_ccdproc.plugin.settings import StepSettings

__all__ = ["OutputSettings"]


class OutputSettings(StepSettings):
    """How the outputs of a recipe are named and written."""

    name: str = Field(
        default="{stem_lev1p5}.fits",
        description="Name of an output in the output folder: {stem} is the name of the input without its ending, "
        "{stem_lev1p5} is the same with lev1p5 in place of lev1 at its end or after it, "
        "{WAVELNTH:04d} and {T_OBS:%Y%m%dT%H%M%S} are keywords of its header, and / makes folders.",
    )
    compression: Compression = Field(
        default="none",
        description="Tile compression: none, rice (values are rounded to 1/16 of the noise) or lossless.",
    )
    overwrite: bool = Field(
        default=False, description="Replace existing outputs that were made from another input or with another recipe."
    )

    @field_validator("name")
    @classmethod
    def _check_pattern(cls, value: str) -> str:
        return NamePattern(value).pattern

    @property
    def pattern(self) -> NamePattern:
        """The name as a pattern that can be filled in.

        Returns
        -------
        `~aia_ccdproc.images.names.NamePattern`
            The pattern.
        """
        return NamePattern(self.name)
