"""The map from the pixels of one grid to those of another, block by block, and in the form that reproject needs."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np
from astropy import units
from astropy.wcs import WCS
from astropy.wcs.utils import pixel_to_pixel
from astropy.wcs.wcsapi import BaseLowLevelWCS, HighLevelWCSWrapper, SlicedLowLevelWCS

from aia_ccdproc.plugin.linear_wcs import affine_map

__all__ = ["AffineMap", "Block", "CelestialMap", "PixelMap", "Positions", "TangentMap"]

#: Two coordinates of every pixel.
Positions: TypeAlias = tuple[np.ndarray, np.ndarray]


class Block(NamedTuple):
    """A rectangle of pixels."""

    rows: slice
    columns: slice

    @property
    def shape(self) -> tuple[int, int]:
        """The number of rows and columns.

        Returns
        -------
        tuple of int
            Rows and columns.
        """
        return self.rows.stop - self.rows.start, self.columns.stop - self.columns.start


class PixelMap(Protocol):
    """The positions of the output pixels in the input."""

    #: Derivative of the input position with respect to the output position, x before y, shape ``(2, 2)``; None if it
    #: differs from pixel to pixel.
    matrix: np.ndarray | None

    def positions(self, rows: np.ndarray, columns: np.ndarray) -> Positions:
        """Compute the positions of output pixels in the input.

        Parameters
        ----------
        rows, columns : `~numpy.ndarray`
            Output pixels from 0, with shapes that broadcast.

        Returns
        -------
        tuple of `~numpy.ndarray`
            The positions x and y in the input, pixels from 0; NaN if the pixel has no position there.
        """

    def wcs_pair(self, window: Block, block: Block) -> tuple[Any, Any]:
        """Return a WCS for a window of the input and one for a block of the output, for reproject.

        Parameters
        ----------
        window, block : `Block`
            Input and output pixels.

        Returns
        -------
        tuple of `~astropy.wcs.WCS` or `~astropy.wcs.wcsapi.BaseLowLevelWCS`
            The WCS of each.
        """


class _PixelWCS(BaseLowLevelWCS):  # type: ignore[misc]
    """A WCS whose world coordinates are its pixel coordinates, in astropy's common interface for WCSs (APE 14)."""

    pixel_n_dim = world_n_dim = 2
    world_axis_physical_types = (None, None)
    world_axis_units = ("pix", "pix")
    world_axis_object_components = (("x", 0, "value"), ("y", 0, "value"))
    world_axis_object_classes = MappingProxyType(
        {axis: (units.Quantity, (), {"unit": units.pix, "copy": False}) for axis in "xy"}
    )

    def pixel_to_world_values(self, *pixel_arrays: np.ndarray) -> Positions:
        return np.asarray(pixel_arrays[0]), np.asarray(pixel_arrays[1])

    def world_to_pixel_values(self, *world_arrays: np.ndarray) -> Positions:
        return world_arrays[0], world_arrays[1]


class _AffineWCS(_PixelWCS):
    """A WCS whose world coordinates are matrix @ (x, y) + offset.

    `~astropy.wcs.WCS` takes several times as long for the same computation, and is not thread-safe.
    """

    def __init__(self, matrix: np.ndarray, offset: np.ndarray) -> None:
        self.matrix, self.offset = matrix, offset

    def pixel_to_world_values(self, *pixel_arrays: np.ndarray) -> Positions:
        x, y = pixel_arrays
        (xx, xy), (yx, yy) = self.matrix
        # Of a single pixel, the sums are numbers, and astropy needs arrays.
        return np.asarray(x * xx + y * xy + self.offset[0]), np.asarray(x * yx + y * yy + self.offset[1])

    def world_to_pixel_values(self, *world_arrays: np.ndarray) -> Positions:
        inverse = np.linalg.inv(self.matrix)
        return _AffineWCS(inverse, -inverse @ self.offset).pixel_to_world_values(*world_arrays)


class AffineMap(PixelMap):
    """The map between two linear WCSs.

    Parameters
    ----------
    input_wcs, output_wcs : `~astropy.wcs.WCS`
        Linear WCSs with the same world coordinates.
    shift : float
        Pixels by which positions are moved along both axes.
    """

    def __init__(self, input_wcs: WCS, output_wcs: WCS, shift: float = 0.0) -> None:
        affine = affine_map(input_wcs, output_wcs)
        self.matrix, self.offset = affine[:, :2], affine[:, 2] + shift

    def positions(self, rows: np.ndarray, columns: np.ndarray) -> Positions:
        return _AffineWCS(self.matrix, self.offset).pixel_to_world_values(columns, rows)

    def wcs_pair(self, window: Block, block: Block) -> tuple[Any, Any]:
        start = np.array([block.columns.start, block.rows.start])
        corner = np.array([window.columns.start, window.rows.start])
        return _PixelWCS(), _AffineWCS(self.matrix, self.matrix @ start + self.offset - corner)


class CelestialMap(PixelMap):
    """The map between two celestial WCSs.

    Parameters
    ----------
    input_wcs, output_wcs : `~astropy.wcs.WCS`
        Celestial WCSs.
    """

    matrix: np.ndarray | None = None

    def __init__(self, input_wcs: WCS, output_wcs: WCS) -> None:
        self._input, self._output = input_wcs, output_wcs

    def positions(self, rows: np.ndarray, columns: np.ndarray) -> Positions:
        # WCS objects are not thread-safe.
        x, y = pixel_to_pixel(self._output.deepcopy(), self._input.deepcopy(), *np.broadcast_arrays(columns, rows))
        return x, y

    def wcs_pair(self, window: Block, block: Block) -> tuple[Any, Any]:
        return _WindowWCS(self._input, window), _WindowWCS(self._output, block)


class _WindowWCS(HighLevelWCSWrapper):  # type: ignore[misc]
    """The WCS of a window of an image.

    The coordinates of the pixels are shifted, not CRPIX: a distortion has a reference of its own.
    """

    def __init__(self, wcs: WCS, window: Block) -> None:
        self._wcs, self._window = wcs.deepcopy(), window
        super().__init__(SlicedLowLevelWCS(self._wcs, window))

    def pixel_to_world(self, *pixel_arrays: Any) -> Any:
        x, y = pixel_arrays
        return self._wcs.pixel_to_world(
            np.add(x, self._window.columns.start, dtype=float), np.add(y, self._window.rows.start, dtype=float)
        )

    def world_to_pixel(self, *world_objects: Any) -> Positions:
        x, y = self._wcs.world_to_pixel(*world_objects)
        return np.asarray(x) - self._window.columns.start, np.asarray(y) - self._window.rows.start


class TangentMap(CelestialMap):
    """The map between two undistorted tangent projections about the same point, for methods that need a sphere.

    Parameters
    ----------
    input_wcs, output_wcs : `~astropy.wcs.WCS`
        Celestial WCSs whose map is affine.
    """

    def __init__(self, input_wcs: WCS, output_wcs: WCS) -> None:
        super().__init__(input_wcs, output_wcs)
        self.matrix = _derivative(input_wcs, output_wcs)

    def wcs_pair(self, window: Block, block: Block) -> tuple[Any, Any]:
        return _shifted(self._input, window), _shifted(self._output, block)


def _shifted(wcs: WCS, block: Block) -> WCS:
    shifted = wcs.deepcopy()
    shifted.wcs.crpix = shifted.wcs.crpix - [block.columns.start, block.rows.start]
    return shifted


def _derivative(input_wcs: WCS, output_wcs: WCS) -> np.ndarray:
    return np.linalg.solve(input_wcs.pixel_scale_matrix, output_wcs.pixel_scale_matrix)
