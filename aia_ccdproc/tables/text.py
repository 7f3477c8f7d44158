"""Tables as people have them: ECSV, CSV, or columns with blanks between them, as SSW writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from astropy.io import ascii as ascii_tables
from astropy.table import Table
from astropy.time import Time

from aia_ccdproc.errors import TableError
from aia_ccdproc.images.times import ignore_erfa_warnings, parse_time

__all__ = ["column_times", "read_table_file"]


def read_table_file(path: Path) -> Table:
    """Read a table from a text file.

    Parameters
    ----------
    path : `~pathlib.Path`
        ECSV, known by its first line; CSV, known by a comma in the line of the names; or columns with blanks between
        them.

    Returns
    -------
    `~astropy.table.Table`
        The table.

    Raises
    ------
    TableError
        If it cannot be read.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        if lines and lines[0].startswith("# %ECSV"):
            return ascii_tables.read(lines, format="ecsv")
        lines = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
        if not lines:
            raise ValueError("it is empty")
        return ascii_tables.read(lines, format="csv" if "," in lines[0] else "basic")
    except (OSError, UnicodeDecodeError, ValueError, ascii_tables.InconsistentTableError) as error:
        raise TableError(f"{path}: cannot be read as ECSV or CSV ({str(error).splitlines()[0]})") from error


def column_times(column: Any) -> Time:
    """Read a column of times.

    Parameters
    ----------
    column : `~astropy.table.Column` or `~astropy.time.Time`
        Times, or texts as FITS or DRMS writes them.

    Returns
    -------
    `~astropy.time.Time`
        The times, UTC.

    Raises
    ------
    HeaderError
        If a text is no time.
    """
    if isinstance(column, Time):
        return column.utc
    texts = [str(value).strip() for value in column]
    try:
        with ignore_erfa_warnings():
            return Time([text.removesuffix("Z") for text in texts], format="isot", scale="utc")
    except ValueError:
        return Time([parse_time(text) for text in texts])
