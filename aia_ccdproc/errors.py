"""What can go wrong, in the words of the person who has to mend it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import NamedTuple

__all__ = [
    "Fault",
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
    "SettingsError",
    "StateError",
    "TableError",
    "WriteError",
]


class PrepError(Exception):
    """Base class of every error that this package raises on purpose."""


class ReadError(PrepError):
    """A file is not a FITS image that can be read whole."""


class WriteError(PrepError):
    """An output cannot be written; nothing was left behind."""


class HeaderError(PrepError):
    """A header lacks a keyword or holds a value that a step cannot use."""


class InstrumentError(PrepError):
    """No plugin knows the instrument of an image, or none does this step for it."""


class StateError(PrepError):
    """An image is not in the state that a step needs: registered already, say."""


class PointingError(PrepError):
    """No pointing record could be had for an exposure."""


class TableError(PrepError):
    """A table of calibrations cannot be had, or holds nothing for an image."""


class SettingsError(PrepError, ValueError):
    """A step was called with a setting that it does not know, or with a wrong value."""


class PluginError(PrepError):
    """A plugin is broken, unknown, or in conflict with another."""


class PrepWarning(UserWarning):
    """Base class of this package's warnings."""


class PointingWarning(PrepWarning):
    """The pointing of the header was kept because no record could be had."""


class PrepDeprecationWarning(PrepWarning, DeprecationWarning):
    """A public name was renamed or moved; the old one works for two more minor releases."""


class PluginWarning(PrepWarning):
    """A plugin could not be loaded."""


class Fault(NamedTuple):
    """One fault of a recipe: where it stands and what is wrong."""

    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


class RecipeError(PrepError):
    """A recipe has faults; all of them are listed.

    Parameters
    ----------
    recipe : str
        Name or path of the recipe.
    faults : iterable of `Fault`
        Every fault found.
    """

    def __init__(self, recipe: str, faults: Iterable[Fault]) -> None:
        self.recipe = recipe
        self.faults = tuple(faults)
        super().__init__(recipe, self.faults)

    def __str__(self) -> str:
        count = len(self.faults)
        head = f"{self.recipe}: {count} fault{'' if count == 1 else 's'}"
        return "\n".join([head, *(f"  {fault}" for fault in self.faults)])


def choices(name: str, known: Iterable[str]) -> str:
    """Tell which names there are, the nearest first if one is near enough.

    Parameters
    ----------
    name : str
        The name that is not known.
    known : iterable of str
        The names that are.

    Returns
    -------
    str
        ``"did you mean 'register'?"`` or ``"there are: a, b, c"``.
    """
    names = list(known)
    near = difflib.get_close_matches(str(name), names, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"there are: {', '.join(names)}" if names else "there are none"
