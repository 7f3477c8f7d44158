"""The header of a registered image."""

from __future__ import annotations

import math
import re

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

from aia_ccdproc.images.card_filter import without_cards
from aia_ccdproc.images.geometry import wcs_geometry
from aia_ccdproc.images.geometry_keywords import update_geometry_keywords
from aia_ccdproc.images.statistics import is_statistics_card
from aia_ccdproc.images.times import EXPOSURE_TIME_KEYWORD
from aia_ccdproc.images.values import as_number, finite_number
from aia_ccdproc.images.wcs import geometry_cards
from aia_ccdproc.images.wcs_cards import RSUN_METERS, is_geometry_card
from aia_ccdproc.steps.grids import Grid

__all__ = ["registered_header"]

#: Cards with the position or velocity of the observer, in every frame that sunpy reads.
_OBSERVER_CARD = re.compile(r"(HAE|GAE|HEE|HEQ|HCIEC_|GCIEC_)[XYZ](_OBS)?$|OBS_V[RWN]$|(HG|CR)L[NT]_OBS$|CAR_ROT$")


def registered_header(header: fits.Header, wcs: WCS, grid: Grid) -> fits.Header:
    """Return the header of a registered image, with the keywords that SSW's aia_prep and JSOC's module write.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        Complete header of the image; not changed.
    wcs : `~astropy.wcs.WCS`
        WCS of the image.
    grid : `~aia_ccdproc.steps.grids.Grid`
        The grid of the result.

    Returns
    -------
    `~astropy.io.fits.Header`
        New header.
    """
    registered = without_cards(header, is_statistics_card, lambda card: is_geometry_card(card.keyword))
    registered["NAXIS2"], registered["NAXIS1"] = grid.shape
    registered.extend(_with_crota2(geometry_cards(grid.wcs)), update=True)
    if grid.observer is not None:
        registered = _with_observer(registered, grid.observer)
    if grid.time is not None:
        registered = _with_time(registered, grid.time)
    registered["XCEN"] = registered["YCEN"] = 0.0  # computed below
    if as_number(registered.get("RSUN_OBS")) is not None:
        registered.setdefault("R_SUN", 0.0)
    before = wcs_geometry(wcs) if grid.observer is None else None  # another observer sees a Sun of another size
    update_geometry_keywords(registered, grid.wcs, grid.shape, "resampling", before)
    registered["LVL_NUM"] = 1.5
    return registered


def _with_observer(header: fits.Header, observer: fits.Header) -> fits.Header:
    """Return a header with the position of another observer. The times of the exposure are kept."""
    moved = without_cards(header, lambda card: _OBSERVER_CARD.match(card.keyword) is not None, share=True)
    moved.update(observer)
    if "RSUN_OBS" in moved and "DSUN_OBS" in observer:
        radius = finite_number(moved, "RSUN_REF") if "RSUN_REF" in moved else RSUN_METERS
        moved["RSUN_OBS"] = math.degrees(math.asin(radius / finite_number(observer, "DSUN_OBS"))) * 3600
    return moved


def _with_time(header: fits.Header, time: str) -> fits.Header:
    """Return a header with the time of its WCS. The times of the exposure are kept."""
    dated = header.copy()
    if "T_OBS" in dated:
        # sunpy reads the time of an AIA or HMI image from T_OBS, before DATE-AVG.
        dated.rename_keyword("T_OBS", EXPOSURE_TIME_KEYWORD)
    dated.remove("MJD-AVG", ignore_missing=True)
    dated["DATE-AVG"] = (time, "Time of the WCS, not of the exposure")
    return dated


def _with_crota2(cards: fits.Header) -> fits.Header:
    """Replace a PC matrix that is the identity by CROTA2 = 0, as in JSOC's level-1.5 files."""
    matrix = [cards.pop(f"PC{i}_{j}") for i in (1, 2) for j in (1, 2)]
    if np.allclose(matrix, [1, 0, 0, 1], rtol=0, atol=1e-14):
        cards["CROTA2"] = (0.0, "[deg] Roll angle")
    else:
        for (i, j), value in zip([(1, 1), (1, 2), (2, 1), (2, 2)], matrix, strict=True):
            cards[f"PC{i}_{j}"] = value
    return cards
