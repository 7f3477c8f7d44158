"""What a step is, the hooks, and the plugin manager."""

from aia_ccdproc.parallel import thread_count
from aia_ccdproc.plugin.fields import RecipeFile, ServerURL, Timeout, table_source
from aia_ccdproc.plugin.hookspecs import hookimpl, hookspec
from aia_ccdproc.plugin.instrument import Instrument
from aia_ccdproc.plugin.loading import get_plugin_manager
from aia_ccdproc.plugin.resampling import BAD_WEIGHT_THRESHOLD, MethodParameter, Resampled
from aia_ccdproc.plugin.settings import RECORDED_BY_NAME, UNRECORDED, StepSettings
from aia_ccdproc.plugin.step import step

__all__ = [
    "BAD_WEIGHT_THRESHOLD",
    "RECORDED_BY_NAME",
    "UNRECORDED",
    "Instrument",
    "MethodParameter",
    "RecipeFile",
    "Resampled",
    "ServerURL",
    "StepSettings",
    "Timeout",
    "get_plugin_manager",
    "hookimpl",
    "hookspec",
    "step",
    "table_source",
    "thread_count",
]
