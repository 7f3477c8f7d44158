"""Executors that process the files of a batch: this process, worker processes, or an executor from the user."""

from __future__ import annotations

import functools
import multiprocessing
import os
import pickle
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing import connection
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from aia_ccdproc.batch.plan import Job
from aia_ccdproc.batch.task import BatchOptions, prep_job
from aia_ccdproc.errors import PrepError
from aia_ccdproc.images.files import read_ahead
from aia_ccdproc.parallel import available_cpus, retain_freed_memory, thread_variables, worker_context
from aia_ccdproc.report.results import FileResult
from aia_ccdproc.tables.cache import FetchCache

if TYPE_CHECKING:
    from aia_ccdproc.batch.worker import Worker

__all__ = ["WorkerPool", "existing_executor", "make_prep_function", "this_process", "worker_processes"]

#: Function that processes one file.
PrepFunction: TypeAlias = Callable[[Job], FileResult]


class WorkerPool:
    """An executor with the operations that a batch needs.

    Parameters
    ----------
    executor : `~concurrent.futures.Executor`
        The executor.
    size : int
        Number of jobs that it is given at the same time.
    prep : callable
        Function that processes one job; called by the workers.
    """

    #: Exceptions with which a future ends if the worker died while it processed the file.
    death_errors: tuple[type[BaseException], ...] = (BrokenExecutor,)

    def __init__(self, executor: Executor, size: int, prep: PrepFunction) -> None:
        self._executor = executor
        self._size = size
        self._prep = prep

    @property
    def size(self) -> int:
        """Number of jobs that the pool is given at the same time.

        Returns
        -------
        int
            At least 1.
        """
        return self._size

    def submit(self, job: Job) -> Future[FileResult]:
        """Give a job to a worker.

        Parameters
        ----------
        job : `~aia_ccdproc.batch.plan.Job`
            The job.

        Returns
        -------
        `~concurrent.futures.Future`
            Its result.

        Raises
        ------
        BrokenExecutor
            If the executor takes no more jobs until it is restarted.
        """
        try:
            return self._executor.submit(self._prep, job)
        except (RuntimeError, OSError, EOFError) as error:  # broken, shut down, or unable to start a worker
            raise BrokenExecutor(f"{type(error).__name__}: {error}") from error

    def read_ahead(self, job: Job) -> None:
        """Have the system read a file that will be processed soon. Does nothing if workers may be on other machines.

        Parameters
        ----------
        job : `~aia_ccdproc.batch.plan.Job`
            The job of the file.
        """

    def restart(self) -> None:
        """Restart the executor after a worker has died.

        Raises
        ------
        PrepError
            If it cannot be restarted.
        """
        raise PrepError(
            "the executor takes no more files: a worker died, or it was shut down. "
            "Call run again with a new executor; finished files are not processed again"
        )

    def check(self) -> None:
        """Check that results can still arrive.

        Raises
        ------
        PrepError
            If the connection to the workers is lost.
        """

    def cancel(self, futures: Iterable[Future[FileResult]]) -> None:
        """Cancel jobs that no worker has started.

        Parameters
        ----------
        futures : iterable of `~concurrent.futures.Future`
            The jobs.
        """
        for future in futures:
            future.cancel()


class _LocalPool(WorkerPool):
    """A pool whose workers are on this machine."""

    def read_ahead(self, job: Job) -> None:
        read_ahead(job.path)


def make_prep_function(options: BatchOptions, threads: int) -> PrepFunction:
    """Make a function that processes one job in another process.

    Parameters
    ----------
    options : `~aia_ccdproc.batch.task.BatchOptions`
        Options of the batch.
    threads : int
        Largest number of threads for one file.

    Returns
    -------
    callable
        Function that can be pickled. It contains what has been fetched and the folder to which relative paths refer.
    """
    # The recipe can be pickled: its digest has pickled every object in its settings.
    options = replace(options, threads=threads, fetched=FetchCache.snapshot_all(), folder=Path.cwd())
    return functools.partial(prep_job, pickled_options=pickle.dumps(options))


# -- this process --------------------------------------------------------------------------------


@contextmanager
def this_process(worker: Worker) -> Iterator[WorkerPool]:
    """Process files in this process, one after another.

    Parameters
    ----------
    worker : `~aia_ccdproc.batch.worker.Worker`
        The worker.

    Yields
    ------
    `WorkerPool`
        A pool whose jobs are finished when `WorkerPool.submit` returns.
    """
    yield _LocalPool(_SerialExecutor(), 1, worker.prep)


class _SerialExecutor(Executor):
    """Executor that calls each function at once, in the calling thread."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


# -- an executor from the user -------------------------------------------------------------------


@contextmanager
def existing_executor(executor: Executor, count: int, options: BatchOptions) -> Iterator[WorkerPool]:
    """Process files with an executor that the user has made.

    Parameters
    ----------
    executor : `~concurrent.futures.Executor`
        The executor. It is neither restarted nor shut down.
    count : int
        Number of its workers.
    options : `~aia_ccdproc.batch.task.BatchOptions`
        Options of the batch.

    Yields
    ------
    `WorkerPool`
        The pool.
    """
    yield WorkerPool(executor, count, make_prep_function(options, max(1, available_cpus() // count)))


# -- worker processes ----------------------------------------------------------------------------


@contextmanager
def worker_processes(count: int, options: BatchOptions) -> Iterator[WorkerPool]:
    """Process files in processes of this machine.

    Parameters
    ----------
    count : int
        Number of processes. They share the available CPUs.
    options : `~aia_ccdproc.batch.task.BatchOptions`
        Options of the batch.

    Yields
    ------
    `WorkerPool`
        The pool. Its processes end with the block, and if this process is killed. If the block raises an exception,
        they are killed.

    Raises
    ------
    PrepError
        If no process can be started.
    """
    other_children = multiprocessing.active_children()
    pool = _ProcessPool(count, make_prep_function(options, max(1, available_cpus() // count)))
    try:
        yield pool
    except BaseException:  # the files that are being processed are abandoned
        for child in multiprocessing.active_children():
            if child not in other_children:
                child.kill()
        raise
    finally:
        pool.shut_down()


class _ProcessPool(_LocalPool):
    def __init__(self, count: int, prep: PrepFunction) -> None:
        super().__init__(_start_processes(count), count, prep)

    def restart(self) -> None:
        self.shut_down()
        self._executor = _start_processes(self.size)
        try:
            self._executor.submit(os.getpid).result()
        except (BrokenExecutor, OSError, EOFError) as error:
            raise PrepError(
                "worker processes cannot be started, or are killed as soon as they start. A script that calls "
                'run(jobs=...) needs if __name__ == "__main__": around the call; jobs=1 starts no processes'
            ) from error

    def shut_down(self) -> None:
        self._executor.shutdown(cancel_futures=True)


def _start_processes(count: int) -> Executor:
    environment = os.environ | thread_variables(count)
    return ProcessPoolExecutor(
        count, mp_context=worker_context(), initializer=_initialize_process, initargs=(environment,)
    )


def _initialize_process(environment: dict[str, str]) -> None:
    """Prepare a worker process: leave signals to the process that started it, and end when that process ends."""
    # The forkserver has the environment of the moment when it was started, not the present one.
    os.environ.clear()
    os.environ.update(environment)
    retain_freed_memory()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    parent = multiprocessing.parent_process()
    assert parent is not None
    threading.Thread(target=_exit_after, args=(parent.sentinel,), daemon=True).start()


def _exit_after(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)
