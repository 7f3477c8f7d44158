"""Functions that measure the limb of the Sun in an image."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from astropy.io import fits
from astropy.nddata import CCDData
from astropy.wcs import WCS

from aia_ccdproc import HeaderError, StateError
from aia_ccdproc.images import complete_header, copy_image, finite_number, image_wcs, plate_scale
from aia_ccdproc.plugin import accepts_maps, warn_user
from aia_ccdproc_limb.circle import Circle, fit_circle, search_circle
from aia_ccdproc_limb.profiles import SECTORS, sector_profiles
from aia_ccdproc_limb.settings import LimbSettings

__all__ = ["find_limb", "measure_limb"]

#: The limb is searched up to this distance from where the header has it, as a part of the radius: 29 arcsec.
_REACH = 0.03
#: Heights of the limb above RSUN_OBS that are tried, as a part of the radius.
_HEIGHTS = (-0.01, 0.02)
#: Distances from the circle within which the edge is searched, pixels: the circle is known better and better.
_WINDOWS = (8.0, 5.0, 4.0)
#: Smallest arc of the limb: 60 degrees.
_MIN_SECTORS = SECTORS // 6
#: Smallest part of the usable sectors in which the limb must be on the circle.
_MIN_AGREEMENT = 0.3
#: Largest standard deviation of the limb about the circle, pixels. Edges of mere noise have 2.3, those of the Sun up to
#: 1.6.
_MAX_SCATTER = 2.0
#: Wavelengths in angstrom below which the corona beyond the limb is brighter than the disk.
_EUV_LIMIT = 1000.0
#: Smallest radius of the Sun in an image, pixels.
_MIN_RADIUS = 100.0


@accepts_maps
def measure_limb(ccd: CCDData, *, check: float | None = None, on_failure: Literal["warn", "fail"] = "warn") -> CCDData:
    """Fit a circle to the limb of the Sun, and write its center and radius to the header.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        Image of any level with at least 60 degrees of the limb, shape ``(ny, nx)``; not changed.
    check : float, optional
        Largest distance in arcsec between the center of the limb and the Sun center of the header.
    on_failure : {"warn", "fail"}
        What happens if the distance is larger, or if the limb cannot be measured.

    Returns
    -------
    `~astropy.nddata.CCDData`
        New image. Its header has LIMB_X and LIMB_Y, the helioprojective position of the center, which is 0, 0 if the
        pointing is right; LIMB_R, the radius; LIMB_XE, LIMB_YE and LIMB_RE, their standard errors; all in arcsec; and
        LIMB_N, the part of the limb in degrees. Without them if the limb cannot be measured.

    Raises
    ------
    StateError
        If ``on_failure`` is ``"fail"``, and the limb cannot be measured or its center is too far away.
    HeaderError
        If the header has no radius of the Sun.
    SettingsError
        If a setting has a wrong value.
    """
    settings = LimbSettings.of(check=check, on_failure=on_failure)
    header = complete_header(ccd)
    result = copy_image(ccd)
    result.header = header
    for keyword, _, _ in _CARDS:
        header.remove(keyword, ignore_missing=True)
    try:
        wcs = image_wcs(ccd, header)
        circle = _find_circle(ccd, header, wcs)
        measured = _in_arcsec(circle, wcs)
        for keyword, digits, comment in _CARDS:
            header[keyword] = (round(measured[keyword], digits), comment)
        if settings.check is not None:
            _check_distance(measured, settings.check)
    except StateError as error:
        if settings.on_failure == "fail":
            raise
        warn_user(str(error))
    return result


def _in_arcsec(circle: Circle, wcs: WCS) -> dict[str, float]:
    """Return the value of each keyword."""
    scale = plate_scale(wcs)
    errors = (error * scale for error in circle.errors)
    values = (*_position(wcs, circle), circle.radius * scale, *errors, circle.sectors * 360 / SECTORS)
    return {keyword: value for (keyword, _, _), value in zip(_CARDS, values, strict=True)}


def _check_distance(measured: dict[str, float], largest: float) -> None:
    x, y = measured["LIMB_X"], measured["LIMB_Y"]
    distance = math.hypot(x, y)
    if distance > largest:
        raise StateError(
            f"the center of the limb is {distance:.2f} arcsec from the Sun center of the header (x = {x:.2f} +- "
            f"{measured['LIMB_XE']:.2f}, y = {y:.2f} +- {measured['LIMB_YE']:.2f}), more than check = {largest:g}. Run "
            "update_pointing with a pointing table of this time, or check ACS_MODE and QUALITY"
        )


#: Keywords that are written: their decimals and comments.
_CARDS = (
    ("LIMB_X", 3, "[arcsec] center of the measured limb"),
    ("LIMB_Y", 3, "[arcsec] center of the measured limb"),
    ("LIMB_R", 3, "[arcsec] radius of the measured limb"),
    ("LIMB_XE", 3, "[arcsec] standard error of LIMB_X"),
    ("LIMB_YE", 3, "[arcsec] standard error of LIMB_Y"),
    ("LIMB_RE", 3, "[arcsec] standard error of LIMB_R"),
    ("LIMB_N", 0, "[deg] part of the limb that was measured"),
)


def find_limb(ccd: CCDData) -> Circle:
    """Fit a circle to the limb of the Sun.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        Image with at least 60 degrees of the limb, shape ``(ny, nx)``. Its header is used to find the limb, to within
        3 % of the radius.

    Returns
    -------
    `Circle`
        The circle, in pixels.

    Raises
    ------
    StateError
        If no circle fits the limb.
    HeaderError
        If the header has no radius of the Sun, or no WAVELNTH.
    """
    header = complete_header(ccd)
    return _find_circle(ccd, header, image_wcs(ccd, header))


def _find_circle(ccd: CCDData, header: fits.Header, wcs: WCS) -> Circle:
    circle = _expected_circle(header, wcs)
    rising = finite_number(header, "WAVELNTH") < _EUV_LIMIT
    mask = None if ccd.mask is None else np.ascontiguousarray(np.broadcast_to(ccd.mask, ccd.shape), dtype=bool)
    reach, heights = _REACH * circle[2], tuple(height * circle[2] for height in _HEIGHTS)
    profiles = sector_profiles(ccd.data, mask, tuple(circle), reach + heights[1], rising=rising)
    _check_arc(int(profiles.usable.sum()), "in the image with good pixels on both sides")
    circle = circle + search_circle(profiles, reach, (heights[0], heights[1]), max(1.0, circle[2] / 800))
    for window in _WINDOWS:
        profiles = sector_profiles(ccd.data, mask, tuple(circle), 2 * window + 6, rising=rising)
        edges = profiles.edges(window)
        _check_arc(int(np.isfinite(edges).sum()), "visible")
        found = fit_circle(edges, circle)
        circle = found.parameters
    _check_arc(found.sectors, "on a circle")
    if found.sectors < _MIN_AGREEMENT * profiles.usable.sum() or found.scatter > _MAX_SCATTER:
        raise StateError(
            f"no circle fits the limb: it is found in {found.sectors} of {int(profiles.usable.sum())} sectors, with a "
            f"scatter of {found.scatter:.1f} pixels. The Sun may be eclipsed, or far from where the header has it"
        )
    return found


def _check_arc(sectors: int, what: str) -> None:
    if sectors < _MIN_SECTORS:
        raise StateError(
            f"the limb cannot be measured: {sectors * 360 // SECTORS} degrees of it are {what}, and "
            f"{_MIN_SECTORS * 360 // SECTORS} are needed"
        )


def _expected_circle(header: fits.Header, wcs: WCS) -> np.ndarray:
    """Return column, row and radius of the Sun according to the header, pixels."""
    radius = _radius_arcsec(header) / plate_scale(wcs)
    if radius < _MIN_RADIUS:
        raise StateError(f"the limb cannot be measured: the radius of the Sun is {radius:.0f} pixels")
    column, row = wcs.all_world2pix(0.0, 0.0, 0)
    return np.array([float(column), float(row), radius])


def _radius_arcsec(header: fits.Header) -> float:
    try:
        return finite_number(header, "RSUN_OBS")
    except HeaderError:
        ratio = finite_number(header, "RSUN_REF") / finite_number(header, "DSUN_OBS")
        return math.degrees(math.asin(ratio)) * 3600


def _position(wcs: WCS, circle: Circle) -> tuple[float, float]:
    """Return the helioprojective position of the center of a circle, arcsec."""
    longitude, latitude = (float(value) for value in wcs.all_pix2world(circle.column, circle.row, 0))
    return ((longitude + 180) % 360 - 180) * 3600, latitude * 3600
