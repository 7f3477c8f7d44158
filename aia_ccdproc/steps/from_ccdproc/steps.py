"""Functions of ccdproc as steps of a recipe: ``use = "ccdproc.cosmicray_lacosmic"``.

Only the functions that have a settings model in `aia_ccdproc.steps.from_ccdproc.settings` can be named in a recipe.
"""

from __future__ import annotations

import inspect
from importlib.metadata import version
from typing import TYPE_CHECKING

from aia_ccdproc.errors import PluginError, SettingsError, suggestion
from aia_ccdproc.plugin.hookspecs import hookimpl
from aia_ccdproc.plugin.instrument import Instrument
from aia_ccdproc.plugin.plugin import Plugin
from aia_ccdproc.plugin.settings import StepSettings
from aia_ccdproc.plugin.step import Step, StepOrder, StepResult
from aia_ccdproc.steps.from_ccdproc.settings import CCDPROC_MODELS, UNUSABLE, CcdprocSettings

if TYPE_CHECKING:
    from astropy.nddata import CCDData

__all__ = ["CcdprocStep"]

#: Prefix of the names of ccdproc's steps.
_PREFIX = "ccdproc."
#: Functions that correct pixels of the detector.
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
#: Functions whose second run would be wrong.
_ONCE = ("ccd_process", "create_deviation", "gain_correct", "subtract_bias", "subtract_dark", "subtract_overscan")


class CcdprocStep(Step):
    """A step that is a function of ccdproc.

    Parameters
    ----------
    function : str
        Name of the function, ``"trim_image"``.
    settings : type
        Model of its arguments.
    """

    def __init__(self, function: str, settings: type[CcdprocSettings]) -> None:
        before = ("register",) if function in _BEFORE_REGISTRATION else ()
        order = StepOrder(before=before, repeatable=function not in _ONCE)
        summary = (inspect.getdoc(settings) or "").partition("\n")[0]
        super().__init__(_PREFIX + function, settings, order, summary)
        self._function = function

    @property
    def implementers(self) -> list[Plugin]:  # numpydoc ignore=GL08
        return [Plugin("ccdproc", "ccdproc", version("ccdproc"))]

    def check(self, plugin: str | None = None) -> None:  # numpydoc ignore=GL08
        if plugin is not None:
            raise PluginError(f"{self.name} is run by ccdproc itself; leave plugin out")

    def versions(self, settings: StepSettings, plugin: str | None = None) -> list[str]:  # numpydoc ignore=GL08
        return [str(each) for each in self.implementers]

    def run(
        self, ccd: CCDData, instrument: Instrument, settings: StepSettings, plugin: str | None = None
    ) -> StepResult:
        """Run the function on an image.

        Parameters
        ----------
        ccd : `~astropy.nddata.CCDData`
            The image, shape ``(ny, nx)``; not changed.
        instrument : `~aia_ccdproc.Instrument`
            Not used.
        settings : `~aia_ccdproc.plugin.StepSettings`
            The arguments of the function.
        plugin : str, optional
            Not used.

        Returns
        -------
        `~aia_ccdproc.plugin.step.StepResult`
            New image with pixels of the same type; its header is complete and gives the unit.

        Raises
        ------
        PrepError
            If ccdproc raises an error: HeaderError for a missing keyword, SettingsError for arguments that do not fit
            together, and StateError for any other error, such as units or shapes that do not fit.
        """
        if not (isinstance(settings, CcdprocSettings) and isinstance(settings, self.settings)):
            raise SettingsError(f"{self.name} takes a {self.settings.__name__}, not a {type(settings).__name__}")
        from aia_ccdproc.steps.from_ccdproc.calls import call_function

        result = call_function(self._function, self.name, ccd, settings.arguments())
        return StepResult(result, str(self.implementers[0]))


@hookimpl
def prep_steps() -> list[Step]:
    """Return the functions of ccdproc that can be steps."""
    return [CcdprocStep(function, settings) for function, settings in CCDPROC_MODELS.items()]


@hookimpl(trylast=True)
def prep_explain_unknown_step(name: str) -> str | None:
    """Explain why a function of ccdproc cannot be a step."""
    function = name.removeprefix(_PREFIX)
    if function == name:
        return None
    if function in UNUSABLE:
        return f"{name} cannot be a step: {UNUSABLE[function]}"
    return f"unknown step {name!r}; of ccdproc's functions, {suggestion(function, CCDPROC_MODELS)}"
