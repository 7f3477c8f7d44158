"""Reading an image from a FITS file, in every form in which JSOC delivers it."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

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

from aia_ccdproc.errors import HeaderError, InstrumentError, ReadError
from aia_ccdproc.images.repair import repair_header
from aia_ccdproc.images.wcs import wcs_from_header

__all__ = ["read", "read_header"]

#: A header that declares a larger image is damaged.
_MAX_PIXELS = 32768**2
#: Names of the extensions for mask and uncertainty.
_PLANES = ("MASK", "UNCERT")
#: Values of UTYPE, as astropy writes them.
_UNCERTAINTIES: dict[str, type[NDUncertainty]] = {
    "std": StdDevUncertainty,
    "StdDevUncertainty": StdDevUncertainty,
    "VarianceUncertainty": VarianceUncertainty,
    "InverseVariance": InverseVariance,
}


def read(
    path: str | os.PathLike[str], default_unit: Callable[[fits.Header], str], *, hdu: int | str | None = None
) -> CCDData:
    """Read an image from a FITS file: plain, tile-compressed or gzipped.

    Parameters
    ----------
    path : str or path-like
        The file; it is only read.
    default_unit : callable
        Function that returns the unit of the pixels if the header does not name one. It is called with the complete
        header.
    hdu : int or str, optional
        Number or name of the HDU; needed only if the file contains more than one image.

    Returns
    -------
    `~astropy.nddata.CCDData`
        The image as float32, shape ``(ny, nx)``. BSCALE, BZERO and BLANK are applied; pixels that are blank or not
        finite are masked. The unit is read from BUNIT or PIXLUNIT; if neither is a unit, it is the default. The header
        is complete, WCS keywords included. Cards that are not valid FITS are repaired: a string without its closing
        quote is kept, a bare ``nan`` becomes an empty value. Mask and uncertainty are read from the extensions MASK and
        UNCERT.

    Raises
    ------
    ReadError
        If the file cannot be read, is not FITS, is truncated, is damaged so that it cannot be decoded, or contains no
        image or several.
    HeaderError
        If the header has no celestial WCS.
    InstrumentError
        If ``default_unit`` does not know the instrument.
    """
    path = Path(path)
    with _open(path, hdu) as (hdus, image):
        header = repair_header(hdus, image)
        data = np.asarray(image.data)
        mask, uncertainty = _read_planes(hdus, image)
    data = data.astype(np.float32, copy=False)  # also converts to the native byte order
    try:
        unit = _unit(header, default_unit(header))
        wcs = wcs_from_header(header)
    except (HeaderError, InstrumentError) as error:
        raise type(error)(f"{path}: {error}") from error
    invalid = ~np.isfinite(data)
    if invalid.any():
        mask = invalid if mask is None else mask | invalid
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
    with _open(Path(path), hdu) as (hdus, image):
        return repair_header(hdus, image)


@contextmanager
def _open(path: Path, hdu: int | str | None) -> Iterator[tuple[fits.HDUList, Any]]:
    """Open a file and find its image. Every exception of astropy becomes a `ReadError`."""
    if path.exists() and not path.is_file():
        raise ReadError(f"{path}: is {'a folder' if path.is_dir() else 'not a regular file'}")
    try:
        with warnings.catch_warnings():
            # What astropy would warn of is repaired or reported here.
            warnings.simplefilter("ignore")
            # astropy does not close a file that it cannot parse, so the file is opened here.
            with path.open("rb") as stream, fits.open(stream, memmap=False, lazy_load_hdus=False) as hdus:
                _check_complete(path, hdus)
                yield hdus, _find_image(path, hdus, hdu)
    except ReadError:
        raise
    except FileNotFoundError:
        raise ReadError(f"{path}: no such file") from None
    except Exception as error:  # astropy and cfitsio raise many classes of exceptions for a damaged file
        raise ReadError(f"{path}: {_read_failure(path, error)}") from error


def _check_complete(path: Path, hdus: fits.HDUList) -> None:
    """Refuse a file that ends before its last HDU does. astropy only warns, and decoding gzip finds it by itself."""
    last = hdus[-1].fileinfo()
    size, needed = path.stat().st_size, last["datLoc"] + last["datSpan"]
    if size < needed and last["file"].compression is None:
        raise ReadError(f"{path}: is truncated: it has {size} bytes of {needed}. Download it again")


def _read_failure(path: Path, error: Exception) -> str:
    """Return why a file could not be read."""
    if isinstance(error, PermissionError):
        return "cannot be read: permission denied"
    if path.stat().st_size == 0:
        return "is empty"
    with path.open("rb") as stream:
        start = stream.read(9)
    if not start.startswith((b"SIMPLE  =", b"\x1f\x8b")):
        return "is not a FITS file"
    text = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return f"is damaged or truncated ({text}). Download it again"


def _is_image(hdu: Any) -> bool:
    return bool(hdu.is_image and hdu.header.get("NAXIS", 0) > 0)


def _find_image(path: Path, hdus: fits.HDUList, wanted: int | str | None) -> Any:
    """Return the HDU with the image. Refuse a file in which there is not exactly one, unless one is wanted."""
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
    if len(axes) != 2:
        raise ReadError(f"{path}: the image has {len(axes)} axes ({_axes(image)}), not 2")
    if not all(isinstance(n, int) and n > 1 for n in axes) or axes[0] * axes[1] > _MAX_PIXELS:
        raise ReadError(f"{path}: the size of the image, {_axes(image)} pixels, is not plausible")
    return image


def _axes(hdu: Any) -> str:
    return "x".join(str(hdu.header.get(f"NAXIS{i + 1}")) for i in range(hdu.header["NAXIS"]))


def _read_planes(hdus: fits.HDUList, image: Any) -> tuple[np.ndarray | None, NDUncertainty | None]:
    shape = (image.header["NAXIS2"], image.header["NAXIS1"])
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
            # ValueError: some headers have words instead, such as "Arbitrary intensity units".
            with warnings.catch_warnings(), suppress(ValueError):
                warnings.simplefilter("ignore", u.UnitsWarning)  # astropy warns of "DN/s/pixel", but reads it
                return u.Unit(text.strip())
    return u.Unit(default)
