"""Tests of the handling of Ctrl-C and SIGTERM."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from aia_ccdproc.batch.signals import stop_on_signals

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send these signals to a process")


@pytest.fixture(autouse=True)
def default_handlers() -> Iterator[None]:
    """Install the default handlers, and restore afterwards those of the test runner."""
    defaults = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in defaults.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def send(number: signal.Signals) -> None:
    """Send a signal to this process, and wait until its handler has run."""
    os.kill(os.getpid(), number)
    time.sleep(0.01)


def wait_for_message(caplog: pytest.LogCaptureFixture) -> str:
    deadline = time.monotonic() + 10
    while not caplog.messages and time.monotonic() < deadline:
        time.sleep(0.01)
    return "".join(caplog.messages)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_requests_a_stop_and_the_second_stops_at_once(
    number: signal.Signals, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "aia_ccdproc"), stop_on_signals() as stop:
        assert not stop.is_set()
        send(number)
        assert stop.is_set()
        assert "stopping when the current files are finished" in wait_for_message(caplog)
        with pytest.raises(KeyboardInterrupt):
            send(number)


def test_the_handlers_are_restored_and_nothing_is_announced_without_a_signal(caplog: pytest.LogCaptureFixture) -> None:
    with stop_on_signals():
        assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert not caplog.messages


def test_a_handler_of_the_user_is_kept() -> None:
    received = []
    signal.signal(signal.SIGTERM, lambda number, frame: received.append(number))
    with stop_on_signals() as stop:
        send(signal.SIGTERM)
        assert not stop.is_set()
    assert received == [signal.SIGTERM]


def test_no_handler_is_installed_outside_the_main_thread() -> None:
    handlers = []

    def use_in_thread() -> None:
        with stop_on_signals():
            handlers.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=use_in_thread)
    thread.start()
    thread.join()
    assert handlers == [signal.default_int_handler]
