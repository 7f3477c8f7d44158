"""How many threads the work on one image may take."""

from __future__ import annotations

import os

__all__ = ["cores", "limit_threads", "thread_count"]

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
