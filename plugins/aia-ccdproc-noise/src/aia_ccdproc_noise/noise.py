"""The noise model of SSW's ``aia_bp_estimate_error`` (Boerner et al. 2012, Solar Physics 275, 41)."""

from __future__ import annotations

import math
import os
from typing import Any, Literal

import astropy.units as u
import numpy as np
from astropy.nddata import CCDData, StdDevUncertainty
from astropy.table import Table

from aia_ccdproc import InstrumentError, StateError, TableError, get_plugin_manager
from aia_ccdproc.images import (
    add_history,
    complete_header,
    finite_number,
    fits_header,
    image_wcs,
    is_registered,
    observation_time,
    plate_scale,
)
from aia_ccdproc.tables import CalibrationTable
from aia_ccdproc_noise.settings import NoiseSettings

__all__ = ["estimate_uncertainty", "noise_sigma"]

#: Noise of the dark current, DN.
_DARK = 0.18
#: Noise of the read-out, DN, by channel: of the cameras 4, 1, 3, 2, 2, 4, 1, 3, 3, 3.
_READ = dict(
    zip(
        (94, 131, 171, 193, 211, 304, 335, 1600, 1700, 4500),
        (1.14, 1.18, 1.15, 1.20, 1.20, 1.14, 1.18, 1.15, 1.15, 1.15),
        strict=True,
    )
)
#: Variance of rounding to whole DN.
_ROUNDING = 1 / 12
#: Fewer counts than this are not compressed with losses, DN.
_COMPRESSED = 25
_CALIBRATION = {"preflight": "CALERR", "eve": "EVEERR"}


def noise_sigma(
    counts: np.ndarray,
    channel: int,
    dn_per_photon: float,
    compression: float,
    systematic: tuple[float, ...] = (),
) -> np.ndarray:
    r"""Evaluate the noise model.

    Parameters
    ----------
    counts : `~numpy.ndarray`
        Counts of single level-1 pixels, DN, of any shape.
    channel : int
        Wavelength, angstrom: says which camera it is.
    dn_per_photon : float
        DN of one photon (DNPERPHT of the error table).
    compression : float
        Ratio of the shot noise to the noise of the compression on board (COMPRESS).
    systematic : tuple of float
        Errors in proportion to the counts (CALERR or EVEERR, CHIANTI), as fractions.

    Returns
    -------
    `~numpy.ndarray`
        Standard deviation, DN, of the shape of ``counts``, floating point of their precision. Counts below zero, of
        which level 1 has some, have the noise of none; NaN stays NaN.

    Raises
    ------
    InstrumentError
        If AIA has no such channel.

    Notes
    -----
    .. math:: \sigma^2 = \sigma_\mathrm{shot}^2 + \sigma_\mathrm{dark}^2 + \sigma_\mathrm{read}^2
        + \sigma_\mathrm{quant}^2 + \sigma_\mathrm{compress}^2 + \sum_i (f_i N)^2

    with :math:`\sigma_\mathrm{shot} = g \sqrt{N/g}` where g is ``dn_per_photon``, 0.18 DN of the dark current, 1.14 to
    1.20 DN of the camera's read-out, :math:`1/\sqrt{12}` DN of rounding, and, from 25 DN on, the shot noise over
    ``compression``, at least :math:`1/\sqrt{12}` DN.
    """
    if channel not in _READ:
        raise InstrumentError(f"AIA has no channel of {channel} Å; it has {', '.join(map(str, _READ))}")
    kind = np.result_type(counts, np.float32)
    positive = np.maximum(counts, 0, dtype=kind)
    shot = positive * kind.type(dn_per_photon)
    lossy = np.maximum(shot * kind.type(float(compression) ** -2), kind.type(_ROUNDING))
    lossy *= positive >= _COMPRESSED
    variance = shot + lossy + kind.type(_DARK**2 + _READ[channel] ** 2 + _ROUNDING)
    if any(systematic):
        variance += (kind.type(math.hypot(*systematic)) * positive) ** 2
    return np.sqrt(variance)


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
    """Give a level-1 image the uncertainty of its pixels.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        Level-1 image of AIA in DN, full frame or cutout, not binned, shape ``(ny, nx)``; not changed.
    table : str, path-like, `~astropy.table.Table` or `~aia_ccdproc.tables.CalibrationTable`
        Path or URL of SSW's error table, or the table.
    version : int, optional
        Version of the table (VER_NUM); by default the newest that it has for the channel.
    calibration : {"none", "preflight", "eve"}
        Error of the absolute calibration to add: none, CALERR or EVEERR.
    chianti : bool
        Add the error of the CHIANTI atomic data.
    replace : bool
        Replace an uncertainty that the image has.
    timeout : float
        Seconds after which to give up on the network, all tries together.

    Returns
    -------
    `~astropy.nddata.CCDData`
        New image with a `~astropy.nddata.StdDevUncertainty`, in DN. Pixels, mask, unit, header and WCS are the same;
        HISTORY says which parameters were used. Masked pixels have the noise of the counts that they hold; that of NaN
        is NaN.

    Raises
    ------
    StateError
        If the image is not in DN, is registered, binned or corrected for degradation, or has an uncertainty already.
    SettingsError
        If a setting has a wrong value.
    InstrumentError
        If it is not of AIA.
    HeaderError
        If T_OBS or WAVELNTH is missing.
    TableError
        If the table cannot be had, or holds nothing for the image.
    """
    settings = NoiseSettings.of(
        table=table, version=version, calibration=calibration, chianti=chianti, replace=replace, timeout=timeout
    )
    header = complete_header(ccd)
    _refuse(ccd, header, replace)
    channel = round(finite_number(header, "WAVELNTH"))
    rows = CalibrationTable.read(settings.table, timeout=timeout).select(channel, version)
    row = rows.rows_at(observation_time(header))[0]
    names = ["DNPERPHT", "COMPRESS"]
    names += [_CALIBRATION[calibration]] if calibration != "none" else []
    names += ["CHIANTI"] if chianti else []
    values = {name: _positive(rows, name, row) for name in names}
    gain, compression, *systematic = values.values()
    result = ccd.copy()
    result.header = fits_header(ccd)
    sigma = noise_sigma(ccd.data, channel, gain, compression, tuple(systematic))
    result.uncertainty = StdDevUncertainty(sigma, unit=ccd.unit)
    said = ", ".join(f"{name}={value:g}" for name, value in values.items())
    said += f" (version {rows['VER_NUM'][row]:g} of {rows.name})"
    add_history(result.header, f"estimate_uncertainty: {channel} A, {said}, read-out noise {_READ[channel]:g} DN")
    return result


def _refuse(ccd: CCDData, header: Any, replace: bool) -> None:
    """Refuse what is no level-1 image of counts, or has an uncertainty."""
    instrument = get_plugin_manager().identify(header)
    if instrument.name != "AIA":
        raise InstrumentError(f"there is no noise model of {instrument.name}, only of AIA")
    if ccd.unit != u.DN:
        raise StateError(
            f"the image is in {ccd.unit}; the noise is that of counts in DN. Estimate it before normalize_exposure"
        )
    wcs = image_wcs(ccd, header)
    if is_registered(header, wcs):
        raise StateError("the image is at level 1.5; the noise is that of level-1 pixels. Estimate it before register")
    if instrument.binning(plate_scale(wcs)) != 1:
        raise StateError(
            f"the image is resampled: {plate_scale(wcs):.4g} arcsec per pixel; "
            f"the noise is that of level-1 pixels of about {instrument.plate_scale:g}"
        )
    if "DEGFACT" in header:
        raise StateError(
            f"the image was divided by its degradation of {header['DEGFACT']} (DEGFACT); the noise is that of counts "
            "as the camera gave them. Estimate it before correct_degradation"
        )
    if ccd.uncertainty is not None and not replace:
        raise StateError(
            f"the image has an uncertainty already, a {type(ccd.uncertainty).__name__}; replace = true replaces it"
        )


def _positive(rows: CalibrationTable, name: str, row: Any) -> float:
    value = float(rows[name][row])
    if not 0 < value < math.inf:
        raise TableError(f"{rows.name} has {name} = {value:g} for {rows['WAVE_STR'][row]}; it is positive")
    return value
