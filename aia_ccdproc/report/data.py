"""A batch in numbers, and for JSON."""

from __future__ import annotations

import datetime
import math
import statistics
from collections import Counter
from collections.abc import Sequence
from typing import Any, get_args

from aia_ccdproc.report.results import BatchInfo, FileResult, Status

__all__ = ["SCHEMA", "STATUSES", "median_seconds", "report_data", "status_totals", "utc_text"]

#: Number of the schema; it changes when a key is taken away or comes to mean something else.
SCHEMA = 1
STATUSES: tuple[Status, ...] = get_args(Status)


def status_totals(results: Sequence[FileResult]) -> dict[str, int]:
    """Count files by what became of them.

    Parameters
    ----------
    results : sequence of `~aia_ccdproc.report.results.FileResult`
        The files.

    Returns
    -------
    dict of str to int
        Files by status, every status, and all of them as ``"files"``.
    """
    counted = Counter(result.status for result in results)
    return {"files": len(results), **{status: counted[status] for status in STATUSES}}


def median_seconds(results: Sequence[FileResult]) -> dict[str, float]:
    """Tell what each part of the work usually takes.

    Parameters
    ----------
    results : sequence of `~aia_ccdproc.report.results.FileResult`
        The files.

    Returns
    -------
    dict of str to float
        Median seconds by part, over the files written now, in the order in which the parts run.
    """
    taken: dict[str, list[float]] = {}
    for result in results:
        if result.status == "done":
            for part, seconds in result.seconds.items():
                if math.isfinite(seconds):
                    taken.setdefault(part, []).append(seconds)
    return {part: statistics.median(values) for part, values in taken.items()}


def report_data(info: BatchInfo, results: Sequence[FileResult]) -> dict[str, Any]:
    """Put a batch into what JSON can hold; pictures are left out.

    Parameters
    ----------
    info : `~aia_ccdproc.report.results.BatchInfo`
        What is true of the batch.
    results : sequence of `~aia_ccdproc.report.results.FileResult`
        What became of each file.

    Returns
    -------
    dict
        As documented, schema 1; a number that is not finite is None.
    """
    steps = [dict(zip(("use", "settings", "plugin"), step, strict=True)) for step in info.steps]
    return {
        "schema": SCHEMA,
        "recipe": {"name": info.recipe, "digest": info.digest, "steps": steps},
        "versions": dict(info.versions),
        "started": utc_text(info.started),
        "seconds": _finite(info.seconds),
        "jobs": info.jobs,
        "scheduler": info.scheduler,
        "output_dir": str(info.output_dir),
        "interrupted": info.interrupted,
        "totals": status_totals(results),
        "median_seconds": median_seconds(results),
        "files": [_file(result) for result in results],
    }


def _file(result: FileResult) -> dict[str, Any]:
    return {
        "path": str(result.path),
        "status": result.status,
        "output": None if result.output is None else str(result.output),
        "quicklook": None if result.quicklook is None else str(result.quicklook),
        "error": result.error,
        "reason": result.reason,
        "warnings": list(result.warnings),
        "seconds": {part: _finite(seconds) for part, seconds in result.seconds.items()},
        "pointing": dict(result.pointing),
        "input_hash": result.input_hash,
        "output_hash": result.output_hash,
        "worker": result.worker,
        "peak_memory": result.peak_memory,
    }


def utc_text(time: datetime.datetime) -> str:
    """Write a time in UTC.

    Parameters
    ----------
    time : `~datetime.datetime`
        The time; UTC if it does not say.

    Returns
    -------
    str
        ``"2026-08-19T10:15:00Z"``.
    """
    aware = time if time.tzinfo else time.replace(tzinfo=datetime.UTC)
    return aware.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
