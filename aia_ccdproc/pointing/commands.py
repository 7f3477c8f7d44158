"""What ``aia-prep pointing`` does: write a table to carry along, show, fill and clear the cache."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

import numpy as np
from astropy.io import ascii as ascii_tables
from astropy.table import Table, unique, vstack
from astropy.time import Time

from aia_ccdproc.errors import HeaderError, PointingError, WriteError
from aia_ccdproc.images.files import atomic_write
from aia_ccdproc.images.times import parse_time
from aia_ccdproc.pointing.cache import Month, PointingCache
from aia_ccdproc.pointing.jsoc import fetch_records
from aia_ccdproc.pointing.sources import JsocSource
from aia_ccdproc.pointing.table import SERIES, PointingTable
from aia_ccdproc.tables.jsoc import server_name
from aia_ccdproc.tables.network import TIMEOUT

#: Days that one query asks for at most.
_LONGEST_QUERY = 366

__all__ = ["clear_cache", "describe_cache", "fill_cache", "time_span", "write_table"]


def time_span(start: str, end: str) -> tuple[Time, Time]:
    """Read two times, and see that they are in order.

    Parameters
    ----------
    start, end : str
        Times as FITS or DRMS writes them, UTC.

    Returns
    -------
    tuple of `~astropy.time.Time`
        Both.

    Raises
    ------
    HeaderError
        If one is no time, or the end is not after the start.
    """
    times = parse_time(start), parse_time(end)
    if times[1].jyear > 2100:
        raise HeaderError(f"END ({end}) lies too far ahead")
    if times[1] <= times[0]:
        raise HeaderError(f"END ({end}) is not after START ({start})")
    return times


def write_table(
    start: Time,
    end: Time,
    path: str | os.PathLike[str],
    *,
    server: str | None = None,
    timeout: float = TIMEOUT,
    overwrite: bool = False,
) -> str:
    """Fetch the records between two times, and write them to a table.

    Parameters
    ----------
    start, end : `~astropy.time.Time`
        From when to when.
    path : str or path-like
        The table: ECSV, or CSV with JSOC's columns where its name ends in ``.csv``.
    server : str, optional
        Base URL of another DRMS server than JSOC.
    timeout : float
        Seconds after which to give up on a query; a year is asked for by one.
    overwrite : bool
        Whether a file that is there may be replaced.

    Returns
    -------
    str
        What was written, in words.

    Raises
    ------
    PointingError
        If the server does not answer, or has no record of that time.
    WriteError
        If the file is there already, cannot be written, or is neither ECSV nor CSV by its name.
    """
    path = Path(path)
    if path.suffix.lower() not in (".ecsv", ".csv"):
        raise WriteError(f"{path}: the name of a pointing table ends in .ecsv or .csv")
    if path.exists() and not overwrite:
        raise WriteError(f"{path}: is there already; --overwrite replaces it")
    edges = [*Time(np.arange(start.jd, end.jd, _LONGEST_QUERY), format="jd", scale="utc"), end]
    parts = [fetch_records(*span, server=server, timeout=timeout) for span in pairwise(edges)]
    parts = [part for part in parts if len(part)]
    records = unique(vstack(parts, metadata_conflicts="silent"), keys="T_START") if parts else Table()
    if len(records):
        whole = PointingTable(records)
        records = records[(whole.stop > start) & (whole.start < end)]
    if not len(records):
        raise PointingError(f"{server_name(server)} has no {SERIES} record between {start.isot} and {end.isot}")
    is_csv = path.suffix.lower() == ".csv"
    if not is_csv:
        records.meta = {"series": SERIES, "server": server_name(server), "fetched": Time.now().utc.isot}
    try:
        with atomic_write(path) as temporary:
            ascii_tables.write(records, temporary, format="csv" if is_csv else "ecsv", overwrite=True)
    except OSError as error:
        raise WriteError(f"{path}: cannot be written ({error.strerror})") from error
    return f"wrote {len(records)} records of {SERIES} to {path}"


def fill_cache(start: Time, end: Time, *, server: str | None = None, timeout: float = TIMEOUT) -> str:
    """Fetch the months between two times into the local cache.

    Parameters
    ----------
    start, end : `~astropy.time.Time`
        From when to when.
    server : str, optional
        Base URL of another DRMS server than JSOC.
    timeout : float
        Seconds after which to give up on a query.

    Returns
    -------
    str
        What is there now, in words.

    Raises
    ------
    PointingError
        If the server does not answer.
    """
    months = [Month.of(start)]
    while months[-1].end < end:
        months.append(months[-1].next)
    JsocSource(server, timeout).fetch(months)
    held = set(PointingCache(server_name(server)).months()) & set(months)
    if not held:
        raise PointingError(f"{server_name(server)} has no {SERIES} record from {months[0]} to {months[-1]}")
    return f"the local cache holds {len(held)} of the {len(months)} months from {months[0]} to {months[-1]}"


def describe_cache(server: str | None = None) -> list[str]:
    """Describe the local cache.

    Parameters
    ----------
    server : str, optional
        Base URL of a DRMS server; by default all that there are.

    Returns
    -------
    list of str
        Lines: the folder, and a line for each month.
    """
    lines = []
    for cache in _caches(server):
        tables = {month: cache.load(month) for month in cache.months()}
        held = [
            f"{month}  {len(table.table)} records, fetched {table.table.meta['fetched'][:19]}"
            for month, table in tables.items()
            if table is not None
        ]
        lines += [f"{cache.folder}: {len(held)} months", *held]
    return lines


def _caches(server: str | None) -> list[PointingCache]:
    return PointingCache.all() if server is None else [PointingCache(server_name(server))]


def clear_cache(server: str | None = None) -> list[str]:
    """Remove what the local cache holds of a server.

    Parameters
    ----------
    server : str, optional
        Base URL of a DRMS server; by default all that there are.

    Returns
    -------
    list of str
        What was removed, in words.
    """
    return [f"{cache.folder}: {cache.clear()} files removed" for cache in _caches(server)]
