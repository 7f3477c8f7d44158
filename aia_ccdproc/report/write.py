"""Writing of a batch's reports: JSON for programs, HTML for people."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from aia_ccdproc.errors import SettingsError, WriteError
from aia_ccdproc.images.files import atomic_write
from aia_ccdproc.report.data import report_data
from aia_ccdproc.report.page import render_page
from aia_ccdproc.report.results import BatchInfo, FileResult

__all__ = ["check_report_path", "write_report", "write_reports"]


def _render_json(info: BatchInfo, results: Sequence[FileResult], folder: Path) -> str:
    return json.dumps(report_data(info, results), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


_RENDER = {".json": _render_json, ".html": render_page, ".htm": render_page}


def check_report_path(path: str | os.PathLike[str]) -> Path:
    """Check, before a batch starts, that its report can be written.

    Parameters
    ----------
    path : path-like
        The report: ``.json``, ``.html`` or ``.htm``.

    Returns
    -------
    `~pathlib.Path`
        The path.

    Raises
    ------
    SettingsError
        If the suffix is unknown.
    WriteError
        If the path is a folder, or if its folder does not exist or is not writable.
    """
    target = Path(path)
    if target.suffix.lower() not in _RENDER:
        raise SettingsError(f"report {target}: unknown suffix {target.suffix!r}. Use one of: {', '.join(_RENDER)}")
    if target.is_dir():
        raise WriteError(f"report {target}: this is a folder. Name a file in it.")
    if not target.parent.is_dir():
        raise WriteError(f"report {target}: the folder {target.parent} does not exist. Create it first.")
    if not os.access(target.parent, os.W_OK | os.X_OK):
        raise WriteError(f"report {target}: the folder {target.parent} is not writable. Choose another one.")
    return target


def write_report(path: str | os.PathLike[str], info: BatchInfo, results: Sequence[FileResult]) -> Path:
    """Write the report of a batch.

    Parameters
    ----------
    path : path-like
        The report: ``.json``, ``.html`` or ``.htm``. An existing file is replaced.
    info : `~aia_ccdproc.report.results.BatchInfo`
        The batch as a whole.
    results : sequence of `~aia_ccdproc.report.results.FileResult`
        The result of each file.

    Returns
    -------
    `~pathlib.Path`
        The report.

    Raises
    ------
    SettingsError
        If the suffix is unknown.
    WriteError
        If the report cannot be written. An existing report is then unchanged.
    """
    target = check_report_path(path)
    text = _RENDER[target.suffix.lower()](info, results, target.parent)
    try:
        with atomic_write(target) as temporary:
            # A file name that is not UTF-8 contains surrogates, written as \udc..; JSON reads them back as they were.
            temporary.write_bytes(text.encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise WriteError(f"report {target}: cannot write it ({error.strerror or error})") from error
    return target


def write_reports(paths: Sequence[Path], info: BatchInfo, results: Sequence[FileResult]) -> None:
    """Write several reports: all that can be written.

    Parameters
    ----------
    paths : sequence of `~pathlib.Path`
        The reports.
    info : `~aia_ccdproc.report.results.BatchInfo`
        The batch.
    results : sequence of `~aia_ccdproc.FileResult`
        The results.

    Raises
    ------
    WriteError
        If a report cannot be written: the first error, after the last report.
    """
    errors = []
    for path in paths:
        try:
            write_report(path, info, results)
        except WriteError as error:
            errors.append(error)
    if errors:
        raise errors[0]
