"""Read and write an image: a FITS file plus the instrument that took it."""

from __future__ import annotations

import os

from astropy.nddata import CCDData

from aia_ccdproc.images import fits_file
from aia_ccdproc.images.fits_file import read_header
from aia_ccdproc.images.fits_output import write
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
        The header is complete, WCS keywords included. Cards that are not valid FITS are repaired: a string without its
        closing quote is kept, a bare ``nan`` becomes an empty value. Mask and uncertainty are read from the extensions
        MASK and UNCERT.

    Raises
    ------
    ReadError
        If the file cannot be read, is not FITS, is truncated, is damaged so that it cannot be decoded, or contains no
        image or several.
    HeaderError
        If the header has no celestial WCS.
    InstrumentError
        If no plugin knows the instrument.
    """
    return fits_file.read(path, lambda header: instrument or get_plugin_manager().identify(header), hdu=hdu)
