"""Measure in the pixels of an image of a synthetic Sun where its center is, its plate scale, and its roll angle."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from astropy.nddata import CCDData
from scipy.optimize import least_squares

from aia_ccdproc.synthetic.sun import Source

__all__ = ["MeasuredPointing", "measure_pointing"]

#: Largest distance of a source from where the WCS expects it, pixels.
_SEARCH = 16
#: Half width of the part of the image to which a Gaussian is fitted, pixels.
_FIT = 7


@dataclass(frozen=True)
class MeasuredPointing:
    """The pointing of an image, measured in its pixels."""

    center: tuple[float, float]
    """Sun center, pixels, counted from 1 as CRPIX."""
    plate_scale: float
    """Arcsec per pixel."""
    roll_angle: float
    """Degrees, as CROTA2."""
    error: float
    """Standard error of the center along an axis, pixels."""


def measure_pointing(ccd: CCDData, sources: Sequence[Source]) -> MeasuredPointing:
    """Fit Gaussians to sources of known positions, and the pointing to the positions of the Gaussians.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        Image of a synthetic Sun, shape ``(ny, nx)``, with a WCS that is wrong by at most some ten pixels.
    sources : sequence of `Source`
        Compact sources of this Sun, such as `ActiveSun.points`: at least three within the image.

    Returns
    -------
    `MeasuredPointing`
        Center, plate scale and roll angle. The WCS is used for nothing but to find the sources.

    Raises
    ------
    ValueError
        If fewer than three sources are found.
    """
    found = [(source, pixel) for source in sources if (pixel := _fit_source(ccd, source)) is not None]
    if len(found) < 3:
        raise ValueError(f"{len(found)} of {len(sources)} sources are in the image; at least 3 are needed")
    # On the tangent plane, Sun center is the origin.
    sky = np.radians([[source.x / 3600, source.y / 3600] for source, _ in found]).T
    plane = np.array([np.tan(sky[0]), np.tan(sky[1]) / np.cos(sky[0])])
    pixels = np.array([pixel for _, pixel in found]).T
    start = _similarity(plane, pixels)
    fit = least_squares(_residuals, start, args=(plane, pixels), loss="soft_l1", f_scale=0.05, x_scale=[1, 1, 1e5, 1e5])
    column, row, along, across = fit.x
    scatter = 1.4826 * np.median(np.abs(_residuals(fit.x, plane, pixels)))
    return MeasuredPointing(
        center=(float(column) + 1, float(row) + 1),
        plate_scale=math.degrees(1 / math.hypot(along, across)) * 3600,
        roll_angle=math.degrees(math.atan2(across, along)),
        error=float(scatter / math.sqrt(len(found))),
    )


def _fit_source(ccd: CCDData, source: Source) -> tuple[float, float] | None:
    """Return column and row of the Gaussian near the place where the WCS expects a source; None if there is none."""
    expected = np.array(ccd.wcs.all_world2pix(source.x / 3600, source.y / 3600, 0), dtype=float)
    column, row = np.rint(expected).astype(int)
    margin = _SEARCH + _FIT
    if not (margin <= column < ccd.shape[1] - margin and margin <= row < ccd.shape[0] - margin):
        return None
    near = np.asarray(ccd.data[row - _SEARCH : row + _SEARCH + 1, column - _SEARCH : column + _SEARCH + 1], dtype=float)
    peak_row, peak_column = np.unravel_index(np.argmax(np.nan_to_num(near)), near.shape)
    row, column = row + int(peak_row) - _SEARCH, column + int(peak_column) - _SEARCH
    y, x = np.mgrid[row - _FIT : row + _FIT + 1, column - _FIT : column + _FIT + 1]
    cutout = np.asarray(ccd.data[y, x], dtype=float)
    if not np.isfinite(cutout).all():
        return None
    low, high = float(np.median(cutout)), float(cutout.max())

    def residual(p: np.ndarray) -> np.ndarray:
        dx, dy = x - column, y - row
        gaussian = np.exp(-0.5 * ((dx - p[0]) ** 2 + (dy - p[1]) ** 2) / p[3] ** 2)
        values: np.ndarray = (p[2] * gaussian + p[4] + p[5] * dx + p[6] * dy - cutout).ravel()
        return values

    fit = least_squares(residual, [0, 0, high - low, 3, low, 0, 0])
    if np.hypot(*fit.x[:2]) > _FIT / 2:
        return None
    return column + float(fit.x[0]), row + float(fit.x[1])


def _similarity(plane: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Return column and row of the center, and the elements of the matrix, by linear least squares."""
    ones, zeros = np.ones(plane.shape[1]), np.zeros(plane.shape[1])
    matrix = np.vstack(
        [
            np.stack([ones, zeros, plane[0], plane[1]], axis=1),
            np.stack([zeros, ones, plane[1], -plane[0]], axis=1),
        ]
    )
    solution: np.ndarray = np.linalg.lstsq(matrix, pixels.ravel(), rcond=None)[0]
    return solution


def _residuals(parameters: np.ndarray, plane: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    column, row, along, across = parameters
    predicted = [column + along * plane[0] + across * plane[1], row + along * plane[1] - across * plane[0]]
    values: np.ndarray = (np.array(predicted) - pixels).ravel()
    return values
