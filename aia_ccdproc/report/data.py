"""Totals and times of a batch, and its data for the JSON report."""

from __future__ import annotations

import datetime
import math
import statistics
from collections import Counter
from collections.abc import Sequence
from typing import Any, get_args

from aia_ccdproc.report.results import BatchInfo, FileResult, Status

__all__ = ["SCHEMA", "STATUSES", "median_seconds", "report_data", "status_totals", "utc_text"]

#: Number of the schema. It rises when a key is added or removed, or when its meaning changes.
SCHEMA = 2
STATUSES: tuple[Status, ...] = get_args(Status)


def status_totals(results: Sequence[FileResult]) -> dict[str, int]:
    """Count the files of each status.

    Parameters
    ----------
    results : sequence of `~aia_ccdproc.report.results.FileResult`
        The results of the files.

    Returns
    -------
    dict of str to int
        Number of files of every status, and ``"files"``, the number of all files.
    """
    counted = Counter(result.status for result in results)
    return {"files": len(results), **{status: counted[status] for status in STATUSES}}


def median_seconds(results: Sequence[FileResult]) -> dict[str, float]:
    """Compute the median time of each part of the work.

    Parameters
    ----------
    results : sequence of `~aia_ccdproc.report.results.FileResult`
        The results of the files.

    Returns
    -------
    dict of str to float
        Median time in seconds of each part, over the files with status ``"done"``, in the order in which the parts run.
    """
    times: dict[str, list[float]] = {}
    for result in results:
        if result.status == "done":
            for part, seconds in result.seconds.items():
                if math.isfinite(seconds):
                    times.setdefault(part, []).append(seconds)
    return {part: statistics.median(values) for part, values in times.items()}


def report_data(info: BatchInfo, results: Sequence[FileResult]) -> dict[str, Any]:
    """Return the JSON report of a batch, which does not contain the pictures.

    Parameters
    ----------
    info : `~aia_ccdproc.report.results.BatchInfo`
        The batch as a whole.
    results : sequence of `~aia_ccdproc.report.results.FileResult`
        The result of each file.

    Returns
    -------
    dict
        The keys that :doc:`/batches` documents. A number that is not finite is None.
    """
    steps = [dict(zip(("use", "settings", "plugin"), step, strict=True)) for step in info.steps]
    return {
        "schema": SCHEMA,
        "recipe": {"name": info.recipe, "digest": info.digest, "steps": steps},
        "versions": dict(info.versions),
        "started": utc_text(info.started),
        "seconds": _finite_or_none(info.seconds),
        "jobs": info.jobs,
        "scheduler": info.scheduler,
        "output_dir": str(info.output_dir),
        "interrupted": info.interrupted,
        "totals": status_totals(results),
        "median_seconds": median_seconds(results),
        "files": [_file_data(result) for result in results],
    }


def _file_data(result: FileResult) -> dict[str, Any]:
    return {
        "path": str(result.path),
        "status": result.status,
        "output": None if result.output is None else str(result.output),
        "quicklook": None if result.quicklook is None else str(result.quicklook),
        "error": result.error,
        "traceback": result.traceback,
        "reason": result.reason,
        "warnings": list(result.warnings),
        "seconds": {part: _finite_or_none(seconds) for part, seconds in result.seconds.items()},
        "observation": dict(result.observation),
        "geometry": {name: dict(geometry) for name, geometry in result.geometry.items()},
        "limb": dict(result.limb),
        "pointing": dict(result.pointing),
        "input_hash": result.input_hash,
        "output_hash": result.output_hash,
        "worker": result.worker,
        "peak_memory": result.peak_memory,
    }


def utc_text(time: datetime.datetime) -> str:
    """Format a time in UTC.

    Parameters
    ----------
    time : `~datetime.datetime`
        The time. UTC is assumed if it has no time zone.

    Returns
    -------
    str
        ``"2026-08-19T10:15:00Z"``.
    """
    aware = time if time.tzinfo else time.replace(tzinfo=datetime.UTC)
    return aware.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _finite_or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None
