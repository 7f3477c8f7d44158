"""Checks of camera pixels, and the position of an image in the full frame."""

from __future__ import annotations

import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.nddata import CCDData

from aia_ccdproc import HeaderError, StateError
from aia_ccdproc.images import check_camera_grid, finite_number, image_wcs
from aia_ccdproc_respike.spikes import FULL_FRAME

__all__ = ["camera_corner", "check_camera_pixels"]


def check_camera_pixels(ccd: CCDData, header: fits.Header) -> None:
    """Check that the pixels of an image are the counts of the camera.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        The image, shape ``(ny, nx)``.
    header : `~astropy.io.fits.Header`
        Its complete header.

    Raises
    ------
    StateError
        If the image is not in DN, is resampled or rotated, or contains values that are not whole (or half) counts.
    HeaderError
        If IMSCL_MP, INST_ROT or SAT_ROT is missing.
    """
    if ccd.unit != u.DN:
        raise StateError(
            f"the image is in {ccd.unit}, but spikes are counts of the camera in DN. Use the original level-1 image"
        )
    check_camera_grid(header, image_wcs(ccd, header))
    doubled = 2 * np.asarray(ccd.data)  # level 1 contains integers, in some exports halves (BSCALE 0.5)
    if not np.all((doubled == np.rint(doubled)) | ~np.isfinite(doubled)):
        raise StateError(
            "the pixels are not whole counts: the image was divided, filtered or resampled after level 1. Use the "
            "original level-1 image"
        )


def camera_corner(header: fits.Header) -> tuple[int, int]:
    """Find the position of an image in the full frame.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        Complete header of a full frame or a cutout, at the scale of the camera.

    Returns
    -------
    tuple of int
        Row and column of its first pixel, 0-based.

    Raises
    ------
    HeaderError
        If X0_MP, Y0_MP or CRPIX is missing, or if the position cannot be computed from them.

    Notes
    -----
    In SCIENCE mode CRPIX is X0_MP + 1 minus the corner. In other modes CRPIX contains an offset that is not in the
    header, and only the corner of a full frame is known. A correction of the pointing shifts X0_MP and CRPIX equally.
    """
    shape = (header["NAXIS2"], header["NAXIS1"])
    science = str(header.get("ACS_MODE", "SCIENCE")).strip() == "SCIENCE"
    if shape == FULL_FRAME and not science:
        return 0, 0
    y, x = (
        finite_number(header, f"{axis}0_MP") + 1 - finite_number(header, f"CRPIX{i}")
        for axis, i in (("Y", 2), ("X", 1))
    )
    row, column = round(y), round(x)
    inside = 0 <= row <= FULL_FRAME[0] - shape[0] and 0 <= column <= FULL_FRAME[1] - shape[1]
    if not science or not inside or max(abs(y - row), abs(x - column)) > 0.01:
        raise HeaderError(
            f"cannot find the position of the image of {shape[1]}x{shape[0]} pixels in the full frame: by X0_MP, Y0_MP "
            f"and CRPIX it starts at column {x:.3f} and row {y:.3f}, with ACS_MODE={header.get('ACS_MODE')!r}. Use the "
            "full frame"
        )
    return row, column
