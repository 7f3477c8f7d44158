"""Files of spikes, as JSOC writes them: where they are, and what is in them."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np
from astropy.io import fits

from aia_ccdproc import HeaderError, InstrumentError, ReadError, TableError
from aia_ccdproc.images import NamePattern, as_number, is_fits_name
from aia_ccdproc.tables import download_table
from aia_ccdproc_respike.jsoc import Exposure, series_of, urls_of

if TYPE_CHECKING:
    import drms

__all__ = ["FULL_FRAME", "Spikes", "SpikesFolder", "fetch_spikes", "find_spikes", "read_spikes"]

#: Rows and columns of the frame in which a file of spikes counts its pixels.
FULL_FRAME = (4096, 4096)
#: How an export from JSOC names the file of an image: by the slot of time of its record (T_REC), or by T_OBS.
_EXPORTED = "{series}.{{{time}:%Y-%m-%dT%H%M%S}}Z.{{WAVELNTH:d}}.spikes.fits"


@dataclass(frozen=True)
class Spikes:  # numpydoc ignore=PR02
    """What was taken out of an exposure, on the full frame.

    Parameters
    ----------
    pixel : `~numpy.ndarray`
        Flat indices into the full frame of 4096 x 4096 pixels, C order, each once; int, shape ``(n,)``.
    original : `~numpy.ndarray`
        What the pixels were, DN, shape ``(n,)``.
    replaced : `~numpy.ndarray` or None
        What was put in their place, DN, shape ``(n,)``; None where the file does not say.
    name : str
        Where they come from, for messages and the header.
    fsn : int or None
        Number of the exposure (FSN), where the file says it.
    """

    pixel: np.ndarray
    original: np.ndarray
    replaced: np.ndarray | None = None
    name: str = "spikes"
    fsn: int | None = None

    def __len__(self) -> int:
        return len(self.pixel)

    def inside(self, corner: tuple[int, int], shape: tuple[int, int]) -> tuple[tuple[np.ndarray, np.ndarray], Spikes]:
        """Choose the spikes that lie in a cutout.

        Parameters
        ----------
        corner : tuple of int
            Row and column of the full frame at which the cutout begins.
        shape : tuple of int
            Rows and columns of the cutout.

        Returns
        -------
        where : tuple of `~numpy.ndarray`
            Rows and columns of the cutout, to index it by.
        spikes : `Spikes`
            Those that fall inside.
        """
        row, column = np.unravel_index(self.pixel, FULL_FRAME)
        row, column = row - corner[0], column - corner[1]
        here = (row >= 0) & (row < shape[0]) & (column >= 0) & (column < shape[1])
        replaced = None if self.replaced is None else self.replaced[here]
        return (row[here], column[here]), Spikes(self.pixel[here], self.original[here], replaced, self.name, self.fsn)


def read_spikes(path: str | os.PathLike[str]) -> Spikes:
    """Read a file of spikes.

    Parameters
    ----------
    path : str or path-like
        A FITS file with one image of two or three rows: flat indices, original values and, in the third, the values
        that took their place.

    Returns
    -------
    `Spikes`
        What is in it.

    Raises
    ------
    ReadError
        If it is not there or cannot be read, or holds something else.
    """
    path = Path(path)
    if not path.exists():
        raise ReadError(f"{path}: no such file of spikes")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # cards that are not valid FITS are not asked for
            with fits.open(path, memmap=False) as hdus:
                image = next(hdu for hdu in hdus if hdu.is_image and hdu.header.get("NAXIS"))
                rows, fsn = np.asarray(image.data), as_number(image.header.get("FSN", hdus[0].header.get("FSN")))
    except StopIteration:
        raise ReadError(f"{path}: holds no spikes") from None
    except Exception as error:  # what astropy raises on a damaged file is no short list
        raise ReadError(f"{path}: cannot be read ({error})") from error
    if rows.ndim != 2 or len(rows) not in (2, 3) or rows.dtype.kind not in "iu":
        axes = "x".join(map(str, rows.shape[::-1]))
        raise ReadError(
            f"{path}: holds an image of {axes} pixels ({rows.dtype.name}); a file of spikes has two or three rows of "
            "integers: pixel, original value, value in its place"
        )
    rows = rows.astype(np.int64)
    if rows.size and not (rows[0].min() >= 0 and rows[0].max() < np.prod(FULL_FRAME)):
        raise ReadError(f"{path}: has pixels from {rows[0].min()} to {rows[0].max()}, which no full frame has")
    if np.unique(rows[0]).size != rows[0].size:
        raise ReadError(f"{path}: names a pixel twice")
    return Spikes(rows[0], rows[1], rows[2] if len(rows) == 3 else None, path.name, None if fsn is None else int(fsn))


class SpikesFolder(NamedTuple):
    """Where the files of spikes lie, and how they are named."""

    folder: Path
    pattern: NamePattern | None
    """None: as an export from JSOC names them."""

    @classmethod
    def of(cls, path: str | os.PathLike[str]) -> Self:
        """Understand the setting ``spikes``.

        Parameters
        ----------
        path : str or path-like
            A folder, or the name of a file in which keywords may stand.

        Returns
        -------
        `SpikesFolder`
            The folder, up to the first part with a keyword in it, and the rest.

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

    def paths(self, header: fits.Header) -> list[Path]:
        """Name the files that may be an image's.

        Parameters
        ----------
        header : `~astropy.io.fits.Header`
            Complete header of the image.

        Returns
        -------
        list of `~pathlib.Path`
            The files, the likeliest first.

        Raises
        ------
        HeaderError
            If the header lacks a keyword of the name.
        InstrumentError
            If no series of JSOC is known to have spikes of the channel.
        """
        if self.pattern:
            return [self.folder / self.pattern.fill("", header)]
        series = series_of(header)
        times = ["T_REC", "T_OBS"] if "T_OBS" in header else ["T_REC"]
        names = [NamePattern(_EXPORTED.format(series=series, time=time)).fill("", header) for time in times]
        return [self.folder / name for name in dict.fromkeys(names)]


def find_spikes(where: str | os.PathLike[str], header: fits.Header) -> Spikes:
    """Read the spikes of an image from the file that lies ready for it.

    Parameters
    ----------
    where : str or path-like
        The folder of an export from JSOC, or the name of a file, in which keywords of the header may stand:
        ``"spikes/{FSN}.fits"``.
    header : `~astropy.io.fits.Header`
        Complete header of the image.

    Returns
    -------
    `Spikes`
        Its spikes.

    Raises
    ------
    ReadError
        If the file is not there or holds something else.
    HeaderError
        If the header lacks a keyword of the name.
    InstrumentError
        If a folder is given, and no series of JSOC is known to have spikes of the channel.
    """
    paths = SpikesFolder.of(where).paths(header)
    path = next((path for path in paths if path.exists()), None)
    if path is None:
        others = "".join(f", nor {other.name}" for other in paths[1:])
        raise ReadError(f"{paths[0]}: no such file of spikes{others}{_where_else(header)}")
    return read_spikes(path)


def _where_else(header: fits.Header) -> str:
    try:
        return f'. Export the segment spikes of {Exposure.of(header, None).record} from JSOC, or set spikes = "jsoc"'
    except (HeaderError, InstrumentError):  # JSOC cannot be asked for it
        return ""


def fetch_spikes(header: fits.Header, *, server: str | drms.Client | None = None, timeout: float = 60.0) -> Spikes:
    """Fetch the spikes of an image from JSOC.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        Complete header of the image, with T_REC, WAVELNTH and FSN.
    server : str or `drms.Client`, optional
        Another DRMS server than JSOC: the base URL of its CGIs, under which ``jsoc_info`` lies, or a client.
    timeout : float
        Seconds after which to give up on the network, all tries together.

    Returns
    -------
    `Spikes`
        Its spikes.

    Raises
    ------
    InstrumentError
        If no series of JSOC is known to have spikes of the channel.
    TableError
        If JSOC does not answer in time, has no record of the image, or has its spikes on tape alone.
    ReadError
        If what came is no file of spikes.
    """
    exposure = Exposure.of(header, server)
    [url] = urls_of([exposure], server=server, timeout=timeout)
    if url is None:
        raise TableError(f"{exposure.record}: JSOC has no exposure FSN={exposure.fsn} there, of which the image is")
    if "://" not in url:
        raise TableError(
            f"{exposure.record}: the spikes are not online ({url!r}); export them to a folder, and set spikes to it"
        )
    spikes = read_spikes(download_table(url, timeout))
    return replace(spikes, name=f"{exposure.record}{{spikes}}", fsn=exposure.fsn)
