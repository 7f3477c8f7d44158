"""Copies of fetched tables in astropy's cache folder, which are used when the server does not answer.

A copy ends with a line that contains the SHA-256 of the lines before it. A copy with another digest is damaged; it is
treated as if it did not exist.
"""

from __future__ import annotations

import hashlib
import io
import logging
import time as clock
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from astropy.config import get_cache_dir
from astropy.table import Table

from aia_ccdproc.errors import TableError
from aia_ccdproc.images.files import atomic_write, read_regular_file
from aia_ccdproc.tables.cache import LIFETIME_SECONDS
from aia_ccdproc.tables.text import MAX_TABLE_BYTES, parse_table

__all__ = ["cache_folder", "fetch_with_fallback"]

_log = logging.getLogger("aia_ccdproc")
#: Start of the last line of a copy; a comment in ECSV.
_SEAL = b"# sha256: "
_NO_COPY = "cannot keep a copy of %s from %s: %s"

T = TypeVar("T")


def cache_folder(kind: str, server: str) -> Path:
    """Return the folder for data of one kind from one server, in astropy's cache folder.

    Parameters
    ----------
    kind : str
        Name of the kind: ``"tables"``.
    server : str
        Name of the server, as from `~aia_ccdproc.tables.server_name`. Characters that do not suit a folder's name are
        replaced.

    Returns
    -------
    `~pathlib.Path`
        The folder ``aia_ccdproc/<kind>/<server>``; it may not exist yet.

    Raises
    ------
    TableError
        If astropy's cache folder cannot be created.
    """
    try:
        top = Path(get_cache_dir())
    except OSError as error:
        raise TableError(f"cannot use astropy's cache folder: {error}") from error
    return top / "aia_ccdproc" / kind / "".join(c if c.isalnum() or c in ".-" else "_" for c in server)


def fetch_with_fallback(server: str, series: str, fetch: Callable[[], Table], convert: Callable[[Table], T]) -> T:
    """Fetch a table, and keep a copy on disk. Use the copy if it is less than an hour old, or if the fetch fails.

    Parameters
    ----------
    server, series : str
        Name of the server, and of the series that is fetched.
    fetch : callable
        Fetches the table, or raises `~aia_ccdproc.TableError`.
    convert : callable
        Converts the table to the result, or raises `~aia_ccdproc.TableError`. Only a table that can be converted is
        kept.

    Returns
    -------
    object
        The converted table.

    Raises
    ------
    TableError
        If the table cannot be fetched or converted, and no undamaged copy exists.
    """
    try:
        path = cache_folder("tables", server) / f"{series}.ecsv"
    except TableError as error:
        _log.warning(_NO_COPY, series, server, error)
        return convert(fetch())
    with suppress(OSError, TableError):
        if 0 <= clock.time() - path.stat().st_mtime < LIFETIME_SECONDS:
            return convert(_read_copy(path))
    try:
        table = fetch()
        converted = convert(table)
    except TableError as error:
        try:
            copy = convert(_read_copy(path))
        except FileNotFoundError:
            pass
        except (OSError, TableError) as damage:
            _log.warning("the copy of an earlier answer cannot be used: %s", damage)
        else:
            _log.warning("using the copy of an earlier answer: %s", error)
            return copy
        raise
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_copy(path, table)
    except OSError as error:
        _log.warning(_NO_COPY, series, server, error)
    return converted


def _write_copy(path: Path, table: Table) -> None:
    text = io.StringIO()
    table.write(text, format="ascii.ecsv")
    content = text.getvalue().encode()
    with atomic_write(path) as temporary:
        temporary.write_bytes(content + _SEAL + hashlib.sha256(content).hexdigest().encode() + b"\n")


def _read_copy(path: Path) -> Table:
    """Read a copy. Raise `OSError` if it cannot be read, or `TableError` if it is damaged."""
    content, seal, digest = read_regular_file(path, MAX_TABLE_BYTES).rpartition(_SEAL)
    if not seal:
        raise TableError(f"{path}: has no digest: it was written by version 0.1, or its end is missing")
    if digest.decode(errors="replace") != f"{hashlib.sha256(content).hexdigest()}\n":
        raise TableError(f"{path}: is damaged: its digest is not that of its content")
    return parse_table(content, str(path))
