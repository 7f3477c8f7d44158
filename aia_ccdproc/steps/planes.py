"""The planes of an image that are resampled: data, variance, and flags of bad pixels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy  # its subpackages are imported at their first use
from astropy.nddata import CCDData, VarianceUncertainty
from astropy.wcs import WCS, Sip

from aia_ccdproc.errors import HeaderError, StateError
from aia_ccdproc.plugin.resampling import INVALID, MASKED

__all__ = ["Planes", "image_planes", "with_invalid_frame"]

#: Up to this fraction of bad pixels a search around each of them is faster than a distance transform of the image.
_LOCAL_SEARCH_FRACTION = 0.005
#: Invalid pixels on each side of an image whose border is masked: more than the reach of every kernel with a weight
#: above `BAD_WEIGHT_THRESHOLD`, if the target's pixels are not larger.
_FRAME_PIXELS = 8


class Planes(NamedTuple):
    """The planes of an image, shape ``(ny, nx)``. Flagged pixels have the values of the nearest good pixel."""

    data: np.ndarray
    """float32, finite everywhere."""
    variance: np.ndarray | None
    """float32, finite everywhere; None if the image has no uncertainty."""
    flags: np.ndarray | None
    """uint8: 0 good, 1 masked, 2 invalid; None if all pixels are good."""


def image_planes(ccd: CCDData, saturation: float | None) -> Planes:
    """Return the planes of an image, and replace bad pixels by their nearest good neighbors.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        The image, shape ``(ny, nx)``; not changed.
    saturation : float or None
        Pixels of this value or more are treated as masked, in the unit of the image.

    Returns
    -------
    `Planes`
        The planes. Pixels that are masked, saturated, or without a finite uncertainty are flagged as masked; pixels
        that are not finite are flagged as invalid.

    Raises
    ------
    StateError
        If no pixel is good; if the mask or the uncertainty does not have the shape of the image; or if the uncertainty
        has no variance or is negative.
    """
    if np.iscomplexobj(ccd.data):
        raise StateError("the image is complex; only real pixel values can be resampled")
    data = np.asarray(ccd.data, dtype=np.float32)
    only_data = ccd.mask is None and ccd.uncertainty is None and saturation is None
    if only_data and np.isfinite(data).all():
        return Planes(data, None, None)
    for name, plane in (("mask", ccd.mask), ("uncertainty", getattr(ccd.uncertainty, "array", None))):
        if plane is not None and np.shape(plane) not in (data.shape, ()):
            raise StateError(f"the {name} has shape {np.shape(plane)}, but the image has shape {data.shape}")
    variance = None if ccd.uncertainty is None else _variance(ccd)
    flags = np.zeros(data.shape, dtype=np.uint8)
    if ccd.mask is not None:
        flags[np.broadcast_to(ccd.mask, data.shape)] = MASKED
    if saturation is not None:
        flags[data >= saturation] = MASKED
    if variance is not None:
        flags[~np.isfinite(variance)] = MASKED
    flags[~np.isfinite(data)] = INVALID
    bad = flags > 0
    if not bad.any():
        return Planes(data, variance, None)
    if bad.all():
        raise StateError(
            "no pixel of the image is good: all are masked, saturated, NaN, or without a finite uncertainty"
        )
    nearest = _nearest_good_pixels(bad)
    data = data.copy()
    data[bad] = data[nearest]
    if variance is not None:
        variance = variance.copy()
        variance[bad] = variance[nearest]
    return Planes(data, variance, flags)


def with_invalid_frame(planes: Planes, wcs: WCS) -> tuple[Planes, WCS]:
    """Surround an image with invalid pixels, so that output pixels to which they contribute are invalid.

    Parameters
    ----------
    planes : `Planes`
        The planes; not changed.
    wcs : `~astropy.wcs.WCS`
        WCS of the image; not changed.

    Returns
    -------
    tuple of `Planes` and `~astropy.wcs.WCS`
        The larger planes and their WCS.

    Raises
    ------
    HeaderError
        If the WCS contains a distortion that cannot be shifted.
    """
    data = np.pad(planes.data, _FRAME_PIXELS, mode="edge")
    variance = None if planes.variance is None else np.pad(planes.variance, _FRAME_PIXELS, mode="edge")
    inner = np.zeros(planes.data.shape, dtype=np.uint8) if planes.flags is None else planes.flags
    flags = np.pad(inner, _FRAME_PIXELS, constant_values=INVALID)
    return Planes(data, variance, flags), _shifted(wcs, _FRAME_PIXELS)


def _shifted(wcs: WCS, pixels: int) -> WCS:
    """Return the WCS of an image that begins some pixels earlier on both axes."""
    shifted = wcs.deepcopy()
    shifted.wcs.crpix = wcs.wcs.crpix + pixels
    if wcs.sip is not None:
        sip = wcs.sip
        shifted.sip = Sip(sip.a, sip.b, sip.ap, sip.bp, sip.crpix + pixels)
    for table in (shifted.cpdis1, shifted.cpdis2, shifted.det2im1, shifted.det2im2):
        if table is not None:
            table.crval = tuple(value + pixels for value in table.crval)
    x, y = np.array([0.0, 500.0, 900.0]), np.array([0.0, 300.0, 700.0])
    original, moved = (np.array(each.all_pix2world(x + n, y + n, 0)) for each, n in ((wcs, 0), (shifted, pixels)))
    if not np.allclose(moved, original, rtol=0, atol=1e-9, equal_nan=True):
        raise HeaderError("the WCS of the image has a distortion that cannot be shifted. Set mask_border = false")
    return shifted


def _variance(ccd: CCDData) -> np.ndarray:
    """Return the uncertainty as a variance in the squared unit of the image, float32."""
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):  # a variance that is not finite is masked
        try:
            uncertainty = ccd.uncertainty.represent_as(VarianceUncertainty)
        except TypeError as error:
            kind = type(ccd.uncertainty).__name__
            raise StateError(f"an uncertainty of type {kind} cannot be resampled: it has no variance") from error
        variance = np.asarray(uncertainty.array, dtype=np.float32)
        # ccdproc leaves a unit that is not equivalent if it did not apply a gain. Such a unit is ignored.
        if uncertainty.unit is not None and uncertainty.unit.is_equivalent(ccd.unit**2):
            scale = uncertainty.unit.to(ccd.unit**2)
            if scale != 1:
                variance = variance * np.float32(scale)
    if (variance < 0).any() or (np.asarray(ccd.uncertainty.array) < 0).any():
        raise StateError("the uncertainty contains negative values")
    return variance


def _nearest_good_pixels(bad: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return rows and columns of the good pixels that are nearest to the bad ones."""
    if np.count_nonzero(bad) > bad.size * _LOCAL_SEARCH_FRACTION:
        everywhere = scipy.ndimage.distance_transform_edt(bad, return_distances=False, return_indices=True)
        return tuple(each[bad] for each in everywhere)
    # The nearest good pixel has a bad neighbor: all pixels that are nearer are bad.
    candidates = np.argwhere(scipy.ndimage.binary_dilation(bad, np.ones((3, 3))) & ~bad)
    return tuple(candidates[scipy.spatial.cKDTree(candidates).query(np.argwhere(bad))[1]].T)
