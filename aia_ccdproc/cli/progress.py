"""Progress of a batch: a live display on a terminal, one line for each file elsewhere."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.markup import escape

from aia_ccdproc.batch.progress import Progress
from aia_ccdproc.cli.console import console, discard_stdout, escape_text, is_debugging
from aia_ccdproc.report.results import FileResult, format_rate

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["LineProgress", "show_progress"]

_STYLES = {"done": "green", "unchanged": "green", "skipped": "dim", "failed": "bold red"}


@contextmanager
def show_progress(verbosity: int) -> Iterator[LineProgress]:
    """Show the progress of a batch: with a live display on a terminal, with lines elsewhere.

    Parameters
    ----------
    verbosity : int
        Negative: show only files that failed. 0: show also files that were done, and warnings. Positive: show also
        unchanged and skipped files, the time of each part of the work, and the tracebacks of unexpected errors.

    Yields
    ------
    `LineProgress`
        The argument ``progress`` of `aia_ccdproc.run`.
    """
    out = console()
    if not out.is_terminal or verbosity < 0:
        yield LineProgress(out, verbosity)
        return
    from aia_ccdproc.cli.live import LiveProgress  # imports parts of rich that are not needed otherwise

    with LiveProgress(out, verbosity).shown() as display:
        yield display


class LineProgress(Progress):
    """Prints a line for each file.

    Parameters
    ----------
    out : `~rich.console.Console`
        Where the lines are printed.
    verbosity : int
        As in `show_progress`.
    """

    def __init__(self, out: Console, verbosity: int) -> None:
        self._out: Console | None = out
        self._start = time.monotonic()
        self._seconds: float | None = None
        self.counts: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()
        self._shown_statuses = {"failed"}
        if verbosity >= 0:
            self._shown_statuses |= {"done"}
        if verbosity > 0:
            self._shown_statuses |= {"unchanged", "skipped"}
        self._shows_warnings, self._shows_details = verbosity >= 0, verbosity > 0

    def finished(self, result: FileResult) -> None:
        """Print the result of a file."""
        self.counts[result.status] += 1
        if result.status == "skipped":
            self._reasons[result.reason] += 1
        path = escape_text(result.path)
        if self._shows_warnings:
            for warning in result.warnings:
                self.print_line(f"[yellow]warning[/] {path}: {escape_text(warning)}")
        if result.status not in self._shown_statuses:
            return
        if result.output is None:
            outcome = f": {escape_text(result.error or result.reason)}"
        else:
            outcome = f" -> {escape_text(result.output)}"
        self.print_line(f"[{_STYLES[result.status]}]{result.status:8}[/] {path}{outcome}")
        if self._shows_details and result.seconds:
            parts = ", ".join(f"{part} {seconds:.2f}" for part, seconds in result.seconds.items())
            self.print_line(f"         [dim]{escape(parts)} s[/]")
        lines = result.full_traceback if is_debugging() else result.traceback if self._shows_details else ""
        for line in lines.splitlines():
            self.print_line(f"         [dim]{escape_text(line)}[/]")

    def ended(self, seconds: float) -> None:
        """Note the time of the batch."""
        self._seconds = seconds

    def print_line(self, markup: str) -> None:
        """Print a line. If that fails, because a pipe was closed or a disk is full, the batch continues without output.

        Parameters
        ----------
        markup : str
            The line, in rich's markup.
        """
        if self._out is None:
            return
        try:
            self._out.print(markup)
            self._out.file.flush()
        except (OSError, ValueError, SystemExit):  # rich raises SystemExit if a pipe was closed
            self._out = None
            discard_stdout()

    def summary(self) -> str:
        """Summarize the batch.

        Returns
        -------
        str
            ``"23 done, 1 failed in 14.2 s (1.62 files/s)"``. If no file was selected, the most frequent reason follows.
        """
        seconds = time.monotonic() - self._start if self._seconds is None else self._seconds
        counts = [
            f"{self.counts[status]} {status}"
            for status in _STYLES
            if self.counts[status] or status in ("done", "failed")
        ]
        rate = format_rate(self.counts["done"], seconds)
        text = f"{', '.join(counts)} in {seconds:.1f} s ({rate} files/s)"
        if 0 < self.counts["skipped"] == self.counts.total():
            reason, files = self._reasons.most_common(1)[0]
            text += f"\nThe recipe selects none of the files. For {files} of them: {escape_text(reason)}"
        return text
