"""Steps of ccdproc in a recipe: ``use = "ccdproc.cosmicray_lacosmic"``.

Functions of ccdproc that take a CCDData first and return one, with their arguments checked against the signature.
Nothing else can be named in a recipe.
"""

from __future__ import annotations

import functools
from importlib.metadata import version
from typing import Any

import ccdproc
import numpy as np
from astropy.nddata import CCDData

from aia_ccdproc.errors import HeaderError, PluginError, PrepError, SettingsError, StateError
from aia_ccdproc.images.header import complete_header, fits_header, set_unit, with_header
from aia_ccdproc.images.statistics import without_statistics
from aia_ccdproc.plugin.settings import StepSettings
from aia_ccdproc.plugin.step import Place, Step
from aia_ccdproc.steps.from_ccdproc.settings import UNUSABLE, CcdprocSettings, ccdproc_models, first_sentence

__all__ = ["PREFIX", "ccdproc_steps", "run_ccdproc", "why_unusable"]

#: What the name of every step of ccdproc starts with.
PREFIX = "ccdproc."

#: What lives on the pixels of the detector.
_BEFORE_REGISTRATION = (
    "ccd_process",
    "cosmicray_lacosmic",
    "cosmicray_median",
    "create_deviation",
    "flat_correct",
    "subtract_bias",
    "subtract_dark",
    "subtract_overscan",
)
#: What makes no sense twice.
_ONCE = ("ccd_process", "create_deviation", "gain_correct", "subtract_bias", "subtract_dark", "subtract_overscan")


@functools.cache
def ccdproc_steps() -> dict[str, Step]:
    """List the functions of ccdproc that can stand in a recipe.

    Returns
    -------
    dict of str to `~aia_ccdproc.plugin.step.Step`
        By name, ``ccdproc.<function>``.
    """
    return {PREFIX + name: _step(name, settings) for name, settings in ccdproc_models().items()}


def _step(name: str, settings: type[CcdprocSettings]) -> Step:
    before = ("register",) if name in _BEFORE_REGISTRATION else ()
    return Step(
        name=PREFIX + name,
        hook="",
        takes_header=False,
        settings=settings,
        place=Place(before=before, after=(), repeatable=name not in _ONCE),
        summary=first_sentence(getattr(ccdproc, name).__doc__ or ""),
    )


def why_unusable(use: str) -> str:
    """Say why a function of ccdproc cannot be a step.

    Parameters
    ----------
    use : str
        ``ccdproc.<function>``.

    Returns
    -------
    str
        The reason, and what to use instead; nothing for what can be a step, or is no function of ccdproc.
    """
    return UNUSABLE.get(use.removeprefix(PREFIX), "") if use.startswith(PREFIX) else ""


def run_ccdproc(use: str, ccd: CCDData, settings: StepSettings) -> tuple[CCDData, str]:
    """Run a step of ccdproc.

    Parameters
    ----------
    use : str
        ``ccdproc.<function>``.
    ccd : `~astropy.nddata.CCDData`
        The image, shape ``(ny, nx)``; not changed.
    settings : `~aia_ccdproc.plugin.settings.StepSettings`
        Its settings.

    Returns
    -------
    result : `~astropy.nddata.CCDData`
        New image of the same type of pixels; its header is complete and says its unit.
    by : str
        ``"ccdproc 2.5.1"``.

    Raises
    ------
    PrepError
        Whatever ccdproc raises: HeaderError for a keyword that is missing, SettingsError for arguments that do not go
        together, StateError for the rest, units or shapes that do not fit above all.
    """
    model = ccdproc_steps()[use].settings
    if not (isinstance(settings, CcdprocSettings) and isinstance(settings, model)):
        raise SettingsError(f"{use} takes a {model.__name__}, not a {type(settings).__name__}")
    arguments = settings.arguments()
    try:
        result = _call(use.removeprefix(PREFIX), ccd, arguments)
    except (PrepError, MemoryError):
        raise
    except KeyError as error:
        raise HeaderError(f"{use}: {error.args[0]}") from error
    except TypeError as error:
        raise SettingsError(f"{use}: {error}") from error
    except Exception as error:  # ccdproc and what it calls raise what they like
        raise StateError(f"{use}: {error}") from error
    if not isinstance(result, CCDData):
        raise PluginError(f"{use} returned a {type(result).__name__}, not a CCDData")
    return _complete(use, ccd, result), f"ccdproc {version('ccdproc')}"


def _call(name: str, ccd: CCDData, arguments: dict[str, Any]) -> Any:
    if name == "cosmicray_lacosmic":
        return _lacosmic(ccd, **arguments)
    if name == "cosmicray_median" and ccd.uncertainty is None and "error_image" not in arguments:
        raise StateError(
            "ccdproc.cosmicray_median: the image has no uncertainty; give error_image, or create_deviation"
        )
    return getattr(ccdproc, name)(ccd, **arguments)


def _lacosmic(ccd: CCDData, gain_apply: bool = True, **arguments: Any) -> CCDData:
    """Clean cosmic rays, and apply the gain by `ccdproc.gain_correct`.

    ccdproc 2.5.1 multiplies the data by the gain and not their uncertainty, and gives data that it has not multiplied
    the unit of data that it has.
    """
    cleaned = ccdproc.cosmicray_lacosmic(ccd, gain_apply=False, **arguments)
    cleaned.unit = ccd.unit
    gain = arguments.get("gain")
    return ccdproc.gain_correct(cleaned, gain, add_keyword=None) if gain_apply and gain is not None else cleaned


def _complete(use: str, given: CCDData, result: CCDData) -> CCDData:
    """Give a result the precision of what it was made of, and a header that is right for its pixels.

    The cards of the arguments that ccdproc writes are left out: HISTORY has them, where FITS can hold them.
    """
    precision = given.data.dtype if np.issubdtype(given.data.dtype, np.floating) else result.data.dtype
    data, noise = result.data.astype(precision, copy=False), result.uncertainty
    if not _good(data, result.mask).any() and _good(given.data, given.mask).any():
        raise StateError(
            f"{use} left no good pixel of {given.shape[1]}x{given.shape[0]}: "
            "a section lies outside of the image, or a frame that it took holds a NaN"
        )
    if noise is not None:
        noise = type(noise)(noise.array.astype(precision, copy=False), unit=noise.unit)
    made = CCDData(
        data, unit=result.unit, mask=result.mask, uncertainty=noise, header=fits_header(given), wcs=result.wcs
    )
    header = without_statistics(complete_header(made))
    set_unit(header, made.unit)
    return with_header(made, header)


def _good(data: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    return np.isfinite(data) if mask is None else np.isfinite(data) & ~mask
