"""Who takes jobs: worker processes of this machine, or a dask.distributed cluster. Both are asked in the same words."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import re
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from multiprocessing import connection
from pathlib import Path
from typing import Any, Protocol

from aia_ccdproc.batch.plan import Job
from aia_ccdproc.batch.worker import Orders, prep_job
from aia_ccdproc.errors import PrepError, SettingsError
from aia_ccdproc.parallel import cores, keep_freed_memory, worker_context
from aia_ccdproc.report.results import FileResult
from aia_ccdproc.tables.cache import FetchedOnce

__all__ = ["Crew", "cluster", "worker_processes"]

_ADDRESS = re.compile(r"([a-z]+://)?[^\s:/]+:\d+|inproc://\S+")
#: Seconds that a cluster is given to have its first worker.
_PATIENCE = 30


class Crew(Protocol):
    """Those who take jobs."""

    @property
    def size(self) -> int:
        """How many jobs they shall have in hand."""

    def submit(self, job: Job) -> Future[FileResult]:  # numpydoc ignore=PR01
        """Hand a job to whoever has time; `~concurrent.futures.BrokenExecutor` if somebody died."""

    def renew(self) -> None:
        """Replace those who died; `~aia_ccdproc.PrepError` if there is nobody left."""

    def is_gone(self) -> bool:
        """Tell whether nothing will be heard any more of the jobs in hand."""


# -- processes -----------------------------------------------------------------------------------


@contextmanager
def worker_processes(count: int, orders: Orders) -> Iterator[Crew]:
    """Have processes of this machine take jobs.

    Parameters
    ----------
    count : int
        How many. They share the cores there are.
    orders : `~aia_ccdproc.batch.worker.Orders`
        What holds for all files.

    Yields
    ------
    `Crew`
        The processes. They end with the block, and if this process is killed.

    Raises
    ------
    PrepError
        If the recipe cannot be sent to another process, or none can be started.
    """
    others = multiprocessing.active_children()
    crew = _Processes(count, _for_others(orders, max(1, cores() // count)))
    try:
        yield crew
    except BaseException:  # nobody waits for the files in hand any more
        for child in multiprocessing.active_children():
            if child not in others:
                child.kill()
        raise
    finally:
        crew.close()


class _Processes:
    def __init__(self, count: int, orders: bytes) -> None:
        self.size = count
        self._orders = orders
        self._context = worker_context()
        self._executor = self._start()

    def _start(self) -> Executor:
        return ProcessPoolExecutor(
            self.size, mp_context=self._context, initializer=_enter_service, initargs=(dict(os.environ),)
        )

    def submit(self, job: Job) -> Future[FileResult]:
        return self._executor.submit(prep_job, job, self._orders)

    def renew(self) -> None:
        self.close()
        self._executor = self._start()
        try:
            self._executor.submit(os.getpid).result()
        except (BrokenExecutor, OSError, EOFError) as error:
            raise PrepError(
                "worker processes do not start, or are killed at once. A script that calls run(jobs=...) needs "
                'if __name__ == "__main__": around the call; jobs=1 works without'
            ) from error

    def is_gone(self) -> bool:
        return False  # the pool itself tells of deaths

    def close(self) -> None:
        self._executor.shutdown(cancel_futures=True)


def _enter_service(environment: dict[str, str]) -> None:
    """Begin a worker process: whoever started it sees to interrupts, and it ends when that one does."""
    os.environ.clear()
    os.environ.update(environment)  # as it is now, not as it was when the server was started
    keep_freed_memory()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    parent = multiprocessing.parent_process()
    assert parent is not None
    threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)


# -- a cluster -----------------------------------------------------------------------------------


@contextmanager
def cluster(address: str, orders: Orders) -> Iterator[Crew]:
    """Have the workers of a dask.distributed cluster take jobs.

    Parameters
    ----------
    address : str
        Address of its scheduler, ``tcp://host:8786``. The workers need this package, and the files under
        the same paths.
    orders : `~aia_ccdproc.batch.worker.Orders`
        What holds for all files.

    Yields
    ------
    `Crew`
        The workers. They stay when the block ends.

    Raises
    ------
    PrepError
        If dask.distributed is not installed, no scheduler answers, or the recipe cannot be sent.
    """
    try:
        import distributed
    except ImportError as error:
        raise PrepError(
            'a scheduler needs dask.distributed, which is not installed: pip install "aia-ccdproc[distributed]"'
        ) from error
    if not _ADDRESS.fullmatch(address):  # which distributed would try for a minute
        raise SettingsError(f"scheduler {address!r}: should be an address like tcp://host:8786")
    try:
        client = distributed.Client(address, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise PrepError(f"no dask scheduler answers at {address!r} ({error})") from error
    try:
        client.wait_for_workers(1, timeout=_PATIENCE)
    except TimeoutError as error:
        client.close(timeout=1)
        raise PrepError(f"the dask scheduler at {address} has had no workers for {_PATIENCE} s") from error
    try:
        yield _Cluster(client, orders)
    finally:
        with suppress(Exception):  # it may be gone
            client.close(timeout=5)


class _Cluster:
    def __init__(self, client: Any, orders: Orders) -> None:
        self._client = client
        # A process does one file at a time, so all threads of its worker are for that file.
        self._orders = _for_others(orders, min(client.nthreads().values(), default=1))
        self._executor = client.get_executor(pure=False)
        self._workers = 1

    @property
    def size(self) -> int:
        with suppress(Exception):  # if the scheduler has gone, submit will say so
            self._workers = len(self._client.nthreads())
        return 2 * max(1, self._workers)  # so that none has to wait for its next file

    def submit(self, job: Job) -> Future[FileResult]:
        try:
            return self._executor.submit(prep_job, job, self._orders)
        except Exception as error:  # of which there are many when a scheduler has gone
            raise BrokenExecutor(f"{type(error).__name__}: {error}") from error

    def renew(self) -> None:
        """Leave workers to the scheduler, which tries their jobs elsewhere; itself it cannot be replaced."""
        raise PrepError("the dask scheduler has gone")

    def is_gone(self) -> bool:
        return self._client.status in ("closing", "closed")


def _for_others(orders: Orders, threads: int) -> bytes:
    """Write orders for who is in another folder, and knows nothing yet."""
    try:
        return pickle.dumps(replace(orders, threads=threads, known=FetchedOnce.known(), folder=Path.cwd()))
    except Exception as error:  # whatever an object in the settings raises
        raise PrepError(
            f"the recipe holds something that cannot be sent to another process ({error}); without workers: jobs=1"
        ) from error
