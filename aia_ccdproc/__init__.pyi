from .batch.progress import Progress
from .batch.run import run
from .batch.stacking import stack
from .errors import (
    HeaderError,
    InstrumentError,
    PluginError,
    PluginWarning,
    PointingError,
    PointingWarning,
    PrepDeprecationWarning,
    PrepError,
    PrepWarning,
    ReadError,
    RecipeError,
    SettingsError,
    StateError,
    TableError,
    WriteError,
)
from .io import read, write
from .pipeline import Pipeline, prep
from .plugin.hookspecs import hookimpl, hookspec
from .plugin.instrument import Instrument
from .plugin.loading import get_plugin_manager
from .plugin.maps import from_map, to_map
from .recipe.recipe import Recipe, load_recipe
from .report.quicklook import quicklook
from .report.results import FileResult
from .steps.exposure import normalize_exposure
from .steps.pointing import update_pointing
from .steps.registration import register

__version__: str

__all__ = [
    "FileResult",
    "HeaderError",
    "Instrument",
    "InstrumentError",
    "Pipeline",
    "PluginError",
    "PluginWarning",
    "PointingError",
    "PointingWarning",
    "PrepDeprecationWarning",
    "PrepError",
    "PrepWarning",
    "Progress",
    "ReadError",
    "Recipe",
    "RecipeError",
    "SettingsError",
    "StateError",
    "TableError",
    "WriteError",
    "__version__",
    "from_map",
    "get_plugin_manager",
    "hookimpl",
    "hookspec",
    "load_recipe",
    "normalize_exposure",
    "prep",
    "quicklook",
    "read",
    "register",
    "run",
    "stack",
    "to_map",
    "update_pointing",
    "write",
]
