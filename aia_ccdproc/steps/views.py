"""The view of a WCS: the observer, the time, and what of the Sun is visible from there.

sunpy transforms a position between two views as a point on the surface of the Sun. The far side of the Sun then also
has coordinates in the image, those of the near side in front of it. `visible_wcs` excludes it.
"""

from __future__ import annotations

import importlib
import math
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
from astropy import units
from astropy.wcs import WCS

from aia_ccdproc.errors import HeaderError
from aia_ccdproc.images.times import parse_time
from aia_ccdproc.images.wcs_cards import RSUN_METERS
from aia_ccdproc.steps.settings import OffDisk, Rotation

__all__ = [
    "SOLAR_AXES",
    "VisibleWCS",
    "copy_position",
    "has_observer",
    "import_sunpy",
    "is_hidden",
    "same_observer",
    "same_time",
    "stonyhurst_longitude",
    "sunpy_assumptions",
    "sunpy_lock",
    "visible_wcs",
    "wcs_time",
]

#: Names of the axes whose coordinate frames sunpy can transform into each other.
SOLAR_AXES = {"HPLN", "HPLT", "HGLN", "HGLT", "CRLN", "CRLT"}
#: Two observers are the same if a feature at disk center moves by less than this between their views.
_SAME_VIEW_ARCSEC = 0.001
#: Two times are the same if they differ by less than this. The Earth's motion around the Sun then moves a feature at
#: disk center by 0.012 arcsec.
_SAME_TIME_SECONDS = 60.0
#: sunpy keeps its assumptions in global variables.
sunpy_lock = threading.RLock()


class VisibleWCS(WCS):  # type: ignore[misc]
    """A helioprojective WCS in which positions that the Sun hides from the observer have no pixel (NaN)."""

    def world_to_pixel(self, *world_objects: Any) -> Any:
        from astropy.wcs.utils import wcs_to_celestial_frame

        (position,) = world_objects
        position = position.transform_to(wcs_to_celestial_frame(self))
        x, y = super().world_to_pixel(position)
        hidden = is_hidden(position)
        return np.where(hidden, np.nan, x), np.where(hidden, np.nan, y)


def is_hidden(position: Any) -> np.ndarray:
    """Find helioprojective positions that the Sun hides from the observer.

    Parameters
    ----------
    position : `~sunpy.coordinates.Helioprojective`
        The positions, with their distance.

    Returns
    -------
    `~numpy.ndarray`
        True where the Sun hides the position.
    """
    point = position.cartesian
    if point.x.unit == units.one:  # without a distance: a direction, which is always visible
        return np.zeros(position.shape, dtype=bool)
    # x is the distance from the observer, in the direction of the center of the Sun.
    x, y, z = (axis.to_value(units.m) for axis in (point.x, point.y, point.z))
    distance = position.observer.radius.to_value(units.m)
    squared = x * x + y * y + z * z
    is_far = distance * x < squared
    limb = (position.rsun.to_value(units.m) - 1) / distance  # sunpy's tolerance for rounding errors: one meter
    return np.asarray((x > 0) & is_far & (y * y + z * z < limb * limb * squared))


def visible_wcs(wcs: WCS) -> WCS:
    """Copy a WCS so that it has no pixels for positions that its observer cannot see.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS`
        Celestial WCS; not changed.

    Returns
    -------
    `~astropy.wcs.WCS`
        The copy, or the WCS itself if it is not helioprojective: a heliographic map shows the whole Sun.
    """
    if str(wcs.wcs.ctype[0])[:4] not in ("HPLN", "HPLT"):
        return wcs
    visible = wcs.deepcopy()
    visible.__class__ = VisibleWCS  # astropy copies a WCS only into an object of the same class
    return visible


def wcs_time(wcs: WCS) -> str | None:
    """Return the time of a WCS, as sunpy reads it.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS`
        The WCS.

    Returns
    -------
    str or None
        DATE-AVG, DATE-OBS, DATE-BEG or DATE-END; None if the WCS has none of them.
    """
    return wcs.wcs.dateavg or wcs.wcs.dateobs or wcs.wcs.datebeg or wcs.wcs.dateend or None


def same_time(source: WCS, target: WCS, rotation: Rotation = "off") -> bool:
    """Check whether two WCSs have the same time.

    A WCS without a time is assumed to have that of the other.

    Parameters
    ----------
    source, target : `~astropy.wcs.WCS`
        The WCSs.
    rotation : {"off", "differential"}
        How the Sun rotates between the two times.

    Returns
    -------
    bool
        True if the times differ by less than a minute. If the Sun rotates, they must be equal.
    """
    times = [wcs_time(wcs) for wcs in (source, target)]
    if None in times or times[0] == times[1]:
        return True
    first, second = (parse_time(time) for time in times)
    return bool(rotation == "off" and abs((second - first).to_value("s")) < _SAME_TIME_SECONDS)


def same_observer(source: WCS, target: WCS) -> bool:
    """Check whether two WCSs have the same observer.

    A WCS without an observer is assumed to have that of the other.

    Parameters
    ----------
    source, target : `~astropy.wcs.WCS`
        The WCSs. If only one of them has a Stonyhurst longitude, sunpy converts the Carrington longitude of the other.

    Returns
    -------
    bool
        True if a feature at disk center moves by less than 0.001 arcsec from one view to the other.
    """
    if not (has_observer(source) and has_observer(target)):
        return True
    longitudes = _common_longitudes(source, target)
    (distance, latitude), (distance2, latitude2) = (
        (wcs.wcs.aux.dsun_obs, wcs.wcs.aux.hglt_obs) for wcs in (source, target)
    )
    radius = RSUN_METERS / distance * math.degrees(1) * 3600
    east_west = (longitudes[1] - longitudes[0] + 180) % 360 - 180
    angle = math.radians(math.hypot(east_west * math.cos(math.radians(latitude)), latitude2 - latitude))
    return bool(radius * max(angle, abs(distance2 / distance - 1)) < _SAME_VIEW_ARCSEC)


def has_observer(wcs: WCS) -> bool:
    """Check whether a WCS has the position of its observer.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS`
        The WCS.

    Returns
    -------
    bool
        True if it has a distance, a latitude, and a Stonyhurst or Carrington longitude.
    """
    observer = wcs.wcs.aux
    longitude = observer.crln_obs if observer.hgln_obs is None else observer.hgln_obs
    return None not in (observer.dsun_obs, observer.hglt_obs, longitude)


def _common_longitudes(source: WCS, target: WCS) -> tuple[float, float]:
    """Return the longitudes of two observers in the same system, in degrees."""
    stonyhurst = [wcs.wcs.aux.hgln_obs for wcs in (source, target)]
    if None not in stonyhurst:
        return stonyhurst[0], stonyhurst[1]
    carrington = [wcs.wcs.aux.crln_obs for wcs in (source, target)]
    if None not in carrington and same_time(source, target, "differential"):
        return carrington[0], carrington[1]
    longitudes = [stonyhurst_longitude(wcs) for wcs in (source, target)]
    return longitudes[0], longitudes[1]


def stonyhurst_longitude(wcs: WCS) -> float:
    """Return the Stonyhurst longitude of the observer of a WCS, from the Carrington longitude if necessary.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS`
        WCS with an observer.

    Returns
    -------
    float
        The longitude in degrees.

    Raises
    ------
    HeaderError
        If it follows from the Carrington longitude, and sunpy is not installed or the WCS has no time.
    """
    observer = wcs.wcs.aux
    if observer.hgln_obs is not None:
        return float(observer.hgln_obs)
    time = wcs_time(wcs)
    if time is None:
        raise HeaderError("the observer has a Carrington longitude (CRLN_OBS) but no time. Add DATE-OBS")
    frames = import_sunpy("the observer has only a Carrington longitude (CRLN_OBS)")
    carrington = frames.HeliographicCarrington(
        observer.crln_obs * units.deg,
        observer.hglt_obs * units.deg,
        observer.dsun_obs * units.m,
        obstime=time,
        observer="self",
    )
    return float(carrington.transform_to(frames.HeliographicStonyhurst(obstime=time)).lon.to_value("deg"))


def import_sunpy(reason: str) -> Any:
    """Import ``sunpy.coordinates``, which lets astropy transform between solar frames.

    Parameters
    ----------
    reason : str
        Why sunpy is needed, for the error message.

    Returns
    -------
    module
        ``sunpy.coordinates``.

    Raises
    ------
    HeaderError
        If sunpy is not installed.
    """
    try:
        return importlib.import_module("sunpy.coordinates")
    except ImportError as error:
        raise HeaderError(f'{reason}, and sunpy is not installed. Run pip install "aia-ccdproc[sunpy]"') from error


@contextmanager
def sunpy_assumptions(source: WCS, off_disk: OffDisk, rotation: Rotation) -> Iterator[None]:
    """Set the assumptions of sunpy about the corona and the rotation of the Sun, in all threads.

    Parameters
    ----------
    source : `~astropy.wcs.WCS`
        The WCS of the image, as ``wcs_pair`` returns it. If sunpy does not transform it, nothing is assumed.
    off_disk : {"masked", "spherical", "planar"}
        Where the corona off the disk is: undefined, on a sphere around the observer through the center of the Sun, or
        in the plane of the sky.
    rotation : {"off", "differential"}
        How the Sun rotates between the times of two WCSs.

    Yields
    ------
    None
        While this context is open, no other thread can open one.
    """
    from astropy.wcs.utils import wcs_to_celestial_frame

    if str(source.wcs.ctype[0])[:4] not in SOLAR_AXES:
        yield
        return
    frames = import_sunpy("image and target have different views")
    with sunpy_lock, warnings.catch_warnings(), ExitStack() as assumptions:
        # sunpy warns of an image without the disk, whose positions are undefined if the corona is masked.
        warnings.filterwarnings("ignore", message="The conversion of these 2D helioprojective coordinates to 3D")
        observer = getattr(wcs_to_celestial_frame(source), "observer", None)
        if off_disk != "masked" and observer is not None:
            screen = frames.SphericalScreen if off_disk == "spherical" else frames.PlanarScreen
            assumptions.enter_context(screen(observer, only_off_disk=True))
        if rotation == "differential":
            assumptions.enter_context(frames.propagate_with_solar_surface())
        yield


def copy_position(source: WCS, target: WCS) -> None:
    """Copy the position of the observer, and the radius of the Sun, from one WCS to another.

    Parameters
    ----------
    source : `~astropy.wcs.WCS`
        The WCS with the position.
    target : `~astropy.wcs.WCS`
        The other WCS; changed in place.
    """
    for name in ("dsun_obs", "hgln_obs", "hglt_obs", "rsun_ref", "crln_obs"):
        setattr(target.wcs.aux, name, getattr(source.wcs.aux, name))
