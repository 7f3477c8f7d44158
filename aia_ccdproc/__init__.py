"""SDO/AIA level 1 to level 1.5 for ccdproc.

>>> import aia_ccdproc
>>> aia_ccdproc.load_recipe("level1.5").steps[1].settings.method
'bicubic'

The public names are listed in ``__init__.pyi``. They are imported when they are first used, so that the command line
starts fast.
"""

from __future__ import annotations

import importlib
from typing import Any

import lazy_loader

_get_public_name, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

#: Names that moved since version 0.1, and the package that they moved to. They will be removed in version 0.4.
_MOVED = {
    "CalibrationTable": "aia_ccdproc.tables",
    "StepSettings": "aia_ccdproc.plugin",
    "UNRECORDED": "aia_ccdproc.plugin",
    "query_series": "aia_ccdproc.tables",
    "step": "aia_ccdproc.plugin",
    "table_source": "aia_ccdproc.plugin",
    "thread_count": "aia_ccdproc.plugin",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("aia-ccdproc")
    if name in _MOVED:
        from aia_ccdproc.errors import PrepDeprecationWarning, warn_user

        warn_user(
            f"aia_ccdproc.{name} moved to {_MOVED[name]} and will be removed in version 0.4. Import it from there.",
            PrepDeprecationWarning,
        )
        return getattr(importlib.import_module(_MOVED[name]), name)
    try:
        return _get_public_name(name)
    except AttributeError as error:
        from aia_ccdproc.plugin.published import function_hint

        hint = function_hint(name)
        raise AttributeError(f"{error}; {hint}" if hint else str(error), name=name) from None
