"""Handling of the signals that end a batch."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from aia_ccdproc.parallel import DEFAULT_HANDLERS, exit_on_signal

__all__ = ["BatchInterrupted", "StopRequest", "stop_on_signals"]

_log = logging.getLogger("aia_ccdproc")


class BatchInterrupted(KeyboardInterrupt):
    """A signal has stopped a batch.

    Parameters
    ----------
    number : int
        The signal.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(number)


class StopRequest(threading.Event):
    """Set when a stop is requested."""

    def __init__(self) -> None:
        super().__init__()
        #: The signal that requested the stop.
        self.number: int = signal.SIGINT


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Treat the first Ctrl-C, SIGTERM or SIGHUP as a request to stop, and the second as `BatchInterrupted`.

    Handlers that the user has installed are kept. Threads other than the main thread install none.

    Yields
    ------
    `StopRequest`
        Set when a stop is requested: files that are being processed are finished, and no others are started.
    """
    stop, finished = StopRequest(), threading.Event()

    def request_stop(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            raise BatchInterrupted(number)
        stop.number = number
        stop.set()

    def announce() -> None:
        # A thread logs this. The handler may interrupt an import, or the writing of another message.
        stop.wait()
        if not finished.is_set():
            _log.warning("stopping when the current files are finished. Repeat the signal to stop at once")

    replaced: dict[signal.Signals, Any] = {}
    if threading.current_thread() is threading.main_thread():
        present = {number: signal.getsignal(number) for number in DEFAULT_HANDLERS}
        replaced = {
            number: handler
            for number, handler in present.items()
            if handler in (DEFAULT_HANDLERS[number], exit_on_signal)
        }
    for number in replaced:
        signal.signal(number, request_stop)
    announcer = threading.Thread(target=announce, daemon=True)
    announcer.start()
    try:
        yield stop
    finally:
        for number, handler in replaced.items():
            signal.signal(number, handler)
        finished.set()
        stop.set()
        announcer.join()
