"""Reading an image from a FITS file, in every form in which JSOC delivers it."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.nddata import (
    CCDData,
    InverseVariance,
    NDUncertainty,
    StdDevUncertainty,
    VarianceUncertainty,
)

from aia_ccdproc.errors import HeaderError, InstrumentError, PrepWarning, ReadError
from aia_ccdproc.images.conventions import apply_conventions, guess_unit, without_flat_axes
from aia_ccdproc.images.fits_blocks import open_repaired
from aia_ccdproc.images.pixel_engine import NUMPY_ENGINE, PixelEngine
from aia_ccdproc.images.repair import without_structure
from aia_ccdproc.images.wcs import wcs_from_header

__all__ = ["read", "read_header"]

#: A header that declares a larger image is damaged: eight times the pixels of a full frame.
_MAX_PIXELS = 2**27
#: Names of the extensions for mask and uncertainty.
_PLANES = ("MASK", "UNCERT")
#: Values of UTYPE, as astropy writes them.
_UNCERTAINTIES: dict[str, type[NDUncertainty]] = {
    "std": StdDevUncertainty,
    "StdDevUncertainty": StdDevUncertainty,
    "VarianceUncertainty": VarianceUncertainty,
    "InverseVariance": InverseVariance,
}


class InstrumentLike(Protocol):
    """The properties of an instrument that are needed to read an image."""

    @property
    def unit(self) -> str:
        """Unit of the pixels if the header does not name one."""

    @property
    def plate_scale(self) -> float:
        """Plate scale of an unbinned pixel, in arcsec."""


def read(
    path: str | os.PathLike[str],
    identify: Callable[[fits.Header], InstrumentLike],
    *,
    hdu: int | str | None = None,
    engine: PixelEngine = NUMPY_ENGINE,
) -> CCDData:
    """Read an image from a FITS file: plain, tile-compressed or gzipped.

    Parameters
    ----------
    path : str or path-like
        The file; it is only read.
    identify : callable
        Function that returns the instrument. It is called with the complete header.
    hdu : int or str, optional
        Number or name of the HDU; needed only if the file contains more than one image.
    engine : `PixelEngine`
        Loops over the pixels.

    Returns
    -------
    `~astropy.nddata.CCDData`
        The image as float32, shape ``(ny, nx)``. BSCALE, BZERO and BLANK are applied; pixels that are blank or not
        finite are masked. The unit is read from BUNIT or PIXLUNIT; if neither is a unit, it is that of the instrument.
        The header is complete, WCS keywords included. Cards that are not valid FITS are repaired or left out. Mask and
        uncertainty are read from the extensions MASK and UNCERT.

    Raises
    ------
    ReadError
        If the file cannot be read, is not FITS, is truncated, is damaged so that it cannot be decoded, or contains no
        image or several.
    HeaderError
        If the header has no celestial WCS.
    InstrumentError
        If ``identify`` does not know the instrument.

    Warns
    -----
    PrepWarning
        If cards were repaired or left out, if CUNIT was missing, or if pixels are infinite or too large for float32.
    """
    path = Path(path)
    with _open(path, hdu) as opened:
        header, notes = _complete_header(opened)
        data = np.asarray(opened.image.data).reshape(_shape(opened.image))
        mask, uncertainty = _read_planes(opened.hdus, opened.image)
    with np.errstate(over="ignore", invalid="ignore"):
        data = data.astype(np.float32, copy=False)  # also converts to the native byte order
    try:
        instrument = identify(header)
        assumed = guess_unit(header, instrument.plate_scale)
        unit = _unit(header, instrument.unit)
        wcs = wcs_from_header(header)
    except (HeaderError, InstrumentError) as error:
        raise type(error)(f"{path}: {error}") from error
    if assumed is not None:
        notes.append(assumed)
    invalid = ~np.isfinite(data)
    if invalid.any():
        mask = invalid if mask is None else mask | invalid
        infinite = np.isinf(data)
        if infinite.any():
            data = np.where(infinite, np.float32(np.nan), data)
            notes.append(f"{np.count_nonzero(infinite)} pixels are infinite or too large for float32, and are masked")
    if notes:
        warnings.warn(f"{path}: {'; '.join(notes)}", PrepWarning, stacklevel=3)
    return CCDData(data, unit=unit, mask=mask, uncertainty=uncertainty, header=header, wcs=wcs)


def read_header(path: str | os.PathLike[str], *, hdu: int | str | None = None) -> fits.Header:
    """Read the header of an image as `read` does, without its pixels.

    Parameters
    ----------
    path : str or path-like
        The file.
    hdu : int or str, optional
        As in `read`.

    Returns
    -------
    `~astropy.io.fits.Header`
        The complete header.

    Raises
    ------
    ReadError
        If the file cannot be read, is not FITS, is truncated, or contains no image or several.
    """
    with _open(Path(path), hdu) as opened:
        return _complete_header(opened)[0]


class _Opened(NamedTuple):
    """A file that is open, and its image."""

    hdus: fits.HDUList
    image: Any
    problems: list[str]
    """What was repaired in the headers."""


def _complete_header(opened: _Opened) -> tuple[fits.Header, list[str]]:
    """Return the header of an image with the cards of the primary HDU, and a list of the changes to it."""
    header = opened.image.header.copy()
    if opened.image is not opened.hdus[0]:
        header.extend(opened.hdus[0].header, unique=True, strip=True)
    header = without_flat_axes(without_structure(header))
    removed = apply_conventions(header)
    notes = list(dict.fromkeys(opened.problems))
    if removed:
        notes.append(f"cards that are not valid in a WCS: {', '.join(removed)} left out")
    return header, notes


@contextmanager
def _open(path: Path, hdu: int | str | None) -> Iterator[_Opened]:
    """Open a file and find its image. Every exception of astropy becomes a `ReadError`."""
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
                yield _Opened(hdus, _find_image(path, hdus, hdu), problems)
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


def _is_image(hdu: Any) -> bool:
    return bool(hdu.is_image and hdu.header.get("NAXIS", 0) > 0)


def _find_image(path: Path, hdus: fits.HDUList, wanted: int | str | None) -> Any:
    """Return the wanted HDU, or the only image of the file. Refuse a file that does not have it."""
    images = [hdu for hdu in hdus if _is_image(hdu) and hdu.name not in _PLANES]
    if wanted is not None:
        try:
            image = hdus[wanted]
        except (KeyError, IndexError):
            raise ReadError(f"{path}: has no HDU {wanted!r}; it has {len(hdus)} HDUs") from None
        if not _is_image(image):
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
    if not all(isinstance(n, int) and n > 1 for n in axes) or axes[0] * axes[1] > _MAX_PIXELS:
        raise ReadError(f"{path}: the size of the image, {_axes(image)} pixels, is not plausible")
    return image


def _axes(hdu: Any) -> str:
    return "x".join(str(hdu.header.get(f"NAXIS{i + 1}")) for i in range(hdu.header["NAXIS"]))


def _shape(image: Any) -> tuple[int, int]:
    """Return rows and columns of an image; further axes have the length 1."""
    return (image.header["NAXIS2"], image.header["NAXIS1"])


def _read_planes(hdus: fits.HDUList, image: Any) -> tuple[np.ndarray | None, NDUncertainty | None]:
    shape = _shape(image)
    found = {name: hdus[name] for name in _PLANES if name in hdus and hdus[name].shape == shape}
    mask = found["MASK"].data.astype(bool) if "MASK" in found else None
    if "UNCERT" not in found:
        return mask, None
    kind = _UNCERTAINTIES.get(found["UNCERT"].header.get("UTYPE", "std"), StdDevUncertainty)
    return mask, kind(found["UNCERT"].data.astype(np.float32))


def _unit(header: fits.Header, default: str) -> u.UnitBase:
    for keyword in ("BUNIT", "PIXLUNIT"):
        text = header.get(keyword)
        if isinstance(text, str) and text.strip():
            # ValueError: some headers contain a description instead, such as "Arbitrary intensity units".
            with warnings.catch_warnings(), suppress(ValueError):
                warnings.simplefilter("ignore", u.UnitsWarning)  # astropy warns of "DN/s/pixel", but reads it
                return u.Unit(text.strip())
    return u.Unit(default)
