"""Types of settings that many steps want: files, tables, servers."""

from __future__ import annotations

import datetime
import os
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, ValidationInfo

from aia_ccdproc.plugin.settings import UNRECORDED

__all__ = ["NO_FILE", "RecipeFile", "ServerURL", "Timeout", "checked_source", "table_source"]

#: Where a table can be downloaded from.
_URL_SCHEMES = ("http://", "https://", "ftp://", "file://")
_SERVER_SCHEMES = ("http://", "https://")
#: What TOML can hold in the place of a file's name.
NO_FILE = bool | int | float | list | dict | datetime.date | datetime.time


def _path(value: Any, info: ValidationInfo) -> Any:
    """Take a text as a path; in a recipe, as relative to the folder that the recipe lies in."""
    if not isinstance(value, str):
        return value
    if not value or "\0" in value:
        raise ValueError(f"should be the name of a file, and is {'empty' if not value else repr(value)}")
    try:
        path = Path(value).expanduser()
    except RuntimeError as error:
        raise ValueError(f"{value!r}: {error}") from error
    folder = (info.context or {}).get("folder")
    return path if folder is None else Path(folder) / path


#: A file named in a recipe, or, from Python, whatever else the setting takes.
RecipeFile = Annotated[Any, BeforeValidator(_path)]


def checked_source(value: Any, info: ValidationInfo, words: tuple[str, ...], also: str = "") -> Any:
    """Take what names a table: a word or a URL as it is, a text as a path, and from Python a table.

    Parameters
    ----------
    value : object
        What the user gives.
    info : `pydantic.ValidationInfo`
        Of the validation; its context may hold the recipe's folder.
    words : tuple of str
        Words that stand for tables.
    also : str
        What else the setting takes, as an error says it.

    Returns
    -------
    object
        The value, or a path.

    Raises
    ------
    ValueError
        If it names no table.
    """
    if isinstance(value, NO_FILE | tuple | None) or (isinstance(value, str) and not value):
        one_of = [f"one of {', '.join(words)}"] if len(words) > 1 else list(words)
        kinds = ["a path", "a URL", *one_of, *([also] if also else [])]
        raise ValueError(f"should be {', '.join(kinds[:-1])}{',' if also else ''} or {kinds[-1]}, not {value!r}")
    if isinstance(value, str) and "://" in value:
        _refuse_no_url(value, _URL_SCHEMES)
    if isinstance(value, str) and (value in words or "://" in value):
        return value
    if not isinstance(value, str | os.PathLike) and not hasattr(value, "colnames"):
        raise ValueError(f"should be a path, a URL or a Table, not a {type(value).__name__}")
    return _path(value, info)


def table_source(*words: str) -> BeforeValidator:
    """Make what checks a setting that names a table: ``table: Annotated[Any, table_source("jsoc")]``.

    Parameters
    ----------
    *words : str
        Words that it takes beside paths (of a recipe, from its folder), URLs, and, from Python, tables.

    Returns
    -------
    `pydantic.BeforeValidator`
        Annotation of the setting.
    """

    def check(value: Any, info: ValidationInfo) -> Any:
        return checked_source(value, info, words)

    return BeforeValidator(check)


def _refuse_no_url(value: str, schemes: tuple[str, ...]) -> None:
    if not value.lower().startswith(schemes):
        raise ValueError(f"should be a URL that starts with {', '.join(schemes)}, not {value!r}")
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"{value!r} is no URL: {error}") from error
    if any(character.isspace() for character in value):
        raise ValueError(f"{value!r} is no URL: it holds blanks")
    if not host and parts.scheme != "file":
        raise ValueError(f"{value!r} is no URL: it names no host")


def _server(value: Any) -> Any:
    if isinstance(value, NO_FILE | tuple | bytes):
        raise ValueError(f"should be a URL, not {value!r}")
    if isinstance(value, str):
        _refuse_no_url(value, _SERVER_SCHEMES)
    return value


#: Setting that names a DRMS server: None for JSOC, the base URL of its CGIs, or, from Python, a drms client.
ServerURL = Annotated[
    Any,
    BeforeValidator(_server),
    Field(
        description="Another DRMS server than JSOC: the base URL of its CGIs, under which jsoc_info lies; from Python "
        "also a drms Client."
    ),
]
#: Setting that says how long to wait for a network; it changes no result, and is not recorded.
Timeout = Annotated[
    float,
    UNRECORDED,
    Field(gt=0, description="Seconds after which to give up on the network, all tries together."),
]
