"""The settings of the step ``deconvolve``."""

from __future__ import annotations

import os
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from aia_ccdproc.plugin import RecipeFile, StepSettings

__all__ = ["DeconvolutionSettings"]

#: Most iterations that a recipe may ask for.
_MOST_ITERATIONS = 1000


class DeconvolutionSettings(StepSettings):
    """Settings of ``deconvolve``."""

    psf: Annotated[Literal["grigis2012", "grigis2012-preflight"] | RecipeFile, Field(union_mode="left_to_right")] = (
        Field(
            default="grigis2012",
            description="Point spread function: grigis2012 (measured core), grigis2012-preflight (core measured before "
            "launch), or the path of a FITS file; from Python also an array.",
        )
    )
    method: Literal["richardson-lucy", "richardson-lucy-accelerated", "bid"] = Field(
        default="richardson-lucy",
        description="Method: richardson-lucy (as SSW and aiapy), richardson-lucy-accelerated (extrapolated), or "
        "bid (Basic Iterative Deconvolution).",
    )
    iterations: int | None = Field(
        default=None,
        ge=1,
        le=_MOST_ITERATIONS,
        description="Number of iterations, or the largest number with tolerance; by default 25 for richardson-lucy, "
        "and 10 for the others.",
    )
    tolerance: float | None = Field(
        default=None,
        gt=0,
        description="Stop when an iteration changes the reduced chi-square by less than this. The noise is the "
        "uncertainty of the image; without one, that of as many photons as DN.",
    )
    clip_negative: bool = Field(
        default=True, description="Set negative counts to zero, and keep the result from becoming negative."
    )
    saturation: float = Field(
        default=15000.0,
        gt=0,
        description="Pixels with this value or more, in DN, are saturated: it is a lower limit, and they are masked.",
    )
    surroundings: Literal["uniform", "dark", "periodic"] = Field(
        default="uniform",
        description="Light from outside of the image: of a uniform brightness that is fitted, none (dark), or that of "
        "the opposite border (periodic), as in SSW and aiapy.",
    )
    uncertainty: Literal["propagate", "monte-carlo", "none"] = Field(
        default="propagate",
        description="Uncertainty of the result: that of a linear filter, or from realizations of the noise "
        "(monte-carlo); none drops it.",
    )
    realizations: int = Field(default=20, ge=2, description="Number of realizations of the noise for monte-carlo.")
    device: Literal["cpu", "cuda"] = Field(
        default="cpu", description="Processor: cpu, or cuda, which needs array-api-compat and cupy or torch."
    )

    @field_validator("psf")
    @classmethod
    def _check_psf(cls, value: Any) -> Any:
        if not isinstance(value, str | os.PathLike) and not hasattr(value, "__array__"):
            raise ValueError(f"should be the name of a model, the path of a FITS file or an array, not {value!r}")
        return value
