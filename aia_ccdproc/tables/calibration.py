"""Tables of calibrations by channel, version and epoch: SSW's response and error tables, JSOC's ``aia.response``."""

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
from aia_ccdproc.tables.cache import FetchedOnce, with_copy
from aia_ccdproc.tables.jsoc import query_series, server_name
from aia_ccdproc.tables.network import TIMEOUT, download_table
from aia_ccdproc.tables.text import column_times, read_table_file

if TYPE_CHECKING:
    import drms

__all__ = ["CalibrationTable"]

_KEYS = ("T_START", "T_STOP", "VER_NUM", "WAVE_STR")
_TEXTS = ("DATE", "WAVE_STR")


@dataclass(frozen=True)
class CalibrationTable:  # numpydoc ignore=PR02
    """Rows that hold for a channel, in a version of the calibration, from T_START to T_STOP.

    Parameters
    ----------
    table : `~astropy.table.Table`
        With the columns T_START, T_STOP, VER_NUM, WAVE_STR (``"171_THIN"``, ``"1600"``) and what is calibrated. Texts
        are read as times and numbers; the result has T_START and T_STOP as `~astropy.time.Time`, UTC, and numbers as
        float64, NaN where there is none.
    name : str
        What to call it in messages and headers.

    Raises
    ------
    TableError
        If a column is missing, or a time cannot be read.
    """

    table: Table
    name: str = "table"

    def __post_init__(self) -> None:
        missing = [key for key in _KEYS if key not in self.table.colnames]
        if missing or not len(self.table):
            why = f"column {', '.join(missing)} is missing" if missing else "it is empty"
            raise TableError(f"{self.name}: no table of calibrations: {why}")
        try:
            columns = {name: _column(name, self.table[name]) for name in self.table.colnames}
        except HeaderError as error:
            raise TableError(f"{self.name}: no table of calibrations: {error}") from error
        object.__setattr__(self, "table", Table(columns))

    @classmethod
    def read(
        cls,
        source: str | os.PathLike[str] | Table | CalibrationTable,
        *,
        series: str = "",
        server: str | drms.Client | None = None,
        timeout: float = TIMEOUT,
    ) -> CalibrationTable:
        """Read a table, from wherever it is.

        Parameters
        ----------
        source : str, path-like, `~astropy.table.Table` or `CalibrationTable`
            Path of a file (ECSV, CSV, or as SSW writes them), URL of one, ``"jsoc"``, or the table itself. A file is
            parsed once for as long as it does not change. What is fetched is kept for an hour, and in astropy's cache
            for when there is no network.
        series : str
            JSOC's series that ``"jsoc"`` means.
        server : str or `drms.Client`, optional
            Another DRMS server than JSOC: the base URL of its CGIs, or a client.
        timeout : float
            Seconds after which all tries together are given up.

        Returns
        -------
        `CalibrationTable`
            The table.

        Raises
        ------
        TableError
            If it cannot be had, or is no table of calibrations.
        """
        if isinstance(source, CalibrationTable):
            return source
        if isinstance(source, Table):
            return cls(source)
        if source == "jsoc" and series:
            name = f"{series} of {server_name(server)}"
            return _fetched.get(name, lambda: _ask(series, server, timeout, name), timeout=timeout)
        if isinstance(source, str) and "://" in source:
            name = source.rpartition("/")[2]
            return _fetched.get(source, lambda: _read(Path(download_table(source, timeout)), name), timeout=timeout)
        path = Path(source)
        try:
            return _read_file(path)
        except OSError as error:
            raise TableError(f"{path}: no such table ({error.strerror})") from None

    @staticmethod
    def forget() -> None:
        """Forget what this process has fetched, and what it could not fetch."""
        _fetched.forget()

    def select(self, channel: int, version: int | None = None) -> CalibrationTable:
        """Take the rows of a channel in a version.

        Parameters
        ----------
        channel : int
            Wavelength, angstrom.
        version : int, optional
            VER_NUM; by default the newest that there is for the channel.

        Returns
        -------
        `CalibrationTable`
            Its rows, in the order in which they are.

        Raises
        ------
        TableError
            If there are none.
        """
        # "171_THIN" and "1600": only the EUV channels have a thick filter beside the thin one.
        rows = self.table[np.isin(self["WAVE_STR"], [f"{channel}", f"{channel}_THIN"]) & np.isfinite(self["VER_NUM"])]
        versions = np.unique(rows["VER_NUM"])
        if not len(rows):
            known = ", ".join(dict.fromkeys(map(str, self["WAVE_STR"])))
            raise TableError(f"{self.name} has no rows for {channel} Å; it has {known}")
        chosen = versions[-1] if version is None else version
        if chosen not in versions:
            known = ", ".join(f"{one:g}" for one in versions)
            raise TableError(f"{self.name} has no version {chosen:g} for {channel} Å; it has {known}")
        return CalibrationTable(rows[rows["VER_NUM"] == chosen], self.name)

    def __getitem__(self, column: str) -> Any:
        """Give a column.

        Parameters
        ----------
        column : str
            Its name.

        Returns
        -------
        `~numpy.ndarray` or `~astropy.time.Time`
            A value for every row.

        Raises
        ------
        TableError
            If there is none of that name.
        """
        if column not in self.table.colnames:
            raise TableError(f"{self.name} has no column {column}; it has {', '.join(self.table.colnames)}")
        values = self.table[column]
        return values if isinstance(values, Time) else values.data

    @property
    def colnames(self) -> list[str]:
        """The names of the columns, as a `~astropy.table.Table` has them.

        Returns
        -------
        list of str
            Names.
        """
        return self.table.colnames

    @property
    def first_epoch(self) -> int:
        """The row with the earliest T_START.

        Returns
        -------
        int
            Its index; of several the last.
        """
        return len(self.table) - 1 - int(np.argmin(self["T_START"].mjd[::-1]))

    def at(self, time: Time) -> tuple[np.ndarray, np.ndarray]:
        """Find the rows that hold at given times: T_START <= time < T_STOP.

        Parameters
        ----------
        time : `~astropy.time.Time`
            The times, of any shape.

        Returns
        -------
        rows : `~numpy.ndarray`
            Index of a row for each time, of the same shape. Where epochs overlap the last row wins.
        days : `~numpy.ndarray`
            Days since its T_START.

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
                    f"version {self['VER_NUM'][0]:g}; it spans {start.min().isot[:16]} to {stop.max().isot[:16]}. "
                    "Give another table"
                )
            return rows, (time - start[rows]).to_value("day")


_fetched: FetchedOnce[str, CalibrationTable] = FetchedOnce("tables of calibrations")


@cache_until_modified(files=8)
def _read_file(path: Path) -> CalibrationTable:
    return _read(path, path.name)


def _read(path: Path, name: str) -> CalibrationTable:
    return CalibrationTable(read_table_file(path), name)


def _ask(series: str, server: Any, timeout: float, name: str) -> CalibrationTable:
    def understand(table: Table) -> CalibrationTable:
        if not len(table):
            raise TableError(f"{server_name(server)} has no records of {series}. Give a table")
        return CalibrationTable(table, name)

    # The version is no prime key: without [!1=1!] the last record of a channel and T_START hides the others.
    dataset = f"{series}[][!1=1!]"
    return with_copy(
        server_name(server),
        series,
        lambda: query_series(dataset, needed=_KEYS, server=server, timeout=timeout),
        understand,
    )


def _column(name: str, column: Any) -> Any:
    if name in ("T_START", "T_STOP"):
        return column_times(column)
    if name in _TEXTS:
        return Column([str(cell).strip() for cell in column])
    return Column([_number(cell) for cell in getattr(column, "value", column)])


def _number(cell: Any) -> float:
    try:
        return float(np.ma.filled(cell, np.nan))
    except (TypeError, ValueError):  # JSOC writes MISSING
        return float("nan")
