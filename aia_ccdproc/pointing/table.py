"""Tables of master pointing records, and the selection of a record.

A table has the columns of JSOC's series ``aia.master_pointing3h``: T_START and T_STOP, and for every channel
``A_094_X0``, ``A_094_Y0``, ``A_094_IMSCALE``, ``A_094_INSTROT``, with the wavelength in three or four digits.
"""

from __future__ import annotations

import functools
import hashlib
import math
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.table import Column, MaskedColumn, Table
from astropy.time import Time

from aia_ccdproc.errors import HeaderError, PointingError, TableError
from aia_ccdproc.images.files import cache_until_modified
from aia_ccdproc.images.times import ignore_erfa_warnings
from aia_ccdproc.tables.text import parse_time_column, read_table_file

__all__ = [
    "SERIES",
    "PointingRecord",
    "PointingTable",
    "PointingTableError",
    "convert_text_columns",
    "read_pointing_table",
]

#: JSOC's series of master pointing records.
SERIES = "aia.master_pointing3h"

#: Values of a channel, with their units in JSOC's series.
_VALUE_UNITS = {"X0": u.pix, "Y0": u.pix, "IMSCALE": u.arcsec / u.pix, "INSTROT": u.deg}
#: Columns that may contain JSOC's number of a record.
_NUMBER_COLUMNS = ("MPO_RECNUM", "*recnum*", "RECNUM", "recnum")


@dataclass(frozen=True)
class PointingRecord:
    """The pointing of one channel in one time interval."""

    name: str
    """Value of MPO_REC: ``aia.master_pointing3h[:#34506]``, or with T_START if the number is unknown."""
    start: str
    """T_START, UTC, in ISO format."""
    x0: float
    """Column of the Sun's center in the full frame, pixels counted from 0."""
    y0: float
    """Row of the Sun's center in the full frame, pixels counted from 0."""
    image_scale: float
    """Plate scale, arcsec per pixel."""
    instrument_roll: float
    """Roll angle of the instrument relative to the spacecraft, degrees."""


class PointingTableError(PointingError, TableError):
    """A pointing table cannot be read. That is not a missing record, so ``on_missing`` does not apply."""


class PointingTable:
    """Table of master pointing records.

    Parameters
    ----------
    table : `~astropy.table.Table`
        Records with JSOC's columns; or one row per record and channel, with the columns T_START, T_STOP, WAVELNTH, X0,
        Y0, IMSCALE and INSTROT.
    name : str
        Name of the table in messages and headers.

    Attributes
    ----------
    start, stop : `~astropy.time.Time`
        T_START and T_STOP of every row.

    Raises
    ------
    PointingError
        If the table is empty, a column is missing, or a time cannot be read.
    """

    def __init__(self, table: Table, name: str = "table") -> None:
        self.table, self.name = table, name
        self._check_columns("T_START", "T_STOP")
        if len(table) == 0:
            raise PointingTableError(f"{name}: not a pointing table: it is empty")
        #: Wavelengths in angstrom of the rows, if there is one row per record and channel.
        self._row_channels = self._read_channels() if "WAVELNTH" in table.colnames else None
        self.start = self._read_times("T_START")
        self.stop = self._read_times("T_STOP")

    def _check_columns(self, *columns: str) -> None:
        missing = [column for column in columns if column not in self.table.colnames]
        if missing:
            raise PointingTableError(f"{self.name}: not a pointing table: column {', '.join(missing)} is missing")

    def _read_times(self, column: str) -> Time:
        try:
            return parse_time_column(self.table[column])
        except HeaderError as error:
            raise PointingTableError(f"{self.name}: column {column}: {error}") from error

    def _read_channels(self) -> np.ndarray:
        self._check_columns(*_VALUE_UNITS)
        channels = np.array([self._read_number("WAVELNTH", row, u.AA) for row in range(len(self.table))])
        if not np.isfinite(channels).all():
            raise PointingTableError(f"{self.name}: not a pointing table: WAVELNTH is not a number in every row")
        return channels

    @functools.cached_property
    def digest(self) -> str:
        """Digest of the table's rows, independent of the format of its file.

        Returns
        -------
        str
            The first 16 hexadecimal digits of a SHA-256.
        """
        sha = hashlib.sha256()
        for name in self.table.colnames:
            column = self.table[name]
            cells = column.isot if isinstance(column, Time) else getattr(column, "value", column)
            sha.update("\n".join([name, *map(str, cells.tolist())]).encode())
        return sha.hexdigest()[:16]

    @ignore_erfa_warnings()
    def find_row(self, time: Time, channel: int | None = None) -> int | None:
        """Find the row that is valid at a time: T_START <= time < T_STOP.

        Parameters
        ----------
        time : `~astropy.time.Time`
            The time.
        channel : int, optional
            Wavelength, angstrom; selects rows if the table has one row per record and channel.

        Returns
        -------
        int or None
            Index of the row, or None. If two rows overlap, the one that starts later is valid: JSOC shortens a
            provisional record when it publishes the next one.
        """
        is_valid = (self.start <= time) & (time < self.stop)
        if channel is not None and self._row_channels is not None:
            is_valid &= self._row_channels == channel
        rows = np.flatnonzero(is_valid)
        return int(rows[np.argmax(self.start[rows].mjd)]) if rows.size else None

    @ignore_erfa_warnings()
    def record(self, time: Time, channel: int) -> PointingRecord:
        """Return the record of a channel that is valid at a time.

        Parameters
        ----------
        time : `~astropy.time.Time`
            T_OBS of the exposure.
        channel : int
            Wavelength of the channel, angstrom.

        Returns
        -------
        `PointingRecord`
            The record.

        Raises
        ------
        PointingError
            If no record is valid at the time, or the record does not have all values of the channel.
        """
        columns = self._value_columns(channel)
        row = self.find_row(time, channel)
        if row is None:
            raise PointingError(
                f"no {SERIES} record covers T_OBS={time.isot} ({channel} Å); the table {self.name} spans "
                f"{self.start.min().isot[:16]} to {self.stop.max().isot[:16]}. Give another table"
            )
        start = self.start[row].isot
        values = {value: self._read_number(columns[value], row, unit) for value, unit in _VALUE_UNITS.items()}
        missing = [value for value, number in values.items() if not math.isfinite(number)]
        if missing:
            raise PointingError(
                f"the {SERIES} record of {start} in {self.name} has no {', '.join(missing)} for {channel} Å. "
                "Give another table"
            )
        return PointingRecord(
            name=self._record_name(row),
            start=start,
            x0=values["X0"],
            y0=values["Y0"],
            image_scale=values["IMSCALE"],
            instrument_roll=values["INSTROT"],
        )

    def _value_columns(self, channel: int) -> dict[str, str]:
        """Return the names of the columns that contain X0, Y0, IMSCALE and INSTROT of a channel."""
        if self._row_channels is not None:
            return {value: value for value in _VALUE_UNITS}
        spellings = [f"A_{channel:03d}_", f"A_{channel:04d}_", f"A{channel:03d}_", f"A{channel:04d}_"]
        for prefix in spellings:
            columns = {value: prefix + value for value in _VALUE_UNITS}
            if all(column in self.table.colnames for column in columns.values()):
                return columns
        wanted = ", ".join(spellings[0] + value for value in _VALUE_UNITS)
        raise PointingError(f"{self.name}: no columns for {channel} Å; looked for {wanted}. Give another table")

    def _record_name(self, row: int) -> str:
        for column in _NUMBER_COLUMNS:
            if column in self.table.colnames:
                number = self._read_number(column, row, u.one)
                if math.isfinite(number):
                    return f"{SERIES}[:#{number:.0f}]"
        return f"{SERIES}[{self.start[row].isot}Z]"

    def _read_number(self, column: str, row: int, unit: u.UnitBase) -> float:
        """Read a cell as a number in a unit; NaN if it is missing. A column without a unit is in JSOC's unit."""
        cell = self.table[column][row]
        if cell is None or np.ma.is_masked(cell):
            return math.nan
        is_quantity = isinstance(cell, u.Quantity)
        cell_unit = cell.unit if is_quantity else getattr(self.table[column], "unit", None)
        try:
            number = float(cell.value if is_quantity else cell)
            return number if cell_unit is None else float(u.Quantity(number, cell_unit).to_value(unit))
        except u.UnitConversionError as error:
            raise PointingError(
                f"{self.name}: column {column} is in {cell_unit}, which cannot be converted to {unit}"
            ) from error
        except (TypeError, ValueError):  # JSOC's MISSING
            return math.nan


def read_pointing_table(source: str | os.PathLike[str] | Table) -> PointingTable:
    """Read a table of pointing records.

    Parameters
    ----------
    source : str, path-like or `~astropy.table.Table`
        Path of an ECSV file, or of a CSV file with JSOC's columns; or the table itself. A file is parsed again only
        when it has changed.

    Returns
    -------
    `PointingTable`
        The table.

    Raises
    ------
    PointingTableError
        If the file cannot be read, or is not a pointing table.
    """
    if isinstance(source, Table):
        return PointingTable(source, "given")
    try:
        return _read_file(Path(source))
    except OSError as error:
        raise PointingTableError(f"cannot open the pointing table {source} ({error.strerror})") from None


@cache_until_modified(files=8)
def _read_file(path: Path) -> PointingTable:
    try:
        table = read_table_file(path)
    except TableError as error:
        raise PointingTableError(str(error)) from error
    return PointingTable(convert_text_columns(table), path.name)


def convert_text_columns(table: Table) -> Table:
    """Convert the columns of channels that are text to numbers, masked where JSOC has MISSING.

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
            numbers = [_to_float(str(cell)) for cell in table[name]]
            table[name] = MaskedColumn(numbers, mask=~np.isfinite(numbers))
    return table


def _to_float(text: str) -> float:
    try:
        return float(text)
    except ValueError:  # JSOC's MISSING
        return math.nan
