"""Calibration tables by channel, version and epoch: SSW's response and error tables, JSOC's ``aia.response``."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.table import Column, Table
from astropy.time import Time

from aia_ccdproc.errors import HeaderError, TableError
from aia_ccdproc.images.files import cache_until_modified
from aia_ccdproc.images.times import ignore_erfa_warnings
from aia_ccdproc.tables.cache import FetchCache
from aia_ccdproc.tables.disk_cache import fetch_with_fallback
from aia_ccdproc.tables.download import download_table
from aia_ccdproc.tables.jsoc import query_series, server_name
from aia_ccdproc.tables.network import TIMEOUT_SECONDS, QueryError
from aia_ccdproc.tables.text import parse_time_column, read_table_file

if TYPE_CHECKING:
    import drms

__all__ = ["CalibrationTable"]

_NEEDED_COLUMNS = ("T_START", "T_STOP", "VER_NUM", "WAVE_STR")
_TIME_COLUMNS = ("T_START", "T_STOP")
_TEXT_COLUMNS = ("DATE", "WAVE_STR")


@dataclass(frozen=True)
class CalibrationTable:  # numpydoc ignore=PR02
    """Calibration values of channels, each for a version of the calibration and an epoch from T_START to T_STOP.

    Parameters
    ----------
    table : `~astropy.table.Table`
        Table with the columns T_START, T_STOP, VER_NUM, WAVE_STR (``"171_THIN"``, ``"1600"``) and the calibration
        values. Strings are converted: T_START and T_STOP to `~astropy.time.Time`, UTC; the other columns, except DATE
        and WAVE_STR, to float64, NaN where a value is missing.
    name : str
        Name of the table in messages and headers.

    Raises
    ------
    TableError
        If the table is empty, a column is missing, or a time cannot be read.
    """

    table: Table
    name: str = "table"

    def __post_init__(self) -> None:
        missing = [column for column in _NEEDED_COLUMNS if column not in self.table.colnames]
        if missing or not len(self.table):
            reason = f"column {', '.join(missing)} is missing" if missing else "it is empty"
            raise TableError(f"{self.name}: not a calibration table: {reason}")
        try:
            columns = {name: _convert_column(name, self.table[name]) for name in self.table.colnames}
        except HeaderError as error:
            raise TableError(f"{self.name}: not a calibration table: {error}") from error
        object.__setattr__(self, "table", Table(columns))

    @classmethod
    def read(
        cls,
        source: str | os.PathLike[str] | Table | CalibrationTable,
        *,
        series: str | None = None,
        server: str | drms.Client | None = None,
        timeout: float = TIMEOUT_SECONDS,
    ) -> CalibrationTable:
        """Read a table from a file, a URL or JSOC.

        Parameters
        ----------
        source : str, path-like, `~astropy.table.Table` or `CalibrationTable`
            Path of a file (ECSV, CSV, or in SSW's format), URL of one, ``"jsoc"``, or the table itself. A file is
            parsed again only when it has changed. A fetched table is cached in memory for an hour. Its copy on disk
            is used when the network fails.
        series : str, optional
            JSOC's series that the source ``"jsoc"`` means.
        server : str or `drms.Client`, optional
            Another DRMS server than JSOC: a client, or the base URL of the server's CGIs (the URL of ``jsoc_info``
            without that name).
        timeout : float
            Time limit for all network requests and retries together, in seconds.

        Returns
        -------
        `CalibrationTable`
            The table.

        Raises
        ------
        TableError
            If the table cannot be read or fetched, or is not a calibration table.
        """
        if isinstance(source, CalibrationTable):
            return source
        if isinstance(source, Table):
            return cls(source)
        try:
            if source == "jsoc" and series:
                return _from_server(series, server, timeout)
            if isinstance(source, str) and "://" in source:
                return _from_url(source, timeout)
            return _from_file(Path(source))
        except QueryError as error:
            raise error.reworded(error.what, "give a table") from None
        except OSError as error:
            raise TableError(f"cannot open the table {source} ({error.strerror})") from None

    def select(self, channel: int, version: int | None = None) -> CalibrationTable:
        """Select the rows of a channel in one version.

        Parameters
        ----------
        channel : int
            Wavelength, angstrom.
        version : int, optional
            VER_NUM; by default the highest for the channel.

        Returns
        -------
        `CalibrationTable`
            The rows, in the order of this table.

        Raises
        ------
        TableError
            If the table has no such rows.
        """
        # "171_THIN" and "1600": only the EUV channels have a thick filter besides the thin one.
        rows = self.table[np.isin(self["WAVE_STR"], [f"{channel}", f"{channel}_THIN"]) & np.isfinite(self["VER_NUM"])]
        if not len(rows):
            channels = ", ".join(dict.fromkeys(map(str, self["WAVE_STR"])))
            raise TableError(f"{self.name} has no rows for {channel} Å, only for {channels}")
        versions = np.unique(rows["VER_NUM"])
        chosen = versions[-1] if version is None else version
        if chosen not in versions:
            existing = ", ".join(f"{number:g}" for number in versions)
            raise TableError(f"{self.name} has no version {chosen:g} for {channel} Å, only {existing}")
        return CalibrationTable(rows[rows["VER_NUM"] == chosen], self.name)

    def __getitem__(self, column: str) -> Any:
        """Return a column.

        Parameters
        ----------
        column : str
            Name of the column.

        Returns
        -------
        `~numpy.ndarray` or `~astropy.time.Time`
            One value per row.

        Raises
        ------
        TableError
            If the table has no column of that name.
        """
        if column not in self.table.colnames:
            raise TableError(f"{self.name} has no column {column}, only {', '.join(self.table.colnames)}")
        values = self.table[column]
        return values if isinstance(values, Time) else values.data

    @property
    def colnames(self) -> list[str]:
        """Column names, as in a `~astropy.table.Table`.

        Returns
        -------
        list of str
            The names.
        """
        return list(self.table.colnames)

    @property
    def first_epoch_row(self) -> int:
        """Index of the row with the earliest T_START.

        Returns
        -------
        int
            The index; if several rows start at that time, that of the last one.
        """
        return len(self.table) - 1 - int(np.argmin(self["T_START"].mjd[::-1]))

    def rows_at(self, time: Time) -> tuple[np.ndarray, np.ndarray]:
        """Find the rows that apply at given times: T_START <= time < T_STOP.

        Parameters
        ----------
        time : `~astropy.time.Time`
            Times, of any shape.

        Returns
        -------
        rows : `~numpy.ndarray`
            Index of a row for each time, of the same shape. Where epochs overlap, the last row applies.
        days : `~numpy.ndarray`
            Days since T_START of that row, of the same shape.

        Raises
        ------
        TableError
            If a time is in no epoch.
        """
        start, stop = self["T_START"], self["T_STOP"]
        rows = np.full(time.shape, -1)
        with ignore_erfa_warnings():
            for row in range(len(self.table)):
                rows[(start[row] <= time) & (time < stop[row])] = row
            outside = rows < 0
            if outside.any():
                raise TableError(
                    f"no epoch of {self.name} covers {time.utc[outside].isot.flat[0]} for {self['WAVE_STR'][0]}, "
                    f"version {self['VER_NUM'][0]:g}: they span {start.min().isot[:16]} to {stop.max().isot[:16]}. "
                    "Give another table"
                )
            return rows, (time - start[rows]).to_value("day")


_fetched: FetchCache[str, CalibrationTable] = FetchCache("calibration tables")


@cache_until_modified(files=8)
def _from_file(path: Path) -> CalibrationTable:
    return CalibrationTable(read_table_file(path), path.name)


def _from_url(url: str, timeout: float) -> CalibrationTable:
    def download() -> CalibrationTable:
        return download_table(url, read, timeout)

    def read(path: Path, name: str) -> CalibrationTable:
        return CalibrationTable(read_table_file(path, name), url.rpartition("/")[2])

    return _fetched.get(url, download, timeout=timeout)


def _from_server(series: str, server: str | drms.Client | None, timeout: float) -> CalibrationTable:
    name = f"{series} of {server_name(server)}"

    def query() -> Table:
        # VER_NUM is not a prime key: without [!1=1!] only the last record of each channel and T_START is returned.
        return query_series(f"{series}[][!1=1!]", needed=_NEEDED_COLUMNS, server=server, timeout=timeout)

    def convert(table: Table) -> CalibrationTable:
        if not len(table):
            raise TableError(f"{server_name(server)} has no records of {series}. Give a table")
        return CalibrationTable(table, name)

    return _fetched.get(name, lambda: fetch_with_fallback(server_name(server), series, query, convert), timeout=timeout)


def _convert_column(name: str, column: Any) -> Any:
    if name in _TIME_COLUMNS:
        return parse_time_column(column)
    if name in _TEXT_COLUMNS:
        return Column([str(cell).strip() for cell in column])
    return Column([_convert_number(cell) for cell in getattr(column, "value", column)])


def _convert_number(cell: Any) -> float:
    try:
        return float(np.ma.filled(cell, np.nan))
    except (TypeError, ValueError):  # JSOC's MISSING
        return float("nan")
