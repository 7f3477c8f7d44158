"""Times, log messages and memory of a worker, for the results of its files."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["collect_log_messages", "peak_memory", "timed"]


@contextmanager
def timed(seconds: dict[str, float], part: str) -> Iterator[None]:
    """Add the wall time of a block to the times of a file.

    Parameters
    ----------
    seconds : dict of str to float
        Times by part, in seconds; changed in place.
    part : str
        The part of the work.
    """
    start = time.perf_counter()
    try:
        yield
    finally:
        seconds[part] = seconds.get(part, 0.0) + time.perf_counter() - start


class _MessageCollector(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


@contextmanager
def collect_log_messages() -> Iterator[list[str]]:
    """Collect the package's log messages in a process where no handler shows them.

    Yields
    ------
    list of str
        The messages. It grows while the block runs.
    """
    logger, collector = logging.getLogger("aia_ccdproc"), _MessageCollector()
    if logger.handlers:
        yield collector.messages
        return
    logger.addHandler(collector)
    try:
        yield collector.messages
    finally:
        logger.removeHandler(collector)


def peak_memory() -> int:
    """Return the largest amount of memory that this process has used.

    Returns
    -------
    int
        Bytes; 0 if the system does not report it.
    """
    try:
        import resource
    except ImportError:  # Windows
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
