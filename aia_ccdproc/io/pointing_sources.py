"""Where a pointing record can come from: a table, the local cache, JSOC. Small pieces that make a chain."""

from __future__ import annotations

import logging
import threading
import time as clock
from collections.abc import Callable, Iterable
from functools import lru_cache, partial
from itertools import pairwise
from typing import Any, ClassVar, NamedTuple, TypeAlias

from astropy.table import Table
from astropy.time import Time

from aia_ccdproc.errors import PointingError, TableError
from aia_ccdproc.io.jsoc import fetch_records, server_name
from aia_ccdproc.io.network import download_table
from aia_ccdproc.io.pointing_cache import Month, PointingCache, is_final, records_of
from aia_ccdproc.io.pointing_table import SERIES, PointingRecord, PointingTable, read_pointing_table
from aia_ccdproc.keywords import any_year
from aia_ccdproc.settings import PointingSettings

__all__ = ["Found", "find_record", "prefetch"]

#: Months that one query asks for at most.
_LONGEST_QUERY = 12
#: For so long what was fetched, or that nothing could be, holds in this process without asking again. Seconds.
_FRESH, _DOWN = 3600, 300

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
    found = _table_at(table, timeout) if at_url else read_pointing_table(table)
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


class Known(NamedTuple):
    """What a process knows of servers of pointing records."""

    fetched: list[tuple[str, Month, float, bool]]
    """Server, month, age, and whether the month is empty."""
    down: list[tuple[str, float, float, str]]
    """Server, age, seconds that it was given, and what went wrong."""


class JsocSource:
    """JSOC or another DRMS server. What it gives is kept in the cache, and in this process for an hour.

    Parameters
    ----------
    server : str or `drms.Client`, optional
        The server.
    timeout : float
        Seconds after which all tries together are given up.
    """

    _lock = threading.Lock()
    _fetched: ClassVar[dict[tuple[str, Month], tuple[float, PointingTable | None]]] = {}
    _down: ClassVar[dict[str, tuple[float, float, str]]] = {}

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
        with self._lock:  # two threads that miss one month fetch it once
            self.fetch([month])
            table = self._fetched[self._name, month][1]
        if table is None:
            raise PointingError(
                f"{self._name} has no {SERIES} record for T_OBS={time.isot} ({channel} Å), nor any in {month}. "
                "Give a table"
            )
        return Found(table.record(time, channel), self._name, table.digest)

    def fetch(self, months: Iterable[Month]) -> None:
        """Fetch months, in as few queries as can be, but for those that are fresh in this process.

        Parameters
        ----------
        months : iterable of `Month`
            What is wanted.
        """
        now = clock.monotonic()
        since, patience, why = self._down.get(self._name, (-_DOWN, 0.0, ""))
        wanted = [m for m in sorted(set(months)) if now - self._fetched.get((self._name, m), (-_FRESH, 0))[0] >= _FRESH]
        for run in _runs(wanted):
            if now - since < _DOWN and self._timeout <= patience:
                raise PointingError(
                    f"{why} (that was {now - since:.0f} s ago; "
                    f"it is asked again after {_DOWN} s, or with a longer timeout)"
                )
            try:
                records = fetch_records(run[0].start, run[-1].end, server=self._server, timeout=self._timeout)
            except PointingError as error:
                self._down[self._name] = (clock.monotonic(), self._timeout, str(error))
                raise
            self._keep(run, records)

    def _keep(self, months: list[Month], records: Table) -> None:
        cache, now = PointingCache(self._name), Time.now()
        for month in months:
            # The same slice whatever else was fetched with it, so that its digest does not depend on that.
            held = records_of(month, records)
            table = PointingTable(held, self._name) if len(held) else None
            self._fetched[self._name, month] = (clock.monotonic(), table)
            if table is not None:
                try:
                    cache.store(month, held, now)
                except OSError as error:
                    _log.warning("the pointing records cannot be kept in the local cache: %s", error)

    @classmethod
    def known(cls) -> Known:
        """Tell what this process knows, so that those it starts need not ask again.

        Returns
        -------
        Known
            Which months it has fetched, and who did not answer, each with its age in seconds: clocks differ.
        """
        now = clock.monotonic()
        fetched = [(name, month, now - since, table is None) for (name, month), (since, table) in cls._fetched.items()]
        down = [(name, now - since, patience, why) for name, (since, patience, why) in cls._down.items()]
        return Known(fetched, down)

    @classmethod
    def learn(cls, known: Known) -> None:
        """Take over what another process knows; the records themselves are in the local cache.

        Parameters
        ----------
        known : Known
            As `known` gives it.
        """
        now = clock.monotonic()
        for name, month, age, is_empty in known.fetched:
            table = None if is_empty else PointingCache(name).load(month)
            if is_empty or table is not None:
                cls._fetched[name, month] = (now - age, table)
        for name, age, patience, why in known.down:
            cls._down[name] = (now - age, patience, why)

    @classmethod
    def forget(cls) -> None:
        """Forget what this process has fetched, and who did not answer."""
        cls._fetched.clear()
        cls._down.clear()


def _runs(months: list[Month]) -> list[list[Month]]:
    """Join months that follow each other into runs for one query each."""
    runs = [months[:1]] if months else []
    for before, month in pairwise(months):
        if before.next == month and len(runs[-1]) < _LONGEST_QUERY:
            runs[-1].append(month)
        else:
            runs.append([month])
    return runs


@lru_cache(maxsize=8)
def _table_at(url: str, timeout: float) -> PointingTable:
    """Download and parse a table, once in a process."""
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
    settings : `~aia_ccdproc.settings.PointingSettings`
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
            with any_year():
                return source(time, channel)
        except PointingError as error:
            said.setdefault(str(error), error)
    raise PointingError(". ".join(text.removesuffix(".") for text in said)) from next(reversed(said.values()))


def prefetch(settings: PointingSettings, times: Iterable[Time]) -> None:
    """Fetch at once what a batch will ask for.

    Parameters
    ----------
    settings : `~aia_ccdproc.settings.PointingSettings`
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
    with any_year():
        _prefetch(settings, times)


def _prefetch(settings: PointingSettings, times: Iterable[Time]) -> None:
    wanted: dict[Month, list[Time]] = {}
    for time in times:
        wanted.setdefault(Month.of(time), []).append(time)
    if "jsoc" not in settings.sources:
        cache = PointingCache(server_name(settings.server))
        wanted = {month: some for month, some in wanted.items() if not _holds(cache.load(month), some)}
    if wanted:
        with JsocSource._lock:
            JsocSource(settings.server, settings.timeout).fetch(wanted)


def _holds(table: PointingTable | None, times: list[Time]) -> bool:
    return table is not None and all(is_final(table, time) for time in times)
