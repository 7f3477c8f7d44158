"""The header of an image: complete FITS headers, and images made from them."""

from __future__ import annotations

import astropy.units as u
from astropy.io import fits
from astropy.nddata import CCDData
from astropy.wcs import WCS

from aia_ccdproc.errors import HeaderError
from aia_ccdproc.images.geometry import header_describes, header_geometry, wcs_geometry
from aia_ccdproc.images.geometry_keywords import (
    geometry_change,
    update_geometry_keywords,
    without_geometry_keywords,
)
from aia_ccdproc.images.repair import is_readable, repair_header
from aia_ccdproc.images.values import as_number
from aia_ccdproc.images.wcs import check_celestial, geometry_cards, ignore_wcs_warnings, wcs_from_header
from aia_ccdproc.images.wcs_cards import observer_cards, remove_superseded, without_wcs

__all__ = [
    "complete_header",
    "current_header",
    "fits_header",
    "image_wcs",
    "readable_header",
    "set_unit",
    "uncopied_header",
    "with_header",
]


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
    header = readable_header(ccd)
    return header.copy() if header is ccd.header else header


def readable_header(ccd: CCDData) -> fits.Header:
    """Return the header of an image as a FITS header, without a copy where that is possible.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        The image. Its header may be any mapping.

    Returns
    -------
    `~astropy.io.fits.Header`
        ``ccd.header`` if it contains valid cards only; otherwise a repaired copy. Must not be changed.
    """
    if not isinstance(ccd, CCDData):
        raise TypeError(f"the image is a {type(ccd).__name__}, not a CCDData. Read it with aia_ccdproc.read")
    if not isinstance(ccd.header, fits.Header):
        return fits.Header(dict(ccd.header))
    return ccd.header if is_readable(ccd.header) else repair_header(ccd.header)[0]


def complete_header(ccd: CCDData) -> fits.Header:
    """Return the header of an image with the WCS keywords that are valid for its pixels.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        Image of shape ``(ny, nx)``, from `read`, from ``CCDData.read``, or from a ccdproc function.

    Returns
    -------
    `~astropy.io.fits.Header`
        A copy of ``ccd.header`` with the geometry of ``ccd.wcs``. If the geometry or the shape has changed, because the
        image was sliced for example, the keywords that depend on it are computed (XCEN, YCEN, R_SUN), shifted
        (alternate WCSs in a section) or removed.

    Raises
    ------
    HeaderError
        If the image has no WCS, and its header describes none or does not give this shape as NAXIS1 and NAXIS2.
        ``ccdproc.block_reduce``, for example, drops the WCS.
    """
    header = fits_header(ccd)
    remove_superseded(header)
    if len(ccd.shape) != 2:
        raise HeaderError(f"the image has {len(ccd.shape)} axes, not 2. Take one plane of it: ccd[0]")
    ny, nx = ccd.shape
    wcs = ccd.wcs
    if wcs is None:
        if "CTYPE1" not in header or _declared_shape(header) != (ny, nx):
            raise HeaderError(
                f"the image of {nx}x{ny} pixels has no WCS: a step that changed its shape, such as "
                "ccdproc.block_reduce, dropped it. Set ccd.wcs, or run that step after registration"
            )
        return header
    if not isinstance(wcs, WCS):
        raise HeaderError(f"the WCS of the image is a {type(wcs).__name__}; a FITS WCS is needed")
    before, shape_before = header_geometry(header), _declared_shape(header)
    described = wcs.naxis == 2 and before is not None and before.is_close(wcs_geometry(wcs))
    if not described:
        header = without_wcs(header)
        header.update(geometry_cards(wcs))
        with ignore_wcs_warnings():
            header.extend(observer_cards(wcs.to_header(relax=True)), unique=True)
    if wcs.naxis == 2 and (not described or shape_before != (ny, nx)):
        change = geometry_change(before, shape_before, wcs, (ny, nx))
        update_geometry_keywords(header, wcs, (ny, nx), change, before)
    header["NAXIS1"], header["NAXIS2"] = nx, ny
    return header


def _declared_shape(header: fits.Header) -> tuple[int, int] | None:
    """Return the rows and columns that a header gives; None if it does not give both."""
    rows, columns = (as_number(header.get(keyword)) for keyword in ("NAXIS2", "NAXIS1"))
    return None if rows is None or columns is None else (int(rows), int(columns))


def uncopied_header(ccd: CCDData) -> fits.Header:
    """Return the complete header of an image, without a copy where that is possible.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        Image of shape ``(ny, nx)``.

    Returns
    -------
    `~astropy.io.fits.Header`
        ``ccd.header`` if it is complete; otherwise as `complete_header`. Must not be changed.

    Raises
    ------
    HeaderError
        As `complete_header`.
    """
    header = readable_header(ccd)
    return header if header is ccd.header and _is_true(header, ccd) else complete_header(ccd)


def _is_true(header: fits.Header, ccd: CCDData) -> bool:
    """Check whether a header has the shape and the geometry of an image."""
    has_wcs = isinstance(ccd.wcs, WCS)
    return has_wcs and _declared_shape(header) == ccd.shape and header_describes(header, ccd.wcs)


def current_header(ccd: CCDData) -> fits.Header:
    """Return the header of an image without cards that are wrong for its pixels.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        Image of shape ``(ny, nx)``.

    Returns
    -------
    `~astropy.io.fits.Header`
        A copy of ``ccd.header`` if it has the shape and the geometry of the image; otherwise the complete header. If no
        WCS is valid for the pixels, a copy without WCS and without the keywords that depend on the geometry.
    """
    header = fits_header(ccd)
    if _is_true(header, ccd):
        return header
    try:
        return complete_header(ccd)
    except HeaderError:
        return without_geometry_keywords(without_wcs(header))


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
        Complete header of the result; not changed.

    Returns
    -------
    `~astropy.nddata.CCDData`
        New image. It shares pixels, mask, uncertainty, flags and PSF with ``ccd``. If the header gives the pixels other
        positions than before, XCEN, YCEN and R_SUN are computed, and keywords that are no longer true, such as those
        of alternate WCSs, are removed.
    """
    wcs = wcs_from_header(header)
    before = wcs_geometry(ccd.wcs) if isinstance(ccd.wcs, WCS) and ccd.wcs.naxis == 2 else header_geometry(ccd.header)
    if before is not None and not before.is_close(wcs_geometry(wcs)):
        header = header.copy()
        update_geometry_keywords(header, wcs, ccd.shape, "pointing", before)
    return CCDData(
        ccd.data,
        unit=ccd.unit,
        mask=ccd.mask,
        uncertainty=ccd.uncertainty,
        flags=ccd.flags,
        psf=ccd.psf,
        header=header,
        wcs=wcs,
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
