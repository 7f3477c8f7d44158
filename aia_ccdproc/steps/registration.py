"""Registration: roll removed, 0.6 arcsec per pixel, the Sun at the centre."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from astropy.io import fits
from astropy.nddata import CCDData, VarianceUncertainty
from scipy import ndimage
from scipy.spatial import cKDTree

from aia_ccdproc.errors import PluginError, StateError, suggestion
from aia_ccdproc.images.header import complete_header
from aia_ccdproc.images.level15 import is_registered
from aia_ccdproc.images.statistics import without_statistics
from aia_ccdproc.images.values import finite_number
from aia_ccdproc.images.wcs import geometry_cards, plate_scale, wcs_from_header, without_wcs
from aia_ccdproc.plugin.hookspecs import hookimpl
from aia_ccdproc.plugin.instrument import Instrument
from aia_ccdproc.plugin.manager import get_plugin_manager
from aia_ccdproc.plugin.resampling import Resampled, parameter_of
from aia_ccdproc.steps.grids import Grid, level15_grid, pixel_area_ratio, target_grid, wcs_pair
from aia_ccdproc.steps.provenance import AddKeyword, record
from aia_ccdproc.steps.settings import RegistrationSettings

__all__ = ["register"]

#: Flags of a pixel, as `prep_resample` takes them.
_MASKED, _INVALID = 1, 2
#: Fraction of bad pixels up to which it is quicker to look about each than to go over the whole image.
_FEW = 0.005
#: Where the observer was, in all frames from which sunpy would read it, and how fast.
_OTHER_POSITIONS = re.compile(r"(HAE|GAE|HEE|HEQ|HCIEC_|GCIEC_)[XYZ](_OBS)?$|OBS_V[RWN]$|(HG|CR)L[NT]_OBS$|CAR_ROT$")
#: Radius of the Sun in AIA headers, m.
_RSUN = 696000000.0


def register(
    ccd: CCDData,
    *,
    method: str = "bicubic",
    parameter: float | None = None,
    conserve: Literal["brightness", "counts"] = "brightness",
    fill: float = math.nan,
    saturation: float | None = None,
    target: Any = None,
    force: bool = False,
    add_keyword: AddKeyword = True,
) -> CCDData:
    """Bring an image to the grid of level 1.5: north up, 0.6 arcsec per pixel, Sun at the centre.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        Level-1 image, full frame, cutout or binned by an integer, shape ``(ny, nx)``; not changed.
    method : str
        How pixels are resampled: ``"nearest-neighbor"``, ``"bilinear"``, ``"biquadratic"``,
        ``"bicubic"`` (interpolating cubic B-spline), ``"adaptive-hann"``, ``"adaptive-gaussian"``, ``"exact"``, by
        reproject, or a method that a plugin brings.
    parameter : float, optional
        Parameter of a plugin's method that has one, in place of its default.
    conserve : {"brightness", "counts"}
        What a pixel keeps: its brightness, as ``aia_prep`` and JSOC do, or its counts, by the ratio of the
        pixel areas.
    fill : float
        Value of the pixels that no valid input pixel covers, in the unit of the image. They are masked all
        the same.
    saturation : float, optional
        Pixels of this value or more count as masked, in the unit of the image.
    target : `~astropy.wcs.WCS`, `~astropy.io.fits.Header`, image, path, optional
        Grid to register onto in place of that of level 1.5: a WCS with a shape, a header with NAXIS1 and
        NAXIS2, an image with a WCS, or the path of a FITS file.
    force : bool
        Register an image that is at level 1.5 already.
    add_keyword : bool, str, `~ccdproc.Keyword` or dict, optional
        As in ccdproc: what to record in the header of the result. By default a HISTORY line with the
        settings; False or None for nothing.

    Returns
    -------
    `~astropy.nddata.CCDData`
        New image, float32. A full frame has CRPIX at its centre and the shape of the input (4096 x 4096, CRPIX 2048.5);
        one binned n x n has 0.6 n arcsec; a cutout is cropped from the full-frame grid, so that its pixels
        are pixels of the full frame and CRPIX says which. Masked and NaN pixels take the value of
        the nearest good one before resampling; output pixels that the kernel reaches from them are masked, and NaN
        where those were NaN. A pixel whose uncertainty is not finite counts as masked. The variance is the sum of
        squared weights times variance, for independent input pixels; UNCPROP says so.

    Raises
    ------
    StateError
        If the image is at level 1.5 already, if no pixel is good, or if its uncertainty has no variance.
    HeaderError
        If the image or the target has no usable WCS, or the plate scale is no multiple of the instrument's.
    InstrumentError
        If no plugin knows the instrument.
    PluginError
        If no engine knows the method.
    SettingsError
        If a setting has a wrong value.

    Notes
    -----
    Where input and target are tangent projections about one point and seen by one observer, the map between
    their pixels is affine, and the engine is handed linear WCSs in place of celestial ones: the result is the same
    within 1e-9 pixel, at a third of the time.
    """
    settings = RegistrationSettings.of(
        method=method,
        parameter=parameter,
        conserve=conserve,
        fill=fill,
        saturation=saturation,
        target=target,
        force=force,
    )
    instrument = get_plugin_manager().identify(complete_header(ccd))
    result = _register(ccd, instrument, settings)
    record(result, "register", settings, add_keyword)
    return result


@hookimpl(trylast=True)
def prep_register(ccd: CCDData, instrument: Instrument, settings: RegistrationSettings) -> CCDData:
    """Register an image of any instrument that has been identified."""
    return _register(ccd, instrument, settings)


def _register(ccd: CCDData, instrument: Instrument, settings: RegistrationSettings) -> CCDData:
    header = complete_header(ccd)
    if not settings.force and is_registered(header):
        raise StateError("the image is at level 1.5 already; force = True registers it all the same")
    input_wcs = wcs_from_header(header)
    grid = level15_grid(header, instrument) if settings.target is None else target_grid(settings.target, input_wcs)
    manager = get_plugin_manager()
    known = manager.resampling_methods()
    if said := manager.contested_method(settings.method):
        raise PluginError(said)
    parameter = parameter_of(settings.method, settings.parameter, known)
    data, variance, flags = _planes(ccd, settings.saturation)
    pair = wcs_pair(input_wcs, grid.wcs)
    resampled: Resampled | None = manager.hook.prep_resample(
        data=data,
        variance=variance,
        flags=flags,
        input_wcs=pair[0],
        output_wcs=pair[1],
        output_shape=grid.shape,
        method=settings.method,
        parameter=parameter,
    )
    del data, variance, flags  # they may be copies, as large as what is made next
    if resampled is None:
        raise PluginError(f"unknown method {settings.method!r}; {suggestion(settings.method, known)}{manager.left_out}")
    if settings.conserve == "counts":
        ratio = pixel_area_ratio(*pair, grid.shape)
        resampled.flags[~np.isfinite(np.broadcast_to(ratio, grid.shape))] = _INVALID
        np.multiply(resampled.data, ratio, out=resampled.data)
        if resampled.variance is not None:
            np.multiply(resampled.variance, ratio**2, out=resampled.variance)
    return _result(ccd, header, grid, resampled, settings)


def _planes(ccd: CCDData, saturation: float | None) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
    """Take an image apart into finite data, finite variance and flags."""
    if np.iscomplexobj(ccd.data):
        raise StateError("the image is complex; pixels are real numbers here")
    data = np.asarray(ccd.data, dtype=np.float32)
    variance = None
    whole = ccd.mask is None and ccd.uncertainty is None and saturation is None
    if whole and all(np.isfinite(strip).all() for (strip,) in _strips(data)):
        return data, None, None
    flags = np.zeros(data.shape, dtype=np.uint8)
    for name, plane in (("mask", ccd.mask), ("uncertainty", getattr(ccd.uncertainty, "array", None))):
        if plane is not None and np.shape(plane) not in (data.shape, ()):
            raise StateError(f"the {name} has shape {np.shape(plane)}, the image {data.shape}")
    if ccd.mask is not None:
        flags[np.broadcast_to(ccd.mask, data.shape)] = _MASKED
    if saturation is not None:
        flags[data >= saturation] = _MASKED
    if ccd.uncertainty is not None:
        try:
            as_variance = ccd.uncertainty.represent_as(VarianceUncertainty)
        except TypeError as error:
            raise StateError(
                f"an uncertainty of type {type(ccd.uncertainty).__name__} cannot be resampled: it has no variance"
            ) from error
        scale = 1.0
        if as_variance.unit is not None and as_variance.unit.is_equivalent(ccd.unit**2):
            # It may have a unit of its own. One of another kind is a slip of ccdproc's, of a gain that was not applied.
            scale = as_variance.unit.to(ccd.unit**2)
        variance = np.asarray(as_variance.array, dtype=np.float32)
        if scale != 1:
            variance = variance * np.float32(scale)
        if (variance < 0).any() or (np.asarray(ccd.uncertainty.array) < 0).any():
            raise StateError("the uncertainty holds negative values")
        flags[~np.isfinite(variance)] = _MASKED
    flags[~np.isfinite(data)] = _INVALID
    bad = flags > 0
    if not bad.any():
        return data, variance, None
    if bad.all():
        raise StateError(
            "no pixel of the image is good: all are masked, saturated, NaN, or without a finite uncertainty"
        )
    nearest = _nearest_good(bad)
    data = data.copy()
    data[bad] = data[nearest]
    if variance is not None:
        variance = variance.copy()
        variance[bad] = variance[nearest]
    return data, variance, flags


def _nearest_good(bad: np.ndarray) -> tuple[np.ndarray, ...]:
    """Find the rows and columns of the good pixels that are nearest to the bad ones."""
    if np.count_nonzero(bad) > bad.size * _FEW:
        everywhere = ndimage.distance_transform_edt(bad, return_distances=False, return_indices=True)
        return tuple(each[bad] for each in everywhere)
    # The nearest touches a bad pixel: all that is nearer is bad.
    touching = np.argwhere(ndimage.binary_dilation(bad, np.ones((3, 3))) & ~bad)
    return tuple(touching[cKDTree(touching).query(np.argwhere(bad))[1]].T)


def _strips(*planes: np.ndarray) -> Iterator[tuple[np.ndarray, ...]]:
    """Cut planes into strips that stay in a core's cache: a plane more would cost as much as what is done with it."""
    strips = max(1, planes[0].size >> 18)
    return zip(*(np.array_split(plane, strips) for plane in planes), strict=True)


def _result(
    ccd: CCDData, header: fits.Header, grid: Grid, resampled: Resampled, settings: RegistrationSettings
) -> CCDData:
    data, variance, flags = resampled.data, resampled.variance, resampled.flags
    for data_strip, flags_strip in _strips(data, flags):
        np.copyto(data_strip, settings.fill, where=flags_strip == _INVALID)
    uncertainty = None
    if ccd.uncertainty is not None and variance is not None:
        np.copyto(variance, np.nan, where=flags == _INVALID)
        uncertainty = VarianceUncertainty(variance, copy=False).represent_as(type(ccd.uncertainty))
        uncertainty.array = np.asarray(uncertainty.array, dtype=np.float32)
    registered = _level15_header(header, grid)
    registered.remove("UNCPROP", ignore_missing=True)
    if uncertainty is not None and resampled.propagation:
        registered["UNCPROP"] = (resampled.propagation, "Variance as resampled, of independent pixels")
    mask = np.not_equal(flags, 0, out=flags.view(bool))
    return CCDData(
        data,
        unit=ccd.unit,
        mask=mask if mask.any() else None,
        uncertainty=uncertainty,
        header=registered,
        wcs=wcs_from_header(registered),
    )


def _level15_header(header: fits.Header, grid: Grid) -> fits.Header:
    """Write the keywords of level 1.5, as SSW's aia_prep and JSOC's module do."""
    registered = without_statistics(without_wcs(header))
    registered["NAXIS2"], registered["NAXIS1"] = grid.shape
    registered.extend(_north_up(geometry_cards(grid.wcs)), update=True)
    if grid.observer is not None:
        registered = _seen_by(grid.observer, registered)
    matrix = grid.wcs.pixel_scale_matrix * 3600
    middle = (np.array(grid.shape[::-1]) + 1) / 2
    centre = grid.wcs.wcs.crval * 3600 + matrix @ (middle - grid.wcs.wcs.crpix)
    registered["XCEN"] = (round(float(centre[0]), 9), "[arcsec] Centre of the image, x")
    registered["YCEN"] = (round(float(centre[1]), 9), "[arcsec] Centre of the image, y")
    if isinstance(registered.get("RSUN_OBS"), int | float):
        registered["R_SUN"] = registered["RSUN_OBS"] / registered["CDELT1"]
    elif isinstance(registered.get("R_SUN"), int | float):
        registered["R_SUN"] *= plate_scale(header) / registered["CDELT1"]
    registered["LVL_NUM"] = 1.5
    return registered


def _seen_by(observer: fits.Header, header: fits.Header) -> fits.Header:
    """Take over the position of another observer, whom the pixels are now as seen by; the times stay."""
    moved = fits.Header([card for card in header.cards if not _OTHER_POSITIONS.match(card.keyword)], copy=True)
    moved.update(observer)
    if "RSUN_OBS" in moved and "DSUN_OBS" in observer:
        radius = finite_number(moved, "RSUN_REF") if "RSUN_REF" in moved else _RSUN
        moved["RSUN_OBS"] = math.degrees(math.asin(radius / finite_number(observer, "DSUN_OBS"))) * 3600
    return moved


def _north_up(cards: fits.Header) -> fits.Header:
    """Say "no roll" as level 1.5 does, by CROTA2 = 0, where the matrix is the identity."""
    matrix = [cards.pop(f"PC{i}_{j}") for i in (1, 2) for j in (1, 2)]
    if np.allclose(matrix, [1, 0, 0, 1], rtol=0, atol=1e-14):
        cards["CROTA2"] = (0.0, "[degree] Roll angle")
    else:
        for (i, j), value in zip([(1, 1), (1, 2), (2, 1), (2, 2)], matrix, strict=True):
            cards[f"PC{i}_{j}"] = value
    return cards
