"""What level 1.5 means: its plate scale, its frame, and how it is recognized."""

from __future__ import annotations

import numpy as np
from astropy.io import fits

from aia_ccdproc.images.wcs import wcs_from_header

__all__ = ["LEVEL15_SCALE", "LEVEL15_SHAPE", "is_registered"]

#: Plate scale of every level-1.5 image at native resolution, arcsec per pixel (SSW ``aia_prep``).
LEVEL15_SCALE = 0.6
#: Rows and columns of the level-1.5 full frame.
LEVEL15_SHAPE = (4096, 4096)


def is_registered(header: fits.Header) -> bool:
    """Tell whether an image is at level 1.5 already.

    LVL_NUM alone cannot be trusted: the product aia.lev1p5_euv_12s says 1.0. So the geometry is asked as
    well: a whole multiple of 0.6 arcsec, no roll, and the Sun's centre at a pixel's centre or corner.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        Complete header.

    Returns
    -------
    bool
        True for level 1.5 by either sign.
    """
    level = header.get("LVL_NUM")
    if isinstance(level, int | float) and level >= 1.5:
        return True
    wcs = wcs_from_header(header)
    matrix = wcs.pixel_scale_matrix * 3600
    scale = matrix[1, 1]
    multiple = scale / LEVEL15_SCALE
    on_lattice = 2 * wcs.wcs.crpix
    return bool(
        round(multiple) >= 1
        and abs(multiple - round(multiple)) < 1e-6 * multiple
        and abs(matrix[0, 0] - scale) < 1e-6 * scale
        and abs(matrix[0, 1]) + abs(matrix[1, 0]) < 1e-8 * scale
        and not np.any(wcs.wcs.crval)
        and np.all(np.abs(on_lattice - np.round(on_lattice)) < 1e-3)
    )
