"""The loop that keeps a crew at work, and survives those of it who die."""

from __future__ import annotations

import logging
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from aia_ccdproc.batch.crew import Crew
from aia_ccdproc.batch.plan import Job
from aia_ccdproc.result import FileResult

__all__ = ["stop_on_signals", "work_off"]

_log = logging.getLogger("aia_ccdproc")


@contextmanager
def stop_on_signals() -> Iterator[threading.Event]:
    """Take Ctrl-C and SIGTERM for a wish to stop after the files in hand; a second one stops at once.

    Yields
    ------
    `threading.Event`
        Set when somebody wishes to stop. Whoever has handlers of their own keeps them.
    """
    stop = threading.Event()

    def wish(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        _log.warning("stopping after the files in hand; once more stops at once")

    defaults: dict[signal.Signals, Any] = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    mine = [
        number
        for number, default in defaults.items()
        if threading.current_thread() is threading.main_thread() and signal.getsignal(number) is default
    ]
    for number in mine:
        signal.signal(number, wish)
    try:
        yield stop
    finally:
        for number in mine:
            signal.signal(number, defaults[number])


def work_off(
    jobs: Sequence[Job], crew: Crew, stop: threading.Event, on_start: Callable[[Path], object]
) -> Iterator[FileResult]:
    """Have a crew do jobs.

    Parameters
    ----------
    jobs : sequence of `~aia_ccdproc.batch.plan.Job`
        The jobs.
    crew : `~aia_ccdproc.batch.crew.Crew`
        Who does them.
    stop : `threading.Event`
        Once it is set, no more jobs are handed out.
    on_start : callable
        Called with every file that is handed out.

    Yields
    ------
    `~aia_ccdproc.FileResult`
        As they come. When a process dies, nobody tells which file it was at: the files in hand are then tried once
        more, one at a time, and one at which a process dies again has failed.
    """
    waiting, suspects = deque(jobs), deque[Job]()
    in_hand: dict[Future[FileResult], Job] = {}
    on_trial: Job | None = None
    while True:
        if not stop.is_set():
            if suspects and not in_hand:
                on_trial = suspects.popleft()
                in_hand[_hand_out(crew, on_trial)] = on_trial
            while waiting and not suspects and on_trial is None and len(in_hand) < crew.size:
                job = waiting.popleft()
                on_start(job.path)
                in_hand[_hand_out(crew, job)] = job
        if not in_hand:
            return
        finished, _ = wait(in_hand, return_when=FIRST_COMPLETED)
        if any(isinstance(future.exception(), BrokenExecutor) for future in finished if not future.cancelled()):
            finished, _ = wait(in_hand)
            crew.renew()
        for future in finished:
            job = in_hand.pop(future)
            error = None if future.cancelled() else future.exception()
            if error is None and not future.cancelled():
                yield future.result()
            elif isinstance(error, BrokenExecutor) and job is not on_trial:
                suspects.append(job)
            else:
                yield FileResult(job.path, "failed", error=_cause_of_death(error))
        on_trial = None


def _hand_out(crew: Crew, job: Job) -> Future[FileResult]:
    try:
        return crew.submit(job)
    except BrokenExecutor:  # somebody died who had nothing in hand
        crew.renew()
        return crew.submit(job)


def _cause_of_death(error: BaseException | None) -> str:
    if isinstance(error, BrokenExecutor):
        return "the worker process died at this file, twice: killed, or out of memory"
    if error is None:
        return "cancelled: the cluster has gone"
    return f"the worker died at this file ({type(error).__name__}: {error})"
