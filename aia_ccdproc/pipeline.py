"""Steps over one image. Knows no TOML, no files and no instrument."""

from __future__ import annotations

import functools
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.nddata import CCDData

from aia_ccdproc.errors import PluginError, PrepError, suggestion
from aia_ccdproc.images.header import complete_header, with_header
from aia_ccdproc.images.history import add_step_history
from aia_ccdproc.plugin.instrument import Instrument
from aia_ccdproc.plugin.loading import Plugin
from aia_ccdproc.plugin.manager import PrepPluginManager, get_plugin_manager
from aia_ccdproc.plugin.settings import StepSettings
from aia_ccdproc.plugin.step import Step
from aia_ccdproc.recipe.recipe import Recipe, load_recipe
from aia_ccdproc.recipe.recipe_step import RecipeStep
from aia_ccdproc.steps.from_ccdproc.steps import PREFIX, ccdproc_steps, run_ccdproc

__all__ = [
    "Pipeline",
    "prep",
]


class Pipeline:
    """A chain of steps, ready to be run on images.

    Parameters
    ----------
    steps : iterable of `RecipeStep`
        The steps, in the order in which they are run; a `~aia_ccdproc.Recipe` is one, and may name the instrument.
    manager : `~aia_ccdproc.plugin.manager.PrepPluginManager`, optional
        Who knows the plugins; by default those that are installed.

    Raises
    ------
    PluginError
        If nobody declares a step, or more than one plugin does.
    """

    def __init__(self, steps: Iterable[RecipeStep], manager: PrepPluginManager | None = None) -> None:
        self._manager = manager or get_plugin_manager()
        self._cards = dict(getattr(steps, "cards", {}))
        self._instrument: Instrument | None = getattr(steps, "instrument", None)
        self.steps = [(self._find(planned.use), planned) for planned in steps]
        self._labels = _labels(step.name for step, _ in self.steps)

    def _find(self, use: str) -> Step:
        known = ccdproc_steps() if use.startswith(PREFIX) else self._manager.steps()
        if use not in known:
            raise PluginError(f"unknown step {use!r}; {suggestion(use, known)}")
        if twice := self._manager.declared_twice(known[use].hook):
            raise PluginError(twice)
        return known[use]

    def before_batch(self, headers: Sequence[fits.Header]) -> None:
        """Have plugins fetch at once what the steps will need for a batch of files.

        Parameters
        ----------
        headers : sequence of `~astropy.io.fits.Header`
            Complete headers of the files. They are read when a plugin asks for them: those of the images that a step
            will be run on, with the settings that they have.
        """
        for step, planned in self.steps:
            if step.name.startswith(PREFIX):
                continue
            if not planned.only and not planned.when:
                self._manager.before_batch(step.name, headers, planned.settings)
                continue
            for settings in (planned.settings, *(variant.settings for variant in planned.when)):
                if settings is not None:
                    share = _Share(headers, functools.partial(self._is_for, planned, settings))
                    self._manager.before_batch(step.name, share, settings)

    def _is_for(self, planned: RecipeStep, settings: StepSettings, header: fits.Header) -> bool:
        try:
            instrument = self._instrument or self._manager.identify(header)
        except PrepError:  # this file will say so itself
            return False
        return planned.settings_for(header, instrument.name) is settings

    def __call__(self, ccd: CCDData, *, seconds: dict[str, float] | None = None) -> CCDData:
        """Run the steps on an image.

        Parameters
        ----------
        ccd : `~astropy.nddata.CCDData`
            The image, shape ``(ny, nx)``; not changed.
        seconds : dict of str to float, optional
            To what it holds, the wall seconds of every step that is run are added, under its name; of the same step
            for the second time, under ``"name (2)"``.

        Returns
        -------
        `~astropy.nddata.CCDData`
            New image; its header holds a HISTORY line for each step.

        Raises
        ------
        PrepError
            Whatever a step raises.
        """
        with self._manager.in_use():
            result = self._run(ccd, {} if seconds is None else seconds)
        if np.may_share_memory(result.data, ccd.data):  # header hooks alone leave the pixels where they are
            result = result.copy()
        result.header.update(self._cards)
        return result

    def _run(self, ccd: CCDData, seconds: dict[str, float]) -> CCDData:
        given = complete_header(ccd)
        instrument = self._instrument or self._manager.identify(given)
        result = ccd
        for (step, planned), label in zip(self.steps, self._labels, strict=True):
            settings = planned.settings_for(given, instrument.name)
            if settings is None:
                continue
            start = time.perf_counter()
            result, by = self._do(step, result, instrument, settings, planned.plugin)
            result = _logged(result, ccd, step.name, by, settings)
            seconds[label] = seconds.get(label, 0.0) + time.perf_counter() - start
        return result

    def _do(
        self, step: Step, ccd: CCDData, instrument: Instrument, settings: StepSettings, plugin: str | None
    ) -> tuple[CCDData, str]:
        """Run a step, and tell who did it."""
        if step.name.startswith(PREFIX):
            return run_ccdproc(step.name, ccd, settings)
        common: dict[str, Any] = {"instrument": instrument, "settings": settings, "plugin": plugin}
        if step.takes_header:
            header, answered = self._manager.call_step(step, header=complete_header(ccd), **common)
            _refuse_other(header, fits.Header, step, answered)
            return with_header(ccd, header), str(answered)
        result, answered = self._manager.call_step(step, ccd=ccd, **common)
        _refuse_other(result, CCDData, step, answered)
        _refuse_other(result.header, fits.Header, step, answered, "an image with a header that is a")
        return result, str(answered)


class _Share(Sequence[fits.Header]):
    """Those of a batch's headers that are meant, found when they are asked for."""

    def __init__(self, headers: Sequence[fits.Header], meant: Callable[[fits.Header], bool]) -> None:
        self._headers = headers
        self._meant = meant

    @functools.cached_property
    def _found(self) -> list[fits.Header]:
        return [header for header in self._headers if self._meant(header)]

    def __getitem__(self, index: Any) -> Any:
        return self._found[index]

    def __len__(self) -> int:
        return len(self._found)


def _labels(names: Iterable[str]) -> list[str]:
    count: Counter[str] = Counter()
    labels = []
    for name in names:
        count[name] += 1
        labels.append(name if count[name] == 1 else f"{name} ({count[name]})")
    return labels


def _refuse_other(result: object, wanted: type, step: Step, answered: Plugin, what: str = "a") -> None:
    if not isinstance(result, wanted):
        said = f"{what} {type(result).__name__}, not a {wanted.__name__}"
        raise PluginError(f"{step.name} of {answered} returned {said}")


def _logged(result: CCDData, given: CCDData, step: str, by: str, settings: StepSettings) -> CCDData:
    if result.header is given.header:  # a step that had nothing to do may hand its input through
        result = with_header(result, given.header.copy())
    add_step_history(result.header, step, by, settings)
    return result


def prep(ccd: CCDData, recipe: str | os.PathLike[str] | Recipe = "level1.5") -> CCDData:
    """Prep one image by a recipe.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        Level-1 image, shape ``(ny, nx)``; not changed.
    recipe : str, path-like or `Recipe`
        A built-in recipe's name, the path of a TOML file, or a recipe.

    Returns
    -------
    `~astropy.nddata.CCDData`
        New image.

    Raises
    ------
    RecipeError
        If the recipe has faults.
    PrepError
        Whatever a step raises.
    """
    return Pipeline(load_recipe(recipe))(ccd)
