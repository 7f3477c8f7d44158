"""Checks that an image has the pixels of the camera, to which the point spread function belongs."""

from __future__ import annotations

from astropy import units as u
from astropy.io import fits
from astropy.nddata import CCDData

from aia_ccdproc import InstrumentError, StateError, get_plugin_manager
from aia_ccdproc.images import check_camera_grid, image_wcs, is_registered

__all__ = ["check_level1"]


def check_level1(ccd: CCDData, header: fits.Header) -> None:
    """Check that an image is a level-1 image that is not deconvolved yet.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        The image, shape ``(ny, nx)``.
    header : `~astropy.io.fits.Header`
        Its complete header.

    Raises
    ------
    InstrumentError
        If the image was not taken by AIA.
    StateError
        If the image is deconvolved, not in DN, registered, resampled or rotated.
    HeaderError
        If IMSCL_MP, INST_ROT or SAT_ROT is missing.
    """
    instrument = get_plugin_manager().identify(header)
    if instrument.name != "AIA":
        raise InstrumentError(
            f"cannot deconvolve an image of {instrument.name}: the point spread functions are those of AIA"
        )
    if "PSFMODEL" in header:
        raise StateError(f"the image is already deconvolved, with {header['PSFMODEL']} (PSFMODEL). Use the original")
    if ccd.unit != u.DN:
        raise StateError(
            f"cannot deconvolve an image in {ccd.unit}: noise and saturation are those of counts in DN. Run deconvolve "
            "before normalize_exposure"
        )
    wcs = image_wcs(ccd, header)
    if is_registered(header, wcs):
        raise StateError(
            "cannot deconvolve a level-1.5 image: the point spread function is that of level-1 pixels. Run deconvolve "
            "before register"
        )
    check_camera_grid(header, wcs)
