"""Give jobs to a pool of workers, and retry the files whose worker died."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Future, wait
from dataclasses import replace
from pathlib import Path
from typing import Any

from aia_ccdproc.batch.executors import WorkerPool
from aia_ccdproc.batch.fetching import FetchAhead
from aia_ccdproc.batch.plan import Job
from aia_ccdproc.errors import PrepError
from aia_ccdproc.report.results import FileResult, failed_result

__all__ = ["dispatch"]

#: Interval at which the connection to the workers is checked while no result arrives.
_POLL_SECONDS = 2.0

_DIED_TWICE = (
    "the worker process died while it processed this file, and again when the file was retried alone: "
    "it was killed, or ran out of memory"
)


def dispatch(
    jobs: Sequence[Job],
    pool: WorkerPool,
    stop: threading.Event,
    on_start: Callable[[Path], object],
    fetches: FetchAhead | None = None,
) -> Generator[FileResult]:
    """Process jobs with a pool of workers.

    When a worker dies, it is not known which file killed it. Each file that was being processed is retried once, alone.
    If a worker dies again, the file has failed.

    Parameters
    ----------
    jobs : sequence of `~aia_ccdproc.batch.plan.Job`
        The jobs.
    pool : `~aia_ccdproc.batch.executors.WorkerPool`
        The workers.
    stop : `threading.Event`
        When it is set, jobs that have been submitted are finished, and no others are started.
    on_start : callable
        Called with the path of each file before it is submitted.
    fetches : `~aia_ccdproc.batch.fetching.FetchAhead`, optional
        Fetches the files of archives. A job is submitted when its file has been fetched.

    Yields
    ------
    `~aia_ccdproc.FileResult`
        The results, in the order in which they arrive. If all workers are lost after the first result, all remaining
        files have failed.

    Raises
    ------
    PrepError
        If all workers are lost before the first result.
    """
    unfinished = dict.fromkeys(job.path for job in jobs)
    try:
        for result in _results(jobs, pool, stop, on_start, fetches or FetchAhead()):
            del unfinished[result.path]
            yield result
    except PrepError as error:
        if len(unfinished) == len(jobs):
            raise
        for path in unfinished:
            yield FileResult(path, "failed", error=f"not done: {error}")


def _results(
    jobs: Sequence[Job],
    pool: WorkerPool,
    stop: threading.Event,
    on_start: Callable[[Path], object],
    fetches: FetchAhead,
) -> Iterator[FileResult]:
    waiting = deque(jobs)
    while waiting and not stop.is_set():
        retries = yield from _process_together(waiting, pool, stop, on_start, fetches)
        for job in retries:
            if not stop.is_set():
                yield _process_alone(job, pool)


def _process_together(
    waiting: deque[Job],
    pool: WorkerPool,
    stop: threading.Event,
    on_start: Callable[[Path], object],
    fetches: FetchAhead,
) -> Generator[FileResult, None, list[Job]]:
    """Process waiting jobs in parallel until none is left or a worker dies. Return the jobs whose worker died."""
    submitted: dict[Future[FileResult], Job] = {}
    worker_died: list[Job] = []
    try:
        while True:
            fetching: Future[None] | None = None
            while waiting and not worker_died and not stop.is_set() and len(submitted) < pool.size:
                fetches.start(job.path for job in waiting)
                fetching = fetches.running(waiting[0].path)
                if fetching is not None:
                    break
                job = waiting.popleft()
                fetch_error = fetches.error(job.path)
                if fetch_error is not None:
                    yield failed_result(job.path, fetch_error)
                    continue
                if len(waiting) >= pool.size:
                    pool.read_ahead(waiting[pool.size - 1])
                on_start(job.path)
                submitted[_submit(job, pool)] = job
            if not submitted and fetching is None:
                return worker_died
            for future in _wait_for_any(submitted, pool, fetching):
                job = submitted.pop(future)
                if isinstance(_error(future), pool.death_errors):
                    worker_died.append(job)
                else:
                    yield _result(job, future)
    finally:
        pool.cancel(submitted)


def _process_alone(job: Job, pool: WorkerPool) -> FileResult:
    future = _submit(job, pool)
    _wait_for_any([future], pool)
    if isinstance(_error(future), pool.death_errors):
        return FileResult(job.path, "failed", error=_DIED_TWICE)
    return _result(job, future)


def _submit(job: Job, pool: WorkerPool) -> Future[FileResult]:
    try:
        return pool.submit(job)
    except BrokenExecutor:  # a worker has died since the last job was submitted
        pool.restart()
    try:
        return pool.submit(job)
    except BrokenExecutor as error:
        raise PrepError(
            "workers die as soon as they start. Use --jobs 1 (in Python, jobs=1), which starts no workers"
        ) from error


def _wait_for_any(
    futures: Collection[Future[FileResult]], pool: WorkerPool, fetching: Future[None] | None = None
) -> list[Future[FileResult]]:
    """Return the finished futures in order. Raise PrepError if no result can arrive any more.

    At least one future has finished, unless a file is being fetched.
    """
    awaited: list[Future[Any]] = [*futures, *([] if fetching is None else [fetching])]
    while True:
        finished, _ = wait(awaited, timeout=_POLL_SECONDS, return_when=FIRST_COMPLETED)
        if finished or not futures:
            return [future for future in futures if future in finished]
        pool.check()


def _error(future: Future[FileResult]) -> BaseException | None:
    return CancelledError() if future.cancelled() else future.exception()


def _result(job: Job, future: Future[FileResult]) -> FileResult:
    error = _error(future)
    if error is None:
        return future.result()
    if isinstance(error, CancelledError):
        return FileResult(
            job.path, "failed", error="not done: canceled, because the workers or their scheduler stopped"
        )
    result = failed_result(job.path, error)
    return replace(result, error=f"the worker could not process this file ({result.error})")
