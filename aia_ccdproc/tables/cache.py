"""In-memory cache of what was fetched from servers, shared with the worker processes of a batch."""

from __future__ import annotations

import threading
import time as clock
from collections.abc import Callable, Hashable, Iterable, Sequence
from contextlib import suppress
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

from aia_ccdproc.errors import PrepError
from aia_ccdproc.tables.network import NoAnswerError, QueryError

__all__ = ["LIFETIME_SECONDS", "CacheSnapshot", "FetchCache"]

#: A fetched value is used for this time before it is fetched again.
LIFETIME_SECONDS = 3600
#: After a failure the same query is not repeated for this time.
_RETRY_SECONDS = 300

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class _Failure(NamedTuple):
    """A failed fetch: its error, and the timeout it was given, in seconds."""

    error_type: type[PrepError]
    arguments: tuple[Any, ...]
    timeout: float

    def repeated(self, age: float) -> PrepError:
        """Return the error again; ``age`` is the time since the fetch in seconds."""
        note = (
            f" (this failed {age:.0f} s ago and is not repeated for {_RETRY_SECONDS} s, unless with a longer timeout)"
        )
        error = self.error_type(*self.arguments)
        if isinstance(error, QueryError):
            return type(error)(error.what, error.reason + note, error.advice)
        return self.error_type(f"{error}{note}")


class CacheSnapshot(NamedTuple):
    """The content of a cache, to be pickled. It has ages and not times, because clocks differ between processes."""

    values: list[tuple[Any, float, Any]]
    """Key, age in seconds and packed value."""
    failures: list[tuple[Any, float, _Failure]]
    """Key or server, age in seconds and failure."""


class FetchCache(Generic[K, T]):
    """Cache of one kind of fetched values. It also remembers failures, so that a failed query is not repeated at once.

    Values are kept for an hour and failures for five minutes. Threads that miss the same key fetch it once. The workers
    of a batch start with a copy of the cache of the process that started them.

    Parameters
    ----------
    kind : str
        Name of the cache, unique in the process: ``"calibration tables"``.
    pack : callable, optional
        Returns what is sent to another process instead of a value: ``pack(key, value)``. By default the value itself.
    unpack : callable, optional
        Returns the value in the other process: ``unpack(key, packed)``. By default ``packed`` itself. May raise
        `LookupError`; the value is then fetched again when it is needed.
    """

    _caches: ClassVar[dict[str, FetchCache[Any, Any]]] = {}
    #: Snapshots of caches that this process has not created yet.
    _pending: ClassVar[dict[str, CacheSnapshot]] = {}

    def __init__(
        self,
        kind: str,
        pack: Callable[[K, T], Any] = lambda _, value: value,
        unpack: Callable[[K, Any], T] = lambda _, packed: packed,
    ) -> None:
        self._pack, self._unpack = pack, unpack
        self._lock = threading.Lock()
        #: By key: time of the fetch on the monotonic clock, and value.
        self._values: dict[K, tuple[float, T]] = {}
        #: By key, or by server if the server did not answer at all: time and failure.
        self._failures: dict[K | str, tuple[float, _Failure]] = {}
        self._caches[kind] = self
        if kind in self._pending:
            self._restore(self._pending.pop(kind))

    def get(self, key: K, fetch: Callable[[], T], *, timeout: float) -> T:
        """Return the value of a key; fetch it if it is not cached.

        Parameters
        ----------
        key : hashable
            The key.
        fetch : callable
            Fetches the value, or raises a `~aia_ccdproc.PrepError`.
        timeout : float
            Time limit that ``fetch`` uses, in seconds.

        Returns
        -------
        object
            The value.

        Raises
        ------
        PrepError
            If the value cannot be fetched, or if a fetch with this timeout or a longer one failed in the last five
            minutes.
        """
        return self.get_all([key], lambda _: [(key, fetch())], server=str(key), timeout=timeout)[0]

    def get_all(
        self,
        keys: Sequence[K],
        fetch: Callable[[list[K]], Iterable[tuple[K, T | PrepError]]],
        *,
        server: str,
        timeout: float,
    ) -> list[T]:
        """Return the values of several keys; fetch those that are not cached with one call.

        Parameters
        ----------
        keys : sequence of hashable
            The keys.
        fetch : callable
            Takes the list of missing keys. Yields each key with its value, or with the `~aia_ccdproc.PrepError` of that
            key alone; or raises one, which applies to all keys that it has not yielded.
        server : str
            Name of the server. After a `NoAnswerError` it is not asked for any other key for five minutes.
        timeout : float
            Time limit that ``fetch`` uses, in seconds.

        Returns
        -------
        list
            The values, in the order of the keys.

        Raises
        ------
        PrepError
            If a value cannot be fetched, or if a fetch with this timeout or a longer one failed in the last five
            minutes.
        """
        if self._missing(keys):
            with self._lock:  # a thread that waited here finds the values that another thread has fetched
                failures = {key: self._recent_failure(key, timeout) for key in self._missing(keys)}
                wanted = [key for key, failure in failures.items() if failure is None]
                if wanted:
                    if server_failure := self._recent_failure(server, timeout):
                        raise server_failure
                    self._fetch(wanted, fetch, server, timeout)
                for failure in failures.values():
                    if failure:
                        raise failure
        return [self._values[key][1] for key in keys]

    def _missing(self, keys: Sequence[K]) -> list[K]:
        oldest = clock.monotonic() - LIFETIME_SECONDS
        return [key for key in dict.fromkeys(keys) if key not in self._values or self._values[key][0] < oldest]

    def _fetch(
        self, keys: list[K], fetch: Callable[[list[K]], Iterable[tuple[K, T | PrepError]]], server: str, timeout: float
    ) -> None:
        errors: list[PrepError] = []
        remaining = dict.fromkeys(keys)
        try:
            for key, result in fetch(keys):
                del remaining[key]
                if isinstance(result, PrepError):
                    self._remember_failure(key, result, timeout)
                    errors.append(result)
                else:
                    self._values[key] = (clock.monotonic(), result)
                    self._failures.pop(key, None)
                self._failures.pop(server, None)
        except PrepError as error:
            no_answer = isinstance(error, NoAnswerError) or isinstance(error.__cause__, NoAnswerError)
            for failed in [server] if no_answer else remaining:
                self._remember_failure(failed, error, timeout)
            raise
        if errors:
            raise errors[0]

    def _remember_failure(self, failed: K | str, error: PrepError, timeout: float) -> None:
        # Not the error itself: its traceback would keep the data of all its frames in memory.
        self._failures[failed] = (clock.monotonic(), _Failure(type(error), error.args, timeout))

    def _recent_failure(self, failed: K | str, timeout: float) -> PrepError | None:
        """Return the error of a recent failure; None if the query can be sent."""
        if failed not in self._failures:
            return None
        time, failure = self._failures[failed]
        age = clock.monotonic() - time
        if age >= _RETRY_SECONDS or timeout > failure.timeout:
            return None
        return failure.repeated(age)

    @classmethod
    def clear_all(cls) -> None:
        """Empty all caches of this process."""
        for cache in cls._caches.values():
            cache._values.clear()
            cache._failures.clear()

    @classmethod
    def snapshot_all(cls) -> dict[str, CacheSnapshot]:
        """Return the content of all caches of this process.

        Returns
        -------
        dict of str to CacheSnapshot
            Content by kind, to be pickled and passed to `restore_all` in another process.
        """
        return {kind: cache._snapshot() for kind, cache in list(cls._caches.items())}

    @classmethod
    def restore_all(cls, snapshots: dict[str, CacheSnapshot]) -> None:
        """Add the content of another process's caches to those of this process.

        Parameters
        ----------
        snapshots : dict of str to CacheSnapshot
            Content by kind, from `snapshot_all`. A kind whose cache does not exist yet is restored when it is created.
        """
        for kind, snapshot in snapshots.items():
            if kind in cls._caches:
                cls._caches[kind]._restore(snapshot)
            else:
                cls._pending[kind] = snapshot

    def _snapshot(self) -> CacheSnapshot:
        now = clock.monotonic()  # list(): another thread may add an entry meanwhile
        return CacheSnapshot(
            [(key, now - time, self._pack(key, value)) for key, (time, value) in list(self._values.items())],
            [(failed, now - time, failure) for failed, (time, failure) in list(self._failures.items())],
        )

    def _restore(self, snapshot: CacheSnapshot) -> None:
        now = clock.monotonic()
        for key, age, packed in snapshot.values:
            with suppress(LookupError):
                self._values[key] = (now - age, self._unpack(key, packed))
        for failed, age, failure in snapshot.failures:
            self._failures[failed] = (now - age, failure)
