"""Pixels larger than those at which an image is resampled: averages over the area of each pixel."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import scipy  # its subpackages are imported at their first use
from astropy.wcs import WCS
from astropy.wcs.utils import pixel_to_pixel

from aia_ccdproc.parallel import map_in_threads
from aia_ccdproc.plugin.plugin import Plugin
from aia_ccdproc.plugin.resampling import BAD_WEIGHT_THRESHOLD, INVALID, MASKED, Resampled
from aia_ccdproc.steps.chosen_engine import ChosenEngine
from aia_ccdproc.steps.grids import Grid
from aia_ccdproc.steps.planes import Planes

__all__ = ["resample_averaged"]

#: Output pixels that are processed at once.
_CHUNK_PIXELS = 65536
#: Input pixels on each side of a position that a kernel reaches. The cardinal cubic spline has fallen to 0.0004 there.
_REACH = 6
#: Input pixels about the impulse that shows the kernel, on each side.
_IMPULSE_MARGIN = 16
#: Positions within an input pixel at which the weights are known, times the sampling.
_PHASES = 64
#: Squared weights below this fraction of the largest one are left out.
_NEGLIGIBLE = 1e-5


def resample_averaged(
    engine: ChosenEngine, planes: Planes, input_wcs: WCS, grids: tuple[WCS, WCS], grid: Grid
) -> tuple[Resampled, Plugin]:
    """Resample the planes of an image at several positions in each pixel, and average.

    Parameters
    ----------
    engine : `~aia_ccdproc.steps.chosen_engine.ChosenEngine`
        The engine, of a method that interpolates.
    planes : `~aia_ccdproc.steps.planes.Planes`
        The planes.
    input_wcs : `~astropy.wcs.WCS`
        WCS of the planes.
    grids : tuple of `~astropy.wcs.WCS`
        WCS of all positions, and WCS of the pixels.
    grid : `~aia_ccdproc.steps.grids.Grid`
        The pixels, and the sampling.

    Returns
    -------
    tuple of `~aia_ccdproc.plugin.Resampled` and `~aia_ccdproc.plugin.plugin.Plugin`
        Averages, and the plugin that resampled. A pixel is flagged if more than 1 % of its positions are.

    Notes
    -----
    The positions in a pixel share input pixels, and their values are correlated. The variance is therefore computed
    from the input: sum of W**2 times variance, where W is the average of the weights of all positions.
    """
    fine, used = engine.resample(planes._replace(variance=None), input_wcs, grids[0], grid.sampled_shape)
    data, flags = _average(fine, grid)
    if planes.variance is None:
        return Resampled(data, None, flags), used
    positions = _Positions.of(input_wcs, grids[1], grid.shape)
    weights = _SquaredWeights.of(engine, positions.matrix / grid.sampling, grid.sampling)
    variance = _variance(planes.variance, positions, weights)
    return Resampled(data, variance, flags, "sum(w**2 var)"), used


def _average(fine: Resampled, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Average the values in each pixel; return data and flags."""
    data = np.empty(grid.shape, dtype=np.float32)
    flags = np.empty(grid.shape, dtype=np.uint8)
    n = grid.sampling
    rows = max(1, _CHUNK_PIXELS // grid.sampled_shape[1])

    def fill(first: int) -> None:
        part = slice(first * n, (first + rows) * n)
        values, bad = fine.data[part], fine.flags[part]
        chunk = slice(first, first + rows)
        if not bad.any():
            data[chunk], flags[chunk] = _sums(values, n) / n**2, 0
            return
        known = np.isfinite(values)
        with np.errstate(invalid="ignore"):  # a pixel outside of the image
            data[chunk] = _sums(np.where(known, values, 0), n) / _sums(known, n)
        invalid, flagged = (_sums(each, n) > BAD_WEIGHT_THRESHOLD * n**2 for each in (bad == INVALID, bad != 0))
        flags[chunk] = np.where(invalid, INVALID, np.where(flagged, MASKED, 0))

    map_in_threads(fill, list(range(0, grid.shape[0], rows)))
    return data, flags


def _sums(values: np.ndarray, n: int) -> np.ndarray:
    """Add the values of n x n pixels."""
    of_rows = np.add.reduce(values.reshape(-1, n, values.shape[1]), axis=1, dtype=np.float64)
    return np.asarray(sum(of_rows[:, column::n] for column in range(n)))


class _Positions(NamedTuple):
    """The centers of output pixels in the input, counted from 0."""

    x: np.ndarray
    y: np.ndarray
    matrix: np.ndarray
    """Derivative at the middle of the output, shape ``(2, 2)``."""

    @classmethod
    def of(cls, input_wcs: WCS, output_wcs: WCS, shape: tuple[int, int]) -> _Positions:
        rows, columns = np.indices(shape, dtype=float)
        x, y = pixel_to_pixel(output_wcs, input_wcs, columns.ravel(), rows.ravel())
        middle = [(n - 1) / 2 for n in shape[::-1]]
        around = np.add(middle, [[0.5, 0], [-0.5, 0], [0, 0.5], [0, -0.5]]).T
        right, left, up, down = np.transpose(pixel_to_pixel(output_wcs, input_wcs, *around))
        matrix = np.stack([right - left, up - down], axis=1)
        return cls(x.reshape(shape), y.reshape(shape), matrix if np.isfinite(matrix).all() else np.eye(2))


class _SquaredWeights(NamedTuple):
    """Squared weights of input pixels in the average over an output pixel."""

    table: np.ndarray
    """By the distance from the center of the output pixel, in steps of an input pixel divided by ``phases``."""
    phases: int
    reach: int
    """Largest distance, input pixels."""

    @classmethod
    def of(cls, engine: ChosenEngine, matrix: np.ndarray, sampling: int) -> _SquaredWeights:
        """Average the kernel of a method over the positions in a pixel, whose distances are the columns of a matrix."""
        phases = max(2, _PHASES // sampling)
        reach = _REACH + math.ceil(np.abs(matrix).sum(axis=1).max() * sampling / 2)
        kernel = _kernel(engine, phases)
        steps = np.arange(-reach * phases, reach * phases + 1) / phases
        offsets = np.arange(sampling) - (sampling - 1) / 2
        weights = np.zeros((len(steps), len(steps)))
        for dx, dy in (matrix @ (across, along) for along in offsets for across in offsets):
            at = np.meshgrid(*((steps - shift + _REACH) * phases for shift in (dy, dx)), indexing="ij")
            weights += scipy.ndimage.map_coordinates(kernel, at, order=1)
        return cls((weights / sampling**2) ** 2, phases, reach)

    def at(self, distance: int) -> slice:
        """Return the part of an axis of the table for input pixels at a distance, for all phases."""
        last = (distance + self.reach) * self.phases
        return slice(last - self.phases + 1, last + 1)


def _kernel(engine: ChosenEngine, phases: int) -> np.ndarray:
    """Return the weight of an input pixel by its distance from a position: the response to an impulse."""
    size = 2 * _IMPULSE_MARGIN + 1
    impulse = np.zeros((size, size), dtype=np.float32)
    impulse[_IMPULSE_MARGIN, _IMPULSE_MARGIN] = 1
    wcs = WCS(naxis=2)
    wcs.wcs.crpix = [_IMPULSE_MARGIN + 1] * 2
    fine = WCS(naxis=2)
    fine.wcs.cdelt = [1 / phases] * 2
    fine.wcs.crpix = [_REACH * phases + 1] * 2
    side = 2 * _REACH * phases + 1
    return engine.resample(Planes(impulse, None, None), wcs, fine, (side, side))[0].data[::-1, ::-1].astype(float)


def _variance(variance: np.ndarray, positions: _Positions, weights: _SquaredWeights) -> np.ndarray:
    """Compute the sum of squared weights times variance for every output pixel."""
    reach, phases = weights.reach, weights.phases
    padded = np.pad(variance, reach + 1, mode="edge")
    result: np.ndarray = np.empty(positions.x.shape, dtype=np.float32)
    least = weights.table.max() * _NEGLIGIBLE
    rows = max(1, _CHUNK_PIXELS // result.shape[1])

    def fill(first: int) -> None:
        chunk = slice(first, first + rows)
        nearest, table_at = [], []
        for values, length in zip((positions.y, positions.x), variance.shape, strict=True):
            inside = np.nan_to_num(np.clip(values[chunk], -0.5, length - 0.5))
            steps = np.rint(inside * phases).astype(np.intp)
            nearest.append(steps // phases)
            table_at.append(reach * phases - steps % phases)
        at = (nearest[0] + reach + 1) * padded.shape[1] + nearest[1] + reach + 1
        in_table = table_at[0] * weights.table.shape[1] + table_at[1]
        total = np.zeros(at.shape)
        for dy in range(1 - reach, reach + 1):
            for dx in range(1 - reach, reach + 1):
                if weights.table[weights.at(dy), weights.at(dx)].max() > least:
                    step = (dy * weights.table.shape[1] + dx) * phases
                    total += weights.table.take(in_table + step) * padded.take(at + dy * padded.shape[1] + dx)
        result[chunk] = total

    map_in_threads(fill, list(range(0, result.shape[0], rows)))
    return result
