"""Asking a server until it answers, or the time is up; and files that lie at a URL."""

from __future__ import annotations

import http.client
import json
import logging
import threading
import time as clock
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.error import HTTPError, URLError

from aia_ccdproc.errors import TableError

__all__ = ["TIMEOUT", "NoAnswerError", "download_table", "failure", "persistently"]

#: Seconds after which all tries together are given up, unless a setting says otherwise.
TIMEOUT = 60.0
#: The first pause between two tries, s; each is twice as long as the one before.
_FIRST_PAUSE = 1.0

_log = logging.getLogger("aia_ccdproc")

T = TypeVar("T")


def download_table(url: str, timeout: float = TIMEOUT) -> str:
    """Download a table that lies at a URL, through astropy's download cache.

    Parameters
    ----------
    url : str
        The URL.
    timeout : float
        Seconds after which all tries together are given up.

    Returns
    -------
    str
        Path of the downloaded file. Without a network, that of an earlier download.

    Raises
    ------
    TableError
        If it cannot be downloaded, and has not been before.
    """
    from astropy.utils.data import download_file, is_url_in_cache

    try:
        return persistently(
            lambda: download_file(url, cache="update", show_progress=False, timeout=timeout),
            f"{url} was asked for",
            url,
            timeout,
        )
    except TableError as error:
        if not is_url_in_cache(url):
            raise
        _log.warning("%s; using the copy of an earlier download", error)
        return download_file(url, cache=True, show_progress=False)


class NoAnswerError(TableError):
    """Who was asked did not answer in time: whatever else they are asked for now will end so, too."""


def failure(asked: str, came: str, kind: type[TableError] = TableError) -> TableError:
    """Make the error of a query that came to nothing.

    Parameters
    ----------
    asked : str
        What was asked for, and of whom.
    came : str
        What came instead.
    kind : type
        Class of the error.

    Returns
    -------
    `~aia_ccdproc.TableError`
        The error.
    """
    return kind(f"{asked}; {came}. Try again later, or give a table")


def persistently(query: Callable[[], T], asked: str, whom: str, timeout: float) -> T:
    """Try until there is an answer, with growing pauses, and give up in time.

    Parameters
    ----------
    query : callable
        Asks, and returns the answer or raises.
    asked : str
        What was asked for, and of whom, as an error says it.
    whom : str
        Who is asked.
    timeout : float
        Seconds after which all tries together are given up.

    Returns
    -------
    object
        The answer.

    Raises
    ------
    NoAnswerError
        If there is none in time.
    TableError
        If there is one that will not change.
    """
    begun, pause, tries = clock.monotonic(), _FIRST_PAUSE, 0
    while True:
        tries += 1
        left = timeout - (clock.monotonic() - begun)
        try:
            return _within(left, query)
        except Exception as error:  # drms lets through whatever urllib, json and pandas raise
            came = _describe(error)
            if isinstance(error, HTTPError):
                error.close()  # it holds the connection
            left = timeout - (clock.monotonic() - begun)
            if not _is_transient(error):
                raise failure(asked, came) from error
            if left < min(_FIRST_PAUSE / 4, timeout / 4):
                times = "once" if tries == 1 else f"{tries} times"
                spent = clock.monotonic() - begun
                came = f"{came}; tried {times} in {spent:.3g} s (of {timeout:g} s)"
                raise failure(asked, came, NoAnswerError) from error
            pause = min(pause, left / 2)  # a last try fits in
            _log.warning("%s: %s; trying again in %.2g s (%.0f s left)", whom, came, pause, left)
            clock.sleep(pause)
            pause *= 2


def _within(seconds: float, query: Callable[[], T]) -> T:
    """Run a query in a thread of its own, so that a trickle of bytes cannot outlast the time, nor Ctrl-C wait."""
    outcome: dict[str, Any] = {}
    done = threading.Event()

    def ask() -> None:
        try:
            outcome["answer"] = query()
        except Exception as error:  # handed to the waiting thread
            outcome["error"] = error
        done.set()

    threading.Thread(target=ask, daemon=True, name="aia_ccdproc-query").start()
    if not done.wait(max(seconds, 0)):
        raise TimeoutError(f"no whole answer within {seconds:.3g} s")
    if "error" in outcome:
        raise outcome["error"]
    return outcome["answer"]


def _is_transient(error: Exception) -> bool:
    if isinstance(error, HTTPError):
        return error.code >= 500 or error.code in (408, 429)
    return isinstance(error, OSError | http.client.HTTPException | json.JSONDecodeError | UnicodeDecodeError)


def _describe(error: Exception) -> str:
    """Say what came, in words."""
    if isinstance(error, HTTPError):
        return f"it answered HTTP {error.code} ({http.client.responses.get(error.code, 'unknown')})"
    if isinstance(error, TimeoutError) or isinstance(getattr(error, "reason", None), TimeoutError):
        return f"it did not answer in time ({error})"
    if isinstance(error, URLError):
        return f"it could not be reached ({getattr(error.reason, 'strerror', None) or error.reason})"
    if isinstance(error, json.JSONDecodeError):
        start = " ".join(error.doc[:60].split())
        return f"it answered no JSON, maintenance perhaps ({start!r})" if start else "it answered nothing"
    if isinstance(error, http.client.HTTPException | ConnectionError):
        return f"it cut the answer off ({type(error).__name__})"
    if type(error).__name__ == "DrmsQueryError":
        return f"it refused the query: {str(error).strip()}"
    return f"an answer of the wrong shape came ({type(error).__name__}: {error})"
