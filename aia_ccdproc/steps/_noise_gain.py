"""Noise gain: by how much resampling lowers the variance of independent pixels.

For output = sum(w * input) it is sum(w**2). The weights are read off a method's own response to an impulse, so that
they are right for every method, and depend on where in an input pixel the output pixel falls.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable

import numpy as np
from astropy.wcs import WCS
from scipy import ndimage

__all__ = ["area_noise_gain", "spline_noise_gain"]

#: Resamples ``(plane, input_wcs)`` onto ``output_wcs``, as reproject's functions do.
Reproject = Callable[..., np.ndarray]


def spline_noise_gain(degree: int, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Look up the gain of an interpolating spline.

    Parameters
    ----------
    degree : int
        Degree of the spline, 0 to 3.
    x, y : `~numpy.ndarray`
        Positions in the input, pixels.

    Returns
    -------
    `~numpy.ndarray`
        Gain of the variance, of their shape. The kernel is a product of one for x and one for y, and so is the gain.
    """
    table = _spline_gain_table(degree)
    phases = np.linspace(0, 1, table.size)
    return np.interp(x - np.floor(x), phases, table) * np.interp(y - np.floor(y), phases, table)


@functools.cache
def _spline_gain_table(degree: int, phases: int = 256) -> np.ndarray:
    impulse = np.zeros(65)
    impulse[32] = 1
    positions = 32 + np.linspace(0, 1, phases + 1)[:, None] - np.arange(-24, 25)
    weights = ndimage.map_coordinates(impulse, positions[None], order=degree)
    return (weights**2).sum(axis=1)


def area_noise_gain(reproject: Reproject, reach: int, matrix: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Look up the gain of a method that weights the input pixels within an area.

    Parameters
    ----------
    reproject : callable
        The method.
    reach : int
        Half-width of its kernel, in output pixels.
    matrix : `~numpy.ndarray`
        Input position derived by output position, shape ``(2, 2)``.
    x, y : `~numpy.ndarray`
        Positions in the input, pixels.

    Returns
    -------
    `~numpy.ndarray`
        Gain of the variance, of their shape.
    """
    table = _area_gain_table(reproject, reach, tuple(np.round(matrix, 3).ravel()))
    positions = [np.nan_to_num(position % 1) * len(table) for position in (y, x)]
    return ndimage.map_coordinates(table, positions, order=1, mode="grid-wrap")


@functools.lru_cache(maxsize=32)
def _area_gain_table(reproject: Reproject, reach: int, matrix: tuple[float, ...], phases: int = 8) -> np.ndarray:
    """Tabulate the gain over positions within a pixel.

    By translation, the weights of all input pixels on one output pixel are the responses of all output pixels
    to one input pixel, but for the density of the two grids, which the determinant accounts for.
    """
    size = 2 * (2 * reach + 4) + 1
    impulse = np.zeros((size, size))
    impulse[size // 2, size // 2] = 1
    source, target = WCS(naxis=2), WCS(naxis=2)
    for wcs in (source, target):
        wcs.wcs.ctype, wcs.wcs.cunit = ["RA---TAN", "DEC--TAN"], ["deg", "deg"]
        wcs.wcs.cdelt = [1e-4, 1e-4]
        wcs.wcs.crpix = [size // 2 + 1] * 2
    target.wcs.pc = np.reshape(matrix, (2, 2))
    density = abs(float(np.linalg.det(target.wcs.pc)))
    table = np.empty((phases, phases))
    for row, column in itertools.product(range(phases), repeat=2):
        target.wcs.crval = [1e-4 * column / phases, 1e-4 * row / phases]
        response = reproject((impulse, source), target, shape_out=(size, size), return_footprint=False)
        table[row, column] = np.nansum(response**2) * density
    return table
