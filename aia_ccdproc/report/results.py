"""What became of a batch and of each of its files: said by the batch, shown by the report and the command line."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

__all__ = ["BatchInfo", "FileResult", "Status"]

Status: TypeAlias = Literal["done", "unchanged", "skipped", "failed"]


@dataclass(frozen=True)
class FileResult:  # numpydoc ignore=PR02
    """What became of one file.

    Parameters
    ----------
    path : `~pathlib.Path`
        The input, as it was given.
    status : {"done", "unchanged", "skipped", "failed"}
        Written now; there already from the same input and recipe; not selected by the recipe; failed.
    output : `~pathlib.Path`, optional
        The output.
    error : str
        Of a file that failed: class and message of the error, ``"PointingError: no record …"``.
    reason : str
        Of a file that was skipped: what the recipe selects.
    warnings : tuple of str
        What was warned of.
    seconds : mapping of str to float
        Time by part, s: ``"read"``, each step, ``"write"``, ``"pictures"``; in the order of running.
    pointing : mapping of str to str
        The pointing record that the output carries: ``"record"`` (MPO_REC), ``"source"`` (MPO_SRC), ``"start"``
        (MPO_TBEG), ``"hash"`` (MPO_HASH).
    input_hash, output_hash : str
        SHA-256 of the files, hexadecimal.
    before, after : bytes
        Small pictures of input and output, PNG or JPEG.
    worker : str
        Who did it: ``"host:pid"``.
    peak_memory : int
        The most memory that the worker has held so far, bytes.
    quicklook : `~pathlib.Path`, optional
        The quick-look picture.
    """

    path: Path
    status: Status
    output: Path | None = None
    error: str = ""
    reason: str = ""
    warnings: tuple[str, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    pointing: Mapping[str, str] = field(default_factory=dict)
    input_hash: str = ""
    output_hash: str = ""
    before: bytes = field(default=b"", repr=False)
    after: bytes = field(default=b"", repr=False)
    worker: str = ""
    peak_memory: int = 0
    quicklook: Path | None = None


@dataclass(frozen=True)
class BatchInfo:  # numpydoc ignore=PR02
    """What is true of a batch as a whole.

    Parameters
    ----------
    recipe, digest : str
        Name and digest of the recipe.
    steps : tuple of (str, str, str or None)
        The recipe's steps: name, settings on one line, and the plugin that the recipe asks for, if it does.
    versions : mapping of str to str
        Versions by distribution: python, aia-ccdproc, astropy, ccdproc, reproject, numpy, and the plugins'.
    started : `~datetime.datetime`
        When the batch began, UTC.
    seconds : float
        How long it took by the clock, s.
    jobs : int
        Workers.
    scheduler : str
        Address of the scheduler, empty where there was none.
    output_dir : `~pathlib.Path`
        Folder of the outputs.
    interrupted : bool
        Whether it was stopped before its end.
    """

    recipe: str
    digest: str
    steps: tuple[tuple[str, str, str | None], ...]
    versions: Mapping[str, str]
    started: datetime.datetime
    seconds: float
    jobs: int
    output_dir: Path
    scheduler: str = ""
    interrupted: bool = False
