"""The planes of an image that are resampled: data, variance, and flags of bad pixels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from astropy.nddata import CCDData, VarianceUncertainty
from scipy import ndimage
from scipy.spatial import cKDTree

from aia_ccdproc.errors import StateError

__all__ = ["INVALID", "MASKED", "Planes", "cache_sized_strips", "image_planes"]

#: Flags of a pixel, as the hook `prep_resample` takes them.
MASKED, INVALID = 1, 2
#: Up to this fraction of bad pixels a search around each of them is faster than a distance transform of the image.
_LOCAL_SEARCH_FRACTION = 0.005
#: Pixels of a strip that fits into the cache of a core.
_STRIP_PIXELS = 2**18


class Planes(NamedTuple):
    """The planes of an image, shape ``(ny, nx)``. Flagged pixels have the values of the nearest good pixel."""

    data: np.ndarray
    """float32, finite everywhere."""
    variance: np.ndarray | None
    """float32, finite everywhere; None if the image has no uncertainty."""
    flags: np.ndarray | None
    """uint8: 0 good, `MASKED` or `INVALID`; None if all pixels are good."""


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
        If no pixel is good, if mask or uncertainty have another shape than the image, or if the uncertainty has no
        variance or is negative.
    """
    if np.iscomplexobj(ccd.data):
        raise StateError("the image is complex; only real pixel values can be resampled")
    data = np.asarray(ccd.data, dtype=np.float32)
    only_data = ccd.mask is None and ccd.uncertainty is None and saturation is None
    if only_data and all(np.isfinite(strip).all() for (strip,) in cache_sized_strips(data)):
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


def _variance(ccd: CCDData) -> np.ndarray:
    """Return the uncertainty as a variance in the squared unit of the image, float32."""
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
        everywhere = ndimage.distance_transform_edt(bad, return_distances=False, return_indices=True)
        return tuple(each[bad] for each in everywhere)
    # The nearest good pixel has a bad neighbor: all pixels that are nearer are bad.
    candidates = np.argwhere(ndimage.binary_dilation(bad, np.ones((3, 3))) & ~bad)
    return tuple(candidates[cKDTree(candidates).query(np.argwhere(bad))[1]].T)


def cache_sized_strips(*planes: np.ndarray) -> Iterator[tuple[np.ndarray, ...]]:
    """Cut planes into strips that fit into the cache of a core.

    A temporary plane of the size of the image would take as long to fill as the computation itself.

    Parameters
    ----------
    *planes : `~numpy.ndarray`
        Planes of the same shape.

    Returns
    -------
    iterator of tuple of `~numpy.ndarray`
        The same strip of every plane; views.
    """
    count = max(1, planes[0].size // _STRIP_PIXELS)
    return zip(*(np.array_split(plane, count) for plane in planes), strict=True)
