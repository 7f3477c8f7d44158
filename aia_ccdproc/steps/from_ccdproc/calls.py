"""Calls of ccdproc's functions: their warnings and exceptions become ours, and their results are completed."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ccdproc
import numpy as np
from astropy.nddata import CCDData

from aia_ccdproc.errors import HeaderError, PluginError, PrepError, SettingsError, StateError, warn_user
from aia_ccdproc.images.arithmetic import with_flags_and_psf, without_psf
from aia_ccdproc.images.card_filter import without_cards
from aia_ccdproc.images.header import complete_header, fits_header, set_unit, with_header
from aia_ccdproc.images.statistics import is_statistics_card

__all__ = ["call_function"]


def call_function(function: str, step: str, ccd: CCDData, arguments: dict[str, Any]) -> CCDData:
    """Call a function of ccdproc for an image.

    Parameters
    ----------
    function : str
        Name of the function, ``"trim_image"``.
    step : str
        Name of the step, for messages.
    ccd : `~astropy.nddata.CCDData`
        The image, shape ``(ny, nx)``; not changed.
    arguments : dict
        Further arguments of the function.

    Returns
    -------
    `~astropy.nddata.CCDData`
        New image with pixels of the same type; its header is complete and gives the unit.

    Raises
    ------
    PrepError
        As `~aia_ccdproc.steps.from_ccdproc.steps.CcdprocStep.run` describes it.
    """
    try:
        with _as_own_warnings(step):
            result = _call(function, without_psf(ccd), arguments)
    except (PrepError, MemoryError):
        raise
    except KeyError as error:
        raise HeaderError(f"{step}: {error.args[0]}") from error
    except TypeError as error:
        raise SettingsError(f"{step}: {error}") from error
    except Exception as error:  # ccdproc and the functions that it calls raise many types
        raise StateError(f"{step}: {error}") from error
    if not isinstance(result, CCDData):
        raise PluginError(f"{step} returned a {type(result).__name__}, not a CCDData")
    return _complete(step, ccd, result)


def _call(function: str, ccd: CCDData, arguments: dict[str, Any]) -> Any:
    if function == "cosmicray_lacosmic":
        return _lacosmic(ccd, **arguments)
    if function == "cosmicray_median" and ccd.uncertainty is None and "error_image" not in arguments:
        raise StateError(
            "ccdproc.cosmicray_median: the image has no uncertainty. Give error_image, or run create_deviation first"
        )
    return getattr(ccdproc, function)(ccd, **arguments)


@contextmanager
def _as_own_warnings(step: str) -> Iterator[None]:
    """Turn the warnings of ccdproc, and what it logs, into a `PrepWarning` each.

    ccdproc logs through the root logger, which would print to stderr, and print every other logger's messages from then
    on: `logging.warning` adds a handler to a root logger without one.
    """
    messages: list[str] = []

    def collect(record: logging.LogRecord) -> bool:
        messages.append(record.getMessage())
        return False

    root, handler = logging.getLogger(), logging.NullHandler()
    root.addHandler(handler)
    root.addFilter(collect)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            warnings.simplefilter("ignore", DeprecationWarning)
            yield
    finally:
        root.removeFilter(collect)
        root.removeHandler(handler)
    for message in dict.fromkeys([*(str(warning.message) for warning in caught), *messages]):
        warn_user(f"{step}: {message}")


def _lacosmic(ccd: CCDData, gain_apply: bool = True, **arguments: Any) -> Any:
    """Remove cosmic rays, and apply the gain by `ccdproc.gain_correct`.

    ccdproc 2.5.1 multiplies the data by the gain but not their uncertainty. It also sets the unit of multiplied data if
    it has not multiplied them.
    """
    cleaned = ccdproc.cosmicray_lacosmic(ccd, gain_apply=False, **arguments)
    cleaned.unit = ccd.unit
    gain = arguments.get("gain")
    return ccdproc.gain_correct(cleaned, gain, add_keyword=None) if gain_apply and gain is not None else cleaned


def _complete(step: str, given: CCDData, result: CCDData) -> CCDData:
    """Return a result with the precision of its input, and with a header that is correct for its pixels.

    The cards that ccdproc writes for its arguments are left out: HISTORY contains the arguments.
    """
    precision = given.data.dtype if np.issubdtype(given.data.dtype, np.floating) else result.data.dtype
    data, noise = result.data.astype(precision, copy=False), result.uncertainty
    if not _good(data, result.mask).any() and _good(given.data, given.mask).any():
        raise StateError(
            f"{step} left no good pixel of {given.shape[1]}x{given.shape[0]}: "
            "a section is outside the image, or a calibration frame contains NaN"
        )
    if noise is not None:
        noise = type(noise)(noise.array.astype(precision, copy=False), unit=noise.unit)
    made = CCDData(
        data, unit=result.unit, mask=result.mask, uncertainty=noise, header=fits_header(given), wcs=result.wcs
    )
    header = without_cards(complete_header(made), is_statistics_card, share=True)
    set_unit(header, made.unit)
    if made.shape == given.shape:
        return with_flags_and_psf(with_header(made, header), given)
    if given.flags is not None:
        warn_user(f"{step}: flags of the image dropped: they describe all its pixels")
    made.psf = None if given.psf is None else given.psf.copy()
    return with_header(made, header)


def _good(data: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    finite: np.ndarray = np.isfinite(data)
    return finite if mask is None else finite & ~mask
