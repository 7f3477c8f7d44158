"""Network queries with retries and a timeout."""

from __future__ import annotations

import errno
import http.client
import json
import logging
import socket
import threading
import time as clock
from collections.abc import Callable
from typing import Self, TypeVar
from urllib.error import HTTPError, URLError

from aia_ccdproc.errors import TableError, pluralize

__all__ = [
    "TIMEOUT_SECONDS",
    "NoAnswerError",
    "NotAvailableError",
    "QueryError",
    "RefusedAnswerError",
    "query_with_retries",
]

#: Default time limit of a query, all attempts together, in seconds.
TIMEOUT_SECONDS = 60.0
#: Pause before the second attempt. Each further pause is twice as long.
_FIRST_PAUSE_SECONDS = 1.0
#: Time limit if the name of the server cannot be resolved or no route leads to it: the machine is probably offline.
_OFFLINE_SECONDS = 4.0
_NO_ROUTE = frozenset({errno.ENETDOWN, errno.ENETUNREACH, errno.EHOSTUNREACH})

_log = logging.getLogger("aia_ccdproc")

T = TypeVar("T")


class QueryError(TableError):
    """A server cannot be queried, or its answer cannot be used.

    Parameters
    ----------
    what : str
        What was queried, and where: ``"aia.response[][!1=1!] from JSOC"``.
    reason : str
        Why the query failed.
    advice : str
        What the user can do besides trying again: ``"give a table"``.
    """

    def __init__(self, what: str, reason: str, advice: str = "") -> None:
        super().__init__(what, reason, advice)
        self.what, self.reason, self.advice = what, reason, advice

    def __str__(self) -> str:
        alternative = f", or {self.advice}" if self.advice else ""
        return f"cannot get {self.what}: {self.reason}. Try again later{alternative}"

    def reworded(self, what: str, advice: str) -> Self:
        """Return the error in the words of the step that needs the data.

        A query is often made for many files at once, and by functions that do not know the settings of the step.

        Parameters
        ----------
        what : str
            What the step cannot get, for this file: ``"the pointing records of 2020-01 from JSOC"``.
        advice : str
            What the user can do besides trying again: ``"give a table"``.

        Returns
        -------
        `QueryError`
            An error of the same class and with the same reason.
        """
        return type(self)(what, self.reason, advice)


class NoAnswerError(QueryError):
    """A server did not answer within the timeout. Other queries to it would fail as well."""


class NotAvailableError(QueryError):
    """A server does not give what was queried: it is not there, not allowed, or too large. Trying again cannot help."""

    def __str__(self) -> str:
        advice = f". {self.advice[0].upper()}{self.advice[1:]}" if self.advice else ""
        return f"cannot get {self.what}: {self.reason}{advice}"


class RefusedAnswerError(Exception):
    """An answer that is refused for safety; another attempt would not change it."""


def query_with_retries(query: Callable[[], T], what: str, server: str, timeout: float) -> T:
    """Repeat a query, with growing pauses, until it succeeds or the timeout is reached.

    Parameters
    ----------
    query : callable
        Sends the query and returns the answer, or raises.
    what : str
        What is queried, and where, for the error: ``"aia.response[][!1=1!] from JSOC"``.
    server : str
        Name of the server, for the log.
    timeout : float
        Time limit for all attempts together, in seconds.

    Returns
    -------
    object
        The answer.

    Raises
    ------
    NoAnswerError
        If no attempt succeeds within the timeout.
    NotAvailableError
        If the server does not give what was queried, today or later.
    QueryError
        If the query fails in another way that a new attempt would not change.
    """
    start, pause, attempts = clock.monotonic(), _FIRST_PAUSE_SECONDS, 0
    while True:
        attempts += 1
        try:
            return _run_with_timeout(query, timeout - (clock.monotonic() - start))
        except Exception as error:  # drms does not wrap the exceptions of urllib, json and pandas
            reason = _describe(error)
            if isinstance(error, HTTPError):
                error.close()  # closes the connection
            if isinstance(error, RefusedAnswerError) or (isinstance(error, HTTPError) and not _is_transient(error)):
                raise NotAvailableError(what, reason) from None
            if not _is_transient(error):
                raise QueryError(what, reason) from None
            elapsed = clock.monotonic() - start
            remaining = (min(timeout, _OFFLINE_SECONDS) if _is_offline(error) else timeout) - elapsed
            if remaining < min(_FIRST_PAUSE_SECONDS, timeout) / 4:
                reason = f"{reason}; {pluralize(attempts, 'attempt')} in {elapsed:.3g} s (timeout {timeout:g} s)"
                raise NoAnswerError(what, reason) from None
            pause = min(pause, remaining / 2)  # leaves time for a last attempt
            _log.warning("%s: %s; next attempt in %.2g s (%.0f s left)", server, reason, pause, remaining)
            clock.sleep(pause)
            pause *= 2


def _run_with_timeout(query: Callable[[], T], seconds: float) -> T:
    """Run a query in its own thread: the timeout then also ends a slow transfer, and Ctrl-C is not delayed."""
    answers: list[T] = []
    errors: list[Exception] = []
    done = threading.Event()

    def run() -> None:
        try:
            answers.append(query())
        except Exception as error:  # raised again in the waiting thread
            errors.append(error)
        done.set()

    threading.Thread(target=run, daemon=True, name="aia_ccdproc-query").start()
    if not done.wait(max(seconds, 0)):
        raise TimeoutError(f"no complete answer within {seconds:.3g} s")
    if errors:
        raise errors[0]
    return answers[0]


def _is_offline(error: Exception) -> bool:
    reason = error.reason if isinstance(error, URLError) else None
    return isinstance(reason, socket.gaierror) or (isinstance(reason, OSError) and reason.errno in _NO_ROUTE)


def _is_transient(error: Exception) -> bool:
    """Return whether a new attempt may succeed."""
    if isinstance(error, HTTPError):
        return error.code >= 500 or error.code in (408, 429)  # request timeout, too many requests
    return isinstance(error, OSError | http.client.HTTPException | json.JSONDecodeError | UnicodeDecodeError)


def _describe(error: Exception) -> str:
    """Return the reason for a failed attempt as a text."""
    if isinstance(error, HTTPError) and 300 <= error.code < 400:  # urllib follows all other redirects
        return "the server redirects without end, or to an address that is not http or https"
    if isinstance(error, HTTPError):
        return f"the server answered HTTP {error.code} ({http.client.responses.get(error.code, 'unknown')})"
    if isinstance(error, RefusedAnswerError):
        return str(error)
    if isinstance(error, TimeoutError) or (isinstance(error, URLError) and isinstance(error.reason, TimeoutError)):
        return f"the server did not answer in time ({error})"
    if isinstance(error, URLError):
        return f"the server could not be reached ({getattr(error.reason, 'strerror', None) or error.reason})"
    if isinstance(error, json.JSONDecodeError):
        start = " ".join(error.doc[:60].split())
        return f"the answer is not JSON, perhaps because of maintenance ({start!r})" if start else "the answer is empty"
    if isinstance(error, http.client.HTTPException | ConnectionError):
        return f"the connection was closed before the end of the answer ({type(error).__name__})"
    if isinstance(error, OSError):
        return f"the query failed ({error})"

    from drms import DrmsQueryError  # here, because importing drms takes 0.3 s

    if isinstance(error, DrmsQueryError):
        return f"the server refused the query: {str(error).strip()}"
    return f"the answer has the wrong format ({type(error).__name__}: {error})"
