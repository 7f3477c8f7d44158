"""What a worker is given: the options of a batch, and the function that processes one file.

The process that runs a batch imports this module and not the worker, which imports astropy.
"""

from __future__ import annotations

import functools
import multiprocessing
import pickle
import threading
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from aia_ccdproc.batch.plan import Job
from aia_ccdproc.errors import PluginWarning
from aia_ccdproc.plugin.loading import forget_other_plugins
from aia_ccdproc.recipe.recipe import Recipe
from aia_ccdproc.report.results import FileResult
from aia_ccdproc.tables.cache import CacheSnapshot, FetchCache

if TYPE_CHECKING:
    from aia_ccdproc.batch.worker import Worker
    from aia_ccdproc.report.quicklook import QuicklookOptions

__all__ = ["BatchOptions", "prep_job"]


@dataclass(frozen=True)
class BatchOptions:
    """Options that are the same for every file of a batch."""

    recipe: Recipe
    #: Number of files whose thumbnails share the HTML report; 0 if no thumbnails are made.
    thumbnails: int = 0
    #: Whether to collect what only the reports need: the hash of each output, and the geometry of unchanged files.
    for_report: bool = False
    #: Options of the quick-look picture that is drawn beside each output; None if none is drawn.
    quicklook: QuicklookOptions | None = None
    #: Largest number of threads for one file; None for the number of available CPUs.
    threads: int | None = None
    #: Tables that have been fetched already, so that the workers do not fetch them again.
    fetched: dict[str, CacheSnapshot] | None = None
    #: Folder to which relative paths refer.
    folder: Path = Path()


# Warnings and the limit of threads belong to the whole process. A worker of a cluster or of a user's executor may have
# several threads; these take turns.
_process_lock = threading.Lock()


def prep_job(job: Job, pickled_options: bytes) -> FileResult:
    """Process one file in a worker.

    Parameters
    ----------
    job : `~aia_ccdproc.batch.plan.Job`
        The file and its output.
    pickled_options : bytes
        Pickled `BatchOptions`. The pipeline made from them is reused for the next job.

    Returns
    -------
    `~aia_ccdproc.FileResult`
        The result.
    """
    with _process_lock:
        return _load_worker(pickled_options).prep(job)


@functools.lru_cache(maxsize=1)
def _load_worker(pickled_options: bytes) -> Worker:
    from aia_ccdproc.batch.worker import Worker

    if multiprocessing.parent_process() is not None:
        forget_other_plugins()  # those of the forkserver, unless the same ones would be found now
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PluginWarning)  # reported by the process that runs the batch
        options: BatchOptions = pickle.loads(pickled_options)
        if options.fetched is not None:
            FetchCache.restore_all(options.fetched)
        return Worker(options)
