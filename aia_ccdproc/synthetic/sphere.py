"""The Sun as a rotating sphere, seen by SDO on 2020-01-01: positions on the sky and on the surface."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from aia_ccdproc.images.wcs_cards import RSUN_METERS

__all__ = ["DSUN_OBS", "HGLT_OBS", "RSUN_OBS", "SurfacePositions", "project", "rotation", "surface_positions"]

#: Distance of SDO from the Sun on 2020-01-01, m.
DSUN_OBS = 147090492361.0
#: Apparent radius of the Sun in all exposures, arcsec.
RSUN_OBS = math.degrees(math.asin(RSUN_METERS / DSUN_OBS)) * 3600
#: Heliographic latitude of SDO, degrees.
HGLT_OBS = -2.98

_ARCSEC = math.radians(1 / 3600)
#: Motion of the Earth around the Sun at this distance, degrees per day.
_EARTH_DEGREES_PER_DAY = 1.0193


class SurfacePositions(NamedTuple):
    """Positions on the surface of the Sun that are seen at positions on the sky."""

    longitude: np.ndarray
    """Stonyhurst longitude, rad."""
    latitude: np.ndarray
    """Heliographic latitude, rad."""
    cosine: np.ndarray
    """Cosine of the angle between the line of sight and the normal of the surface."""


def surface_positions(x: np.ndarray, y: np.ndarray) -> SurfacePositions:
    """Find the positions on the surface that are seen at positions on the sky.

    Parameters
    ----------
    x, y : `~numpy.ndarray`
        Helioprojective positions on the disk, arcsec.

    Returns
    -------
    `SurfacePositions`
        The positions, arrays of the same shape. Beyond the limb, those of the limb.
    """
    # Law of sines in the triangle of the observer, the center of the Sun and the point. The angle rho is at most 0.01
    # rad, so that these polynomials are its sine and cosine to 1e-9.
    rho = np.hypot(x, y) * _ARCSEC
    sine_rho, cosine_rho = rho * (1 - rho**2 / 6), 1 - rho**2 / 2
    sine = np.minimum(sine_rho * (DSUN_OBS / RSUN_METERS), 1.0)
    cosine = np.sqrt(1 - sine**2)
    scale = (sine * cosine_rho - cosine * sine_rho) * (_ARCSEC / np.maximum(rho, 1e-12))
    toward = cosine * cosine_rho + sine * sine_rho
    west, north = x * scale, y * scale
    tilt = math.radians(HGLT_OBS)
    polar = north * math.cos(tilt) + toward * math.sin(tilt)
    equatorial = toward * math.cos(tilt) - north * math.sin(tilt)
    return SurfacePositions(np.arctan2(west, equatorial), np.arcsin(np.clip(polar, -1, 1)), cosine)


def project(longitude: np.ndarray, latitude: np.ndarray, radius: np.ndarray | float = 1.0) -> np.ndarray:
    """Project points on the sky.

    Parameters
    ----------
    longitude, latitude : `~numpy.ndarray`
        Stonyhurst longitude and heliographic latitude, degrees, shape ``(n,)``.
    radius : `~numpy.ndarray` or float
        Distance from the center of the Sun, solar radii.

    Returns
    -------
    `~numpy.ndarray`
        Helioprojective positions in arcsec, shape ``(2, n)``. NaN for points that the Sun hides.
    """
    tilt, longitude, latitude = math.radians(HGLT_OBS), np.radians(longitude), np.radians(latitude)
    west = radius * np.cos(latitude) * np.sin(longitude)
    equatorial, polar = radius * np.cos(latitude) * np.cos(longitude), radius * np.sin(latitude)
    north = polar * math.cos(tilt) - equatorial * math.sin(tilt)
    toward = polar * math.sin(tilt) + equatorial * math.cos(tilt)
    distance = DSUN_OBS / RSUN_METERS - toward
    longitude_seen = np.arctan2(west, distance)
    latitude_seen = np.arctan2(north, np.hypot(west, distance))
    seen = np.array([longitude_seen, latitude_seen]) / _ARCSEC
    hidden = (toward < RSUN_METERS / DSUN_OBS) & (np.hypot(*seen) < RSUN_OBS)
    return np.where(hidden, np.nan, seen)


def rotation(latitude: np.ndarray, days: float) -> np.ndarray:
    """Compute how far the surface rotates, as seen from the Earth.

    Parameters
    ----------
    latitude : `~numpy.ndarray`
        Heliographic latitude, rad.
    days : float
        Time, days.

    Returns
    -------
    `~numpy.ndarray`
        Change of the Stonyhurst longitude, rad: the sidereal rates of Howard, Harvey and Forgach (1990), less the
        motion of the Earth.
    """
    square = np.sin(latitude) ** 2
    sidereal = (2.894 - 0.428 * square - 0.370 * square**2) * 1e-6 * 86400
    values: np.ndarray = days * (sidereal - math.radians(_EARTH_DEGREES_PER_DAY))
    return values
