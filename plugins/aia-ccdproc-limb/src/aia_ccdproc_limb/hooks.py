"""The step ``measure_limb``: its declaration and its implementation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

from aia_ccdproc.plugin import Instrument, hookimpl, hookspec, step
from aia_ccdproc_limb.settings import LimbSettings

if TYPE_CHECKING:
    from astropy.nddata import CCDData


class Declarations:
    """The step that this plugin declares."""

    @step(settings=LimbSettings)
    @hookspec(firstresult=True)
    def prep_measure_limb(self, ccd: CCDData, instrument: Instrument, settings: LimbSettings) -> CCDData | None:
        """Fit a circle to the limb of the Sun, and write its center and radius to the header."""


@hookimpl
def prep_addhooks(manager: pluggy.PluginManager) -> None:
    """Declare the step."""
    manager.add_hookspecs(Declarations)


@hookimpl
def prep_measure_limb(ccd: CCDData, instrument: Instrument, settings: LimbSettings) -> CCDData | None:
    """Measure the limb in an image of any instrument."""
    from aia_ccdproc_limb.limb import measure_limb

    return measure_limb(ccd, **dict(settings))
