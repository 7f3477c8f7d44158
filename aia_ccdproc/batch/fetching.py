"""Fetch the files of archives, some files ahead of those that are being prepped."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TypeVar

from aia_ccdproc.errors import PrepError, ReadError, WriteError
from aia_ccdproc.images.files import atomic_write, remove_abandoned
from aia_ccdproc.plugin.remote import RemoteFile

__all__ = ["FetchAhead", "expect_files", "fetch_file", "fetched_folder", "is_fetched"]

#: Largest number of files that are fetched at the same time, and that wait to be prepped.
_MAX_AHEAD = 4

T = TypeVar("T")


def fetched_folder(output: Path, keep: bool) -> Path:
    """Return the folder for fetched files.

    Parameters
    ----------
    output : `~pathlib.Path`
        Folder of the outputs.
    keep : bool
        Whether the files are kept.

    Returns
    -------
    `~pathlib.Path`
        ``level1`` in the folder of the outputs. If the files are not kept, a new folder in the hidden ``.level1``,
        which no other batch uses. It is not created.
    """
    return output / "level1" if keep else output / ".level1" / secrets.token_hex(4)


def expect_files(remote_files: Mapping[Path, RemoteFile]) -> set[Path]:
    """Announce to the archives which files will be fetched.

    Parameters
    ----------
    remote_files : mapping of `~pathlib.Path` to `~aia_ccdproc.plugin.RemoteFile`
        The files, by the path to which they will be fetched. Those that exist are not announced.

    Returns
    -------
    set of `~pathlib.Path`
        The files that an archive provides only on request, which takes a while.
    """
    waiting = set()
    for path, remote in remote_files.items():
        for other in (remote, *remote.beside()):
            if not path.with_name(other.name).exists() and other.expect():
                waiting.add(path)
    return waiting


def is_fetched(remote: RemoteFile, path: Path) -> bool:
    """Return whether a file exists, and all that belong to it.

    Parameters
    ----------
    remote : `~aia_ccdproc.plugin.RemoteFile`
        The file in an archive.
    path : `~pathlib.Path`
        The file to which it is fetched.

    Returns
    -------
    bool
        True if nothing has to be fetched.
    """
    return path.exists() and all(path.with_name(other.name).exists() for other in remote.beside())


def fetch_file(remote: RemoteFile, path: Path) -> None:
    """Fetch a file and those that belong to it, unless they exist. A file that cannot be fetched is not created.

    Parameters
    ----------
    remote : `~aia_ccdproc.plugin.RemoteFile`
        The file.
    path : `~pathlib.Path`
        Where to write it. Its folder is created.

    Raises
    ------
    PrepError
        If the file cannot be fetched or written.
    """
    for other in remote.beside():
        fetch_file(other, path.with_name(other.name))
    if path.exists():
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as temporary:
            remote.fetch(temporary)
    except OSError as error:
        raise WriteError(f"{path} cannot be written ({error.strerror or error})") from error
    except PrepError:
        raise
    except Exception as error:  # a plugin may fail in any way
        raise ReadError(f"{remote.source} cannot be fetched ({type(error).__name__}: {error})") from error


class FetchAhead:
    """Fetches the files of a batch in threads, in the order in which they will be prepped.

    Parameters
    ----------
    remote_files : mapping of `~pathlib.Path` to `~aia_ccdproc.plugin.RemoteFile`
        The files, by the path to which they are fetched. All other files of the batch are ready.
    keep : bool
        Whether files are kept after they were prepped.
    """

    def __init__(self, remote_files: Mapping[Path, RemoteFile] | None = None, *, keep: bool = True) -> None:
        self._remote_files = dict(remote_files or {})
        self._keep = keep
        self._fetched: dict[Path, Future[None]] = {}
        #: Why servers are not asked any more.
        self._silent: dict[str, PrepError] = {}
        for folder in {path.parent for path in self._remote_files}:
            remove_abandoned(folder)

    def start(self, paths: Iterable[Path]) -> None:
        """Begin to fetch the next files.

        Parameters
        ----------
        paths : iterable of `~pathlib.Path`
            The files that have not been prepped, in order. Only the first few are fetched.
        """
        for path in islice(paths, _MAX_AHEAD):
            remote = self._remote_files.get(path)
            if remote is not None and path not in self._fetched:
                self._fetched[path] = _in_thread(self._fetch, remote, path)

    def running(self, path: Path) -> Future[None] | None:
        """Return the future of a file that is being fetched.

        Parameters
        ----------
        path : `~pathlib.Path`
            A file that was started.

        Returns
        -------
        `~concurrent.futures.Future` or None
            None if the file is ready, or has failed.
        """
        future = self._fetched.get(path)
        return None if future is None or future.done() else future

    def error(self, path: Path) -> BaseException | None:
        """Return the error of a file that could not be fetched.

        Parameters
        ----------
        path : `~pathlib.Path`
            A file that is not `running`.

        Returns
        -------
        Exception or None
            None if the file is ready.
        """
        future = self._fetched.get(path)
        return None if future is None else future.exception()

    def discard(self, paths: Iterable[Path]) -> None:
        """Remove fetched files that are not needed any more, unless files are kept.

        Parameters
        ----------
        paths : iterable of `~pathlib.Path`
            The files; all others are ignored.
        """
        if not self._keep:
            for path in self._remote_files.keys() & set(paths):
                for other in (path, *(path.with_name(each.name) for each in self._remote_files[path].beside())):
                    with suppress(OSError):
                        other.unlink(missing_ok=True)

    def close(self) -> None:
        """Remove all fetched files and their folder, unless files are kept."""
        self.discard(self._remote_files)
        if not self._keep:
            for folder in {path.parent for path in self._remote_files}:
                with suppress(OSError):
                    folder.rmdir()

    def _fetch(self, remote: RemoteFile, path: Path) -> None:
        from aia_ccdproc.tables.network import NoAnswerError

        if remote.server in self._silent and not is_fetched(remote, path):
            raise self._silent[remote.server]
        try:
            fetch_file(remote, path)
        except NoAnswerError as error:
            self._silent[remote.server] = error
            raise


def _in_thread(function: Callable[[RemoteFile, Path], T], remote: RemoteFile, path: Path) -> Future[T]:
    """Call a function in a thread of its own, for which the end of the process does not wait."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            result = function(remote, path)
        except BaseException as error:
            future.set_exception(error)
        else:
            future.set_result(result)

    threading.Thread(target=run, daemon=True, name="aia_ccdproc-fetch").start()
    return future
