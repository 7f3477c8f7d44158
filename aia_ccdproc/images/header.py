"""The header of an image: complete FITS headers, and images made from them."""

from __future__ import annotations

import astropy.units as u
from astropy.io import fits
from astropy.nddata import CCDData
from astropy.wcs import WCS

from aia_ccdproc.errors import HeaderError
from aia_ccdproc.images.wcs import (
    _remove_superseded,
    geometry_cards,
    observer_cards,
    ignore_wcs_warnings,
    same_geometry,
    wcs_from_header,
    without_wcs,
)

__all__ = ["complete_header", "fits_header", "set_unit", "with_header"]


def fits_header(ccd: CCDData) -> fits.Header:
    """Copy the header of an image as a FITS header, whatever kind of mapping it is.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        The image.

    Returns
    -------
    `~astropy.io.fits.Header`
        The copy.
    """
    if not isinstance(ccd, CCDData):
        raise TypeError(f"a CCDData is needed, not a {type(ccd).__name__}; aia_ccdproc.read makes one from a file")
    return ccd.header.copy() if isinstance(ccd.header, fits.Header) else fits.Header(dict(ccd.header))


def complete_header(ccd: CCDData) -> fits.Header:
    """Give the header of an image with the WCS keywords that hold for its pixels.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        Image of shape ``(ny, nx)``, from `read`, from ``CCDData.read``, or out of a ccdproc step.

    Returns
    -------
    `~astropy.io.fits.Header`
        A copy of ``ccd.header`` in which the geometry is that of ``ccd.wcs``.

    Raises
    ------
    HeaderError
        If the image has no WCS, or its header one for another shape (``ccdproc.block_reduce`` drops the
        WCS of what it makes).
    """
    header = fits_header(ccd)
    _remove_superseded(header)
    ny, nx = ccd.shape
    if ccd.wcs is None:
        declared = (header.get("NAXIS2", ny), header.get("NAXIS1", nx))
        if "CTYPE1" not in header or declared != (ny, nx):
            raise HeaderError(
                f"the image of {nx}x{ny} pixels has no WCS; a step that changed its shape, "
                "ccdproc.block_reduce say, has dropped it. Set ccd.wcs, or do that step after registration"
            )
        return header
    wcs = ccd.wcs
    if not isinstance(wcs, WCS):
        raise HeaderError(f"the WCS of the image is a {type(wcs).__name__}; a FITS WCS is needed")
    if not ("CTYPE1" in header and "CRPIX1" in header and same_geometry(wcs_from_header(header), wcs)):
        header = without_wcs(header)
        header.update(geometry_cards(wcs))
        with ignore_wcs_warnings():
            header.extend(observer_cards(wcs.to_header(relax=True)), unique=True)
    header["NAXIS1"], header["NAXIS2"] = nx, ny
    return header


def with_header(ccd: CCDData, header: fits.Header) -> CCDData:
    """Make the same image with another header, and the WCS that this header describes.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        The image; not changed.
    header : `~astropy.io.fits.Header`
        Complete header of the result.

    Returns
    -------
    `~astropy.nddata.CCDData`
        New image. Pixels, mask and uncertainty are those of ``ccd``, not copied.
    """
    return CCDData(
        ccd.data,
        unit=ccd.unit,
        mask=ccd.mask,
        uncertainty=ccd.uncertainty,
        flags=ccd.flags,
        header=header,
        wcs=wcs_from_header(header),
    )


def set_unit(header: fits.Header, unit: u.UnitBase) -> None:
    """Have a header say the unit of its pixels, where it says one.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        The header; changed in place.
    unit : `~astropy.units.UnitBase`
        Unit of the pixels.
    """
    for keyword in ("BUNIT", "PIXLUNIT"):
        if keyword in header:
            header[keyword] = unit.to_string()
