"""What was fetched is kept: in this process for an hour, and JSOC's tables in astropy's cache for bad times."""

from __future__ import annotations

import logging
import threading
import time as clock
from collections.abc import Callable, Hashable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

from astropy.config import get_cache_dir
from astropy.table import Table

from aia_ccdproc.errors import PrepError, TableError
from aia_ccdproc.images.files import atomic_write
from aia_ccdproc.tables.network import NoAnswerError
from aia_ccdproc.tables.text import read_table_file

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


class Known(NamedTuple):
    """What is known of a kind, for another process: with an age in place of a time."""

    answers: list[tuple[Any, _Answer[Any]]]
    failures: list[tuple[Any, _Failure]]


class FetchedOnce(Generic[K, T]):
    """What this process, and the one that started it, have fetched of a kind, and what or whom they asked in vain.

    Parameters
    ----------
    kind : str
        What it is, ``"tables of calibrations"``. There is one of each kind in a process.
    pack, unpack : callable, optional
        What is sent to another process for an answer, ``pack(key, answer)``, and what that one makes of it,
        ``unpack(key, packed)``, which raises `LookupError` if it cannot. By default the answer itself.
    """

    _all: ClassVar[dict[str, FetchedOnce[Any, Any]]] = {}
    _told: ClassVar[dict[str, Known]] = {}

    def __init__(
        self,
        kind: str,
        pack: Callable[[K, T], Any] = lambda _, answer: answer,
        unpack: Callable[[K, Any], T] = lambda _, packed: packed,
    ) -> None:
        self._pack, self._unpack = pack, unpack
        self._lock = threading.Lock()
        self._answers: dict[K, _Answer[T]] = {}
        #: By what was asked for, and by who did not answer at all.
        self._failures: dict[K | str, _Failure] = {}
        self._all[kind] = self
        if kind in self._told:
            self._take_over(self._told.pop(kind))

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
        self,
        keys: Sequence[K],
        fetch: Callable[[list[K]], Iterable[tuple[K, T | PrepError]]],
        *,
        whom: str,
        timeout: float,
    ) -> list[T]:
        """Fetch at once all that is not here already.

        Parameters
        ----------
        keys : sequence of hashable
            What is wanted.
        fetch : callable
            Given what is not here, yields each with what was fetched for it, or with the `~aia_ccdproc.PrepError` that
            came of it; or raises one, which holds for all that it has not yielded.
        whom : str
            Who is asked. If they do not answer in time, they are not asked for anything else for a while.
        timeout : float
            Seconds that it has for that.

        Returns
        -------
        list
            What was fetched, in the order of the keys.

        Raises
        ------
        PrepError
            If something cannot be fetched now, or could not a moment ago in as much time.
        """
        if self._missing(keys):
            with self._lock:  # two threads that miss one thing fetch it once
                failed = {key: self._failure(key, timeout) for key in self._missing(keys)}
                wanted = [key for key, failure in failed.items() if failure is None]
                if wanted:
                    if down := self._failure(whom, timeout):
                        raise down
                    self._fetch(wanted, fetch, whom, timeout)
                for failure in failed.values():
                    if failure:
                        raise failure
        return [self._answers[key].value for key in keys]

    def _missing(self, keys: Sequence[K]) -> list[K]:
        oldest = clock.monotonic() - _FRESH
        return [key for key in dict.fromkeys(keys) if key not in self._answers or self._answers[key].since < oldest]

    def _fetch(
        self, missing: list[K], fetch: Callable[[list[K]], Iterable[tuple[K, T | PrepError]]], whom: str, timeout: float
    ) -> None:
        failed: list[PrepError] = []
        left = dict.fromkeys(missing)
        try:
            for key, answer in fetch(missing):
                del left[key]
                if isinstance(answer, PrepError):
                    self._note(key, answer, timeout)
                    failed.append(answer)
                else:
                    self._answers[key] = _Answer(clock.monotonic(), answer)
                    self._failures.pop(key, None)
                self._failures.pop(whom, None)
        except PrepError as error:
            is_down = isinstance(error, NoAnswerError) or isinstance(error.__cause__, NoAnswerError)
            for what in [whom] if is_down else left:
                self._note(what, error, timeout)
            raise
        if failed:
            raise failed[0]

    def _note(self, what: K | str, error: PrepError, timeout: float) -> None:
        self._failures[what] = _Failure(clock.monotonic(), timeout, type(error), str(error))

    def _failure(self, what: K | str, timeout: float) -> PrepError | None:
        """Tell of a failure that holds still."""
        failure, now = self._failures.get(what), clock.monotonic()
        if failure is None or now - failure.since >= _DOWN or timeout > failure.patience:
            return None
        return failure.kind(
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
    def known(cls) -> dict[str, Known]:
        """Tell what this process knows of every kind, so that those it starts need not ask again.

        Returns
        -------
        dict of str to Known
            To be pickled, and given to `learn` there.
        """
        now = clock.monotonic()
        return {
            kind: Known(
                [(key, _Answer(now - a.since, each._pack(key, a.value))) for key, a in list(each._answers.items())],
                [(what, failure._replace(since=now - failure.since)) for what, failure in list(each._failures.items())],
            )
            for kind, each in list(cls._all.items())
        }

    @classmethod
    def learn(cls, known: dict[str, Known]) -> None:
        """Take over what another process knows; of a kind that is not there yet, when it is.

        Parameters
        ----------
        known : dict of str to Known
            As `known` gives it.
        """
        for kind, what in known.items():
            if kind in cls._all:
                cls._all[kind]._take_over(what)
            else:
                cls._told[kind] = what

    def _take_over(self, known: Known) -> None:
        now = clock.monotonic()  # clocks of processes differ, ages do not
        for key, packed in known.answers:
            with suppress(LookupError):
                self._answers[key] = _Answer(now - packed.since, self._unpack(key, packed.value))
        for what, failure in known.failures:
            self._failures[what] = failure._replace(since=now - failure.since)


def with_copy(server: str, series: str, fetch: Callable[[], Table], understand: Callable[[Table], T]) -> T:
    """Fetch a table, or take the copy of an earlier answer: where it is an hour old, and where there is no answer.

    Parameters
    ----------
    server, series : str
        Where from, and what.
    fetch : callable
        Fetches it, or raises `~aia_ccdproc.TableError`.
    understand : callable
        Makes of the table what it shall be, or raises `~aia_ccdproc.TableError`. Only what it understands is kept.

    Returns
    -------
    object
        What was made of it.
    """
    try:
        copy = _copy_of(server, series)
    except TableError as error:
        _log.warning("%s of %s cannot be kept: %s", series, server, error)
        return understand(fetch())
    with suppress(OSError, TableError):
        if 0 <= clock.time() - copy.stat().st_mtime < _FRESH:
            return understand(read_table_file(copy))
    try:
        table = fetch()
        understood = understand(table)
    except TableError as error:
        with suppress(TableError):
            kept = understand(read_table_file(copy))
            _log.warning("%s; using the copy of an earlier answer", error)
            return kept
        raise
    try:
        copy.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(copy) as temporary:
            table.write(temporary, format="ascii.ecsv", overwrite=True)
    except OSError as error:
        _log.warning("%s of %s cannot be kept in the cache: %s", series, server, error)
    return understood


def _copy_of(server: str, series: str) -> Path:
    folder = "".join(c if c.isalnum() or c in ".-" else "_" for c in server)
    try:
        return Path(get_cache_dir()) / "aia_ccdproc" / "tables" / folder / f"{series}.ecsv"
    except OSError as error:
        raise TableError(f"astropy's cache folder cannot be used: {error}") from error
