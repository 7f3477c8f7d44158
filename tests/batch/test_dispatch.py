"""Handing out jobs to a crew that dies in every way."""

from __future__ import annotations

import threading
from concurrent.futures import BrokenExecutor, Future
from pathlib import Path

import pytest

from aia_ccdproc import FileResult, PrepError
from aia_ccdproc.batch.dispatch import work_off
from aia_ccdproc.batch.plan import Job

JOBS = [Job(Path(f"{n}.fits"), Path(f"out/{n}.fits")) for n in range(3)]


class Mortal:
    """A crew that does so many jobs, and cannot be had again."""

    size = 1

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs

    def submit(self, job: Job) -> Future[FileResult]:
        if not self.jobs:
            raise BrokenExecutor
        self.jobs -= 1
        future: Future[FileResult] = Future()
        future.set_result(FileResult(job.path, "done"))
        return future

    def renew(self) -> None:
        """It comes, and dies at once."""

    def is_gone(self) -> bool:
        return False


def work(crew: Mortal) -> list[FileResult]:
    return list(work_off(JOBS, crew, threading.Event(), lambda path: None))


def test_who_die_as_soon_as_they_start_leave_the_rest_undone() -> None:
    results = work(Mortal(1))
    assert [(result.path, result.status) for result in results] == [
        (JOBS[0].path, "done"),
        (JOBS[1].path, "failed"),
        (JOBS[2].path, "failed"),
    ]
    assert {result.error for result in results[1:]} == {"not done: workers die as soon as they start"}


def test_who_die_before_they_have_done_anything_are_an_error() -> None:
    with pytest.raises(PrepError, match="die as soon as they start"):
        work(Mortal(0))


def test_who_live_do_all() -> None:
    assert [result.status for result in work(Mortal(3))] == ["done"] * 3
