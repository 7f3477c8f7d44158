"""JSOC: what its series hold, through drms; the master pointing series among them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from astropy.table import Table

from aia_ccdproc.tables.network import TIMEOUT, failure, persistently

if TYPE_CHECKING:
    import drms

__all__ = ["connect", "query_series", "server_name"]


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


def query_series(
    dataset: str,
    keys: Sequence[str] = ("**ALL**",),
    *,
    segments: Sequence[str] = (),
    needed: Sequence[str] = (),
    server: str | drms.Client | None = None,
    timeout: float = TIMEOUT,
) -> Table:
    """Ask JSOC for the keywords of the records of a series, by one query.

    Parameters
    ----------
    dataset : str
        The series and which of its records, ``"aia.response[][!1=1!]"``.
    keys : sequence of str
        The keywords; by default all.
    segments : sequence of str
        The segments whose files are wanted.
    needed : sequence of str
        Those without which an answer is none.
    server : str or `drms.Client`, optional
        As in `connect`.
    timeout : float
        Seconds after which all tries together are given up.

    Returns
    -------
    `~astropy.table.Table`
        A row for every record, all values as the text that they are on the wire, missing ones ``"MISSING"``, without
        the keywords that the series has not; in the column of a segment the URLs of its files, or what the server says
        where a file is not at hand. Empty if there are no records.

    Raises
    ------
    TableError
        If the server does not answer in time, or answers with an error or with something else than records.
    """
    asked = f"{server_name(server)} was asked for {dataset}"
    client = connect(server)
    wanted = {"key": list(keys), "seg": list(segments) or None, "convert_numeric": False}
    answer = persistently(lambda: client.query(dataset, **wanted), asked, server_name(server), timeout)
    try:
        columns = {
            str(name): [str(value) for value in frame[name]]
            for frame in (answer if segments else (answer,))
            for name in frame.columns
        }
        names, table = list(columns), Table(columns)
    except (AttributeError, TypeError, ValueError) as error:
        raise failure(asked, f"an answer of the wrong shape came ({error})") from error
    if len(table) and not set(needed) <= set(names):
        raise failure(asked, f"an answer of the wrong shape came (columns {', '.join(names[:4])} ...)")
    for name in names:
        if len(table) and all(value.startswith("Invalid KeyLink") for value in table[name]):
            table.remove_column(name)  # how JSOC answers for a keyword that the series has not
    for name in set(segments) & set(table.colnames):
        table[name] = [urljoin(client._server.url_jsoc_info, at) if at.startswith("/") else at for at in table[name]]
    return table
