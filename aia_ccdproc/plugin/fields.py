"""Types of settings that many steps need: files, tables, servers, timeouts."""

from __future__ import annotations

import datetime
import os
import re
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, ValidationInfo

from aia_ccdproc.errors import redact_url
from aia_ccdproc.plugin.settings import UNRECORDED

__all__ = ["NOT_A_PATH", "RecipeFile", "ServerURL", "Timeout", "table_source", "validate_table_source"]

#: Schemes of the URLs of tables and of DRMS servers.
_URL_SCHEMES = ("http://", "https://")
#: Start of a URL without slashes, which is not taken for a path.
_SCHEME = re.compile(r"(https?|ftp|file|data|javascript|jar|s3|gs):", re.IGNORECASE)
_DAY_SECONDS = 86400.0
#: Types of TOML values that cannot be the path of a file.
NOT_A_PATH = (bool, int, float, list, dict, datetime.date, datetime.time)


def _to_path(value: Any, info: ValidationInfo) -> Any:
    """Convert a string to a path. A relative path in a recipe is relative to the recipe's folder."""
    if not isinstance(value, str):
        return value
    if not value or "\0" in value:
        raise ValueError(f"should be the path of a file, not {value!r}")
    try:
        path = Path(value).expanduser()
    except RuntimeError as error:
        raise ValueError(f"{value!r}: {error}") from error
    folder = (info.context or {}).get("folder")
    return path if folder is None else Path(folder) / path


#: Path of a file in a recipe, relative to the recipe's folder; from Python any other object that the setting takes.
RecipeFile = Annotated[Any, BeforeValidator(_to_path, json_schema_input_type=str)]


def validate_table_source(
    value: Any, info: ValidationInfo, keywords: tuple[str, ...], alternative: str | None = None
) -> Any:
    """Validate a setting that names a table.

    Parameters
    ----------
    value : object
        The user's value.
    info : `pydantic.ValidationInfo`
        Its context may contain the recipe's folder.
    keywords : tuple of str
        Words that name a table, such as ``"jsoc"``.
    alternative : str, optional
        Another kind of value that the setting takes; only for the error message.

    Returns
    -------
    object
        A keyword or URL as it is, any other string as a path, and from Python a table as it is.

    Raises
    ------
    ValueError
        If the value does not name a table.
    """
    if isinstance(value, (*NOT_A_PATH, tuple, type(None))) or (isinstance(value, str) and not value):
        kinds = ["a path", "a URL", f"one of {', '.join(keywords)}" if len(keywords) > 1 else "".join(keywords)]
        listed = [kind for kind in (*kinds, alternative) if kind]
        comma = "," if alternative else ""
        raise ValueError(f"should be {', '.join(listed[:-1])}{comma} or {listed[-1]}, not {value!r}")
    if isinstance(value, str) and ("://" in value or _SCHEME.match(value)):
        _check_url(value)
        return value
    if isinstance(value, str) and value in keywords:
        return value
    if not isinstance(value, str | os.PathLike) and not hasattr(value, "colnames"):
        raise ValueError(f"should be a path, a URL or a Table, not a {type(value).__name__}")
    return _to_path(value, info)


def table_source(*keywords: str) -> BeforeValidator:
    """Return the validator of a setting that names a table: ``table: Annotated[Any, table_source("jsoc")]``.

    Parameters
    ----------
    *keywords : str
        Words that the setting takes besides paths (relative to a recipe's folder), URLs and, from Python, tables.

    Returns
    -------
    `pydantic.BeforeValidator`
        Annotation of the setting.
    """

    def validate(value: Any, info: ValidationInfo) -> Any:
        return validate_table_source(value, info, keywords)

    return BeforeValidator(validate, json_schema_input_type=str)


def _check_url(value: str) -> None:
    shown = repr(redact_url(value))
    if not value.lower().startswith(_URL_SCHEMES):
        raise ValueError(f"should be a URL that starts with {' or '.join(_URL_SCHEMES)}, not {shown}")
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError:  # its message may contain a part of a password
        raise ValueError(f"{shown} is not a URL: its host or port is invalid") from None
    if any(character.isspace() for character in value):
        raise ValueError(f"{shown} is not a URL: it contains blanks")
    if not host:
        raise ValueError(f"{shown} is not a URL: it names no host")


def _validate_server(value: Any) -> Any:
    if isinstance(value, (*NOT_A_PATH, tuple, bytes)):
        raise ValueError(f"should be a URL, not {value!r}")
    if isinstance(value, str):
        _check_url(value)
    return value


#: Setting for a DRMS server: None for JSOC, the base URL of its CGIs, or, from Python, a drms client.
ServerURL = Annotated[
    Any,
    BeforeValidator(_validate_server, json_schema_input_type=str),
    Field(
        description="DRMS server that is queried instead of JSOC: the base URL of its CGIs, under which jsoc_info is "
        "found; from Python also a drms Client."
    ),
]
#: Setting for a network timeout. It does not change the result and is not recorded.
Timeout = Annotated[
    float,
    UNRECORDED,
    Field(gt=0, le=_DAY_SECONDS, description="Time limit in seconds for a network request, retries included."),
]
