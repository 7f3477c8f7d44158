"""Steps over one image. Knows no TOML, no files and no instrument."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from astropy.io import fits
from astropy.nddata import CCDData

from aia_ccdproc.chain import Step
from aia_ccdproc.errors import PluginError, choices
from aia_ccdproc.header import complete_header, with_header
from aia_ccdproc.keywords import add_step_history
from aia_ccdproc.plugins import Plugin, PrepPluginManager, get_plugin_manager
from aia_ccdproc.settings import StepSettings

__all__ = ["Pipeline", "RecipeStep"]


class RecipeStep(NamedTuple):
    """A step of a recipe: which, how, and by whom if that was said."""

    use: str
    settings: StepSettings
    plugin: str | None = None


class Pipeline:
    """A chain of steps, ready to be run on images.

    Parameters
    ----------
    steps : iterable of `RecipeStep`
        The steps, in the order in which they are run; a `~aia_ccdproc.Recipe` is one.
    manager : `~aia_ccdproc.plugins.PrepPluginManager`, optional
        Who knows the plugins; by default those that are installed.

    Raises
    ------
    PluginError
        If nobody declares a step.
    """

    def __init__(self, steps: Iterable[RecipeStep], manager: PrepPluginManager | None = None) -> None:
        self._manager = manager or get_plugin_manager()
        known = self._manager.steps()
        self.steps: list[tuple[Step, RecipeStep]] = []
        for planned in steps:
            if planned.use not in known:
                raise PluginError(f"unknown step {planned.use!r}; {choices(planned.use, known)}")
            self.steps.append((known[planned.use], planned))
        self._cards = dict(getattr(steps, "cards", {}))

    def before_batch(self, headers: Sequence[fits.Header]) -> None:
        """Have plugins fetch at once what the steps will need for a batch of files.

        Parameters
        ----------
        headers : sequence of `~astropy.io.fits.Header`
            Complete headers of the files.
        """
        for step, planned in self.steps:
            self._manager.before_batch(step.name, headers, planned.settings)

    def __call__(self, ccd: CCDData) -> CCDData:
        """Run the steps on an image.

        Parameters
        ----------
        ccd : `~astropy.nddata.CCDData`
            The image, shape ``(ny, nx)``; not changed.

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
            result = self._run(ccd)
        if np.may_share_memory(result.data, ccd.data):  # header hooks alone leave the pixels where they are
            result = result.copy()
        result.header.update(self._cards)
        return result

    def _run(self, ccd: CCDData) -> CCDData:
        instrument = self._manager.identify(complete_header(ccd))
        result = ccd
        for step, planned in self.steps:
            common: dict[str, Any] = {"instrument": instrument, "settings": planned.settings, "plugin": planned.plugin}
            if step.takes_header:
                header, answered = self._manager.call_step(step, header=complete_header(result), **common)
                _refuse_other(header, fits.Header, step, answered)
                result = with_header(result, header)
            else:
                result, answered = self._manager.call_step(step, ccd=result, **common)
                _refuse_other(result, CCDData, step, answered)
            result = _logged(result, ccd, step.name, answered, planned.settings)
        return result


def _refuse_other(result: object, wanted: type, step: Step, answered: Plugin) -> None:
    if not isinstance(result, wanted):
        raise PluginError(f"{step.name} of {answered} returned a {type(result).__name__}, not a {wanted.__name__}")


def _logged(result: CCDData, given: CCDData, step: str, answered: Plugin, settings: StepSettings) -> CCDData:
    if result.header is given.header:  # a step that had nothing to do may hand its input through
        result = with_header(result, given.header.copy())
    add_step_history(result.header, step, str(answered), settings)
    return result
