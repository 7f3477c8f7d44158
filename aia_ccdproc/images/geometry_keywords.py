"""The keywords that depend on the geometry of an image and are not part of its WCS: which exist, and what updates them.

`GEOMETRY_KEYWORDS` is the only list. `~aia_ccdproc.images.complete_header`, `~aia_ccdproc.images.with_header`,
registration, `~aia_ccdproc.write` and the contract of steps use it.
"""

from __future__ import annotations

import math
import re
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

from aia_ccdproc.images.card_filter import without_cards
from aia_ccdproc.images.geometry import Geometry, wcs_geometry
from aia_ccdproc.images.values import as_number

__all__ = [
    "GEOMETRY_KEYWORDS",
    "Change",
    "GeometryKeywords",
    "geometry_change",
    "image_center_cards",
    "stale_keywords",
    "update_geometry_keywords",
    "without_geometry_keywords",
]

#: What happened to the geometry of an image.
#:
#: - ``"section"``: pixels were cut off; those that are left have their position.
#: - ``"pointing"``: the pixels are the same, and have other positions.
#: - ``"resampling"``: anything else.
Change: TypeAlias = Literal["section", "pointing", "resampling"]


class GeometryKeywords(NamedTuple):
    """Keywords that depend on the geometry of an image in the same way."""

    meaning: str
    """What they contain."""
    pattern: re.Pattern[str]
    """Matches the keywords."""
    kept: tuple[Change, ...] = ()
    """Changes after which the values are still true. After other changes the keywords are removed."""
    computed: bool = False
    """Whether the values are computed from the new WCS instead of being removed."""
    shifted: bool = False
    """Whether the reference pixel is shifted in a section, which keeps the values true."""


_LETTER = "[A-Z]"
#: The keywords of an alternate WCS (FITS paper I, table 2), without its letter.
_WCS_NAMES = (
    r"WCSAXES|WCSNAME|(CTYPE|CUNIT|CRPIX|CRVAL|CDELT|CROTA|CNAME|CRDER|CSYER)\d|(PC|CD)\d_\d|(PV|PS)\d_\d+|LONPOLE"
    r"|LATPOLE|RADESYS|EQUINOX|SPECSYS|SSYSOBS|SSYSSRC|VELOSYS|VELANGL|ZSOURCE|RESTFRQ|RESTWAV"
)

GEOMETRY_KEYWORDS = (
    GeometryKeywords("position of the middle of the image", re.compile(r"[XY]CEN$"), computed=True),
    GeometryKeywords(
        "radius of the Sun in pixels, as AIA names it", re.compile(r"R_SUN$"), ("section",), computed=True
    ),
    GeometryKeywords("alternate WCS", re.compile(rf"({_WCS_NAMES}){_LETTER}$"), shifted=True),
    GeometryKeywords(
        "pixel of the center of the Sun, or size of the field of view",
        re.compile(r"(CENTER_[XY]|CENTERX|CENTERY|[XY]0|FNDLMB[XY]C|FOV_?[XY])$"),
    ),
    GeometryKeywords(
        "errors of coordinates, plate scale, or radius of the Sun in pixels",
        re.compile(
            r"(CRDER\d|CSYS?ER\d|PIXSCAL\w?|PIXSCALE|PLATESCL|[XY]SCALE|IM_SCALE|SOLAR_R|CROP_RAD|DIAM_SUN|R0"
            r"|FNDLMBM[AI])$"
        ),
        ("section",),
    ),
    GeometryKeywords(
        "part of the detector from which the pixels come",
        re.compile(
            r"(DSTART\d|DSTOP\d|[PR][12](COL|ROW)|PX(BEG|END)\d|(BIAS|TRIM|DATA|CCD|DET|AMP)SEC|[LD]TV\d|[LD]TM\d_\d)$"
        ),
        ("pointing",),
    ),
)


def geometry_change(
    before: Geometry | None, shape_before: tuple[int, int] | None, wcs: WCS, shape: tuple[int, int]
) -> Change | None:
    """Find what has happened to the geometry of an image.

    Parameters
    ----------
    before : `~aia_ccdproc.images.geometry.Geometry` or None
        Former geometry; None if it is not known.
    shape_before : tuple of int or None
        Former rows and columns; None if they are not known.
    wcs : `~astropy.wcs.WCS`
        Two-dimensional WCS of the image.
    shape : tuple of int
        Its rows and columns.

    Returns
    -------
    str or None
        ``"section"`` or ``"resampling"``; None if nothing is known to have changed.
    """
    now = wcs_geometry(wcs)
    if shape_before in (None, shape):
        return None if before is None or before.is_close(now) else "resampling"
    return "section" if before is not None and before.is_close(now, shifted=True) else "resampling"


def update_geometry_keywords(
    header: fits.Header, wcs: WCS, shape: tuple[int, int], change: Change | None, before: Geometry | None
) -> None:
    """Update the keywords that depend on the geometry of an image after a change.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        Header with the keywords of the former geometry; changed in place.
    wcs : `~astropy.wcs.WCS`
        Two-dimensional WCS of the image.
    shape : tuple of int
        Its rows and columns.
    change : {"section", "pointing", "resampling"} or None
        What has happened. If this is None, XCEN, YCEN and R_SUN are computed, and nothing else is changed.
    before : `~aia_ccdproc.images.geometry.Geometry` or None
        Former geometry, if it is known.
    """
    for keyword, group in _dependent(header):
        if change is None or change in group.kept or group.computed:
            continue
        if group.shifted and change == "section" and before is not None:
            _shift(header, keyword, wcs_geometry(wcs).crpix - before.crpix)
        else:
            header.remove(keyword, ignore_missing=True, remove_all=True)
    _compute(header, wcs, shape, change, before)


def stale_keywords(
    before: fits.Header, before_wcs: WCS, after: fits.Header, wcs: WCS, shape: tuple[int, int]
) -> dict[str, str]:
    """Find keywords whose values belong to a former geometry of an image.

    Parameters
    ----------
    before : `~astropy.io.fits.Header`
        Complete former header.
    before_wcs : `~astropy.wcs.WCS`
        Former WCS.
    after : `~astropy.io.fits.Header`
        Present header.
    wcs : `~astropy.wcs.WCS`
        Present WCS.
    shape : tuple of int
        Present rows and columns.

    Returns
    -------
    dict of str to str
        What is wrong, by keyword.
    """
    former, former_shape = wcs_geometry(before_wcs), (before["NAXIS2"], before["NAXIS1"])
    change = geometry_change(former, former_shape, wcs, shape)
    if change is None:
        return {}
    expected = before.copy()
    if "RSUN_OBS" in after:
        expected["RSUN_OBS"] = after["RSUN_OBS"]
    update_geometry_keywords(expected, wcs, shape, change, former)
    stale = {}
    for keyword, group in _dependent(after):
        value = after[keyword]
        if keyword in expected:
            if not _is_close(value, expected[keyword]):
                stale[keyword] = f"is {value!r} and should be {expected[keyword]!r}"
        elif value == before.get(keyword) and not (shape == former_shape and "pointing" in group.kept):
            stale[keyword] = f"is still {value!r}"
    return stale


def _is_close(value: object, expected: object) -> bool:
    first, second = as_number(value), as_number(expected)
    if first is None or second is None:
        return value == expected
    return math.isclose(first, second, rel_tol=1e-6, abs_tol=1e-4)


def without_geometry_keywords(header: fits.Header) -> fits.Header:
    """Copy a header without the keywords that depend on the geometry of the image and are not part of its WCS.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        The header; not changed.

    Returns
    -------
    `~astropy.io.fits.Header`
        The copy.
    """
    dependent = {keyword for keyword, _ in _dependent(header)}
    return without_cards(header, lambda card: card.keyword in dependent)


def image_center_cards(wcs: WCS, shape: tuple[int, int]) -> fits.Header:
    """Compute the position of the middle of an image.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS`
        Two-dimensional celestial WCS.
    shape : tuple of int
        Rows and columns.

    Returns
    -------
    `~astropy.io.fits.Header`
        XCEN and YCEN in arcsec. Empty if the axes are not helioprojective, or the projection has no such point.
    """
    axes = [str(kind)[:4] for kind in wcs.wcs.ctype]
    if sorted(axes) != ["HPLN", "HPLT"]:
        return fits.Header()
    position = np.ravel(wcs.all_pix2world([[(shape[1] + 1) / 2, (shape[0] + 1) / 2]], 1))
    if not np.isfinite(position).all():
        return fits.Header()
    x, y = (float(position[axes.index(axis)]) for axis in ("HPLN", "HPLT"))
    return fits.Header(
        [
            ("XCEN", round(((x + 180) % 360 - 180) * 3600, 6), "[arcsec] Center of the image, x"),
            ("YCEN", round(y * 3600, 6), "[arcsec] Center of the image, y"),
        ]
    )


def _dependent(header: fits.Header) -> list[tuple[str, GeometryKeywords]]:
    """Return the keywords of a header that depend on the geometry, and their groups."""
    found = []
    for keyword in dict.fromkeys(header.keys()):
        for group in GEOMETRY_KEYWORDS:
            if group.pattern.match(keyword):
                found.append((keyword, group))
                break
    return found


def _shift(header: fits.Header, keyword: str, shift: np.ndarray) -> None:
    """Shift the reference pixel of an alternate WCS."""
    if keyword.startswith(("CRPIX1", "CRPIX2")):
        number = as_number(header[keyword])
        if number is None:
            header.remove(keyword, ignore_missing=True)
        else:
            header[keyword] = number + float(shift[int(keyword[5]) - 1])


def _compute(
    header: fits.Header, wcs: WCS, shape: tuple[int, int], change: Change | None, before: Geometry | None
) -> None:
    """Compute XCEN, YCEN and R_SUN, if the header has them. Remove them if the WCS does not give them."""
    cards = image_center_cards(wcs, shape)
    if change != "section" and cards:
        radius, scale = as_number(header.get("RSUN_OBS")), wcs_geometry(wcs).plate_scale
        pixels = as_number(header.get("R_SUN"))
        if radius is not None:
            cards["R_SUN"] = radius / scale
        elif pixels is not None and before is not None:
            cards["R_SUN"] = pixels * before.plate_scale / scale
    for keyword in ("XCEN", "YCEN", "R_SUN"):
        if keyword not in header or (keyword == "R_SUN" and change == "section"):
            continue
        if keyword in cards:
            header[keyword] = (cards[keyword], cards.comments[keyword])
        else:
            header.remove(keyword, ignore_missing=True, remove_all=True)
