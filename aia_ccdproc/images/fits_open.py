"""Opening a FITS file, and finding its image."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from astropy.io import fits

from aia_ccdproc.errors import ReadError
from aia_ccdproc.images.fits_blocks import open_repaired

__all__ = ["MAX_PIXELS", "PLANES", "OpenedFile", "image_shape", "is_image", "open_fits", "open_image"]

#: A header that declares a larger image is damaged: eight times the pixels of a full frame.
MAX_PIXELS = 2**27
#: Names of the extensions for mask, uncertainty and PSF.
PLANES = ("MASK", "UNCERT", "PSFIMAGE")


class OpenedFile(NamedTuple):
    """A file that is open, and its image."""

    hdus: fits.HDUList
    image: Any
    """HDU of the image."""
    problems: list[str]
    """What was repaired in the headers."""


@contextmanager
def open_fits(path: str | os.PathLike[str]) -> Iterator[fits.HDUList]:
    """Open a FITS file whose headers are repaired and whose size is limited, without astropy's warnings.

    Parameters
    ----------
    path : str or path-like
        The file, plain or compressed with gzip, bzip2 or xz.

    Yields
    ------
    `~astropy.io.fits.HDUList`
        The open file.

    Raises
    ------
    ReadError
        If the file cannot be read, is damaged, or unpacks to more than 512 MiB or than its headers say. Every exception
        of astropy becomes one, also those of the block.
    """
    with _open(Path(path)) as (hdus, _):
        yield hdus


@contextmanager
def open_image(path: Path, hdu: int | str | None) -> Iterator[OpenedFile]:
    """Open a file and find its image.

    Parameters
    ----------
    path : `~pathlib.Path`
        The file.
    hdu : int, str or None
        Number or name of the HDU; None if the file contains only one image.

    Yields
    ------
    `OpenedFile`
        The open file. Its image has two axes, and further ones of length 1.

    Raises
    ------
    ReadError
        As by `open_fits`; also if the file contains no image or several.
    """
    with _open(path) as (hdus, problems):
        yield OpenedFile(hdus, _find_image(path, hdus, hdu), problems)


@contextmanager
def _open(path: Path) -> Iterator[tuple[fits.HDUList, list[str]]]:
    """Open a file as `open_fits`, and describe what was repaired."""
    if path.exists() and not path.is_file():
        raise ReadError(f"{path}: is {'a folder' if path.is_dir() else 'not a regular file'}")
    try:
        with warnings.catch_warnings():
            # What astropy would warn of is repaired or reported here.
            warnings.simplefilter("ignore")
            # astropy does not close a file that it cannot parse, so the file is opened here.
            with (
                open_repaired(path) as (stream, problems),
                fits.open(stream, memmap=False, lazy_load_hdus=False) as hdus,
            ):
                yield hdus, problems
    except ReadError:
        raise
    except FileNotFoundError:
        raise ReadError(f"{path}: no such file") from None
    except Exception as error:  # astropy and cfitsio raise many classes of exceptions for a damaged file
        raise ReadError(f"{path}: {_read_failure(path, error)}") from error


def _read_failure(path: Path, error: Exception) -> str:
    """Return the reason why a file could not be read."""
    if isinstance(error, PermissionError):
        return "cannot be read: permission denied"
    if isinstance(error, MemoryError):
        return "cannot be read: not enough memory"
    text = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return f"is damaged or truncated ({text}). Download it again"


def is_image(hdu: Any) -> bool:
    """Check whether an HDU contains an image.

    Parameters
    ----------
    hdu : astropy HDU
        The HDU.

    Returns
    -------
    bool
        True if it is an image, compressed or not, with at least one axis.
    """
    return bool(hdu.is_image and hdu.header.get("NAXIS", 0) > 0)


def _find_image(path: Path, hdus: fits.HDUList, wanted: int | str | None) -> Any:
    """Return the wanted HDU, or the only image of the file. Refuse a file that does not have it."""
    images = [hdu for hdu in hdus if is_image(hdu) and hdu.name not in PLANES]
    if wanted is not None:
        try:
            image = hdus[wanted]
        except (KeyError, IndexError):
            raise ReadError(f"{path}: has no HDU {wanted!r}; it has {len(hdus)} HDUs") from None
        if not is_image(image):
            raise ReadError(f"{path}: HDU {wanted!r} contains no image")
    elif not images:
        raise ReadError(f"{path}: contains no image")
    elif len(images) > 1:
        found = ", ".join(f"{hdus.index(hdu)} ({hdu.name or 'unnamed'}, {_axes(hdu)})" for hdu in images)
        raise ReadError(f"{path}: contains {len(images)} images: HDU {found}. Choose one with hdu=")
    else:
        image = images[0]
    axes = [image.header.get(f"NAXIS{i + 1}") for i in range(image.header["NAXIS"])]
    while len(axes) > 2 and axes[-1] == 1:
        axes.pop()
    if len(axes) != 2:
        raise ReadError(f"{path}: the image has {len(axes)} axes ({_axes(image)}), not 2")
    if not all(isinstance(n, int) and n > 1 for n in axes) or axes[0] * axes[1] > MAX_PIXELS:
        raise ReadError(f"{path}: the size of the image, {_axes(image)} pixels, is not plausible")
    return image


def _axes(hdu: Any) -> str:
    return "x".join(str(hdu.header.get(f"NAXIS{i + 1}")) for i in range(hdu.header["NAXIS"]))


def image_shape(image: Any) -> tuple[int, int]:
    """Return the shape of an image without further axes.

    Parameters
    ----------
    image : astropy HDU
        HDU of the image. Its third and later axes have the length 1.

    Returns
    -------
    tuple of int
        Rows and columns.
    """
    return (image.header["NAXIS2"], image.header["NAXIS1"])
