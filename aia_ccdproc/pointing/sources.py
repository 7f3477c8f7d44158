"""Sources of pointing records, and the order in which they are asked.

The setting ``source`` of ``update_pointing`` names the sources:

===============  ====================================================================================================
``"auto"``       1. the local cache, if its record is final; 2. the server (JSOC), whose answer is stored in the local
                 cache; 3. the local cache, even if its record is provisional
``"cache"``      the local cache, even if its record is provisional
``"jsoc"``       the server
path or table    the table
URL              the table at the URL, downloaded once per hour and process
a list of these  the sources of its elements, in order
===============  ====================================================================================================

The first source that has a record for T_OBS and the channel is used. A source without one raises `PointingError`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from astropy.time import Time

from aia_ccdproc.errors import PointingError, TableError, redact_url
from aia_ccdproc.images.times import ignore_erfa_warnings
from aia_ccdproc.pointing.cache import PointingCache, is_final
from aia_ccdproc.pointing.jsoc import fetch_months
from aia_ccdproc.pointing.months import Month
from aia_ccdproc.pointing.settings import PointingSettings
from aia_ccdproc.pointing.table import (
    SERIES,
    PointingRecord,
    PointingTable,
    PointingTableError,
    convert_text_columns,
    read_pointing_table,
)
from aia_ccdproc.tables.cache import FetchCache
from aia_ccdproc.tables.download import download_table
from aia_ccdproc.tables.jsoc import server_name
from aia_ccdproc.tables.network import NoAnswerError, QueryError
from aia_ccdproc.tables.text import read_table_file

__all__ = ["FoundRecord", "find_record", "prefetch"]


_log = logging.getLogger("aia_ccdproc")


class FoundRecord(NamedTuple):
    """A pointing record, and where it was found."""

    record: PointingRecord
    provider: str
    """Value of MPO_SRC: name of the server, or ``table`` and the name of the table."""
    digest: str
    """Digest of the table that contains the record."""


#: A function that returns the record of a time and a channel in angstrom, or raises `PointingError`.
Source: TypeAlias = Callable[[PointingSettings, Time, int], FoundRecord]


@ignore_erfa_warnings()
def find_record(settings: PointingSettings, time: Time, channel: int) -> FoundRecord:
    """Find the pointing record of an exposure.

    Parameters
    ----------
    settings : `~aia_ccdproc.pointing.settings.PointingSettings`
        The sources, the server and its timeout.
    time : `~astropy.time.Time`
        T_OBS.
    channel : int
        Wavelength, angstrom.

    Returns
    -------
    `FoundRecord`
        The record, from the first source that has one.

    Raises
    ------
    PointingError
        If no source has a record; with the reasons of all of them. It is a `PointingTableError` if a table cannot be
        read.
    """
    errors: dict[str, PointingError] = {}
    for element in settings.sources:
        for find in _source_functions(element):
            try:
                return find(settings, time, channel)
            except PointingError as error:
                errors.setdefault(str(error), error)
    error_type = PointingTableError if any(isinstance(e, TableError) for e in errors.values()) else PointingError
    raise error_type(". ".join(errors)) from None


def _source_functions(element: Any) -> Sequence[Source]:
    """Return the functions for one element of the setting ``source``, in the order in which they are asked."""
    if isinstance(element, str) and element in _NAMED_SOURCES:
        return _NAMED_SOURCES[element]
    if isinstance(element, str) and "://" in element:
        return (partial(_from_url, element),)
    return (partial(_from_table, element),)


def _from_final_cache(settings: PointingSettings, time: Time, channel: int) -> FoundRecord:
    table = _cached_month(settings, time)
    if not is_final(table, time):
        raise PointingError(f"the record of {time.isot} in the local pointing cache is provisional")
    return FoundRecord(table.record(time, channel), server_name(settings.server), table.digest)


def _from_cache_alone(settings: PointingSettings, time: Time, channel: int) -> FoundRecord:
    try:
        return _from_cache(settings, time, channel)
    except _NotCachedError as error:
        raise PointingError(f"{error}. To fill it, {_advice(settings, time)}") from None


def _from_cache(settings: PointingSettings, time: Time, channel: int) -> FoundRecord:
    table = _cached_month(settings, time)
    if not is_final(table, time):
        _log.warning("the pointing record of %s in the local cache is provisional; it may have changed", time.isot[:19])
    return FoundRecord(table.record(time, channel), server_name(settings.server), table.digest)


def _cached_month(settings: PointingSettings, time: Time) -> PointingTable:
    month = Month.of(time)
    table = PointingCache(server_name(settings.server)).load(month)
    if table is None:
        raise _NotCachedError(f"the local pointing cache does not contain {month}")
    return table


class _NotCachedError(PointingError):
    """The local cache has no records of a month."""


def _advice(settings: PointingSettings, time: Time) -> str:
    """Return what a user can do while a network is available, for later work without one."""
    server = f" --server {redact_url(settings.server)}" if isinstance(settings.server, str) else ""
    return f"run while a network is available: aia-prep pointing {Month.of(time)[:4]} --cache fill{server}"


def _from_server(settings: PointingSettings, time: Time, channel: int) -> FoundRecord:
    month, name = Month.of(time), server_name(settings.server)
    try:
        [table] = fetch_months([month], server=settings.server, timeout=settings.timeout)
    except QueryError as error:
        raise PointingError(str(error.reworded(error.what, _advice(settings, time)))) from None
    if table is None:
        raise PointingError(
            f"{name} has no {SERIES} record for T_OBS={time.isot} ({channel} Å), nor any in {month}. Give a table"
        )
    return FoundRecord(table.record(time, channel), name, table.digest)


def _from_table(source: Any, settings: PointingSettings, time: Time, channel: int) -> FoundRecord:
    return _found_in(read_pointing_table(source), time, channel)


#: Tables that were downloaded, by URL.
_downloaded: FetchCache[str, PointingTable] = FetchCache("downloaded pointing tables")


def _from_url(url: str, settings: PointingSettings, time: Time, channel: int) -> FoundRecord:
    def download() -> PointingTable:
        return download_table(url, read, settings.timeout)

    def read(path: Path, name: str) -> PointingTable:
        return PointingTable(convert_text_columns(read_table_file(path, name)), name)

    try:
        table = _downloaded.get(url, download, timeout=settings.timeout)
    except QueryError as error:
        # A table that does not exist, for example, is a wrong setting.
        error_type = PointingError if isinstance(error, NoAnswerError) else PointingTableError
        raise error_type(str(error.reworded(error.what, "give another table"))) from None
    except PointingTableError:
        raise
    except TableError as error:  # the answer is not a table
        raise PointingTableError(str(error)) from None
    return _found_in(table, time, channel)


def _found_in(table: PointingTable, time: Time, channel: int) -> FoundRecord:
    return FoundRecord(table.record(time, channel), f"table {table.name.rpartition('/')[2]}", table.digest)


#: The sources that have a name. A provisional record is better than none, so "auto" asks the cache twice.
_NAMED_SOURCES: dict[str, Sequence[Source]] = {
    "auto": (_from_final_cache, _from_server, _from_cache),
    "cache": (_from_cache_alone,),
    "jsoc": (_from_server,),
}


@ignore_erfa_warnings()
def prefetch(settings: PointingSettings, times: Iterable[Time]) -> None:
    """Fetch the pointing records of a batch with as few queries as possible.

    Parameters
    ----------
    settings : `~aia_ccdproc.pointing.settings.PointingSettings`
        The sources, the server and its timeout.
    times : iterable of `~astropy.time.Time`
        T_OBS of the files.

    Raises
    ------
    PointingError
        If the server does not answer.
    """
    if not settings.uses_server:
        return
    months: dict[Month, list[Time]] = {}
    for time in times:
        months.setdefault(Month.of(time), []).append(time)
    if "jsoc" not in [source for source in settings.sources if isinstance(source, str)]:
        cache = PointingCache(server_name(settings.server))
        months = {month: group for month, group in months.items() if not _has_final(cache.load(month), group)}
    if not months:
        return
    try:
        fetch_months(months, server=settings.server, timeout=settings.timeout)
    except QueryError as error:
        raise PointingError(str(error)) from None


def _has_final(table: PointingTable | None, times: list[Time]) -> bool:
    """Return whether a month is cached and its records of all these times are final."""
    return table is not None and all(is_final(table, time) for time in times)
