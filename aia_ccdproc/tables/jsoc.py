"""Queries of JSOC's series through drms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from astropy.table import Table

from aia_ccdproc.tables.network import TIMEOUT_SECONDS, QueryError, query_with_retries

if TYPE_CHECKING:
    import drms

__all__ = ["connect", "describe_series", "query_series", "server_name"]


def connect(server: str | drms.Client | None) -> drms.Client:
    """Return a drms client for a server. No query is sent.

    Parameters
    ----------
    server : str or `drms.Client`, optional
        A client, which is returned as it is; or the base URL of a server's CGIs (the URL of ``jsoc_info`` without that
        name). By default JSOC.

    Returns
    -------
    `drms.Client`
        The client.
    """
    import drms  # here, because it takes 0.3 s and is not needed with a table

    if server is None:
        return drms.Client()
    if not isinstance(server, str):
        return server
    config = drms.config.ServerConfig(
        name=server_name(server),
        cgi_baseurl=server.rstrip("/") + "/",
        cgi_jsoc_info="jsoc_info",
        cgi_jsoc_fetch="jsoc_fetch",
        cgi_check_address="checkAddress.sh",
        http_download_baseurl=urljoin(server, "/"),
    )
    return drms.Client(server=config)


def server_name(server: str | drms.Client | None) -> str:
    """Return the name of a DRMS server, for messages, headers and caches.

    Parameters
    ----------
    server : str or `drms.Client`, optional
        As in `query_series`.

    Returns
    -------
    str
        ``"JSOC"``, or host, port and path of another server.
    """
    if server is None:
        return "JSOC"
    if isinstance(server, str):
        parts = urlsplit(server)
        return (parts.netloc.rpartition("@")[2] + parts.path).rstrip("/") or server
    config = server._server
    return "JSOC" if config.name.upper() == "JSOC" else server_name(config.url_jsoc_info.removesuffix("jsoc_info"))


def describe_series(
    series: str, *, server: str | drms.Client | None = None, timeout: float = TIMEOUT_SECONDS
) -> drms.client.SeriesInfo:
    """Ask for the keywords and segments of a series, with their types and notes, with one request.

    Parameters
    ----------
    series : str
        The series: ``"aia.lev1_euv_12s"``.
    server : str or `drms.Client`, optional
        As in `query_series`.
    timeout : float
        Time limit for all attempts together, in seconds.

    Returns
    -------
    `drms.client.SeriesInfo`
        The description. A client asks for it once.

    Raises
    ------
    NoAnswerError
        If the server does not answer within the timeout.
    QueryError
        If the server does not know the series, or its answer has the wrong format.
    """
    client, name = connect(server), server_name(server)
    return query_with_retries(lambda: client.info(series), f"the keywords of {series} from {name}", name, timeout)


def query_series(
    dataset: str,
    keys: Sequence[str] = ("**ALL**",),
    *,
    segments: Sequence[str] = (),
    needed: Sequence[str] = (),
    server: str | drms.Client | None = None,
    timeout: float = TIMEOUT_SECONDS,
) -> Table:
    """Query the keywords of the records of a series, with one request.

    Parameters
    ----------
    dataset : str
        The series, and which of its records: ``"aia.response[][!1=1!]"``.
    keys : sequence of str
        The keywords; by default all.
    segments : sequence of str
        The segments whose files' URLs are wanted.
    needed : sequence of str
        Columns that the answer must have if it has records.
    server : str or `drms.Client`, optional
        Another DRMS server than JSOC: a client, or the base URL of the server's CGIs (the URL of ``jsoc_info`` without
        that name).
    timeout : float
        Time limit for all attempts together, in seconds.

    Returns
    -------
    `~astropy.table.Table`
        One row per record, empty if no record exists. All values are strings, as the server sends them; a missing value
        is ``"MISSING"``. A keyword that the series does not have has no column. The column of a segment contains the
        URLs of its files. For a file that is not online, it contains the server's text.

    Raises
    ------
    NoAnswerError
        If the server does not answer within the timeout.
    QueryError
        If the server refuses the query, or its answer does not consist of records with the needed columns.
    """
    what = f"{dataset} from {server_name(server)}"
    client = connect(server)
    options = {"key": list(keys), "seg": list(segments) or None, "convert_numeric": False}
    answer = query_with_retries(lambda: client.query(dataset, **options), what, server_name(server), timeout)
    try:
        columns = {
            str(name): [str(value) for value in frame[name]]
            for frame in (answer if segments else (answer,))
            for name in frame.columns
        }
        table = Table(columns)
    except (AttributeError, TypeError, ValueError) as error:
        raise QueryError(what, f"the answer has the wrong format ({error})") from error
    if len(table) and not set(needed) <= set(columns):
        raise QueryError(what, f"the answer has the wrong format (its columns are {', '.join(list(columns)[:4])} ...)")
    for name in columns:
        if len(table) and all(value.startswith("Invalid KeyLink") for value in table[name]):
            table.remove_column(name)  # JSOC's value of a keyword that the series does not have
    for name in set(segments) & set(table.colnames):
        table[name] = [
            urljoin(client._server.url_jsoc_info, url) if url.startswith("/") else url for url in table[name]
        ]
    return table
