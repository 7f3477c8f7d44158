"""A Sun that looks like the one that AIA observes, and whose brightness is a formula nevertheless."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import map_coordinates, zoom
from scipy.special import erfcx

from aia_ccdproc.images.wcs_cards import RSUN_METERS
from aia_ccdproc.synthetic.active_regions import RegionStyle, active_regions, bright_points
from aia_ccdproc.synthetic.sphere import RSUN_OBS, SurfacePositions, rotation, surface_positions
from aia_ccdproc.synthetic.sun import Source, add_sources

__all__ = ["ActiveSun"]

_RSUN_MM = RSUN_METERS / 1e6
#: Width of the limb, arcsec: spicules and the telescope.
_LIMB_WIDTH = 1.5
#: Distances of the knots of the random surfaces, degrees: supergranules and parts of them, streamers and parts of them.
_NETWORK, _STREAMERS = (1.5, 0.3), (16.0, 4.0)


@dataclass(frozen=True)
class _Look:
    """How the Sun looks in a channel."""

    quiet: float
    """Brightness at the center of the disk, DN per pixel and exposure."""
    network: float
    """Contrast of the network."""
    thin: float
    """Part of the brightness that is emitted by an optically thin corona."""
    scale_height: float
    """Scale height of the corona, Mm; where nothing is thin, of scattered light."""
    limb_height: float
    """Height of the limb above the photosphere, Mm."""
    darkening: float
    """Linear limb darkening of what is not optically thin."""
    hole: float
    """Part of the brightness that is missing in a coronal hole."""
    style: RegionStyle


_LOOKS = {
    94: _Look(12, 0.3, 0.25, 55, 5, 0, 0.5, RegionStyle(3, 5, 0.5, 2.2)),
    131: _Look(25, 0.7, 0.2, 28, 5, 0, 0.4, RegionStyle(4, 2.5, 0.8)),
    171: _Look(220, 0.7, 0.2, 42, 5, 0, 0.5, RegionStyle(3.5, 1.6)),
    193: _Look(260, 0.5, 0.28, 65, 5, 0, 0.8, RegionStyle(2.2, 3.5, 1.0, 2.4)),
    211: _Look(110, 0.4, 0.32, 85, 5, 0, 0.85, RegionStyle(2.2, 4, 1.0, 2.8)),
    304: _Look(45, 1.2, 0.12, 7, 6, 0, 0.3, RegionStyle(1, 2, 0.6, 2.2)),
    335: _Look(14, 0.3, 0.32, 95, 5, 0, 0.7, RegionStyle(3, 7, 0.8, 3.0)),
    1600: _Look(130, 1.1, 0, 20, 0.7, 0.1, 0, RegionStyle(0, 1.5, height=0)),
    1700: _Look(1500, 0.6, 0, 20, 0.5, 0.45, 0, RegionStyle(0, 0.5, height=0, points=0.3)),
    4500: _Look(5000, 0.06, 0, 20, 0, 0.65, 0, RegionStyle(0, -0.25, height=0, points=0.03)),
}
#: Part of the brightness of a disk without a corona that is scattered beyond its limb.
_SCATTERED = 0.004


@dataclass(frozen=True)
class ActiveSun:  # numpydoc ignore=PR02
    """A Sun that looks like the one that AIA observes in a channel.

    It has a quiet-Sun network, active regions with loops, bright points, coronal holes at the poles and in the middle,
    and the corona beyond the limb. All of it rotates differentially. The brightness at a position does not depend on
    the pixels at which it is computed, so that images on different grids can be compared with the truth.

    Parameters
    ----------
    channel : int
        Wavelength, angstrom: one of AIA's ten channels.
    seed : int
        Seed of the random positions. They are the same in all channels.
    days : float
        Time in days after the start, in which the Sun rotates.

    Raises
    ------
    ValueError
        If AIA has no such channel.

    Notes
    -----
    An atmosphere that is optically thin and falls exponentially with the scale height H has, seen under an angle with
    the cosine mu, the column of Chapman (1931): ``sqrt(pi R H / 2) erfcx(mu sqrt(R / 2 H))`` inside the limb, and
    ``sqrt(2 pi R H) exp(-h / H)`` at the height h above it. At the limb the column doubles, since the far side is
    seen, too. The network is where a random cubic spline on the surface is near zero.
    """

    channel: int = 171
    seed: int = 34506
    days: float = 0.0

    def __post_init__(self) -> None:
        if self.channel not in _LOOKS:
            raise ValueError(f"AIA has no channel {self.channel!r}; available: {', '.join(map(str, _LOOKS))}")

    @property
    def limb_radius(self) -> float:
        """Return the radius of the limb in arcsec, where the brightness falls by half, or doubles.

        Returns
        -------
        float
            The radius.
        """
        return RSUN_OBS * (1 + self._look.limb_height / _RSUN_MM)

    @property
    def _look(self) -> _Look:
        return _LOOKS[self.channel]

    @functools.cached_property
    def points(self) -> tuple[Source, ...]:
        """List the bright points on the disk.

        Returns
        -------
        tuple of `Source`
            Gaussians, in DN per pixel and exposure.
        """
        return self._in_counts(bright_points(self._look.style, np.random.default_rng((self.seed, 1)), self.days))

    @functools.cached_property
    def regions(self) -> tuple[Source, ...]:
        """List the Gaussians of which the active regions consist.

        Returns
        -------
        tuple of `Source`
            Gaussians, in DN per pixel and exposure.
        """
        return self._in_counts(active_regions(self._look.style, np.random.default_rng((self.seed, 2)), self.days))

    def _in_counts(self, sources: list[Source]) -> tuple[Source, ...]:
        return tuple(replace(source, peak=source.peak * self._look.quiet) for source in sources)

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
        look = self._look
        height = np.hypot(x, y) - self.limb_radius
        inside = 0.5 * (1 - np.tanh(height / _LIMB_WIDTH))
        on_disk = height < 8 * _LIMB_WIDTH
        seen = surface_positions(x / self.limb_radius * RSUN_OBS, y / self.limb_radius * RSUN_OBS)
        longitude = seen.longitude - rotation(seen.latitude, self.days)
        # This coordinate is continuous along the limb, also beyond the pole.
        across = np.arcsin(np.cos(seen.latitude) * np.sin(longitude))
        large = _surface(self._streamers, across, seen.latitude, _STREAMERS[1])
        image = (1 - inside) * self._corona(height)
        part = SurfacePositions(longitude[on_disk], seen.latitude[on_disk], seen.cosine[on_disk])
        image[on_disk] += inside[on_disk] * self._disk(part)
        image *= look.quiet * (1 + 0.8 * look.thin * large) * self._holes(longitude, seen.latitude, large)
        sources = (*self.regions, *self.points)
        if look.thin:
            add_sources(image, sources, x, y)
        else:
            on_surface = np.zeros(image.shape)
            add_sources(on_surface, sources, x, y)
            image += on_surface * inside * self._darkening(seen.cosine)
        values: np.ndarray = np.maximum(image, 0, out=image)
        return values

    def _darkening(self, cosine: np.ndarray) -> np.ndarray:
        return 1 - self._look.darkening * (1 - cosine)

    def _disk(self, seen: SurfacePositions) -> np.ndarray:
        look = self._look
        # In these coordinates all cells have the same area.
        across = seen.longitude * np.cos(seen.latitude)
        network = _surface(self._network, across, seen.latitude, _NETWORK[1])
        contrast = look.network * seen.cosine / (seen.cosine + 0.15)  # seen from the side, the network is blurred
        lanes = np.exp(contrast * (1 / (1 + (network / 0.6) ** 2) - 0.6 + 0.25 * network))
        disk: np.ndarray = (1 - look.thin) * self._darkening(seen.cosine) * lanes
        if look.thin:
            ratio = math.sqrt(_RSUN_MM / (2 * look.scale_height))
            disk += look.thin * math.sqrt(math.pi) * ratio * erfcx(seen.cosine * ratio)
        return disk

    def _corona(self, height: np.ndarray) -> np.ndarray:
        look = self._look
        at_limb = look.thin * 2 * math.sqrt(math.pi * _RSUN_MM / (2 * look.scale_height)) or _SCATTERED
        values: np.ndarray = at_limb * np.exp(np.maximum(height, 0) * (-_RSUN_MM / RSUN_OBS / look.scale_height))
        return values

    def _holes(self, longitude: np.ndarray, latitude: np.ndarray, large: np.ndarray) -> np.ndarray:
        """Compute the factor of the coronal holes: at the poles, and one that reaches to the equator."""
        if not self._look.hole:
            return np.ones_like(longitude)
        polar = (np.abs(latitude) - math.radians(62)) / math.radians(3) + 1.5 * large
        across = (longitude + math.radians(2)) / math.radians(9) - latitude
        middle = (1 - np.hypot(across, (latitude - math.radians(12)) / math.radians(30)) + 0.35 * large) / 0.15
        depth = 0.5 + 0.5 * np.tanh(np.maximum(polar, middle))
        values: np.ndarray = 1 - self._look.hole * depth
        return values

    @functools.cached_property
    def _network(self) -> np.ndarray:
        return _random_surface(np.random.default_rng((self.seed, 3)), *_NETWORK)

    @functools.cached_property
    def _streamers(self) -> np.ndarray:
        return _random_surface(np.random.default_rng((self.seed, 4)), *_STREAMERS)


def _random_surface(random: np.random.Generator, coarse: float, fine: float) -> np.ndarray:
    """Return the coefficients of a random cubic spline with cells of two sizes, in degrees; its variance is about 1."""
    cells = random.normal(size=(math.ceil(180 / coarse) + 4, math.ceil(360 / coarse) + 4))
    cells = zoom(cells, coarse / fine, order=3)
    values: np.ndarray = 1.2 * cells + 0.8 * random.normal(size=cells.shape)
    return values


def _surface(coefficients: np.ndarray, across: np.ndarray, latitude: np.ndarray, knots: float) -> np.ndarray:
    """Compute a cubic spline of two angles in radians, with knots at distances in degrees."""
    scale = math.degrees(1) / knots
    rows = latitude * scale + (coefficients.shape[0] - 1) / 2
    columns = across * scale + (coefficients.shape[1] - 1) / 2
    values: np.ndarray = map_coordinates(
        coefficients, np.stack([rows, columns]), order=3, prefilter=False, mode="grid-wrap"
    )
    return values
