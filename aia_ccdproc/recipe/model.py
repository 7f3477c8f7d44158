"""The pydantic model of a recipe: its keys and tables, with their types, defaults and descriptions."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    PlainValidator,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    field_validator,
)
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


def _should_be(expected: str, advice: str = "") -> WrapValidator:
    """Describe an invalid value in one message; pydantic has one for each type that the value could have."""

    def check(value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
        try:
            return validate(value)
        except ValidationError:
            raise ValueError(f"should be {expected}, not {value!r}{advice}") from None

    return WrapValidator(check)


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
    instrument: Annotated[
        Literal["generic"] | None,
        _should_be(
            f'"{GENERIC}"',
            "; other instruments are identified by their headers, and selected by instrument in [select]",
        ),
    ] = Field(
        default=None,
        description="generic: the images are from an instrument that no plugin knows; by default the header of each "
        "image identifies its instrument.",
    )
    plate_scale: Annotated[
        Annotated[float, Field(gt=0, allow_inf_nan=False)] | None, _should_be("a positive number of arcsec")
    ] = Field(
        default=None,
        description="With instrument = generic: plate scale, in arcsec, of pixels that become pixels of 0.6 arcsec.",
    )
    hdu: Annotated[
        Annotated[int, Field(ge=0)] | Annotated[str, Field(min_length=1)] | None,
        _should_be("the number or the name of an HDU"),
    ] = Field(
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
