"""Writing an image to a FITS file that other software can read."""

from __future__ import annotations

import datetime
import errno
import gzip
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedIOBase, BytesIO
from pathlib import Path
from typing import Any, get_args

import numpy as np
from astropy.io import fits
from astropy.nddata import CCDData

from aia_ccdproc.errors import WriteError, pluralize, warn_user
from aia_ccdproc.images.card_filter import without_cards
from aia_ccdproc.images.cards import MAX_CARDS
from aia_ccdproc.images.compression import Compression
from aia_ccdproc.images.conventions import apply_conventions
from aia_ccdproc.images.files import atomic_write
from aia_ccdproc.images.fits_compressed import RICE_NOISE_DIVISOR, write_compressed
from aia_ccdproc.images.fits_hdu import Plane
from aia_ccdproc.images.fits_uncompressed import write_uncompressed
from aia_ccdproc.images.header import current_header
from aia_ccdproc.images.history import add_history
from aia_ccdproc.images.pixel_engine import NUMPY_ENGINE, PixelEngine
from aia_ccdproc.images.repair import image_cards, is_readable, repair_header
from aia_ccdproc.images.statistics import is_statistics_card, statistics_cards, summarize_image
from aia_ccdproc.images.units import unit_from_text
from aia_ccdproc.images.wcs_cards import remove_superseded
from aia_ccdproc.images.wcs_values import add_julian_dates, is_empty_wcs_card

__all__ = ["write"]

#: Maximum number of cards in the header of an image. The other headers of a file need less than the difference.
_MAX_IMAGE_CARDS = MAX_CARDS - 300


def write(
    ccd: CCDData,
    path: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    compression: Compression | None = "none",
    engine: PixelEngine = NUMPY_ENGINE,
) -> Path:
    """Write an image to a FITS file atomically.

    `aia_ccdproc.write` documents what is written.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        The image, shape ``(ny, nx)``; not changed.
    path : str or path-like
        The file to create.
    overwrite : bool
        Whether an existing file may be replaced.
    compression : {"none", "rice", "lossless"} or None
        Tile compression. None is the same as ``"none"``.
    engine : `PixelEngine`
        Loops over the pixels.

    Returns
    -------
    `~pathlib.Path`
        The file.

    Raises
    ------
    WriteError
        If the file already exists or cannot be written. No incomplete file remains.
    """
    path, compression = Path(path), compression or "none"
    if path.exists() and not overwrite:
        raise WriteError(f"{path}: already exists. Use overwrite=True to replace it")
    if compression not in get_args(Compression):
        known = ", ".join(map(repr, get_args(Compression)))
        raise WriteError(f"{path}: unknown compression {compression!r}; available: {known}")
    try:
        planes, notes = _planes(ccd, compression, engine)
        # No warnings about the user's own keywords, such as the HIERARCH cards of ccdproc.
        with atomic_write(path) as temporary, warnings.catch_warnings():
            warnings.simplefilter("ignore", fits.verify.VerifyWarning)
            with _open_output(temporary, path.name) as stream:
                if compression == "none":
                    write_uncompressed(stream, planes, engine)
                else:
                    write_compressed(stream, planes, compression, engine)
    except WriteError as error:
        raise WriteError(f"{path}: {error}") from None
    except (OSError, ValueError, fits.VerifyError) as error:
        raise WriteError(f"{path}: {_write_failure(path, error)}") from error
    if notes:
        warn_user(f"{path}: {'; '.join(notes)}")
    return path


@contextmanager
def _open_output(path: Path, name: str) -> Iterator[BufferedIOBase]:
    """Open a file for writing. If its name ends in ``.gz``, it is compressed at the end."""
    with path.open("wb") as stream:
        if path.suffix != ".gz":
            yield stream
            return
        content = BytesIO()
        yield content
        # The gzip header would contain the temporary name and the time.
        with gzip.GzipFile(name, "wb", fileobj=stream, mtime=0) as packed:
            packed.write(content.getbuffer())


def _write_failure(path: Path, error: Exception) -> str:
    """Return the reason why a file could not be written."""
    if not path.parent.is_dir():
        return f"the folder {path.parent} does not exist"
    code = getattr(error, "errno", None)
    # For a full disk astropy raises an OSError without errno, which only its message identifies.
    if code == errno.ENOSPC or "Not enough space" in str(error):
        return "the disk is full"
    if code in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"the folder {path.parent} is not writable"
    return f"cannot be written ({error})"


def _planes(ccd: CCDData, compression: Compression, engine: PixelEngine) -> tuple[list[Plane], list[str]]:
    """Make the planes of a file, and describe what had to be changed because FITS does not allow it."""
    data = _float32("image", ccd.data)
    mask = None if ccd.mask is None else np.broadcast_to(np.asarray(ccd.mask, dtype=bool), data.shape)
    summary = summarize_image(data, mask, engine)
    header, notes = _output_header(ccd, statistics_cards(data, mask, summary))
    if summary.infinite:
        data = _without_infinities(data)
        count = pluralize(summary.infinite, "pixel")
        notes.append(f"{count} written as NaN: infinite or too large for float32")
    if compression == "rice":
        add_history(header, f"write: RICE_1, values rounded to 1/{RICE_NOISE_DIVISOR} of the noise of their row")
    planes = [Plane(data, header)]
    # If as many pixels are masked as are NaN, and as are one or the other, then the mask is restored from the NaNs.
    if mask is not None and not np.count_nonzero(mask) == summary.not_finite == data.size - summary.count:
        planes.append(Plane(mask.astype(np.uint8), fits.Header(), "MASK"))
    if ccd.uncertainty is not None:
        if np.shape(ccd.uncertainty.array) != data.shape:
            raise WriteError(f"the uncertainty has shape {np.shape(ccd.uncertainty.array)}, the image {data.shape}")
        kind = fits.Header({"UTYPE": type(ccd.uncertainty).__name__})
        planes.append(Plane(_without_infinities(_float32("uncertainty", ccd.uncertainty.array)), kind, "UNCERT"))
    if ccd.psf is not None:
        planes.append(Plane(_without_infinities(_float32("PSF", ccd.psf)), fits.Header(), "PSFIMAGE"))
    return planes, notes


def _float32(name: str, values: Any) -> np.ndarray:
    """Convert a plane to float32. Values that are too large become infinite."""
    if np.ndim(values) != 2 or not np.size(values) or np.iscomplexobj(values):
        kind = f"shape {np.shape(values)} and type {np.asarray(values).dtype}"
        raise WriteError(f"the {name} has {kind}. Real numbers on two axes are needed")
    with np.errstate(over="ignore", invalid="ignore"):
        return np.ascontiguousarray(values, dtype=np.float32)


def _without_infinities(data: np.ndarray) -> np.ndarray:
    """Replace infinite values by NaN."""
    infinite = np.isinf(data)
    return np.where(infinite, np.float32(np.nan), data) if infinite.any() else data


def _output_header(ccd: CCDData, statistics: fits.Header) -> tuple[fits.Header, list[str]]:
    """Make the header of the image, and describe the cards that had to be changed."""
    header = current_header(ccd)
    remove_superseded(header)
    header = image_cards(header, is_statistics_card)
    unit = ccd.unit.to_string()
    if unit_from_text(unit) is None:
        raise WriteError(f"the unit {unit!r} cannot be read from a FITS header. Convert the image to another unit")
    header["BUNIT"] = (unit, "Unit of the pixels")
    header.update(statistics)
    header["DATE"] = (
        datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S"),
        "[ISO] Date_time of processing; ISO 8601",
    )
    header, problem = repair_header(header)
    if problem is None and isinstance(ccd.header, fits.Header) and not is_readable(ccd.header):
        problem = repair_header(ccd.header)[1]  # by current_header
    notes = [] if problem is None else [problem]
    removed = apply_conventions(header)
    if removed:
        notes.append(f"cards that are not valid in a WCS: {', '.join(removed)} left out")
    header = without_cards(header, is_empty_wcs_card, share=True)
    add_julian_dates(header)
    if len(header) > _MAX_IMAGE_CARDS:
        raise WriteError(
            f"the header has {len(header)} cards; {_MAX_IMAGE_CARDS} are allowed. Remove cards such as HISTORY"
        )
    return header, notes
