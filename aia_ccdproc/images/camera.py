"""The pixels of an AIA camera: whether an image still has them."""

from __future__ import annotations

from astropy.io import fits
from astropy.wcs import WCS

from aia_ccdproc.errors import StateError
from aia_ccdproc.images.values import finite_number
from aia_ccdproc.images.wcs import plate_scale, roll_angle

__all__ = ["check_camera_grid"]

#: Relative difference of plate scales, and difference of rolls in degrees, that a correction of the pointing can make.
_MAX_SCALE_CHANGE, _MAX_ROLL_CHANGE = 1e-4, 0.01


def check_camera_grid(header: fits.Header, wcs: WCS) -> None:
    """Check that an image has the scale and the roll of the camera that took it.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        Complete header of the image. IMSCL_MP, INST_ROT and SAT_ROT describe the camera.
    wcs : `~astropy.wcs.WCS`
        WCS of the image.

    Raises
    ------
    StateError
        If the image is resampled or rotated.
    HeaderError
        If IMSCL_MP, INST_ROT or SAT_ROT is missing.
    """
    scale, roll = plate_scale(wcs), roll_angle(wcs)
    camera_scale = finite_number(header, "IMSCL_MP")
    camera_roll = finite_number(header, "INST_ROT") + finite_number(header, "SAT_ROT")
    rotation = (roll - camera_roll + 180) % 360 - 180
    if abs(scale / camera_scale - 1) > _MAX_SCALE_CHANGE or abs(rotation) > _MAX_ROLL_CHANGE:
        raise StateError(
            f"the image is resampled or rotated: it has {scale:.6g} arcsec per pixel and a roll of {roll:.4g} degrees, "
            f"the camera {camera_scale:.6g} and {camera_roll:.4g}. Use the original level-1 image"
        )
