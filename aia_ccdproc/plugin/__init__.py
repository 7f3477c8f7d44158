"""The plugin API: markers, steps and their settings, instruments, resampling engines.

A plugin is a distribution with an entry point of the group ``aia_ccdproc``::

    [project.entry-points.aia_ccdproc]
    scale = "aia_scale"

The entry point is a module that implements hooks. This module, ``aia_scale.py``, adds a step::

    from pydantic import Field
    from aia_ccdproc.images import multiply
    from aia_ccdproc.plugin import StepSettings, hookimpl, hookspec, step

    class ScaleSettings(StepSettings):
        factor: float = Field(default=2.0, description="Factor by which pixels are multiplied.")

    class Declarations:
        @step(settings=ScaleSettings, before=["register"])
        @hookspec(firstresult=True)
        def prep_scale(self, ccd, instrument, settings):
            "Multiply an image by a number."

    @hookimpl
    def prep_addhooks(manager):
        manager.add_hookspecs(Declarations)

    @hookimpl
    def prep_scale(ccd, instrument, settings):
        return multiply(ccd, settings.factor)

A recipe runs it with ``use = "scale"`` and ``factor = 1.5``. An implementation returns a new CCDData, or None for an
image that it does not handle. A hook that takes ``header`` instead of ``ccd`` returns a new header, and the pipeline
makes the WCS from it. The environment variable ``AIA_CCDPROC_TRACE=1`` logs which distribution answered which hook.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from aia_ccdproc.errors import warn_user
from aia_ccdproc.parallel import map_in_threads, thread_count
from aia_ccdproc.plugin.fields import RecipeFile, ServerURL, Timeout, table_source
from aia_ccdproc.plugin.hookspecs import hookimpl, hookspec
from aia_ccdproc.plugin.instrument import Instrument
from aia_ccdproc.plugin.loading import get_plugin_manager, load_plugins
from aia_ccdproc.plugin.manager import PrepPluginManager
from aia_ccdproc.plugin.map_arguments import accepts_maps
from aia_ccdproc.plugin.plugin import Plugin
from aia_ccdproc.plugin.remote import RemoteFile
from aia_ccdproc.plugin.resampling import BAD_WEIGHT_THRESHOLD, MethodParameter, Resampled
from aia_ccdproc.plugin.settings import RECORDED_BY_NAME, UNRECORDED, StepSettings
from aia_ccdproc.plugin.step import Step, StepOrder, StepResult, step

if TYPE_CHECKING:
    from aia_ccdproc.images.dithering import dithering_numbers
    from aia_ccdproc.images.pixel_counts import CoarseCounts, FineCounts
    from aia_ccdproc.images.pixel_engine import PixelEngine
    from aia_ccdproc.images.quantized_rows import QuantizedRows
    from aia_ccdproc.images.rice_image import RiceTiles
    from aia_ccdproc.plugin.linear_wcs import affine_map

__all__ = [
    "BAD_WEIGHT_THRESHOLD",
    "RECORDED_BY_NAME",
    "UNRECORDED",
    "CoarseCounts",
    "FineCounts",
    "Instrument",
    "MethodParameter",
    "PixelEngine",
    "Plugin",
    "PrepPluginManager",
    "QuantizedRows",
    "RecipeFile",
    "RemoteFile",
    "Resampled",
    "RiceTiles",
    "ServerURL",
    "Step",
    "StepOrder",
    "StepResult",
    "StepSettings",
    "Timeout",
    "accepts_maps",
    "affine_map",
    "dithering_numbers",
    "get_plugin_manager",
    "hookimpl",
    "hookspec",
    "load_plugins",
    "map_in_threads",
    "step",
    "table_source",
    "thread_count",
    "warn_user",
]

#: Names of modules that import numpy. They are imported when they are first used.
_LAZY = {
    "CoarseCounts": "aia_ccdproc.images.pixel_counts",
    "FineCounts": "aia_ccdproc.images.pixel_counts",
    "PixelEngine": "aia_ccdproc.images.pixel_engine",
    "QuantizedRows": "aia_ccdproc.images.quantized_rows",
    "RiceTiles": "aia_ccdproc.images.rice_image",
    "affine_map": "aia_ccdproc.plugin.linear_wcs",
    "dithering_numbers": "aia_ccdproc.images.dithering",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
