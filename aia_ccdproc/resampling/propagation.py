"""What a kernel reaches about the output pixels of a block: their variance, and whether a bad pixel touches them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import ndimage

from aia_ccdproc.plugin.resampling import TOUCHING_WEIGHT
from aia_ccdproc.resampling.kernels import Kernel

__all__ = ["Surroundings"]

#: Weights that are looked up in one go: few enough for a processor's cache.
_CACHE = 2**20


class Surroundings:
    """Output pixels whose places in a window of the input are known, and what their kernel reaches there.

    Parameters
    ----------
    kernel : `Kernel`
        The weights.
    window : tuple of slice
        Rows and columns of the input: all that the kernel reaches within the image.
    x, y : `~numpy.ndarray`
        Positions in the input, pixels from 0; of no matter where they are NaN.
    """

    def __init__(self, kernel: Kernel, window: tuple[slice, slice], x: np.ndarray, y: np.ndarray) -> None:
        self.kernel, self.window, self.shape = kernel, window, x.shape
        self.x, self.y = (
            np.clip(np.nan_to_num(position.ravel()), -kernel.overhang, size - 1 + kernel.overhang)
            for position, size in ((x, kernel.shape[1]), (y, kernel.shape[0]))
        )
        self.width = window[1].stop - window[1].start + 2 * kernel.reach
        row, column = (np.floor(v) - w.start + 1 for v, w in ((self.y, window[0]), (self.x, window[1])))
        #: Where, in the padded window, the first pixel is that the kernel reaches.
        self.first = (row * self.width + column).astype(np.intp)

    def variance(self, plane: np.ndarray) -> np.ndarray:
        """Propagate the variance of independent input pixels: the sum of weight**2 times variance.

        Parameters
        ----------
        plane : `~numpy.ndarray`
            Variance of the input.

        Returns
        -------
        `~numpy.ndarray`
            Variance of the output, float32.
        """
        padded = self._padded(plane)
        pieces = [
            sum((weight * weight * value for weight, value in self._reached(padded, piece)), start=np.float32(0))
            for piece in self._pieces(np.arange(self.first.size))
        ]
        return np.concatenate(pieces).reshape(self.shape)

    def flags(self, plane: np.ndarray) -> np.ndarray:
        """Find the worst flag of which the pixels, or those that are worse, have more than `TOUCHING_WEIGHT` of weight.

        Parameters
        ----------
        plane : `~numpy.ndarray`
            Flags of the input.

        Returns
        -------
        `~numpy.ndarray`
            Flags of the output, uint8.
        """
        padded = self._padded(plane)
        worst = np.zeros(self.first.size, dtype=np.uint8)
        size = 2 * self.kernel.reach
        nearby = ndimage.maximum_filter(padded.reshape(-1, self.width), size, origin=-(size // 2))
        for piece in self._pieces(np.flatnonzero(nearby.ravel().take(self.first))):
            masked, invalid = np.zeros((2, piece.size), dtype=np.float32)
            for weight, value in self._reached(padded, piece):
                masked += np.abs(weight) * (value > 0)
                invalid += np.abs(weight) * (value > 1)
            worst[piece] = (masked > TOUCHING_WEIGHT).astype(np.uint8) + (invalid > TOUCHING_WEIGHT)
        return worst.reshape(self.shape)

    def _padded(self, plane: np.ndarray) -> np.ndarray:
        return np.pad(plane[self.window], self.kernel.reach).ravel()

    def _pieces(self, pixels: np.ndarray) -> list[np.ndarray]:
        """Split pixels so that their weights fit into a processor's cache."""
        return np.array_split(pixels, pixels.size * (2 * self.kernel.reach) ** 2 // _CACHE + 1)

    def _reached(self, padded: np.ndarray, piece: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Give weight and value of every pixel that the kernel reaches."""
        first, reach = self.first[piece], self.kernel.reach
        for down, along, weight in self.kernel.taps(self.x[piece], self.y[piece]):
            yield weight, padded[(down + reach - 1) * self.width + along + reach - 1 :].take(first)
