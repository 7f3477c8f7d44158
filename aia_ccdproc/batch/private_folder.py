"""A folder for the fetched files of one batch, which other batches with the same output folder leave alone."""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from aia_ccdproc.errors import WriteError
from aia_ccdproc.images.files import lock_file, read_regular_file

__all__ = ["private_folder"]

#: Age in seconds at which a folder counts as abandoned on file systems without locks.
_ABANDONED_SECONDS = 86400.0
#: File with the sources of the files in a folder, and its largest size.
_SOURCES, _MAX_SOURCES_BYTES = ".sources.json", 64 * 2**20
#: Number of attempts to create and lock a folder, and the pause after each, in seconds.
_ATTEMPTS, _PAUSE_SECONDS = 5, 0.01


@contextmanager
def private_folder(folder: Path, sources: Mapping[str, str]) -> Iterator[None]:
    """Create a folder for the time of a batch. Take over what killed batches have left in folders beside it.

    Parameters
    ----------
    folder : `~pathlib.Path`
        The folder. It is locked by a file beside it, and removed at the end of the block. So are its parent and the
        folder that contains it, if they are empty and did not exist before.
    sources : mapping of str to str
        The sources of the files that will be in the folder, by their names. A file of a killed batch is taken over if
        it has the same name and the same source; the others are removed.

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
            (folder / _SOURCES).write_text(json.dumps(dict(sources)), encoding="utf-8")
        except OSError as error:
            raise WriteError(f"the folder {folder} cannot be created ({error.strerror})") from error
        for name in {path.name.removeprefix(".").removesuffix(".lock") for path in parent.iterdir()} - {folder.name}:
            _take_over(parent / name, folder, sources)
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
                if stack.enter_context(lock_file(_lock_path(folder))) is not False:
                    break
            except FileNotFoundError:  # another batch has just removed the parent
                if attempt == _ATTEMPTS - 1:
                    raise
            time.sleep(_PAUSE_SECONDS)  # another batch looks whether the folder is abandoned
        folder.mkdir()
        yield


def _take_over(other: Path, folder: Path, sources: Mapping[str, str]) -> None:
    """Move the files of another batch that was killed to the folder of this one, and remove its folder."""
    with suppress(OSError), lock_file(_lock_path(other)) as is_locked:
        age = time.time() - other.stat().st_mtime if other.exists() else math.inf
        if is_locked or (is_locked is None and age > _ABANDONED_SECONDS):
            known = _sources(other)
            same = {name for name, source in sources.items() if known.get(name) == source}
            parts = {path.with_suffix(suffix).name for path in other.glob(".*.part") for suffix in (".part", ".json")}
            for name in same | parts:
                with suppress(OSError):
                    (other / name).rename(folder / name)
            shutil.rmtree(other, ignore_errors=True)
            _lock_path(other).unlink(missing_ok=True)


def _sources(folder: Path) -> dict[str, str]:
    """Return the sources of the files in the folder of a batch; none if they cannot be read."""
    try:
        sources = json.loads(read_regular_file(folder / _SOURCES, _MAX_SOURCES_BYTES))
    except (OSError, ValueError):
        return {}
    return sources if isinstance(sources, dict) else {}
