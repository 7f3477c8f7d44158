"""How much of the machine this process uses: threads, memory, and worker processes."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import platform
from typing import Any

__all__ = ["cores", "limit_threads", "thread_count", "keep_freed_memory", "start_server", "worker_context"]

_limit: int | None = None


def cores() -> int:
    """Count the cores that this process may run on.

    Returns
    -------
    int
        At least 1.
    """
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def thread_count() -> int:
    """Tell how many threads to use; resampling engines ask.

    Returns
    -------
    int
        The cores there are, or this process's share of them where a batch runs several.
    """
    return cores() if _limit is None else min(_limit, cores())


def limit_threads(count: int | None) -> None:
    """Set what `thread_count` tells.

    Parameters
    ----------
    count : int or None
        Threads of this process; None for as many as there are cores.
    """
    global _limit
    _limit = None if count is None else max(1, count)


#: Parameters of glibc's mallopt (malloc.h).
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4


def keep_freed_memory() -> bool:
    """Have this process keep what it frees, for the next image.

    By default the C library gives every large array back to the system when it is freed, and the system clears it,
    page by page, before the next one has it: for arrays of 64 MiB that is more work than many a step does. For
    processes of our own, and not for those of users, who may want their memory back.

    Returns
    -------
    bool
        Whether the C library could be told; only glibc has to be.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    libc = ctypes.CDLL(None)
    return bool(libc.mallopt(_M_MMAP_MAX, 0) and libc.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1))


def worker_context() -> Any:
    """Choose how worker processes are started.

    Returns
    -------
    `multiprocessing.context.BaseContext`
        Forked from a server that has imported what all of them need; where the system has no fork, spawned. They are
        not forked from this process, which may have threads.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["aia_ccdproc.batch._preload"])
    return context


def start_server() -> None:
    """Start the server where there is one, so that it imports while this process does other things."""
    if worker_context().get_start_method() == "forkserver":
        from multiprocessing import forkserver

        forkserver.ensure_running()
