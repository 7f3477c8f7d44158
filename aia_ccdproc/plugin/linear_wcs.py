"""The map between the pixels of two linear WCSs."""

from __future__ import annotations

import numpy as np
from astropy.wcs import WCS

__all__ = ["affine_map"]

#: Numbers of an affine map are rounded to a multiple of this fraction if they are closer to it than their error, which
#: is that of the matrix or that of the shift in pixels. Positions on the border of a pixel are then exact.
_FRACTION = 1 / 64
_MATRIX_ERROR, _SHIFT_ERROR = 2e-13, 1e-9


def affine_map(input_wcs: WCS, output_wcs: WCS) -> np.ndarray:
    """Compute the map from the pixels of an output image to those of an input image.

    Parameters
    ----------
    input_wcs, output_wcs : `~astropy.wcs.WCS`
        Linear WCSs with the same world coordinates, as an engine receives them.

    Returns
    -------
    `~numpy.ndarray`
        Shape ``(2, 3)``: the position x, and then y, is the product of a row with ``(column, row, 1)``. All pixels are
        counted from 0.
    """
    matrix = np.linalg.solve(input_wcs.pixel_scale_matrix, output_wcs.pixel_scale_matrix)
    matrix = _without_rounding_error(matrix, _MATRIX_ERROR)
    shift = np.linalg.solve(input_wcs.pixel_scale_matrix, output_wcs.wcs.crval - input_wcs.wcs.crval)
    shift += input_wcs.wcs.crpix - 1 - matrix @ (output_wcs.wcs.crpix - 1)
    return np.column_stack([matrix, _without_rounding_error(shift, _SHIFT_ERROR)])


def _without_rounding_error(numbers: np.ndarray, error: float) -> np.ndarray:
    exact = np.rint(numbers / _FRACTION) * _FRACTION
    return np.where(np.abs(numbers - exact) < error, exact, numbers)
