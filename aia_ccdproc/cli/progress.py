"""How a batch goes on, for who watches a terminal, and for who reads a log."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Group
from rich.live import Live
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from aia_ccdproc.batch.run import Observer
from aia_ccdproc.cli.console import console, ignore_output, shown
from aia_ccdproc.report.results import FileResult

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

__all__ = ["Lines", "progress"]

_STYLES = {"done": "green", "unchanged": "green", "skipped": "dim", "failed": "bold red"}


@contextmanager
def progress(verbosity: int) -> Iterator[Lines]:
    """Show how a batch goes on: on a terminal by a display that moves, else by lines.

    Parameters
    ----------
    verbosity : int
        Below 0: only what failed. 0: what was done too, and a summary. Above: also what was left as it was or not
        selected, and seconds by part.

    Yields
    ------
    `Lines`
        An observer for `aia_ccdproc.run`.
    """
    out = console()
    if not out.is_terminal or verbosity < 0:
        yield Lines(out, verbosity)
        return
    moving = _Moving(out, verbosity)
    with Live(console=out, get_renderable=moving.render, refresh_per_second=4, transient=True):
        yield moving


class Lines(Observer):
    """Writes a line for each file.

    Parameters
    ----------
    out : `~rich.console.Console`
        Where to.
    verbosity : int
        As in `progress`.
    """

    def __init__(self, out: Console, verbosity: int) -> None:
        self._out: Console | None = out
        self._begun = time.monotonic()
        self.counts: Counter[str] = Counter()
        self._shown = {"failed"}
        if verbosity >= 0:
            self._shown |= {"done"}
        if verbosity > 0:
            self._shown |= {"unchanged", "skipped"}
        self._shows_warnings, self._shows_seconds = verbosity >= 0, verbosity > 0

    def finished(self, result: FileResult) -> None:
        """Write what became of a file."""
        self.counts[result.status] += 1
        path = shown(result.path)
        for text in result.warnings if self._shows_warnings else ():
            self.tell(f"[yellow]warning[/] {path}: {shown(text)}")
        if result.status not in self._shown:
            return
        more = f": {shown(result.error or result.reason)}" if result.output is None else f" -> {shown(result.output)}"
        self.tell(f"[{_STYLES[result.status]}]{result.status:8}[/] {path}{more}")
        if self._shows_seconds and result.seconds:
            parts = ", ".join(f"{part} {seconds:.2f}" for part, seconds in result.seconds.items())
            self.tell(f"         [dim]{escape(parts)} s[/]")

    def tell(self, text: str) -> None:
        """Write a line, if anybody can still be told: a batch goes on when its log cannot.

        Parameters
        ----------
        text : str
            In rich's markup.
        """
        if self._out is None:
            return
        try:
            self._out.print(text)
            self._out.file.flush()
        except (OSError, ValueError, SystemExit):  # the last is rich's, of a pipe that nobody reads any more
            self._out = None
            ignore_output()

    def summary(self) -> str:
        """Sum up the batch.

        Returns
        -------
        str
            ``"23 done, 1 failed in 14.2 s (1.7 files/s)"``.
        """
        seconds = time.monotonic() - self._begun
        told = [
            f"{self.counts[status]} {status}"
            for status in _STYLES
            if self.counts[status] or status in ("done", "failed")
        ]
        return f"{', '.join(told)} in {seconds:.1f} s ({self.counts.total() / seconds:.1f} files/s)"


class _Moving(Lines):
    """A bar, and what each worker has in hand; lines only for what failed."""

    def __init__(self, out: Console, verbosity: int) -> None:
        super().__init__(out, verbosity)
        if verbosity <= 0:
            self._shown.discard("done")
        self._bar = Progress(
            BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), TimeRemainingColumn(), console=out
        )
        self._task = self._bar.add_task("", total=None)
        self._in_hand: dict[Path, float] = {}

    def planned(self, files: int) -> None:
        """Set the length of the bar."""
        self._bar.update(self._task, total=files)

    def started(self, path: Path) -> None:
        """Show a file as in hand."""
        self._in_hand[path] = time.monotonic()

    def finished(self, result: FileResult) -> None:
        """Move the bar on."""
        self._in_hand.pop(result.path, None)
        super().finished(result)
        rate = self.counts.total() / max(time.monotonic() - self._begun, 0.001)
        failed = f"[bold red]{self.counts['failed']} failed[/], " if self.counts["failed"] else ""
        self._bar.update(self._task, advance=1, description=f"{failed}{rate:.1f} files/s, left:")

    def render(self) -> RenderableType:
        """Draw it."""
        workers = Table.grid(padding=(0, 1))
        for path, since in list(self._in_hand.items()):
            workers.add_row(f"[dim]{time.monotonic() - since:5.1f} s[/]", shown(path.name))
        return Group(workers, self._bar)
