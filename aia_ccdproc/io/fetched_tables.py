"""What was fetched is kept: in this process for an hour, and JSOC's tables in astropy's cache for bad times."""

from __future__ import annotations

import logging
import threading
import time as clock
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from astropy.config import get_cache_dir
from astropy.table import Table

from aia_ccdproc.errors import TableError
from aia_ccdproc.io.atomic import replacing
from aia_ccdproc.io.table_files import read_table_file

__all__ = ["FetchedOnce", "with_copy"]

#: For so long what was fetched, or that nothing could be, holds without asking again. Seconds.
_FRESH, _DOWN = 3600, 300

_log = logging.getLogger("aia_ccdproc")

T = TypeVar("T")


class _Outcome(NamedTuple, Generic[T]):
    since: float
    patience: float
    answer: T | None
    error: TableError | None = None


class FetchedOnce(Generic[T]):
    """What this process has fetched, and what it could not fetch, by name."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._outcomes: dict[str, _Outcome[T]] = {}

    def get(self, name: str, fetch: Callable[[], T], timeout: float) -> T:
        """Fetch what is not here already.

        Parameters
        ----------
        name : str
            What is wanted.
        fetch : callable
            Fetches it, or raises `~aia_ccdproc.TableError`.
        timeout : float
            Seconds that it has for that.

        Returns
        -------
        object
            What was fetched.

        Raises
        ------
        TableError
            If it cannot be fetched now, or could not a moment ago in as much time.
        """
        with self._lock:  # two threads that miss one table fetch it once
            known = self._outcomes.get(name)
            age = clock.monotonic() - known.since if known else 0.0
            if known and known.answer is not None and age < _FRESH:
                return known.answer
            if known and known.error and age < _DOWN and timeout <= known.patience:
                raise TableError(
                    f"{known.error} (that was {age:.0f} s ago; "
                    f"it is asked again after {_DOWN} s, or with a longer timeout)"
                )
            try:
                answer = fetch()
            except TableError as error:
                self._outcomes[name] = _Outcome(clock.monotonic(), timeout, None, error)
                raise
            self._outcomes[name] = _Outcome(clock.monotonic(), timeout, answer)
            return answer

    def forget(self) -> None:
        """Forget all of it."""
        self._outcomes.clear()


def with_copy(server: str, series: str, fetch: Callable[[], Table]) -> Table:
    """Fetch a table, or take the copy of an earlier answer: where it is an hour old, and where there is no answer.

    Parameters
    ----------
    server, series : str
        Where from, and what.
    fetch : callable
        Fetches it, or raises `~aia_ccdproc.TableError`.

    Returns
    -------
    `~astropy.table.Table`
        The table.
    """
    copy = _copy_of(server, series)
    with suppress(OSError, TableError):
        if 0 <= clock.time() - copy.stat().st_mtime < _FRESH:
            return read_table_file(copy)
    try:
        table = fetch()
    except TableError as error:
        with suppress(TableError):
            kept = read_table_file(copy)
            _log.warning("%s; using the copy of an earlier answer", error)
            return kept
        raise
    if len(table):
        try:
            copy.parent.mkdir(parents=True, exist_ok=True)
            with replacing(copy) as temporary:
                table.write(temporary, format="ascii.ecsv", overwrite=True)
        except OSError as error:
            _log.warning("%s of %s cannot be kept in the cache: %s", series, server, error)
    return table


def _copy_of(server: str, series: str) -> Path:
    folder = "".join(c if c.isalnum() or c in ".-" else "_" for c in server)
    try:
        return Path(get_cache_dir()) / "aia_ccdproc" / "tables" / folder / f"{series}.ecsv"
    except OSError as error:
        raise TableError(f"astropy's cache folder cannot be used: {error}") from error
