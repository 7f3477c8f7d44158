"""Parse the TOML of a recipe within limits: a hostile file is refused at once, at its line."""

from __future__ import annotations

import re
import tomllib
from typing import Any

from aia_ccdproc.errors import RecipeProblem

__all__ = ["MAX_BYTES", "InvalidTomlError", "parse_toml"]

#: Limits, which are far above the needs of a recipe. Beyond them, tomllib takes seconds or raises unexpected errors.
MAX_BYTES = 2**20
_MAX_KEYS = 5000
_MAX_DEPTH = 20
_MAX_DOTS = 20
_MAX_DIGITS = 200

#: Strings and comments, which may contain anything. A string that is not closed ends at the end of its line or of the
#: text: each pattern below takes a time that is proportional to the length of the text.
_TEXT = re.compile(
    r'"""(?:\\.|[^\\])*?(?:"{3,5}|\Z)'
    r"|'''.*?(?:'{3,5}|\Z)"
    r'|"(?:\\.|[^"\\\n])*"?'
    r"|'[^'\n]*'?"
    r"|#[^\n]*",
    re.DOTALL,
)
_LONG_NUMBER = re.compile(rf"(?<![\w-])(?:0[xob][\da-fA-F_]{{{_MAX_DIGITS},}}|\d[\d_]{{{_MAX_DIGITS},}})")
_MANY_DOTS = re.compile(rf"(?<![\w\"'-])(?:[\w\"'-]++\s*+\.\s*+){{{_MAX_DOTS}}}")


class InvalidTomlError(ValueError):
    """A text is not TOML, or is beyond the limits of a recipe.

    Parameters
    ----------
    problem : `~aia_ccdproc.errors.RecipeProblem`
        What is wrong, and where.
    """

    def __init__(self, problem: RecipeProblem) -> None:
        self.problem = problem
        super().__init__(str(problem))


def parse_toml(text: str) -> dict[str, Any]:
    """Parse TOML.

    Parameters
    ----------
    text : str
        The TOML.

    Returns
    -------
    dict
        Its content.

    Raises
    ------
    InvalidTomlError
        If the text is not TOML, is larger than 1 MiB, contains more than 5000 keys and tables or a number of more than
        200 digits, or is nested more than 20 deep.
    """
    _check_limits(text)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidTomlError(RecipeProblem("TOML", str(error))) from error
    except (ValueError, RecursionError) as error:  # errors of int and datetime, which tomllib does not catch
        raise InvalidTomlError(RecipeProblem("TOML", f"{type(error).__name__}: {error}")) from error


def _check_limits(text: str) -> None:
    if len(text.encode(errors="replace")) > MAX_BYTES:
        raise InvalidTomlError(RecipeProblem("recipe", "is larger than 1 MiB; a recipe has a few kB"))
    blanked = _blank_strings(text)
    if blanked.count("=") + blanked.count("[") > _MAX_KEYS:
        raise InvalidTomlError(RecipeProblem("recipe", f"contains more than {_MAX_KEYS} keys and tables"))
    depth = 0
    for number, line in enumerate(blanked.splitlines(), start=1):
        place = f"line {number}"
        if _LONG_NUMBER.search(line):
            raise InvalidTomlError(RecipeProblem(place, f"contains a number of more than {_MAX_DIGITS} digits"))
        if line.count(".") >= _MAX_DOTS and _MANY_DOTS.search(line):
            raise InvalidTomlError(RecipeProblem(place, f"contains a key of more than {_MAX_DOTS} parts"))
        for character in line:
            depth = depth + 1 if character in "[{" else max(0, depth - 1) if character in "]}" else depth
            if depth > _MAX_DEPTH:
                raise InvalidTomlError(
                    RecipeProblem(place, f"contains arrays or tables nested more than {_MAX_DEPTH} deep")
                )


def _blank_strings(text: str) -> str:
    """Replace strings and comments by a quotation mark, but keep the line breaks in them."""
    return _TEXT.sub(lambda match: '"' + "\n" * match[0].count("\n"), text)
