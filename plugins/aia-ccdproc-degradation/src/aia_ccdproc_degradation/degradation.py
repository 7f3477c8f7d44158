"""The degradation of a channel, and the correction for it. Knows no recipe and no hook."""

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
    ignore_erfa_warnings,
    fits_header,
    finite_number,
    observation_time,
    printable,
    without_statistics,
)
from aia_ccdproc.tables import CalibrationTable
from aia_ccdproc_degradation.settings import DegradationSettings

if TYPE_CHECKING:
    import drms

__all__ = ["SERIES", "correct_degradation", "degradation"]

#: JSOC's series of effective areas.
SERIES = "aia.response"
#: Channels whose calibration was not taken further (SSW's tables hold no later rows).
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
    r"""Tell which part of a channel's first effective area is left.

    Parameters
    ----------
    channel : float or `~astropy.units.Quantity`
        Wavelength, angstrom, a whole number.
    time : `~astropy.time.Time`
        When, of any shape; or what a Time is made of.
    table : str, path-like, `~astropy.table.Table` or `~aia_ccdproc.tables.CalibrationTable`
        ``"jsoc"``, the path or URL of a response table of SSW, or the table.
    version : int, optional
        Version of the calibration (VER_NUM); by default the newest that the table has for the channel.
    server : str or `drms.Client`, optional
        Another DRMS server than JSOC: the base URL of its CGIs, or a client.
    timeout : float
        Seconds after which to give up on the network, all tries together.

    Returns
    -------
    `~numpy.ndarray`
        The degradation, dimensionless, of the shape of ``time``: 1 for what it was in the beginning.

    Raises
    ------
    SettingsError
        If the channel is no wavelength, the time is none, or a setting has a wrong value.
    TableError
        If the table cannot be had, has not the channel or the version, or no epoch that covers a time.

    Notes
    -----
    With :math:`d` days since T_START of the epoch :math:`e` that holds at the time, it is

    .. math:: \frac{A_e}{A_0} (1 + p_1 d + p_2 d^2 + p_3 d^3)

    where :math:`A` is EFF_AREA and :math:`p_i` are EFFA_P1 to EFFA_P3, as in SSW's ``aia_bp_corrections``. Where epochs
    overlap the last row wins.
    """
    settings = DegradationSettings.of(table=table, version=version, server=server, timeout=timeout)
    try:
        with ignore_erfa_warnings():
            times = Time(time)
    except (TypeError, ValueError) as error:
        raise SettingsError(f"time: {time!r} cannot be read as a time: {error}") from error
    return _left(_rows(_channel(channel), settings), times)[0]


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
        New image. Data and uncertainty are divided; unit, mask and WCS are carried over. The header says by what in
        DEGFACT, and in DEGVERS, DEGTBEG and DEGTABLE by which version, epoch and table; HISTORY says it in words.

    Raises
    ------
    StateError
        If the image has been divided already, or has an uncertainty of unknown kind.
    SettingsError
        If a setting has a wrong value.
    InstrumentError
        If it is not of AIA.
    HeaderError
        If T_OBS or WAVELNTH is missing.
    TableError
        As `degradation` does.
    """
    settings = DegradationSettings.of(table=table, version=version, server=server, timeout=timeout)
    header = without_statistics(fits_header(ccd))
    if "DEGFACT" in header:
        raise StateError(f"the image is corrected for degradation already: divided by {header['DEGFACT']} (DEGFACT)")
    instrument = get_plugin_manager().identify(header)
    if instrument.name != "AIA":
        raise InstrumentError(f"there is no table of the degradation of {instrument.name}, only of AIA")
    channel, time = round(finite_number(header, "WAVELNTH")), observation_time(header)
    rows = _rows(channel, settings)
    factor, epoch = _left(rows, time)
    # A divisor of the image's own precision keeps float32 what it is.
    divisor = u.Quantity(factor, dtype=np.result_type(ccd.data.dtype, np.float32))
    try:
        result = ccd.divide(divisor, handle_meta="first_found")
    except IncompatibleUncertaintiesException as error:
        kind = type(ccd.uncertainty).__name__
        raise StateError(f"an uncertainty of type {kind} cannot be divided: nobody knows what it is") from error
    header["DEGFACT"] = (float(factor), "Divided by this degradation")
    header["DEGVERS"] = (int(rows["VER_NUM"][epoch]), "Version of the calibration")
    header["DEGTBEG"] = (rows["T_START"][epoch].isot, "T_START of its epoch")
    header["DEGTABLE"] = printable(rows.name)
    said = f"version {header['DEGVERS']} of {rows.name}"
    add_history(header, f"correct_degradation: divided by {factor:.7g}, {channel} A at {time.isot}, {said}")
    result.header = header
    return result


def _channel(wavelength: Any) -> int:
    try:
        value = float(u.Quantity(wavelength, u.AA).value)
    except (TypeError, ValueError) as error:
        raise SettingsError(f"channel: should be a wavelength in angstrom, not {wavelength!r}") from error
    if not math.isclose(value, np.rint(value), rel_tol=1e-9):  # 9.4 nm is 94.00000000000001 angstrom
        raise SettingsError(f"channel: should be a whole number of angstrom, not {wavelength!r}")
    return round(value)


def _rows(channel: int, settings: DegradationSettings) -> CalibrationTable:
    version = settings.version
    if version is not None:
        version = min(version, _LAST_VERSION.get(channel, version))
    read = CalibrationTable.read(settings.table, series=SERIES, server=settings.server, timeout=settings.timeout)
    return read.select(channel, version)


def _left(rows: CalibrationTable, time: Time) -> tuple[np.ndarray, np.ndarray]:
    """Evaluate the formula; the epochs are the second result."""
    epoch, days = rows.at(time)
    area = rows["EFF_AREA"]
    p1, p2, p3 = (rows[f"EFFA_P{power}"][epoch] for power in (1, 2, 3))
    left = area[epoch] / area[rows.first_epoch] * (1 + days * (p1 + days * (p2 + days * p3)))
    wrong = ~(left > 0)
    if wrong.any():
        worst, when = np.extract(wrong, left)[0], time[wrong].isot.flat[0]
        raise TableError(
            f"the degradation of {rows['WAVE_STR'][0]} is {worst:g} on {when[:16]} "
            f"by version {rows['VER_NUM'][0]:g} of {rows.name}, which was not made for that time. "
            "Give another table or version"
        )
    return left, epoch
