"""The interpolation kernels: polynomials, and the prefilter of the spline."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

__all__ = ["InterpolationKernel", "bilinear", "cubic_convolution", "cubic_spline", "kernel_of", "nearest_neighbor"]

#: Pole of the filter that converts pixels to coefficients of a cubic B-spline (Unser, Aldroubi & Eden 1993).
_POLE = math.sqrt(3) - 2
#: Pixels on each side, beyond the nearest four, that variance and flags of a cubic spline include, as in the core's
#: engine. The weights of all others contribute less than 2e-5 of the variance.
_SPLINE_MARGIN = 2
#: Pixels on each side, beyond those, whose weights are added to those of their mirror images at the edges. The weights
#: of all others are below 1e-5.
_FOLDED_PIXELS = 6


class InterpolationKernel(NamedTuple):
    """A separable interpolation kernel: a polynomial for each of four pixels, after an optional filter."""

    basis: np.ndarray
    """Coefficients of the polynomials, float32, shape ``(4, 4)``: one row per pixel, one column per power of the phase.
    The phase is the position relative to the second of the four pixels, from ``-offset`` to ``1 - offset``."""
    weights: np.ndarray
    """Coefficients of the weights that pixels have after the filter, float32: as ``basis``, but for more pixels on each
    side, namely those of the margin and those that are added to their mirror images at the edges."""
    pole: float
    """Pole of the filter, which runs forwards and backwards along each axis; 0 if there is no filter."""
    offset: float
    """0 if the second of the four pixels is the one on the left of the position, 0.5 if it is the nearest one."""
    clamped: bool
    """Whether positions beyond the centers of the outermost pixels are moved to these centers. Otherwise the image is
    continued by mirroring it there."""
    margin: int
    """Pixels on each side, beyond those four, whose weights are used for variance and flags."""


def kernel_of(method: str, parameter: float) -> InterpolationKernel:
    """Return the kernel of a method.

    Parameters
    ----------
    method : str
        One of the methods that the plugin lists.
    parameter : float
        Parameter of cubic convolution.

    Returns
    -------
    `InterpolationKernel`
        The kernel.
    """
    if method == "cubic-convolution":
        return cubic_convolution(parameter)
    if method in ("cubic-spline", "bicubic"):
        return cubic_spline(clamped=method == "bicubic")
    return bilinear() if method == "bilinear" else nearest_neighbor()


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
    return _without_filter(basis)


def nearest_neighbor() -> InterpolationKernel:
    """Return the kernel that takes the nearest pixel.

    Returns
    -------
    `InterpolationKernel`
        The kernel of reproject's ``nearest-neighbor``.
    """
    basis = [[0, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    return _without_filter(basis)._replace(offset=0.5, clamped=True)


def bilinear() -> InterpolationKernel:
    """Return the kernel of bilinear interpolation.

    Returns
    -------
    `InterpolationKernel`
        The kernel of reproject's ``bilinear``.
    """
    basis = [[0, 0, 0, 0], [1, -1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]]
    return _without_filter(basis)._replace(clamped=True)


def cubic_spline(*, clamped: bool) -> InterpolationKernel:
    """Return the kernel of the interpolating cubic spline.

    Parameters
    ----------
    clamped : bool
        As in `InterpolationKernel`. If True, this is the kernel of reproject's ``bicubic``.

    Returns
    -------
    `InterpolationKernel`
        Cubic B-splines multiplied by six, and the filter that converts pixels to coefficients, without its gain of six.

    References
    ----------
    Unser, M., Aldroubi, A., and Eden, M. 1993, IEEE Transactions on Signal Processing, 41, 821.
    """
    basis = [[1, -3, 3, -1], [4, 0, -6, 3], [1, 3, 3, -3], [0, 0, 0, 1]]
    weights = np.zeros((4 + 2 * (_SPLINE_MARGIN + _FOLDED_PIXELS), 4))
    for pixel, row in enumerate(weights):
        for tap, polynomial in enumerate(basis):
            distance = abs(pixel - tap - _SPLINE_MARGIN - _FOLDED_PIXELS)
            row += math.sqrt(3) / 6 * _POLE**distance * np.array(polynomial)
    return InterpolationKernel(
        np.array(basis, np.float32), weights.astype(np.float32), _POLE, 0.0, clamped, _SPLINE_MARGIN
    )


def _without_filter(basis: Sequence[Sequence[float]]) -> InterpolationKernel:
    polynomials = np.array(basis, np.float32)
    return InterpolationKernel(polynomials, polynomials, 0.0, 0.0, False, 0)
