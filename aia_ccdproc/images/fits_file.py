"""Reading an image from a FITS file, in every form in which JSOC delivers it."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from contextlib import suppress
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
from astropy.wcs import WCS

from aia_ccdproc.errors import HeaderError, InstrumentError, pluralize, warn_user
from aia_ccdproc.images.conventions import apply_conventions, guess_unit
from aia_ccdproc.images.fits_open import MAX_PIXELS, PLANES, OpenedFile, image_shape, is_image, open_image
from aia_ccdproc.images.pixel_engine import NUMPY_ENGINE, PixelEngine
from aia_ccdproc.images.repair import image_cards
from aia_ccdproc.images.rice_image import find_rice_image
from aia_ccdproc.images.rice_reading import decode_image
from aia_ccdproc.images.units import unit_from_text
from aia_ccdproc.images.wcs import wcs_from_header

__all__ = ["read", "read_frame", "read_header"]

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
        The header is complete, WCS keywords included. Cards that are not valid FITS are repaired or left out. Mask,
        uncertainty and PSF are read from the extensions MASK, UNCERT and PSFIMAGE.

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
    content = _load(path, hdu, engine)
    try:
        instrument = identify(content.header)
        assumed = guess_unit(content.header, instrument.plate_scale)
        unit = _unit(content.header, instrument.unit)
        wcs = wcs_from_header(content.header)
    except (HeaderError, InstrumentError) as error:
        repaired = f" ({'; '.join(content.notes)})" if content.notes else ""
        raise type(error)(f"{path}: {error}{repaired}") from error
    if assumed is not None:
        content.notes.append(assumed)
    return _image(path, content, unit, wcs)


def read_frame(path: str | os.PathLike[str], identify: Callable[[fits.Header], InstrumentLike]) -> CCDData:
    """Read an image that needs neither a WCS nor an instrument: a flat field, a bias or a dark frame.

    Parameters
    ----------
    path : str or path-like
        The file.
    identify : callable
        As in `read`.

    Returns
    -------
    `~astropy.nddata.CCDData`
        The image, as from `read`. If it has no usable WCS or its instrument is not known, it has no WCS, and without
        BUNIT it is dimensionless.

    Raises
    ------
    ReadError
        As in `read`.

    Warns
    -----
    PrepWarning
        As in `read`.
    """
    path = Path(path)
    content = _load(path, None, NUMPY_ENGINE)
    unit, wcs = _unit(content.header, ""), None
    with suppress(HeaderError, InstrumentError):
        instrument = identify(content.header)
        guess_unit(content.header, instrument.plate_scale)
        wcs = wcs_from_header(content.header)
        unit = _unit(content.header, instrument.unit)
    return _image(path, content, unit, wcs)


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
    with open_image(Path(path), hdu) as opened:
        return _complete_header(opened)[0]


class _Content(NamedTuple):
    """The content of a file."""

    header: fits.Header
    data: np.ndarray
    mask: np.ndarray | None
    uncertainty: NDUncertainty | None
    psf: np.ndarray | None
    notes: list[str]
    """What was repaired in the headers."""


def _load(path: Path, hdu: int | str | None, engine: PixelEngine) -> _Content:
    with open_image(path, hdu) as opened:
        header, notes = _complete_header(opened)
        data = _pixels(opened.image, engine).reshape(image_shape(opened.image))
        content = _Content(header, data, *_read_planes(opened, engine), notes)
    with np.errstate(over="ignore", invalid="ignore"):
        return content._replace(data=data.astype(np.float32, copy=False))  # also converts to the native byte order


def _pixels(hdu: Any, engine: PixelEngine) -> np.ndarray:
    image = None if engine.decode_rice is None else find_rice_image(hdu)
    if image is None or engine.decode_rice is None:
        return np.asarray(hdu.data)
    return decode_image(image, engine.decode_rice)


def _image(path: Path, content: _Content, unit: u.UnitBase, wcs: WCS | None) -> CCDData:
    """Make an image. Mask its invalid pixels, and warn of what was changed."""
    data, mask, notes = content.data, content.mask, content.notes
    if not np.isfinite(data).all():
        invalid = ~np.isfinite(data)
        mask = invalid if mask is None else mask | invalid
        infinite = np.isinf(data)
        if infinite.any():
            data = np.where(infinite, np.float32(np.nan), data)
            count = pluralize(int(np.count_nonzero(infinite)), "pixel")
            notes.append(f"{count} masked: infinite or too large for float32")
    if notes:
        warn_user(f"{path}: {'; '.join(notes)}")
    planes = {"mask": mask, "uncertainty": content.uncertainty, "psf": content.psf}
    return CCDData(data, unit=unit, header=content.header, wcs=wcs, **planes)


def _complete_header(opened: OpenedFile) -> tuple[fits.Header, list[str]]:
    """Return the header of an image with the cards of the primary HDU, and a list of the changes to it."""
    header = opened.image.header.copy()
    if opened.image is not opened.hdus[0]:
        header.extend(opened.hdus[0].header, unique=True, strip=True)
    header = image_cards(header)
    removed = apply_conventions(header)
    notes = list(dict.fromkeys(opened.problems))
    if removed:
        notes.append(f"cards that are not valid in a WCS: {', '.join(removed)} left out")
    return header, notes


def _read_planes(
    opened: OpenedFile, engine: PixelEngine
) -> tuple[np.ndarray | None, NDUncertainty | None, np.ndarray | None]:
    """Return mask, uncertainty and PSF of an image, as far as the file contains them."""
    hdus, image = opened.hdus, opened.image
    found = {hdu.name: hdu for hdu in reversed(hdus) if hdu.name in PLANES and hdu is not image and is_image(hdu)}
    same_shape = {name: hdu for name, hdu in found.items() if hdu.shape == image_shape(image)}
    mask = uncertainty = psf = None
    if "MASK" in same_shape:
        mask = same_shape["MASK"].data.astype(bool)
    if "UNCERT" in same_shape:
        kind = _UNCERTAINTIES.get(found["UNCERT"].header.get("UTYPE", "std"), StdDevUncertainty)
        uncertainty = kind(_pixels(same_shape["UNCERT"], engine).astype(np.float32, copy=False))
    if "PSFIMAGE" in found and math.prod(found["PSFIMAGE"].shape) <= MAX_PIXELS:
        psf = found["PSFIMAGE"].data.astype(np.float32)
    return mask, uncertainty, psf


def _unit(header: fits.Header, default: str) -> u.UnitBase:
    for keyword in ("BUNIT", "PIXLUNIT"):
        text = header.get(keyword)
        if isinstance(text, str) and text.strip():
            unit = unit_from_text(text.strip())
            if unit is not None:
                return unit
    return u.Unit(default)
