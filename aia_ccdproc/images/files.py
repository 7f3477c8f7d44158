"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows, which lets nobody remove a file that is open
    fcntl = None  # type: ignore[assignment]

import functools
from collections.abc import Callable
from typing import TypeVar

__all__ = ["cache_until_modified", "remove_abandoned", "atomic_write"]

_TEMPORARY = re.compile(r"\.[0-9a-f]{8}\.tmp(\.\w+)?")
#: Age in seconds at which a temporary file is abandoned where file systems have no locks to tell by.
_ABANDONED = 86400.0


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Give a temporary file to write to, and rename it when all is written.

    Parameters
    ----------
    path : `~pathlib.Path`
        The file to make or to replace.

    Yields
    ------
    `~pathlib.Path`
        An empty file with a hidden name in the same folder and the same ending, to be opened and written, and not
        to be made anew: it is locked for as long as the block takes, so that `remove_abandoned` knows that somebody
        is at it. If the block raises, it is removed and ``path`` is what it was.
    """
    temporary, lock = _claim(path)
    try:
        if fcntl is None:
            os.close(lock)
        yield temporary
        temporary.replace(path)
    finally:
        with suppress(OSError):  # what went wrong before it is what matters
            temporary.unlink(missing_ok=True)
        if fcntl is not None:
            os.close(lock)


def _claim(path: Path) -> tuple[Path, int]:
    """Make a temporary file and lock it; the lock goes with the process, however that ends."""
    while True:
        temporary = path.with_name(f".{secrets.token_hex(4)}.tmp{path.suffix}")
        descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
        _lock(descriptor)
        if temporary.exists():  # and was not taken for abandoned before it was locked
            return temporary, descriptor
        os.close(descriptor)


def _lock(descriptor: int) -> bool | None:
    """Lock an open file: False if somebody else has, None if its file system has no locks."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def remove_abandoned(folder: Path) -> list[Path]:
    """Remove the temporary files that processes left behind which were killed while they wrote.

    Parameters
    ----------
    folder : `~pathlib.Path`
        Where to look; folders in it are not looked into.

    Returns
    -------
    list of `~pathlib.Path`
        What was removed. Files that somebody is writing are left alone.
    """
    removed = []
    with suppress(OSError):
        for path in sorted(folder.iterdir()):
            if _TEMPORARY.fullmatch(path.name) and _is_abandoned(path):
                with suppress(OSError):
                    path.unlink()
                    removed.append(path)
    return removed


def _is_abandoned(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        locked = _lock(descriptor)
        return time.time() - path.stat().st_mtime > _ABANDONED if locked is None else locked
    except OSError:
        return False
    finally:
        os.close(descriptor)


T = TypeVar("T")


def cache_until_modified(files: int) -> Callable[[Callable[[Path], T]], Callable[[Path], T]]:
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
