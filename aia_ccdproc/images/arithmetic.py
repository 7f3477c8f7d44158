"""Operations on the pixels of an image that keep everything else in it: header, WCS, mask, flags and PSF."""

from __future__ import annotations

import copy
from typing import TypeVar

import astropy.units as u
import numpy as np
from astropy.nddata import CCDData

from aia_ccdproc.images.card_filter import without_cards
from aia_ccdproc.images.header import current_header, set_unit
from aia_ccdproc.images.statistics import is_statistics_card

__all__ = ["copy_image", "divide", "multiply", "with_flags_and_psf", "without_psf", "without_shared_pixels"]

_CCD = TypeVar("_CCD", bound=CCDData)


def multiply(ccd: CCDData, factor: float | u.Quantity) -> CCDData:
    """Multiply an image by a number.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        The image, shape ``(ny, nx)``; not changed.
    factor : float or `~astropy.units.Quantity`
        The factor. A quantity changes the unit of the image.

    Returns
    -------
    `~astropy.nddata.CCDData`
        New image of the same precision. Data and uncertainty are multiplied; mask, flags, PSF, WCS and header are
        carried over. BUNIT and PIXLUNIT give the new unit; the statistics of the pixels are removed from the header.

    Raises
    ------
    IncompatibleUncertaintiesException
        If the uncertainty is of a type that astropy cannot multiply.
    """
    with _ignore_overflow():
        return _completed(without_psf(ccd).multiply(_same_precision(factor, ccd)), ccd)


def divide(ccd: CCDData, divisor: float | u.Quantity) -> CCDData:
    """Divide an image by a number.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        The image, shape ``(ny, nx)``; not changed.
    divisor : float or `~astropy.units.Quantity`
        The divisor. A quantity changes the unit of the image.

    Returns
    -------
    `~astropy.nddata.CCDData`
        New image, as in `multiply`.

    Raises
    ------
    IncompatibleUncertaintiesException
        If the uncertainty is of a type that astropy cannot divide.
    """
    with _ignore_overflow():
        return _completed(without_psf(ccd).divide(_same_precision(divisor, ccd)), ccd)


def _ignore_overflow() -> np.errstate:
    """Ignore values that overflow float32, also in the square of an uncertainty. They become infinite."""
    return np.errstate(over="ignore", divide="ignore", invalid="ignore")


def _same_precision(number: float | u.Quantity, ccd: CCDData) -> u.Quantity:
    """Return a number with the precision of an image, so that float32 pixels stay float32."""
    return u.Quantity(number, dtype=np.result_type(ccd.data.dtype, np.float32))


def _completed(result: CCDData, ccd: CCDData) -> CCDData:
    """Add the header, the unit, the flags and the PSF that astropy's arithmetic has dropped."""
    result.header = without_cards(current_header(ccd), is_statistics_card, share=True)
    set_unit(result.header, result.unit)
    return with_flags_and_psf(result, ccd)


def copy_image(ccd: CCDData) -> CCDData:
    """Copy an image with all its planes.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        The image.

    Returns
    -------
    `~astropy.nddata.CCDData`
        The copy. It shares no array with the image; ``CCDData.copy`` would share the flags.
    """
    return with_flags_and_psf(ccd.copy(), ccd)


def with_flags_and_psf(result: _CCD, ccd: CCDData) -> _CCD:
    """Add copies of the flags and the PSF of an image to the result of an operation on it.

    CCDData's arithmetic drops them.

    Parameters
    ----------
    result : `~astropy.nddata.CCDData`
        Image with the same pixels as ``ccd``; changed in place.
    ccd : `~astropy.nddata.CCDData`
        The image from which the result was computed.

    Returns
    -------
    `~astropy.nddata.CCDData`
        The result.
    """
    result.flags = copy.deepcopy(ccd.flags)
    result.psf = None if ccd.psf is None else ccd.psf.copy()
    return result


def without_psf(ccd: _CCD) -> _CCD:
    """Return an image without its PSF, for arithmetic: astropy logs a warning for an image that has one.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        The image; not changed.

    Returns
    -------
    `~astropy.nddata.CCDData`
        The image itself if it has no PSF, otherwise a shallow copy.
    """
    if ccd.psf is None:
        return ccd
    bare = copy.copy(ccd)
    bare.psf = None
    return bare


def without_shared_pixels(ccd: CCDData, other: CCDData) -> CCDData:
    """Return an image that shares no pixels with another one.

    Parameters
    ----------
    ccd, other : `~astropy.nddata.CCDData`
        The images; not changed.

    Returns
    -------
    `~astropy.nddata.CCDData`
        A copy of ``ccd`` if it shares pixels; otherwise ``ccd``.
    """
    return copy_image(ccd) if np.may_share_memory(ccd.data, other.data) else ccd
