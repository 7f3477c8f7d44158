"""Progress of a batch in a notebook."""

from __future__ import annotations

import importlib
import sys
import time
from pathlib import Path
from typing import Any

from aia_ccdproc.batch.progress import Progress
from aia_ccdproc.report.results import FileResult

__all__ = ["NotebookProgress", "in_notebook"]

#: Interval at which the display is updated.
_UPDATE_SECONDS = 0.25


def in_notebook() -> bool:
    """Check whether this process is the kernel of a notebook.

    Returns
    -------
    bool
        False for a script, and for Python or IPython on a terminal.
    """
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None and hasattr(ipython, "get_ipython") else None
    return getattr(shell, "kernel", None) is not None


class NotebookProgress(Progress):
    """Shows a progress bar in the output of a cell. It is one output, which is updated in its place."""

    def __init__(self) -> None:
        import rich.progress

        # rich's own live display needs ipywidgets. The bar is therefore never started, but displayed by IPython.
        self._bar = rich.progress.Progress(
            rich.progress.BarColumn(),
            rich.progress.MofNCompleteColumn(),
            rich.progress.TextColumn("{task.description}", markup=False),
        )
        self._task = self._bar.add_task("", total=None)
        self._start = self._updated = time.monotonic()
        self._done = self._failed = 0
        self._display: Any = None

    def planned(self, files: int) -> None:  # numpydoc ignore=PR01
        """Show the bar."""
        self._bar.update(self._task, total=files)
        self._display = importlib.import_module("IPython.display").display(self._bar, display_id=True)

    def started(self, path: Path) -> None:  # numpydoc ignore=PR01
        """Show the name of the file."""
        self._update(path.name)

    def finished(self, result: FileResult) -> None:  # numpydoc ignore=PR01
        """Advance the bar."""
        self._done += 1
        self._failed += result.status == "failed"
        self._update(result.path.name, advance=1)

    def ended(self, seconds: float) -> None:  # numpydoc ignore=PR01
        """Show the final state."""
        self._update(f"in {seconds:.1f} s", final=True)

    def _update(self, text: str, *, advance: int = 0, final: bool = False) -> None:
        failed = f"{self._failed} failed, " if self._failed else ""
        text = text.encode("utf-8", "replace").decode("utf-8")
        self._bar.update(self._task, advance=advance, description=f"{failed}{text}")
        now = time.monotonic()
        if self._display is not None and (final or now - self._updated > _UPDATE_SECONDS):
            self._updated = now
            self._display.update(self._bar)
