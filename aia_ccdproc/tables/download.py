"""Files at a URL, downloaded within limits. A copy is kept of a table only, and used only if its SHA-256 is right."""

from __future__ import annotations

import base64
import hashlib
import http.client
import ipaddress
import logging
import socket
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPMessage
from pathlib import Path
from typing import IO, TypeVar
from urllib.error import HTTPError
from urllib.parse import unquote, urlsplit, urlunsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from aia_ccdproc.errors import PrepError, TableError, redact_url
from aia_ccdproc.images.files import atomic_write, open_regular_file, read_regular_file
from aia_ccdproc.tables.disk_cache import cache_folder
from aia_ccdproc.tables.network import TIMEOUT_SECONDS, RefusedAnswerError, query_with_retries
from aia_ccdproc.tables.partial import PartialFile, kept_part
from aia_ccdproc.tables.text import MAX_TABLE_BYTES

__all__ = ["download_file", "download_table", "downloaded"]

#: Largest size of a file that is downloaded: a full-disk image has at most 128 MiB.
_MAX_FILE_BYTES = 2**30
#: Time limit for a file, all attempts together, in seconds; and for a server that sends nothing.
_FILE_TIMEOUT_SECONDS = 300.0
_BLOCK_BYTES = 2**20
_DIGEST_BYTES = 64

T = TypeVar("T")

_log = logging.getLogger("aia_ccdproc")


def download_table(url: str, read: Callable[[Path, str], T], timeout: float = TIMEOUT_SECONDS) -> T:
    """Download a table from a URL, and keep it in astropy's download cache, and its SHA-256 in a file of our own.

    Parameters
    ----------
    url : str
        The URL, http or https. A user name and a password in it are sent to the server, and are never shown.
    read : callable
        Function of the path of the downloaded file and of a name for error messages. It returns the table, or raises a
        PrepError. An answer that it cannot read never replaces the copy of an earlier one.
    timeout : float
        Time limit for all attempts together, in seconds.

    Returns
    -------
    object
        What ``read`` returns. If the download fails or cannot be read, what it returns for the copy of an earlier one.

    Raises
    ------
    QueryError
        If the download fails, the table is larger than 256 MiB, or the server redirects to another scheme or to an
        address of this machine, and no undamaged copy of an earlier download exists.
    PrepError
        If ``read`` raises it, and no undamaged copy of an earlier download exists.
    """
    name, plain_url = redact_url(url), _without_credentials(url)
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "download"
            query_with_retries(lambda: _save(url, PartialFile(path), timeout, MAX_TABLE_BYTES), name, name, timeout)
            table = read(path, name)
            _keep(plain_url, path)
        return table
    except PrepError as error:
        copy = _earlier_copy(plain_url)
        if copy is None:
            raise
        _log.warning("using the copy of an earlier download: %s", error)
        return read(copy, name)


def download_file(url: str, path: Path, timeout: float = _FILE_TIMEOUT_SECONDS) -> None:
    """Download a file from a URL. If the connection is lost, the next attempt asks for the rest of the file.

    Parameters
    ----------
    url : str
        The URL, http or https. A user name and a password in it are sent to the server, and are never shown.
    path : `~pathlib.Path`
        The file to write. If an error is raised, it may be incomplete.
    timeout : float
        Time limit for all attempts together, in seconds. A server that sends nothing is given up after a minute.

    Raises
    ------
    QueryError
        If the download fails, the file is larger than 1 GiB or shorter than the server announced, or the server
        redirects to another scheme or to an address of this machine.
    """
    _download(url, PartialFile(path), timeout)


@contextmanager
def downloaded(url: str, folder: Path, timeout: float = _FILE_TIMEOUT_SECONDS) -> Iterator[Path]:
    """Download a file from a URL, and provide it until the end of the block.

    If the download fails, or the process is killed, the part that has arrived stays in the folder, under a hidden name.
    The next call with the same URL and folder asks only for the rest, if the file at the server is still the same.

    Parameters
    ----------
    url : str
        The URL, http or https. A user name and a password in it are sent to the server, and are never shown.
    folder : `~pathlib.Path`
        An existing folder.
    timeout : float
        As in `download_file`.

    Yields
    ------
    `~pathlib.Path`
        The complete file. It is removed at the end of the block.

    Raises
    ------
    QueryError
        As in `download_file`.
    """
    with kept_part(folder, _without_credentials(url)) as part, tempfile.TemporaryDirectory() as private:
        part = part or PartialFile(Path(private) / "download")  # another process downloads the same file
        if not part.is_complete:
            _download(url, part, timeout)
        yield part.path


def _download(url: str, part: PartialFile, timeout: float) -> None:
    name = redact_url(url)
    silence = min(timeout, TIMEOUT_SECONDS)
    try:
        query_with_retries(lambda: _save(url, part, silence, _MAX_FILE_BYTES), name, name, timeout)
    finally:
        part.close()


def _earlier_copy(url: str) -> Path | None:
    """Return the path of the copy of an earlier download; None if it does not exist or is damaged."""
    from astropy.utils.data import CacheMissingWarning, download_file, is_url_in_cache

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CacheMissingWarning)  # before the first download there is no cache
            if not is_url_in_cache(url):
                return None
        copy = Path(download_file(url, cache=True, show_progress=False))
        stored = read_regular_file(_digest_path(url), max_bytes=_DIGEST_BYTES).decode(errors="replace")
        if _digest(copy) == stored:
            return copy
        reason = "it is damaged: its digest is not that of its content"
    except FileNotFoundError:
        reason = "it has no digest, because version 0.1 or another program downloaded it"
    except (OSError, TableError) as error:
        reason = f"it is damaged: {error}"
    _log.warning("the copy of an earlier download of %s cannot be used: %s", url, reason)
    return None


def _digest(path: Path) -> str:
    with open_regular_file(path, MAX_TABLE_BYTES) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _digest_path(url: str) -> Path:
    return cache_folder("downloads", urlsplit(url).netloc) / f"{hashlib.sha256(url.encode()).hexdigest()}.sha256"


def _keep(url: str, path: Path) -> None:
    """Move a downloaded file to the cache."""
    from astropy.utils.data import import_file_to_cache

    try:
        digest, digest_path = _digest(path), _digest_path(url)
        import_file_to_cache(url, path, remove_original=True)
        digest_path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(digest_path) as temporary:
            temporary.write_text(digest)
    except (OSError, TableError) as error:
        _log.warning("cannot keep the download of %s for later: %s", url, error)


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


def _save(url: str, part: PartialFile, timeout: float, max_bytes: int) -> None:
    """Save the answer to a request in a file, up to the largest size."""
    request = Request(_without_credentials(url), headers=part.request_headers())
    parts = urlsplit(url)
    if parts.username is not None:
        credentials = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
        request.add_unredirected_header("Authorization", f"Basic {base64.b64encode(credentials).decode()}")
    try:
        answer = build_opener(_SafeRedirects).open(request, timeout=timeout)
    except HTTPError as error:
        if error.code != http.client.REQUESTED_RANGE_NOT_SATISFIABLE or not part.size:
            raise
        error.close()
        part.forget()
        raise http.client.IncompleteRead(b"") from None  # the next attempt starts anew
    with answer:
        part.receive(answer, max_bytes, _BLOCK_BYTES)
