"""Processes that tests start."""

from __future__ import annotations

import signal


def heed_interrupts() -> None:
    """Heed SIGINT, which what a shell runs in the background ignores, and hands down so."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
