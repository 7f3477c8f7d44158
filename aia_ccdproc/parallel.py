"""Threads, memory, worker processes and signals of this process.

The command line imports this module first, to handle signals from then on. It therefore imports little itself.
"""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from multiprocessing.context import BaseContext
    from types import FrameType

__all__ = [
    "DEFAULT_HANDLERS",
    "available_cpus",
    "exit_on_signal",
    "limit_threads",
    "map_in_threads",
    "raise_on_signal",
    "retain_freed_memory",
    "start_forkserver",
    "thread_count",
    "thread_variables",
    "worker_context",
]

Item = TypeVar("Item")
Result = TypeVar("Result")

#: Parameters of glibc's mallopt (malloc.h).
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4

#: Python's handlers of the signals that end a batch.
DEFAULT_HANDLERS: dict[signal.Signals, Any] = {
    signal.SIGINT: signal.default_int_handler,
    # SIGHUP: the terminal was closed, or the connection to it was lost. Windows does not have it.
    **{getattr(signal, name): signal.SIG_DFL for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)},
}

#: Number of threads of the libraries that numpy and others are linked with. OpenBLAS starts its threads when it is
#: loaded, by default one for each CPU.
_THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")

_thread_limit: int | None = None


def available_cpus() -> int:
    """Count the CPUs on which this process may run.

    Returns
    -------
    int
        At least 1.
    """
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def thread_count() -> int:
    """Return the number of threads that the work on one image may use.

    Returns
    -------
    int
        The number of available CPUs. In a worker of a batch, this worker's share of them.
    """
    return available_cpus() if _thread_limit is None else min(_thread_limit, available_cpus())


def limit_threads(count: int | None) -> None:
    """Set the upper limit of `thread_count` in this process.

    Parameters
    ----------
    count : int or None
        Largest number of threads; values below 1 count as 1. None removes the limit.
    """
    global _thread_limit
    _thread_limit = None if count is None else max(1, count)


def map_in_threads(
    function: Callable[[Item], Result], items: Iterable[Item], *, threads: int | None = None
) -> list[Result]:
    """Call a function for each item, for several items at the same time if several threads may be used.

    With one thread, the function is called in the thread of the caller: to hand a block of pixels to another thread
    takes about as long as to copy it.

    Parameters
    ----------
    function : callable
        Function of one item. To gain time, it must release the interpreter lock, as numpy and compiled loops do.
    items : iterable
        The items.
    threads : int, optional
        Largest number of threads; by default `thread_count`.

    Returns
    -------
    list
        The results, in the order of the items.
    """
    items = list(items)
    count = min(thread_count() if threads is None else threads, len(items))
    if count <= 1:
        return list(map(function, items))
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(function, items))


def retain_freed_memory() -> bool:
    """Make this process retain the memory that it frees, for the next image.

    By default, glibc returns every large array to the system when it is freed. The system then sets each page to zero
    before it is used again. For arrays of 64 MiB this takes longer than many steps do. Call this only in processes that
    belong to this package: a user's process may need its memory for other things.

    Returns
    -------
    bool
        Whether the setting was changed. False where the C library is not glibc.
    """
    import ctypes
    import platform

    if platform.libc_ver()[0] != "glibc":
        return False
    libc = ctypes.CDLL(None)
    return bool(libc.mallopt(_M_MMAP_MAX, 0) and libc.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1))


def worker_context() -> BaseContext:
    """Return the multiprocessing context that starts worker processes.

    Returns
    -------
    `multiprocessing.context.BaseContext`
        Forkserver, with the modules that all workers need already imported in the server; spawn where the system has
        no forkserver. Workers are never forked from this process, because it may have threads.
    """
    import multiprocessing

    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["aia_ccdproc.batch._preload"])
    return context


def start_forkserver(workers: int) -> None:
    """Start the forkserver, which then imports its modules while this process continues.

    Does nothing where the system has no forkserver, or where it is already running.

    Parameters
    ----------
    workers : int
        Number of workers that share the CPUs.
    """
    if worker_context().get_start_method() != "forkserver":
        return
    from multiprocessing import forkserver

    added = thread_variables(workers)
    os.environ.update(added)
    try:
        forkserver.ensure_running()
    finally:
        for name in added:
            del os.environ[name]


def thread_variables(workers: int) -> dict[str, str]:
    """Return environment variables by which libraries use no more threads than one of several workers may.

    Parameters
    ----------
    workers : int
        Number of workers that share the CPUs.

    Returns
    -------
    dict of str to str
        The variables; without those that the user has set.
    """
    threads = str(max(1, available_cpus() // workers))
    return {name: threads for name in _THREAD_VARIABLES if name not in os.environ}


def exit_on_signal(number: int, frame: FrameType | None) -> NoReturn:
    """End this process at once: the handler of signals while the command line is being imported.

    A `KeyboardInterrupt` in the middle of an import would end in a traceback.

    Parameters
    ----------
    number : int
        The signal.
    frame : frame
        Not used.
    """
    os.write(2, b"interrupted\n")
    os._exit(128 + number)


def raise_on_signal(number: int, frame: FrameType | None) -> NoReturn:
    """End this process with the exit code of a signal, after temporary files have been removed.

    Parameters
    ----------
    number : int
        The signal.
    frame : frame
        Not used.

    Raises
    ------
    SystemExit
        Always.
    """
    raise SystemExit(128 + number)
