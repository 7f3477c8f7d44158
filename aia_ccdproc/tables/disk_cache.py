"""Copies of fetched tables in astropy's cache folder, which are used when the server does not answer."""

from __future__ import annotations

import logging
import time as clock
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from astropy.config import get_cache_dir
from astropy.table import Table

from aia_ccdproc.errors import TableError
from aia_ccdproc.images.files import atomic_write
from aia_ccdproc.tables.cache import LIFETIME_SECONDS
from aia_ccdproc.tables.text import read_table_file

__all__ = ["cache_folder", "fetch_with_fallback"]

_log = logging.getLogger("aia_ccdproc")
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
        If the table cannot be fetched or converted, and no copy exists.
    """
    try:
        path = cache_folder("tables", server) / f"{series}.ecsv"
    except TableError as error:
        _log.warning(_NO_COPY, series, server, error)
        return convert(fetch())
    with suppress(OSError, TableError):
        if 0 <= clock.time() - path.stat().st_mtime < LIFETIME_SECONDS:
            return convert(read_table_file(path))
    try:
        table = fetch()
        converted = convert(table)
    except TableError as error:
        with suppress(TableError):
            copy = convert(read_table_file(path))
            _log.warning("%s; using the copy of an earlier answer", error)
            return copy
        raise
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as temporary:
            table.write(temporary, format="ascii.ecsv", overwrite=True)
    except OSError as error:
        _log.warning(_NO_COPY, series, server, error)
    return converted
