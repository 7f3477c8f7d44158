"""The interpolation kernels: cubic polynomials, and the prefilter of the spline."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

__all__ = ["InterpolationKernel", "cubic_convolution", "cubic_spline"]

#: Pole of the filter that converts pixels to coefficients of a cubic B-spline (Unser, Aldroubi & Eden 1993).
_POLE = math.sqrt(3) - 2
#: Radius in pixels to which the response of that filter is followed. There it has fallen to 0.268**16, which is below
#: the rounding error of float32.
_RESPONSE_RADIUS = 16
#: Pixels on each side, beyond the nearest four, whose weights the variance of the spline includes. The weights of all
#: others contribute less than 1e-6 of it.
_SPLINE_MARGIN = 4


class InterpolationKernel(NamedTuple):
    """A separable interpolation kernel: a cubic polynomial for each of four pixels, after an optional filter."""

    basis: np.ndarray
    """Coefficients of the polynomials, float32, shape ``(4, 4)``: one row per pixel, one column per power of the phase.
    The phase is the position between the two inner pixels, from 0 to 1."""
    pole: float
    """Pole of the filter, which runs forwards and backwards along each axis; 0 if there is no filter."""
    response: np.ndarray
    """Impulse response of the filter from its center outwards, float32."""
    margin: int
    """Pixels on each side, beyond those four, that have a weight because of the filter."""


def cubic_convolution(a: float) -> InterpolationKernel:
    """Return the kernel of cubic convolution.

    Parameters
    ----------
    a : float
        Slope of the kernel at a distance of one pixel. With -0.5, quadratic polynomials are reproduced.

    Returns
    -------
    `InterpolationKernel`
        The kernel of Keys, without a filter.

    References
    ----------
    Keys, R. G. 1981, IEEE Transactions on Acoustics, Speech, and Signal Processing, 29, 1153.
    Park, S. K., and Schowengerdt, R. A. 1983, Computer Vision, Graphics, and Image Processing, 23, 258.
    """
    basis = [[0, a, -2 * a, a], [1, 0, -a - 3, a + 2], [0, -a, 2 * a + 3, -a - 2], [0, 0, a, -a]]
    return InterpolationKernel(np.array(basis, dtype=np.float32), 0.0, np.ones(1, dtype=np.float32), 0)


def cubic_spline() -> InterpolationKernel:
    """Return the kernel of the interpolating cubic spline.

    Returns
    -------
    `InterpolationKernel`
        Cubic B-splines multiplied by six, and the filter that converts pixels to coefficients, without its gain of six.

    References
    ----------
    Unser, M., Aldroubi, A., and Eden, M. 1993, IEEE Transactions on Signal Processing, 41, 821.
    """
    basis = [[1, -3, 3, -1], [4, 0, -6, 3], [1, 3, 3, -3], [0, 0, 0, 1]]
    response = math.sqrt(3) / 6 * _POLE ** np.arange(_RESPONSE_RADIUS + 1)
    return InterpolationKernel(np.array(basis, dtype=np.float32), _POLE, response.astype(np.float32), _SPLINE_MARGIN)
