"""Active regions and bright points of a synthetic Sun, as Gaussians on the sky."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from aia_ccdproc.images.wcs_cards import RSUN_METERS
from aia_ccdproc.synthetic.sphere import project, rotation
from aia_ccdproc.synthetic.sun import Source

__all__ = ["RegionStyle", "active_regions", "bright_points"]

_RSUN_MM = RSUN_METERS / 1e6
#: Longitudes in degrees of the active regions at the start; the last two are at the limbs.
_LONGITUDES = (-52.0, -24.0, 6.0, 33.0, 58.0, -87.0, 88.0)
#: Loops of an active region.
_LOOPS = 40
#: Distance between the Gaussians of a loop, in sigma. The loop is smooth to 3e-4.
_SPACING = 1.5


@dataclass(frozen=True)
class RegionStyle:  # numpydoc ignore=PR02
    """How active regions and bright points look in a channel. The brightness is in units of the quiet Sun.

    Parameters
    ----------
    loops : float
        Brightness of the loops.
    core : float
        Brightness of the diffuse emission of the region.
    length : float
        Length of the loops relative to the region.
    sigma : float
        Width of the loops, arcsec.
    height : float
        Height of the diffuse emission, Mm.
    points : float
        Brightness of the bright points.
    """

    loops: float
    core: float
    length: float = 1.0
    sigma: float = 1.8
    height: float = 5.0
    points: float = 1.0


def active_regions(style: RegionStyle, random: np.random.Generator, days: float) -> list[Source]:
    """Make the active regions.

    Parameters
    ----------
    style : `RegionStyle`
        How they look.
    random : `~numpy.random.Generator`
        Source of the random positions and sizes. They do not depend on the style.
    days : float
        Time in days, in which the regions rotate.

    Returns
    -------
    list of `Source`
        The Gaussians, with peaks in units of the quiet Sun.
    """
    found: list[Source] = []
    for number, longitude in enumerate(_LONGITUDES):
        hemisphere = 1 if number % 2 else -1
        latitude = hemisphere * random.uniform(10, 26)
        longitude += float(np.degrees(rotation(np.radians(latitude), days)))
        size_mm, strength = random.uniform(80, 150), random.uniform(0.5, 1.0)
        tilt = hemisphere * np.radians(-8.0) + random.normal(0, 0.12)
        found += _core(style, (longitude, latitude), size_mm, strength, random)
        for _ in range(_LOOPS):
            found += _loop(style, (longitude, latitude), size_mm, strength, tilt, random)
    return found


def bright_points(style: RegionStyle, random: np.random.Generator, days: float, count: int = 60) -> list[Source]:
    """Make small bright points.

    Parameters
    ----------
    style : `RegionStyle`
        How they look.
    random : `~numpy.random.Generator`
        Source of the random positions.
    days : float
        Time in days, in which the points rotate.
    count : int
        Number of points, also those that have rotated behind the limb.

    Returns
    -------
    list of `Source`
        The points on the disk, with peaks in units of the quiet Sun.
    """
    longitude = random.uniform(-65, 65, count)
    latitude = np.degrees(np.arcsin(random.uniform(-0.8, 0.8, count)))
    peak, sigma = style.points * random.uniform(2, 6, count), random.uniform(1.6, 2.8, count)
    seen = project(longitude + np.degrees(rotation(np.radians(latitude), days)), latitude)
    return _sources(seen, peak, sigma)


def _sources(seen: np.ndarray, peaks: np.ndarray, sigmas: np.ndarray) -> list[Source]:
    """Return Gaussians at the positions that are not hidden by the Sun."""
    values = zip(*seen.tolist(), peaks.tolist(), sigmas.tolist(), strict=True)
    return [Source(*each) for each in values if not math.isnan(each[0])]


def _core(
    style: RegionStyle, center: tuple[float, float], size_mm: float, strength: float, random: np.random.Generator
) -> list[Source]:
    """Return the diffuse emission, and the moss at the feet of the loops."""
    count = 40
    offsets = random.normal(0, [[size_mm / 4], [size_mm / 8]], (2, count))
    widths = random.uniform(2, 6, count) ** 2
    peaks = random.uniform(0.15, 0.6, count) * np.minimum(1, 8 / widths)
    return _gaussians(center, offsets, np.full(count, style.height), widths, style.core * strength * peaks)


def _loop(
    style: RegionStyle,
    center: tuple[float, float],
    size_mm: float,
    strength: float,
    tilt: float,
    random: np.random.Generator,
) -> list[Source]:
    """Return a half ellipse between two points of the surface, as a chain of Gaussians."""
    span_mm = size_mm * random.uniform(0.3, 1.2) ** 1.5 * style.length
    height_mm = span_mm * random.uniform(0.4, 0.65)
    lean = random.normal(0.15, 0.45)
    turn = tilt + 0.15 * lean + random.normal(0, 0.08)
    shift = random.normal(0, [[size_mm / 20], [size_mm / 12]], (2, 1))
    brightness = style.loops * strength * random.uniform(0.15, 1.0) ** 2 / (0.5 + span_mm / size_mm)
    length_arcsec = 1.4 * np.hypot(span_mm, 2 * height_mm)  # 1 arcsec is 0.72 Mm
    count = max(8, int(length_arcsec / (_SPACING * style.sigma)))
    angle = np.linspace(0, np.pi, count)
    along, height = span_mm / 2 * np.cos(angle), height_mm * np.sin(angle)
    across = height * np.sin(lean)
    offsets = (
        np.stack(
            [
                along * np.cos(turn) - across * np.sin(turn),
                along * np.sin(turn) + across * np.cos(turn),
            ]
        )
        + shift
    )
    peak = brightness * _SPACING / np.sqrt(2 * np.pi) * (0.6 + 0.4 * np.cos(angle) ** 2)
    return _gaussians(center, offsets, height * np.cos(lean), np.full(count, style.sigma), peak)


def _gaussians(
    center: tuple[float, float], offsets_mm: np.ndarray, heights_mm: np.ndarray, sigmas: np.ndarray, peaks: np.ndarray
) -> list[Source]:
    """Return Gaussians at offsets to the west and north of a point on the surface."""
    longitude, latitude = center
    latitudes = latitude + np.degrees(offsets_mm[1] / _RSUN_MM)
    longitudes = longitude + np.degrees(offsets_mm[0] / _RSUN_MM) / np.cos(np.radians(latitude))
    seen = project(longitudes, latitudes, 1 + heights_mm / _RSUN_MM)
    return _sources(seen, peaks, sigmas)
