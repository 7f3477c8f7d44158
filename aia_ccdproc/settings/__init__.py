"""Settings: what a recipe can say of a step. Schema of its table, defaults and documentation in one."""

from aia_ccdproc.settings.base import UNRECORDED, StepSettings
from aia_ccdproc.settings.core import ExposureSettings, OutputSettings, PointingSettings, RegistrationSettings
from aia_ccdproc.settings.fields import RecipeFile, ServerURL, Timeout, table_source

__all__ = [
    "UNRECORDED",
    "ExposureSettings",
    "OutputSettings",
    "PointingSettings",
    "RecipeFile",
    "RegistrationSettings",
    "ServerURL",
    "StepSettings",
    "Timeout",
    "table_source",
]
