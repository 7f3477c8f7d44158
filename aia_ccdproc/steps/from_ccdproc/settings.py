"""Settings of ccdproc's own steps: models of their signatures.

What TOML holds as a text becomes what ccdproc takes: ``"17.7 electron / DN"`` a quantity, ``"s"`` a unit, the path of
a master frame an image.
"""

from __future__ import annotations

import functools
import inspect
import math
import os
import re
from collections.abc import Callable, Iterator
from typing import Annotated, Any, ClassVar, Literal

import ccdproc
from astropy import units as u
from astropy.nddata import CCDData
from ccdproc.utils.slices import slice_from_string
from pydantic import AfterValidator, BeforeValidator, Field, create_model

from aia_ccdproc.plugin.fields import RecipeFile
from aia_ccdproc.plugin.settings import StepSettings
from aia_ccdproc.steps.from_ccdproc.frames import read_master

__all__ = ["UNUSABLE", "CcdprocSettings", "ccdproc_models", "first_sentence"]


def _quantity(value: Any) -> Any:
    """Write a quantity as the text that it is kept as, alike for the same value; a number stays one."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    try:
        quantity = u.Quantity(value) if isinstance(value, str | u.Quantity) else None
    except (TypeError, ValueError):
        quantity = None
    if quantity is None or not quantity.isscalar or not math.isfinite(quantity.value):
        raise ValueError(f"should be a number and a unit, as '17.7 electron / DN', not {value!r}")
    return f"{float(quantity.value)!r} {quantity.unit.to_string()}".strip()


def _unit(value: Any) -> str:
    try:
        return str(u.Unit(value).to_string()) if isinstance(value, str | u.UnitBase) else _no_unit(value)
    except ValueError:
        return _no_unit(value)


def _no_unit(value: Any) -> str:
    raise ValueError(f"should be a unit, as 's' or 'electron / DN', not {value!r}")


def _image(value: Any) -> Any:
    if not isinstance(value, os.PathLike | CCDData):
        raise ValueError(f"should be the path of a FITS image, not {value!r}")
    return value


def _section(value: str) -> str:
    try:
        axes = len(slice_from_string(value, fits_convention=True))
    except Exception:  # IndexError, ValueError, TypeError, as the text has it
        axes = 0
    if axes != 2 or re.search(r"[\[,]\s*0", value):  # FITS counts from 1
        raise ValueError(f"should be a section as FITS has it, '[1:4096, 11:20]', not {value!r}")
    return value


def _read_image(value: Any) -> CCDData:
    return value if isinstance(value, CCDData) else read_master(value)


def _as_quantity(value: Any) -> Any:
    return u.Quantity(value) if isinstance(value, str) else value


_Image = Annotated[RecipeFile, AfterValidator(_image)]
_Quantity = Annotated[Any, BeforeValidator(_quantity)]
_Unit = Annotated[Any, BeforeValidator(_unit)]
_Section = Annotated[str, AfterValidator(_section)]

#: Arguments whose default does not tell what they take, and how they are handed to ccdproc.
_ARGUMENTS: dict[str, tuple[Any, Callable[[Any], Any]]] = {
    **dict.fromkeys(["master", "flat", "master_bias", "master_flat", "dark_frame"], (_Image, _read_image)),
    **dict.fromkeys(["error_image", "inbkg", "invar"], (_Image, lambda value: _read_image(value).data)),
    **dict.fromkeys(["gain", "readnoise", "dark_exposure", "data_exposure"], (_Quantity, _as_quantity)),
    **dict.fromkeys(["gain_unit", "exposure_unit"], (_Unit, u.Unit)),
    **dict.fromkeys(["fits_section", "trim", "oscan"], (_Section, str)),
    **dict.fromkeys(["exposure_time", "exposure_key"], (str, str)),
    **dict.fromkeys(["min_value", "norm_value", "thresh"], (float, float)),
    "overscan_axis": (Literal[0, 1], int),
    "cleantype": (Literal["median", "medmask", "meanmask", "idw"], str),
    "fsmode": (Literal["median", "convolve"], str),
    "psfmodel": (Literal["gauss", "gaussx", "gaussy", "moffat"], str),
}
#: Arguments that a recipe cannot give, and why.
_REFUSED = {
    "add_keyword": "every step of a recipe leaves its line in HISTORY",
    "bad_pixel_mask": "it would replace the mask that the image has",
    "model": "a model of astropy is nothing that TOML can hold",
    "oscan_model": "a model of astropy is nothing that TOML can hold",
    "overscan": "it is a part of the image itself; give its fits_section",
    "psfk": "an array is nothing that TOML can hold; give psfmodel, psffwhm and psfsize",
    "pssl": "ccdproc 3.0 has it no more; give inbkg",
    "verbose": "what ccdproc prints would disturb the display of a batch",
}
#: Functions of ccdproc that cannot be steps, and what to use instead.
UNUSABLE = {
    **dict.fromkeys(
        [
            "background_deviation_box",
            "background_deviation_filter",
            "bitfield_to_boolean_mask",
            "ccdmask",
            "sigma_func",
        ],
        "it returns no image",
    ),
    **dict.fromkeys(
        ["block_average", "block_reduce", "block_replicate"],
        "it drops WCS, mask and uncertainty; use register with a target of other pixels, or call it on the result",
    ),
    "combine": "it makes one image of many; call it on what the recipe has made",
    "median_filter": "it drops mask and uncertainty; call it on the result",
    "rebin": "it leaves the WCS of the old pixels; use register with a target of other pixels",
    "transform_image": "it takes a function, which is nothing that TOML can hold; write a plugin",
    "wcs_project": "it drops the uncertainty and multiplies by the ratio of the pixels' areas; use register",
}
#: Arguments that ccdproc gives a default, but does nothing useful, or fails, without them.
_NEEDED = {("create_deviation", "readnoise"), ("subtract_overscan", "fits_section"), ("trim_image", "fits_section")}


class CcdprocSettings(StepSettings):
    """Base of the settings of ccdproc's steps."""

    refused: ClassVar[dict[str, str]] = {}

    @classmethod
    def explain(cls, detail: Any, *, further: tuple[str, ...] = ()) -> str:  # numpydoc ignore=GL08
        name = str(detail["loc"][0]) if detail["loc"] else ""
        if detail["type"] == "extra_forbidden" and name in cls.refused:
            return f"{name} cannot be given: {cls.refused[name]}"
        return super().explain(detail, further=further)

    def arguments(self) -> dict[str, Any]:
        """Make what ccdproc takes of what the recipe says.

        Returns
        -------
        dict
            Arguments by name; only those that are given.

        Raises
        ------
        ReadError
            If an image cannot be read.
        """
        given = {name: getattr(self, name) for name in type(self).model_fields if name in self.model_fields_set}
        return {name: _ARGUMENTS[name][1](value) if name in _ARGUMENTS else value for name, value in given.items()}

    def _said(self) -> Iterator[tuple[str, Any]]:
        """Leave out what is at its default: there are dozens of arguments."""
        for name, value in super()._said():
            default = type(self).model_fields[name].default
            if isinstance(value, CCDData) or value != default:
                yield name, value


def _model(function: Callable[..., Any]) -> type[CcdprocSettings] | None:
    """Make the model of a function's arguments; none if a recipe cannot give one that it needs."""
    fields: dict[str, Any] = {}
    refused = {"add_keyword": _REFUSED["add_keyword"]}
    for name, parameter in list(inspect.signature(function).parameters.items())[1:]:
        takes = _ARGUMENTS[name][0] if name in _ARGUMENTS else type(parameter.default)
        if name in _REFUSED or (name not in _ARGUMENTS and takes not in (bool, int, float, str)):
            if parameter.default is parameter.empty:
                return None
            refused[name] = _REFUSED.get(name, "it is nothing that TOML can hold")
            continue
        needed = parameter.default is parameter.empty or (function.__name__, name) in _NEEDED
        description = _description(function, name)
        fields[name] = (takes, Field(default=... if needed else parameter.default, description=description))
    model: type[CcdprocSettings] = create_model(
        "".join(word.capitalize() for word in function.__name__.split("_")) + "Settings",
        __base__=CcdprocSettings,
        __module__=__name__,
        __doc__=f"Settings of ``ccdproc.{function.__name__}``.",
        **fields,
    )
    model.refused = refused
    return model


def first_sentence(text: str) -> str:
    """Take the first sentence of a docstring, or of the description of an argument.

    Parameters
    ----------
    text : str
        With the marks of RST; ccdproc sets the signature in front of some docstrings, which is passed over.

    Returns
    -------
    str
        The sentence, as plain text.
    """
    text = re.sub(r"\A\w+\(.*\)\n\s*", "", inspect.cleandoc(text)).partition("\n\n")[0]
    sentence = re.split(r"(?<=[a-z)]\.)\s+(?=[A-Z])|\s*Default\b", re.sub(r"\s+", " ", text).strip())[0]
    return re.sub(r"`~?([^`]*)`", r"\1", re.sub(r"``|\*\*", "", sentence))


def _description(function: Callable[..., Any], argument: str) -> str:
    docstring = inspect.cleandoc(function.__doc__ or "")
    found = re.search(rf"^( *){argument} ?:.*\n((?:\1 +\S.*(?:\n|\Z))+)", docstring, re.MULTILINE)
    return first_sentence(found[2]) if found else ""


@functools.cache
def ccdproc_models() -> dict[str, type[CcdprocSettings]]:
    """List the functions of ccdproc that can be steps.

    Returns
    -------
    dict of str to type
        The models of their arguments, by name of the function.
    """
    models = {}
    for name, function in inspect.getmembers(ccdproc, inspect.isfunction):
        first = next(iter(inspect.signature(function).parameters), "")
        if function.__module__.startswith("ccdproc.") and first in ("ccd", "ccd_data") and name not in UNUSABLE:
            model = _model(function)
            if model is not None:
                models[name] = model
    return models


def __getattr__(name: str) -> Any:
    """Find a model by its name, as pickle does in another process."""
    for model in ccdproc_models().values() if name.endswith("Settings") else ():
        if model.__name__ == name:
            return model
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
