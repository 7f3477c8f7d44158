"""AIA: its properties, and the identification of its images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

from aia_ccdproc.images.level15 import LEVEL15_SCALE, LEVEL15_SHAPE
from aia_ccdproc.images.values import as_number
from aia_ccdproc.plugin.hookspecs import hookimpl
from aia_ccdproc.plugin.instrument import Instrument
from aia_ccdproc.steps import hookspecs

if TYPE_CHECKING:
    from astropy.io import fits

__all__ = ["AIA", "CHANNELS", "prep_identify", "prep_instruments", "prep_recipes"]

#: Central wavelengths of the ten channels, in angstrom.
CHANNELS = (94, 131, 171, 193, 211, 304, 335, 1600, 1700, 4500)

AIA = Instrument(
    name="AIA",
    plate_scale=LEVEL15_SCALE,
    shape=LEVEL15_SHAPE,
    has_master_pointing=True,
    unit="DN",
)


@hookimpl
def prep_addhooks(manager: pluggy.PluginManager) -> None:
    """Declare the core's steps."""
    manager.add_hookspecs(hookspecs)


@hookimpl(trylast=True)
def prep_recipes() -> dict[str, str]:
    """Return the built-in recipes."""
    from aia_ccdproc.recipe.named import builtin_recipes  # not needed to identify an image

    return builtin_recipes()


@hookimpl(trylast=True)
def prep_identify(header: fits.Header) -> Instrument | None:
    """Identify an AIA image by INSTRUME (``AIA_1`` to ``AIA_4``, ``AIA_ATA1``) and one of the ten channels."""
    is_aia = str(header.get("INSTRUME", "")).strip().upper().startswith("AIA")
    return AIA if is_aia and as_number(header.get("WAVELNTH")) in CHANNELS else None


@hookimpl(trylast=True)
def prep_instruments() -> list[Instrument]:
    """Return AIA."""
    return [AIA]
