"""JSOC, and the only code that uses a network: the master pointing series through drms, tables by URL."""

from __future__ import annotations

import http.client
import json
import logging
import threading
import time as clock
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

from astropy.table import Table
from astropy.time import Time, TimeDelta

from aia_ccdproc.errors import PointingError
from aia_ccdproc.io.pointing_table import SERIES, plain_table

if TYPE_CHECKING:
    import drms

__all__ = ["download_table", "fetch_records", "server_name"]

#: Seconds after which all tries together are given up, unless a setting says otherwise.
TIMEOUT = 60.0
#: The first pause between two tries, s; each is twice as long as the one before.
_FIRST_PAUSE = 1.0

_KEYS = [
    "T_START",
    "T_STOP",
    "*recnum*",
    *(
        f"A_{channel}_{value}"
        for channel in ("094", "131", "171", "193", "211", "304", "335", "1600", "1700", "4500")
        for value in ("X0", "Y0", "IMSCALE", "INSTROT")
    ),
]
#: Records last 3 h as a rule, and longer after calibrations and eclipses.
_LONGEST_RECORD = TimeDelta(3, format="jd")

_log = logging.getLogger("aia_ccdproc")

T = TypeVar("T")


def connect(server: str | drms.Client | None) -> drms.Client:
    """Make a drms client.

    Parameters
    ----------
    server : str or `drms.Client`, optional
        Base URL of the CGIs of a DRMS server, under which ``jsoc_info`` lies, or a client; by default JSOC.

    Returns
    -------
    `drms.Client`
        The client. It has not asked anything yet.
    """
    import drms  # takes 0.3 s, and is not needed by those who have a table

    if server is None:
        return drms.Client()
    if not isinstance(server, str):
        return server
    config = drms.config.ServerConfig(
        name=server_name(server), cgi_baseurl=server.rstrip("/") + "/", cgi_jsoc_info="jsoc_info"
    )
    return drms.Client(server=config)


def server_name(server: str | drms.Client | None) -> str:
    """Name a server, for messages and for the cache.

    Parameters
    ----------
    server : str or `drms.Client`, optional
        As in `connect`.

    Returns
    -------
    str
        ``"JSOC"``, or host, port and path of another.
    """
    if server is None:
        return "JSOC"
    if isinstance(server, str):
        parts = urlsplit(server)
        return (parts.netloc + parts.path).rstrip("/") or server
    config = server._server
    return "JSOC" if config.name.upper() == "JSOC" else server_name(config.url_jsoc_info.removesuffix("jsoc_info"))


def fetch_records(
    start: Time, end: Time, *, server: str | drms.Client | None = None, timeout: float = TIMEOUT
) -> Table:
    """Fetch the pointing records that hold between two times, by one query.

    All columns of all channels are asked for: a month is 166 kB then, against 27 kB for one channel, and is fetched
    and parsed in 53 ms instead of 39 (from a server on this machine); and one answer serves every channel.

    Parameters
    ----------
    start, end : `~astropy.time.Time`
        From when to when.
    server : str or `drms.Client`, optional
        As in `connect`.
    timeout : float
        Seconds after which all tries together are given up.

    Returns
    -------
    `~astropy.table.Table`
        The records, with JSOC's columns and MPO_RECNUM, sorted by T_START; empty if there are none.

    Raises
    ------
    PointingError
        If the server does not answer in time, or answers with an error or with something else than records.
    """
    # The series is keyed by T_START: a record that holds at the start has begun before it. One that begins after the
    # end shows that the last one is no longer provisional.
    dataset = f"{SERIES}[{_utc(start - _LONGEST_RECORD)}-{_utc(end + _LONGEST_RECORD)}]"
    client = connect(server)
    asked = f"{server_name(server)} was asked for {dataset}"
    frame = _persistently(
        lambda: client.query(dataset, key=_KEYS, convert_numeric=False), asked, server_name(server), timeout
    )
    try:
        names = [str(name) for name in frame.columns]
        table = Table({name: [str(value) for value in frame[name]] for name in names})
    except (AttributeError, TypeError, ValueError) as error:
        raise _failure(asked, f"an answer of the wrong shape came ({error})") from error
    if not names:
        return table
    if len(table) and not {"T_START", "T_STOP"} <= set(names):
        raise _failure(asked, f"an answer of the wrong shape came (columns {', '.join(names[:4])} ...)")
    if "*recnum*" in names:
        table.rename_column("*recnum*", "MPO_RECNUM")
    for name in list(table.colnames):
        if all(value.startswith("Invalid KeyLink") for value in table[name]):
            table.remove_column(name)  # how JSOC answers for a keyword that the series has not
    if not len(table):
        return table
    table.sort("T_START")
    return plain_table(table)


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
    PointingError
        If it cannot be downloaded, and has not been before.
    """
    from astropy.utils.data import download_file, is_url_in_cache

    try:
        return _persistently(
            lambda: download_file(url, cache="update", show_progress=False, timeout=timeout),
            f"{url} was asked for",
            url,
            timeout,
        )
    except PointingError as error:
        if not is_url_in_cache(url):
            raise
        _log.warning("%s; using the copy of an earlier download", error)
        return download_file(url, cache=True, show_progress=False)


def _utc(time: Time) -> str:
    return f"{time.utc.isot[:19]}Z"


def _failure(asked: str, came: str) -> PointingError:
    return PointingError(f"{asked}; {came}. Try again later, or give a table (made elsewhere by aia-prep pointing)")


def _persistently(query: Callable[[], T], asked: str, whom: str, timeout: float) -> T:
    """Try until there is an answer, with growing pauses, and give up in time."""
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
                raise _failure(asked, came) from error
            if left < min(_FIRST_PAUSE / 4, timeout / 4):
                times = "once" if tries == 1 else f"{tries} times"
                spent = clock.monotonic() - begun
                raise _failure(asked, f"{came}; tried {times} in {spent:.3g} s (of {timeout:g} s)") from error
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
