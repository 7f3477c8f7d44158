"""Reading of table files: ECSV, CSV, or columns separated by blanks as SSW writes them."""

from __future__ import annotations

import re
import warnings
from itertools import takewhile
from pathlib import Path

from astropy.io import ascii as ascii_tables
from astropy.table import Column, Table
from astropy.time import Time

from aia_ccdproc.errors import TableError
from aia_ccdproc.images.files import read_regular_file
from aia_ccdproc.images.times import ignore_erfa_warnings, parse_time

__all__ = ["MAX_TABLE_BYTES", "parse_table", "parse_time_column", "read_table_file"]

#: Largest size of a table that is read or downloaded.
MAX_TABLE_BYTES = 256 * 2**20
#: A column needs some 35 characters in the header of an ECSV file.
_MAX_HEADER_CHARACTERS = 100_000
_MAX_NESTING = 50
#: astropy's errors contain the cell, which may be a whole damaged file.
_MAX_REASON_LENGTH = 300
#: YAML's lists in lists and keys of keys, written on one line.
_NESTED_ON_ONE_LINE = re.compile(rf"(?:[-?] +){{{_MAX_NESTING}}}")


def read_table_file(path: Path, name: str | None = None) -> Table:
    """Read a table from a text file.

    Parameters
    ----------
    path : `~pathlib.Path`
        File in one of three formats: ECSV, recognized by its first line; CSV, recognized by a comma in the line of the
        column names; or columns separated by blanks.
    name : str, optional
        Name of the file in messages; by default its path.

    Returns
    -------
    `~astropy.table.Table`
        The table.

    Raises
    ------
    TableError
        If the file cannot be read, is not a regular file, or is larger than 256 MiB.
    """
    name = name or str(path)
    try:
        content = read_regular_file(path, MAX_TABLE_BYTES)
    except OSError as error:
        raise _reading_error(name, error.strerror or str(error)) from error
    return parse_table(content, name)


def parse_table(content: bytes, name: str) -> Table:
    """Parse the content of a text file as a table.

    Parameters
    ----------
    content : bytes
        Content of a file, UTF-8, in one of the formats of `read_table_file`.
    name : str
        Name of the file in messages.

    Returns
    -------
    `~astropy.table.Table`
        The table.

    Raises
    ------
    TableError
        If the content is not a table.
    """
    try:
        lines = content.decode("utf-8").splitlines()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the columns that are needed are checked where they are used
            if lines and lines[0].startswith("# %ECSV"):
                _check_ecsv_header(lines)
                return ascii_tables.read(lines, format="ecsv")
            lines = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
            if not lines:
                raise ValueError("it is empty")
            return ascii_tables.read(lines, format="csv" if "," in lines[0] else "basic")
    except Exception as error:  # astropy, yaml, csv and numpy raise many types of exceptions for a damaged file
        reason = next(iter(str(error).splitlines()), "")[:_MAX_REASON_LENGTH]
        described = reason if isinstance(error, ValueError) and reason else f"{type(error).__name__}: {reason}"
        raise _reading_error(name, described) from error


def _reading_error(name: str, reason: str) -> TableError:
    return TableError(f"{name}: cannot be read as ECSV, CSV or columns separated by blanks ({reason})")


def _check_ecsv_header(lines: list[str]) -> None:
    """Refuse a header that the YAML parser would need seconds for, or whose nesting is deeper than Python's stack."""
    header = "\n".join(takewhile(lambda line: line.startswith("#"), lines))
    if len(header) > _MAX_HEADER_CHARACTERS:
        raise ValueError(f"its header has more than {_MAX_HEADER_CHARACTERS} characters")
    depth = 0
    for bracket in re.findall(r"[\[\]{}]", header):
        depth = depth + 1 if bracket in "[{" else max(depth - 1, 0)
        if depth > _MAX_NESTING:
            break
    if depth > _MAX_NESTING or _NESTED_ON_ONE_LINE.search(header):
        raise ValueError(f"its header is nested more than {_MAX_NESTING} levels deep")


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
