"""SDO/AIA level 1 to level 1.5 for ccdproc.

>>> import aia_ccdproc
>>> aia_ccdproc.load_recipe("level1.5").steps[1].settings.method
'bicubic'

Names are imported when they are first used, so that the command line answers at once.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aia_ccdproc.batch import FileResult, run
    from aia_ccdproc.errors import (
        HeaderError,
        InstrumentError,
        PluginError,
        PluginWarning,
        PointingError,
        PointingWarning,
        PrepError,
        PrepWarning,
        ReadError,
        RecipeError,
        SettingsError,
        StateError,
        TableError,
        WriteError,
    )
    from aia_ccdproc.hookspecs import hookimpl, hookspec, step
    from aia_ccdproc.instrument import Instrument
    from aia_ccdproc.io.calibration_table import CalibrationTable
    from aia_ccdproc.io.fits import read, write
    from aia_ccdproc.io.jsoc import query_series
    from aia_ccdproc.pipeline import Pipeline
    from aia_ccdproc.plugins import get_plugin_manager
    from aia_ccdproc.recipe import Recipe, load_recipe, prep
    from aia_ccdproc.settings import UNRECORDED, StepSettings, table_source
    from aia_ccdproc.steps.exposure import normalize_exposure
    from aia_ccdproc.steps.pointing import update_pointing
    from aia_ccdproc.steps.registration import register
    from aia_ccdproc.threads import thread_count

_HOMES = {
    "batch": ["FileResult", "run"],
    "errors": [
        "HeaderError",
        "InstrumentError",
        "PluginError",
        "PluginWarning",
        "PointingError",
        "PointingWarning",
        "PrepError",
        "PrepWarning",
        "ReadError",
        "RecipeError",
        "SettingsError",
        "StateError",
        "TableError",
        "WriteError",
    ],
    "hookspecs": ["hookimpl", "hookspec", "step"],
    "instrument": ["Instrument"],
    "io.calibration_table": ["CalibrationTable"],
    "io.fits": ["read", "write"],
    "io.jsoc": ["query_series"],
    "pipeline": ["Pipeline"],
    "plugins": ["get_plugin_manager"],
    "recipe": ["Recipe", "load_recipe", "prep"],
    "settings": ["UNRECORDED", "StepSettings", "table_source"],
    "steps.exposure": ["normalize_exposure"],
    "steps.pointing": ["update_pointing"],
    "steps.registration": ["register"],
    "threads": ["thread_count"],
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = ["__version__", *sorted(_HOME_OF)]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("aia-ccdproc")
    if name in _HOME_OF:
        value = getattr(importlib.import_module(f"aia_ccdproc.{_HOME_OF[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'aia_ccdproc' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
