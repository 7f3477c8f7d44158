"""The record of a step in the header of its result."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, TypeAlias

from astropy.nddata import CCDData

from aia_ccdproc.images.history import add_step_history
from aia_ccdproc.plugin.settings import StepSettings

if TYPE_CHECKING:
    import ccdproc

__all__ = ["AddKeyword", "record"]

#: Type of ccdproc's argument ``add_keyword``.
AddKeyword: TypeAlias = "bool | str | ccdproc.Keyword | Mapping[str, object] | None"


def record(result: CCDData, step: str, settings: StepSettings, add_keyword: AddKeyword) -> None:
    """Record a step in the header of its result; ``add_keyword`` has the same meaning as in ccdproc.

    The default is a HISTORY line. ccdproc would write a HIERARCH card with all arguments. Such a card is not valid FITS
    if it is too long, and a second run of the step overwrites it.

    Parameters
    ----------
    result : `~astropy.nddata.CCDData`
        The step's result; its header is changed in place.
    step : str
        Name of the step.
    settings : `~aia_ccdproc.plugin.StepSettings`
        Its settings.
    add_keyword : bool, str, `~ccdproc.Keyword`, dict or None
        The user's value: True for the HISTORY line, False or None for nothing, or other cards.
    """
    if not add_keyword:
        return
    import ccdproc  # takes 0.3 s, which a pipeline need not wait for

    if add_keyword is True:
        if ccdproc.conf.auto_logging:
            add_step_history(result.header, step, f"aia-ccdproc {version('aia-ccdproc')}", settings)
    elif isinstance(add_keyword, str):
        result.header[add_keyword] = None
    elif isinstance(add_keyword, ccdproc.Keyword):
        result.header[add_keyword.name] = add_keyword.value
    else:
        result.header.update(add_keyword)
