"""Progress of a batch: what follows it, and the results that have arrived."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from aia_ccdproc.batch.plan import Job
from aia_ccdproc.report.notebook import FileResults
from aia_ccdproc.report.results import FileResult

__all__ = ["Progress", "Results", "default_progress"]

_log = logging.getLogger("aia_ccdproc")


class Progress:
    """Base class for objects that follow the progress of a batch. Its methods do nothing."""

    def planned(self, files: int) -> None:  # numpydoc ignore=PR01
        """Receive the number of files, before the first one is started."""

    def started(self, path: Path) -> None:  # numpydoc ignore=PR01
        """Receive the path of a file when it is given to a worker."""

    def finished(self, result: FileResult) -> None:  # numpydoc ignore=PR01
        """Receive the result of a file."""

    def ended(self, seconds: float) -> None:  # numpydoc ignore=PR01
        """Receive the wall time of the batch, in seconds, after the last file and before reports are written."""


def default_progress() -> Progress:
    """Return what follows a batch if the user gives nothing.

    Returns
    -------
    `Progress`
        A progress bar in a notebook, nothing elsewhere.
    """
    from aia_ccdproc.batch.notebook import NotebookProgress, in_notebook  # imports this module

    return NotebookProgress() if in_notebook() else Progress()


class Results:
    """The results of a batch that have arrived.

    Parameters
    ----------
    plan : sequence of `~aia_ccdproc.batch.plan.Job` or `~aia_ccdproc.FileResult`
        The files of the batch. A result is that of a file for which nothing is to do.
    progress : `Progress`
        What follows the batch.
    """

    def __init__(self, plan: Sequence[Job | FileResult], progress: Progress) -> None:
        self._paths = [entry.path for entry in plan]
        self._by_path: dict[Path, FileResult] = {}
        self.progress = progress
        progress.planned(len(plan))
        for entry in plan:
            if isinstance(entry, FileResult):
                self.add(entry)

    def add(self, result: FileResult) -> None:
        """Add a result.

        Parameters
        ----------
        result : `~aia_ccdproc.FileResult`
            The result of a file.
        """
        self._by_path[result.path] = result
        if result.traceback:
            _log.debug("%s: %s\n%s", result.path, result.error, result.traceback)
        self.progress.finished(result)

    @property
    def is_complete(self) -> bool:
        """Check whether all files have a result.

        Returns
        -------
        bool
            False while results are missing, or if the batch was interrupted.
        """
        return len(self._by_path) == len(self._paths)

    def in_order(self) -> FileResults:
        """Return the results in the order of the files.

        Returns
        -------
        `~aia_ccdproc.report.notebook.FileResults`
            Those that have arrived.
        """
        return FileResults(self._by_path[path] for path in self._paths if path in self._by_path)
