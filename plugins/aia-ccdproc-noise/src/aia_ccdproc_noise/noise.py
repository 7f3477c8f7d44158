"""Functions that compute the uncertainty of pixels with the noise model of SSW's ``aia_bp_estimate_error``.

The model is that of Boerner et al. 2012, Solar Physics 275, 41.
"""

from __future__ import annotations

import math
import os
from typing import Any, Literal

import astropy.units as u
import numpy as np
from astropy.io import fits
from astropy.nddata import CCDData, StdDevUncertainty
from astropy.table import Table

from aia_ccdproc import InstrumentError, StateError, TableError, get_plugin_manager
from aia_ccdproc.images import (
    add_history,
    complete_header,
    copy_image,
    finite_number,
    image_wcs,
    is_registered,
    observation_time,
    plate_scale,
)
from aia_ccdproc.plugin import accepts_maps
from aia_ccdproc.tables import CalibrationTable
from aia_ccdproc_noise.settings import NoiseSettings

__all__ = ["estimate_uncertainty", "noise_sigma"]

#: The camera of each channel.
_CAMERAS = {94: 4, 131: 1, 171: 3, 193: 2, 211: 2, 304: 4, 335: 1, 1600: 3, 1700: 3, 4500: 3}
#: Read-out noise of each camera, in DN.
_READ_NOISE_DN = {1: 1.18, 2: 1.20, 3: 1.15, 4: 1.14}
#: Noise of the dark current, in DN.
_DARK_NOISE_DN = 0.18
#: Variance of rounding to whole DN.
_ROUNDING_VARIANCE = 1 / 12
#: Smallest count for which the compression on board is lossy, in DN.
_LOSSY_THRESHOLD_DN = 25
#: Columns of the error table with the error of the absolute calibration.
_CALIBRATION_COLUMNS = {"preflight": "CALERR", "eve": "EVEERR"}


def noise_sigma(
    counts: np.ndarray,
    channel: int,
    dn_per_photon: float,
    compression: float,
    systematic: tuple[float, ...] = (),
) -> np.ndarray:
    r"""Compute the standard deviation of pixels with the noise model.

    Parameters
    ----------
    counts : `~numpy.ndarray`
        Counts of single level-1 pixels in DN, of any shape.
    channel : int
        Wavelength in angstrom; it determines the camera.
    dn_per_photon : float
        DN per photon (DNPERPHT in the error table).
    compression : float
        Ratio of the shot noise to the noise of the compression on board (COMPRESS).
    systematic : tuple of float
        Errors that are proportional to the counts, as fractions of them (CALERR or EVEERR, CHIANTI).

    Returns
    -------
    `~numpy.ndarray`
        Standard deviation in DN, of the shape and precision of ``counts``, at least float32. Negative counts, which
        level 1 contains, have the noise of zero counts. NaN stays NaN.

    Raises
    ------
    InstrumentError
        If AIA does not have this channel.

    Notes
    -----
    .. math:: \sigma^2 = \sigma_\mathrm{shot}^2 + \sigma_\mathrm{dark}^2 + \sigma_\mathrm{read}^2
        + \sigma_\mathrm{quant}^2 + \sigma_\mathrm{compress}^2 + \sum_i (f_i N)^2

    with :math:`\sigma_\mathrm{shot} = g \sqrt{N/g}` where g is ``dn_per_photon``; 0.18 DN for the dark current; 1.14 to
    1.20 DN for the read-out, depending on the camera; and :math:`1/\sqrt{12}` DN for rounding. The noise of the
    compression is zero below 25 DN; from there on it is the shot noise divided by ``compression``, and at least
    :math:`1/\sqrt{12}` DN.
    """
    if channel not in _CAMERAS:
        raise InstrumentError(f"AIA has no channel of {channel} Å; available: {', '.join(map(str, _CAMERAS))}")
    dtype = np.result_type(counts, np.float32)
    positive = np.maximum(counts, 0, dtype=dtype)
    shot = positive * dtype.type(dn_per_photon)
    compress = np.maximum(shot * dtype.type(float(compression) ** -2), dtype.type(_ROUNDING_VARIANCE))
    compress *= positive >= _LOSSY_THRESHOLD_DN
    read = _READ_NOISE_DN[_CAMERAS[channel]] ** 2
    variance = shot + compress + dtype.type(_DARK_NOISE_DN**2 + read + _ROUNDING_VARIANCE)
    if any(systematic):
        variance += (dtype.type(math.hypot(*systematic)) * positive) ** 2
    sigma: np.ndarray = np.sqrt(variance)
    return sigma


@accepts_maps
def estimate_uncertainty(
    ccd: CCDData,
    *,
    table: str | os.PathLike[str] | Table | CalibrationTable,
    version: int | None = None,
    calibration: Literal["none", "preflight", "eve"] = "none",
    chianti: bool = False,
    replace: bool = False,
    timeout: float = 60.0,
) -> CCDData:
    """Add the uncertainty of the pixels to a level-1 image.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        Level-1 image of AIA in DN, full frame or cutout, not binned, shape ``(ny, nx)``; not changed.
    table : str, path-like, `~astropy.table.Table` or `~aia_ccdproc.tables.CalibrationTable`
        Path or URL of SSW's error table, or the table itself.
    version : int, optional
        Version of the table (VER_NUM); by default the newest in the table for the channel.
    calibration : {"none", "preflight", "eve"}
        Error of the absolute calibration to add: none, CALERR or EVEERR.
    chianti : bool
        Add the error of the CHIANTI atomic data.
    replace : bool
        Replace the uncertainty if the image has one.
    timeout : float
        Time limit in seconds for a network request, retries included.

    Returns
    -------
    `~astropy.nddata.CCDData`
        New image with a `~astropy.nddata.StdDevUncertainty` in DN. Pixels, mask, flags, PSF, unit, header and WCS are
        carried over;
        HISTORY contains the parameters of the model. Masked pixels have the noise of the counts that they contain; the
        noise of NaN is NaN.

    Raises
    ------
    StateError
        If the image is not in DN, is registered, binned or corrected for degradation, or already has an uncertainty.
    SettingsError
        If a setting has a wrong value.
    InstrumentError
        If the image was not taken by AIA.
    HeaderError
        If T_OBS or WAVELNTH is missing.
    TableError
        If the table cannot be read or fetched, or contains no row for the image.
    """
    settings = NoiseSettings.of(
        table=table, version=version, calibration=calibration, chianti=chianti, replace=replace, timeout=timeout
    )
    header = complete_header(ccd)
    _check_state(ccd, header, replace)
    channel = round(finite_number(header, "WAVELNTH"))
    rows = CalibrationTable.read(settings.table, timeout=timeout).select(channel, version)
    row = rows.rows_at(observation_time(header))[0]
    names = ["DNPERPHT", "COMPRESS"]
    names += [_CALIBRATION_COLUMNS[calibration]] if calibration != "none" else []
    names += ["CHIANTI"] if chianti else []
    values = {name: _positive_value(rows, name, row) for name in names}
    gain, compression, *systematic = values.values()
    result = copy_image(ccd)
    result.header = header
    sigma = noise_sigma(ccd.data, channel, gain, compression, tuple(systematic))
    result.uncertainty = StdDevUncertainty(sigma, unit=ccd.unit)
    parameters = ", ".join(f"{name}={value:g}" for name, value in values.items())
    add_history(
        result.header,
        f"estimate_uncertainty: {channel} A, {parameters} (version {rows['VER_NUM'][row]:g} of {rows.name}), "
        f"read-out noise {_READ_NOISE_DN[_CAMERAS[channel]]:g} DN",
    )
    return result


def _check_state(ccd: CCDData, header: fits.Header, replace: bool) -> None:
    """Refuse an image that does not contain level-1 counts, or that already has an uncertainty."""
    instrument = get_plugin_manager().identify(header)
    if instrument.name != "AIA":
        raise InstrumentError(f"cannot estimate the noise of an image of {instrument.name}: the noise model is for AIA")
    if ccd.unit != u.DN:
        raise StateError(
            f"cannot estimate the noise of an image in {ccd.unit}: the model is for counts in DN. Run "
            "estimate_uncertainty before normalize_exposure"
        )
    wcs = image_wcs(ccd, header)
    if is_registered(header, wcs):
        raise StateError(
            "cannot estimate the noise of a level-1.5 image: the model is for level-1 pixels. Run estimate_uncertainty "
            "before register"
        )
    if instrument.binning(plate_scale(wcs)) != 1:
        raise StateError(
            f"cannot estimate the noise of a resampled image with {plate_scale(wcs):.4g} arcsec per pixel: the model "
            f"is for level-1 pixels of about {instrument.plate_scale:g} arcsec. Use the original image"
        )
    if "DEGFACT" in header:
        raise StateError(
            f"cannot estimate the noise of an image that was divided by its degradation of {header['DEGFACT']} "
            "(DEGFACT): the model is for the counts of the camera. Run estimate_uncertainty before correct_degradation"
        )
    if ccd.uncertainty is not None and not replace:
        raise StateError(
            f"the image already has an uncertainty, a {type(ccd.uncertainty).__name__}. "
            "Set replace = true to replace it"
        )


def _positive_value(rows: CalibrationTable, column: str, row: Any) -> float:
    value = float(rows[column][row])
    if not 0 < value < math.inf:
        raise TableError(
            f"{rows.name} has {column} = {value:g} for {rows['WAVE_STR'][row]}; it must be positive. Give another table"
        )
    return value
