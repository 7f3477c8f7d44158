"""Functions that read, find and fetch spikes files of JSOC."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

from aia_ccdproc import HeaderError, InstrumentError, PrepError, ReadError, TableError
from aia_ccdproc.images import NamePattern, as_number, is_fits_name, open_fits
from aia_ccdproc.tables import QueryError, download_table
from aia_ccdproc_respike.jsoc import FILE_ADVICE, JsocExposure, find_urls, spikes_series

if TYPE_CHECKING:
    import drms
    from astropy.io import fits

__all__ = ["FULL_FRAME", "Spikes", "SpikesLocation", "fetch_spikes", "find_spikes", "read_spikes"]

#: Rows and columns of the frame to which the pixel indices of a spikes file refer.
FULL_FRAME = (4096, 4096)
#: Name of a spikes file in an export from JSOC. The time is that of the record (T_REC) or of the exposure (T_OBS).
_EXPORT_NAME = "{series}.{{{time}:%Y-%m-%dT%H%M%S}}Z.{{WAVELNTH:d}}.spikes.fits"


@dataclass(frozen=True)
class Spikes:  # numpydoc ignore=PR02
    """The spikes of an exposure, which JSOC removed from the full frame.

    Parameters
    ----------
    pixel : `~numpy.ndarray`
        Flat indices into the full frame of 4096 × 4096 pixels in C order, without repetition; int, shape ``(n,)``.
    original : `~numpy.ndarray`
        Original values of the pixels in DN, shape ``(n,)``.
    replaced : `~numpy.ndarray` or None
        Values that replaced them in DN, shape ``(n,)``; None if the file does not contain them.
    name : str
        Name of the source, for messages and the header.
    fsn : int or None
        Number of the exposure (FSN); None if the file does not contain it.
    """

    pixel: np.ndarray
    original: np.ndarray
    replaced: np.ndarray | None = None
    name: str = "spikes"
    fsn: int | None = None

    def __len__(self) -> int:
        return len(self.pixel)

    def inside(self, corner: tuple[int, int], shape: tuple[int, int]) -> tuple[tuple[np.ndarray, np.ndarray], Spikes]:
        """Select the spikes in a cutout.

        Parameters
        ----------
        corner : tuple of int
            Row and column of the full frame at which the cutout starts.
        shape : tuple of int
            Rows and columns of the cutout.

        Returns
        -------
        where : tuple of `~numpy.ndarray`
            Rows and columns of the spikes in the cutout, as an index of its pixels.
        spikes : `Spikes`
            These spikes.
        """
        row, column = np.unravel_index(self.pixel, FULL_FRAME)
        row, column = row - corner[0], column - corner[1]
        inside = (row >= 0) & (row < shape[0]) & (column >= 0) & (column < shape[1])
        replaced = None if self.replaced is None else self.replaced[inside]
        spikes = Spikes(self.pixel[inside], self.original[inside], replaced, self.name, self.fsn)
        return (row[inside], column[inside]), spikes


def read_spikes(path: str | os.PathLike[str]) -> Spikes:
    """Read a spikes file.

    Parameters
    ----------
    path : str or path-like
        FITS file with one image of two or three rows: flat indices, original values and, optionally, the values that
        replaced them.

    Returns
    -------
    `Spikes`
        The spikes.

    Raises
    ------
    ReadError
        If the file does not exist, cannot be read, or is not a spikes file.
    """
    path = Path(path)
    rows, fsn = _read_rows(path)
    if rows.ndim != 2 or len(rows) not in (2, 3) or rows.dtype.kind not in "iu":
        axes = "x".join(map(str, rows.shape[::-1]))
        raise ReadError(
            f"{path}: not a spikes file: the image has {axes} pixels ({rows.dtype.name}), not two or three rows of "
            "integers (pixel, original value, value that replaced it)"
        )
    rows = rows.astype(np.int64)
    last = math.prod(FULL_FRAME) - 1
    if rows.size and not (rows[0].min() >= 0 and rows[0].max() <= last):
        raise ReadError(
            f"{path}: not a spikes file: pixels from {rows[0].min()} to {rows[0].max()}; a full frame has 0 to {last}"
        )
    if np.unique(rows[0]).size != rows[0].size:
        raise ReadError(f"{path}: not a spikes file: a pixel occurs twice")
    return Spikes(rows[0], rows[1], rows[2] if len(rows) == 3 else None, path.name, fsn)


def _read_rows(path: Path) -> tuple[np.ndarray, int | None]:
    """Return the image of a spikes file, and FSN if the file contains it."""
    if not path.exists():
        raise ReadError(f"{path}: no such spikes file")
    with open_fits(path) as hdus:
        image = next((hdu for hdu in hdus if hdu.is_image and hdu.header.get("NAXIS")), None)
        if image is None:
            raise ReadError(f"{path}: not a spikes file: it contains no image")
        fsn = as_number(image.header.get("FSN", hdus[0].header.get("FSN")))
        return np.asarray(image.data), None if fsn is None else int(fsn)


class SpikesLocation(NamedTuple):
    """Folder and names of the spikes files of images."""

    folder: Path
    pattern: NamePattern | None
    """Pattern of the names; None for the names in an export from JSOC."""

    @classmethod
    def from_path(cls, path: str | os.PathLike[str]) -> Self:
        """Interpret the path in the setting ``spikes``.

        Parameters
        ----------
        path : str or path-like
            A folder, or the path of a file, which may contain keywords of the header.

        Returns
        -------
        `SpikesLocation`
            The folder up to the first part that contains a keyword, and the rest as a pattern.

        Raises
        ------
        SettingsError
            If a keyword is malformed.
        """
        path = Path(path)
        parts = path.parts
        first = next((i for i, part in enumerate(parts) if "{" in part), len(parts))
        if first == len(parts):
            return cls(path.parent, NamePattern(path.name)) if is_fits_name(path) else cls(path, None)
        return cls(Path(*parts[:first]), NamePattern("/".join(parts[first:])))

    def candidates(self, header: fits.Header) -> list[Path]:
        """Return the paths that the spikes file of an image may have.

        Parameters
        ----------
        header : `~astropy.io.fits.Header`
            Complete header of the image.

        Returns
        -------
        list of `~pathlib.Path`
            The paths, the most likely one first.

        Raises
        ------
        HeaderError
            If the header lacks a keyword of the name.
        InstrumentError
            If no series with spikes of the channel is known.
        """
        if self.pattern:
            return [self.folder / self.pattern.fill("", header)]
        series = spikes_series(header)
        times = ["T_REC", "T_OBS"] if "T_OBS" in header else ["T_REC"]
        names = [NamePattern(_EXPORT_NAME.format(series=series, time=time)).fill("", header) for time in times]
        return [self.folder / name for name in dict.fromkeys(names)]


def find_spikes(location: str | os.PathLike[str], header: fits.Header) -> Spikes:
    """Find and read the spikes file of an image.

    Parameters
    ----------
    location : str or path-like
        The folder of an export from JSOC, or the path of a file, which may contain keywords of the header:
        ``"spikes/{FSN}.fits"``.
    header : `~astropy.io.fits.Header`
        Complete header of the image.

    Returns
    -------
    `Spikes`
        The spikes of the image.

    Raises
    ------
    ReadError
        If the file does not exist or is not a spikes file.
    HeaderError
        If the header lacks a keyword of the name.
    InstrumentError
        If a folder is given, and no series with spikes of the channel is known.
    """
    paths = SpikesLocation.from_path(location).candidates(header)
    path = next((path for path in paths if path.exists()), None)
    if path is None:
        others = "".join(f", nor {other.name}" for other in paths[1:])
        raise ReadError(f"{paths[0]}: no such spikes file{others}{_jsoc_hint(header)}")
    return read_spikes(path)


def _jsoc_hint(header: fits.Header) -> str:
    """Return the end of an error message: how to get the file from JSOC, if JSOC has it."""
    try:
        record = JsocExposure.from_header(header, None).record_name
    except (HeaderError, InstrumentError):
        return ""
    return f'. Export the segment spikes of {record} from JSOC, or set spikes = "jsoc"'


def fetch_spikes(header: fits.Header, *, server: str | drms.Client | None = None, timeout: float = 60.0) -> Spikes:
    """Fetch the spikes of an image from JSOC.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        Complete header of the image, with T_REC, WAVELNTH and FSN.
    server : str or `drms.Client`, optional
        DRMS server that is queried instead of JSOC: the base URL of its CGIs, or a client.
    timeout : float
        Time limit in seconds for a network request, retries included.

    Returns
    -------
    `Spikes`
        The spikes of the image.

    Raises
    ------
    InstrumentError
        If no series with spikes of the channel is known.
    TableError
        If JSOC does not answer in time, has no record of the image, or has its spikes only on tape.
    ReadError
        If the downloaded file is not a spikes file.
    """
    exposure = JsocExposure.from_header(header, server)
    [url] = find_urls([exposure], server=server, timeout=timeout)
    if url is None:
        raise TableError(
            f"JSOC has no record {exposure.record_name} of the exposure FSN={exposure.fsn} of the image. Name its "
            "spikes file in the setting spikes"
        )
    if "://" not in url:
        raise TableError(
            f"the spikes of {exposure.record_name} are not online ({url!r}). Export them to a folder, and name the "
            "folder in the setting spikes"
        )
    try:
        spikes = download_table(url, _read_download, timeout)
    except QueryError as error:
        raise error.reworded(f"the spikes of {exposure.record_name} at {error.what}", FILE_ADVICE) from None
    return replace(spikes, name=f"{exposure.record_name}{{spikes}}", fsn=exposure.fsn)


def _read_download(path: Path, name: str) -> Spikes:
    try:
        return read_spikes(path)
    except PrepError as error:
        raise type(error)(str(error).replace(str(path), name)) from None
