"""Profiles of the brightness across the limb, and the edge in each of them."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter1d, map_coordinates

__all__ = ["SECTORS", "Profiles", "sector_angles", "sector_profiles"]

#: Number of parts of the limb; each gives one profile.
SECTORS = 180
#: Distance of the samples along the limb, pixels, and their largest number in a sector.
_SPACING, _MAX_SAMPLES = 1.0, 64
#: Width of the derivative across the limb: standard deviation of a Gaussian, pixels.
_SMOOTHING = 1.5
#: Smallest part of a sector that must be in the image and not masked.
_MIN_COVERAGE = 0.5
#: Smallest brightness of a sector relative to the median of all: less is dark, as in the shadow of the Earth.
_MIN_BRIGHTNESS = 0.1
#: Smallest slope of an edge, relative to the typical slope in its profile.
_MIN_CONTRAST = 2.0


class Profiles(NamedTuple):
    """The slope of the brightness across a circle, in sectors of position angle."""

    offsets: np.ndarray
    """Distances from the circle, pixels, shape ``(n,)``."""
    slopes: np.ndarray
    """Slope of the brightness, positive where it changes as at the limb, shape ``(SECTORS, n)``."""
    usable: np.ndarray
    """Sectors that are in the image, bright and not masked, bool, shape ``(SECTORS,)``."""

    def slopes_along(self, offsets: np.ndarray) -> np.ndarray:
        """Return the slope of each sector at an offset of its own.

        Parameters
        ----------
        offsets : `~numpy.ndarray`
            Offsets in pixels, shape ``(..., SECTORS)``. Beyond the profiles, the slope is 0.

        Returns
        -------
        `~numpy.ndarray`
            The slopes, of the same shape; 0 in sectors that are not usable.
        """
        indices = np.rint(offsets - self.offsets[0]).astype(int)
        inside = (indices >= 0) & (indices < self.offsets.size) & self.usable
        found = self.slopes[np.arange(SECTORS), np.clip(indices, 0, self.offsets.size - 1)]
        values: np.ndarray = np.where(inside, found, 0.0)
        return values

    def edges(self, reach: float) -> np.ndarray:
        """Find the edge in each sector: where the slope is largest.

        Parameters
        ----------
        reach : float
            Largest distance from the circle, pixels.

        Returns
        -------
        `~numpy.ndarray`
            Distance of the edge from the circle, pixels, shape ``(SECTORS,)``. NaN where there is none.
        """
        near = np.abs(self.offsets) <= reach
        index = np.argmax(np.where(near, self.slopes, -np.inf), axis=1)
        index = np.clip(index, 1, self.offsets.size - 2)
        sectors = np.arange(SECTORS)
        left, peak, right = (self.slopes[sectors, index + shift] for shift in (-1, 0, 1))
        is_edge = self.usable & (peak > left) & (peak >= right)
        is_edge &= peak > _MIN_CONTRAST * np.median(np.abs(self.slopes), axis=1)
        curvature = np.where(is_edge, left - 2 * peak + right, -1.0)
        return np.where(is_edge, self.offsets[index] + 0.5 * (left - right) / curvature, np.nan)


def sector_angles() -> np.ndarray:
    """Return the middle of each sector.

    Returns
    -------
    `~numpy.ndarray`
        Angles from the x axis of the image, rad, shape ``(SECTORS,)``.
    """
    return (np.arange(SECTORS) + 0.5) * (2 * math.pi / SECTORS)


def sector_profiles(
    image: np.ndarray, mask: np.ndarray | None, circle: tuple[float, float, float], reach: float, *, rising: bool
) -> Profiles:
    """Compute the profiles of an image across a circle: in each sector the median along the limb.

    Parameters
    ----------
    image : `~numpy.ndarray`
        Brightness, shape ``(ny, nx)``.
    mask : `~numpy.ndarray` or None
        Bad pixels, bool, same shape.
    circle : tuple of float
        Column and row of the center, counted from 0, and radius, pixels.
    reach : float
        Length of the profiles inside and outside of the circle, pixels.
    rising : bool
        Whether the brightness rises at the limb, from the disk to the corona, or falls.

    Returns
    -------
    `Profiles`
        The slopes.
    """
    column, row, radius = circle
    arc = radius * 2 * math.pi / SECTORS
    count = int(np.clip(arc / _SPACING, 5, _MAX_SAMPLES))
    angles = (sector_angles()[:, None] + (np.arange(count) + 0.5 - count / 2) * (2 * math.pi / SECTORS / count)).ravel()
    offsets = np.arange(-math.ceil(reach), math.ceil(reach) + 1.0)
    distances = radius + offsets[:, None]
    positions = np.stack([row + distances * np.sin(angles), column + distances * np.cos(angles)])
    values = map_coordinates(image, positions, order=1, mode="constant", cval=np.nan, output=np.float32)
    if mask is not None:
        values[map_coordinates(mask.view(np.uint8), positions, order=0, mode="constant", cval=1).astype(bool)] = np.nan
    values = values.reshape(offsets.size, SECTORS, count)
    good = np.isfinite(values).mean(axis=2)
    covered = good.min(axis=0) >= _MIN_COVERAGE
    profiles = np.zeros((SECTORS, offsets.size))
    profiles[covered] = np.nanmedian(values[:, covered], axis=2).T
    level = np.median(profiles, axis=1) if rising else np.percentile(profiles, 90, axis=1)
    typical = float(np.median(level[covered])) if covered.any() else 0.0
    usable = covered & (level > max(0.0, _MIN_BRIGHTNESS * typical))
    normalized = profiles / np.where(usable, level, 1.0)[:, None]
    slopes = gaussian_filter1d(normalized, _SMOOTHING, axis=1, order=1) * (1 if rising else -1)
    return Profiles(offsets, slopes, usable)
