"""Process the files of a batch with a dask.distributed cluster."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from concurrent.futures import BrokenExecutor, Future
from contextlib import contextmanager, suppress
from typing import Any

from aia_ccdproc.batch.executors import WorkerPool, make_prep_function
from aia_ccdproc.batch.plan import Job
from aia_ccdproc.batch.task import BatchOptions
from aia_ccdproc.errors import PrepError, SettingsError
from aia_ccdproc.report.results import FileResult

__all__ = ["dask_cluster"]

_ADDRESS = re.compile(r"([a-z]+://)?[^\s:/]+:\d+|inproc://\S+")
#: Time within which a cluster must have its first worker.
_FIRST_WORKER_SECONDS = 30


@contextmanager
def dask_cluster(address: str, options: BatchOptions) -> Iterator[WorkerPool]:
    """Process files with the workers of a dask.distributed cluster.

    Parameters
    ----------
    address : str
        Address of its scheduler, ``tcp://host:8786``. This package must be installed for the workers, and they must see
        the files under the same paths.
    options : `~aia_ccdproc.batch.task.BatchOptions`
        Options of the batch.

    Yields
    ------
    `WorkerPool`
        The pool. The cluster continues to run after the block.

    Raises
    ------
    SettingsError
        If the address is not valid.
    PrepError
        If dask.distributed is not installed, or the scheduler does not answer or has no workers.
    """
    try:
        import distributed
    except ImportError as error:
        raise PrepError(
            "a scheduler needs dask.distributed, which is not installed. "
            'Install it with: pip install "aia-ccdproc[distributed]"'
        ) from error
    if not _ADDRESS.fullmatch(address):  # distributed would try it for a minute
        raise SettingsError(f"scheduler {address!r} is not an address like tcp://host:8786")
    make_client: Any = distributed.Client  # has no annotations
    try:
        client = make_client(address, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise PrepError(
            f"the dask scheduler at {address!r} does not answer ({error}). Check the address and the scheduler"
        ) from error
    try:
        client.wait_for_workers(1, timeout=_FIRST_WORKER_SECONDS)
    except TimeoutError as error:
        client.close(timeout=1)
        raise PrepError(
            f"the dask scheduler at {address} had no workers within {_FIRST_WORKER_SECONDS} s. Start workers for it"
        ) from error
    try:
        yield _DaskPool(client, options, (BrokenExecutor, distributed.KilledWorker))
    finally:
        with suppress(Exception):  # the scheduler may no longer answer
            client.close(timeout=5)


class _DaskPool(WorkerPool):
    def __init__(self, client: Any, options: BatchOptions, death_errors: tuple[type[BaseException], ...]) -> None:
        # A worker processes one file at a time, so the file may use all of its threads.
        threads = min(client.nthreads().values(), default=1)
        super().__init__(client.get_executor(pure=False), 2, make_prep_function(options, threads))
        self._client = client
        self.death_errors = death_errors

    @property
    def size(self) -> int:
        with suppress(Exception):  # if the scheduler no longer answers, submit reports it
            self._size = 2 * max(1, len(self._client.nthreads()))  # so that no worker waits for its next file
        return self._size

    def submit(self, job: Job) -> Future[FileResult]:
        try:
            return super().submit(job)
        except Exception as error:  # distributed raises many types when the scheduler no longer answers
            raise BrokenExecutor(f"{type(error).__name__}: {error}") from error

    def restart(self) -> None:
        # The scheduler replaces workers that die. This method is called only if it does not accept a job.
        raise PrepError("the dask scheduler no longer answers. Check it, and run the batch again")

    def check(self) -> None:
        if self._client.status in ("closing", "closed"):
            raise PrepError("lost the connection to the dask scheduler. Check it, and run the batch again")

    def cancel(self, futures: Iterable[Future[FileResult]]) -> None:
        """Do nothing: the scheduler drops the jobs when the client is closed."""
