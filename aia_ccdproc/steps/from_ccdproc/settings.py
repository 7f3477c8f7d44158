"""Settings of ccdproc's own steps.

A recipe contains text where ccdproc takes an object: ``"17.7 electron / DN"`` for a quantity, ``"s"`` for a unit, the
path of a FITS file for a calibration frame. `CcdprocSettings.arguments` converts it.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from astropy import units as u
from astropy.nddata import CCDData
from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from aia_ccdproc.plugin.fields import RecipeFile
from aia_ccdproc.plugin.settings import StepSettings
from aia_ccdproc.steps.from_ccdproc.frames import read_calibration_frame

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

__all__ = ["CCDPROC_MODELS", "UNUSABLE", "CcdprocSettings"]

#: Functions of ccdproc that cannot be steps: why, and what to use instead.
UNUSABLE = {
    **dict.fromkeys(
        [
            "background_deviation_box",
            "background_deviation_filter",
            "bitfield_to_boolean_mask",
            "ccdmask",
            "sigma_func",
        ],
        "it does not return an image",
    ),
    **dict.fromkeys(
        ["block_average", "block_reduce", "block_replicate"],
        "it drops the WCS, the mask and the uncertainty; use register with a target that has other pixels, or call it "
        "on the result",
    ),
    "combine": "it makes one image out of many; call it on the outputs of the recipe",
    "median_filter": "it drops the mask and the uncertainty; call it on the result",
    "rebin": "it keeps the WCS of the old pixels; use register with a target that has other pixels",
    "transform_image": "it takes a function, which TOML cannot represent; write a plugin",
    "wcs_project": "it drops the uncertainty and multiplies by the ratio of the pixel areas; use register",
}

_NOT_A_MODEL = "TOML cannot represent an astropy model"


# -- types of settings ---------------------------------------------------------------------------


@dataclass(frozen=True)
class _Convert:
    """Marks a setting that is converted before it is passed to ccdproc."""

    function: Callable[[Any], Any]


def _check_image(value: Any) -> Any:
    if not isinstance(value, os.PathLike | CCDData):
        raise ValueError(f"should be the path of a FITS image, not {value!r}")
    return value


def _check_quantity(value: Any) -> Any:
    """Return a number as a float, and a quantity as text; equal quantities give the same text."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    try:
        quantity = u.Quantity(value) if isinstance(value, str | u.Quantity) else None
    except (TypeError, ValueError):
        quantity = None
    if quantity is None or not quantity.isscalar or not math.isfinite(quantity.value):
        raise ValueError(f"should be a number and a unit, such as '17.7 electron / DN', not {value!r}")
    return f"{float(quantity.value)!r} {quantity.unit.to_string()}".strip()


def _check_unit(value: Any) -> str:
    try:
        unit = u.Unit(value) if isinstance(value, str | u.UnitBase) else None
    except ValueError:
        unit = None
    if unit is None:
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
    return value if isinstance(value, CCDData) else read_calibration_frame(value)


def _read_pixels(value: Any) -> Any:
    return _read_image(value).data


def _to_quantity(value: Any) -> Any:
    return u.Quantity(value) if isinstance(value, str) else value


_Path = Annotated[RecipeFile, AfterValidator(_check_image), WithJsonSchema({"type": "string"})]
_Image = Annotated[_Path, _Convert(_read_image)]
_Pixels = Annotated[_Path, _Convert(_read_pixels)]
_Quantity = Annotated[
    Any, BeforeValidator(_check_quantity), WithJsonSchema({"type": ["string", "number"]}), _Convert(_to_quantity)
]
_Unit = Annotated[Any, BeforeValidator(_check_unit), WithJsonSchema({"type": "string"}), _Convert(u.Unit)]
_Section = Annotated[str, AfterValidator(_check_section)]


# -- settings ------------------------------------------------------------------------------------


class CcdprocSettings(StepSettings):
    """Base class of the settings of ccdproc's steps."""

    #: Parameters of the function that a recipe cannot give, each with the reason.
    refused: ClassVar[dict[str, str]] = {"add_keyword": "every step of a recipe adds a line to HISTORY"}

    @classmethod
    def explain(cls, detail: ErrorDetails, *, other_keys: tuple[str, ...] = ()) -> str:  # numpydoc ignore=GL08
        name = str(detail["loc"][0]) if detail["loc"] else ""
        if detail["type"] == "extra_forbidden" and name in cls.refused:
            return f"{name} cannot be given: {cls.refused[name]}"
        return super().explain(detail, other_keys=other_keys)

    def arguments(self) -> dict[str, Any]:
        """Convert the settings to what ccdproc takes.

        Returns
        -------
        dict
            Keyword arguments; only those that are given.

        Raises
        ------
        ReadError
            If an image cannot be read.
        """
        arguments = {}
        for name, field in type(self).model_fields.items():
            if name in self.model_fields_set:
                value = getattr(self, name)
                for mark in field.metadata:
                    if isinstance(mark, _Convert) and value is not None:
                        value = mark.function(value)
                arguments[name] = value
        return arguments

    def _recorded(self) -> Iterator[tuple[str, Any]]:
        """Leave out the settings that have their default value: some functions have dozens."""
        for name, value in super()._recorded():
            if isinstance(value, CCDData) or value != type(self).model_fields[name].default:
                yield name, value


class CcdProcessSettings(CcdprocSettings):
    """Do the basic reduction of a CCD image: overscan, trimming, bias, dark, flat field and gain."""

    refused: ClassVar[dict[str, str]] = {
        **CcdprocSettings.refused,
        "bad_pixel_mask": "it would replace the mask of the image",
        "oscan_model": _NOT_A_MODEL,
    }

    oscan: _Section | None = Field(
        default=None, description="Overscan region, as a section in FITS notation; by default none is subtracted."
    )
    trim: _Section | None = Field(
        default=None, description="Region to keep, as a section in FITS notation; by default the whole image."
    )
    error: bool = Field(
        default=False, description="Compute the uncertainty from gain and readnoise, which are then needed."
    )
    master_bias: _Image = Field(
        default=None, description="Path of the bias frame to subtract; its unit: see gain_corrected."
    )
    dark_frame: _Image = Field(
        default=None, description="Path of the dark frame to subtract; its unit: see gain_corrected."
    )
    master_flat: _Image = Field(default=None, description="Path of the flat field to divide by.")
    gain: _Quantity = Field(
        default=None, description="Gain that the image is multiplied by, such as '17.7 electron / DN'."
    )
    readnoise: _Quantity = Field(default=None, description="Read noise of a pixel, such as '20.5 electron'.")
    oscan_median: bool = Field(
        default=True, description="Take the median of each line of the overscan; false: take the mean."
    )
    min_value: float | None = Field(
        default=None, description="Smaller values of the flat field are replaced by this one."
    )
    dark_exposure: _Quantity = Field(
        default=None, description="Exposure time of the dark frame, such as '2 s'; needs data_exposure."
    )
    data_exposure: _Quantity = Field(
        default=None, description="Exposure time of the image, such as '2.9 s'; needs dark_exposure."
    )
    exposure_key: str | None = Field(
        default=None, description="Header keyword of the exposure time, in place of dark_exposure and data_exposure."
    )
    exposure_unit: _Unit = Field(default=None, description="Unit of the exposure times, such as 's'.")
    dark_scale: bool = Field(default=False, description="Multiply the dark frame by the ratio of the exposure times.")
    gain_corrected: bool = Field(
        default=True, description="Whether the bias, dark and flat frames are already multiplied by the gain."
    )


class CosmicrayLacosmicSettings(CcdprocSettings):
    """Remove cosmic rays by L.A.Cosmic (van Dokkum 2001)."""

    refused: ClassVar[dict[str, str]] = {
        **CcdprocSettings.refused,
        "psfk": "TOML cannot represent an array; give psfmodel, psffwhm and psfsize",
        "pssl": "it is removed in ccdproc 3.0; give inbkg",
        "verbose": "the text that ccdproc prints would disturb the progress display",
    }

    sigclip: float = Field(
        default=4.5, description="Detection threshold in units of the noise; a lower value finds more cosmic rays."
    )
    sigfrac: float = Field(
        default=0.3, description="Threshold for pixels next to a cosmic ray, as a fraction of sigclip."
    )
    objlim: float = Field(
        default=5.0,
        description="Minimum contrast between a cosmic ray and the structure of the image; increase it if bright "
        "compact features are taken for cosmic rays.",
    )
    gain: _Quantity = Field(
        default=1.0, description="Gain: a number in electron / adu, or with its unit, such as '17.7 electron / DN'."
    )
    readnoise: _Quantity = Field(
        default=6.5,
        description="Read noise of a pixel: a number in electron, or with its unit, such as '20.5 electron'.",
    )
    satlevel: float = Field(
        default=65535.0, description="Saturation level in electron; pixels that reach it are masked."
    )
    niter: int = Field(default=4, description="Number of iterations.")
    sepmed: bool = Field(
        default=True, description="Use a separable median filter: much faster, with nearly the same result."
    )
    cleantype: Literal["median", "medmask", "meanmask", "idw"] = Field(
        default="meanmask",
        description="How a pixel is replaced, from the 5 x 5 pixels around it: median (of all), medmask (median of the "
        "good ones), meanmask (mean of the good ones), or idw (mean weighted by inverse distance).",
    )
    fsmode: Literal["median", "convolve"] = Field(
        default="median",
        description="How the structure of the image is found: with a median filter, or by convolution with a PSF.",
    )
    psfmodel: Literal["gauss", "gaussx", "gaussy", "moffat"] = Field(
        default="gauss",
        description="PSF for fsmode = 'convolve': gauss and moffat are round, gaussx and gaussy extend along one axis.",
    )
    psffwhm: float = Field(default=2.5, description="Full width at half maximum of the PSF, in pixels.")
    psfsize: int = Field(default=7, description="Width of the PSF array in pixels, an odd number.")
    psfbeta: float = Field(default=4.765, description="Exponent beta of the Moffat PSF.")
    gain_apply: bool = Field(
        default=True, description="Return the image multiplied by the gain; false: in its own unit."
    )
    inbkg: _Pixels = Field(
        default=None,
        description="Path of a background image, in the unit of the image; used for detection, not subtracted from "
        "the result.",
    )
    invar: _Pixels = Field(
        default=None,
        description="Path of an image of the variance, in the squared unit of the image; by default gain and readnoise "
        "give the variance.",
    )


class CosmicrayMedianSettings(CcdprocSettings):
    """Find cosmic rays by comparison with a median-filtered image, mask them, and replace them if rbox is given."""

    error_image: _Pixels = Field(
        default=None, description="Path of an image of the noise; by default the uncertainty of the image is used."
    )
    thresh: float = Field(default=5.0, description="Detection threshold in units of the noise.")
    mbox: int = Field(default=11, description="Width of the median filter in pixels.")
    gbox: int = Field(
        default=0, description="Width in pixels of the box by which cosmic rays are enlarged; 0: they are not."
    )
    rbox: int = Field(
        default=0,
        description="Width in pixels of the box whose median replaces a cosmic ray; 0: it is masked and not replaced.",
    )


class CreateDeviationSettings(CcdprocSettings):
    """Compute the uncertainty of an image from its photon noise and its read noise."""

    gain: _Quantity = Field(
        default=None,
        description="Gain, such as '17.7 electron / DN'; needed if the image and readnoise have different units.",
    )
    readnoise: _Quantity = Field(description="Read noise of a pixel, such as '20.5 electron'.")
    disregard_nan: bool = Field(
        default=False, description="Use the read noise alone where the uncertainty would be NaN (negative pixels)."
    )


class FlatCorrectSettings(CcdprocSettings):
    """Divide an image by a flat field that is normalized first."""

    flat: _Image = Field(description="Path of the flat field.")
    min_value: float | None = Field(
        default=None, description="Smaller values of the flat field are replaced by this one."
    )
    norm_value: float | None = Field(
        default=None, description="Positive number to normalize the flat field by; by default its mean."
    )


class GainCorrectSettings(CcdprocSettings):
    """Multiply an image by the gain."""

    gain: _Quantity = Field(description="Gain, such as '17.7 electron / DN'.")
    gain_unit: _Unit = Field(default=None, description="Unit of the gain if it is given as a number alone.")


class SubtractBiasSettings(CcdprocSettings):
    """Subtract a bias frame from an image."""

    master: _Image = Field(description="Path of the bias frame.")


class SubtractDarkSettings(CcdprocSettings):
    """Subtract a dark frame from an image."""

    master: _Image = Field(description="Path of the dark frame.")
    dark_exposure: _Quantity = Field(
        default=None, description="Exposure time of the dark frame, such as '2 s'; needs data_exposure."
    )
    data_exposure: _Quantity = Field(
        default=None, description="Exposure time of the image, such as '2.9 s'; needs dark_exposure."
    )
    exposure_time: str | None = Field(
        default=None, description="Header keyword of the exposure time, in place of dark_exposure and data_exposure."
    )
    exposure_unit: _Unit = Field(default=None, description="Unit of the exposure times, such as 's'.")
    scale: bool = Field(default=False, description="Multiply the dark frame by the ratio of the exposure times.")


class SubtractOverscanSettings(CcdprocSettings):
    """Subtract the signal of the overscan region from an image."""

    refused: ClassVar[dict[str, str]] = {
        **CcdprocSettings.refused,
        "model": _NOT_A_MODEL,
        "overscan": "it is a part of the image itself; give its fits_section",
    }

    overscan_axis: Literal[0, 1] = Field(
        default=1, description="Axis along which the overscan is averaged, numbered as in numpy: 0 is y, 1 is x."
    )
    fits_section: _Section = Field(description="Overscan region in FITS notation, such as '[1:10, :]'.")
    median: bool = Field(default=False, description="Take the median of each line; false: take the mean.")


class TrimImageSettings(CcdprocSettings):
    """Cut an image down to a section."""

    fits_section: _Section = Field(description="Region to keep in FITS notation, such as '[1:2048, 1:2048]'.")


#: The functions of ccdproc that can be steps, with the models of their settings.
CCDPROC_MODELS: dict[str, type[CcdprocSettings]] = {
    "ccd_process": CcdProcessSettings,
    "cosmicray_lacosmic": CosmicrayLacosmicSettings,
    "cosmicray_median": CosmicrayMedianSettings,
    "create_deviation": CreateDeviationSettings,
    "flat_correct": FlatCorrectSettings,
    "gain_correct": GainCorrectSettings,
    "subtract_bias": SubtractBiasSettings,
    "subtract_dark": SubtractDarkSettings,
    "subtract_overscan": SubtractOverscanSettings,
    "trim_image": TrimImageSettings,
}
