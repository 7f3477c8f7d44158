"""Grids of pixels: the one of level 1.5, the one a user names, and what lies between two of them."""

from __future__ import annotations

import importlib
import math
import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from astropy.io import fits
from astropy.nddata import CCDData
from astropy.wcs import WCS
from astropy.wcs.utils import pixel_to_pixel
from scipy import ndimage

from aia_ccdproc.errors import HeaderError
from aia_ccdproc.images.files import cache_until_modified
from aia_ccdproc.images.fits_file import read_header
from aia_ccdproc.images.header import complete_header
from aia_ccdproc.images.level15 import LEVEL15_SCALE, LEVEL15_SHAPE
from aia_ccdproc.images.wcs import observer_cards, plate_scale, position_cards, wcs_from_header
from aia_ccdproc.plugin.instrument import Instrument

__all__ = ["Grid", "is_affine", "level15_grid", "pixel_area_ratio", "target_grid", "wcs_pair"]

#: Pixels of level 1.5 from the corner of the full frame at which no image of the Sun lies.
_FARTHEST = 2**20
#: Axes of which sunpy knows how they lie to each other.
_SOLAR = {"HPLN", "HPLT", "HGLN", "HGLT", "CRLN", "CRLT"}
#: Two observers are one if a feature at disk centre moves by less than this between them, arcsec.
_SAME_VIEW = 0.001


class Grid(NamedTuple):
    """A rectangle of pixels on the sky."""

    wcs: WCS
    shape: tuple[int, int]
    observer: fits.Header | None = None
    """Position of the observer the grid is seen by; None where that is the image's own."""


def level15_grid(header: fits.Header, instrument: Instrument) -> Grid:
    """Lay the grid of level 1.5 under an image.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        Complete header of the image.
    instrument : `~aia_ccdproc.Instrument`
        Its instrument.

    Returns
    -------
    `Grid`
        For a full frame, and where the full frame is not known, all of it; for a cutout the pixels of the full frame
        that cover it.

    Raises
    ------
    HeaderError
        If the plate scale is no whole multiple of the instrument's, or the image is not helioprojective.
    """
    scale = plate_scale(header)
    wcs = wcs_from_header(header)
    kinds = [str(kind)[:4] for kind in wcs.wcs.ctype]
    if kinds != ["HPLN", "HPLT"]:
        raise HeaderError(
            f"the axes are {' and '.join(wcs.wcs.ctype)}, not HPLN and HPLT; give the grid to register onto: target="
        )
    sides = np.hypot(*wcs.pixel_scale_matrix)
    if abs(sides[0] / sides[1] - 1) > 0.01:
        raise HeaderError(
            f"the pixels are not square ({sides[0] * 3600:.4g} x {sides[1] * 3600:.4g} arcsec); "
            "give the grid to register onto: target="
        )
    binning = instrument.binning(scale)
    if not binning:
        raise HeaderError(
            f"the plate scale of {scale:.4g} arcsec is no whole multiple of {instrument.name}'s "
            f"{instrument.plate_scale:g}; give the grid to register onto: target="
        )
    full_shape = (LEVEL15_SHAPE[0] // binning, LEVEL15_SHAPE[1] // binning)
    crpix = [(full_shape[1] + 1) / 2, (full_shape[0] + 1) / 2]
    shape = (header["NAXIS2"], header["NAXIS1"])
    if instrument.shape is None or shape == (instrument.shape[0] // binning, instrument.shape[1] // binning):
        return Grid(_north_up_wcs(header, crpix, binning), full_shape)
    full = _north_up_wcs(header, crpix, binning)
    corners = np.array([(x, y) for x in (-0.5, shape[1] - 0.5) for y in (-0.5, shape[0] - 0.5)])
    x, y = pixel_to_pixel(*wcs_pair(wcs, full), corners[:, 0], corners[:, 1])
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise HeaderError("a corner of the image does not lie on the sky; give the grid to register onto: target=")
    # Half a millionth of a pixel keeps a cutout that lies on the lattice from growing by rounding.
    left, bottom = (math.floor(v.min() + 0.5 + 5e-7) for v in (x, y))
    right, top = (math.ceil(v.max() + 0.5 - 5e-7) for v in (x, y))
    most = 4 * max(shape) * max(1, scale / (LEVEL15_SCALE * binning))
    far = max(abs(corner) for corner in (left, right, bottom, top)) > _FARTHEST
    if far or not (0 < right - left < most and 0 < top - bottom < most):
        raise HeaderError(f"CRPIX ({wcs.wcs.crpix[0]:g}, {wcs.wcs.crpix[1]:g}) makes no sense")
    return Grid(_north_up_wcs(header, [crpix[0] - left, crpix[1] - bottom], binning), (top - bottom, right - left))


def _north_up_wcs(header: fits.Header, crpix: list[float], binning: int) -> WCS:
    cards = observer_cards(header)
    for i, kind in ((1, "HPLN-TAN"), (2, "HPLT-TAN")):
        cards[f"CTYPE{i}"] = kind
        cards[f"CUNIT{i}"] = "arcsec"
        cards[f"CRVAL{i}"] = 0.0
        cards[f"CRPIX{i}"] = crpix[i - 1]
        cards[f"CDELT{i}"] = LEVEL15_SCALE * binning
    return wcs_from_header(cards)


def target_grid(target: Any, source: WCS) -> Grid:
    """Understand the grid that a user names.

    Parameters
    ----------
    target : `~astropy.wcs.WCS`, `~astropy.io.fits.Header`, image, or path
        A WCS with ``array_shape``, a header with NAXIS1 and NAXIS2, a CCDData, a sunpy Map or any other
        image with ``wcs`` and ``data``, or the path of a FITS image, of whatever instrument.
    source : `~astropy.wcs.WCS`
        WCS of the image that is to be registered.

    Returns
    -------
    `Grid`
        The grid.

    Raises
    ------
    HeaderError
        If it is none of these or has no shape.
    """
    if isinstance(target, str | os.PathLike):
        path = Path(target)
        try:
            target = _header_of_file(path)
        except OSError as error:
            raise HeaderError(f"target {path}: cannot be read ({error.strerror})") from None
    if isinstance(target, CCDData):
        target = complete_header(target)
    if isinstance(target, fits.Header):
        target = wcs_from_header(target)
    elif not isinstance(target, WCS) and hasattr(target, "wcs") and hasattr(target, "data"):
        target, shape = target.wcs.deepcopy(), np.shape(target.data)
        target.array_shape = shape
    if not isinstance(target, WCS) or not target.has_celestial or target.naxis != 2:
        raise HeaderError(
            f"target is a {type(target).__name__}; a celestial WCS, a header, an image or a path is needed"
        )
    if any(table is not None for table in (target.cpdis1, target.cpdis2, target.det2im1, target.det2im2)):
        raise HeaderError("target has distortion tables, which a header of the result could not hold")
    if target.array_shape is None:
        raise HeaderError("target has no shape; set array_shape of the WCS, or NAXIS1 and NAXIS2 of the header")
    rows, columns = target.array_shape
    if rows < 1 or columns < 1:
        raise HeaderError(f"target has {columns} x {rows} pixels")
    observer = None if _same_observer(source, target) else position_cards(target)
    return Grid(target, (int(rows), int(columns)), observer)


_header_of_file = cache_until_modified(files=8)(read_header)


def wcs_pair(source: WCS, target: WCS) -> tuple[WCS, WCS]:
    """Bring two WCSs into the simplest form that keeps the map between their pixels.

    Parameters
    ----------
    source, target : `~astropy.wcs.WCS`
        Celestial WCSs.

    Returns
    -------
    tuple of `~astropy.wcs.WCS`
        Both linear, if they are undistorted tangent projections about the same point seen by the same observer: then
        the map is affine. Both with the names of their axes replaced by right ascension and
        declination, if the observer is the same: then nothing but projections lies between them. Else as they are,
        for sunpy to see to the observers.

    Raises
    ------
    HeaderError
        If the axes or the observers differ and sunpy is not installed.
    """
    if _same_frame(source, target) and _same_observer(source, target):
        if is_affine(source, target):
            return _linear(source), _linear(target)
        return _frameless(source), _frameless(target)
    for what, wcs in (("image", source), ("target", target)):
        kinds = [str(kind)[:4] for kind in wcs.wcs.ctype]
        if not set(kinds) <= _SOLAR:
            raise HeaderError(f"the axes of the {what} are {' and '.join(kinds)}; those of the other are not")
    try:
        importlib.import_module("sunpy.coordinates")
    except ImportError as error:
        raise HeaderError(
            "image and target differ in their axes or in their observer, which needs sunpy: "
            'pip install "aia-ccdproc[sunpy]"'
        ) from error
    return source, _with_observer_of(source, target)


def is_affine(source: WCS, target: WCS) -> bool:
    """Tell whether the map between the pixels of two WCSs in one frame is exactly affine.

    Parameters
    ----------
    source, target : `~astropy.wcs.WCS`
        Celestial WCSs.

    Returns
    -------
    bool
        True for tangent projections about the same point, with the same LONPOLE, no PV and no distortion. LATPOLE is of
        no matter: the pole of a tangent projection is its reference point.
    """
    return all(_is_tangent(wcs) for wcs in (source, target)) and all(
        np.allclose(a, b, rtol=0, atol=1e-12)
        for a, b in [
            (source.wcs.crval, target.wcs.crval),
            (source.wcs.lonpole, target.wcs.lonpole),
        ]
    )


def _is_tangent(wcs: WCS) -> bool:
    """Tell whether a WCS is an undistorted tangent projection."""
    distortions = (wcs.sip, wcs.cpdis1, wcs.cpdis2, wcs.det2im1, wcs.det2im2)
    if any(distortion is not None for distortion in distortions) or wcs.wcs.get_pv():
        return False
    if [str(kind)[-4:] for kind in wcs.wcs.ctype] != ["-TAN", "-TAN"]:
        return False
    # wcslib says TAN for TPV too, and takes in distortions of many kinds (DQi, CPDIS), of which astropy shows nothing.
    plain = _linear(wcs)
    plain.wcs.ctype, plain.wcs.crval, plain.wcs.lonpole = wcs.wcs.ctype, wcs.wcs.crval, wcs.wcs.lonpole
    pixels = wcs.wcs.crpix + 1000 * np.array([(2, 1), (-1, 2), (-2, -1.5), (1.5, -2), (0.3, 0.2)])
    apart = wcs.wcs_pix2world(pixels, 1) - plain.wcs_pix2world(pixels, 1)
    return bool(np.all(np.abs((apart + 180) % 360 - 180) < 1e-10))


def _same_frame(source: WCS, target: WCS) -> bool:
    return [str(kind)[:4] for kind in source.wcs.ctype] == [str(kind)[:4] for kind in target.wcs.ctype]


def _same_observer(source: WCS, target: WCS) -> bool:
    """Compare the observers; a WCS that names none is seen by the other's."""
    views = [wcs.wcs.aux for wcs in (source, target)]
    positions = [(view.dsun_obs, view.hgln_obs, view.hglt_obs) for view in views]
    if any(None in position for position in positions):
        return True
    (distance, longitude, latitude), (distance2, longitude2, latitude2) = positions
    radius = 6.957e8 / distance * math.degrees(1) * 3600
    moved = math.radians(math.hypot((longitude2 - longitude) * math.cos(math.radians(latitude)), latitude2 - latitude))
    return radius * max(moved, abs(distance2 / distance - 1)) < _SAME_VIEW


def _linear(wcs: WCS) -> WCS:
    linear = WCS(naxis=2)
    linear.wcs.crpix = wcs.wcs.crpix
    linear.wcs.cdelt = [1, 1]
    linear.wcs.pc = wcs.pixel_scale_matrix
    linear.wcs.cunit = ["deg", "deg"]
    return linear


def _frameless(wcs: WCS) -> WCS:
    renamed = wcs.deepcopy()
    names = {"HPLN": "RA--", "HPLT": "DEC-"}
    renamed.wcs.ctype = [names.get(str(kind)[:4], str(kind)[:4]) + str(kind)[4:] for kind in wcs.wcs.ctype]
    return renamed


def _with_observer_of(source: WCS, target: WCS) -> WCS:
    if target.wcs.aux.dsun_obs is not None and target.wcs.dateobs:
        return target
    placed = target.deepcopy()
    placed.wcs.dateobs = placed.wcs.dateobs or source.wcs.dateobs
    if placed.wcs.aux.dsun_obs is None:
        for name in ("dsun_obs", "hgln_obs", "hglt_obs", "rsun_ref", "crln_obs"):
            setattr(placed.wcs.aux, name, getattr(source.wcs.aux, name))
    return placed


def pixel_area_ratio(source: WCS, target: WCS, shape: tuple[int, int]) -> float | np.ndarray:
    """Tell how many pixels of one grid fit into a pixel of another.

    Parameters
    ----------
    source, target : `~astropy.wcs.WCS`
        As `wcs_pair` gives them.
    shape : tuple of int
        Rows and columns of the target.

    Returns
    -------
    float or `~numpy.ndarray`
        Target area over source area; one number where the map is affine, else of the target's shape, from
        finite differences on every 64th pixel, or on all if some of these see nothing.
    """
    if not source.has_celestial:
        matrices = (np.linalg.det(wcs.pixel_scale_matrix) for wcs in (target, source))
        return float(abs(next(matrices) / next(matrices)))
    rows, columns = (np.linspace(0, n - 1, max(2, n // 64)) for n in shape)
    coarse = _area_ratio(source, target, *np.meshgrid(rows, columns, indexing="ij"))
    if not np.isfinite(coarse).all():  # a limb lies between the positions, beyond which nothing is seen
        return _area_ratio(source, target, *np.indices(shape, dtype=float))
    steps = np.meshgrid(*(np.linspace(0, n - 1, m) for n, m in zip(coarse.shape, shape, strict=True)), indexing="ij")
    return ndimage.map_coordinates(coarse, steps, order=1)


def _area_ratio(source: WCS, target: WCS, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    right, up = (
        np.subtract(
            pixel_to_pixel(target, source, x + dx / 2, y + dy / 2),
            pixel_to_pixel(target, source, x - dx / 2, y - dy / 2),
        )
        for dx, dy in ((1, 0), (0, 1))
    )
    return np.abs(right[0] * up[1] - right[1] * up[0])
