"""The loop that keeps a crew at work, and survives those of it who die."""

from __future__ import annotations

import logging
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Future, wait
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from aia_ccdproc.batch.executors import Crew
from aia_ccdproc.batch.plan import Job
from aia_ccdproc.errors import PrepError
from aia_ccdproc.report.results import FileResult

__all__ = ["stop_on_signals", "work_off"]

_log = logging.getLogger("aia_ccdproc")

#: Seconds after which it is looked whether those from whom nothing is heard are still there.
_LOOK_UP = 2.0


@contextmanager
def stop_on_signals() -> Iterator[threading.Event]:
    """Take Ctrl-C and SIGTERM for a wish to stop after the files in hand; a second one stops at once.

    Yields
    ------
    `threading.Event`
        Set when somebody wishes to stop. Whoever has handlers of their own keeps them.
    """
    stop, over = threading.Event(), threading.Event()

    def wish(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    def announce() -> None:
        # Not by the handler, which may stand in the middle of an import or of a line that is being written.
        stop.wait()
        if not over.is_set():
            _log.warning("stopping after the files in hand; once more stops at once")

    defaults: dict[signal.Signals, Any] = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    mine = [
        number
        for number, default in defaults.items()
        if threading.current_thread() is threading.main_thread() and signal.getsignal(number) is default
    ]
    for number in mine:
        signal.signal(number, wish)
    announcer = threading.Thread(target=announce, daemon=True)
    announcer.start()
    try:
        yield stop
    finally:
        for number in mine:
            signal.signal(number, defaults[number])
        over.set()
        stop.set()
        announcer.join()


def work_off(
    jobs: Sequence[Job], crew: Crew, stop: threading.Event, on_start: Callable[[Path], object]
) -> Iterator[FileResult]:
    """Have a crew do jobs.

    Parameters
    ----------
    jobs : sequence of `~aia_ccdproc.batch.plan.Job`
        The jobs.
    crew : `~aia_ccdproc.batch.executors.Crew`
        Who does them.
    stop : `threading.Event`
        Once it is set, no more jobs are handed out.
    on_start : callable
        Called with every file that is handed out.

    Yields
    ------
    `~aia_ccdproc.FileResult`
        As they come. When a process dies, nobody tells which file it was at: the files in hand are then tried once
        more, one at a time, and one at which a process dies again has failed. If a crew is lost that was at work, what
        it had not done has failed.

    Raises
    ------
    PrepError
        If a crew is lost before it has done anything.
    """
    work = _Work(jobs, crew, stop, on_start)
    try:
        for result in work.results():
            yield result
            work.has_begun = True
    except PrepError as error:
        if not work.has_begun:
            raise
        for job in work.undone():
            yield FileResult(job.path, "failed", error=f"not done: {error}")


class _Work:
    """Jobs that wait, that are in hand, and that are to be tried again."""

    def __init__(
        self, jobs: Sequence[Job], crew: Crew, stop: threading.Event, on_start: Callable[[Path], object]
    ) -> None:
        self._crew, self._stop, self._on_start = crew, stop, on_start
        self._waiting, self._suspects = deque(jobs), deque[Job]()
        self._in_hand: dict[Future[FileResult], Job] = {}
        self._on_trial: Job | None = None
        self.has_begun = False

    def undone(self) -> list[Job]:
        """List what nobody will do any more."""
        return [*self._in_hand.values(), *self._suspects, *self._waiting]

    def results(self) -> Iterator[FileResult]:
        """Hand out jobs, and take what comes back, until nothing is in hand."""
        while True:
            if not self._stop.is_set():
                self._hand_out()
            if not self._in_hand:
                return
            finished, _ = wait(self._in_hand, timeout=_LOOK_UP, return_when=FIRST_COMPLETED)
            if not finished:
                if self._crew.is_gone():
                    raise PrepError("those who were at work have gone")
                continue
            if any(map(_is_broken, finished)):
                finished, _ = wait(self._in_hand)
            taken = {future: self._in_hand.pop(future) for future in finished}
            yield from (future.result() for future in finished if _failure(future) is None)
            for future, job in taken.items():
                error = _failure(future)
                if _is_death(error) and job is not self._on_trial:
                    self._suspects.append(job)
                elif error is not None:
                    yield FileResult(job.path, "failed", error=_cause_of_death(error))
            self._on_trial = None
            if any(map(_is_broken, finished)) and not self._stop.is_set():
                self._crew.renew()

    def _hand_out(self) -> None:
        if self._suspects:
            if not self._in_hand:
                self._on_trial = self._suspects.popleft()
                self._submit(self._on_trial)
            return
        while self._waiting and self._on_trial is None and len(self._in_hand) < self._crew.size:
            job = self._waiting.popleft()
            self._submit(job)
            self._on_start(job.path)

    def _submit(self, job: Job) -> None:
        try:
            future = self._crew.submit(job)
        except (BrokenExecutor, OSError, EOFError):  # somebody died who had nothing in hand
            try:
                self._crew.renew()
                future = self._crew.submit(job)
            except (PrepError, BrokenExecutor, OSError, EOFError) as error:
                self._waiting.appendleft(job)
                raise (
                    error if isinstance(error, PrepError) else PrepError("workers die as soon as they start")
                ) from error
        self._in_hand[future] = job


def _failure(future: Future[FileResult]) -> BaseException | None:
    return CancelledError() if future.cancelled() else future.exception()


def _is_death(error: BaseException | None) -> bool:
    # KilledWorker is of distributed, which need not be installed: it blames all that the worker had in hand.
    return isinstance(error, BrokenExecutor) or type(error).__name__ == "KilledWorker"


def _is_broken(future: Future[FileResult]) -> bool:
    return isinstance(_failure(future), BrokenExecutor)


def _cause_of_death(error: BaseException) -> str:
    if _is_death(error):
        return "the worker process died at this file, more than once: killed, or out of memory"
    if isinstance(error, CancelledError):
        return "not done: the cluster has gone"
    return f"the worker could not do this file ({type(error).__name__}: {error})"
