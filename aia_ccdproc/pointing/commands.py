"""Actions of ``aia-prep pointing``: write a pointing table; fill, describe or clear the local cache."""

from __future__ import annotations

import datetime
import os
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
from astropy.io import ascii as ascii_tables
from astropy.table import Table, unique, vstack
from astropy.time import Time

from aia_ccdproc.errors import HeaderError, PointingError, SettingsError, WriteError, pluralize
from aia_ccdproc.images.files import atomic_write
from aia_ccdproc.images.times import ignore_erfa_warnings, parse_time
from aia_ccdproc.pointing.cache import PointingCache
from aia_ccdproc.pointing.jsoc import fetch_months, fetch_records
from aia_ccdproc.pointing.months import Month, describe_months
from aia_ccdproc.pointing.table import SERIES, PointingTable
from aia_ccdproc.tables.jsoc import server_name
from aia_ccdproc.tables.network import TIMEOUT_SECONDS, QueryError

__all__ = ["clear_cache", "describe_cache", "fill_cache", "parse_interval", "write_table"]

_MAX_DAYS_PER_QUERY = 366
#: The year in which SDO was launched. A time that is earlier, or later than the last year, is a typing error.
_FIRST_YEAR, _LAST_YEAR = 2010, 2100


#: A year, a month or a day, as FITS or DRMS writes it.
_PERIOD = re.compile(r"(\d{4})(?:[-.](\d\d)(?:[-.](\d\d))?)?")


@ignore_erfa_warnings()
def parse_interval(start: str, end: str | None = None) -> tuple[Time, Time]:
    """Parse the start and the end of a time interval.

    Parameters
    ----------
    start, end : str
        Years (``2017``), months (``2017-08``), days (``2017-08-07``) or times, in a format of FITS or DRMS, UTC. An end
        that is a year, a month or a day is part of the interval. Without an end, the interval is that of the start,
        which must then be a year, a month or a day.

    Returns
    -------
    tuple of `~astropy.time.Time`
        Start and end.

    Raises
    ------
    SettingsError
        If one of them is not a time, the end is not after the start, the start is before the year 2010, or the end is
        after the year 2100; or if the start is a time, and there is no end.
    """
    if end is None and not _PERIOD.fullmatch(start.strip()):
        raise SettingsError(f"START ({start}) is not a year, a month or a day. Give END, too")
    last = start if end is None else end
    try:
        times = _bounds(start)[0], _bounds(last)[1]
    except (HeaderError, ValueError, OverflowError) as error:
        raise SettingsError(f"START and END must be years, months, days or times: {error}") from error
    if times[0].ymdhms["year"] < _FIRST_YEAR:
        raise SettingsError(f"START ({start}) is before {_FIRST_YEAR}, the year in which SDO was launched")
    if times[1] > Time(f"{_LAST_YEAR + 1}-01-01"):
        raise SettingsError(f"END ({last}) is after the year {_LAST_YEAR}")
    if times[1] <= times[0]:
        raise SettingsError(f"END ({last}) is not after START ({start})")
    return times


def _bounds(text: str) -> tuple[Time, Time]:
    """Return the start and the end of a year, a month or a day; for any other text twice the time."""
    match = _PERIOD.fullmatch(text.strip())
    if match is None:
        time = parse_time(text)
        return time, time
    year, month, day = match.groups()
    if day is None:
        return Month(f"{year}-{month or '01'}").start, Month(f"{year}-{month or '12'}").end
    start = datetime.date(int(year), int(month), int(day))
    end = start + datetime.timedelta(days=1)
    return parse_time(start.isoformat()), parse_time(end.isoformat())


def write_table(
    start: Time,
    end: Time,
    path: str | os.PathLike[str],
    *,
    server: str | None = None,
    timeout: float = TIMEOUT_SECONDS,
    overwrite: bool = False,
) -> str:
    """Fetch the records that are valid in a time interval, and write them to a table.

    Parameters
    ----------
    start, end : `~astropy.time.Time`
        Start and end of the interval.
    path : str or path-like
        Path of the table. The suffix ``.ecsv`` or ``.csv`` gives the format.
    server : str, optional
        Base URL of another DRMS server than JSOC.
    timeout : float
        Time limit in seconds for each query; one query covers at most a year.
    overwrite : bool
        Whether an existing file is replaced.

    Returns
    -------
    str
        Message with the number of records and the path.

    Raises
    ------
    PointingError
        If the server does not answer, or has no records of the interval.
    WriteError
        If the file exists already or cannot be written, or its suffix is neither ``.ecsv`` nor ``.csv``.
    """
    path = Path(path)
    if path.suffix.lower() not in (".ecsv", ".csv"):
        raise WriteError(f"{path}: the name of a pointing table must end in .ecsv or .csv")
    if path.exists() and not overwrite:
        raise WriteError(f"{path} already exists. Use --overwrite to replace it")
    edges = [*Time(np.arange(start.jd, end.jd, _MAX_DAYS_PER_QUERY), format="jd", scale="utc"), end]
    try:
        parts = [fetch_records(*interval, server=server, timeout=timeout) for interval in pairwise(edges)]
    except QueryError as error:
        raise PointingError(str(error)) from None
    parts = [part for part in parts if len(part)]
    records = unique(vstack(parts, metadata_conflicts="silent"), keys="T_START") if parts else Table()
    if len(records):
        table = PointingTable(records)
        records = records[(table.stop > start) & (table.start < end)]
    if not len(records):
        raise PointingError(
            f"{server_name(server)} has no {SERIES} record between {start.isot} and {end.isot}. Choose another interval"
        )
    is_csv = path.suffix.lower() == ".csv"
    if not is_csv:
        records.meta = {"series": SERIES, "server": server_name(server), "fetched": Time.now().utc.isot}
    try:
        with atomic_write(path) as temporary:
            ascii_tables.write(records, temporary, format="csv" if is_csv else "ecsv", overwrite=True)
    except OSError as error:
        raise WriteError(f"{path}: cannot be written ({error.strerror})") from error
    return f"wrote {pluralize(len(records), 'record')} of {SERIES} to {path}"


def fill_cache(start: Time, end: Time, *, server: str | None = None, timeout: float = TIMEOUT_SECONDS) -> str:
    """Fetch the months of a time interval into the local cache.

    Parameters
    ----------
    start, end : `~astropy.time.Time`
        Start and end of the interval.
    server : str, optional
        Base URL of another DRMS server than JSOC.
    timeout : float
        Time limit in seconds for each query; one query covers at most a year.

    Returns
    -------
    str
        Message with the number of cached months.

    Raises
    ------
    PointingError
        If the server does not answer, or has no records of these months.
    """
    months = [Month.of(start)]
    while months[-1].end < end:
        months.append(months[-1].next)
    try:
        fetch_months(months, server=server, timeout=timeout)
    except QueryError as error:
        raise PointingError(str(error)) from None
    cached = set(PointingCache(server_name(server)).months()) & set(months)
    if not cached:
        raise PointingError(
            f"{server_name(server)} has no {SERIES} record of {describe_months(months)}. Choose another interval"
        )
    if len(months) == 1:
        return f"the local cache contains {months[0]}"
    return f"the local cache contains {len(cached)} of the {len(months)} months {describe_months(months)}"


def describe_cache(server: str | None = None) -> list[str]:
    """Describe the local cache.

    Parameters
    ----------
    server : str, optional
        Base URL of a DRMS server; by default all servers in the cache.

    Returns
    -------
    list of str
        For each server a line with the folder, and one line per month.
    """
    lines = []
    for cache in _caches(server):
        tables = {month: cache.load(month) for month in cache.months()}
        month_lines = [
            f"{month}  {pluralize(len(table.table), 'record')}, fetched {table.table.meta['fetched'][:19]}"
            for month, table in tables.items()
            if table is not None
        ]
        lines += [f"{cache.folder}: {pluralize(len(month_lines), 'month')}", *month_lines]
    return lines


def clear_cache(server: str | None = None) -> list[str]:
    """Remove the files of the local cache.

    Parameters
    ----------
    server : str, optional
        Base URL of a DRMS server; by default all servers in the cache.

    Returns
    -------
    list of str
        For each server a line with the folder and the number of removed files.
    """
    return [f"{cache.folder}: {pluralize(cache.clear(), 'file')} removed" for cache in _caches(server)]


def _caches(server: str | None) -> list[PointingCache]:
    return PointingCache.of_all_servers() if server is None else [PointingCache(server_name(server))]
