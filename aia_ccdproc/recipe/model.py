"""The pydantic model of a recipe: its keys and tables, with their types, defaults and descriptions."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator, ValidationInfo, field_validator
from pydantic_core import ErrorDetails

from aia_ccdproc.errors import suggestion
from aia_ccdproc.plugin.instrument import GENERIC
from aia_ccdproc.plugin.settings import StepSettings
from aia_ccdproc.recipe.output import OutputSettings
from aia_ccdproc.recipe.problems import TableProblems, described
from aia_ccdproc.recipe.recipe_step import RecipeStep
from aia_ccdproc.recipe.selection import Selection
from aia_ccdproc.recipe.step_table import SelectionField, read_step

__all__ = ["RecipeModel"]


def _read_output(table: Any, info: ValidationInfo) -> OutputSettings:
    if not isinstance(table, dict):
        raise ValueError(f"should be a table, not {table!r}")
    problems = TableProblems(info)
    output = problems.validate(OutputSettings, table)
    if output is None:
        raise problems.as_error()
    return output


class RecipeModel(StepSettings):
    """A recipe for aia-prep: the steps, their order and their settings, and the images that they are run on."""

    name: str | None = Field(
        default=None, description="Name of the recipe (keyword RECIPE); by default the name of the file."
    )
    description: str = Field(default="", description="What the recipe is for.")
    instrument: Literal["generic"] | None = Field(
        default=None,
        description="generic: the images are from an instrument that no plugin knows; by default the header of each "
        "image identifies its instrument.",
    )
    plate_scale: float | None = Field(
        default=None,
        gt=0,
        allow_inf_nan=False,
        description="With instrument = generic: plate scale, in arcsec, of pixels that become pixels of 0.6 arcsec.",
    )
    hdu: Annotated[int, Field(ge=0)] | Annotated[str, Field(min_length=1)] | None = Field(
        default=None,
        description="Number or name of the HDU that contains the image; needed if a file contains more than one image.",
    )
    select: SelectionField = Field(
        default=Selection(), description="Images that the recipe is for, by their header keywords; by default all."
    )
    output: Annotated[OutputSettings, PlainValidator(_read_output)] = Field(
        default=OutputSettings(), description="How the outputs are named and written."
    )
    step: list[Annotated[RecipeStep, PlainValidator(read_step)]] = Field(
        default=[], validate_default=True, description="The steps, in the order in which they are run."
    )

    @field_validator("instrument", mode="before")
    @classmethod
    def _check_instrument(cls, value: Any) -> Any:
        if value not in (None, GENERIC):
            raise ValueError(
                f'should be "{GENERIC}", not {value!r}; other instruments are identified by their headers, and '
                "selected by instrument in [select]"
            )
        return value

    @field_validator("plate_scale", mode="before")
    @classmethod
    def _check_plate_scale(cls, value: Any) -> Any:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not 0 < value < math.inf:
            raise ValueError(f"should be a positive number of arcsec, not {value!r}")
        return value

    @field_validator("hdu", mode="before")
    @classmethod
    def _check_hdu(cls, value: Any) -> Any:
        is_number = isinstance(value, int) and not isinstance(value, bool) and value >= 0
        if not is_number and not (isinstance(value, str) and value):
            raise ValueError(f"should be the number or the name of an HDU, not {value!r}")
        return value

    @field_validator("step", mode="before")
    @classmethod
    def _check_steps(cls, value: Any) -> Any:
        if not isinstance(value, list) or not value:
            raise described("a recipe needs at least one [[step]] table")
        return value

    @classmethod
    def explain(cls, detail: ErrorDetails, *, other_keys: tuple[str, ...] = ()) -> str:  # numpydoc ignore=GL08
        if detail["type"] == "extra_forbidden":
            name = str(detail["loc"][0])
            return f"unknown key {name!r}; {suggestion(name, cls.model_fields)}"
        return super().explain(detail, other_keys=other_keys)
