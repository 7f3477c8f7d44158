"""Level 1.5: its plate scale, its full frame, and how to recognize it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aia_ccdproc.images.values import as_number

if TYPE_CHECKING:
    from astropy.io import fits
    from astropy.wcs import WCS

__all__ = ["LEVEL15_SCALE", "LEVEL15_SHAPE", "is_registered"]

#: Plate scale of every level-1.5 image at native resolution, arcsec per pixel (SSW ``aia_prep``).
LEVEL15_SCALE = 0.6
#: Rows and columns of the level-1.5 full frame.
LEVEL15_SHAPE = (4096, 4096)


def is_registered(header: fits.Header, wcs: WCS) -> bool:
    """Check whether an image is already at level 1.5.

    LVL_NUM alone is not sufficient: it is 1.0 in the product aia.lev1p5_euv_12s. Therefore the geometry is checked too:
    a plate scale of a whole multiple of 0.6 arcsec, no roll, and the center of the Sun at the center or the corner of a
    pixel.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        Complete header of the image.
    wcs : `~astropy.wcs.WCS`
        WCS of the image.

    Returns
    -------
    bool
        True if LVL_NUM or the geometry is that of level 1.5.
    """
    level = as_number(header.get("LVL_NUM"))
    if level is not None and level >= 1.5:
        return True
    matrix = wcs.pixel_scale_matrix * 3600
    scale = matrix[1, 1]
    multiple = scale / LEVEL15_SCALE
    half_pixels = wcs.wcs.crpix % 0.5  # 0 or, for rounding errors, almost 0.5
    return bool(
        round(multiple) >= 1
        and abs(multiple - round(multiple)) < 1e-6 * multiple
        and abs(matrix[0, 0] - scale) < 1e-6 * scale
        and abs(matrix[0, 1]) + abs(matrix[1, 0]) < 1e-8 * scale
        and not wcs.wcs.crval.any()
        and (abs(half_pixels - 0.25) > 0.25 - 5e-4).all()
    )
