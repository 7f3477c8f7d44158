"""Atomic writes, bounded reads, removal of abandoned temporary files, and a cache of what was read from a file."""

from __future__ import annotations

import errno
import functools
import os
import re
import secrets
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path
from typing import TypeVar

try:
    import fcntl
except ImportError:  # Windows, which does not allow an open file to be removed
    _HAS_LOCKS = False
else:
    _HAS_LOCKS = True

__all__ = [
    "atomic_write",
    "cache_until_modified",
    "lock_file",
    "open_regular_file",
    "read_ahead",
    "read_regular_file",
    "remove_abandoned",
]

T = TypeVar("T")

_TEMPORARY = re.compile(r"\.[0-9a-f]{8}\.tmp(\.\w+)?")
#: Age in seconds at which a temporary file counts as abandoned on file systems without locks.
_ABANDONED_SECONDS = 86400.0
#: Largest size of a file that is opened without another limit.
_MAX_BYTES = 16 * 2**30


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Provide a temporary file to write to, and rename it to its final name at the end of the block.

    Parameters
    ----------
    path : `~pathlib.Path`
        The file to create or to replace.

    Yields
    ------
    `~pathlib.Path`
        An empty file with a hidden name in the same folder and with the same suffix. Open and write this file; do not
        delete and recreate it: it is locked until the end of the block, so that `remove_abandoned` sees that it is in
        use. If the block raises, the temporary file is removed and ``path`` is unchanged.
    """
    temporary, lock = _create_locked(path)
    try:
        if not _HAS_LOCKS:
            os.close(lock)
        yield temporary
        temporary.replace(path)
    finally:
        with suppress(OSError):  # must not hide the exception of the block
            temporary.unlink(missing_ok=True)
        if _HAS_LOCKS:
            os.close(lock)


def _create_locked(path: Path) -> tuple[Path, int]:
    """Create and lock a temporary file. The system removes the lock when the process ends, however it ends."""
    while True:
        temporary = path.with_name(f".{secrets.token_hex(4)}.tmp{path.suffix}")
        descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
        _lock(descriptor)
        if temporary.exists():  # else remove_abandoned of another process deleted it before it was locked
            return temporary, descriptor
        os.close(descriptor)


def _lock(descriptor: int) -> bool | None:
    """Lock an open file. Return False if another process has locked it, None if its file system has no locks."""
    if not _HAS_LOCKS:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


@contextmanager
def lock_file(path: Path) -> Iterator[bool | None]:
    """Create a file if it does not exist, and lock it until the end of the block.

    Parameters
    ----------
    path : `~pathlib.Path`
        The file. The block may remove it.

    Yields
    ------
    bool or None
        False if another process, or another thread, has locked it. None if the file system has no locks.
    """
    while True:
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o666)
        try:
            is_locked = _lock(descriptor) if _HAS_LOCKS else None
            if not _HAS_LOCKS:
                os.close(descriptor)  # Windows does not allow an open file to be removed
                descriptor = -1
            if not is_locked or _is_open_file(path, descriptor):
                yield is_locked
                return
        finally:
            if descriptor >= 0:
                os.close(descriptor)


def _is_open_file(path: Path, descriptor: int) -> bool:
    """Return whether a path still is that of an open file: its former owner may have removed it."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except OSError:
        return False


def remove_abandoned(folder: Path) -> list[Path]:
    """Remove the temporary files that were left by processes killed while writing.

    Parameters
    ----------
    folder : `~pathlib.Path`
        The folder to search, without its subfolders.

    Returns
    -------
    list of `~pathlib.Path`
        The removed files. Files that a process is writing are kept.
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
        return time.time() - path.stat().st_mtime > _ABANDONED_SECONDS if locked is None else locked
    except OSError:
        return False
    finally:
        os.close(descriptor)


def open_regular_file(path: Path, max_bytes: int = _MAX_BYTES) -> BufferedReader:
    """Open a file for reading. Refuse devices, pipes and everything else that may block or never end.

    Parameters
    ----------
    path : `~pathlib.Path`
        The file.
    max_bytes : int
        Largest size that is accepted; by default 16 GiB.

    Returns
    -------
    file object
        The file, open for reading bytes; to be closed by the caller.

    Raises
    ------
    OSError
        If the file cannot be opened, is not a regular file, or is larger than ``max_bytes``. Its ``strerror`` gives the
        reason.
    """
    _check_regular(path, path.stat(), max_bytes)  # before it is opened: opening a device may change its state
    stream = open(path, "rb", opener=_open_without_waiting)  # noqa: SIM115
    try:
        _check_regular(path, os.fstat(stream.fileno()), max_bytes)  # it may have been replaced in the meantime
    except OSError:
        stream.close()
        raise
    return stream


def read_regular_file(path: Path, max_bytes: int) -> bytes:
    """Read a file as a whole, with the conditions of `open_regular_file`.

    Parameters
    ----------
    path : `~pathlib.Path`
        The file.
    max_bytes : int
        Largest size that is accepted.

    Returns
    -------
    bytes
        The content.

    Raises
    ------
    OSError
        If the file cannot be read, is not a regular file, or is larger than ``max_bytes``.
    """
    with open_regular_file(path, max_bytes) as stream:
        return stream.read(os.fstat(stream.fileno()).st_size)


def read_ahead(path: Path) -> None:
    """Ask the system to read a file into its cache, while this process does other work.

    Does nothing if the file cannot be read, or the system does not support it.

    Parameters
    ----------
    path : `~pathlib.Path`
        The file.
    """
    if hasattr(os, "posix_fadvise"):
        with suppress(OSError), open_regular_file(path) as stream:
            os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_WILLNEED)


def _open_without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _check_regular(path: Path, status: os.stat_result, max_bytes: int) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "Not a regular file", str(path))
    if status.st_size > max_bytes:
        raise OSError(errno.EFBIG, f"Larger than {max_bytes / 2**20:.4g} MiB", str(path))


def cache_until_modified(files: int) -> Callable[[Callable[[Path], T]], Callable[[Path], T]]:
    """Cache the result of a function of a file until the file is modified.

    Parameters
    ----------
    files : int
        Maximum number of files whose results are kept.

    Returns
    -------
    callable
        A decorator. The decorated function raises `OSError` if the file does not exist. All callers share its result
        and must not change it.
    """

    def decorate(function: Callable[[Path], T]) -> Callable[[Path], T]:
        @functools.lru_cache(maxsize=files)
        def cached(path: Path, _modified: int, _size: int) -> T:
            return function(path)

        @functools.wraps(function)
        def call(path: Path) -> T:
            status = path.stat()
            return cached(path, status.st_mtime_ns, status.st_size)

        return call

    return decorate
