"""The map between the pixels of two WCSs, in the simplest form, and the ratio of their pixel areas."""

from __future__ import annotations

import numpy as np
import scipy  # its subpackages are imported at their first use
from astropy.wcs import WCS
from astropy.wcs.utils import pixel_to_pixel

from aia_ccdproc.errors import HeaderError
from aia_ccdproc.steps.settings import Rotation
from aia_ccdproc.steps.views import (
    SOLAR_AXES,
    copy_position,
    has_observer,
    import_sunpy,
    same_observer,
    same_time,
    visible_wcs,
    wcs_time,
)

__all__ = ["is_affine", "pixel_area_ratio", "same_view", "wcs_pair"]

#: Distance between the positions at which the area ratio of a celestial map is computed.
_AREA_STEP_PIXELS = 64


def wcs_pair(source: WCS, target: WCS, rotation: Rotation = "off") -> tuple[WCS, WCS]:
    """Return two WCSs in the simplest form that has the same map between their pixels.

    Parameters
    ----------
    source, target : `~astropy.wcs.WCS`
        Celestial WCSs; not changed.
    rotation : {"off", "differential"}
        How the Sun rotates between the times of the two.

    Returns
    -------
    tuple of `~astropy.wcs.WCS`
        - Two linear WCSs, if both are undistorted tangent projections about the same point, seen by the same observer
          at the same time. The map is then affine.
        - Two WCSs whose axes are named right ascension and declination, if the view is the same. The map then consists
          of projections only.
        - Otherwise the two WCSs, and sunpy transforms between the views. A position that the Sun hides from an observer
          has no pixel in the WCS of this observer.

    Raises
    ------
    HeaderError
        If axes or views differ and sunpy is not installed, or cannot transform between them.
    """
    if _axes(source) == _axes(target) and same_view(source, target, rotation):
        if is_affine(source, target):
            return _linear(source), _linear(target)
        return _frameless(source), _frameless(target)
    for what, wcs in (("image", source), ("target", target)):
        if not set(_axes(wcs)) <= SOLAR_AXES:
            raise HeaderError(
                f"the axes of the {what} are {' and '.join(_axes(wcs))}, which sunpy cannot transform to other axes"
            )
    import_sunpy("image and target differ in their axes or in their observer (position or time)")
    completed = _with_view_of(source, target, rotation)
    for what, wcs in (("image", source), ("target", completed)):
        if wcs_time(wcs) is None or ("HPLN" in _axes(wcs) and not has_observer(wcs)):
            raise HeaderError(
                f"image and target differ in their axes or in their observer, but the {what} has no "
                f"{'time' if wcs_time(wcs) is None else 'observer'}. Give DATE-OBS, DSUN_OBS, HGLN_OBS and HGLT_OBS"
            )
    return visible_wcs(source), visible_wcs(completed)


def same_view(source: WCS, target: WCS, rotation: Rotation = "off") -> bool:
    """Check whether two WCSs are seen by the same observer at the same time.

    Parameters
    ----------
    source, target : `~astropy.wcs.WCS`
        Celestial WCSs.
    rotation : {"off", "differential"}
        How the Sun rotates between the times of the two.

    Returns
    -------
    bool
        True if observer and time are the same. If one WCS has no observer or no time, it is assumed to have that of the
        other. Without an observer, the time of a helioprojective WCS has no effect, unless the Sun rotates.
    """
    if not same_observer(source, target):
        return False
    undefined = "HPLN" in _axes(target) and not (has_observer(source) and has_observer(target))
    return (rotation == "off" and undefined) or same_time(source, target, rotation)


def is_affine(source: WCS, target: WCS) -> bool:
    """Check whether the map between the pixels of two WCSs in the same frame is exactly affine.

    Parameters
    ----------
    source, target : `~astropy.wcs.WCS`
        Celestial WCSs.

    Returns
    -------
    bool
        True for tangent projections about the same point, with the same LONPOLE, without PV and without distortion.
        LATPOLE has no effect: the pole of a tangent projection is its reference point.
    """
    return all(_is_tangent(wcs) for wcs in (source, target)) and all(
        np.allclose(a, b, rtol=0, atol=1e-12)
        for a, b in [
            (source.wcs.crval, target.wcs.crval),
            (source.wcs.lonpole, target.wcs.lonpole),
        ]
    )


def _is_tangent(wcs: WCS) -> bool:
    """Check whether a WCS is an undistorted tangent projection."""
    distortions = (wcs.sip, wcs.cpdis1, wcs.cpdis2, wcs.det2im1, wcs.det2im2)
    if any(distortion is not None for distortion in distortions) or wcs.wcs.get_pv():
        return False
    if [str(kind)[-4:] for kind in wcs.wcs.ctype] != ["-TAN", "-TAN"]:
        return False
    # wcslib also reports TPV as TAN, and it applies other distortions (DQi, CPDIS) that astropy does not show.
    # Therefore some positions are compared with those of an undistorted projection.
    undistorted = _linear(wcs)
    undistorted.wcs.ctype, undistorted.wcs.crval = wcs.wcs.ctype, wcs.wcs.crval
    undistorted.wcs.lonpole = wcs.wcs.lonpole
    pixels = wcs.wcs.crpix + 1000 * np.array([(2, 1), (-1, 2), (-2, -1.5), (1.5, -2), (0.3, 0.2)])
    difference = wcs.wcs_pix2world(pixels, 1) - undistorted.wcs_pix2world(pixels, 1)
    return bool(np.all(np.abs((difference + 180) % 360 - 180) < 1e-10))


def _axes(wcs: WCS) -> list[str]:
    """Return the names of the axes without the projection: HPLN, HPLT."""
    return [str(kind)[:4] for kind in wcs.wcs.ctype]


def _linear(wcs: WCS) -> WCS:
    linear = WCS(naxis=2)
    linear.wcs.crpix = wcs.wcs.crpix
    linear.wcs.cdelt = [1, 1]
    linear.wcs.pc = wcs.pixel_scale_matrix
    linear.wcs.cunit = ["deg", "deg"]
    return linear


def _frameless(wcs: WCS) -> WCS:
    """Rename the axes to right ascension and declination, so that astropy does not need the observer."""
    renamed = wcs.deepcopy()
    names = {"HPLN": "RA--", "HPLT": "DEC-"}
    renamed.wcs.ctype = [names.get(str(kind)[:4], str(kind)[:4]) + str(kind)[4:] for kind in wcs.wcs.ctype]
    return renamed


def _with_view_of(source: WCS, target: WCS, rotation: Rotation) -> WCS:
    """Return the target, with the observer of the source if it has none, and with its time if it is the same."""
    completed = target.deepcopy()
    if same_time(source, target, rotation):
        for name in ("dateavg", "dateobs", "datebeg", "dateend"):
            setattr(completed.wcs, name, getattr(source.wcs, name))
    if not has_observer(completed):
        copy_position(source, completed)
    return completed


def pixel_area_ratio(source: WCS, target: WCS, shape: tuple[int, int]) -> float | np.ndarray:
    """Compute the area of the target's pixels in pixels of the source.

    Parameters
    ----------
    source, target : `~astropy.wcs.WCS`
        As `wcs_pair` returns them.
    shape : tuple of int
        Rows and columns of the target.

    Returns
    -------
    float or `~numpy.ndarray`
        Target area over source area. One number if the map is affine; otherwise an array of the target's shape. It is
        computed by finite differences at every 64th pixel, or at every pixel if some of these are not visible.
    """
    if not source.has_celestial:
        target_area, source_area = (np.linalg.det(wcs.pixel_scale_matrix) for wcs in (target, source))
        return float(abs(target_area / source_area))
    rows, columns = (np.linspace(0, n - 1, max(2, n // _AREA_STEP_PIXELS)) for n in shape)
    coarse = _area_ratio(source, target, *np.meshgrid(rows, columns, indexing="ij"))
    if not np.isfinite(coarse).all():  # the limb is between the positions; nothing is visible beyond it
        return _area_ratio(source, target, *np.indices(shape, dtype=float))
    steps = np.meshgrid(*(np.linspace(0, n - 1, m) for n, m in zip(coarse.shape, shape, strict=True)), indexing="ij")
    return np.asarray(scipy.ndimage.map_coordinates(coarse, steps, order=1))


def _area_ratio(source: WCS, target: WCS, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    right, up = (
        np.subtract(
            pixel_to_pixel(target, source, x + dx / 2, y + dy / 2),
            pixel_to_pixel(target, source, x - dx / 2, y - dy / 2),
        )
        for dx, dy in ((1, 0), (0, 1))
    )
    return np.asarray(np.abs(right[0] * up[1] - right[1] * up[0]))
