"""The server that a batch forks its worker processes from: how it is started, early."""

from __future__ import annotations

import multiprocessing
from typing import Any

__all__ = ["start_server", "worker_context"]


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
    context.set_forkserver_preload(["aia_ccdproc.batch._server"])
    return context


def start_server() -> None:
    """Start the server where there is one, so that it imports while this process does other things."""
    if worker_context().get_start_method() == "forkserver":
        from multiprocessing import forkserver

        forkserver.ensure_running()
