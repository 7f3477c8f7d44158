"""Reports of a batch: JSON for programs, and one page of HTML for people."""

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

__all__ = ["check_report_path", "write_report"]


def _render_json(info: BatchInfo, results: Sequence[FileResult]) -> str:
    return json.dumps(report_data(info, results), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


_RENDER = {".json": _render_json, ".html": render_page, ".htm": render_page}


def check_report_path(path: str | os.PathLike[str]) -> Path:
    """Refuse, before any work, a report that could not be written after it.

    Parameters
    ----------
    path : path-like
        The report; its ending says which kind.

    Returns
    -------
    `~pathlib.Path`
        The path.

    Raises
    ------
    SettingsError
        If the ending is neither ``.json`` nor ``.html`` or ``.htm``.
    WriteError
        If it is a folder, or its folder is not there or may not be written to.
    """
    target = Path(path)
    if target.suffix.lower() not in _RENDER:
        raise SettingsError(
            f"report {target}: the ending {target.suffix!r} is not known; there are: .json, .html, .htm"
        )
    if target.is_dir():
        raise WriteError(f"report {target}: is a folder; name a file in it")
    if not target.parent.is_dir():
        raise WriteError(f"report {target}: the folder {target.parent} is not there; make it first")
    if not os.access(target.parent, os.W_OK | os.X_OK):
        raise WriteError(f"report {target}: the folder {target.parent} may not be written to")
    return target


def write_report(path: str | os.PathLike[str], info: BatchInfo, results: Sequence[FileResult]) -> Path:
    """Write what became of a batch.

    Parameters
    ----------
    path : path-like
        ``.json`` or ``.html``; replaced if it is there.
    info : `~aia_ccdproc.report.results.BatchInfo`
        What is true of the batch.
    results : sequence of `~aia_ccdproc.report.results.FileResult`
        What became of each file.

    Returns
    -------
    `~pathlib.Path`
        The report.

    Raises
    ------
    SettingsError
        If the ending is not known.
    WriteError
        If the report cannot be written; one that was there is left as it was.
    """
    target = check_report_path(path)
    text = _RENDER[target.suffix.lower()](info, results)
    try:
        with atomic_write(target) as temporary:
            # A name that is no UTF-8 stands as \udc..: in JSON it reads back as the same name.
            temporary.write_bytes(text.encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise WriteError(f"report {target}: cannot be written ({error.strerror or error})") from error
    return target
