"""Grids onto which an image is registered, and those that the user gives."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from astropy.io import fits
from astropy.nddata import CCDData
from astropy.wcs import WCS

from aia_ccdproc.errors import HeaderError, warn_user
from aia_ccdproc.images.files import cache_until_modified
from aia_ccdproc.images.fits_file import read_header
from aia_ccdproc.images.header import complete_header, image_wcs
from aia_ccdproc.images.wcs import position_cards, wcs_from_header
from aia_ccdproc.io import add_missing_unit
from aia_ccdproc.steps.settings import Rotation
from aia_ccdproc.steps.views import (
    has_observer,
    same_time,
    stonyhurst_longitude,
    wcs_time,
)
from aia_ccdproc.steps.wcs_pair import same_view

__all__ = ["Grid", "target_grid"]


class Grid(NamedTuple):
    """A rectangle of pixels on the sky."""

    wcs: WCS
    shape: tuple[int, int]
    observer: fits.Header | None = None
    """Cards with the position of the grid's observer; None if it is that of the image."""
    time: str | None = None
    """Time for which the grid holds; None if it is that of the image."""
    sampling: int = 1
    """Positions along each side of a pixel at which the image is resampled. Their values are averaged."""

    @property
    def sampled_shape(self) -> tuple[int, int]:
        """The shape of all positions.

        Returns
        -------
        tuple of int
            Rows and columns, times the sampling.
        """
        return (self.shape[0] * self.sampling, self.shape[1] * self.sampling)

    @property
    def sampled_wcs(self) -> WCS:
        """The WCS of all positions.

        Returns
        -------
        `~astropy.wcs.WCS`
            A WCS whose pixels are parts of the pixels of the grid; `wcs` itself without sampling.
        """
        if self.sampling == 1:
            return self.wcs
        wcs = self.wcs.deepcopy()
        wcs.wcs.cdelt = wcs.wcs.cdelt / self.sampling
        wcs.wcs.crpix = (wcs.wcs.crpix - 0.5) * self.sampling + 0.5
        return wcs


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
