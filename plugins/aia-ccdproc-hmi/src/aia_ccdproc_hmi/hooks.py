"""The hooks: how HMI's images are known, and what is not done to them."""

from __future__ import annotations

from astropy.io import fits

from aia_ccdproc import InstrumentError
from aia_ccdproc.plugin import Instrument, hookimpl

__all__ = ["BUNIT"]

#: What HMI's images are of (CONTENT), and the unit of their pixels as JSOC writes it.
BUNIT = {"CONTINUUM INTENSITY": "DN/s", "MAGNETOGRAM": "Gauss", "DOPPLERGRAM": "m/s"}

_REFUSED = {
    "normalize_exposure": "it is computed from many filtergrams and is not a count of one exposure; "
    'restrict the step to AIA: only = { instrument = "AIA" }'
}


@hookimpl
def prep_identify(header: fits.Header) -> Instrument | None:
    """Know an HMI image by TELESCOP, INSTRUME (``HMI_FRONT2``, ``HMI_SIDE1``, ``HMI_COMBINED``) and what it is of."""
    telescope, camera, content, unit = (
        str(header.get(key, "")).strip() for key in ("TELESCOP", "INSTRUME", "CONTENT", "BUNIT")
    )
    if telescope != "SDO/HMI" or not camera.startswith("HMI"):
        return None
    if not content:  # some programs keep the unit alone
        content = next((known for known, its_unit in BUNIT.items() if its_unit == unit), "")
    if content not in BUNIT:
        raise InstrumentError(f"an image of HMI with CONTENT={content!r}, BUNIT={unit!r}; known are {', '.join(BUNIT)}")
    return _instrument(content)


@hookimpl
def prep_instruments() -> list[Instrument]:
    """Name HMI; the unit is that of the image."""
    return [_instrument("MAGNETOGRAM")]


def _instrument(content: str) -> Instrument:
    # Without master pointing: HMI's images are computed from filtergrams whose pointing has been corrected.
    return Instrument("HMI", plate_scale=0.504, shape=(4096, 4096), unit=BUNIT[content], refused_steps=_REFUSED)
