"""The hooks: how HMI's images are known, and what is not done to them."""

from __future__ import annotations

from astropy.io import fits
from astropy.nddata import CCDData

from aia_ccdproc import Instrument, InstrumentError, StateError, hookimpl
from aia_ccdproc.settings import ExposureSettings

#: Unit of the pixels by CONTENT, for files that say no BUNIT.
UNITS = {"CONTINUUM INTENSITY": "DN / s", "MAGNETOGRAM": "G", "DOPPLERGRAM": "m / s"}
#: CONTENT by BUNIT as JSOC writes it, for files that have lost CONTENT.
_CONTENT_OF = {"DN/s": "CONTINUUM INTENSITY", "Gauss": "MAGNETOGRAM", "m/s": "DOPPLERGRAM"}


@hookimpl
def prep_identify(header: fits.Header) -> Instrument | None:
    """Know an HMI image by TELESCOP, INSTRUME (``HMI_FRONT2``, ``HMI_SIDE1``, ``HMI_COMBINED``) and CONTENT."""
    telescope, camera = (str(header.get(key, "")).strip().upper() for key in ("TELESCOP", "INSTRUME"))
    if telescope != "SDO/HMI" or not camera.startswith("HMI"):
        return None
    content = str(header.get("CONTENT") or _CONTENT_OF.get(str(header.get("BUNIT", "")).strip(), "")).strip().upper()
    if content not in UNITS:
        raise InstrumentError(
            f"an HMI image with CONTENT={header.get('CONTENT')!r}, BUNIT={header.get('BUNIT')!r}; "
            f"there are: {', '.join(UNITS)}"
        )
    # No pointing series: HMI's observables are made with their pointing corrected.
    return Instrument("HMI", plate_scale=0.504, shape=(4096, 4096), unit=UNITS[content])


@hookimpl
def prep_normalize_exposure(ccd: CCDData, instrument: Instrument, settings: ExposureSettings) -> CCDData | None:
    """Refuse to divide HMI's observables: they are made of many filtergrams, and are no counts of one exposure."""
    if instrument.name != "HMI":
        return None
    raise StateError(
        f"{ccd.header.get('CONTENT', 'an observable')} of HMI in {ccd.unit} is no count of an exposure; leave the step "
        'to AIA: only = { instrument = "AIA" }'
    )
