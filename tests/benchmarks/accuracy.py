"""Errors of a registration method, measured on scenes whose true brightness is known."""

from __future__ import annotations

import functools

import numpy as np
from astropy.wcs import WCS
from methods import Method, Registered
from scenes import GAUSSIANS, fit_source, true_image

from aia_ccdproc.synthetic import Exposure, Source

#: Half of the side of the box around a star, in pixels.
_HALF_BOX = 12
#: Rows and columns at the border that are not measured: each method fills pixels outside the input in another way.
_MARGIN = 100
#: Standard deviation of the noise, in DN.
_SIGMA = 5.0
#: Height of the edge, in DN.
_EDGE = 1000.0
#: Bins of the profile across the edge: a tenth of a pixel, to 6 pixels on each side.
EDGE_BINS = np.linspace(-6, 6, 121)


@functools.cache
def _scenes() -> dict[str, object]:
    """Return level-1 images: stars, white noise, and an edge between two pixels."""
    stars = Exposure().image(GAUSSIANS)
    noise, edge = stars.copy(), stars.copy()
    noise.data = np.random.default_rng(1).normal(0, _SIGMA, stars.shape).astype(np.float32)
    edge.data = np.zeros_like(stars.data)
    edge.data[:, 2000:] = _EDGE
    # Some methods clip to the range of their input. Without these pixels that would hide the ringing.
    edge.data[10, 10], edge.data[10, 30] = -10 * _EDGE, 10 * _EDGE
    return {"stars": stars, "noise": noise, "edge": edge}


@functools.lru_cache(maxsize=3)
def _truth(grid: tuple[float, ...], shape: tuple[int, int]) -> np.ndarray:
    crpix, scale = grid[:2], grid[2]
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.cunit = ["HPLN-TAN", "HPLT-TAN"], ["arcsec", "arcsec"]
    wcs.wcs.crpix, wcs.wcs.cdelt = crpix, [scale, scale]
    return true_image(wcs, shape, GAUSSIANS)


def accuracy(method: Method) -> dict[str, float | list[float]]:
    """Measure the errors of a method. Errors of brightness are fractions of the peak of the stars, 1000 DN."""
    scenes = _scenes()
    stars = method(scenes["stars"])()
    noise = method(scenes["noise"])().data[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN]
    profile = _edge_profile(scenes["edge"].wcs, method(scenes["edge"])())
    return {
        **_star_errors(stars),
        "noise": float(noise.std() / _SIGMA),
        **_ringing(profile),
        "edge": [float(value) for value in profile],
    }


def _star_errors(image: Registered) -> dict[str, float]:
    scale = float(np.sqrt(abs(np.linalg.det(image.wcs.pixel_scale_matrix)))) * 3600
    truth = _truth((*map(float, image.wcs.wcs.crpix), round(scale, 9)), image.data.shape)
    inside = (slice(_MARGIN, -_MARGIN),) * 2
    error = image.data[inside].astype(float) - truth[inside]
    positions, peaks, totals = [], [], []
    for source in _isolated_stars():
        column, row = image.wcs.wcs_world2pix(source.x / 3600, source.y / 3600, 0)
        box = tuple(slice(round(float(c)) - _HALF_BOX, round(float(c)) + _HALF_BOX + 1) for c in (row, column))
        measured, true = image.data[box].astype(float), truth[box].astype(float)
        fitted = fit_source(_AsCCD(image), source, half_width=6)
        positions.append(np.hypot(fitted[0] - column, fitted[1] - row))
        peaks.append((measured.max() - true.max()) / 1000)
        totals.append(measured.sum() / true.sum() - 1)
    return {
        "rms": float(np.sqrt((error**2).mean())) / 1000,
        "position": float(np.max(positions)),
        "peak": float(peaks[np.argmax(np.abs(peaks))]),
        "total": float(totals[np.argmax(np.abs(totals))]),
    }


class _AsCCD:
    """An image with the two attributes that `fit_source` reads."""

    def __init__(self, image: Registered) -> None:
        self.data, self.wcs = image.data, image.wcs


def _isolated_stars() -> list[Source]:
    """Return the stars that are at least 24 arcsec away from every other star."""
    positions = np.array([(s.x, s.y) for s in GAUSSIANS.sources])
    distances = np.hypot(*(positions[:, None] - positions[None]).transpose(2, 0, 1))
    np.fill_diagonal(distances, np.inf)
    return [s for s, nearest in zip(GAUSSIANS.sources, distances.min(axis=1), strict=True) if nearest > 24]


def _edge_profile(level1_wcs: WCS, image: Registered) -> np.ndarray:
    """Average the brightness of 400 rows at the center, by the distance from the edge in level-1 pixels."""
    rows = np.arange(image.data.shape[0] // 2 - 200, image.data.shape[0] // 2 + 200)
    columns = np.arange(1900, 2100)
    x, y = np.meshgrid(columns, rows)
    world = image.wcs.wcs_pix2world(x.ravel(), y.ravel(), 0)
    distance = level1_wcs.wcs_world2pix(*world, 0)[0].reshape(x.shape) - 1999.5
    bin_numbers = np.digitize(distance.ravel(), EDGE_BINS)
    values = image.data[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].ravel()
    return np.array([values[bin_numbers == i].mean() / _EDGE for i in range(1, EDGE_BINS.size)])


def _ringing(profile: np.ndarray) -> dict[str, float]:
    return {"ringing": float(max(profile.max() - 1, -profile.min(), 0))}
