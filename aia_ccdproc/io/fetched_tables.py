"""What was fetched is kept: in this process for an hour, and JSOC's tables in astropy's cache for bad times."""

from __future__ import annotations

import logging
import threading
import time as clock
from collections.abc import Callable, Hashable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar, Generic, NamedTuple, TypeAlias, TypeVar

from astropy.config import get_cache_dir
from astropy.table import Table

from aia_ccdproc.errors import PrepError, TableError
from aia_ccdproc.io.atomic import replacing
from aia_ccdproc.io.table_files import read_table_file

__all__ = ["FetchedOnce", "Known", "with_copy"]

#: For so long what was fetched, or that nothing could be, holds without asking again. Seconds.
_FRESH, _DOWN = 3600, 300

_log = logging.getLogger("aia_ccdproc")

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class _Answer(NamedTuple, Generic[T]):
    since: float
    value: T


class _Failure(NamedTuple):
    since: float
    #: Seconds that were given to the one who was asked.
    patience: float
    kind: type[PrepError]
    text: str


#: What is known of each kind, for another process: answers and failures, with an age in place of a time.
Known: TypeAlias = dict[str, tuple[list[tuple[Any, _Answer[Any]]], list[tuple[str, _Failure]]]]


class FetchedOnce(Generic[K, T]):
    """What this process, and the one that started it, have fetched of a kind, and whom they asked in vain.

    Parameters
    ----------
    kind : str
        What it is, ``"tables of calibrations"``. There is one of each kind in a process.
    pack, unpack : callable, optional
        What is sent to another process for an answer, ``pack(key, answer)``, and what that one makes of it,
        ``unpack(key, packed)``, which raises `LookupError` if it cannot. By default the answer itself.
    """

    _all: ClassVar[dict[str, FetchedOnce[Any, Any]]] = {}
    _told: ClassVar[Known] = {}

    def __init__(
        self,
        kind: str,
        pack: Callable[[K, T], Any] = lambda _, answer: answer,
        unpack: Callable[[K, Any], T] = lambda _, packed: packed,
    ) -> None:
        self._pack, self._unpack = pack, unpack
        self._lock = threading.Lock()
        self._answers: dict[K, _Answer[T]] = {}
        self._failures: dict[str, _Failure] = {}
        self._all[kind] = self
        if kind in self._told:
            self._take_over(*self._told.pop(kind))

    def get(self, key: K, fetch: Callable[[], T], *, timeout: float) -> T:
        """Fetch what is not here already.

        Parameters
        ----------
        key : hashable
            What is wanted.
        fetch : callable
            Fetches it, or raises a `~aia_ccdproc.PrepError`.
        timeout : float
            Seconds that it has for that.

        Returns
        -------
        object
            What was fetched.

        Raises
        ------
        PrepError
            If it cannot be fetched now, or could not a moment ago in as much time.
        """
        return self.get_all([key], lambda _: [(key, fetch())], whom=str(key), timeout=timeout)[0]

    def get_all(
        self, keys: Sequence[K], fetch: Callable[[list[K]], Iterable[tuple[K, T]]], *, whom: str, timeout: float
    ) -> list[T]:
        """Fetch at once all that is not here already.

        Parameters
        ----------
        keys : sequence of hashable
            What is wanted.
        fetch : callable
            Given what is not here, yields each with what was fetched for it, or raises a `~aia_ccdproc.PrepError`; what
            it has yielded before is kept.
        whom : str
            Who is asked: the failure is theirs.
        timeout : float
            Seconds that it has for that.

        Returns
        -------
        list
            What was fetched, in the order of the keys.

        Raises
        ------
        PrepError
            If it cannot be fetched now, or they did not answer a moment ago in as much time.
        """
        with self._lock:  # two threads that miss one thing fetch it once
            now = clock.monotonic()
            here = {key for key, answer in self._answers.items() if now - answer.since < _FRESH}
            missing = [key for key in dict.fromkeys(keys) if key not in here]
            if missing:
                self._refuse_who_is_down(whom, now, timeout)
                try:
                    for key, answer in fetch(missing):
                        self._answers[key] = _Answer(clock.monotonic(), answer)
                except PrepError as error:
                    self._failures[whom] = _Failure(clock.monotonic(), timeout, type(error), str(error))
                    raise
            return [self._answers[key].value for key in keys]

    def _refuse_who_is_down(self, whom: str, now: float, timeout: float) -> None:
        failure = self._failures.get(whom)
        if failure and now - failure.since < _DOWN and timeout <= failure.patience:
            raise failure.kind(
                f"{failure.text} (that was {now - failure.since:.0f} s ago; "
                f"it is asked again after {_DOWN} s, or with a longer timeout)"
            )

    def forget(self) -> None:
        """Forget all of it."""
        self._answers.clear()
        self._failures.clear()

    @classmethod
    def forget_everything(cls) -> None:
        """Forget all of every kind."""
        for each in cls._all.values():
            each.forget()

    @classmethod
    def known(cls) -> Known:
        """Tell what this process knows of every kind, so that those it starts need not ask again.

        Returns
        -------
        dict
            To be pickled, and given to `learn` there.
        """
        now = clock.monotonic()
        return {
            kind: (
                [(key, _Answer(now - a.since, each._pack(key, a.value))) for key, a in each._answers.items()],
                [(whom, failure._replace(since=now - failure.since)) for whom, failure in each._failures.items()],
            )
            for kind, each in cls._all.items()
        }

    @classmethod
    def learn(cls, known: Known) -> None:
        """Take over what another process knows; of a kind that is not there yet, when it is.

        Parameters
        ----------
        known : dict
            As `known` gives it.
        """
        for kind, what in known.items():
            if kind in cls._all:
                cls._all[kind]._take_over(*what)
            else:
                cls._told[kind] = what

    def _take_over(self, answers: list[tuple[K, _Answer[Any]]], failures: list[tuple[str, _Failure]]) -> None:
        now = clock.monotonic()  # clocks of processes differ, ages do not
        for key, packed in answers:
            with suppress(LookupError):
                self._answers[key] = _Answer(now - packed.since, self._unpack(key, packed.value))
        for whom, failure in failures:
            self._failures[whom] = failure._replace(since=now - failure.since)


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
