"""What is shown, and where: results to standard output, errors and notes to standard error."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from aia_ccdproc.errors import PrepError, PrepWarning

if TYPE_CHECKING:
    from rich.console import Console

__all__ = [
    "DONE",
    "INTERRUPTED",
    "SOME_FAILED",
    "WRONG_USAGE",
    "console",
    "ignore_output",
    "notes",
    "show_error",
    "shown",
]

#: Exit codes.
DONE, SOME_FAILED, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130


def console(*, stderr: bool = False) -> Console:
    """Open standard output, or standard error, for styled text whose lines are left as they are."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, soft_wrap=True)


def shown(text: object) -> str:
    """Write a text, a hostile file's name say, so that it can do nothing but be read."""
    from rich.markup import escape

    return escape("".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text)))


def ignore_output() -> None:
    """Let standard output, which nobody can write to any more, end nowhere, so that nothing fails for it again."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def show_error(error: PrepError) -> None:
    """Show an error as what it is: its name and its text, and no traceback."""
    from rich.markup import escape

    console(stderr=True).print(f"[bold red]{type(error).__name__}[/]: {escape(str(error))}")


@contextmanager
def notes() -> Iterator[None]:
    """Show what the package logs and warns of, retries of JSOC above all, as notes and when it happens."""
    handler = _LogHandler()
    logger = logging.getLogger("aia_ccdproc")
    propagate = logger.propagate
    logger.addHandler(handler)
    logger.propagate = False  # drms sets up logging for everybody, and all would be said twice
    with warnings.catch_warnings():
        default = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *where: Any, **how: Any) -> None:
            if issubclass(category, PrepWarning):
                _note(str(message))
            else:
                default(message, category, *where, **how)

        warnings.showwarning = show
        try:
            yield
        finally:
            logger.removeHandler(handler)
            logger.propagate = propagate


class _LogHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        _note(record.getMessage())


def _note(text: str) -> None:
    from rich.markup import escape

    console(stderr=True).print(f"[yellow]note[/]    {escape(text)}")
