"""Where a pointing record can come from: a table, the local cache, JSOC. Small pieces that make a chain."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple, TypeAlias

from astropy.time import Time

from aia_ccdproc.errors import PointingError, TableError
from aia_ccdproc.images.times import ignore_erfa_warnings
from aia_ccdproc.pointing.cache import Month, PointingCache, is_final, records_of
from aia_ccdproc.pointing.jsoc import fetch_records
from aia_ccdproc.pointing.settings import PointingSettings
from aia_ccdproc.pointing.table import SERIES, PointingRecord, PointingTable, read_pointing_table
from aia_ccdproc.tables.cache import FetchedOnce
from aia_ccdproc.tables.jsoc import server_name
from aia_ccdproc.tables.network import download_table

__all__ = ["Found", "find_record", "prefetch"]

#: Months that one query asks for at most.
_LONGEST_QUERY = 12

_log = logging.getLogger("aia_ccdproc")


class Found(NamedTuple):
    """A record and where it is from."""

    record: PointingRecord
    provider: str
    digest: str


#: Gives the record that holds at a time for a channel, or raises `PointingError`.
Source: TypeAlias = Callable[[Time, int], Found]


def _from_table(table: Any, timeout: float, time: Time, channel: int) -> Found:
    """Look into a table: given, in a file, or at a URL."""
    at_url = isinstance(table, str) and "://" in table
    if at_url:
        found = _at_url.get(table, lambda: _table_at(table, timeout), timeout=timeout)
    else:
        found = read_pointing_table(table)
    return Found(found.record(time, channel), f"table {found.name.rpartition('/')[2]}", found.digest)


def _from_cache(server: Any, final_only: bool, time: Time, channel: int) -> Found:
    """Look into the local cache; what may have changed since can be left to another source."""
    month = Month.of(time)
    table = PointingCache(server_name(server)).load(month)
    if table is None:
        raise PointingError(f"the local pointing cache does not hold {month}")
    if not is_final(table, time):
        if final_only:
            raise PointingError(f"what the local pointing cache holds of {time.isot} is provisional")
        _log.warning("the pointing record of %s in the local cache may have changed since", time.isot[:19])
    return Found(table.record(time, channel), server_name(server), table.digest)


def _load(key: tuple[str, Month], is_empty: bool) -> PointingTable | None:
    """Load what another process has fetched and cached."""
    server, month = key
    table = None if is_empty else PointingCache(server).load(month)
    if table is None and not is_empty:
        raise LookupError(month)
    return table


#: Months of records, by the server's name; None for one in which it has none.
_months: FetchedOnce[tuple[str, Month], PointingTable | None] = FetchedOnce(
    "months of pointing records", pack=lambda _, table: table is None, unpack=_load
)
_at_url: FetchedOnce[str, PointingTable] = FetchedOnce("tables of pointing records")


class JsocSource:
    """JSOC or another DRMS server. What it gives is kept in the cache, and in this process for an hour.

    Parameters
    ----------
    server : str or `drms.Client`, optional
        The server.
    timeout : float
        Seconds after which all tries together are given up.
    """

    def __init__(self, server: Any, timeout: float) -> None:
        self._server, self._timeout = server, timeout
        self._name = server_name(server)

    def find(self, time: Time, channel: int) -> Found:
        """Look into the month, and fetch it if it is not there.

        Parameters
        ----------
        time : `~astropy.time.Time`
            T_OBS.
        channel : int
            Wavelength, angstrom.

        Returns
        -------
        Found
            The record.
        """
        month = Month.of(time)
        [table] = self.fetch([month])
        if table is None:
            raise PointingError(
                f"{self._name} has no {SERIES} record for T_OBS={time.isot} ({channel} Å), nor any in {month}. "
                "Give a table"
            )
        return Found(table.record(time, channel), self._name, table.digest)

    def fetch(self, months: Iterable[Month]) -> list[PointingTable | None]:
        """Fetch months, in as few queries as can be, but for those that are fresh in this process.

        Parameters
        ----------
        months : iterable of `Month`
            What is wanted.

        Returns
        -------
        list of `PointingTable` or None
            The records of each month; None for one in which there are none.
        """
        keys = [(self._name, month) for month in months]
        return _months.get_all(keys, self._fetch, whom=self._name, timeout=self._timeout)

    def _fetch(self, keys: list[tuple[str, Month]]) -> Iterator[tuple[tuple[str, Month], PointingTable | None]]:
        cache = PointingCache(self._name)
        for run in _runs(sorted(month for _, month in keys)):
            records = fetch_records(run[0].start, run[-1].end, server=self._server, timeout=self._timeout)
            now = Time.now()
            for month in run:
                # The same slice whatever else was fetched with it, so that its digest does not depend on that.
                held = records_of(month, records)
                yield (self._name, month), PointingTable(held, self._name) if len(held) else None
                if len(held):
                    try:
                        cache.store(month, held, now)
                    except OSError as error:
                        _log.warning("the pointing records cannot be kept in the local cache: %s", error)


def _runs(months: list[Month]) -> list[list[Month]]:
    """Join months that follow each other into runs for one query each."""
    runs = [months[:1]] if months else []
    for before, month in pairwise(months):
        if before.next == month and len(runs[-1]) < _LONGEST_QUERY:
            runs[-1].append(month)
        else:
            runs.append([month])
    return runs


def _table_at(url: str, timeout: float) -> PointingTable:
    """Download and parse a table."""
    try:
        path = download_table(url, timeout)
    except TableError as error:
        raise PointingError(f"{error} (made elsewhere by aia-prep pointing)") from error
    return PointingTable(read_pointing_table(path).table, url)


def _chain(settings: PointingSettings) -> list[Source]:
    """Make the sources that a recipe names, in the order in which they are asked."""
    jsoc = JsocSource(settings.server, settings.timeout).find
    any_record = partial(_from_cache, settings.server, False)
    named: dict[str, list[Source]] = {
        # What is provisional is better than nothing.
        "auto": [partial(_from_cache, settings.server, True), jsoc, any_record],
        "cache": [any_record],
        "jsoc": [jsoc],
    }
    chain: list[Source] = []
    for source in settings.sources:
        is_word = isinstance(source, str) and source in named
        chain += named[source] if is_word else [partial(_from_table, source, settings.timeout)]
    return chain


def find_record(settings: PointingSettings, time: Time, channel: int) -> Found:
    """Find the pointing record of an exposure.

    Parameters
    ----------
    settings : `~aia_ccdproc.pointing.settings.PointingSettings`
        Which sources, in which order.
    time : `~astropy.time.Time`
        T_OBS.
    channel : int
        Wavelength, angstrom.

    Returns
    -------
    `Found`
        The record of the first source that has one.

    Raises
    ------
    PointingError
        If none has; what each of them said.
    """
    said: dict[str, PointingError] = {}
    for source in _chain(settings):
        try:
            with ignore_erfa_warnings():
                return source(time, channel)
        except PointingError as error:
            said.setdefault(str(error), error)
    raise PointingError(". ".join(text.removesuffix(".") for text in said)) from next(reversed(said.values()))


def prefetch(settings: PointingSettings, times: Iterable[Time]) -> None:
    """Fetch at once what a batch will ask for.

    Parameters
    ----------
    settings : `~aia_ccdproc.pointing.settings.PointingSettings`
        Which sources.
    times : iterable of `~astropy.time.Time`
        T_OBS of the batch's files.

    Raises
    ------
    PointingError
        If the server does not answer.
    """
    if not {"auto", "jsoc"} & {name for name in settings.sources if isinstance(name, str)}:
        return
    with ignore_erfa_warnings():
        _prefetch(settings, times)


def _prefetch(settings: PointingSettings, times: Iterable[Time]) -> None:
    wanted: dict[Month, list[Time]] = {}
    for time in times:
        wanted.setdefault(Month.of(time), []).append(time)
    if "jsoc" not in settings.sources:
        cache = PointingCache(server_name(settings.server))
        wanted = {month: some for month, some in wanted.items() if not _holds(cache.load(month), some)}
    if wanted:
        JsocSource(settings.server, settings.timeout).fetch(wanted)


def _holds(table: PointingTable | None, times: list[Time]) -> bool:
    return table is not None and all(is_final(table, time) for time in times)
