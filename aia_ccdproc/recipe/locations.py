"""Line numbers of the tables and keys of a recipe, which tomllib does not give."""

from __future__ import annotations

import re
from typing import TypeAlias

__all__ = ["KeyPath", "RecipeLocations"]

#: Path to a value: names of tables and keys, and indices (from 0) into arrays of tables.
KeyPath: TypeAlias = tuple[str | int, ...]

_TABLE = re.compile(r"\s*(\[\[?)([^\[\]]+)\]")
_KEY = re.compile(r"\s*([\"']?)([\w-]+)\1\s*[=.]")


class RecipeLocations:
    """Line numbers of the tables and keys of a recipe.

    Parameters
    ----------
    text : str
        The recipe, in TOML.
    """

    def __init__(self, text: str) -> None:
        self._lines: dict[KeyPath, int] = {}
        self._last_index: dict[KeyPath, int] = {}
        table: KeyPath = ()
        in_multiline_string = False
        for number, line in enumerate(text.splitlines(), start=1):
            if not in_multiline_string:
                header, key = _TABLE.match(line), _KEY.match(line)
                if header:
                    table = self._enter_table(header[2], is_array=header[1] == "[[")
                    self._lines.setdefault(table, number)
                elif key:
                    self._lines.setdefault((*table, key[2]), number)
            in_multiline_string ^= (line.count('"""') + line.count("'''")) % 2 == 1

    def _enter_table(self, header: str, *, is_array: bool) -> KeyPath:
        """Return the path of the table that a ``[header]`` or ``[[header]]`` opens."""
        path: KeyPath = ()
        names = [name.strip().strip("\"'") for name in header.split(".")]
        for position, name in enumerate(names):
            path += (name,)
            if is_array and position == len(names) - 1:
                self._last_index[path] = self._last_index.get(path, -1) + 1
            if path in self._last_index:
                path += (self._last_index[path],)
        return path

    def find_line(self, path: KeyPath) -> int | None:
        """Find the line of a key. If it is not found, find the line of the nearest table that contains the key.

        Parameters
        ----------
        path : tuple of str and int
            ``("step", 0, "when", 1, "method")``.

        Returns
        -------
        int or None
            The line, counted from 1; None if it is not found.
        """
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path)
