"""Output of the command line: results on standard output, errors and notes on standard error."""

from __future__ import annotations

import logging
import os
import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from aia_ccdproc.errors import PluginError, PrepError, PrepWarning

if TYPE_CHECKING:
    from rich.console import Console

__all__ = [
    "DONE",
    "SOME_FAILED",
    "WRONG_USAGE",
    "console",
    "discard_stdout",
    "enable_debugging",
    "escape_text",
    "is_debugging",
    "reset_debugging",
    "show_error",
    "show_notes",
    "show_output_error",
    "show_traceback",
]

#: Exit codes.
DONE, SOME_FAILED, WRONG_USAGE = 0, 1, 2


def console(*, stderr: bool = False) -> Console:
    """Return a console that writes styled text to standard output, or to standard error, without wrapping lines."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, soft_wrap=True, emoji=False)


def escape_text(text: object) -> str:
    """Escape rich's markup and control characters, which a file's name may contain."""
    from rich.markup import escape

    return escape("".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text)))


def discard_stdout() -> None:
    """Redirect standard output to the null device, after writing to it has failed."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


_debugging = False


def enable_debugging() -> None:
    """Print the tracebacks of all errors from now on."""
    global _debugging
    _debugging = True


def reset_debugging() -> None:
    """Print errors without their tracebacks, as at the start of a process."""
    global _debugging
    _debugging = False


def is_debugging() -> bool:
    """Return whether the tracebacks of all errors are printed."""
    return _debugging


def show_traceback(error: BaseException) -> None:
    """Print the traceback of an error if ``--debug`` was given."""
    if _debugging:
        console(stderr=True).print("".join(traceback.format_exception(error)), markup=False, end="")


def show_error(error: PrepError, *, verbose: bool = False) -> None:
    """Print the class and the message of an error.

    With ``--debug``, its traceback is printed before it; if ``verbose``, the traceback of a failure inside a plugin
    after it.
    """
    from rich.markup import escape

    show_traceback(error)
    err = console(stderr=True)
    err.print(f"[bold red]{type(error).__name__}[/]: {escape(str(error))}")
    if verbose and not _debugging and isinstance(error, PluginError) and error.__cause__ is not None:
        err.print("".join(traceback.format_exception(error.__cause__)), markup=False, end="")


def show_output_error(error: OSError) -> None:
    """Print that standard output cannot be written, because its disk is full for example."""
    with suppress(OSError):  # standard error may be on the same disk
        print(f"cannot write the output ({error.strerror})", file=sys.stderr)


@contextmanager
def show_notes() -> Iterator[None]:
    """Print the package's log records and warnings when they occur, retries of a request to JSOC for example."""
    handler = _NoteHandler()
    logger = logging.getLogger("aia_ccdproc")
    propagate = logger.propagate
    logger.addHandler(handler)
    logger.propagate = False  # drms adds a handler to the root logger, which would print every record again
    with warnings.catch_warnings():
        default = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *where: Any, **options: Any) -> None:
            if issubclass(category, PrepWarning):
                _print_note(str(message))
            else:
                default(message, category, *where, **options)

        warnings.showwarning = show
        try:
            yield
        finally:
            logger.removeHandler(handler)
            logger.propagate = propagate


class _NoteHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        _print_note(record.getMessage())


def _print_note(text: str) -> None:
    from rich.markup import escape

    with suppress(OSError):  # a full disk must not end a batch
        console(stderr=True).print(f"[yellow]note[/]    {escape(text)}")
