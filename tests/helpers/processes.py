"""Helpers for tests that start processes."""

from __future__ import annotations

import os
import signal


def restore_sigint() -> None:
    """Restore the default action of SIGINT. A shell ignores it in background jobs, and child processes inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def set_environment(environment: dict[str, str]) -> None:
    """Set environment variables. Other processes can import this function."""
    os.environ.update(environment)
