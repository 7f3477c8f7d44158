"""Reading of table files: ECSV, CSV, or columns separated by blanks as SSW writes them."""

from __future__ import annotations

from pathlib import Path

from astropy.io import ascii as ascii_tables
from astropy.table import Column, Table
from astropy.time import Time

from aia_ccdproc.errors import TableError
from aia_ccdproc.images.times import ignore_erfa_warnings, parse_time

__all__ = ["parse_time_column", "read_table_file"]


def read_table_file(path: Path) -> Table:
    """Read a table from a text file.

    Parameters
    ----------
    path : `~pathlib.Path`
        File in one of three formats: ECSV, recognized by its first line; CSV, recognized by a comma in the line of the
        column names; or columns separated by blanks.

    Returns
    -------
    `~astropy.table.Table`
        The table.

    Raises
    ------
    TableError
        If the file cannot be read.
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
        raise TableError(
            f"{path}: cannot be read as ECSV, CSV or columns separated by blanks ({str(error).splitlines()[0]})"
        ) from error


def parse_time_column(column: Column | Time) -> Time:
    """Convert a column to times.

    Parameters
    ----------
    column : `~astropy.table.Column` or `~astropy.time.Time`
        Times, or strings in a format of FITS or DRMS.

    Returns
    -------
    `~astropy.time.Time`
        The times, UTC.

    Raises
    ------
    HeaderError
        If a string is not a time.
    """
    if isinstance(column, Time):
        return column.utc
    texts = [str(value).strip() for value in column]
    try:
        with ignore_erfa_warnings():
            return Time([text.removesuffix("Z") for text in texts], format="isot", scale="utc")
    except ValueError:  # another format: slower, one by one
        return Time([parse_time(text) for text in texts])
