"""Helpers for tests that start processes."""

from __future__ import annotations

import signal


def restore_sigint() -> None:
    """Restore the default action of SIGINT. A shell ignores it in background jobs, and child processes inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
