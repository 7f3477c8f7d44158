"""Results of a batch and of each of its files. The batch makes them; the report and the command line show them."""

from __future__ import annotations

import datetime
import traceback as tracebacks
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias, TypedDict

from aia_ccdproc.errors import PluginError, PrepError

__all__ = ["BatchInfo", "FileResult", "Geometry", "Observation", "Status", "failed_result", "format_rate"]

Status: TypeAlias = Literal["done", "unchanged", "skipped", "failed"]


class Observation(TypedDict, total=False):
    """An exposure, as its header describes it."""

    instrument: str
    """Name of the instrument."""
    channel: int | None
    """Wavelength in angstrom."""
    time: str
    """Time of the observation, UTC, ISO 8601."""
    exposure: float | None
    """Exposure time in seconds."""
    quality: int | None
    """The quality word, not negative."""
    quality_names: list[str]
    """Names of the bits of the quality word."""


class Geometry(TypedDict):
    """The geometry of an image."""

    sun_x: float
    """Column of the center of the Sun, counted from 1."""
    sun_y: float
    """Row of the center of the Sun, counted from 1."""
    roll: float
    """Roll angle in degrees, with the sign of CROTA2."""
    scale: float
    """Plate scale in arcsec per pixel."""
    size: list[int]
    """Columns and rows."""


@dataclass(frozen=True)
class FileResult:  # numpydoc ignore=PR02
    """The result of one file of a batch.

    Parameters
    ----------
    path : `~pathlib.Path`
        The input, as it was given.
    status : {"done", "unchanged", "skipped", "failed"}
        ``"done"``: the output was written. ``"unchanged"``: the output already existed, made from the same input with
        the same recipe. ``"skipped"``: the recipe does not select this file. ``"failed"``: no output was written.
    output : `~pathlib.Path`, optional
        The output.
    error : str
        Class and message of the error, ``"PointingError: no record …"``. Empty unless the file failed.
    reason : str
        The condition of the recipe that this file does not meet. Empty unless the file was skipped.
    warnings : tuple of str
        Messages of the warnings that were issued while this file was processed.
    seconds : mapping of str to float
        Duration of each part in seconds: ``"read"``, the steps, ``"write"``, ``"quicklook"``, ``"pictures"``; in the
        order in which they ran.
    pointing : mapping of str to str
        The pointing record in the header of the output: ``"record"`` (MPO_REC), ``"source"`` (MPO_SRC), ``"start"``
        (MPO_TBEG), ``"hash"`` (MPO_HASH).
    input_hash, output_hash : str
        SHA-256 of the files, hexadecimal. Empty where it was not computed.
    before, after : bytes
        Thumbnails of input and output, WebP or JPEG.
    worker : str
        The process that processed the file: ``"host:pid"``.
    peak_memory : int
        The largest amount of memory, in bytes, that this process had used when the file was finished.
    quicklook : `~pathlib.Path`, optional
        The quick-look picture.
    traceback : str
        Traceback of an error that was not expected: raised inside a plugin, or not a `~aia_ccdproc.PrepError`. Empty
        for other errors, whose message explains them.
    full_traceback : str
        Traceback of any error, for ``aia-prep run --debug``. It is not in the reports.
    observation : mapping
        The exposure: ``"instrument"``, ``"channel"`` in angstrom, ``"time"`` (UTC), ``"exposure"`` in seconds,
        ``"quality"`` and ``"quality_names"``. Empty if the header was not read.
    geometry : mapping of str to mapping
        ``"input"``: the geometry of the input by its own header; ``"corrected"``: of the same pixels by the pointing
        record, if one was used; ``"output"``: of the output. Each has ``"sun_x"`` and ``"sun_y"``, the center of the
        Sun in pixels from 1, ``"roll"`` in degrees, ``"scale"`` in arcsec per pixel, and ``"size"`` in pixels.
    limb : mapping of str to float
        The limb that a step fitted in the pixels: ``"x"``, ``"y"`` and ``"radius"`` in arcsec, and their errors
        ``"x_error"``, ``"y_error"`` and ``"radius_error"``. Empty if no step did.
    """

    path: Path
    status: Status
    output: Path | None = None
    error: str = ""
    reason: str = ""
    warnings: tuple[str, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict, repr=False)
    pointing: Mapping[str, str] = field(default_factory=dict, repr=False)
    input_hash: str = field(default="", repr=False)
    output_hash: str = field(default="", repr=False)
    before: bytes = field(default=b"", repr=False)
    after: bytes = field(default=b"", repr=False)
    worker: str = field(default="", repr=False)
    peak_memory: int = field(default=0, repr=False)
    quicklook: Path | None = None
    traceback: str = field(default="", repr=False)
    full_traceback: str = field(default="", repr=False, compare=False)
    observation: Observation = field(default_factory=Observation, repr=False)
    geometry: Mapping[str, Geometry] = field(default_factory=dict, repr=False)
    limb: Mapping[str, float] = field(default_factory=dict, repr=False)


def failed_result(path: Path, error: BaseException) -> FileResult:
    """Make the result of a file that failed with an error.

    Parameters
    ----------
    path : `~pathlib.Path`
        The input.
    error : `BaseException`
        The error.

    Returns
    -------
    `FileResult`
        Its ``error`` is the class and the message. Its ``traceback`` is that of the error, or of the cause of a
        `~aia_ccdproc.PluginError`; it is empty for every other `~aia_ccdproc.PrepError`. Its ``full_traceback`` is
        that of the error in any case.
    """
    message = str(error)
    if isinstance(error, MemoryError) and not message:
        message = "not enough memory"
    unexpected: BaseException | None = error
    if isinstance(error, PluginError):
        unexpected = error.__cause__
    elif isinstance(error, PrepError):
        unexpected = None
    lines = [] if unexpected is None else tracebacks.format_exception(unexpected)
    return FileResult(
        path,
        "failed",
        error=f"{type(error).__name__}: {message}",
        traceback="".join(lines),
        full_traceback="".join(tracebacks.format_exception(error)),
    )


def format_rate(done: int, seconds: float) -> str:
    """Format the rate of a batch, as the terminal and the report show it.

    Parameters
    ----------
    done : int
        Number of files that were prepped.
    seconds : float
        Wall time of the batch.

    Returns
    -------
    str
        Files per second, three significant digits.
    """
    return f"{done / seconds if seconds > 0 else 0.0:.3g}"


@dataclass(frozen=True)
class BatchInfo:  # numpydoc ignore=PR02
    """Description of a batch as a whole.

    Parameters
    ----------
    recipe, digest : str
        Name and digest of the recipe.
    steps : tuple of (str, str, str or None)
        The recipe's steps: name, settings on one line, and the plugin that the recipe chooses, if any.
    versions : mapping of str to str
        Versions by distribution: python, aia-ccdproc, astropy, ccdproc, numpy, reproject, scipy, and the plugins.
    started : `~datetime.datetime`
        Time at which the batch started, UTC.
    seconds : float
        Duration of the batch in seconds of wall-clock time.
    jobs : int
        Number of workers.
    output_dir : `~pathlib.Path`
        Folder of the outputs.
    scheduler : str
        Address of the dask scheduler; empty if none was used.
    interrupted : bool
        Whether the batch was stopped before all files were processed.
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
