"""The point spread functions of Grigis et al. 2012, which SSW and aiapy use.

The wire meshes that hold the entrance filter and the focal-plane filter diffract light. Each mesh makes a core and rows
of diffraction spots. The point spread function of a telescope is the convolution of those of its two meshes. The
parameters are from table 2 of Grigis, P., Su, Y., and Weber, M. 2012, "AIA PSF Characterization and Image
Deconvolution" (SSW: sdo/aia/idl/psf/DOC/psfreport.pdf), as in SSW's ``aia_calc_psf``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.ndimage import convolve1d

__all__ = ["CHANNELS", "grigis_psf"]

#: Pitch of the mesh and width of its wires, in micrometers.
_MESH_PITCH, _WIRE_WIDTH = 363.0, 34.0
#: Fraction of the area of the mesh that is open. This fraction of the light is not diffracted.
_OPEN_FRACTION = 0.82
#: Directions of the diffraction spots of the focal-plane mesh, in degrees.
_FOCAL_PLANE_ARMS = (45.0, -45.0)
#: Sharpness of the measured core, in pixels**-2.
_MEASURED_SHARPNESS = 4.5
#: Exponents below the negative of this one count as zero brightness: 1e-26 of the peak.
_LARGEST_EXPONENT = 60.0


class _Mesh(NamedTuple):
    """Parameters of a channel."""

    arms: tuple[float, float, float, float]
    """Directions of the diffraction spots of the entrance mesh, in degrees."""
    entrance_spacing: float
    """Distance between the spots of the entrance mesh, in pixels."""
    focal_plane_spacing: float
    """Distance between the spots of the focal-plane mesh, in pixels."""
    preflight_sharpness: float
    """Sharpness of the core that was measured before launch, in pixels**-2."""


#: Parameters by channel, in angstrom.
CHANNELS = {
    94: _Mesh((49.81, 40.16, -40.28, -49.92), 8.99, 0.207, 0.951),
    131: _Mesh((50.27, 40.17, -39.70, -49.95), 12.37, 0.289, 1.033),
    171: _Mesh((49.81, 39.57, -40.13, -50.38), 16.26, 0.377, 0.962),
    193: _Mesh((49.82, 39.57, -40.12, -50.37), 18.39, 0.425, 1.512),
    211: _Mesh((49.78, 40.08, -40.34, -49.95), 19.97, 0.465, 1.199),
    304: _Mesh((49.76, 40.18, -40.14, -49.90), 28.87, 0.670, 1.247),
    335: _Mesh((50.40, 39.80, -39.64, -50.25), 31.83, 0.738, 0.962),
}


def grigis_psf(channel: int, *, preflight: bool, orders: int, size: int) -> np.ndarray:
    r"""Compute the point spread function of a channel.

    Parameters
    ----------
    channel : int
        Wavelength in angstrom: one of `CHANNELS`.
    preflight : bool
        Use the core that was measured before launch, which is wider.
    orders : int
        Largest diffraction order.
    size : int
        Number of rows and columns of the result.

    Returns
    -------
    `~numpy.ndarray`
        Point spread function, float64, shape ``(size, size)``. Its center is the pixel ``(size // 2, size // 2)``, and
        its sum is 1.

    Notes
    -----
    A spot of order m is a Gaussian :math:`\exp(-w r^2)` with the intensity :math:`\mathrm{sinc}^2(34 m / 363)`. The
    spots of a mesh have together 0.18 of its light, and the core has 0.82. The pattern of the focal-plane mesh extends
    over some 50 pixels. Each spot of the entrance mesh is convolved with it, row by row and column by column, because a
    Gaussian is separable.
    """
    mesh = CHANNELS[channel]
    sharpness = mesh.preflight_sharpness if preflight else _MEASURED_SHARPNESS
    pattern = _focal_plane_pattern(mesh.focal_plane_spacing, sharpness, orders)
    x, y, intensity = _spots(mesh.arms, mesh.entrance_spacing, orders)
    column, row = np.rint(x).astype(int), np.rint(y).astype(int)
    reach = _reach(sharpness)
    window = np.arange(-reach, reach + 1)
    across, along = (
        _gaussian(window, position - pixel, sharpness) * _inside(pixel, window, size)
        for position, pixel in zip((x[:, None], y[:, None]), (column[:, None], row[:, None]), strict=True)
    )
    core = _gaussian(window, 0.0, sharpness)
    total = np.sum(intensity * across.sum(axis=1) * along.sum(axis=1))
    weights = np.append((1 - _OPEN_FRACTION) * intensity / (total or 1.0), _OPEN_FRACTION / core.sum() ** 2)
    across, along = np.vstack([across, core]), np.vstack([along, core])
    column, row = np.append(column, 0), np.append(row, 0)

    half = len(pattern) // 2 + reach
    pattern = np.pad(pattern, reach)
    margin = half + reach  # a spot in the frame may belong to a pixel that is not
    frame = np.zeros((size + 2 * margin,) * 2)
    for i in np.flatnonzero(across.any(axis=1) & along.any(axis=1)):
        patch = convolve1d(pattern, along[i] * weights[i], axis=0, mode="constant")
        patch = convolve1d(patch, across[i], axis=1, mode="constant")
        top, left = (margin - half + size // 2 + pixel[i] for pixel in (row, column))
        frame[top : top + 2 * half + 1, left : left + 2 * half + 1] += patch
    result: np.ndarray = frame[margin : margin + size, margin : margin + size].copy()
    result /= result.sum()
    return result


def _focal_plane_pattern(spacing: float, sharpness: float, orders: int) -> np.ndarray:
    """Compute the point spread function of the focal-plane mesh on the smallest grid that contains it."""
    x, y, intensity = _spots(_FOCAL_PLANE_ARMS, spacing, orders)
    half = int(np.ceil(np.abs([x, y]).max())) + _reach(sharpness)
    pixels = np.arange(-half, half + 1)
    along = _gaussian(pixels, y[:, None], sharpness) * intensity[:, None]
    spots = along.T @ _gaussian(pixels, x[:, None], sharpness)
    profile = _gaussian(pixels, 0.0, sharpness)
    core = np.outer(profile, profile)
    pattern: np.ndarray = (1 - _OPEN_FRACTION) * spots / spots.sum() + _OPEN_FRACTION * core / core.sum()
    return pattern


def _spots(arms: tuple[float, ...], spacing: float, orders: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the positions and the intensities of the diffraction spots of a mesh."""
    order = np.concatenate([np.arange(-orders, 0), np.arange(1, orders + 1)])
    angle = np.radians(arms)[:, None]
    intensity = np.tile(np.sinc(order * _WIRE_WIDTH / _MESH_PITCH) ** 2, len(arms))
    return (spacing * np.cos(angle) * order).ravel(), (spacing * np.sin(angle) * order).ravel(), intensity


def _reach(sharpness: float) -> int:
    """Return the distance in pixels from the pixel of a spot beyond which it is negligible."""
    return int(np.ceil(np.sqrt(_LARGEST_EXPONENT / sharpness)))


def _gaussian(pixels: np.ndarray, position: np.ndarray | float, sharpness: float) -> np.ndarray:
    exponent = sharpness * (pixels - position) ** 2
    values: np.ndarray = np.where(exponent < _LARGEST_EXPONENT, np.exp(-np.minimum(exponent, _LARGEST_EXPONENT)), 0)
    return values


def _inside(pixel: np.ndarray, window: np.ndarray, size: int) -> np.ndarray:
    """Return which pixels of the windows about some pixels are in the frame."""
    position: np.ndarray = pixel + window + size // 2
    return (position >= 0) & (position < size)
