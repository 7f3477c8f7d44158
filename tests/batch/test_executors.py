"""Tests of batches whose files are processed by an executor of the user."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from processes import set_environment
from scenes import set_cards

from aia_ccdproc import PrepError, SettingsError, read, run
from aia_ccdproc.parallel import worker_context
from aia_ccdproc.recipe.recipe import Recipe


class MinimalExecutor(Executor):
    """Executor with nothing but `submit`; each function has a thread of its own."""

    def __init__(self) -> None:
        self.is_shut_down = False
        self.running = 0
        self.most_running = 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.running += 1
        self.most_running = max(self.most_running, self.running)

        def call() -> None:
            result = fn(*args, **kwargs)
            self.running -= 1
            future.set_result(result)

        threading.Thread(target=call).start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self.is_shut_down = True


def assert_same_outputs(results, tmp_path: Path, files: list[Path], recipe: Recipe) -> None:
    assert [result.path for result in results] == files
    assert [result.status for result in results] == ["done"] * len(files)
    for one, other in zip(run(files, recipe, tmp_path / "serial"), results, strict=True):
        assert np.array_equal(read(one.output).data, read(other.output).data, equal_nan=True)


def test_threads_of_the_user_make_the_same_outputs_and_are_not_shut_down(tmp_path: Path, files, recipe: Recipe) -> None:
    with ThreadPoolExecutor(2) as executor:
        assert_same_outputs(run(files, recipe, tmp_path / "out", executor=executor, jobs=2), tmp_path, files, recipe)
        assert executor.submit(os.getpid).result() == os.getpid()


@pytest.mark.process
def test_processes_of_the_user_make_the_same_outputs_and_are_not_shut_down(
    tmp_path: Path, files, recipe: Recipe
) -> None:
    with ProcessPoolExecutor(2, mp_context=worker_context()) as executor:
        results = run(files, recipe, tmp_path / "out", executor=executor, jobs=2)
        assert_same_outputs(results, tmp_path, files, recipe)
        assert executor.submit(os.getpid).result() != os.getpid()
    workers = {int(result.worker.rpartition(":")[2]) for result in results}
    assert os.getpid() not in workers
    assert len(workers) in (1, 2)


def test_an_executor_needs_nothing_but_submit(tmp_path: Path, files, recipe: Recipe) -> None:
    executor = MinimalExecutor()
    assert_same_outputs(run(files, recipe, tmp_path / "out", executor=executor), tmp_path, files, recipe)
    assert not executor.is_shut_down


def test_an_executor_is_given_as_many_files_as_there_are_jobs(tmp_path: Path, files, recipe: Recipe) -> None:
    executor = MinimalExecutor()
    run(files, recipe, tmp_path / "out", executor=executor, jobs=3)
    assert executor.most_running == 3


@pytest.mark.process
def test_a_worker_of_the_user_that_dies_fails_the_files_that_are_left(tmp_path: Path, files, deadly: Recipe) -> None:
    for path in files:
        set_cards(path, DATAMARK="deadly" if path is files[1] else "good")
    environment = (dict(os.environ),)
    with ProcessPoolExecutor(
        1, mp_context=worker_context(), initializer=set_environment, initargs=environment
    ) as executor:
        results = run(files[:3], deadly, tmp_path / "out", executor=executor, jobs=1)
    assert [result.status for result in results] == ["done", "failed", "failed"]
    assert all("not done: the executor takes no more files" in result.error for result in results[1:])
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["0_lev1p5.fits"]


def test_an_executor_that_was_shut_down_is_an_error(tmp_path: Path, files, recipe: Recipe) -> None:
    executor = ThreadPoolExecutor(1)
    executor.shutdown()
    with pytest.raises(PrepError, match="the executor takes no more files"):
        run(files, recipe, tmp_path / "out", executor=executor)
    assert not list((tmp_path / "out").iterdir())


def test_files_that_wait_are_canceled_when_the_batch_stops_at_once(tmp_path: Path, files, recipe: Recipe) -> None:
    class Waiting(ThreadPoolExecutor):
        def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
            if len(futures) == 3:
                raise KeyboardInterrupt
            futures.append(super().submit(release.wait, 10))
            return futures[-1]

    futures: list[Future[Any]] = []
    release = threading.Event()
    with Waiting(1) as executor:
        with pytest.raises(KeyboardInterrupt):
            run(files, recipe, tmp_path / "out", executor=executor, jobs=6)
        assert [future.cancelled() for future in futures] == [False, True, True]
        release.set()


def test_a_scheduler_and_an_executor_together_are_refused(tmp_path: Path, files, recipe: Recipe) -> None:
    with ThreadPoolExecutor(1) as executor, pytest.raises(SettingsError, match="Give one of them"):
        run(files, recipe, tmp_path / "out", executor=executor, scheduler="tcp://127.0.0.1:8786")
    assert not (tmp_path / "out").exists()
