"""The contract of a step: what pipelines, batches and readers of an output rely on, checked by running the step."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from astropy.io import fits
from astropy.nddata import CCDData
from astropy.wcs import WCS

from aia_ccdproc.errors import PluginError, PrepError, PrepWarning, suggestion
from aia_ccdproc.images.arithmetic import copy_image
from aia_ccdproc.images.geometry_keywords import image_center_cards
from aia_ccdproc.images.header import complete_header
from aia_ccdproc.pipeline import Pipeline
from aia_ccdproc.plugin.loading import get_plugin_manager
from aia_ccdproc.plugin.manager import PrepPluginManager
from aia_ccdproc.plugin.settings import StepSettings
from aia_ccdproc.plugin.step import Step
from aia_ccdproc.recipe.recipe_step import RecipeStep
from aia_ccdproc.testing import promises
from aia_ccdproc.testing.images import level1_image
from aia_ccdproc.testing.promises import BrokenPromiseError, require
from aia_ccdproc.testing.snapshot import Snapshot

__all__ = ["check_step"]

#: A function that makes an image that the step must refuse: it changes the image, or returns another one.
Change: TypeAlias = Callable[[CCDData], CCDData | None]


def check_step(
    name: str,
    settings: StepSettings | Mapping[str, Any] | None = None,
    ccd: CCDData | None = None,
    refuses: Iterable[tuple[Change, str]] = (),
    *,
    folder: Path,
) -> CCDData:
    """Run a step in a pipeline, and check that it keeps what every step promises.

    Parameters
    ----------
    name : str
        Name of the step.
    settings : `~aia_ccdproc.plugin.StepSettings` or dict, optional
        The step's table in a recipe; by default its defaults.
    ccd : `~astropy.nddata.CCDData`, optional
        The image, shape ``(ny, nx)``. By default the step is run on a `level1_image` without mask, uncertainty, flags
        and PSF, and on one with all of them.
    refuses : iterable of (callable, str)
        Images that the step must refuse: a function that changes a copy of the image or returns another one, and a
        regular expression that the message of the `~aia_ccdproc.PrepError` must match.
    folder : `~pathlib.Path`
        Folder in which a result is written and read.

    Returns
    -------
    `~astropy.nddata.CCDData`
        The step's result.

    Raises
    ------
    BrokenPromiseError
        If the step breaks a promise; the message names it.
    """
    manager = get_plugin_manager()
    known = manager.steps()
    require(name in known, f"unknown step {name!r}; {suggestion(name, known)}{manager.broken_note()}")
    step = known[name]
    promises.check_declaration(step, known)
    values = settings if isinstance(settings, StepSettings) else step.settings.of(**(settings or {}))
    promises.check_settings(name, values)
    contract = _Contract(step, values, manager, folder)
    image = level1_image(mask=True, uncertainty=True) if ccd is None else ccd
    if ccd is None:
        contract.check_run(level1_image())
        result = contract.check_run(level1_image(mask=True, uncertainty=True, flags=True, psf=True))
    else:
        result = contract.check_run(ccd)
    if step.order.repeatable:
        contract.check_second_run(result)
    for change, message in refuses:
        contract.check_refusal(image, change, message)
    return result


#: Keywords that depend on the geometry of an image, of every kind: a step must update or remove them.
_GEOMETRY_CARDS = {
    **{"CTYPE1A": "RA---TAN", "CTYPE2A": "DEC--TAN", "CUNIT1A": "deg", "CUNIT2A": "deg"},
    **{"CRPIX1A": 148.5, "CRPIX2A": 192.25, "CRVAL1A": 281.2, "CRVAL2A": -23.1, "CDELT1A": -1.7e-4, "CDELT2A": 1.7e-4},
    **{"CENTER_X": 149.5, "CENTER_Y": 193.25, "SOLAR_R": 1580.0, "CRDER1": 0.02, "DSTART1": 1901, "DSTART2": 1851},
}


def _with_geometry_keywords(image: CCDData) -> CCDData:
    """Return a copy of an image with HISTORY and with keywords that depend on its geometry."""
    image = copy_image(image)
    image.header.add_history("a line from before the step")
    cards = {**_GEOMETRY_CARDS, **image_center_cards(image.wcs, image.shape)} if isinstance(image.wcs, WCS) else {}
    image.header.update({keyword: value for keyword, value in cards.items() if keyword not in image.header})
    return image


@contextmanager
def _recorded_warnings() -> Iterator[list[str]]:
    """Record the text of warnings of this package about flags and PSF. Other warnings are given as usual."""
    texts: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.filterwarnings("always", ".*(flags|psf)", PrepWarning)
        yield texts
    for warning in caught:
        if issubclass(warning.category, PrepWarning) and re.search("flags|psf", str(warning.message)):
            texts.append(str(warning.message))
        else:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)


class _Contract:
    """The checks that run a step with the same settings."""

    def __init__(self, step: Step, settings: StepSettings, manager: PrepPluginManager, folder: Path) -> None:
        self._step = step
        self._settings = settings
        self._manager = manager
        self._folder = folder
        self._pipeline = Pipeline([RecipeStep(step.name, settings)], manager)

    def check_run(self, image: CCDData) -> CCDData:
        """Check everything that the step promises about one image, and return the result."""
        name = self._step.name
        image = _with_geometry_keywords(image)
        with _recorded_warnings():
            self._check_answer(image)
        before = Snapshot.take(image)
        with _recorded_warnings() as texts:
            result = self._pipeline(image)
        changed = before.differences(image)
        require(not changed, f"{name} changes its input: {', '.join(changed)}")
        promises.check_memory(name, image, result)
        promises.check_planes(name, image, result, " ".join(texts))
        promises.check_header(name, image, result)
        promises.check_history(name, image, result)
        promises.check_pickling(name, result)
        promises.check_file(name, result, self._folder)
        with _recorded_warnings():
            different = Snapshot.take(result).differences(self._pipeline(image))
        require(not different, f"{name} gives a different result when it is run again: {', '.join(different)}")
        return result

    def _check_answer(self, image: CCDData) -> None:
        """Check what the hook itself returns: the pipeline copies what is shared, and completes headers."""
        if not hasattr(self._manager.hook, f"prep_{self._step.name}"):  # a step that is not a hook
            return
        if self._step.takes == "header":
            header = complete_header(image)
            before = header.tostring()
            self._ask(header=header)
            require(header.tostring() == before, f"{self._step.name} changes the header that it is given")
            return
        given = copy_image(image)
        answer = self._ask(ccd=given)
        if isinstance(answer, CCDData):  # the pipeline refuses everything else
            promises.check_memory(self._step.name, given, answer)

    def _ask(self, *, header: fits.Header | None = None, ccd: CCDData | None = None) -> Any:
        """Return what the hook of the step returns for a header or an image."""
        name = self._step.name
        given: dict[str, Any] = {"header": header} if ccd is None else {"ccd": ccd}
        if "plugin" in getattr(self._manager.hook, f"prep_{name}").spec.argnames:  # of a step with engines
            given["plugin"] = None
        instrument = self._manager.identify(header if ccd is None else complete_header(ccd))
        answer = self._manager.ask(f"prep_{name}", **given, instrument=instrument, settings=self._settings)
        if answer is None:
            raise BrokenPromiseError(
                f"{name}: the hook returns None for an image of {instrument.name}{self._manager.broken_note()}"
            )
        return answer.value

    def check_second_run(self, result: CCDData) -> None:
        """Check that a repeatable step accepts its own result."""
        name = self._step.name
        try:
            with _recorded_warnings():
                self._pipeline(result)
        except PrepError as error:
            raise BrokenPromiseError(f"{name} is declared repeatable but refuses its own result: {error}") from error

    def check_refusal(self, image: CCDData, change: Change, message: str) -> None:
        """Check that the step refuses an image with an error of this package, and does not change it."""
        name, case = self._step.name, getattr(change, "__name__", str(change))
        wrong = image.copy()
        wrong = change(wrong) or wrong
        before = Snapshot.take(wrong)
        try:
            self._pipeline(wrong)
        except Exception as error:
            # A PluginError wraps the unexpected exception of a hook.
            cause = error.__cause__ if isinstance(error, PluginError) and error.__cause__ else error
            if not isinstance(cause, PrepError):
                raise BrokenPromiseError(f"{name} must refuse {case} with a PrepError, not {cause!r}") from error
            matches = re.search(message, str(error))
            require(matches, f"{name} refuses {case}, but {str(error)!r} does not match {message!r}")
        else:
            raise BrokenPromiseError(f"{name} does not refuse {case} with an error that matches {message!r}")
        changed = before.differences(wrong)
        require(not changed, f"{name} refuses {case} but changes it: {', '.join(changed)}")
