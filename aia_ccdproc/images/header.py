"""The header of an image: complete FITS headers, and images made from them."""

from __future__ import annotations

import astropy.units as u
from astropy.io import fits
from astropy.nddata import CCDData
from astropy.wcs import WCS

from aia_ccdproc.errors import HeaderError
from aia_ccdproc.images.geometry import header_describes
from aia_ccdproc.images.repair import repair_header
from aia_ccdproc.images.wcs import check_celestial, geometry_cards, ignore_wcs_warnings, wcs_from_header
from aia_ccdproc.images.wcs_cards import observer_cards, remove_superseded, without_wcs

__all__ = ["complete_header", "fits_header", "image_wcs", "set_unit", "with_header"]


def fits_header(ccd: CCDData) -> fits.Header:
    """Copy the header of an image as a FITS header.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        The image. Its header may be any mapping.

    Returns
    -------
    `~astropy.io.fits.Header`
        The copy.
    """
    if not isinstance(ccd, CCDData):
        raise TypeError(f"the image is a {type(ccd).__name__}, not a CCDData. Read it with aia_ccdproc.read")
    if not isinstance(ccd.header, fits.Header):
        return fits.Header(dict(ccd.header))
    try:
        for card in ccd.header.cards:
            _ = card.value
    except fits.VerifyError:  # a card that is not valid FITS
        return repair_header(ccd.header)[0]
    return ccd.header.copy()


def complete_header(ccd: CCDData) -> fits.Header:
    """Return the header of an image with the WCS keywords that are valid for its pixels.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        Image of shape ``(ny, nx)``, from `read`, from ``CCDData.read``, or from a ccdproc function.

    Returns
    -------
    `~astropy.io.fits.Header`
        A copy of ``ccd.header`` with the geometry of ``ccd.wcs``.

    Raises
    ------
    HeaderError
        If the image has no WCS and its header describes none for this shape. ``ccdproc.block_reduce``, for example,
        drops the WCS.
    """
    header = fits_header(ccd)
    remove_superseded(header)
    if len(ccd.shape) != 2:
        raise HeaderError(f"the image has {len(ccd.shape)} axes, not 2. Take one plane of it: ccd[0]")
    ny, nx = ccd.shape
    wcs = ccd.wcs
    if wcs is None:
        declared = (header.get("NAXIS2", ny), header.get("NAXIS1", nx))
        if "CTYPE1" not in header or declared != (ny, nx):
            raise HeaderError(
                f"the image of {nx}x{ny} pixels has no WCS: a step that changed its shape, such as "
                "ccdproc.block_reduce, dropped it. Set ccd.wcs, or run that step after registration"
            )
        return header
    if not isinstance(wcs, WCS):
        raise HeaderError(f"the WCS of the image is a {type(wcs).__name__}; a FITS WCS is needed")
    if not header_describes(header, wcs):
        header = without_wcs(header)
        header.update(geometry_cards(wcs))
        with ignore_wcs_warnings():
            header.extend(observer_cards(wcs.to_header(relax=True)), unique=True)
    header["NAXIS1"], header["NAXIS2"] = nx, ny
    return header


def image_wcs(ccd: CCDData, header: fits.Header) -> WCS:
    """Return the WCS of an image without building it again if the image has one.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        The image.
    header : `~astropy.io.fits.Header`
        Its complete header.

    Returns
    -------
    `~astropy.wcs.WCS`
        ``ccd.wcs``, which must not be changed. If the image has none, or if only the header gives the observer or the
        date, a WCS that is built from the header.

    Raises
    ------
    HeaderError
        If the WCS is not celestial or not two-dimensional, or if its matrix has no inverse.
    """
    wcs = ccd.wcs
    if not isinstance(wcs, WCS) or _lacks_observer(wcs, header):
        return wcs_from_header(header)
    check_celestial(wcs)
    return wcs


def _lacks_observer(wcs: WCS, header: fits.Header) -> bool:
    return (wcs.wcs.aux.dsun_obs is None and "DSUN_OBS" in header) or (not wcs.wcs.dateobs and "DATE-OBS" in header)


def with_header(ccd: CCDData, header: fits.Header) -> CCDData:
    """Return an image with another header, and with the WCS that this header describes.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        The image; not changed.
    header : `~astropy.io.fits.Header`
        Complete header of the result.

    Returns
    -------
    `~astropy.nddata.CCDData`
        New image. It shares pixels, mask and uncertainty with ``ccd``.
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
    """Set the unit of the pixels in a header: BUNIT and PIXLUNIT, if the header has them.

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
