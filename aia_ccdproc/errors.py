"""Exceptions and warnings raised by aia_ccdproc."""

from __future__ import annotations

import difflib
import functools
import re
import sys
import warnings
from collections.abc import Callable, Iterable
from typing import NamedTuple, ParamSpec, TypeVar

__all__ = [
    "HeaderError",
    "InstrumentError",
    "PluginError",
    "PluginWarning",
    "PointingError",
    "PointingWarning",
    "PrepDeprecationWarning",
    "PrepError",
    "PrepWarning",
    "ReadError",
    "RecipeError",
    "RecipeProblem",
    "SettingsError",
    "StateError",
    "TableError",
    "WriteError",
    "nearest_name",
    "pluralize",
    "redact_url",
    "renamed_argument",
    "suggestion",
    "warn_renamed",
    "warn_user",
]

P = ParamSpec("P")
T = TypeVar("T")


class PrepError(Exception):
    """Base class of every error that this package raises on purpose."""


class ReadError(PrepError):
    """A file is not a complete FITS image."""


class WriteError(PrepError):
    """An output file cannot be written. No incomplete file is left behind."""


class HeaderError(PrepError):
    """A header lacks a keyword, or the keyword's value cannot be used."""


class InstrumentError(PrepError):
    """The instrument of an image is unknown, or no plugin runs the step for this instrument."""


class StateError(PrepError):
    """An image is not in the state that a step needs: it is already registered, for example."""


class PointingError(PrepError):
    """No pointing record could be found for an exposure."""


class TableError(PrepError):
    """A calibration table cannot be read or fetched, or has no entry for an image."""


class SettingsError(PrepError, ValueError):
    """A step was called with an unknown setting or with a wrong value."""


class PluginError(PrepError):
    """A plugin is broken, unknown, or in conflict with another plugin."""


class PrepWarning(UserWarning):
    """Base class of this package's warnings."""


class PointingWarning(PrepWarning):
    """No pointing record was found, and the pointing in the header was kept."""


class PrepDeprecationWarning(PrepWarning, DeprecationWarning):
    """A public name was renamed or moved. The old name works for two more minor releases."""


class PluginWarning(PrepWarning):
    """A plugin could not be loaded."""


class RecipeProblem(NamedTuple):
    """One problem in a recipe: its place in the file and a message."""

    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


#: Maximum number of problems in the message of a RecipeError, and of characters in each line. The message stays below
#: 20 kB.
_MAX_PROBLEMS_SHOWN = 50
_MAX_LINE_LENGTH = 350
#: Characters that are kept of the end of a longer line, which may tell why a plugin could not be loaded.
_END_LENGTH = 170


def _shorten(line: str) -> str:
    """Escape control characters in a line of a message, and shorten it."""
    line = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
    if len(line) <= _MAX_LINE_LENGTH:
        return line
    return f"{line[: _MAX_LINE_LENGTH - _END_LENGTH - 3]}...{line[-_END_LENGTH:]}"


class RecipeError(PrepError):
    """A recipe has problems. The message lists the first 50, `RecipeError.problems` all of them.

    Parameters
    ----------
    recipe : str
        Name or path of the recipe.
    problems : iterable of `RecipeProblem`
        Every problem that was found.
    """

    def __init__(self, recipe: str, problems: Iterable[RecipeProblem]) -> None:
        self.recipe = recipe
        self.problems = tuple(problems)
        super().__init__(recipe, self.problems)

    def __str__(self) -> str:
        count = len(self.problems)
        lines = [f"{self.recipe}: {pluralize(count, 'problem')}"]
        lines += [f"  {problem}" for problem in self.problems[:_MAX_PROBLEMS_SHOWN]]
        if count > _MAX_PROBLEMS_SHOWN:
            lines.append(f"  and {count - _MAX_PROBLEMS_SHOWN} more")
        return "\n".join(map(_shorten, lines))

    @property
    def faults(self) -> tuple[RecipeProblem, ...]:
        """The problems under their deprecated name.

        Returns
        -------
        tuple of `RecipeProblem`
            `problems`.
        """
        warn_renamed("RecipeError.faults", "RecipeError.problems")
        return self.problems


#: Libraries whose functions may be between the user's line and that of this package in the stack of calls.
_LIBRARIES = frozenset({"astropy", "ccdproc", "contextlib", "functools", "lazy_loader", "pluggy", "pydantic"})


def warn_user(message: str, category: type[Warning] = PrepWarning) -> None:
    """Issue a warning that names the line of the user's code, and not a line of this package or of a plugin.

    Parameters
    ----------
    message : str
        The message.
    category : type
        Class of the warning.
    """
    frame = sys._getframe(1)
    while frame.f_back is not None and _is_internal(str(frame.f_globals.get("__name__"))):
        frame = frame.f_back
    registry = frame.f_globals.setdefault("__warningregistry__", {})
    module = frame.f_globals.get("__name__")
    warnings.warn_explicit(message, category, frame.f_code.co_filename, frame.f_lineno, module, registry)


def _is_internal(module: str) -> bool:
    package = module.partition(".")[0]
    return package in _LIBRARIES or package.startswith("aia_ccdproc")


def warn_renamed(old: str, new: str) -> None:
    """Warn that the user's code uses a name of version 0.1.

    Parameters
    ----------
    old : str
        The old name.
    new : str
        What replaces it.
    """
    warn_user(f"{old} was renamed to {new} and will be removed in version 0.4.", PrepDeprecationWarning)


def renamed_argument(old: str, new: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Let a function accept the name that a keyword argument had in version 0.1, with a warning.

    Parameters
    ----------
    old : str
        The old name.
    new : str
        What replaces it.

    Returns
    -------
    callable
        A decorator.
    """

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> T:
            if old in kwargs and new not in kwargs:
                warn_renamed(f"the argument {old} of {function.__name__}", new)
                kwargs[new] = kwargs.pop(old)
            return function(*args, **kwargs)

        return call

    return decorate


def nearest_name(name: str, known: Iterable[str]) -> str | None:
    """Find the known name that is most similar to a misspelled one.

    Parameters
    ----------
    name : str
        The unknown name.
    known : iterable of str
        The known names.

    Returns
    -------
    str or None
        The most similar name; None if none is similar.
    """
    matches = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return matches[0] if matches else None


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return a hint for the error message about an unknown name.

    Parameters
    ----------
    name : str
        The unknown name.
    known : iterable of str
        The known names.

    Returns
    -------
    str
        ``"did you mean 'register'?"`` if a known name is similar; otherwise ``"available: a, b, c"``.
    """
    names = list(known)
    nearest = nearest_name(name, names)
    if nearest is not None:
        return f"did you mean {nearest!r}?"
    return f"available: {', '.join(names)}" if names else "none is available"


def pluralize(count: int, noun: str) -> str:
    """Write a number with its noun.

    Parameters
    ----------
    count : int
        The number.
    noun : str
        The noun in the singular; its plural ends in s.

    Returns
    -------
    str
        ``"1 file"``, ``"2 files"``.
    """
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


#: A user name and a password before the host; the password may contain @, or / if no port number precedes it.
_CREDENTIALS = re.compile(r"(\w://)(?:[^/\s]*@|[^/:@\[\s]*:(?!\d*[/?#\s]|\d*$)\S{0,256}@)")


def redact_url(text: str) -> str:
    """Remove the user names and passwords from the URLs in a text.

    Parameters
    ----------
    text : str
        A URL, or a text that contains some.

    Returns
    -------
    str
        ``"https://***@example.org/table.ecsv"``.
    """
    return _CREDENTIALS.sub(r"\1***@", text)
