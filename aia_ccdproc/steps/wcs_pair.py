"""The map between the pixels of two WCSs, in the simplest form, and the ratio of their pixel areas."""

from __future__ import annotations

import importlib
import math

import numpy as np
from astropy.wcs import WCS
from astropy.wcs.utils import pixel_to_pixel
from scipy import ndimage

from aia_ccdproc.errors import HeaderError

__all__ = ["copy_position", "is_affine", "pixel_area_ratio", "same_observer", "wcs_pair"]

#: Names of the axes whose coordinate frames sunpy can transform into each other.
_SOLAR_AXES = {"HPLN", "HPLT", "HGLN", "HGLT", "CRLN", "CRLT"}
#: Two observers are the same if a feature at disk center moves by less than this between their views.
_SAME_VIEW_ARCSEC = 0.001
_RSUN_METERS = 6.957e8
#: Every n-th pixel at which the area ratio of a celestial map is computed.
_AREA_STEP = 64


def wcs_pair(source: WCS, target: WCS) -> tuple[WCS, WCS]:
    """Return two WCSs in the simplest form that has the same map between their pixels.

    Parameters
    ----------
    source, target : `~astropy.wcs.WCS`
        Celestial WCSs; not changed.

    Returns
    -------
    tuple of `~astropy.wcs.WCS`
        - Two linear WCSs, if both are undistorted tangent projections about the same point, seen by the same observer.
          The map is then affine.
        - Two WCSs whose axes are named right ascension and declination, if the observer is the same. The map then
          consists of projections only.
        - Otherwise the two WCSs, and sunpy transforms between the observers.

    Raises
    ------
    HeaderError
        If axes or observers differ and sunpy is not installed, or cannot transform between the axes.
    """
    if _axes(source) == _axes(target) and same_observer(source, target):
        if is_affine(source, target):
            return _linear(source), _linear(target)
        return _frameless(source), _frameless(target)
    for what, wcs in (("image", source), ("target", target)):
        if not set(_axes(wcs)) <= _SOLAR_AXES:
            raise HeaderError(
                f"the axes of the {what} are {' and '.join(_axes(wcs))}, which sunpy cannot transform to other axes"
            )
    try:
        importlib.import_module("sunpy.coordinates")
    except ImportError as error:
        raise HeaderError(
            "image and target differ in their axes or in their observer, and sunpy is not installed. "
            'Run pip install "aia-ccdproc[sunpy]"'
        ) from error
    return source, _with_observer_of(source, target)


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
    # wcslib also names TPV a TAN, and it applies other distortions (DQi, CPDIS) that astropy does not show. Therefore
    # some positions are compared with those of an undistorted projection.
    undistorted = _linear(wcs)
    undistorted.wcs.ctype, undistorted.wcs.crval = wcs.wcs.ctype, wcs.wcs.crval
    undistorted.wcs.lonpole = wcs.wcs.lonpole
    pixels = wcs.wcs.crpix + 1000 * np.array([(2, 1), (-1, 2), (-2, -1.5), (1.5, -2), (0.3, 0.2)])
    difference = wcs.wcs_pix2world(pixels, 1) - undistorted.wcs_pix2world(pixels, 1)
    return bool(np.all(np.abs((difference + 180) % 360 - 180) < 1e-10))


def _axes(wcs: WCS) -> list[str]:
    """Return the names of the axes without the projection: HPLN, HPLT."""
    return [str(kind)[:4] for kind in wcs.wcs.ctype]


def same_observer(source: WCS, target: WCS) -> bool:
    """Check whether two WCSs are seen from the same position. A WCS without an observer is seen by that of the other.

    Parameters
    ----------
    source, target : `~astropy.wcs.WCS`
        The WCSs.

    Returns
    -------
    bool
        True if a feature at disk center moves by less than 0.001 arcsec from one view to the other.
    """
    observers = [wcs.wcs.aux for wcs in (source, target)]
    positions = [(observer.dsun_obs, observer.hgln_obs, observer.hglt_obs) for observer in observers]
    if any(None in position for position in positions):
        return True
    (distance, longitude, latitude), (distance2, longitude2, latitude2) = positions
    radius = _RSUN_METERS / distance * math.degrees(1) * 3600
    angle = math.radians(math.hypot((longitude2 - longitude) * math.cos(math.radians(latitude)), latitude2 - latitude))
    return bool(radius * max(angle, abs(distance2 / distance - 1)) < _SAME_VIEW_ARCSEC)


def copy_position(source: WCS, target: WCS) -> None:
    """Copy the position of the observer, and the radius of the Sun, from one WCS to another.

    Parameters
    ----------
    source : `~astropy.wcs.WCS`
        The WCS with the position.
    target : `~astropy.wcs.WCS`
        The other WCS; changed in place.
    """
    for name in ("dsun_obs", "hgln_obs", "hglt_obs", "rsun_ref", "crln_obs"):
        setattr(target.wcs.aux, name, getattr(source.wcs.aux, name))


def _linear(wcs: WCS) -> WCS:
    linear = WCS(naxis=2)
    linear.wcs.crpix = wcs.wcs.crpix
    linear.wcs.cdelt = [1, 1]
    linear.wcs.pc = wcs.pixel_scale_matrix
    linear.wcs.cunit = ["deg", "deg"]
    return linear


def _frameless(wcs: WCS) -> WCS:
    """Rename the axes to right ascension and declination, between which no observer matters."""
    renamed = wcs.deepcopy()
    names = {"HPLN": "RA--", "HPLT": "DEC-"}
    renamed.wcs.ctype = [names.get(str(kind)[:4], str(kind)[:4]) + str(kind)[4:] for kind in wcs.wcs.ctype]
    return renamed


def _with_observer_of(source: WCS, target: WCS) -> WCS:
    """Return the target with the observer and the time of the source, if it has none."""
    if target.wcs.aux.dsun_obs is not None and target.wcs.dateobs:
        return target
    completed = target.deepcopy()
    completed.wcs.dateobs = completed.wcs.dateobs or source.wcs.dateobs
    if completed.wcs.aux.dsun_obs is None:
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
        Target area over source area. One number if the map is affine; otherwise an array of the target's shape, from
        finite differences at every 64th pixel, or at every pixel if some of these positions are not visible.
    """
    if not source.has_celestial:
        target_area, source_area = (np.linalg.det(wcs.pixel_scale_matrix) for wcs in (target, source))
        return float(abs(target_area / source_area))
    rows, columns = (np.linspace(0, n - 1, max(2, n // _AREA_STEP)) for n in shape)
    coarse = _area_ratio(source, target, *np.meshgrid(rows, columns, indexing="ij"))
    if not np.isfinite(coarse).all():  # the limb is between the positions; nothing is visible beyond it
        return _area_ratio(source, target, *np.indices(shape, dtype=float))
    steps = np.meshgrid(*(np.linspace(0, n - 1, m) for n, m in zip(coarse.shape, shape, strict=True)), indexing="ij")
    return np.asarray(ndimage.map_coordinates(coarse, steps, order=1))


def _area_ratio(source: WCS, target: WCS, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    right, up = (
        np.subtract(
            pixel_to_pixel(target, source, x + dx / 2, y + dy / 2),
            pixel_to_pixel(target, source, x - dx / 2, y - dy / 2),
        )
        for dx, dy in ((1, 0), (0, 1))
    )
    return np.asarray(np.abs(right[0] * up[1] - right[1] * up[0]))
