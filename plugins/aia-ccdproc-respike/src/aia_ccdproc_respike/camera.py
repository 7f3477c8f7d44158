"""The camera's own pixels: whether an image still has them, and which of the full frame they are."""

from __future__ import annotations

import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.nddata import CCDData

from aia_ccdproc import HeaderError, StateError
from aia_ccdproc.images import finite_number, image_wcs, plate_scale, roll_angle
from aia_ccdproc_respike.spikes import FULL_FRAME

__all__ = ["camera_corner", "refuse_other_than_camera_pixels"]


def refuse_other_than_camera_pixels(ccd: CCDData, header: fits.Header) -> None:
    """Refuse an image whose pixels are not the counts that the camera gave.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        The image, shape ``(ny, nx)``.
    header : `~astropy.io.fits.Header`
        Its complete header.

    Raises
    ------
    StateError
        If it is not in DN, is resampled or turned, or holds anything else than whole (or half) counts.
    HeaderError
        If IMSCL_MP, INST_ROT or SAT_ROT is missing.
    """
    if ccd.unit != u.DN:
        raise StateError(f"the image is in {ccd.unit}; spikes are counts of the camera, in DN")
    wcs = image_wcs(ccd, header)
    scale, roll = plate_scale(wcs), roll_angle(wcs)
    camera_scale, camera_roll = (
        finite_number(header, "IMSCL_MP"),
        finite_number(header, "INST_ROT") + finite_number(header, "SAT_ROT"),
    )
    turned = (roll - camera_roll + 180) % 360 - 180
    if abs(scale / camera_scale - 1) > 1e-4 or abs(turned) > 0.01:
        raise StateError(
            f"the image has {scale:.6g} arcsec per pixel and a roll of {roll:.4g} degrees, the camera "
            f"{camera_scale:.6g} and {camera_roll:.4g}: it is resampled or turned, and spikes are pixels of the camera"
        )
    twice = 2 * np.asarray(ccd.data)  # level 1 is of integers, and in some exports of halves (BSCALE 0.5)
    if not np.all((twice == np.rint(twice)) | ~np.isfinite(twice)):
        raise StateError("the pixels are no whole counts: the image was divided, filtered or resampled after level 1")


def camera_corner(header: fits.Header) -> tuple[int, int]:
    """Find where in the full frame an image begins.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        Complete header of a full frame or a cutout, at the scale of the camera.

    Returns
    -------
    tuple of int
        Row and column of its first pixel.

    Raises
    ------
    HeaderError
        If X0_MP, Y0_MP or CRPIX is missing, or they do not tell.

    Notes
    -----
    CRPIX is X0_MP + 1 less the corner in SCIENCE mode; in others it has an offset on top that the header does not
    give, and only the corner of a full frame is known. A correction of the pointing moves X0_MP and CRPIX alike.
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
            f"nobody can tell where in the full frame the image of {shape[1]}x{shape[0]} pixels begins: X0_MP, Y0_MP "
            f"+ 1 - CRPIX is ({x:.3f}, {y:.3f}), ACS_MODE={header.get('ACS_MODE')!r}"
        )
    return row, column
