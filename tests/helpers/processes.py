"""Helpers for tests that start processes."""

from __future__ import annotations

import os
import signal


def restore_signals() -> None:
    """Restore the default actions of signals that are ignored in background jobs (SIGINT) and with nohup (SIGHUP)."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def set_environment(environment: dict[str, str]) -> None:
    """Set environment variables. Other processes can import this function."""
    os.environ.update(environment)
