"""Tables of master pointing records, and the choice of a record from one.

The columns are those of JSOC's series ``aia.master_pointing3h``: T_START and T_STOP, and for every channel
``A_094_X0``, ``A_094_Y0``, ``A_094_IMSCALE``, ``A_094_INSTROT``, the wavelength in three digits or four.
"""

from __future__ import annotations

import functools
import hashlib
import math
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.table import Column, MaskedColumn, Table
from astropy.time import Time

from aia_ccdproc.errors import HeaderError, PointingError, TableError
from aia_ccdproc.images.files import cache_until_modified
from aia_ccdproc.images.times import ignore_erfa_warnings
from aia_ccdproc.tables.text import column_times, read_table_file

__all__ = ["SERIES", "PointingRecord", "PointingTable", "plain_table", "read_pointing_table"]

SERIES = "aia.master_pointing3h"

#: What a record holds of a channel, with the units of JSOC's table.
_VALUES = {"X0": u.pix, "Y0": u.pix, "IMSCALE": u.arcsec / u.pix, "INSTROT": u.deg}
#: Columns that may hold JSOC's number of the record.
_RECORD_NUMBERS = ("MPO_RECNUM", "*recnum*", "RECNUM", "recnum")


@dataclass(frozen=True)
class PointingRecord:
    """The pointing of one channel over one stretch of time."""

    name: str
    """As MPO_REC has it: ``aia.master_pointing3h[:#34506]``, or by T_START where the number is not known."""
    start: str
    """T_START, UTC, ISO."""
    x0: float
    """Column of the Sun's centre in the full frame, counted from 0, in pixels."""
    y0: float
    """Row of the Sun's centre in the full frame, counted from 0, in pixels."""
    image_scale: float
    """Plate scale, arcsec per pixel."""
    instrument_roll: float
    """Roll of the instrument against the spacecraft, degrees."""


@dataclass(frozen=True)
class PointingTable:  # numpydoc ignore=PR02
    """Master pointing records, ready to be asked.

    Parameters
    ----------
    table : `~astropy.table.Table`
        Records with JSOC's columns, or one row for every record and channel with the columns WAVELNTH, X0, Y0,
        IMSCALE and INSTROT.
    name : str
        What to call the table in messages and in headers.

    Raises
    ------
    PointingError
        If a column is missing, or a time cannot be read.
    """

    table: Table
    name: str = "table"
    start: Time = field(init=False, repr=False)
    """T_START of every row."""
    stop: Time = field(init=False, repr=False)
    """T_STOP of every row."""
    _channels: np.ndarray | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        missing = [key for key in ("T_START", "T_STOP") if key not in self.table.colnames]
        if missing:
            raise PointingError(f"{self.name}: no pointing table: column {', '.join(missing)} is missing")
        if len(self.table) == 0:
            raise PointingError(f"{self.name}: the pointing table is empty")
        object.__setattr__(self, "_channels", self._channel_of_rows())
        for key, attribute in (("T_START", "start"), ("T_STOP", "stop")):
            try:
                object.__setattr__(self, attribute, column_times(self.table[key]))
            except HeaderError as error:
                raise PointingError(f"{self.name}: column {key}: {error}") from error

    @functools.cached_property
    def digest(self) -> str:
        """The first 16 hexadecimal digits of the SHA-256 of the table's rows, whatever its file looked like.

        Returns
        -------
        str
            The digest.
        """
        sha = hashlib.sha256()
        for name in self.table.colnames:
            column = self.table[name]
            cells = column.isot if isinstance(column, Time) else getattr(column, "value", column)
            sha.update("\n".join([name, *map(str, cells.tolist())]).encode())
        return sha.hexdigest()[:16]

    def record(self, time: Time, channel: int) -> PointingRecord:
        """Choose the record that holds at a time: T_START <= time < T_STOP.

        Parameters
        ----------
        time : `~astropy.time.Time`
            T_OBS of the exposure.
        channel : int
            Wavelength of the channel, angstrom.

        Returns
        -------
        `PointingRecord`
            The record; where two overlap, the one that starts later, for JSOC cuts a provisional one short.

        Raises
        ------
        PointingError
            If none covers the time, or the one that does lacks a value for the channel.
        """
        with ignore_erfa_warnings():
            return self._record(time, channel)

    def _record(self, time: Time, channel: int) -> PointingRecord:
        covers = (self.start <= time) & (time < self.stop)
        columns = {} if self._channels is not None else self._columns(channel)
        if self._channels is not None:
            covers &= self._channels == channel
        if not covers.any():
            raise PointingError(
                f"no {SERIES} record covers T_OBS={time.isot} ({channel} Å); the table {self.name} spans "
                f"{self.start.min().isot[:16]} to {self.stop.max().isot[:16]}. Give another table"
            )
        rows = np.flatnonzero(covers)
        index = int(rows[np.argmax(self.start[rows].mjd)])
        row = self.table[index]
        start = self.start[index].isot
        values = {key: self._cell(row, columns.get(key, key), unit) for key, unit in _VALUES.items()}
        absent = [key for key, value in values.items() if not math.isfinite(value)]
        if absent:
            raise PointingError(
                f"the {SERIES} record of {start} in {self.name} has no {', '.join(absent)} for {channel} Å. "
                "Give another table"
            )
        return PointingRecord(
            name=f"{SERIES}[{self._number(row) or start + 'Z'}]",
            start=start,
            x0=values["X0"],
            y0=values["Y0"],
            image_scale=values["IMSCALE"],
            instrument_roll=values["INSTROT"],
        )

    def _channel_of_rows(self) -> np.ndarray | None:
        """Read WAVELNTH, where there is a row for every record and channel."""
        if "WAVELNTH" not in self.table.colnames:
            return None
        missing = [key for key in _VALUES if key not in self.table.colnames]
        if missing:
            raise PointingError(f"{self.name}: no pointing table: column {', '.join(missing)} is missing")
        channels = np.array([_value(cell, u.AA) for cell in self.table["WAVELNTH"]])
        if not np.isfinite(channels).all():
            raise PointingError(f"{self.name}: no pointing table: WAVELNTH is not a number in every row")
        return channels

    def _columns(self, channel: int) -> dict[str, str]:
        spelled = [f"A_{channel:03d}_", f"A_{channel:04d}_", f"A{channel:03d}_", f"A{channel:04d}_"]
        for prefix in spelled:
            columns = {key: prefix + key for key in _VALUES}
            if all(column in self.table.colnames for column in columns.values()):
                return columns
        wanted = ", ".join(spelled[0] + key for key in _VALUES)
        raise PointingError(f"{self.name}: no columns for {channel} Å; looked for {wanted}")

    def _cell(self, row: Any, column: str, unit: u.UnitBase) -> float:
        """Read a value, in the unit of JSOC's table whatever the column's."""
        value, given = _value(row[column], unit), getattr(self.table[column], "unit", None)
        if given is None or isinstance(row[column], u.Quantity):
            return value
        try:
            return float(u.Quantity(value, given).to_value(unit))
        except u.UnitConversionError as error:
            raise PointingError(f"{self.name}: column {column} is in {given}, which is no {unit}") from error

    def _number(self, row: Any) -> str:
        for column in _RECORD_NUMBERS:
            number = _value(row[column], u.one) if column in self.table.colnames else math.nan
            if math.isfinite(number):
                return f":#{number:.0f}"
        return ""


def _value(cell: Any, unit: u.UnitBase) -> float:
    if cell is None or np.ma.is_masked(cell):
        return math.nan
    if isinstance(cell, u.Quantity):
        try:
            return float(cell.to_value(unit))
        except u.UnitConversionError as error:
            raise PointingError(f"a value in {cell.unit} of a pointing table is no {unit}") from error
    try:
        return float(cell)
    except (TypeError, ValueError):  # JSOC writes MISSING
        return math.nan


def read_pointing_table(source: str | os.PathLike[str] | Table) -> PointingTable:
    """Read a table of pointing records.

    Parameters
    ----------
    source : str, path-like or `~astropy.table.Table`
        Path of an ECSV file or of a CSV file with JSOC's columns, or the table itself. A file is parsed once for
        as long as it does not change.

    Returns
    -------
    `PointingTable`
        The table.

    Raises
    ------
    PointingError
        If there is no such file, or it is no pointing table.
    """
    if isinstance(source, Table):
        return PointingTable(source, "given")
    path = Path(source)
    try:
        return _read_file(path)
    except OSError as error:
        raise PointingError(f"{path}: no such pointing table ({error.strerror})") from None


@cache_until_modified(files=8)
def _read_file(path: Path) -> PointingTable:
    try:
        table = read_table_file(path)
    except TableError as error:
        raise PointingError(str(error)) from error
    return PointingTable(plain_table(table), path.name)


def plain_table(table: Table) -> Table:
    """Turn the columns of text that are numbers but for JSOC's MISSING into numbers.

    Parameters
    ----------
    table : `~astropy.table.Table`
        Records with JSOC's columns; changed in place.

    Returns
    -------
    `~astropy.table.Table`
        The same table.
    """
    for name in table.colnames:
        if isinstance(table[name], Column) and table[name].dtype.kind in "US" and name.startswith("A"):
            cells = [str(cell) for cell in table[name]]
            numbers = [_value(cell, u.one) for cell in cells]
            table[name] = MaskedColumn(numbers, mask=~np.isfinite(numbers))
    return table
