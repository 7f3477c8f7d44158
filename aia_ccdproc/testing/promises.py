"""Checks of what every step promises about its declaration and about the image that it returns."""

from __future__ import annotations

import difflib
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import numpy as np
from astropy import units as u
from astropy.nddata import CCDData

from aia_ccdproc.errors import PrepError
from aia_ccdproc.images.geometry import same_geometry
from aia_ccdproc.images.geometry_keywords import stale_keywords, without_geometry_keywords
from aia_ccdproc.images.header import complete_header
from aia_ccdproc.images.statistics import without_statistics
from aia_ccdproc.images.wcs import wcs_from_header
from aia_ccdproc.images.wcs_cards import without_wcs
from aia_ccdproc.io import read, write
from aia_ccdproc.plugin.settings import StepSettings
from aia_ccdproc.plugin.step import Step, check_order
from aia_ccdproc.testing.snapshot import Snapshot

__all__ = [
    "BrokenPromiseError",
    "check_declaration",
    "check_file",
    "check_header",
    "check_history",
    "check_memory",
    "check_pickling",
    "check_planes",
    "check_settings",
    "require",
]

#: Keywords of the exposure, which later steps, reports and names of outputs use.
_EXPOSURE_KEYWORDS = ("TELESCOP", "INSTRUME", "WAVELNTH", "T_OBS", "DATE-OBS", "EXPTIME", "QUALITY")
#: A name in ``before`` or ``after`` that is more similar than this to the name of a step is a misspelling. A less
#: similar name may be a step of a plugin that is not installed: "despike" is not a misspelling of "respike".
_MISSPELLING_SIMILARITY = 0.9

T = TypeVar("T")


class BrokenPromiseError(AssertionError):
    """A step does not keep what every step promises."""


def require(condition: object, message: str) -> None:
    """Raise an error if a promise is broken.

    Parameters
    ----------
    condition : object
        True if the promise is kept.
    message : str
        The error message.

    Raises
    ------
    BrokenPromiseError
        If the condition is false.
    """
    if not condition:
        raise BrokenPromiseError(message)


# -- declaration and settings ----------------------------------------------------------------------


def check_declaration(step: Step, known: Mapping[str, Step]) -> None:
    """Check what recipes and ``aia-prep steps`` need: a summary, descriptions, and an order that is possible.

    Parameters
    ----------
    step : `~aia_ccdproc.plugin.step.Step`
        The step.
    known : dict of str to `~aia_ccdproc.plugin.step.Step`
        All steps by name.
    """
    name = step.name
    require(step.summary, f"{name}: the hook has no docstring. Its first line is the summary of the step")
    missing = [setting for setting, info in step.settings.document().items() if not info.description]
    require(not missing, f"{name}: settings without a description: {', '.join(missing)}. Add Field(description=...)")
    for other in (*step.order.before, *step.order.after):
        nearest = difflib.get_close_matches(other, known, n=1, cutoff=_MISSPELLING_SIMILARITY)
        if other not in known and nearest:
            raise BrokenPromiseError(
                f"{name}: before or after names the unknown step {other!r}; did you mean {nearest[0]!r}?"
            )
    for other_name, other_step in known.items():
        if other_name != name:
            impossible = check_order([step, other_step]) and check_order([other_step, step])
            require(not impossible, f"{name} and {other_name} cannot be in one recipe: neither order is allowed")


def check_settings(name: str, settings: StepSettings) -> None:
    """Check that settings are the same after they were sent to another process.

    Parameters
    ----------
    name : str
        Name of the step.
    settings : `~aia_ccdproc.plugin.StepSettings`
        The settings.
    """
    same = _pickled(f"the settings of {name}", settings).describe() == settings.describe()
    require(same, f"the settings of {name} change when they are pickled: {settings}")


# -- result ----------------------------------------------------------------------------------------


def check_memory(name: str, given: CCDData, result: CCDData) -> None:
    """Check that the result shares nothing with its input.

    Parameters
    ----------
    name : str
        Name of the step.
    given, result : `~astropy.nddata.CCDData`
        Input and result of the step.
    """
    for part in ("data", "mask", "uncertainty", "psf"):  # not flags, which CCDData.copy shares
        planes = [getattr(ccd, part) for ccd in (given, result)]
        arrays = [getattr(plane, "array", plane) for plane in planes]
        shared = all(array is not None for array in arrays) and np.may_share_memory(*arrays)
        require(not shared, f"{name}: the result shares its {part} with the input. Return a copy")
    for part in ("header", "wcs"):
        value = getattr(result, part)
        shared = value is not None and value is getattr(given, part)
        require(not shared, f"{name}: the result shares its {part} with the input. Return a copy")


def check_planes(name: str, given: CCDData, result: CCDData, warned: str = "") -> None:
    """Check pixels, mask, uncertainty, flags, PSF and unit of the result.

    Parameters
    ----------
    name : str
        Name of the step.
    given, result : `~astropy.nddata.CCDData`
        Input and result of the step.
    warned : str
        Text of the warnings of the step. Flags and PSF that are no longer true may be dropped with a warning.
    """
    before, after = given.data.dtype, result.data.dtype
    require(result.data.ndim == 2, f"{name}: the result has {result.data.ndim} axes; an image has 2")
    require(after == before, f"{name}: the pixels were {before} and are now {after}. Use factors of type {before}")
    _check_mask(name, given, result)
    if not _has_bad_pixels(given):
        require(not _has_bad_pixels(result), f"{name} creates pixels that are not finite and does not mask them")
    if given.uncertainty is not None:
        require(result.uncertainty is not None, f"{name} loses the uncertainty")
        types = [type(ccd.uncertainty).__name__ for ccd in (given, result)]
        require(types[0] == types[1], f"{name}: the uncertainty was a {types[0]} and is now a {types[1]}")
    if result.uncertainty is not None:
        shape = np.shape(result.uncertainty.array)
        require(shape == result.shape, f"{name}: the uncertainty has the shape {shape}, the image {result.shape}")
    for part in ("flags", "psf"):
        lost = getattr(given, part) is not None and getattr(result, part) is None and part not in warned
        require(
            not lost,
            f"{name} loses the {part}. Use copy_image, multiply or with_flags_and_psf of aia_ccdproc.images; if the "
            f"{part} of the result would be wrong, give a PrepWarning that names {part}",
        )
    for keyword in ("BUNIT", "PIXLUNIT"):
        unit = result.header.get(keyword, str(result.unit))
        same = u.Unit(unit, parse_strict="silent") == result.unit
        require(same, f"{name}: the unit of the image is {str(result.unit)!r}, but {keyword} is {unit!r}")


def _check_mask(name: str, given: CCDData, result: CCDData) -> None:
    mask = result.mask
    if given.mask is not None and np.any(given.mask):
        require(mask is not None and np.any(mask), f"{name} loses the mask")
    if mask is None:
        return
    require(np.shape(mask) == result.shape, f"{name}: the mask has the shape {np.shape(mask)}, not {result.shape}")
    require(not np.all(mask), f"{name} masks every pixel")
    if given.mask is not None and _same_grid(given, result):
        count = int(np.count_nonzero(np.asarray(given.mask, bool) & ~np.asarray(mask, bool)))
        require(not count, f"{name}: pixels that are masked in the input and not in the result: {count}")


def _same_grid(given: CCDData, result: CCDData) -> bool:
    if given.wcs is None or result.wcs is None or given.shape != result.shape:
        return False
    return bool(same_geometry(given.wcs, result.wcs))


def _has_bad_pixels(ccd: CCDData) -> bool:
    """Return whether an image has pixels that are neither finite nor masked."""
    bad = ~np.isfinite(ccd.data)
    return bool(np.any(bad if ccd.mask is None else bad & ~np.asarray(ccd.mask, bool)))


def check_header(name: str, given: CCDData, result: CCDData) -> None:
    """Check that the header of the result is complete, agrees with its WCS, and keeps the keywords of the exposure.

    Parameters
    ----------
    name : str
        Name of the step.
    given, result : `~astropy.nddata.CCDData`
        Input and result of the step.
    """
    header = result.header
    require(result.wcs is not None, f"{name} loses the WCS")
    try:
        rebuilt = wcs_from_header(header)
    except PrepError as error:
        raise BrokenPromiseError(f"{name}: the header of the result is not complete: {error}") from error
    same = same_geometry(rebuilt, result.wcs)
    require(same, f"{name}: the header and the WCS of the result give the pixels different positions")
    before = complete_header(given)
    kept = without_statistics(without_wcs(before))
    if not _same_grid(given, result):
        kept = without_geometry_keywords(kept)
        stale = stale_keywords(before, given.wcs, header, result.wcs, result.shape)
        require(
            not stale,
            f"{name} leaves keywords of the former geometry in the header: "
            f"{', '.join(f'{keyword} {problem}' for keyword, problem in stale.items())}. Give the result its WCS, and "
            "then the header complete_header(result)",
        )
    lost = [keyword for keyword in dict.fromkeys(kept) if keyword not in header]
    require(not lost, f"{name} loses keywords of the header: {', '.join(lost)}")
    changed = [keyword for keyword in _EXPOSURE_KEYWORDS if header.get(keyword) != given.header.get(keyword)]
    require(not changed, f"{name} changes keywords of the exposure: {', '.join(changed)}")


def check_history(name: str, given: CCDData, result: CCDData) -> None:
    """Check that HISTORY is kept and contains one line about the step.

    Parameters
    ----------
    name : str
        Name of the step.
    given, result : `~astropy.nddata.CCDData`
        Input of the step, and the result of a pipeline.
    """
    before, after = ([str(line) for line in ccd.header.get("HISTORY", [])] for ccd in (given, result))
    require(after[: len(before)] == before, f"{name} does not keep the HISTORY of its input")
    count = sum(line.startswith(f"{name} (") for line in after[len(before) :])
    require(
        count == 1,
        f"{name}: HISTORY contains {count} lines about the step, not 1. The pipeline writes the line: in a hook, call "
        "functions with add_keyword=None",
    )


def check_pickling(name: str, result: CCDData) -> None:
    """Check that the result is the same after it was sent to another process.

    Parameters
    ----------
    name : str
        Name of the step.
    result : `~astropy.nddata.CCDData`
        Result of the step.
    """
    changed = Snapshot.take(result).differences(_pickled(f"the result of {name}", result))
    require(not changed, f"the result of {name} changes when it is pickled: {', '.join(changed)}")


def check_file(name: str, result: CCDData, folder: Path) -> None:
    """Check that pixels, uncertainty and unit of the result are the same after it was written and read.

    Parameters
    ----------
    name : str
        Name of the step.
    result : `~astropy.nddata.CCDData`
        Result of the step.
    folder : `~pathlib.Path`
        Folder for the file.
    """
    changed = Snapshot.take(result).differences(read(write(result, folder / f"{name}.fits", overwrite=True)))
    lost = [part for part in ("data", "uncertainty", "unit") if part in changed]
    require(not lost, f"the result of {name} changes when it is written to a file and read: {', '.join(lost)}")


def _pickled(what: str, value: T) -> T:
    """Return a value as another process receives it."""
    try:
        copy: T = pickle.loads(pickle.dumps(value))
    except Exception as error:  # whatever an object's own methods raise
        raise BrokenPromiseError(f"{what} cannot be pickled: {error}") from error
    return copy
