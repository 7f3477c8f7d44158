"""What is done with one file, by whoever does it: this process, a worker process, or a worker of a cluster."""

from __future__ import annotations

import functools
import hashlib
import logging
import os
import pickle
import platform
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from astropy.io import fits
from astropy.nddata import CCDData

from aia_ccdproc.batch.plan import Job
from aia_ccdproc.errors import PluginWarning, PrepError, PrepWarning, WriteError
from aia_ccdproc.images.fits_file import read_header
from aia_ccdproc.images.names import stem
from aia_ccdproc.io import read, write
from aia_ccdproc.parallel import limit_threads
from aia_ccdproc.pipeline import Pipeline
from aia_ccdproc.recipe.recipe import Recipe
from aia_ccdproc.report.quicklook import quicklook, thumbnail
from aia_ccdproc.report.results import FileResult, Status
from aia_ccdproc.tables.cache import FetchedOnce, Known

__all__ = ["Orders", "Worker", "prep_job"]

#: Keyword of the SHA-256 of the file that an output was made of.
INPUT_HASH = "INPUTID"


@dataclass(frozen=True)
class Orders:
    """What holds for every file of a batch."""

    recipe: Recipe
    #: Small pictures of each file, before and after.
    pictures: bool = False
    #: The hash of each output.
    output_hashes: bool = False
    #: A picture beside each output.
    quicklook: bool = False
    #: Threads that the work on one file may take; None for as many as there are cores.
    threads: int | None = None
    #: What has been fetched already, so that no worker need ask for it again.
    known: dict[str, Known] | None = None
    #: Folder that relative paths start from.
    folder: Path = Path()


# Warnings are caught, and threads limited, for the whole of a process: one file at a time, whatever a cluster's
# worker has of threads.
_one_at_a_time = threading.Lock()


def prep_job(job: Job, orders: bytes) -> FileResult:
    """Do a job in a process that knows nothing yet.

    Parameters
    ----------
    job : `~aia_ccdproc.batch.plan.Job`
        The job.
    orders : bytes
        Pickled `Orders`. The pipeline that they make is kept for the next job.

    Returns
    -------
    `~aia_ccdproc.FileResult`
        What became of the file.
    """
    with _one_at_a_time:
        return _worker(orders).prep(job)


@functools.lru_cache(maxsize=1)
def _worker(orders: bytes) -> Worker:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PluginWarning)  # said where the batch was started
        loaded: Orders = pickle.loads(orders)
        if loaded.known is not None:
            FetchedOnce.learn(loaded.known)
        return Worker(loaded)


class Worker:
    """Preps one file after another.

    Parameters
    ----------
    orders : `Orders`
        What holds for all files.
    pipeline : `~aia_ccdproc.Pipeline`, optional
        The recipe's, if it is there already.
    """

    def __init__(self, orders: Orders, pipeline: Pipeline | None = None) -> None:
        self._orders = orders
        self._pipeline = pipeline or Pipeline(orders.recipe)
        self._digest = orders.recipe.digest

    def prep(self, job: Job) -> FileResult:
        """Prep a file.

        Parameters
        ----------
        job : `~aia_ccdproc.batch.plan.Job`
            The file and its output.

        Returns
        -------
        `~aia_ccdproc.FileResult`
            What became of it. Nothing is raised but what stops the whole process.
        """
        said: dict[str, Any] = {}
        limit_threads(self._orders.threads)
        with warnings.catch_warnings(record=True) as caught, _logged() as logged:
            warnings.simplefilter("always", PrepWarning)
            try:
                said["status"] = self._prep(job, said)
            except Exception as error:  # a fault in a plugin, or no memory, costs this file and not the batch
                said = {**said, "status": "failed", "output": None, "error": _explain(error)}
            finally:
                limit_threads(None)
        texts = (*(str(warning.message) for warning in caught), *logged)
        return FileResult(
            job.path, warnings=texts, worker=f"{platform.node()}:{os.getpid()}", peak_memory=_peak_memory(), **said
        )

    def _prep(self, job: Job, said: dict[str, Any]) -> Status:
        """Do the work, and tell of it in ``said`` as it goes, so that a failure leaves what is known."""
        path, output = self._orders.folder / job.path, self._orders.folder / job.output
        seconds: dict[str, float] = said.setdefault("seconds", {})
        with ThreadPoolExecutor(1) as aside:  # hashing takes no lock of Python's and hides behind reading
            input_hash = aside.submit(_file_hash, path)
            if output.exists():
                said["input_hash"] = input_hash.result()
                if not said["input_hash"]:
                    self._orders.recipe.read_header(path)  # says why not
                header = self._header_of_done(output, said["input_hash"])
                if header is not None:
                    self._tell_of_unchanged(job, path, output, header, said)
                    return "unchanged"
            with _timed(seconds, "read"):
                level1 = self._orders.recipe.read(path)
            result = self._pipeline(level1, seconds=seconds)
            said["input_hash"] = input_hash.result()
        result.header[INPUT_HASH] = said["input_hash"]
        header = self._header_of_done(output, said["input_hash"]) if output.exists() else None
        if header is not None:  # another batch was quicker
            self._tell_of_unchanged(job, path, output, header, said)
            return "unchanged"
        with _timed(seconds, "write"):
            how = self._orders.recipe.output
            output.parent.mkdir(parents=True, exist_ok=True)
            compression = None if how.compression == "none" else how.compression
            write(result, output, overwrite=how.overwrite, compression=compression)
        self._tell_of_output(job, result.header, output, said)
        self._draw(job, output, result, said)
        self._draw_small(level1, result, said)
        return "done"

    def _header_of_done(self, output: Path, input_hash: str) -> fits.Header | None:
        """Give the header of an output that is done; None if it is to be made anew; raise if it is in the way."""
        try:
            header = read_header(output)
            if (header.get(INPUT_HASH), header.get("RECIPEID")) == (input_hash, self._digest):
                return header
            other = "another recipe" if header.get(INPUT_HASH) == input_hash else "another file"
            reason = f"is there already, made from {other}"
        except PrepError as error:
            reason = f"is there already, and is no whole output ({error})"
        if self._orders.recipe.output.overwrite:
            return None
        raise WriteError(f"{output}: {reason}; overwrite = True (--overwrite) replaces it")

    def _tell_of_unchanged(self, job: Job, path: Path, output: Path, header: fits.Header, said: dict[str, Any]) -> None:
        self._tell_of_output(job, header, output, said)
        picture = _picture_of(output)
        is_drawn = picture.exists() and picture.stat().st_mtime_ns >= output.stat().st_mtime_ns
        if is_drawn and self._orders.quicklook:
            said["quicklook"] = _picture_of(job.output)
        if not (self._orders.pictures or (self._orders.quicklook and not is_drawn)):
            return
        result = read(output, instrument=self._orders.recipe.instrument)
        if not is_drawn:
            self._draw(job, output, result, said)
        if self._orders.pictures:
            self._draw_small(self._orders.recipe.read(path), result, said)

    def _tell_of_output(self, job: Job, header: fits.Header, output: Path, said: dict[str, Any]) -> None:
        said["output"], said["pointing"] = job.output, _pointing(header)
        if self._orders.output_hashes:
            said["output_hash"] = _file_hash(output)

    def _draw(self, job: Job, output: Path, result: CCDData, said: dict[str, Any]) -> None:
        """Draw the picture beside an output, which stands whether or not that can be done."""
        if not self._orders.quicklook:
            return
        with _timed(said["seconds"], "quicklook"), _only_warning("no quick-look picture"):
            quicklook(result, _picture_of(output))
            said["quicklook"] = _picture_of(job.output)

    def _draw_small(self, level1: CCDData, result: CCDData, said: dict[str, Any]) -> None:
        if self._orders.pictures:
            with _timed(said["seconds"], "pictures"), _only_warning("no small pictures"):
                said["before"], said["after"] = thumbnail(level1), thumbnail(result)


def _picture_of(output: Path) -> Path:
    return output.with_name(f"{stem(output)}.png")


def _explain(error: Exception) -> str:
    text = str(error) or "no memory left" if isinstance(error, MemoryError) else str(error)
    return f"{type(error).__name__}: {text}"


@contextmanager
def _only_warning(what: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # of the drawing library, or no room on the disk
        warnings.warn(f"{what}: {_explain(error)}", PrepWarning, stacklevel=3)


def _file_hash(path: Path) -> str:
    """Give the SHA-256 of a file; nothing if it cannot be read, which reading it tells better."""
    try:
        if not path.is_file():
            return ""  # and no pipe, that nobody may ever write to
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return ""


def _pointing(header: fits.Header) -> dict[str, str]:
    keywords = {"record": "MPO_REC", "source": "MPO_SRC", "start": "MPO_TBEG", "hash": "MPO_HASH"}
    return {name: str(header[keyword]) for name, keyword in keywords.items() if keyword in header}


@contextmanager
def _timed(seconds: dict[str, float], part: str) -> Iterator[None]:
    start = time.perf_counter()
    try:
        yield
    finally:
        seconds[part] = seconds.get(part, 0.0) + time.perf_counter() - start


@contextmanager
def _logged() -> Iterator[list[str]]:
    """Collect what the package logs in a process where nobody else listens."""
    logger, texts = logging.getLogger("aia_ccdproc"), list[str]()
    if logger.handlers:
        yield texts
        return
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: texts.append(record.getMessage())  # type: ignore[method-assign]
    logger.addHandler(handler)
    try:
        yield texts
    finally:
        logger.removeHandler(handler)


def _peak_memory() -> int:
    try:
        import resource
    except ImportError:  # Windows
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
