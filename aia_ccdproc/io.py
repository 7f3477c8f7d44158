"""Read and write an image: a FITS file plus the instrument that took it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from astropy.io import fits
from astropy.nddata import CCDData

from aia_ccdproc.errors import PrepError
from aia_ccdproc.images import fits_file, fits_output
from aia_ccdproc.images.compression import Compression
from aia_ccdproc.images.conventions import guess_unit
from aia_ccdproc.plugin.instrument import Instrument
from aia_ccdproc.plugin.loading import get_plugin_manager

__all__ = ["read", "read_header", "write"]


def read(
    path: str | os.PathLike[str], *, hdu: int | str | None = None, instrument: Instrument | None = None
) -> CCDData:
    """Read an image from a FITS file: plain, tile-compressed or gzipped.

    Parameters
    ----------
    path : str or path-like
        The file; it is only read.
    hdu : int or str, optional
        Number or name of the HDU; needed only if the file contains more than one image.
    instrument : `~aia_ccdproc.Instrument`, optional
        The instrument, if no plugin knows it: ``Instrument.generic(plate_scale=3.16)``. By default the plugins identify
        it.

    Returns
    -------
    `~astropy.nddata.CCDData`
        The image as float32, shape ``(ny, nx)``. BSCALE, BZERO and BLANK are applied; pixels that are blank or not
        finite are masked. The unit is read from BUNIT or PIXLUNIT; if neither is a unit, it is that of the instrument.
        The header is complete, WCS keywords included. Mask, uncertainty and PSF are read from the extensions MASK,
        UNCERT and PSFIMAGE.

    Raises
    ------
    ReadError
        If the file cannot be read, is not FITS, is truncated, is damaged so that it cannot be decoded, contains no
        image or several, or has more than 10,800 cards.
    HeaderError
        If the header has no celestial WCS.
    InstrumentError
        If no plugin knows the instrument.

    Warns
    -----
    PrepWarning
        If cards were repaired or left out, if CUNIT was missing, or if pixels are infinite or too large for float32.
        There is one warning for a file.

    Notes
    -----
    Cards that are not valid FITS are repaired or left out: a string without its closing quote is kept, a value that is
    not finite becomes an empty value. A WCS card is left out if its value has the wrong type, or if it contradicts
    others: MJD-OBS that is not DATE-OBS, an incomplete position of the observatory. Numbers that are written as text
    become numbers; ``CTYPE1 = 'solar_x'`` and lower-case axis types become those of FITS; a helioprojective image
    without CUNIT is in arcsec if its plate scale then is near that of the instrument. Further axes of length 1 are
    dropped. A compressed file is unpacked only as far as its headers say, and up to 512 MiB.
    """
    manager = get_plugin_manager()
    return fits_file.read(
        path, lambda header: instrument or manager.identify(header), hdu=hdu, engine=manager.pixel_engine()
    )


def read_header(path: str | os.PathLike[str], *, hdu: int | str | None = None) -> fits.Header:
    """Read the header of an image as `read` does, without its pixels and without warnings.

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
    header = fits_file.read_header(path, hdu=hdu)
    add_missing_unit(header)
    return header


def add_missing_unit(header: fits.Header) -> str | None:
    """Add CUNIT to the header of an image that does not have it, if a plugin knows its instrument.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        Complete header; changed in place.

    Returns
    -------
    str or None
        What was assumed, for a warning; None if the header was not changed.
    """
    with suppress(PrepError):  # of an instrument that no plugin knows
        return guess_unit(header, get_plugin_manager().identify(header).plate_scale)
    return None


def write(
    ccd: CCDData,
    path: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    compression: Compression | None = "none",
) -> Path:
    """Write an image to a FITS file atomically.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        The image, shape ``(ny, nx)``; not changed.
    path : str or path-like
        The file to create. It is written under a temporary name in the same folder and then renamed. If the name ends
        in ``.gz``, the file is gzipped.
    overwrite : bool
        Whether an existing file may be replaced.
    compression : {"none", "rice", "lossless"} or None
        Tile compression. ``"rice"`` is RICE_1: values are rounded to 1/16 of the noise of their row, with subtractive
        dithering. ``"lossless"`` is GZIP_2: it keeps every bit of the float32 values. :ref:`compressed` says more.
        An uncompressed image is in the primary HDU, a compressed one in extension 1. None is the same as ``"none"``.

    Returns
    -------
    `~pathlib.Path`
        The file.

    Raises
    ------
    WriteError
        If the file already exists or cannot be written, or if the header has more than 10,500 cards. No incomplete file
        remains.

    Notes
    -----
    Pixels are float32. Mask, uncertainty and PSF are in the extensions MASK, UNCERT and PSFIMAGE, where astropy's
    ``CCDData.read`` expects them. A mask that is True exactly where pixels are NaN is not written, because `read`
    restores it. sunpy opens a file with such extensions by ``sunpy.map.Map(path, allow_errors=True)``, without them;
    ``to_map(read(path))`` keeps them. MJD-OBS is that of DATE-OBS. DATAMIN to DATAP99 are computed from the good
    pixels. CHECKSUM and DATASUM are added.
    """
    return fits_output.write(
        ccd, path, overwrite=overwrite, compression=compression, engine=get_plugin_manager().pixel_engine()
    )
