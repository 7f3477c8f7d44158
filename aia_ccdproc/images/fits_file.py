"""Reading level-1 FITS files as JSOC writes them, and writing level 1.5 so that others can read it."""

from __future__ import annotations

import datetime
import errno
import gzip
import os
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal, TypeAlias

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

from aia_ccdproc.errors import HeaderError, InstrumentError, ReadError, WriteError
from aia_ccdproc.images.files import atomic_write
from aia_ccdproc.images.header import complete_header, fits_header
from aia_ccdproc.images.history import add_history
from aia_ccdproc.images.repair import repair_header, without_structure
from aia_ccdproc.images.statistics import image_statistics, without_statistics
from aia_ccdproc.images.wcs import wcs_from_header, without_wcs

__all__ = ["Compression", "read", "read_header", "write"]

Compression: TypeAlias = Literal["rice", "lossless"]

#: Larger images than this many pixels are taken for a damaged header.
_MOST_PIXELS = 32768**2
#: RICE: floating-point values are rounded to this fraction of a tile's noise.
RICE_NOISE_FRACTION = 16

_PLANES = ("MASK", "UNCERT")
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
        The file. It is only read.
    default_unit : callable
        Is called with the complete header; returns the unit of pixels for which the header names none.
    hdu : int or str, optional
        Number or name of the HDU; needed only where a file holds more than one image.
    Returns
    -------
    `~astropy.nddata.CCDData`
        The image as float32, shape ``(ny, nx)``, BSCALE, BZERO and BLANK applied; pixels that are blank
        or NaN are NaN and masked. The unit is BUNIT's, PIXLUNIT's, or the default. The header is
        complete, WCS keywords included; cards that are not valid FITS are mended: a text without its
        closing quote is kept, a bare ``nan`` becomes an empty value. MASK and UNCERT
        extensions are read back.

    Raises
    ------
    ReadError
        If the file cannot be read, is not FITS, is cut off, is damaged so that it cannot be decoded, or holds no
        or several images.
    HeaderError
        If the header has no celestial WCS.
    """
    path = Path(path)
    with _open(path, hdu) as (hdus, image):
        header = repair_header(hdus, image)
        data = np.asarray(image.data)
        mask, uncertainty = _read_planes(hdus, image)
    data = data.astype(np.float32, copy=False)  # in native order, whatever FITS had
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
    """Read the header of an image, as `read` would, and not its pixels.

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
        If the file cannot be read, is not FITS, is cut off, or holds no or several images.
    """
    with _open(Path(path), hdu) as (hdus, image):
        return repair_header(hdus, image)


@contextmanager
def _open(path: Path, hdu: int | str | None) -> Iterator[tuple[fits.HDUList, Any]]:
    """Open a file and find its image; whatever astropy says of it becomes a `ReadError`."""
    if path.exists() and not path.is_file():
        raise ReadError(f"{path}: is {'a folder' if path.is_dir() else 'no regular file'}")
    try:
        # Verification is ours: what astropy would warn of is mended or reported.
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            # Opened here, for astropy does not close what it cannot parse.
            with path.open("rb") as stream, fits.open(stream, memmap=False, lazy_load_hdus=False) as hdus:
                _refuse_truncated(path, caught)
                yield hdus, _find_image(path, hdus, hdu)
            _refuse_truncated(path, caught)
    except ReadError:
        raise
    except FileNotFoundError:
        raise ReadError(f"{path}: no such file") from None
    except Exception as error:  # what astropy and cfitsio raise on a damaged file is no short list
        raise ReadError(f"{path}: {_why_unreadable(path, error)}") from error


def _refuse_truncated(path: Path, caught: list[warnings.WarningMessage]) -> None:
    for warning in caught:
        if "truncated:" in str(warning.message):
            sizes = re.findall(r"\d+", str(warning.message).replace(str(path), ""))
            raise ReadError(f"{path}: cut off: the file has {sizes[0]} bytes of {sizes[1]}")


def _why_unreadable(path: Path, error: Exception) -> str:
    if isinstance(error, PermissionError):
        return "may not be read (permission denied)"
    if path.stat().st_size == 0:
        return "is empty"
    text = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    with path.open("rb") as stream:
        start = stream.read(9)
    if not start.startswith((b"SIMPLE  =", b"\x1f\x8b")):
        return "is not a FITS file"
    return f"is damaged or cut off ({text})"


def _is_image(hdu: Any) -> bool:
    return hdu.is_image and hdu.header.get("NAXIS", 0) > 0


def _find_image(path: Path, hdus: fits.HDUList, wanted: int | str | None) -> Any:
    images = [hdu for hdu in hdus if _is_image(hdu) and hdu.name not in _PLANES]
    if wanted is not None:
        try:
            image = hdus[wanted]
        except (KeyError, IndexError):
            raise ReadError(f"{path}: no HDU {wanted!r}; there are {len(hdus)}") from None
        if not _is_image(image):
            raise ReadError(f"{path}: HDU {wanted!r} holds no image")
    elif not images:
        raise ReadError(f"{path}: holds no image")
    elif len(images) > 1:
        which = ", ".join(f"{hdus.index(hdu)} ({hdu.name or 'unnamed'}, {_axes(hdu)})" for hdu in images)
        raise ReadError(f"{path}: holds {len(images)} images: HDU {which}; say which: hdu=")
    else:
        image = images[0]
    axes = [image.header.get(f"NAXIS{i + 1}") for i in range(image.header["NAXIS"])]
    if len(axes) != 2:
        raise ReadError(f"{path}: the image has {len(axes)} axes ({_axes(image)}), not 2")
    if not all(isinstance(n, int) and n > 1 for n in axes) or axes[0] * axes[1] > _MOST_PIXELS:
        raise ReadError(f"{path}: an image of {_axes(image)} pixels makes no sense")
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
            with warnings.catch_warnings(), suppress(ValueError):  # words: "Arbitrary intensity units"
                warnings.simplefilter("ignore", u.UnitsWarning)  # "DN/s/pixel" is understood
                return u.Unit(text.strip())
    return u.Unit(default)


# -- writing -------------------------------------------------------------------------------------


def write(
    ccd: CCDData,
    path: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    compression: Compression | None = None,
) -> Path:
    """Write an image to a FITS file, whole or not at all.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        The image, shape ``(ny, nx)``; not changed.
    path : str or path-like
        The file to make. It is written under a temporary name in the same folder and then renamed. A name that
        ends in ``.gz`` is gzipped.
    overwrite : bool
        Whether a file that is there already may be replaced.
    compression : {"rice", "lossless"}, optional
        Tile compression. ``"rice"``: RICE_1, values rounded to 1/16 of the noise of their row,
        with subtractive dithering. ``"lossless"``: GZIP_2, every float32 bit kept
        (and, as gzip has it, the time of writing). By default none, and the image is
        in the primary HDU; a compressed one is in extension 1.

    Returns
    -------
    `~pathlib.Path`
        The file.

    Raises
    ------
    WriteError
        If the file is there already, or cannot be written. Nothing is left behind.

    Notes
    -----
    Pixels are float32; mask and uncertainty go to extensions MASK and UNCERT, as astropy's ``CCDData.read``
    expects them. A mask that is True just where the pixels are NaN is not written: `read` makes it anew, and
    ``sunpy.map.Map(path)`` opens only files that hold one image (else: ``Map(path, hdus=0)``). DATAMIN to
    DATAP99 are computed anew over the good pixels, and CHECKSUM and DATASUM added.
    """
    path = Path(path)
    if path.exists() and not overwrite:
        raise WriteError(f"{path}: is there already; overwrite = True replaces it")
    if compression not in (None, "rice", "lossless"):
        raise WriteError(f"{path}: unknown compression {compression!r}; there are: 'rice', 'lossless'")
    hdus = _hdus(ccd, compression)
    try:
        # Keywords such as HIERARCH ones from ccdproc are the user's; astropy need not comment on them.
        with atomic_write(path) as temporary, warnings.catch_warnings():
            warnings.simplefilter("ignore", fits.verify.VerifyWarning)
            _save(hdus, temporary, path.name)
    except (OSError, fits.VerifyError) as error:
        raise WriteError(f"{path}: {_why_unwritable(path, error)}") from error
    return path


def _save(hdus: fits.HDUList, path: Path, name: str) -> None:
    options: dict[str, Any] = {"checksum": True, "output_verify": "silentfix+exception"}
    if path.suffix != ".gz":
        hdus.writeto(path, **options)
        return
    # By ourselves, so that neither the temporary name nor the time is in the file.
    with path.open("wb") as stream, gzip.GzipFile(name, "wb", fileobj=stream, mtime=0) as packed:
        hdus.writeto(packed, **options)


def _why_unwritable(path: Path, error: Exception) -> str:
    if not path.parent.is_dir():
        return f"the folder {path.parent} does not exist"
    number = getattr(error, "errno", None)
    if number == errno.ENOSPC or "Not enough space" in str(error):
        return "the disk is full"
    if number in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"the folder {path.parent} may not be written to"
    return f"cannot be written ({error})"


def _hdus(ccd: CCDData, compression: Compression | None) -> fits.HDUList:
    data = np.asarray(ccd.data).astype(np.float32, copy=False)
    header = _output_header(ccd, data)
    if compression == "rice":
        add_history(header, f"write: RICE_1, values rounded to 1/{RICE_NOISE_FRACTION} of the noise of their row")
    planes = []
    if ccd.mask is not None:
        mask = np.broadcast_to(np.asarray(ccd.mask, dtype=bool), data.shape)
        if not np.array_equal(mask, np.isnan(data)):
            planes.append(("MASK", mask.astype(np.uint8), fits.Header()))
    if ccd.uncertainty is not None:
        if np.shape(ccd.uncertainty.array) != data.shape:
            raise WriteError(f"the uncertainty has shape {np.shape(ccd.uncertainty.array)}, the image {data.shape}")
        kind = fits.Header({"UTYPE": type(ccd.uncertainty).__name__})
        planes.append(("UNCERT", np.asarray(ccd.uncertainty.array, dtype=np.float32), kind))
    if compression is None:
        # In the order of bytes that FITS has, or astropy swaps them twice, for the checksum and for the file.
        as_stored = (fits.ImageHDU(a.astype(a.dtype.newbyteorder(">")), h, name) for name, a, h in planes)
        return fits.HDUList([fits.PrimaryHDU(data.astype(">f4"), header), *as_stored])
    compressed = [_compressed(data, header, None, compression)]
    compressed += [_compressed(array, plane_header, name, compression) for name, array, plane_header in planes]
    return fits.HDUList([fits.PrimaryHDU(), *compressed])


def _compressed(array: np.ndarray, header: fits.Header, name: str | None, compression: Compression) -> Any:
    if array.dtype.kind == "u":
        options: dict[str, Any] = {"compression_type": "RICE_1"}  # keeps every bit of an integer
    elif compression == "lossless":
        options = {"compression_type": "GZIP_2", "quantize_level": 0}
    else:
        options = {
            "compression_type": "RICE_1",
            "quantize_level": RICE_NOISE_FRACTION,
            "quantize_method": fits.hdu.compressed.SUBTRACTIVE_DITHER_1,
            "dither_seed": 1,
        }
    return fits.CompImageHDU(array, header, name=name, **options)


def _output_header(ccd: CCDData, data: np.ndarray) -> fits.Header:
    try:
        header = complete_header(ccd)
    except HeaderError:  # no WCS that holds for these pixels: none is better than a wrong one
        header = without_wcs(fits_header(ccd))
    header = without_statistics(without_structure(header))
    header["BUNIT"] = (ccd.unit.to_string(), "Unit of the pixels")
    header.update(image_statistics(data, ccd.mask))
    header["DATE"] = (
        datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S"),
        "[ISO] Date_time of processing; ISO 8601",
    )
    return header
