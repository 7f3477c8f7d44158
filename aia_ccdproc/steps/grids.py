"""Grids onto which an image is registered: that of level 1.5, or one that the user gives."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from astropy.io import fits
from astropy.nddata import CCDData
from astropy.wcs import WCS
from astropy.wcs.utils import pixel_to_pixel

from aia_ccdproc.errors import HeaderError, warn_user
from aia_ccdproc.images.files import cache_until_modified
from aia_ccdproc.images.fits_file import read_header
from aia_ccdproc.images.header import complete_header, image_wcs
from aia_ccdproc.images.level15 import LEVEL15_SCALE, LEVEL15_SHAPE
from aia_ccdproc.images.wcs import plate_scale, position_cards, wcs_from_header
from aia_ccdproc.io import add_missing_unit
from aia_ccdproc.plugin.instrument import Instrument
from aia_ccdproc.steps.settings import Rotation
from aia_ccdproc.steps.views import (
    copy_position,
    has_observer,
    same_time,
    stonyhurst_longitude,
    wcs_time,
)
from aia_ccdproc.steps.wcs_pair import same_view, wcs_pair

__all__ = ["Grid", "level15_grid", "target_grid"]

#: No image of the Sun is farther than this from the corner of the level-1.5 full frame.
_MAX_DISTANCE_PIXELS = 2**20
#: End of the messages about images that have no level-1.5 grid.
_GIVE_TARGET = "Give the grid to register onto: target="


class Grid(NamedTuple):
    """A rectangle of pixels on the sky."""

    wcs: WCS
    shape: tuple[int, int]
    observer: fits.Header | None = None
    """Cards with the position of the grid's observer; None if it is that of the image."""
    time: str | None = None
    """Time for which the grid holds; None if it is that of the image."""


def level15_grid(shape: tuple[int, int], wcs: WCS, instrument: Instrument) -> Grid:
    """Return the level-1.5 grid that covers an image.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of the image.
    wcs : `~astropy.wcs.WCS`
        WCS of the image; not changed.
    instrument : `~aia_ccdproc.Instrument`
        Its instrument.

    Returns
    -------
    `Grid`
        For a cutout, the part of the level-1.5 grid that covers it. Otherwise, and if the size of the full frame is not
        known, the whole level-1.5 grid.

    Raises
    ------
    HeaderError
        If the plate scale is not a whole multiple of the instrument's, if the image is not helioprojective, or if it is
        far from the Sun.
    """
    binning = _binning(shape, wcs, instrument)
    full_shape = (LEVEL15_SHAPE[0] // binning, LEVEL15_SHAPE[1] // binning)
    crpix = [(full_shape[1] + 1) / 2, (full_shape[0] + 1) / 2]
    full = _north_up_wcs(wcs, crpix, LEVEL15_SCALE * binning)
    corners = np.array([(x, y) for x in (-0.5, shape[1] - 0.5) for y in (-0.5, shape[0] - 0.5)])
    corner_x, corner_y = pixel_to_pixel(*wcs_pair(wcs, full), corners[:, 0], corners[:, 1])
    if not (np.isfinite(corner_x).all() and np.isfinite(corner_y).all()):
        raise HeaderError(f"a corner of the image is outside the projection. {_GIVE_TARGET}")
    # With half a millionth of a pixel, rounding errors do not enlarge a cutout that is already on the grid.
    left, bottom = (math.floor(v.min() + 0.5 + 5e-7) for v in (corner_x, corner_y))
    right, top = (math.ceil(v.max() + 0.5 - 5e-7) for v in (corner_x, corner_y))
    most = 4 * max(shape) * max(1, plate_scale(wcs) / (LEVEL15_SCALE * binning))
    far = max(abs(corner) for corner in (left, right, bottom, top)) > _MAX_DISTANCE_PIXELS
    far = far or not (0 < right - left < most and 0 < top - bottom < most)
    is_cutout = instrument.shape is not None and shape != tuple(n // binning for n in instrument.shape)
    if far or not (is_cutout or (left < full_shape[1] and right > 0 and bottom < full_shape[0] and top > 0)):
        (x, y), (longitude, latitude) = wcs.wcs.crpix, wcs.wcs.crval
        at = f" and CRVAL ({longitude:g}, {latitude:g})" if wcs.wcs.crval.any() else ""
        raise HeaderError(f"CRPIX is ({x:g}, {y:g}){at}, which puts the image far from the Sun. Correct it")
    if not is_cutout:
        return Grid(full, full_shape)
    cutout = _north_up_wcs(wcs, [crpix[0] - left, crpix[1] - bottom], LEVEL15_SCALE * binning)
    return Grid(cutout, (top - bottom, right - left))


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


def target_grid(target: Any, source: WCS, rotation: Rotation = "off") -> Grid:
    """Return the grid that a user gives.

    Parameters
    ----------
    target : `~astropy.wcs.WCS`, `~astropy.io.fits.Header`, image, or path
        A WCS with ``array_shape``; a header with NAXIS1 and NAXIS2; a CCDData, a sunpy Map or any other image with
        ``wcs`` and ``data``; or the path of a FITS image of any instrument.
    source : `~astropy.wcs.WCS`
        WCS of the image that will be registered.
    rotation : {"off", "differential"}
        How the Sun rotates between the times of image and target.

    Returns
    -------
    `Grid`
        The grid.

    Raises
    ------
    HeaderError
        If the target is none of these or has no shape.
    """
    wcs = _target_wcs(target)
    if any(table is not None for table in (wcs.cpdis1, wcs.cpdis2, wcs.det2im1, wcs.det2im2)):
        raise HeaderError("the target has distortion tables, which the header of the result cannot contain")
    if wcs.array_shape is None:
        raise HeaderError("the target has no shape. Set array_shape of the WCS, or NAXIS1 and NAXIS2 of the header")
    rows, columns = wcs.array_shape
    if rows < 1 or columns < 1:
        raise HeaderError(f"the target has {columns} x {rows} pixels; at least one is needed")
    shape = (int(rows), int(columns))
    if same_view(source, wcs, rotation):
        return Grid(wcs, shape)
    time = None if same_time(source, wcs, rotation) else wcs_time(wcs)
    return Grid(wcs, shape, _observer_cards(source, wcs, time), time)


def _observer_cards(source: WCS, target: WCS, time: str | None) -> fits.Header | None:
    """Return the position of the observer of a target that has another view than the image."""
    seen_by = target if has_observer(target) else source
    if not has_observer(seen_by):
        return None
    cards = position_cards(seen_by)
    cards["HGLN_OBS"] = stonyhurst_longitude(seen_by)
    cards["CRLT_OBS"] = seen_by.wcs.aux.hglt_obs
    if seen_by is source and time is not None:
        cards.remove("CRLN_OBS", ignore_missing=True)  # the Sun has rotated since
    return cards


def _target_wcs(target: Any) -> WCS:
    if isinstance(target, str | os.PathLike):
        path = Path(target)
        try:
            target = _read_header(path)
        except OSError as error:
            raise HeaderError(f"target {path}: cannot be read ({error.strerror})") from None
    if isinstance(target, fits.Header):
        wcs: Any = _header_wcs(target)
    elif isinstance(target, WCS):
        wcs = target
    elif hasattr(target, "wcs") and hasattr(target, "data"):
        wcs = image_wcs(target, complete_header(target)) if isinstance(target, CCDData) else target.wcs
        if isinstance(wcs, WCS):
            wcs = wcs.deepcopy()
            wcs.array_shape = np.shape(target.data)
    else:
        wcs = target
    if not isinstance(wcs, WCS) or not wcs.has_celestial or wcs.naxis != 2:
        raise HeaderError(
            f"the target is a {type(wcs).__name__}; a celestial WCS, a header, an image or a path is needed"
        )
    return wcs


def _header_wcs(header: fits.Header) -> WCS:
    """Return the WCS of a header. CUNIT may be missing, as in the header of an image."""
    header = header.copy()
    assumed = add_missing_unit(header)
    if assumed is not None:
        warn_user(f"target: {assumed}")
    return wcs_from_header(header)


_read_header = cache_until_modified(files=8)(read_header)
