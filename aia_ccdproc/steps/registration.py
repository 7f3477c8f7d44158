"""Registration: no roll, 0.6 arcsec per pixel, and the Sun at the center."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from astropy.io import fits
from astropy.nddata import CCDData, VarianceUncertainty
from astropy.wcs import WCS

from aia_ccdproc.errors import StateError, warn_user
from aia_ccdproc.images.header import image_wcs, uncopied_header
from aia_ccdproc.images.history import add_history
from aia_ccdproc.images.level15 import is_registered
from aia_ccdproc.images.wcs import wcs_from_header
from aia_ccdproc.plugin.instrument import Instrument
from aia_ccdproc.plugin.loading import get_plugin_manager
from aia_ccdproc.plugin.map_arguments import accepts_maps
from aia_ccdproc.plugin.plugin import CORE
from aia_ccdproc.plugin.resampling import INVALID, Resampled
from aia_ccdproc.steps.averaging import resample_averaged
from aia_ccdproc.steps.chosen_engine import ChosenEngine
from aia_ccdproc.steps.grids import Grid, target_grid
from aia_ccdproc.steps.level15_grid import level15_grid
from aia_ccdproc.steps.planes import image_planes, with_invalid_frame
from aia_ccdproc.steps.provenance import AddKeyword, record
from aia_ccdproc.steps.registered_header import registered_header
from aia_ccdproc.steps.settings import OffDisk, RegistrationSettings, Rotation
from aia_ccdproc.steps.views import sunpy_assumptions
from aia_ccdproc.steps.wcs_pair import pixel_area_ratio, wcs_pair

__all__ = ["register", "register_image"]

#: Methods that average over the area of a pixel by themselves.
_AREA_METHODS = frozenset(["adaptive-hann", "adaptive-gaussian", "exact"])
#: Strips of a full frame that fit into the cache of a core.
_STRIPS = 64


@accepts_maps
def register(
    ccd: CCDData,
    *,
    method: str = "bicubic",
    parameter: float | None = None,
    conserve: Literal["brightness", "counts"] = "brightness",
    fill: float = math.nan,
    saturation: float | None = None,
    target: Any = None,
    center: Sequence[float] | None = None,
    size: Sequence[float] | None = None,
    track: str | None = None,
    plate_scale: float | None = None,
    off_disk: OffDisk = "masked",
    rotation: Rotation = "off",
    clip: bool = False,
    mask_border: bool = False,
    force: bool = False,
    plugin: str | None = None,
    add_keyword: AddKeyword = True,
) -> CCDData:
    """Register an image onto the level-1.5 grid: north up, 0.6 arcsec per pixel, Sun at the center.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        Level-1 image, full frame, cutout or binned by an integer, shape ``(ny, nx)``; not changed.
    method : str
        Resampling method: ``"nearest-neighbor"``, ``"bilinear"``, ``"biquadratic"``, ``"bicubic"`` (interpolating cubic
        B-spline), ``"adaptive-hann"``, ``"adaptive-gaussian"`` or ``"exact"``, by reproject; or a method of a plugin.
    parameter : float, optional
        Parameter of the method, if it is a plugin's method with a parameter. Each such method has a default.
    conserve : {"brightness", "counts"}
        Quantity that is conserved: the brightness of a pixel, as ``aia_prep`` and JSOC do, or the total counts. For the
        latter, the pixels are multiplied by the ratio of the pixel areas.
    fill : float
        Value of the pixels that no valid input pixel covers, in the unit of the image. They are also masked.
    saturation : float, optional
        Pixels of this value or more are treated as masked, in the unit of the image.
    target : `~astropy.wcs.WCS`, `~astropy.io.fits.Header`, image, path, optional
        Grid to register onto instead of the level-1.5 grid: a WCS with a shape, a header with NAXIS1 and NAXIS2, an
        image with a WCS, or the path of a FITS file.
    center, size : sequence of float, optional
        Field of view: its middle ``(x, y)`` in arcsec from the center of the Sun, and its width and height in arcsec.
        The result consists of the pixels of the level-1.5 grid that are nearest to it, whatever the image covers.
    track : str, optional
        Time (UTC) at which the field of view has its center, as seen from the Earth. At other times it follows the
        differential rotation of the Sun, by a part of a pixel too. sunpy must be installed.
    plate_scale : float, optional
        Plate scale of the result in arcsec, a whole multiple of 0.6. The pixels of ``"exact"`` and of the adaptive
        methods become larger. With the other methods, the image is resampled at 0.6 arcsec (times its binning), and
        averaged over the area of each pixel.
    off_disk : {"masked", "spherical", "planar"}
        The corona off the disk, if the target has another observer or time: masked, because its distance is not known,
        or assumed to be on a sphere around the observer of the image, or in this observer's plane of the sky. See
        `~sunpy.coordinates.SphericalScreen` and `~sunpy.coordinates.PlanarScreen`.
    rotation : {"off", "differential"}
        Rotation of the Sun between the time of the image and that of the target. With ``"off"``, every point keeps its
        position in space. See `~sunpy.coordinates.propagate_with_solar_surface`.
    clip : bool
        Limit the result to the range of the good input pixels, as aiapy does. Splines overshoot beside bright points.
    mask_border : bool
        Treat pixels at the border of the image as not covered if more than 1 % of their weight is outside the image.
        Otherwise the image is mirrored there.
    force : bool
        Register an image that is already at level 1.5.
    plugin : str, optional
        Distribution that resamples, if several provide the method: ``"aia-ccdproc"`` for reproject. By default, that of
        a plugin is used before the core's.
    add_keyword : bool, str, `~ccdproc.Keyword` or dict, optional
        As in ccdproc: what to record in the header of the result. By default a HISTORY line with the settings; False or
        None for nothing.

    Returns
    -------
    `~astropy.nddata.CCDData`
        New image, float32. A full frame has CRPIX at its center and the shape of the input (4096 x 4096, CRPIX 2048.5).
        An image binned n x n has 0.6 n arcsec per pixel. The pixels of a cutout are pixels of the full-frame grid, and
        CRPIX gives their position in it.

        Masked and NaN pixels are replaced by the nearest good pixel before resampling. Output pixels in which they have
        a total weight above 0.01 are masked, and are NaN if the input pixels were NaN. Pixels without a finite
        uncertainty are treated as masked. The variance is the sum of squared weights times variance, for independent
        input pixels. The keyword UNCPROP contains this formula.

    Raises
    ------
    StateError
        If the image is already at level 1.5, if no pixel is good, if its uncertainty has no variance, or if it does not
        cover the field of view.
    HeaderError
        If the image or the target has no usable WCS, or the plate scale is not a multiple of the instrument's.
    InstrumentError
        If no plugin knows the instrument.
    PluginError
        If no engine provides the method, or the chosen plugin does not.
    SettingsError
        If a setting has an invalid value.

    Notes
    -----
    If input and target are tangent projections about the same point, seen by the same observer at the same time, the
    map between their pixels is affine. The engine then gets linear WCSs instead of celestial ones. The result is the
    same within 1e-9 pixel, in a third of the time.
    """
    settings = RegistrationSettings.of(
        method=method,
        parameter=parameter,
        conserve=conserve,
        fill=fill,
        saturation=saturation,
        target=target,
        center=center,
        size=size,
        track=track,
        plate_scale=plate_scale,
        off_disk=off_disk,
        rotation=rotation,
        clip=clip,
        mask_border=mask_border,
        force=force,
    )
    result = register_image(ccd, None, settings, plugin)
    record(result, "register", settings, add_keyword)
    return result


def register_image(
    ccd: CCDData, instrument: Instrument | None, settings: RegistrationSettings, plugin: str | None
) -> CCDData:
    """Register an image.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        The image; not changed.
    instrument : `~aia_ccdproc.Instrument` or None
        Its instrument; None to have the plugins identify it.
    settings : `~aia_ccdproc.steps.settings.RegistrationSettings`
        The settings, as `register` describes them.
    plugin : str or None
        The plugin that the user chose as the engine.

    Returns
    -------
    `~astropy.nddata.CCDData`
        New image, as `register` describes it.
    """
    header = uncopied_header(ccd)
    if instrument is None:
        instrument = get_plugin_manager().identify(header)
    wcs = image_wcs(ccd, header)
    if not settings.force and is_registered(header, wcs):
        raise StateError("the image is already at level 1.5. Set force = True to register it again")
    grid = _grid(ccd, wcs, instrument, settings)
    engine = ChosenEngine.of(settings, plugin)
    planes = image_planes(ccd, settings.saturation)
    limits = (planes.data.min(), planes.data.max()) if settings.clip else None
    input_wcs, output_wcs = wcs_pair(wcs, grid.wcs, settings.rotation)
    if settings.mask_border:
        planes, input_wcs = with_invalid_frame(planes, input_wcs)
    counts = settings.conserve == "counts"
    with sunpy_assumptions(input_wcs, settings.off_disk, settings.rotation):
        if grid.sampling == 1:
            resampled, used = engine.resample(planes, input_wcs, output_wcs, grid.shape)
        else:
            _, all_positions = wcs_pair(wcs, grid.sampled_wcs)
            resampled, used = resample_averaged(engine, planes, input_wcs, (all_positions, output_wcs), grid)
        ratio = pixel_area_ratio(input_wcs, output_wcs, grid.shape) if counts else 1.0
    del planes  # they may be copies, as large as the result
    if settings.center is not None and (resampled.flags == INVALID).all():
        raise StateError("the image does not cover the field of view. Check center and size")
    if limits is not None:
        np.clip(resampled.data, *limits, out=resampled.data)
    if counts:
        resampled.flags[~np.isfinite(np.broadcast_to(ratio, grid.shape))] = INVALID
        np.multiply(resampled.data, ratio, out=resampled.data)
        if resampled.variance is not None:
            np.multiply(resampled.variance, ratio**2, out=resampled.variance)
    registered = registered_header(header, wcs, grid)
    if used.distribution != CORE:
        add_history(registered, f"register: resampled by {used}")
    if ccd.uncertainty is not None and resampled.variance is None:
        add_history(registered, f"register: {settings.method} gives no uncertainty on this map")
    return _result(ccd, registered, resampled, settings.fill)


def _grid(ccd: CCDData, wcs: WCS, instrument: Instrument, settings: RegistrationSettings) -> Grid:
    if settings.target is None:
        grid = level15_grid(ccd.shape, wcs, instrument, settings.plate_scale, settings.field_of_view)
        return grid._replace(sampling=1) if settings.method in _AREA_METHODS else grid
    return target_grid(settings.target, wcs, settings.rotation)


def _result(ccd: CCDData, header: fits.Header, resampled: Resampled, fill: float) -> CCDData:
    data, variance, flags = resampled.data, resampled.variance, resampled.flags
    strips = (np.array_split(plane, _STRIPS) for plane in (data, flags))
    for data_strip, flags_strip in zip(*strips, strict=True):
        np.copyto(data_strip, fill, where=flags_strip == INVALID)
    uncertainty = None
    if ccd.uncertainty is not None and variance is not None:
        np.copyto(variance, np.nan, where=flags == INVALID)
        uncertainty = VarianceUncertainty(variance, copy=False).represent_as(type(ccd.uncertainty))
        uncertainty.array = np.asarray(uncertainty.array, dtype=np.float32)
    header.remove("UNCPROP", ignore_missing=True)
    if uncertainty is not None and resampled.propagation:
        header["UNCPROP"] = (resampled.propagation, "Variance, of independent input pixels")
    mask = np.not_equal(flags, 0, out=flags.view(bool))
    dropped = [name for name in ("flags", "psf") if getattr(ccd, name) is not None]
    if dropped:
        warn_user(
            f"register: {' and '.join(dropped)} of the image dropped: they describe the pixels before registration"
        )
    return CCDData(
        data,
        unit=ccd.unit,
        mask=mask if mask.any() else None,
        uncertainty=uncertainty,
        header=header,
        wcs=wcs_from_header(header),
    )
