"""Frames of solar images: ``ccd.wcs`` returns SkyCoord without an import of sunpy by the user."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from astropy.wcs import WCS
from astropy.wcs.utils import WCS_FRAME_MAPPINGS

__all__ = ["register_solar_frames"]

#: Start of the axis types for which sunpy has frames.
_SOLAR_AXES = ("HPLN", "HPLT", "HGLN", "HGLT", "CRLN", "CRLT", "SOLX", "SOLY")


def register_solar_frames() -> None:
    """Have astropy import sunpy's frames at the first use of a WCS that needs them, if sunpy is installed."""
    if [_solar_frame] not in WCS_FRAME_MAPPINGS:
        WCS_FRAME_MAPPINGS.append([_solar_frame])


def _solar_frame(wcs: WCS) -> Any:
    """Return sunpy's frame of a WCS; None if the axes are not solar, the date is unknown, or sunpy is not installed."""
    is_solar = any(str(kind)[:4] in _SOLAR_AXES for kind in wcs.wcs.ctype)
    has_date = wcs.wcs.dateobs or wcs.wcs.dateavg
    if not (is_solar and has_date) or find_spec("sunpy") is None:
        return None
    from sunpy.coordinates.wcs_utils import solar_wcs_frame_mapping

    return solar_wcs_frame_mapping(wcs)
