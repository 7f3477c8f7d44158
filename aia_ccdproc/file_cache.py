"""What was made of a file, kept for as long as the file does not change."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

__all__ = ["while_unchanged"]

T = TypeVar("T")


def while_unchanged(files: int) -> Callable[[Callable[[Path], T]], Callable[[Path], T]]:
    """Have a function of a file called once for as long as the file does not change.

    Parameters
    ----------
    files : int
        Of so many files what was made last is kept.

    Returns
    -------
    callable
        A decorator. The function that it makes raises `OSError` where there is no such file; what it returns is
        everybody's, and not to be changed.
    """

    def decorate(function: Callable[[Path], T]) -> Callable[[Path], T]:
        @functools.lru_cache(maxsize=files)
        def remembered(path: Path, _modified: int, _size: int) -> T:
            return function(path)

        @functools.wraps(function)
        def call(path: Path) -> T:
            status = path.stat()
            return remembered(path, status.st_mtime_ns, status.st_size)

        return call

    return decorate
