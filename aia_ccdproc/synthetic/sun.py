"""A Sun whose brightness is a formula: disk, corona and Gaussian sources."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from aia_ccdproc.synthetic.sphere import RSUN_OBS

__all__ = ["Brightness", "Source", "Sun", "add_sources"]

#: Distance from a Gaussian, in sigma, beyond which it is negligible.
_REACH = 9


class Brightness(Protocol):
    """What an exposure observes: anything that has a brightness at each position."""

    def brightness(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:  # numpydoc ignore=PR01,RT01
        """Compute the brightness in DN at positions in arcsec."""


@dataclass(frozen=True)
class Source:  # numpydoc ignore=PR02
    """A Gaussian on the sky: a point source, blurred by the telescope.

    Parameters
    ----------
    x, y : float
        Helioprojective position, arcsec.
    peak : float
        Brightness at the center, DN per pixel and exposure.
    sigma : float
        Standard deviation, arcsec.
    """

    x: float
    y: float
    peak: float = 1000.0
    sigma: float = 1.5


@dataclass(frozen=True)
class Sun:  # numpydoc ignore=PR02
    """A Sun whose brightness is a formula: disk, corona and Gaussian sources.

    Parameters
    ----------
    disk : float
        Brightness of the disk, DN per pixel and exposure.
    corona : float
        Brightness of the corona at the limb, DN per pixel and exposure; it falls by a factor of e in 100 arcsec.
    limb : float
        Width of the limb, where the brightness changes from that of the disk to that of the corona, arcsec.
    sources : tuple of `Source`
        Sources that are added to disk and corona.
    """

    disk: float = 100.0
    corona: float = 40.0
    limb: float = 3.0
    sources: tuple[Source, ...] = ()

    def brightness(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Compute the brightness at given positions.

        Parameters
        ----------
        x, y : `~numpy.ndarray`
            Helioprojective positions of a grid of pixels, arcsec, shape ``(ny, nx)``.

        Returns
        -------
        `~numpy.ndarray`
            Brightness, DN per pixel and exposure, shape ``(ny, nx)``.
        """
        image = np.zeros(x.shape)
        if self.disk or self.corona:
            height = np.hypot(x, y) - RSUN_OBS
            inside = 0.5 * (1 - np.tanh(height / self.limb))
            image += self.disk * inside
            image += self.corona * (1 - inside) * np.exp(-np.maximum(height, 0) / 100)
        add_sources(image, self.sources, x, y)
        return image


def add_sources(image: np.ndarray, sources: Sequence[Source], x: np.ndarray, y: np.ndarray) -> None:
    """Add Gaussians to an image.

    Parameters
    ----------
    image : `~numpy.ndarray`
        Brightness, shape ``(ny, nx)``; changed.
    sources : sequence of `Source`
        The Gaussians. A few may cover the image, since only the pixels that a Gaussian reaches are computed.
    x, y : `~numpy.ndarray`
        Helioprojective positions of the pixels, arcsec, shape ``(ny, nx)``.
    """
    if not sources:
        return
    to_pixel, error = _fit_pixel_positions(x, y)
    ny, nx = image.shape
    values = np.array([(source.x, source.y, source.sigma) for source in sources])
    columns, rows = to_pixel[:, :2] @ values[:, :2].T + to_pixel[:, 2:]
    reach = _REACH * values[:, 2] * np.linalg.norm(to_pixel[:, :2], ord=2) + error + 1
    edges = np.array([rows - reach, rows + reach + 1, columns - reach, columns + reach + 1])
    starts_ends = np.clip(np.floor(edges), 0, [[ny], [ny], [nx], [nx]]).astype(int)
    for source, (bottom, top, left, right) in zip(sources, starts_ends.T.tolist(), strict=True):
        if bottom < top and left < right:
            part = (slice(bottom, top), slice(left, right))
            squared = (x[part] - source.x) ** 2 + (y[part] - source.y) ** 2
            image[part] += source.peak * np.exp(squared * (-0.5 / source.sigma**2))


def _fit_pixel_positions(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, float]:
    """Fit an affine map from positions to pixels, shape (2, 3), and its largest error in pixels."""
    ny, nx = x.shape
    rows, columns = (np.unique(np.linspace(0, n - 1, 33).astype(int)) for n in (ny, nx))
    sampled = np.ix_(rows, columns)
    positions = np.stack([x[sampled].ravel(), y[sampled].ravel(), np.ones(rows.size * columns.size)], axis=1)
    pixels = np.stack([axis.ravel() for axis in np.meshgrid(columns, rows)], axis=1).astype(float)
    fitted = np.linalg.lstsq(positions, pixels, rcond=None)[0]
    return fitted.T, float(np.abs(positions @ fitted - pixels).max())
