"""The grid of level 1.5, and fields of view on it."""

from __future__ import annotations

import math

import numpy as np
from astropy.wcs import WCS
from astropy.wcs.utils import pixel_to_pixel

from aia_ccdproc.errors import HeaderError
from aia_ccdproc.images.level15 import LEVEL15_SCALE, LEVEL15_SHAPE
from aia_ccdproc.images.wcs import plate_scale
from aia_ccdproc.plugin.instrument import Instrument
from aia_ccdproc.steps.grids import Grid
from aia_ccdproc.steps.settings import FieldOfView
from aia_ccdproc.steps.tracking import tracked_position
from aia_ccdproc.steps.views import copy_position
from aia_ccdproc.steps.wcs_pair import wcs_pair

__all__ = ["level15_grid"]

#: No image of the Sun is farther than this from the corner of the level-1.5 full frame.
_MAX_DISTANCE_PIXELS = 2**20
#: A position this close to the border of a pixel is on the border: a cutout that is on the grid is not enlarged.
_ROUNDING_PIXELS = 5e-7
#: End of the messages about images that have no level-1.5 grid.
_GIVE_TARGET = "Give the grid to register onto: target="


def level15_grid(
    shape: tuple[int, int],
    wcs: WCS,
    instrument: Instrument,
    scale: float | None = None,
    field: FieldOfView | None = None,
) -> Grid:
    """Return the level-1.5 grid that covers an image, or a field of view on it.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of the image.
    wcs : `~astropy.wcs.WCS`
        WCS of the image; not changed.
    instrument : `~aia_ccdproc.Instrument`
        Its instrument.
    scale : float, optional
        Plate scale of the grid in arcsec, a multiple of 0.6. By default, that of level 1.5 times the binning of the
        image.
    field : `~aia_ccdproc.steps.settings.FieldOfView`, optional
        The part of the grid that is wanted, whatever the image covers.

    Returns
    -------
    `Grid`
        The field of view, if one is given. For a cutout, the part of the level-1.5 grid that covers it. Otherwise, and
        if the size of the full frame is not known, the whole level-1.5 grid.

    Raises
    ------
    HeaderError
        If the plate scale is not a whole multiple of the instrument's, or does not divide ``scale``; if the image is
        not helioprojective; or if it is far from the Sun.
    """
    binning = _binning(shape, wcs, instrument)
    full = _binned_frame(wcs, binning) if scale is None else _coarse_frame(wcs, binning, scale)
    if field is not None:
        return _field_of_view(full, wcs, field)
    is_cutout = instrument.shape is not None and shape != tuple(n // binning for n in instrument.shape)
    part = _covering_part(full, shape, wcs, is_cutout)
    return part if is_cutout else full


def _binned_frame(wcs: WCS, binning: int) -> Grid:
    """Return the full frame of level 1.5, with pixels as large as those of a binned image."""
    shape = (LEVEL15_SHAPE[0] // binning, LEVEL15_SHAPE[1] // binning)
    return Grid(_north_up_wcs(wcs, [(shape[1] + 1) / 2, (shape[0] + 1) / 2], LEVEL15_SCALE * binning), shape)


def _coarse_frame(wcs: WCS, binning: int, scale: float) -> Grid:
    """Return the full frame with a given plate scale. The center of the Sun is at a corner of a pixel."""
    pixels = round(scale / LEVEL15_SCALE)
    if pixels % binning:
        raise HeaderError(
            f"an image binned {binning} x {binning} cannot be averaged to pixels of {scale:g} arcsec, which are not a "
            f"whole multiple of {LEVEL15_SCALE * binning:g} arcsec. Give another plate_scale"
        )
    half = [side // 2 // pixels for side in LEVEL15_SHAPE]
    frame = _north_up_wcs(wcs, [half[1] + 0.5, half[0] + 0.5], LEVEL15_SCALE * pixels)
    return Grid(frame, (2 * half[0], 2 * half[1]), sampling=pixels // binning)


def _field_of_view(full: Grid, wcs: WCS, field: FieldOfView) -> Grid:
    """Return a field of view. Its pixels are those of the full frame, unless it follows the rotation of the Sun."""
    scale, crpix = _scale(full), full.wcs.wcs.crpix
    columns, rows = (_round(side / scale) for side in field.size)
    if min(columns, rows) < 1:
        raise HeaderError(
            f"a field of view of {field.size[0]:g} x {field.size[1]:g} arcsec is smaller than a pixel of {scale:g} "
            "arcsec. Give a larger size"
        )
    first = [
        _round(middle / scale + pixel - 0.5 - count / 2)
        for middle, pixel, count in zip(field.center, crpix, (columns, rows), strict=True)
    ]
    moved = np.zeros(2)
    if field.track is not None:
        moved = np.subtract(tracked_position(field.center, field.track, wcs), field.center) / scale
    corner = _north_up_wcs(wcs, [float(v) for v in crpix - first - moved], scale)
    return full._replace(wcs=corner, shape=(rows, columns))


def _scale(grid: Grid) -> float:
    """Return the plate scale of a level-1.5 grid in arcsec, without the rounding error of degrees."""
    return round(plate_scale(grid.wcs), 9)


def _round(pixels: float) -> int:
    """Round to the nearest integer. A half is rounded up, also if rounding errors made it smaller."""
    return math.floor(pixels + 0.5 + _ROUNDING_PIXELS)


def _covering_part(full: Grid, shape: tuple[int, int], wcs: WCS, is_cutout: bool) -> Grid:
    """Return the part of the grid that covers an image. Refuse an image far from the Sun."""
    corners = np.array([(x, y) for x in (-0.5, shape[1] - 0.5) for y in (-0.5, shape[0] - 0.5)])
    corner_x, corner_y = pixel_to_pixel(*wcs_pair(wcs, full.wcs), corners[:, 0], corners[:, 1])
    if not (np.isfinite(corner_x).all() and np.isfinite(corner_y).all()):
        raise HeaderError(f"a corner of the image is outside the projection. {_GIVE_TARGET}")
    left, bottom = (math.floor(v.min() + 0.5 + _ROUNDING_PIXELS) for v in (corner_x, corner_y))
    right, top = (math.ceil(v.max() + 0.5 - _ROUNDING_PIXELS) for v in (corner_x, corner_y))
    scale, crpix = _scale(full), full.wcs.wcs.crpix
    most = 4 * max(shape) * max(1, plate_scale(wcs) / scale)
    far = max(abs(corner) for corner in (left, right, bottom, top)) > _MAX_DISTANCE_PIXELS
    far = far or not (0 < right - left < most and 0 < top - bottom < most)
    if far or not (is_cutout or (left < full.shape[1] and right > 0 and bottom < full.shape[0] and top > 0)):
        (x, y), (longitude, latitude) = wcs.wcs.crpix, wcs.wcs.crval
        at = f" and CRVAL ({longitude:g}, {latitude:g})" if wcs.wcs.crval.any() else ""
        raise HeaderError(f"CRPIX is ({x:g}, {y:g}){at}, which puts the image far from the Sun. Correct it")
    part = _north_up_wcs(wcs, [crpix[0] - left, crpix[1] - bottom], scale)
    return full._replace(wcs=part, shape=(top - bottom, right - left))


def _binning(shape: tuple[int, int], wcs: WCS, instrument: Instrument) -> int:
    """Compute the binning of an image. Refuse an image that has no level-1.5 grid."""
    if [str(kind)[:4] for kind in wcs.wcs.ctype] != ["HPLN", "HPLT"]:
        raise HeaderError(f"the axes are {' and '.join(wcs.wcs.ctype)}, not HPLN and HPLT. {_GIVE_TARGET}")
    sides = np.hypot(*wcs.pixel_scale_matrix)
    if abs(sides[0] / sides[1] - 1) > 0.01:
        raise HeaderError(
            f"the pixels are not square ({sides[0] * 3600:.4g} x {sides[1] * 3600:.4g} arcsec). {_GIVE_TARGET}"
        )
    scale = plate_scale(wcs)
    binning = instrument.binning(scale, shape)
    if not binning and instrument.binning(scale):
        raise HeaderError(
            f"an image of {shape[1]}x{shape[0]} pixels of {scale:.4g} arcsec is larger than the frame of "
            f"{instrument.name}. Check CUNIT, which means degrees if it is missing, and CDELT"
        )
    if not binning:
        raise HeaderError(
            f"the plate scale of {scale:.4g} arcsec is not a whole multiple of that of {instrument.name}, "
            f"{instrument.plate_scale:g} arcsec. {_GIVE_TARGET}"
        )
    return binning


def _north_up_wcs(wcs: WCS, crpix: list[float], scale: float) -> WCS:
    """Make a WCS with north up and the center of the Sun at CRPIX, for the observer of another WCS."""
    north_up = WCS(naxis=2)
    north_up.wcs.ctype = ["HPLN-TAN", "HPLT-TAN"]
    north_up.wcs.cunit = ["arcsec", "arcsec"]
    north_up.wcs.cdelt = [scale, scale]
    north_up.wcs.crpix = crpix
    north_up.wcs.dateobs, north_up.wcs.dateavg = wcs.wcs.dateobs, wcs.wcs.dateavg
    copy_position(wcs, north_up)
    north_up.wcs.set()
    return north_up
