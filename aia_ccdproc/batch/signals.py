"""Handling of Ctrl-C and SIGTERM during a batch."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

__all__ = ["stop_on_signals"]

_log = logging.getLogger("aia_ccdproc")

_DEFAULT_HANDLERS: dict[signal.Signals, Any] = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGTERM: signal.SIG_DFL,
}


@contextmanager
def stop_on_signals() -> Iterator[threading.Event]:
    """Treat the first Ctrl-C or SIGTERM as a request to stop, and the second as `KeyboardInterrupt`.

    Handlers that the user has installed are kept. Threads other than the main thread install none.

    Yields
    ------
    `threading.Event`
        Set when a stop is requested: files that are being processed are finished, and no others are started.
    """
    stop, finished = threading.Event(), threading.Event()

    def request_stop(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    def announce() -> None:
        # A thread logs this. The handler may interrupt an import, or the writing of another message.
        stop.wait()
        if not finished.is_set():
            _log.warning("stopping when the current files are finished. Repeat the signal to stop at once")

    replaced = [
        number
        for number, default in _DEFAULT_HANDLERS.items()
        if threading.current_thread() is threading.main_thread() and signal.getsignal(number) is default
    ]
    for number in replaced:
        signal.signal(number, request_stop)
    announcer = threading.Thread(target=announce, daemon=True)
    announcer.start()
    try:
        yield stop
    finally:
        for number in replaced:
            signal.signal(number, _DEFAULT_HANDLERS[number])
        finished.set()
        stop.set()
        announcer.join()
