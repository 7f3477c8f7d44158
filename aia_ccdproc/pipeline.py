"""Run the steps of a recipe on one image."""

from __future__ import annotations

import functools
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, overload

from aia_ccdproc.errors import warn_user
from aia_ccdproc.images.history import add_step_history
from aia_ccdproc.plugin.instrument import Instrument
from aia_ccdproc.plugin.loading import get_plugin_manager
from aia_ccdproc.plugin.manager import PrepPluginManager
from aia_ccdproc.plugin.map_arguments import accepts_maps
from aia_ccdproc.plugin.settings import StepSettings
from aia_ccdproc.recipe.quality import notable_quality
from aia_ccdproc.recipe.recipe import Recipe, load_recipe
from aia_ccdproc.recipe.recipe_step import RecipeStep

if TYPE_CHECKING:
    from astropy.io import fits
    from astropy.nddata import CCDData

__all__ = ["Pipeline", "prep"]


class Pipeline:
    """A chain of steps, ready to be run on images.

    Parameters
    ----------
    steps : iterable of `~aia_ccdproc.recipe.recipe_step.RecipeStep`
        The steps, in the order in which they are run. A `~aia_ccdproc.Recipe` is such an iterable, and also gives the
        instrument and the keywords of the results.
    manager : `~aia_ccdproc.plugin.manager.PrepPluginManager`, optional
        The plugin manager; by default the one with the installed plugins.

    Raises
    ------
    PluginError
        If a step is unknown, or two plugins compete for it.
    """

    def __init__(self, steps: Iterable[RecipeStep], manager: PrepPluginManager | None = None) -> None:
        self._manager = manager or get_plugin_manager()
        self._cards = dict(getattr(steps, "cards", {}))
        self._instrument: Instrument | None = getattr(steps, "instrument", None)
        select = getattr(steps, "select", None)
        self._quality_is_selected = select is not None and select.checks_quality
        self._planned = list(steps)
        for planned in self._planned:
            self._manager.check_step(planned.use, planned.plugin)
        known = self._manager.steps()
        self.steps = [known[planned.use] for planned in self._planned]
        self._labels = _number_repeated(planned.use for planned in self._planned)

    def prefetch(self, headers: Sequence[fits.Header]) -> None:
        """Fetch the data that the steps will need for a batch of files.

        The plugins of each step are called once for all files on which the step will be run with the same settings.

        Parameters
        ----------
        headers : sequence of `~astropy.io.fits.Header`
            Complete headers of the files. They are read only if a plugin uses them.
        """
        for step, planned in zip(self.steps, self._planned, strict=True):
            if not planned.only and not planned.when:
                step.prefetch(headers, planned.settings, planned.plugin)
                continue
            for settings in (planned.settings, *(variant.settings for variant in planned.when)):
                if settings is not None:
                    selected = _SelectedHeaders(headers, functools.partial(self._uses_settings, planned, settings))
                    step.prefetch(selected, settings, planned.plugin)

    def _uses_settings(self, planned: RecipeStep, settings: StepSettings, header: fits.Header) -> bool:
        """Check whether a step will use these settings for the image that has this header."""
        try:
            instrument = self._instrument or self._manager.identify(header)
            return planned.settings_for(header, instrument.name) is settings
        except Exception:  # the error is reported when this file is processed
            return False

    def __call__(self, ccd: CCDData, *, seconds: dict[str, float] | None = None) -> CCDData:
        """Run the steps on an image.

        Parameters
        ----------
        ccd : `~astropy.nddata.CCDData`
            The image, shape ``(ny, nx)``; not changed.
        seconds : dict of str to float, optional
            Wall times in seconds by the name of the step; ``"name (2)"`` is the second run of a step. The times of this
            run are added to those that the dict contains.

        Returns
        -------
        `~astropy.nddata.CCDData`
            New image; its header has a HISTORY line for each step.

        Raises
        ------
        PrepError
            Any error that a step raises.
        """
        from aia_ccdproc.images.arithmetic import without_shared_pixels

        with self._manager.in_use():
            result = self._run(ccd, {} if seconds is None else seconds)
        result = without_shared_pixels(result, ccd)  # header hooks do not copy the pixels
        result.header.update(self._cards)
        return result

    def _run(self, ccd: CCDData, seconds: dict[str, float]) -> CCDData:
        from aia_ccdproc.images.header import uncopied_header, with_header

        header = uncopied_header(ccd)
        instrument = self._instrument or self._manager.identify(header)
        if instrument.name == "AIA" and not self._quality_is_selected:
            _warn_of_quality(header)
        result = ccd
        for step, planned, label in zip(self.steps, self._planned, self._labels, strict=True):
            settings = planned.settings_for(header, instrument.name)
            if settings is None:
                continue
            start = time.perf_counter()
            result, plugin = step.run(result, instrument, settings, planned.plugin)
            if result.header is ccd.header:  # a step that has nothing to do may return its input
                result = with_header(result, header.copy())
            add_step_history(result.header, step.name, plugin, settings)
            seconds[label] = seconds.get(label, 0.0) + time.perf_counter() - start
        return result


class _SelectedHeaders(Sequence["fits.Header"]):
    """The headers of a batch that meet a condition; they are read at first access."""

    def __init__(self, headers: Sequence[fits.Header], is_selected: Callable[[fits.Header], bool]) -> None:
        self._headers = headers
        self._is_selected = is_selected

    @functools.cached_property
    def _selected(self) -> list[fits.Header]:
        return [header for header in self._headers if self._is_selected(header)]

    @overload
    def __getitem__(self, index: int) -> fits.Header: ...
    @overload
    def __getitem__(self, index: slice) -> list[fits.Header]: ...
    def __getitem__(self, index: Any) -> Any:
        return self._selected[index]

    def __len__(self) -> int:
        return len(self._selected)


def _warn_of_quality(header: fits.Header) -> None:
    """Warn of an image that is not good, if the recipe does not select images by their quality."""
    quality = notable_quality(header.get("QUALITY"))
    if quality is not None:
        warn_user(f'QUALITY is {quality}. Refuse such images by quality = "good" in the table [select] of a recipe')


def _number_repeated(names: Iterable[str]) -> list[str]:
    """Add a number to the second and later occurrences of a name: ``"name (2)"``."""
    count: Counter[str] = Counter()
    labels = []
    for name in names:
        count[name] += 1
        labels.append(name if count[name] == 1 else f"{name} ({count[name]})")
    return labels


@accepts_maps
def prep(ccd: CCDData, recipe: str | os.PathLike[str] | Recipe = "level1.5") -> CCDData:
    """Run a recipe on one image.

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
        If the recipe has problems.
    PrepError
        Any error that a step raises.
    """
    return Pipeline(load_recipe(recipe))(ccd)
