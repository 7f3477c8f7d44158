"""The kernels: cubic polynomials between neighbouring pixels, and the filter that goes before them."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

__all__ = ["Kernel", "convolution", "spline"]

#: Pole of the filter that makes coefficients of a cubic B-spline of pixels (Unser, Aldroubi & Eden 1993).
_POLE = math.sqrt(3) - 2
#: Pixels over which that filter is followed: 0.268**16 is below the rounding of float32.
_TAIL = 16
#: Pixels on each side, beyond the nearest four, whose weights the variance takes into account; what is left out is
#: less than 1e-6 of it.
_SPREAD = 4


class Kernel(NamedTuple):
    """A separable interpolating kernel: at most a recursive filter, then a cubic polynomial in each of four pixels."""

    basis: np.ndarray
    """Weight of each of four pixels, the two on each side, by powers of the position between the inner two;
    float32, shape ``(4, 4)``."""
    pole: float
    """Of the filter before, which runs forth and back along each axis; 0 for none."""
    response: np.ndarray
    """What that filter makes of an impulse, from its centre outwards, float32."""
    spread: int
    """Pixels on each side, beyond those four, that have a weight because of that filter."""


def convolution(a: float) -> Kernel:
    """Make the kernel of cubic convolution.

    Parameters
    ----------
    a : float
        Slope of the kernel at a distance of one pixel. With -0.5, quadratic polynomials are reproduced.

    Returns
    -------
    `Kernel`
        Keys's kernel. It needs no filter.

    References
    ----------
    Keys, R. G. 1981, IEEE Transactions on Acoustics, Speech, and Signal Processing, 29, 1153.
    Park, S. K., and Schowengerdt, R. A. 1983, Computer Vision, Graphics, and Image Processing, 23, 258.
    """
    basis = [[0, a, -2 * a, a], [1, 0, -a - 3, a + 2], [0, -a, 2 * a + 3, -a - 2], [0, 0, a, -a]]
    return Kernel(np.array(basis, dtype=np.float32), 0.0, np.ones(1, dtype=np.float32), 0)


def spline() -> Kernel:
    """Make the kernel of the interpolating cubic spline.

    Returns
    -------
    `Kernel`
        Cubic B-splines, six times each, and the filter that makes coefficients of pixels, without its gain of six.

    References
    ----------
    Unser, M., Aldroubi, A., and Eden, M. 1993, IEEE Transactions on Signal Processing, 41, 821.
    """
    basis = [[1, -3, 3, -1], [4, 0, -6, 3], [1, 3, 3, -3], [0, 0, 0, 1]]
    response = math.sqrt(3) / 6 * _POLE ** np.arange(_TAIL + 1)
    return Kernel(np.array(basis, dtype=np.float32), _POLE, response.astype(np.float32), _SPREAD)
