"""Functions of ccdproc as steps of a recipe: ``use = "ccdproc.cosmicray_lacosmic"``.

Only the functions that have a settings model in `aia_ccdproc.steps.from_ccdproc.settings` can be named in a recipe.
"""

from __future__ import annotations

import inspect
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

import numpy as np
from astropy.nddata import CCDData

from aia_ccdproc.errors import HeaderError, PluginError, PrepError, PrepWarning, SettingsError, StateError, suggestion
from aia_ccdproc.images.arithmetic import with_flags_and_psf, without_psf
from aia_ccdproc.images.header import complete_header, fits_header, set_unit, with_header
from aia_ccdproc.images.statistics import without_statistics
from aia_ccdproc.plugin.hookspecs import hookimpl
from aia_ccdproc.plugin.instrument import Instrument
from aia_ccdproc.plugin.plugin import Plugin
from aia_ccdproc.plugin.settings import StepSettings
from aia_ccdproc.plugin.step import Step, StepOrder, StepResult
from aia_ccdproc.steps.from_ccdproc.settings import CCDPROC_MODELS, UNUSABLE, CcdprocSettings

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
        arguments = settings.arguments()
        try:
            with _as_own_warnings(self.name):
                result = _call(self._function, without_psf(ccd), arguments)
        except (PrepError, MemoryError):
            raise
        except KeyError as error:
            raise HeaderError(f"{self.name}: {error.args[0]}") from error
        except TypeError as error:
            raise SettingsError(f"{self.name}: {error}") from error
        except Exception as error:  # ccdproc and the functions that it calls raise many types
            raise StateError(f"{self.name}: {error}") from error
        if not isinstance(result, CCDData):
            raise PluginError(f"{self.name} returned a {type(result).__name__}, not a CCDData")
        return StepResult(_complete(self.name, ccd, result), str(self.implementers[0]))


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


def _call(function: str, ccd: CCDData, arguments: dict[str, Any]) -> Any:
    import ccdproc  # takes 0.3 s, which listings need not wait for

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
        warnings.warn(f"{step}: {message}", PrepWarning, stacklevel=4)


def _lacosmic(ccd: CCDData, gain_apply: bool = True, **arguments: Any) -> Any:
    """Remove cosmic rays, and apply the gain by `ccdproc.gain_correct`.

    ccdproc 2.5.1 multiplies the data by the gain but not their uncertainty. It also sets the unit of multiplied data if
    it has not multiplied them.
    """
    import ccdproc

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
    header = without_statistics(complete_header(made))
    set_unit(header, made.unit)
    if made.shape == given.shape:
        return with_flags_and_psf(with_header(made, header), given)
    if given.flags is not None:
        warnings.warn(f"{step}: flags of the image dropped: they describe all its pixels", PrepWarning, stacklevel=3)
    made.psf = None if given.psf is None else given.psf.copy()
    return with_header(made, header)


def _good(data: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    finite: np.ndarray = np.isfinite(data)
    return finite if mask is None else finite & ~mask
