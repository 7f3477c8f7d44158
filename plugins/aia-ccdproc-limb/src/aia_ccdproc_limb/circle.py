"""The circle of the limb: where to look for it, and its fit with honest errors."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from aia_ccdproc_limb.profiles import SECTORS, Profiles, sector_angles

__all__ = ["Circle", "fit_circle", "search_circle"]

#: Residuals of more than this many standard deviations are not of the limb.
_MAX_DEVIATION = 4.0
#: Scale of the residuals, pixels, from which on they have less weight in the robust fit.
_ROBUST_SCALE = 0.5


@dataclass(frozen=True)
class Circle:
    """A circle that was fitted to the limb, in pixels."""

    column: float
    """Center, counted from 0."""
    row: float
    """Center, counted from 0."""
    radius: float
    errors: tuple[float, float, float]
    """Standard errors of column, row and radius."""
    sectors: int
    """Number of sectors of 2 degrees in which the limb was found."""
    scatter: float
    """Standard deviation of the limb about the circle."""

    @property
    def parameters(self) -> np.ndarray:
        """Return the circle as an array.

        Returns
        -------
        `~numpy.ndarray`
            Column, row and radius, shape ``(3,)``.
        """
        return np.array([self.column, self.row, self.radius])


def _design() -> np.ndarray:
    """Return by how much the limb in each sector moves with column, row and radius, shape ``(SECTORS, 3)``."""
    angles = sector_angles()
    return np.stack([np.cos(angles), np.sin(angles), np.ones(SECTORS)], axis=1)


def search_circle(profiles: Profiles, reach: float, heights: tuple[float, float], step: float) -> np.ndarray:
    """Find the circle along which the slopes are largest. It need not be near the circle of the profiles.

    Parameters
    ----------
    profiles : `Profiles`
        The slopes.
    reach : float
        Largest change of column and row, pixels.
    heights : tuple of float
        Smallest and largest change of the radius, pixels.
    step : float
        Distance of the positions that are tried, pixels.

    Returns
    -------
    `~numpy.ndarray`
        Changes of column, row and radius, pixels, shape ``(3,)``.
    """
    shifts = np.arange(-reach, reach + step / 2, step)
    changes = np.arange(heights[0], heights[1] + step / 2, step)
    design = _design()
    # A sector counts by its largest slope, so that a bright loop does not outweigh all others.
    limited = profiles._replace(slopes=np.clip(profiles.slopes, 0, np.percentile(profiles.slopes, 99)))
    columns, rows = np.meshgrid(shifts, shifts)
    best, found = -1.0, np.zeros(3)
    for change in changes:
        tried = np.stack([columns.ravel(), rows.ravel(), np.full(columns.size, change)], axis=1)
        sums = limited.slopes_along(tried @ design.T).sum(axis=1)
        index = int(np.argmax(sums))
        if sums[index] > best:
            best, found = float(sums[index]), tried[index]
    return found


def fit_circle(edges: np.ndarray, circle: np.ndarray) -> Circle:
    """Fit a circle to the edges in the sectors.

    Parameters
    ----------
    edges : `~numpy.ndarray`
        Distances from a circle, pixels, NaN where there is none, shape ``(SECTORS,)``; at least four.
    circle : `~numpy.ndarray`
        This circle: column, row, radius, pixels, shape ``(3,)``.

    Returns
    -------
    `Circle`
        The circle that fits best.
    """
    design, used = _design(), np.isfinite(edges)
    start = np.array([0.0, 0.0, np.median(edges[used])])
    fit = least_squares(
        lambda p: design[used] @ p - edges[used], start, loss="cauchy", f_scale=_ROBUST_SCALE, x_scale="jac"
    ).x
    residuals = edges - design @ fit
    for _ in range(3):
        spread = 1.4826 * np.median(np.abs(residuals[used]))
        used = np.isfinite(edges) & (np.abs(residuals) <= max(_MAX_DEVIATION * spread, 0.05))
        fit = np.linalg.lstsq(design[used], edges[used], rcond=None)[0]
        residuals = edges - design @ fit
    count = int(used.sum())
    scatter = math.sqrt(float((residuals[used] ** 2).sum()) / max(count - 3, 1))
    covariance = np.linalg.pinv(design[used].T @ design[used]) * scatter**2 * _correlation_factor(residuals, used)
    errors = np.sqrt(np.diag(covariance))
    column, row, radius = circle + fit
    return Circle(float(column), float(row), float(radius), tuple(errors.tolist()), count, scatter)


def _correlation_factor(residuals: np.ndarray, used: np.ndarray) -> float:
    """Return by how much the variance of a mean grows since neighboring residuals are correlated."""
    values = np.where(used, residuals, 0.0)
    total = float((values**2).sum()) / used.sum()
    factor = 1.0
    for lag in range(1, SECTORS // 4):
        pairs = used & np.roll(used, lag)
        if pairs.sum() < 10 or total == 0:
            break
        correlation = float((values * np.roll(values, lag))[pairs].mean()) / total
        if correlation < 0.05:
            break
        factor += 2 * correlation
    return factor
