"""The contract of a step, run on the step: what a pipeline, a batch and the reader of an output rely on."""

from __future__ import annotations

import difflib
import functools
import pickle
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.nddata import CCDData

from aia_ccdproc.errors import PrepError, suggestion
from aia_ccdproc.images.geometry import same_geometry
from aia_ccdproc.images.header import complete_header, fits_header
from aia_ccdproc.images.statistics import without_statistics
from aia_ccdproc.images.wcs import wcs_from_header
from aia_ccdproc.images.wcs_cards import without_wcs
from aia_ccdproc.io import read, write
from aia_ccdproc.pipeline import Pipeline
from aia_ccdproc.plugin.loading import get_plugin_manager
from aia_ccdproc.plugin.manager import PrepPluginManager
from aia_ccdproc.plugin.settings import StepSettings
from aia_ccdproc.plugin.step import Step, order_faults
from aia_ccdproc.recipe.recipe_step import RecipeStep
from aia_ccdproc.testing.images import level1_image

__all__ = ["BrokenPromiseError", "check_step"]

#: What makes an image of a good one that the step has to refuse: by changing it, or by returning another.
Change: TypeAlias = Callable[[CCDData], CCDData | None]
#: What calls the hook of the step on an image or a header.
Ask: TypeAlias = Callable[[CCDData | fits.Header], Any]
#: Keywords that later steps, reports and names of outputs are made of.
_KEPT = ("TELESCOP", "INSTRUME", "WAVELNTH", "T_OBS", "DATE-OBS", "EXPTIME", "QUALITY")


class BrokenPromiseError(AssertionError):
    """A step does not keep what every step promises."""


def check_step(
    name: str,
    settings: StepSettings | Mapping[str, Any] | None = None,
    ccd: CCDData | None = None,
    refuses: Iterable[tuple[Change, str]] = (),
    *,
    folder: Path,
) -> CCDData:
    """Run a step by a pipeline of the manager in use, and check that it keeps what every step promises.

    Parameters
    ----------
    name : str
        The step.
    settings : `~aia_ccdproc.plugin.StepSettings` or dict, optional
        Its table in a recipe; by default its defaults.
    ccd : `~astropy.nddata.CCDData`, optional
        The image, shape ``(ny, nx)``; by default `level1_image` with mask and uncertainty, and then without.
    refuses : iterable of (callable, str)
        What the step has to refuse: a function that changes a copy of the image, or returns another, and a regular
        expression that the message of the `~aia_ccdproc.PrepError` matches.
    folder : `~pathlib.Path`
        Where a result is written and read back.

    Returns
    -------
    `~astropy.nddata.CCDData`
        The step's result.

    Raises
    ------
    BrokenPromiseError
        If a promise is broken; it says which.
    """
    manager = get_plugin_manager()
    known = manager.steps()
    _hold(name in known, f"there is no step {name!r}; {suggestion(name, known)}{manager.left_out}")
    step = known[name]
    _check_declaration(step, known)
    made = settings if isinstance(settings, StepSettings) else step.settings.of(**(settings or {}))
    _check_travels(f"{name}: its settings do", made, lambda copied: copied.describe() != made.describe() and str(made))
    pipeline = Pipeline([RecipeStep(name, made)], manager)
    ask = functools.partial(_ask, step, manager, made)
    given = level1_image(mask=True, uncertainty=True) if ccd is None else ccd
    if ccd is None:
        _check_run(step, pipeline, ask, level1_image(), folder)
    result = _check_run(step, pipeline, ask, given, folder)
    if step.place.repeatable:
        _check_repeated(step, pipeline, result)
    if step.takes_header:
        _check_header_is_not_changed(step, ask, given)
    for change, message in refuses:
        _check_refusal(step, pipeline, given, change, message)
    return result


def _hold(holds: object, otherwise: str) -> None:
    """Say which promise is broken, if it is."""
    if not holds:
        raise BrokenPromiseError(otherwise)


# -- declaration -----------------------------------------------------------------------------------


def _check_declaration(step: Step, known: Mapping[str, Step]) -> None:
    """Check what a recipe and ``aia-prep steps`` make of a step."""
    _hold(step.summary, f"{step.name}: its hook has no docstring, whose first line is the step's summary")
    silent = [key for key, setting in step.settings.document().items() if not setting.description]
    _hold(not silent, f"{step.name}: settings without a description: {', '.join(silent)}")
    for other in (*step.place.before, *step.place.after):
        # What is not near enough for a slip is a step of a plugin that is not here: despike is not respike.
        near = () if other in known else difflib.get_close_matches(other, known, n=1, cutoff=0.9)
        _hold(not near, f"{step.name}: its place names the unknown step {other!r}; did you mean {''.join(near)!r}?")
    for name in known:
        if name != step.name:
            either = order_faults([step, known[name]]) and order_faults([known[name], step])
            _hold(not either, f"{step.name} and {name} cannot stand in one recipe, in whichever order")


# -- run -------------------------------------------------------------------------------------------


class _Trace(NamedTuple):
    """All of an image, in bytes."""

    data: Any
    mask: Any
    uncertainty: Any
    unit: str
    header: str
    wcs: str

    @classmethod
    def of(cls, ccd: CCDData) -> _Trace:
        return cls(
            _bytes(ccd.data),
            _bytes(ccd.mask),
            (type(ccd.uncertainty).__name__, _bytes(getattr(ccd.uncertainty, "array", None))),
            str(ccd.unit),
            fits_header(ccd).tostring(),
            "" if ccd.wcs is None else ccd.wcs.to_header_string(relax=True),
        )

    def changes(self, ccd: CCDData) -> str:
        """Name what is no longer the same."""
        now = _Trace.of(ccd)
        return ", ".join(name for name in self._fields if getattr(self, name) != getattr(now, name))


def _bytes(plane: Any) -> Any:
    return None if plane is None else (np.shape(plane), str(np.asarray(plane).dtype), np.asarray(plane).tobytes())


def _ask(step: Step, manager: PrepPluginManager, settings: StepSettings, given: CCDData | fits.Header) -> Any:
    """Call a step's hook on an image or a header, without what the pipeline does to the answer."""
    header = complete_header(given) if isinstance(given, CCDData) else given
    instrument = manager.identify(header)
    what = {"header": given} if step.takes_header else {"ccd": given}
    result = getattr(manager.hook, step.hook)(**what, instrument=instrument, settings=settings)
    said = f"{step.name}: its hook returns None for an image of {instrument.name}, which it was to do"
    _hold(result is not None, f"{said}{manager.left_out}")
    return result


def _check_run(step: Step, pipeline: Pipeline, ask: Ask, given: CCDData, folder: Path) -> CCDData:
    given = given.copy()
    given.header.add_history("what was done before")
    handed = given.copy()
    returned = ask(complete_header(handed) if step.takes_header else handed)
    if isinstance(returned, CCDData):  # else the pipeline refuses it; it also copies what is shared
        _check_memory(step, handed, returned)
    before = _Trace.of(given)
    result = pipeline(given)
    changed = before.changes(given)
    _hold(not changed, f"{step.name} changes its input: {changed}")
    _check_memory(step, given, result)
    _check_planes(step, given, result)
    _check_header(step, given, result)
    _check_history(step, given, result)
    _check_travels(f"{step.name}: its result does", result, _Trace.of(result).changes)
    _check_file(step, result, folder)
    differs = _Trace.of(pipeline(given)).changes(result)
    _hold(not differs, f"{step.name} gives another result when it is run again: {differs}")
    return result


def _check_memory(step: Step, given: CCDData, result: CCDData) -> None:
    one, other = (
        {"data": ccd.data, "mask": ccd.mask, "uncertainty": getattr(ccd.uncertainty, "array", None)}
        for ccd in (given, result)
    )
    for name in one:
        shared = one[name] is not None and other[name] is not None and np.may_share_memory(one[name], other[name])
        _hold(not shared, f"{step.name}: {name} of the result is that of its input, and not a copy")
    for name in ("header", "wcs"):
        _hold(
            getattr(result, name) is None or getattr(result, name) is not getattr(given, name),
            f"{step.name}: {name} of the result is that of its input, and not a copy",
        )


def _check_planes(step: Step, given: CCDData, result: CCDData) -> None:
    """Check pixels, mask, uncertainty and unit."""
    name, mask = step.name, result.mask
    _hold(result.data.ndim == 2, f"{name}: the result has {result.data.ndim} axes, not 2")
    _hold(
        result.data.dtype == given.data.dtype,
        f"{name}: the pixels were {given.data.dtype} and are {result.data.dtype}; a factor of that type keeps them so",
    )
    if given.mask is not None and np.any(given.mask):
        _hold(mask is not None and np.any(mask), f"{name} loses the mask")
    _hold(mask is None or np.shape(mask) == result.shape, f"{name}: the mask has shape {np.shape(mask)}")
    _hold(mask is None or not np.all(mask), f"{name} masks every pixel")
    if given.mask is not None and mask is not None and _same_grid(given, result):
        lost = int(np.count_nonzero(np.asarray(given.mask, bool) & ~np.asarray(mask, bool)))
        _hold(not lost, f"{name} takes {lost} masked pixels for good: the mask does not contain that of its input")
    if not _has_bad_pixels(given):
        _hold(not _has_bad_pixels(result), f"{name} makes pixels that are not finite, and does not mask them")
    if given.uncertainty is not None:
        _hold(result.uncertainty is not None, f"{name} loses the uncertainty")
        kinds = [type(ccd.uncertainty).__name__ for ccd in (given, result)]
        _hold(kinds[0] == kinds[1], f"{name}: the uncertainty was a {kinds[0]} and is a {kinds[1]}")
    if result.uncertainty is not None:
        shape = np.shape(result.uncertainty.array)
        _hold(shape == result.shape, f"{name}: the uncertainty has shape {shape}, the image {result.shape}")
    for keyword in ("BUNIT", "PIXLUNIT"):
        said = result.header.get(keyword, str(result.unit))
        same = u.Unit(said, parse_strict="silent") == result.unit
        _hold(same, f"{name}: the image is in {result.unit or 'no unit'}, {keyword} says {said!r}")


def _same_grid(one: CCDData, other: CCDData) -> bool:
    known = one.wcs is not None and other.wcs is not None
    return known and one.shape == other.shape and same_geometry(one.wcs, other.wcs)


def _has_bad_pixels(ccd: CCDData) -> bool:
    """Whether pixels that are not finite are taken for good."""
    bad = ~np.isfinite(ccd.data)
    return bool(np.any(bad if ccd.mask is None else bad & ~np.asarray(ccd.mask, bool)))


def _check_header(step: Step, given: CCDData, result: CCDData) -> None:
    name, header = step.name, result.header
    _hold(result.wcs is not None, f"{name} loses the WCS")
    try:
        rebuilt = wcs_from_header(header)
    except PrepError as error:
        raise BrokenPromiseError(f"{name}: the header is not complete: {error}") from error
    _hold(same_geometry(rebuilt, result.wcs), f"{name}: the header and the WCS of the result put the pixels elsewhere")
    stays = without_statistics(without_wcs(complete_header(given)))
    lost = [keyword for keyword in dict.fromkeys(stays) if keyword not in header]
    _hold(not lost, f"{name} loses keywords of the header: {', '.join(lost)}")
    changed = [keyword for keyword in _KEPT if header.get(keyword) != given.header.get(keyword)]
    _hold(not changed, f"{name} changes what the exposure was: {', '.join(changed)}")


def _check_history(step: Step, given: CCDData, result: CCDData) -> None:
    before, after = ([str(line) for line in ccd.header.get("HISTORY", [])] for ccd in (given, result))
    _hold(after[: len(before)] == before, f"{step.name} does not keep the HISTORY of its input")
    count = sum(line.startswith(f"{step.name} (") for line in after[len(before) :])
    _hold(
        count == 1,
        f"{step.name} stands in HISTORY {count} times, not once; the pipeline writes that line: "
        "in a hook call functions with add_keyword=None",
    )


def _check_travels(what: str, sent: Any, changes: Callable[[Any], str | bool]) -> None:
    """Send something to another process, as batches do, and have it come back."""
    try:
        changed = changes(pickle.loads(pickle.dumps(sent)))
    except Exception as error:
        raise BrokenPromiseError(f"{what} not survive pickling: {error}") from error
    _hold(not changed, f"{what} not survive pickling: {changed}")


def _check_file(step: Step, result: CCDData, folder: Path) -> None:
    back = _Trace.of(read(write(result, folder / f"{step.name}.fits", overwrite=True)))
    for name in ("data", "uncertainty", "unit"):
        same = getattr(back, name) == getattr(_Trace.of(result), name)
        _hold(same, f"{step.name}: {name} of its result does not survive being written")


def _check_header_is_not_changed(step: Step, ask: Ask, given: CCDData) -> None:
    header = complete_header(given)
    before = header.tostring()
    ask(header)
    _hold(header.tostring() == before, f"{step.name} changes the header that it is given")


def _check_repeated(step: Step, pipeline: Pipeline, result: CCDData) -> None:
    try:
        pipeline(result)
    except PrepError as error:
        raise BrokenPromiseError(f"{step.name} is repeatable, and refuses its own result: {error}") from error


def _check_refusal(step: Step, pipeline: Pipeline, given: CCDData, change: Change, message: str) -> None:
    wrong = given.copy()
    wrong = change(wrong) or wrong
    what = getattr(change, "__name__", str(change))
    before = _Trace.of(wrong)
    try:
        pipeline(wrong)
    except PrepError as error:
        found = re.search(message, str(error))
        _hold(found, f"{step.name} refuses {what}, but {str(error)!r} does not say {message!r}")
    except Exception as error:
        raise BrokenPromiseError(f"{step.name}: {what} is no PrepError, but {error!r}") from error
    else:
        raise BrokenPromiseError(f"{step.name} does not refuse {what}; it should say {message!r}")
    changed = before.changes(wrong)
    _hold(not changed, f"{step.name} refuses {what}, but has changed it: {changed}")
