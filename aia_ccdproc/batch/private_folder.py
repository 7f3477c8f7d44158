"""A folder for the fetched files of one batch, which other batches with the same output folder leave alone."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from aia_ccdproc.errors import WriteError
from aia_ccdproc.images.files import lock_file

__all__ = ["private_folder"]

#: Age in seconds at which a folder counts as abandoned on file systems without locks.
_ABANDONED_SECONDS = 86400.0
#: Number of attempts to create a folder that another batch may be removing.
_ATTEMPTS = 5


@contextmanager
def private_folder(folder: Path) -> Iterator[None]:
    """Create a folder for the time of a batch, and remove those that killed batches have left beside it.

    Parameters
    ----------
    folder : `~pathlib.Path`
        The folder. It is locked by a file beside it, and removed at the end of the block. So are its parent and the
        folder that contains it, if they are empty and did not exist before.

    Raises
    ------
    WriteError
        If the folder cannot be created.
    """
    parent = folder.parent
    had_output = parent.parent.exists()
    with ExitStack() as stack:
        try:
            stack.enter_context(_locked(folder))
        except OSError as error:
            raise WriteError(f"the folder {folder} cannot be created ({error.strerror})") from error
        for other in list(parent.iterdir()):
            if other.is_dir() and other != folder:
                _remove_if_abandoned(other)
        try:
            yield
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            _lock_path(folder).unlink(missing_ok=True)
            with suppress(OSError):
                parent.rmdir()
                if not had_output:
                    parent.parent.rmdir()


def _lock_path(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.lock")


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Create a folder, after the file that locks it."""
    with ExitStack() as stack:
        for attempt in range(_ATTEMPTS):
            try:
                folder.parent.mkdir(parents=True, exist_ok=True)
                stack.enter_context(lock_file(_lock_path(folder)))
                break
            except FileNotFoundError:  # another batch has just removed the parent
                if attempt == _ATTEMPTS - 1:
                    raise
        folder.mkdir()
        yield


def _remove_if_abandoned(folder: Path) -> None:
    with suppress(OSError), lock_file(_lock_path(folder)) as is_locked:
        age = time.time() - folder.stat().st_mtime
        if is_locked or (is_locked is None and age > _ABANDONED_SECONDS):
            shutil.rmtree(folder, ignore_errors=True)
            _lock_path(folder).unlink(missing_ok=True)
