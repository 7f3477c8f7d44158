"""Propagation of variance and of flags through a resampling kernel."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import scipy  # its subpackages are imported at their first use

from aia_ccdproc.plugin.resampling import BAD_WEIGHT_THRESHOLD, INVALID, MASKED
from aia_ccdproc.resampling.kernels import Kernel

__all__ = ["CHUNK_WEIGHTS", "KernelFootprint", "flags_of_weights"]

#: Weights that are computed at a time; few enough for the cache of a processor.
CHUNK_WEIGHTS = 2**20


def flags_of_weights(bad: np.ndarray, invalid: np.ndarray) -> np.ndarray:
    """Return the flags of output pixels.

    Parameters
    ----------
    bad : `~numpy.ndarray`
        Total weight of the masked and invalid input pixels in each output pixel.
    invalid : `~numpy.ndarray`
        Total weight of the invalid input pixels in each output pixel.

    Returns
    -------
    `~numpy.ndarray`
        Flags, uint8: 0 good, 1 masked, 2 invalid.
    """
    flags = np.where(bad > BAD_WEIGHT_THRESHOLD, MASKED, 0)
    return np.where(invalid > BAD_WEIGHT_THRESHOLD, INVALID, flags).astype(np.uint8)


class KernelFootprint:
    """The input pixels that a kernel reaches from the output pixels of a block.

    Parameters
    ----------
    kernel : `~aia_ccdproc.resampling.kernels.Kernel`
        The weights.
    window : tuple of slice
        Rows and columns of the part of the input that contains all pixels within reach of the kernel.
    x, y : `~numpy.ndarray`
        Positions of the output pixels in the input, pixels from 0. The result is arbitrary where they are NaN.
    """

    def __init__(self, kernel: Kernel, window: tuple[slice, slice], x: np.ndarray, y: np.ndarray) -> None:
        self.kernel, self.window, self.shape = kernel, window, x.shape
        self.x, self.y = (
            np.clip(np.nan_to_num(position.ravel()), -kernel.overhang, size - 1 + kernel.overhang)
            for position, size in ((x, kernel.shape[1]), (y, kernel.shape[0]))
        )
        self.width = window[1].stop - window[1].start + 2 * kernel.reach
        row, column = (np.floor(v) - w.start + 1 for v, w in ((self.y, window[0]), (self.x, window[1])))
        #: Index, in the padded window, of the first pixel that the kernel reaches.
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
            Variance of the output pixels, float32.
        """
        padded = self._padded(plane)
        chunks = [
            sum((weight * weight * value for weight, value in self._weighted(padded, chunk)), start=np.float32(0))
            for chunk in self._chunks(np.arange(self.first.size))
        ]
        return np.concatenate(chunks).reshape(self.shape)

    def flags(self, plane: np.ndarray) -> np.ndarray:
        """Propagate the flags of the input pixels.

        Parameters
        ----------
        plane : `~numpy.ndarray`
            Flags of the input: 0 good, 1 masked, 2 invalid.

        Returns
        -------
        `~numpy.ndarray`
            Flags of the output pixels, uint8. A pixel is invalid if the total weight of invalid input pixels is above
            `~aia_ccdproc.plugin.BAD_WEIGHT_THRESHOLD`; it is masked if that of masked and invalid ones is.
        """
        padded = self._padded(plane)
        result = np.zeros(self.first.size, dtype=np.uint8)
        size = 2 * self.kernel.reach
        nearby = scipy.ndimage.maximum_filter(padded.reshape(-1, self.width), size, origin=-(size // 2))
        for chunk in self._chunks(np.flatnonzero(nearby.ravel().take(self.first))):
            bad, invalid = np.zeros((2, chunk.size), dtype=np.float32)
            for weight, value in self._weighted(padded, chunk):
                bad += np.abs(weight) * (value >= MASKED)
                invalid += np.abs(weight) * (value >= INVALID)
            result[chunk] = flags_of_weights(bad, invalid)
        return result.reshape(self.shape)

    def _padded(self, plane: np.ndarray) -> np.ndarray:
        return np.pad(plane[self.window], self.kernel.reach).ravel()

    def _chunks(self, pixels: np.ndarray) -> list[np.ndarray]:
        """Split output pixels so that their weights fit into the cache of a processor."""
        return np.array_split(pixels, pixels.size * (2 * self.kernel.reach) ** 2 // CHUNK_WEIGHTS + 1)

    def _weighted(self, padded: np.ndarray, chunk: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield weight and value of every input pixel that the kernel reaches."""
        first, reach = self.first[chunk], self.kernel.reach
        for row, column, weight in self.kernel.taps(self.x[chunk], self.y[chunk]):
            yield weight, padded[(row + reach - 1) * self.width + column + reach - 1 :].take(first)
