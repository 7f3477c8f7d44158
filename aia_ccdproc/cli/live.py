"""Progress of a batch on a terminal: a live display."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self

import rich.progress
from rich.console import Group
from rich.live import Live
from rich.table import Table

from aia_ccdproc.cli.console import escape_text
from aia_ccdproc.cli.progress import LineProgress
from aia_ccdproc.report.results import FileResult

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

__all__ = ["LiveProgress"]


class LiveProgress(LineProgress):
    """Shows a progress bar and the files that are being prepped; prints lines only for files that failed.

    Parameters
    ----------
    out : `~rich.console.Console`
        The terminal.
    verbosity : int
        As in `~aia_ccdproc.cli.progress.show_progress`.
    """

    def __init__(self, out: Console, verbosity: int) -> None:
        super().__init__(out, verbosity)
        if verbosity <= 0:
            self._shown_statuses.discard("done")
        self._bar = rich.progress.Progress(
            rich.progress.BarColumn(),
            rich.progress.MofNCompleteColumn(),
            rich.progress.TextColumn("{task.description}"),
            rich.progress.TimeRemainingColumn(),
            console=out,
        )
        self._task = self._bar.add_task("", total=None)
        self._running: dict[Path, float] = {}

    def planned(self, files: int) -> None:
        """Set the length of the bar."""
        self._bar.update(self._task, total=files)

    def started(self, path: Path) -> None:
        """Add a file to those that are being prepped."""
        self._running[path] = time.monotonic()

    def finished(self, result: FileResult) -> None:
        """Advance the bar."""
        self._running.pop(result.path, None)
        super().finished(result)
        rate = self.counts.total() / max(time.monotonic() - self._start, 0.001)
        failed = f"[bold red]{self.counts['failed']} failed[/], " if self.counts["failed"] else ""
        self._bar.update(self._task, advance=1, description=f"{failed}{rate:.1f} files/s, remaining:")

    @contextmanager
    def shown(self) -> Iterator[Self]:
        """Show the display within a ``with`` block.

        Yields
        ------
        `LiveProgress`
            This object.
        """
        with Live(console=self._bar.console, get_renderable=self.render, refresh_per_second=4, transient=True):
            yield self

    def render(self) -> RenderableType:
        """Return the display as it is now."""
        files = Table.grid(padding=(0, 1))
        for path, start in list(self._running.items()):
            files.add_row(f"[dim]{time.monotonic() - start:5.1f} s[/]", escape_text(path.name))
        return Group(files, self._bar)
