"""Types of the settings of ccdproc's steps.

A recipe contains text where ccdproc takes an object: ``"17.7 electron / DN"`` for a quantity, ``"s"`` for a unit, the
path of a FITS file for a calibration frame. `Convert` marks how it is converted when the step is run.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from aia_ccdproc.lazy import is_instance
from aia_ccdproc.plugin.fields import RecipeFile

if TYPE_CHECKING:
    from astropy.nddata import CCDData

__all__ = ["Convert", "Image", "Pixels", "Quantity", "Section", "Unit", "is_image"]


@dataclass(frozen=True)
class Convert:
    """Marks a setting that is converted before it is passed to ccdproc."""

    function: Callable[[Any], Any]


def is_image(value: object) -> bool:
    """Check whether the value of a setting is an image.

    Parameters
    ----------
    value : object
        The value.

    Returns
    -------
    bool
        True for a CCDData.
    """
    return is_instance(value, "astropy.nddata", "CCDData")


def _check_image(value: Any) -> Any:
    if not (isinstance(value, os.PathLike) or is_image(value)):
        raise ValueError(f"should be the path of a FITS image, not {value!r}")
    return value


def _check_quantity(value: Any) -> Any:
    """Return a number as a float, and a quantity as text; equal quantities give the same text."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    from astropy import units as u

    try:
        quantity = u.Quantity(value) if isinstance(value, str | u.Quantity) else None
    except (TypeError, ValueError):
        quantity = None
    if quantity is None or not quantity.isscalar or not math.isfinite(quantity.value):
        raise ValueError(f"should be a number and a unit, such as '17.7 electron / DN', not {value!r}")
    return f"{float(quantity.value)!r} {quantity.unit.to_string()}".strip()


def _check_unit(value: Any) -> str:
    from astropy import units as u

    from aia_ccdproc.images.units import unit_from_text

    unit = unit_from_text(value) if isinstance(value, str) else value
    if not isinstance(unit, u.UnitBase):
        raise ValueError(f"should be a unit, such as 's' or 'electron / DN', not {value!r}")
    return str(unit.to_string())


def _check_section(value: str) -> str:
    from ccdproc.utils.slices import slice_from_string  # ccdproc takes a second to import

    try:
        axes = len(slice_from_string(value, fits_convention=True))
    except Exception:  # IndexError, ValueError or TypeError, depending on the text
        axes = 0
    if axes != 2 or re.search(r"[\[,]\s*0", value):  # FITS counts pixels from 1
        raise ValueError(f"should be a section in FITS notation, such as '[1:4096, 11:20]', not {value!r}")
    return value


def _read_image(value: Any) -> CCDData:
    from aia_ccdproc.steps.from_ccdproc.frames import read_calibration_frame

    return value if is_image(value) else read_calibration_frame(value)


def _read_pixels(value: Any) -> Any:
    return _read_image(value).data


def _to_quantity(value: Any) -> Any:
    from astropy import units as u

    return u.Quantity(value) if isinstance(value, str) else value


def _to_unit(value: str) -> Any:
    from astropy import units as u

    return u.Unit(value)


_Path = Annotated[RecipeFile, AfterValidator(_check_image), WithJsonSchema({"type": "string"})]
#: Path of a FITS image, or a CCDData.
Image = Annotated[_Path, Convert(_read_image)]
#: As `Image`; ccdproc takes the array.
Pixels = Annotated[_Path, Convert(_read_pixels)]
#: Number, or text with a unit; ccdproc takes a quantity.
Quantity = Annotated[
    Any, BeforeValidator(_check_quantity), WithJsonSchema({"type": ["string", "number"]}), Convert(_to_quantity)
]
#: Name of a unit; ccdproc takes the unit.
Unit = Annotated[Any, BeforeValidator(_check_unit), WithJsonSchema({"type": "string"}), Convert(_to_unit)]
#: Section of an image in FITS notation.
Section = Annotated[str, AfterValidator(_check_section)]
