"""Functions that compute the degradation of a channel and correct images for it."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Any

import astropy.units as u
import numpy as np
from astropy.nddata import CCDData
from astropy.nddata.nduncertainty import IncompatibleUncertaintiesException
from astropy.table import Table
from astropy.time import Time

from aia_ccdproc import InstrumentError, SettingsError, StateError, TableError, get_plugin_manager
from aia_ccdproc.images import (
    add_history,
    divide,
    finite_number,
    fits_header,
    ignore_erfa_warnings,
    observation_time,
    printable,
)
from aia_ccdproc.plugin import accepts_maps
from aia_ccdproc.tables import CalibrationTable
from aia_ccdproc_degradation.settings import DegradationSettings

if TYPE_CHECKING:
    import drms

__all__ = ["correct_degradation", "degradation", "read_table"]

#: JSOC's series of effective areas.
_SERIES = "aia.response"
#: Last version of the table, for each channel that later versions do not contain.
_LAST_VERSION = {4500: 3}


def degradation(
    channel: float | u.Quantity,
    time: Time,
    table: str | os.PathLike[str] | Table | CalibrationTable = "jsoc",
    version: int | None = None,
    *,
    server: str | drms.Client | None = None,
    timeout: float = 60.0,
) -> np.ndarray:
    r"""Compute the fraction of a channel's original effective area that remains.

    Parameters
    ----------
    channel : float or `~astropy.units.Quantity`
        Wavelength in angstrom, a whole number.
    time : `~astropy.time.Time`
        Times of any shape, or any value from which `~astropy.time.Time` can be made.
    table : str, path-like, `~astropy.table.Table` or `~aia_ccdproc.tables.CalibrationTable`
        ``"jsoc"``, the path or URL of a response table of SSW, or the table itself.
    version : int, optional
        Version of the calibration (VER_NUM); by default the newest in the table for the channel.
    server : str or `drms.Client`, optional
        DRMS server that is queried instead of JSOC: the base URL of its CGIs, or a client.
    timeout : float
        Time limit in seconds for a network request, retries included.

    Returns
    -------
    `~numpy.ndarray`
        Degradation, dimensionless, of the shape of ``time``; 1 in the first epoch.

    Raises
    ------
    SettingsError
        If the channel is not a wavelength, the time cannot be read, or a setting has a wrong value.
    TableError
        If the table cannot be read or fetched, or does not contain the channel, the version or an epoch for a time.

    Notes
    -----
    With :math:`d` days since T_START of the epoch :math:`e` that contains the time, the degradation is

    .. math:: \frac{A_e}{A_0} (1 + p_1 d + p_2 d^2 + p_3 d^3)

    where :math:`A` is EFF_AREA and :math:`p_i` are EFFA_P1 to EFFA_P3, as in SSW's ``aia_bp_corrections``. If epochs
    overlap, the last row is used.
    """
    settings = DegradationSettings.of(table=table, version=version, server=server, timeout=timeout)
    try:
        with ignore_erfa_warnings():
            times = Time(time)
    except (TypeError, ValueError) as error:
        raise SettingsError(f"time: {time!r} cannot be read as a time: {error}") from error
    return _evaluate(_select_rows(_angstroms(channel), settings), times)[0]


@accepts_maps
def correct_degradation(
    ccd: CCDData,
    *,
    table: str | os.PathLike[str] | Table | CalibrationTable = "jsoc",
    version: int | None = None,
    server: str | drms.Client | None = None,
    timeout: float = 60.0,
) -> CCDData:
    """Divide an AIA image by the degradation of its channel at T_OBS.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        Image of any level and unit, shape ``(ny, nx)``; not changed.
    table, version, server, timeout : object
        As in `degradation`.

    Returns
    -------
    `~astropy.nddata.CCDData`
        New image. Data and uncertainty are divided; unit, mask, flags, PSF and WCS are carried
        over. The keyword DEGFACT contains
        the divisor; DEGVERS, DEGTBEG and DEGTABLE contain the version, the epoch and the table that it comes from.

    Raises
    ------
    StateError
        If the image was already corrected, or if its uncertainty cannot be divided.
    SettingsError
        If a setting has a wrong value.
    InstrumentError
        If the image was not taken by AIA.
    HeaderError
        If T_OBS or WAVELNTH is missing.
    TableError
        As in `degradation`.
    """
    settings = DegradationSettings.of(table=table, version=version, server=server, timeout=timeout)
    header = fits_header(ccd)
    if "DEGFACT" in header:
        raise StateError(
            f"the image was already corrected for degradation: it was divided by {header['DEGFACT']} (DEGFACT). "
            "Correct the original image"
        )
    instrument = get_plugin_manager().identify(header)
    if instrument.name != "AIA":
        raise InstrumentError(f"cannot correct an image of {instrument.name} for degradation: the tables are for AIA")
    channel, time = round(finite_number(header, "WAVELNTH")), observation_time(header)
    rows = _select_rows(channel, settings)
    factor, epoch = _evaluate(rows, time)
    try:
        result = divide(ccd, float(factor))
    except IncompatibleUncertaintiesException as error:
        kind = type(ccd.uncertainty).__name__
        raise StateError(
            f"cannot divide an uncertainty of type {kind}: its meaning is not known. Use a StdDevUncertainty"
        ) from error
    header = result.header
    header["DEGFACT"] = (float(factor), "Degradation, by which pixels were divided")
    header["DEGVERS"] = (int(rows["VER_NUM"][epoch]), "Version of the calibration")
    header["DEGTBEG"] = (rows["T_START"][epoch].isot, "T_START of the epoch")
    header["DEGTABLE"] = printable(rows.name)
    source = f"version {header['DEGVERS']} of {rows.name}"
    add_history(header, f"correct_degradation: divided by {factor:.7g}, {channel} A at {time.isot}, {source}")
    return result


def read_table(settings: DegradationSettings) -> CalibrationTable:
    """Read the table of effective areas that the settings name, or fetch it.

    Parameters
    ----------
    settings : `DegradationSettings`
        The step's settings.

    Returns
    -------
    `~aia_ccdproc.tables.CalibrationTable`
        The table, with all channels and versions.

    Raises
    ------
    TableError
        If the table cannot be read or fetched.
    """
    return CalibrationTable.read(settings.table, series=_SERIES, server=settings.server, timeout=settings.timeout)


def _angstroms(channel: Any) -> int:
    """Return the wavelength of a channel in angstrom."""
    try:
        value = float(u.Quantity(channel, u.AA).value)
    except (TypeError, ValueError) as error:
        raise SettingsError(f"channel: should be a wavelength in angstrom, not {channel!r}") from error
    if not math.isclose(value, np.rint(value), rel_tol=1e-9):  # 9.4 nm is 94.00000000000001 angstrom
        raise SettingsError(f"channel: should be a whole number of angstrom, not {channel!r}")
    return round(value)


def _select_rows(channel: int, settings: DegradationSettings) -> CalibrationTable:
    """Return the rows of a channel in the version that the settings name."""
    version = settings.version
    if version is not None:
        version = min(version, _LAST_VERSION.get(channel, version))
    return read_table(settings).select(channel, version)


def _evaluate(rows: CalibrationTable, time: Time) -> tuple[np.ndarray, np.ndarray]:
    """Return the degradation at the given times, and the rows that it was computed from."""
    epoch, days = rows.rows_at(time)
    area = rows["EFF_AREA"]
    p1, p2, p3 = (rows[f"EFFA_P{power}"][epoch] for power in (1, 2, 3))
    remaining = area[epoch] / area[rows.first_epoch_row] * (1 + days * (p1 + days * (p2 + days * p3)))
    invalid = ~(remaining > 0)
    if invalid.any():
        value, date = np.extract(invalid, remaining)[0], time[invalid].isot.flat[0]
        raise TableError(
            f"the degradation of {rows['WAVE_STR'][0]} is {value:g} on {date[:16]} by version {rows['VER_NUM'][0]:g} "
            f"of {rows.name}: this version is not valid at that time. Give another table or version"
        )
    return remaining, epoch
