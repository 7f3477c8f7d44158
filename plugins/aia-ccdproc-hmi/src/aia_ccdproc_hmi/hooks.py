"""The hooks of the plugin: they identify images of HMI."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aia_ccdproc import InstrumentError
from aia_ccdproc.plugin import Instrument, hookimpl

if TYPE_CHECKING:
    from astropy.io import fits

__all__ = ["BUNIT"]

#: Units of the pixels by the keyword CONTENT, as JSOC writes them.
BUNIT = {"CONTINUUM INTENSITY": "DN/s", "MAGNETOGRAM": "Gauss", "DOPPLERGRAM": "m/s"}

#: Steps that must not be run on images of HMI, with the reason.
_REFUSED_STEPS = {
    "normalize_exposure": "it was computed from many filtergrams, and its pixels are not counts of one exposure. "
    'Restrict the step to AIA: only = { instrument = "AIA" }'
}


@hookimpl
def prep_identify(header: fits.Header) -> Instrument | None:
    """Identify an image of HMI by TELESCOP, INSTRUME (``HMI_FRONT2``, ``HMI_SIDE1``, ``HMI_COMBINED``) and CONTENT."""
    telescope, camera, content, unit = (
        str(header.get(key, "")).strip() for key in ("TELESCOP", "INSTRUME", "CONTENT", "BUNIT")
    )
    if telescope != "SDO/HMI" or not camera.startswith("HMI"):
        return None
    if not content:  # some programs drop CONTENT and keep BUNIT
        content = next((known for known, known_unit in BUNIT.items() if known_unit == unit), "")
    if content not in BUNIT:
        raise InstrumentError(
            f"cannot prep an image of HMI with CONTENT={content!r}, BUNIT={unit!r}; supported: {', '.join(BUNIT)}"
        )
    return _instrument(content)


@hookimpl
def prep_instruments() -> list[Instrument]:
    """Return HMI. The unit of an image depends on its CONTENT."""
    return [_instrument("MAGNETOGRAM")]


def _instrument(content: str) -> Instrument:
    # No master pointing: HMI's images are computed from filtergrams whose pointing was corrected.
    return Instrument("HMI", plate_scale=0.504, shape=(4096, 4096), unit=BUNIT[content], refused_steps=_REFUSED_STEPS)
