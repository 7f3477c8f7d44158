"""What a step's function leaves in the header of its result when nobody tells it otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import TypeAlias

import ccdproc
from astropy.nddata import CCDData

from aia_ccdproc.images.history import add_step_history
from aia_ccdproc.plugin.settings import StepSettings

__all__ = ["AddKeyword", "record"]

#: What ccdproc's ``add_keyword`` takes.
AddKeyword: TypeAlias = bool | str | ccdproc.Keyword | Mapping[str, object] | None


def record(result: CCDData, step: str, settings: StepSettings, add_keyword: AddKeyword) -> None:
    """Log a step in the header of its result, with ccdproc's meaning of ``add_keyword``.

    ccdproc would write a HIERARCH card of all arguments, which FITS cannot hold once it is longer than a
    card, and which a second run overwrites. A HISTORY line has neither fault.

    Parameters
    ----------
    result : `~astropy.nddata.CCDData`
        The step's result; its header is changed in place.
    step : str
        Name of the step.
    settings : `~aia_ccdproc.plugin.settings.StepSettings`
        Its settings.
    add_keyword : bool, str, `~ccdproc.Keyword`, dict or None
        What the user asked to have recorded.
    """
    if add_keyword is True:
        if ccdproc.conf.auto_logging:
            add_step_history(result.header, step, f"aia-ccdproc {version('aia-ccdproc')}", settings)
    elif isinstance(add_keyword, str):
        result.header[add_keyword] = None
    elif isinstance(add_keyword, ccdproc.Keyword):
        result.header[add_keyword.name] = add_keyword.value
    elif add_keyword:
        result.header.update(add_keyword)
