"""Tests of giving jobs to workers that die."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future
from pathlib import Path
from typing import Any

import pytest

from aia_ccdproc import FileResult, PrepError
from aia_ccdproc.batch.dispatch import dispatch
from aia_ccdproc.batch.executors import WorkerPool
from aia_ccdproc.batch.plan import Job

JOBS = [Job(Path(f"{n}.fits"), Path(f"out/{n}.fits")) for n in range(3)]


def prep(job: Job) -> FileResult:
    return FileResult(job.path, "done")


class MortalExecutor(Executor):
    """Executor that is broken after a number of jobs."""

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        if not self.jobs:
            raise BrokenExecutor
        self.jobs -= 1
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


class RestartingPool(WorkerPool):
    """Pool whose executor is still broken after a restart."""

    def restart(self) -> None:
        """Do nothing."""


class ScriptedPool(WorkerPool):
    """Pool of two workers. Each attempt at a file ends with the next exception in a list, or with success."""

    def __init__(self, errors: dict[int, list[BaseException]]) -> None:
        super().__init__(MortalExecutor(0), 2, prep)
        self.errors = {JOBS[n].path: errors for n, errors in errors.items()}
        self.events: list[str] = []

    def submit(self, job: Job) -> Future[FileResult]:
        self.events.append(f"submit {job.path.stem}")
        future: Future[FileResult] = Future()
        errors = self.errors.get(job.path)
        error = errors.pop(0) if errors else None
        if isinstance(error, CancelledError):
            future.cancel()
            future.set_running_or_notify_cancel()
        elif error is not None:
            future.set_exception(error)
        else:
            future.set_result(prep(job))
        return future


def collect(pool: WorkerPool, stop: threading.Event | None = None) -> list[FileResult]:
    return list(dispatch(JOBS, pool, stop or threading.Event(), lambda path: None))


def test_workers_that_die_as_soon_as_they_start_leave_the_rest_not_done() -> None:
    results = collect(RestartingPool(MortalExecutor(1), 1, prep))
    assert [(result.path, result.status) for result in results] == [
        (JOBS[0].path, "done"),
        (JOBS[1].path, "failed"),
        (JOBS[2].path, "failed"),
    ]
    assert {result.error for result in results[1:]} == {
        "not done: workers die as soon as they start. Use --jobs 1 (in Python, jobs=1), which starts no workers"
    }


def test_workers_that_die_before_the_first_result_are_an_error() -> None:
    with pytest.raises(PrepError, match="die as soon as they start"):
        collect(RestartingPool(MortalExecutor(0), 1, prep))


def test_workers_that_do_not_die_process_all_files() -> None:
    assert [result.status for result in collect(RestartingPool(MortalExecutor(3), 1, prep))] == ["done"] * 3


def test_an_executor_that_cannot_be_restarted_leaves_the_rest_not_done() -> None:
    results = collect(WorkerPool(MortalExecutor(2), 1, prep))
    assert [result.status for result in results] == ["done", "done", "failed"]
    assert "not done: the executor takes no more files" in results[2].error


def test_files_whose_worker_died_are_retried_once_each_alone() -> None:
    pool = ScriptedPool({0: [BrokenExecutor()], 1: [BrokenExecutor(), BrokenExecutor()]})
    results = {result.path: result for result in collect(pool)}
    assert pool.events == ["submit 0", "submit 1", "submit 0", "submit 1", "submit 2"]
    assert [results[job.path].status for job in JOBS] == ["done", "failed", "done"]
    assert "died while it processed this file, and again when the file was retried alone" in results[JOBS[1].path].error


def test_a_file_that_the_worker_cannot_process_is_not_retried() -> None:
    pool = ScriptedPool({0: [ModuleNotFoundError("No module named 'aia_ccdproc'")], 1: [CancelledError()]})
    results = {result.path: result for result in collect(pool)}
    assert set(Counter(pool.events).values()) == {1}
    assert [results[job.path].status for job in JOBS] == ["failed", "failed", "done"]
    failed = results[JOBS[0].path]
    assert failed.error == "the worker could not process this file (ModuleNotFoundError: No module named 'aia_ccdproc')"
    assert "ModuleNotFoundError" in failed.traceback
    assert results[JOBS[1].path].error == "not done: canceled, because the workers or their scheduler stopped"


def test_no_job_is_started_after_a_stop_and_no_file_is_retried() -> None:
    stop = threading.Event()
    pool = ScriptedPool({0: [BrokenExecutor()]})
    results = []
    for result in dispatch(JOBS, pool, stop, lambda path: None):
        stop.set()
        results.append(result)
    assert [result.path for result in results] == [JOBS[1].path]
    assert pool.events == ["submit 0", "submit 1"]


def test_a_lost_connection_fails_the_files_that_are_not_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aia_ccdproc.batch.dispatch._POLL_SECONDS", 0.01)

    class LostPool(ScriptedPool):
        def submit(self, job: Job) -> Future[FileResult]:
            return Future() if job is JOBS[2] else super().submit(job)

        def check(self) -> None:
            raise PrepError("lost the connection to the dask scheduler")

    results = collect(LostPool({}))
    assert sorted(result.status for result in results) == ["done", "done", "failed"]
    assert results[-1].error == "not done: lost the connection to the dask scheduler"


def test_each_file_is_announced_once_before_it_is_submitted() -> None:
    pool = ScriptedPool({0: [BrokenExecutor()]})
    results = list(dispatch(JOBS, pool, threading.Event(), lambda path: pool.events.append(f"start {path.stem}")))
    assert len(results) == 3
    assert pool.events[:4] == ["start 0", "submit 0", "start 1", "submit 1"]
    assert pool.events.count("start 0") == 1


@pytest.mark.parametrize("size", [1, 2, 3])
def test_each_file_is_read_ahead_once_while_the_file_before_it_is_processed(size: int) -> None:
    jobs = [Job(Path(f"{n}.fits"), Path(f"out/{n}.fits")) for n in range(7)]
    events = []

    class Recording(WorkerPool):
        def submit(self, job: Job) -> Future[FileResult]:
            events.append(f"submit {job.path.stem}")
            return super().submit(job)

        def read_ahead(self, job: Job) -> None:
            events.append(f"read {job.path.stem}")

    list(dispatch(jobs, Recording(MortalExecutor(7), size, prep), threading.Event(), lambda path: None))
    assert [event for event in events if event.startswith("read")] == [f"read {n}" for n in range(size, 7)]
    assert all(events.index(f"read {n}") == events.index(f"submit {n - size}") - 1 for n in range(size, 7))
