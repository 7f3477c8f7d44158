"""Where the keys of a recipe stand, which tomllib does not tell, and the problems that are found there."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TypeAlias

from aia_ccdproc.errors import RecipeProblem

__all__ = ["KeyPath", "RecipeLines", "RecipeProblems"]

#: Way to a value: names of tables and keys, and indexes (from 0) into arrays of tables.
KeyPath: TypeAlias = tuple[str | int, ...]

_HEAD = re.compile(r"\s*(\[\[?)([^\[\]]+)\]")
_KEY = re.compile(r"\s*([\"']?)([\w-]+)\1\s*[=.]")


class RecipeLines:
    """Lines of the tables and keys of a recipe.

    Parameters
    ----------
    text : str
        The recipe's TOML.
    """

    def __init__(self, text: str) -> None:
        self._lines: dict[KeyPath, int] = {}
        self._last: dict[KeyPath, int] = {}
        place: KeyPath = ()
        in_text = False
        for i, line in enumerate(text.splitlines()):
            if not in_text:
                head, key = _HEAD.match(line), _KEY.match(line)
                if head:
                    place = self._enter(head[2], is_array=head[1] == "[[")
                    self._lines.setdefault(place, i + 1)
                elif key:
                    self._lines.setdefault((*place, key[2]), i + 1)
            in_text ^= (line.count('"""') + line.count("'''")) % 2 == 1

    def _enter(self, head: str, *, is_array: bool) -> KeyPath:
        place: KeyPath = ()
        names = [name.strip().strip("\"'") for name in head.split(".")]
        for i, name in enumerate(names):
            place += (name,)
            if is_array and i == len(names) - 1:
                self._last[place] = self._last.get(place, -1) + 1
            if place in self._last:
                place += (self._last[place],)
        return place

    def of(self, place: KeyPath) -> int:
        """Find the line of a value, or of the nearest table around it.

        Parameters
        ----------
        place : tuple of str and int
            ``("step", 0, "when", 1, "method")``.

        Returns
        -------
        int
            The line, from 1; 0 if it is not found.
        """
        while place and place not in self._lines:
            place = place[:-1]
        return self._lines.get(place, 0)


class RecipeProblems:
    """Collects the problems of a recipe, with their places.

    Parameters
    ----------
    text : str
        The recipe's TOML.
    """

    def __init__(self, text: str) -> None:
        self._lines = RecipeLines(text)
        self._found: list[tuple[int, RecipeProblem]] = []

    def add(self, message: str, place: KeyPath, use: str = "") -> None:
        """Note a problem.

        Parameters
        ----------
        message : str
            What is wrong.
        place : tuple of str and int
            Where, as `RecipeLines.of` takes it.
        use : str
            Which step it is, where it is one.
        """
        line = self._lines.of(place)
        said = [f"line {line}"] if line else []
        if place[0] in ("select", "output"):
            said.append(str(place[0]))
        for name, index in pairwise(place):
            if isinstance(index, int):
                said.append(f"{name} {index + 1}" + (f" ({use})" if use and name == "step" else ""))
        self._found.append((line, RecipeProblem(", ".join(said) or "recipe", message)))

    def in_order(self) -> list[RecipeProblem]:
        """List what was found.

        Returns
        -------
        list of `~aia_ccdproc.errors.RecipeProblem`
            In the order of the file.
        """
        return [problem for _, problem in sorted(self._found, key=lambda found: found[0])]
