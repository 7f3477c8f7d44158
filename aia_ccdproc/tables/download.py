"""Tables at a URL, downloaded within limits."""

from __future__ import annotations

import base64
import http.client
import ipaddress
import logging
import socket
import tempfile
import warnings
from http.client import HTTPMessage
from pathlib import Path
from typing import IO
from urllib.parse import unquote, urlsplit, urlunsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from aia_ccdproc.errors import TableError, redact_url
from aia_ccdproc.tables.network import TIMEOUT_SECONDS, RefusedAnswerError, query_with_retries

__all__ = ["MAX_TABLE_BYTES", "download_table"]

#: Largest size of a table that is downloaded.
MAX_TABLE_BYTES = 256 * 2**20
_BLOCK_BYTES = 2**20

_log = logging.getLogger("aia_ccdproc")


def download_table(url: str, timeout: float = TIMEOUT_SECONDS) -> str:
    """Download a table from a URL, and keep it in astropy's download cache.

    Parameters
    ----------
    url : str
        The URL, http or https. A user name and a password in it are sent to the server, and are never shown.
    timeout : float
        Time limit for all attempts together, in seconds.

    Returns
    -------
    str
        Path of the downloaded file. If the download fails, path of the copy of an earlier download.

    Raises
    ------
    TableError
        If the download fails, and no copy of an earlier one exists; or if the table is larger than 256 MiB, or the
        server redirects to another scheme or to an address of this machine.
    """
    from astropy.utils.data import CacheMissingWarning, download_file, import_file_to_cache, is_url_in_cache

    name, plain_url = redact_url(url), _without_credentials(url)

    def download() -> str:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "download"
            _save(url, path, timeout)
            return str(import_file_to_cache(plain_url, path, remove_original=True))

    try:
        return query_with_retries(download, name, name, timeout)
    except TableError as error:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CacheMissingWarning)  # before the first download there is no cache
            if not is_url_in_cache(plain_url):
                raise
        _log.warning("%s; using the copy of an earlier download", error)
        return str(download_file(plain_url, cache=True, show_progress=False))


class _SafeRedirects(HTTPRedirectHandler):
    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:  # numpydoc ignore=GL08
        try:
            _check_redirect(req.full_url, newurl)
        except RefusedAnswerError:
            fp.close()
            raise
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _check_redirect(origin: str, target: str) -> None:
    if urlsplit(target).scheme not in ("http", "https"):
        raise RefusedAnswerError(f"the server redirects to {redact_url(target)}, which is not http or https")
    if _is_this_machine(target) and not _is_this_machine(origin):
        raise RefusedAnswerError(f"the server redirects to {redact_url(target)}, an address of this machine")


def _is_this_machine(url: str) -> bool:
    """Return whether the host of a URL has a loopback or link-local address."""
    try:
        found = socket.getaddrinfo(urlsplit(url).hostname, None)
    except OSError:  # opening the URL fails with a better message
        return False
    addresses = [ipaddress.ip_address(str(each[4][0]).partition("%")[0]) for each in found]
    return any(address.is_loopback or address.is_link_local for address in addresses)


def _without_credentials(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _save(url: str, path: Path, timeout: float) -> None:
    """Save the answer to a request in a file, up to the largest size of a table."""
    request = Request(_without_credentials(url))
    parts = urlsplit(url)
    if parts.username is not None:
        credentials = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
        request.add_unredirected_header("Authorization", f"Basic {base64.b64encode(credentials).decode()}")
    with build_opener(_SafeRedirects).open(request, timeout=timeout) as answer, path.open("wb") as file:
        expected = answer.length
        size = 0
        while block := answer.read(_BLOCK_BYTES):
            size += len(block)
            if size > MAX_TABLE_BYTES:
                raise RefusedAnswerError(f"the answer is larger than {MAX_TABLE_BYTES >> 20} MiB")
            file.write(block)
    if expected is not None and size < expected:
        raise http.client.IncompleteRead(b"", expected - size)
