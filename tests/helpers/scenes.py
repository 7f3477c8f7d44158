"""Synthetic Suns whose true brightness is known, and measurements on their images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.nddata import CCDData
from astropy.wcs import WCS
from scipy.ndimage import gaussian_filter, map_coordinates
from scipy.optimize import least_squares, minimize

from aia_ccdproc.synthetic import Exposure, Source, Sun

EUV_CHANNELS = (94, 131, 171, 193, 211, 304, 335)

#: Points on the whole disk, at the limb and in the corona, that do not overlap.
POINTS = tuple(
    Source(radius * np.cos(angle), radius * np.sin(angle), peak=1000.0, sigma=2.0)
    for radius in (0.0, 350.0, 700.0, 960.0, 1120.0)
    for angle in np.radians(np.arange(0, 360, 60) + radius / 10)
    if radius or angle == 0
)
#: The points without disk and corona, to measure positions.
POINTS_ONLY = Sun(disk=0, corona=0, sources=POINTS)
#: Disk, corona and points.
FULL_SUN = Sun(sources=POINTS)


def _random_gaussians() -> Sun:
    random = np.random.default_rng(0)
    positions, widths = random.uniform(-900, 900, (2, 150)), random.uniform(0.9, 4.0, 150) * 0.6
    sources = tuple(Source(x, y, 1000, sigma) for x, y, sigma in zip(*positions, widths, strict=True))
    return Sun(disk=0, corona=0, sources=sources)


#: Gaussians with a sigma of 0.9 to 4 pixels all over the disk, to measure the accuracy of a resampling method.
GAUSSIANS = _random_gaussians()


def small_exposure(**options: object) -> Exposure:
    """Return an exposure of a cutout about the Sun's center: small, and sufficient for most tests."""
    return Exposure(**{"corner": (1900, 1850), "shape": (300, 320), **options})  # type: ignore[arg-type]


def small_sun() -> Sun:
    """Return a disk with points that are in the cutout of a `small_exposure`."""
    positions = [(-40, -30), (0, 0), (35, 20), (-25, 40), (50, -55)]
    return Sun(disk=100, corona=0, sources=tuple(Source(x, y, 500, 1.8) for x, y in positions))


def set_cards(path: Path, **cards: object) -> None:
    """Set cards in the header of a level-1 file."""
    with fits.open(path, mode="update") as hdus:
        hdus[1].header.update(cards)


def pixel_of(ccd: CCDData, x: float, y: float) -> tuple[float, float]:
    """Return column and row, counted from 0, of a position in arcsec."""
    column, row = ccd.wcs.wcs_world2pix(x / 3600, y / 3600, 0)
    return float(column), float(row)


def fit_source(ccd: CCDData, source: Source, half_width: int = 8) -> tuple[float, float, float, float]:
    """Fit a Gaussian on a constant background. Return column, row, peak, and sigma in pixels."""
    column, row = pixel_of(ccd, source.x, source.y)
    rows = slice(round(row) - half_width, round(row) + half_width + 1)
    columns = slice(round(column) - half_width, round(column) + half_width + 1)
    cutout = np.asarray(ccd.data[rows, columns], dtype=float)
    y, x = np.mgrid[rows, columns]

    def residual(p: np.ndarray) -> np.ndarray:
        return (p[4] + p[2] * np.exp(-0.5 * ((x - p[0]) ** 2 + (y - p[1]) ** 2) / p[3] ** 2) - cutout).ravel()

    scale = float(np.sqrt(abs(np.linalg.det(ccd.wcs.pixel_scale_matrix)))) * 3600
    start = [column, row, cutout.max() - cutout.min(), source.sigma / scale, cutout.min()]
    column, row, peak, sigma, _ = least_squares(residual, start, xtol=1e-14, ftol=1e-14).x
    return column, row, peak, abs(sigma)


def position_errors(ccd: CCDData, sources: tuple[Source, ...]) -> np.ndarray:
    """Return the distance in pixels between the measured position of each source and its position by the WCS."""
    measured = np.array([fit_source(ccd, source)[:2] for source in sources])
    return np.hypot(*(measured - np.array([pixel_of(ccd, s.x, s.y) for s in sources])).T)


def limb_center(ccd: CCDData, radius: float, *, step: float = 4, angles: int = 2880) -> np.ndarray:
    """Fit a circle to the limb, where the brightness falls most. Return column and row of its center, counted from 0.

    Daugman's operator: the fall of brightness across the circle, averaged over all angles, is a smooth function of the
    circle's center and radius. Its maximum does not jump from feature to feature.
    """
    image = gaussian_filter(np.arcsinh(np.nan_to_num(np.asarray(ccd.data, dtype=np.float32)) / 20), step / 2)
    theta = np.linspace(0, 2 * np.pi, angles, endpoint=False)
    circle = np.array([np.sin(theta), np.cos(theta)])

    def fall(parameters: np.ndarray) -> float:
        center, size = parameters[1::-1, None], parameters[2]
        inside, outside = (
            map_coordinates(image, center + (size + d) * circle, order=1, mode="nearest") for d in (-step, step)
        )
        return float((outside - inside).mean())

    start = np.array([*(ccd.wcs.wcs.crpix - 1), radius])
    simplex = np.vstack([start, start + np.diag([3.0, 3.0, 8.0])])
    return minimize(
        fall, start, method="Nelder-Mead", options={"initial_simplex": simplex, "xatol": 1e-3, "fatol": 1e-9}
    ).x[:2]


def true_image(wcs: WCS, shape: tuple[int, int], sun: Sun) -> np.ndarray:
    """Compute the brightness of a Sun at the pixels of a grid, float32."""
    image = np.empty(shape, np.float32)
    columns = np.arange(shape[1], dtype=float)
    for rows in np.array_split(np.arange(shape[0]), 16):
        x, y = np.meshgrid(columns, rows.astype(float))
        longitude, latitude = wcs.wcs_pix2world(x.ravel(), y.ravel(), 0)
        sky = [((np.asarray(v).reshape(x.shape) + 180) % 360 - 180) * 3600 for v in (longitude, latitude)]
        image[rows] = sun.brightness(*sky)
    return image


def rms_error(data: np.ndarray, wcs: WCS, sun: Sun, margin: int = 100) -> float:
    """Compute the rms difference between an image and the true image, without a margin of pixels at the edges."""
    inside = (slice(margin, -margin),) * 2
    difference = data[inside].astype(float) - true_image(wcs, data.shape, sun)[inside]
    return float(np.sqrt((difference**2).mean()))
