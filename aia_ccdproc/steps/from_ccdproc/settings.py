"""Settings of ccdproc's own steps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from aia_ccdproc.plugin.settings import StepSettings
from aia_ccdproc.steps.from_ccdproc.types import Convert, Image, Pixels, Quantity, Section, Unit, is_image

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
                    if isinstance(mark, Convert) and value is not None:
                        value = mark.function(value)
                arguments[name] = value
        return arguments

    def _recorded(self) -> Iterator[tuple[str, Any]]:
        """Leave out the settings that have their default value: some functions have dozens."""
        for name, value in super()._recorded():
            if is_image(value) or value != type(self).model_fields[name].default:
                yield name, value


class CcdProcessSettings(CcdprocSettings):
    """Do the basic reduction of a CCD image: overscan, trimming, bias, dark, flat field and gain."""

    refused: ClassVar[dict[str, str]] = {
        **CcdprocSettings.refused,
        "bad_pixel_mask": "it would replace the mask of the image",
        "oscan_model": _NOT_A_MODEL,
    }

    oscan: Section | None = Field(
        default=None, description="Overscan region, as a section in FITS notation; by default none is subtracted."
    )
    trim: Section | None = Field(
        default=None, description="Region to keep, as a section in FITS notation; by default the whole image."
    )
    error: bool = Field(
        default=False, description="Compute the uncertainty from gain and readnoise, which are then needed."
    )
    master_bias: Image = Field(
        default=None, description="Path of the bias frame to subtract; its unit: see gain_corrected."
    )
    dark_frame: Image = Field(
        default=None, description="Path of the dark frame to subtract; its unit: see gain_corrected."
    )
    master_flat: Image = Field(default=None, description="Path of the flat field to divide by.")
    gain: Quantity = Field(
        default=None, description="Gain that the image is multiplied by, such as '17.7 electron / DN'."
    )
    readnoise: Quantity = Field(default=None, description="Read noise of a pixel, such as '20.5 electron'.")
    oscan_median: bool = Field(
        default=True, description="Take the median of each line of the overscan; false: take the mean."
    )
    min_value: float | None = Field(
        default=None, description="Smaller values of the flat field are replaced by this one."
    )
    dark_exposure: Quantity = Field(
        default=None, description="Exposure time of the dark frame, such as '2 s'; needs data_exposure."
    )
    data_exposure: Quantity = Field(
        default=None, description="Exposure time of the image, such as '2.9 s'; needs dark_exposure."
    )
    exposure_key: str | None = Field(
        default=None, description="Header keyword of the exposure time, in place of dark_exposure and data_exposure."
    )
    exposure_unit: Unit = Field(default=None, description="Unit of the exposure times, such as 's'.")
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
    gain: Quantity = Field(
        default=1.0, description="Gain: a number in electron / adu, or with its unit, such as '17.7 electron / DN'."
    )
    readnoise: Quantity = Field(
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
    inbkg: Pixels = Field(
        default=None,
        description="Path of a background image, in the unit of the image; used for detection, not subtracted from "
        "the result.",
    )
    invar: Pixels = Field(
        default=None,
        description="Path of an image of the variance, in the squared unit of the image; by default gain and readnoise "
        "give the variance.",
    )


class CosmicrayMedianSettings(CcdprocSettings):
    """Find cosmic rays by comparison with a median-filtered image, mask them, and replace them if rbox is given."""

    error_image: Pixels = Field(
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

    gain: Quantity = Field(
        default=None,
        description="Gain, such as '17.7 electron / DN'; needed if the image and readnoise have different units.",
    )
    readnoise: Quantity = Field(description="Read noise of a pixel, such as '20.5 electron'.")
    disregard_nan: bool = Field(
        default=False, description="Use the read noise alone where the uncertainty would be NaN (negative pixels)."
    )


class FlatCorrectSettings(CcdprocSettings):
    """Divide an image by a flat field that is normalized first."""

    flat: Image = Field(description="Path of the flat field.")
    min_value: float | None = Field(
        default=None, description="Smaller values of the flat field are replaced by this one."
    )
    norm_value: float | None = Field(
        default=None, description="Positive number to normalize the flat field by; by default its mean."
    )


class GainCorrectSettings(CcdprocSettings):
    """Multiply an image by the gain."""

    gain: Quantity = Field(description="Gain, such as '17.7 electron / DN'.")
    gain_unit: Unit = Field(default=None, description="Unit of the gain if it is given as a number alone.")


class SubtractBiasSettings(CcdprocSettings):
    """Subtract a bias frame from an image."""

    master: Image = Field(description="Path of the bias frame.")


class SubtractDarkSettings(CcdprocSettings):
    """Subtract a dark frame from an image."""

    master: Image = Field(description="Path of the dark frame.")
    dark_exposure: Quantity = Field(
        default=None, description="Exposure time of the dark frame, such as '2 s'; needs data_exposure."
    )
    data_exposure: Quantity = Field(
        default=None, description="Exposure time of the image, such as '2.9 s'; needs dark_exposure."
    )
    exposure_time: str | None = Field(
        default=None, description="Header keyword of the exposure time, in place of dark_exposure and data_exposure."
    )
    exposure_unit: Unit = Field(default=None, description="Unit of the exposure times, such as 's'.")
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
    fits_section: Section = Field(description="Overscan region in FITS notation, such as '[1:10, :]'.")
    median: bool = Field(default=False, description="Take the median of each line; false: take the mean.")


class TrimImageSettings(CcdprocSettings):
    """Cut an image down to a section."""

    fits_section: Section = Field(description="Region to keep in FITS notation, such as '[1:2048, 1:2048]'.")


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
