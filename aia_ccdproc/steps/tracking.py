"""A position on the Sun that follows its rotation."""

from __future__ import annotations

import functools
import warnings
from typing import Any

import numpy as np
from astropy import units as u
from astropy.wcs import WCS
from astropy.wcs.utils import wcs_to_celestial_frame

from aia_ccdproc.errors import HeaderError, StateError
from aia_ccdproc.steps.views import has_observer, import_sunpy, is_hidden, sunpy_lock, wcs_time

__all__ = ["tracked_position"]


def tracked_position(center: tuple[float, float], start: str, wcs: WCS) -> tuple[float, float]:
    """Compute where a point on the surface of the Sun is in an image, from its position at another time.

    The Sun rotates differentially, as in sunpy. At the start, the point is seen from the Earth.

    Parameters
    ----------
    center : tuple of float
        Helioprojective position at the start, arcsec.
    start : str
        The time at which the point has this position, UTC.
    wcs : `~astropy.wcs.WCS`
        WCS of the image, with its observer and time.

    Returns
    -------
    tuple of float
        Helioprojective position in the image, arcsec.

    Raises
    ------
    HeaderError
        If the image has no observer or time, or sunpy is not installed.
    StateError
        If the point is not on the disk at the start, or the Sun hides it in the image.
    """
    frames = import_sunpy("a field of view that follows the rotation of the Sun is computed by sunpy")
    if wcs_time(wcs) is None or not has_observer(wcs):
        raise HeaderError(
            f"track: the image has no {'time' if wcs_time(wcs) is None else 'observer'}. Give DATE-OBS, DSUN_OBS, "
            "HGLN_OBS and HGLT_OBS"
        )
    point = _point(center, start)
    with sunpy_lock, frames.propagate_with_solar_surface():
        seen = point.transform_to(wcs_to_celestial_frame(wcs))
    if is_hidden(seen):
        raise StateError(
            f"track: the center ({center[0]:g}, {center[1]:g}) of {start} is behind the limb at {wcs_time(wcs)}"
        )
    return float(seen.Tx.to_value(u.arcsec)), float(seen.Ty.to_value(u.arcsec))


@functools.lru_cache(maxsize=16)  # every image of a batch has the same start
def _point(center: tuple[float, float], start: str) -> Any:
    """Return the point on the surface of the Sun that the Earth sees at a position."""
    from sunpy.coordinates import Helioprojective, get_earth

    direction = Helioprojective(*(center * u.arcsec), obstime=start, observer=get_earth(start))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The conversion of these 2D helioprojective")  # a position off the disk
        point = direction.make_3d()
    if not np.isfinite(point.distance.to_value(u.m)):
        raise StateError(
            f"track: the center ({center[0]:g}, {center[1]:g}) is not on the disk at {start}. Only a point on the disk "
            "can be followed"
        )
    return point
