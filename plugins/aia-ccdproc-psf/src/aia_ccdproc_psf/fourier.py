"""Convolution of images with a point spread function, by Fourier transforms, without wrap-around."""

from __future__ import annotations

from collections.abc import Callable
from types import EllipsisType
from typing import Any, Protocol, TypeAlias

import numpy as np
from scipy import fft

from aia_ccdproc.plugin import map_in_threads, thread_count
from aia_ccdproc_psf.models import check_psf

__all__ = ["Convolution", "Convolver", "Rows", "Step", "optical_transfer_function", "padded_shape", "transfer"]

#: Rows of an image: a slice, or an ellipsis for all of them.
Rows: TypeAlias = slice | EllipsisType
#: Receives `Rows` and their values. Returns these rows of the next image, or None if there is no next image.
Step: TypeAlias = Callable[[Any, Any], Any]

#: Rows and columns that one thread transforms at a time: they should fit into the cache of a core.
_ROWS, _COLUMNS = 32, 32
#: Smaller Fourier transforms are computed in one thread: to start others takes longer than they save.
_SMALL = 2**18
#: Fraction of the light of a pixel at the border of an image that may enter at the opposite border.
_WRAPPED = 5e-4
#: A point spread function that differs by less of its light from itself, turned by 180 degrees, counts as symmetric.
_ASYMMETRY = 1e-5


class Convolver(Protocol):
    """Convolution with one point spread function of a sequence of images of one shape.

    It holds one image, as its Fourier transform. The pixels are transformed in blocks of rows, and each block of pixels
    is lost after its use.
    """

    symmetric: bool
    """Whether the point spread function is the same after a turn by 180 degrees."""

    def load(self, source: Callable[[Any], Any]) -> None:
        """Replace the image.

        Parameters
        ----------
        source : callable
            Returns the image's rows in a slice, or all for an ellipsis; may be called from several threads.
        """

    def convolve(self, *, adjoint: bool = False) -> None:
        """Convolve the image.

        Parameters
        ----------
        adjoint : bool
            Convolve with the point spread function that is turned by 180 degrees.
        """

    def process(self, step: Step) -> None:
        """Have a function use all rows of the image, and replace it by the one that the function returns.

        Parameters
        ----------
        step : callable
            Receives a slice, or an ellipsis for all rows, and these rows of the image, which it may change. It returns
            these rows of the next image, or None if there is none. It may be called from several threads.
        """


def optical_transfer_function(psf: np.ndarray, shape: tuple[int, int] | None = None) -> np.ndarray:
    """Compute the optical transfer function: the Fourier transform of a point spread function.

    Parameters
    ----------
    psf : `~numpy.ndarray`
        Point spread function with a sum of 1, shape ``(n, m)``; its source is at ``(n // 2, m // 2)``.
    shape : tuple of int, optional
        Rows and columns of the Fourier transform, at least those of ``psf``; by default the same.

    Returns
    -------
    `~numpy.ndarray`
        The half with frequencies of at least 0 along rows, as `scipy.fft.rfft2` orders it, shape
        ``(rows, columns // 2 + 1)``. It is float32 if the point spread function is symmetric about its center, and
        complex64 otherwise. Its first value is 1.

    Raises
    ------
    SettingsError
        If ``psf`` is not a point spread function.
    """
    kernel = check_psf(psf)
    return transfer(kernel, tuple(np.shape(psf)) if shape is None else shape)


def padded_shape(shape: tuple[int, int], kernel: np.ndarray) -> tuple[int, int]:
    """Return a fast shape of Fourier transforms in which hardly any light wraps around.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of the image.
    kernel : `~numpy.ndarray`
        Point spread function of odd shape.

    Returns
    -------
    tuple of int
        Rows and columns, products of small primes. A pixel receives at most 0.05 % of the light of the pixels at the
        opposite border.
    """
    rows, columns = (
        fft.next_fast_len(n + min(_reach(kernel.sum(axis=1 - axis, dtype=float)), n - 1), real=True)
        for axis, n in enumerate(shape)
    )
    return rows, columns


def _reach(profile: np.ndarray) -> int:
    """Return the distance from the middle of a profile beyond which there is hardly any light on either side."""
    middle = len(profile) // 2
    outside = np.maximum(np.cumsum(profile[:middle]), np.cumsum(profile[: -middle - 1 : -1]))
    return middle - int(np.count_nonzero(outside <= _WRAPPED))


def transfer(kernel: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Compute the transfer function of a kernel, column by column to save memory.

    Parameters
    ----------
    kernel : `~numpy.ndarray`
        Kernel of odd shape; its origin is its middle. What exceeds ``shape`` is cut off.
    shape : tuple of int
        Rows and columns of the Fourier transform.

    Returns
    -------
    `~numpy.ndarray`
        As `optical_transfer_function`.
    """
    middle = tuple(n // 2 for n in kernel.shape)
    before = tuple(min(m, n // 2) for m, n in zip(middle, shape, strict=True))
    after = tuple(min(m, (n - 1) // 2) for m, n in zip(middle, shape, strict=True))
    kernel = kernel[middle[0] - before[0] : middle[0] + after[0] + 1, middle[1] - before[1] : middle[1] + after[1] + 1]
    paired = kernel[before[0] - after[0] :, before[1] - after[1] :]
    symmetric = _asymmetry(paired) + float(kernel.sum() - paired.sum()) < _ASYMMETRY
    wrapped = np.zeros((kernel.shape[0], shape[1]), np.float32)
    wrapped[:, np.arange(-before[1], after[1] + 1) % shape[1]] = kernel
    half = fft.rfft(wrapped, axis=1, workers=thread_count())
    del wrapped
    rows = np.arange(-before[0], after[0] + 1) % shape[0]
    result = np.empty((shape[0], half.shape[1]), np.complex64)

    result = np.empty((shape[0], half.shape[1]), np.float32 if symmetric else np.complex64)

    def transform(columns: slice) -> None:
        block = np.zeros((shape[0], half[:, columns].shape[1]), np.complex64)
        block[rows] = half[:, columns]
        block = fft.fft(block, axis=0, overwrite_x=True)
        result[:, columns] = block.real if symmetric else block

    _map_blocks(transform, half.shape[1], _COLUMNS, shape)
    return result


def _asymmetry(kernel: np.ndarray) -> float:
    """Return the light by which a kernel of odd shape differs from itself, turned by 180 degrees."""
    turned = kernel[::-1, ::-1]
    upper = slice(len(kernel) // 2 + 1)  # the other rows are the same pairs of pixels
    return sum(float(np.abs(one - other).sum()) for one, other in zip(kernel[upper], turned[upper], strict=True))


class Convolution:
    """Convolution on the CPU, in blocks of rows and columns, on the threads that this process may use.

    Parameters
    ----------
    otf : `~numpy.ndarray`
        Transfer function, as `transfer` returns it.
    padded : tuple of int
        Rows and columns of the Fourier transform.
    shape : tuple of int
        Rows and columns of the images. They are padded by zeros.
    """

    def __init__(self, otf: np.ndarray, padded: tuple[int, int], shape: tuple[int, int]) -> None:
        self.symmetric = otf.dtype.kind == "f"
        self._otf = otf
        self._padded = padded
        self._shape = shape
        # The order of the memory is columns of blocks, rows, columns in a block: transforms along columns are then
        # those of contiguous memory.
        self._spectrum = np.empty((-(-otf.shape[1] // _COLUMNS), shape[0], _COLUMNS), np.complex64)

    def load(self, source: Callable[[slice], np.ndarray]) -> None:
        """Replace the image, as `Convolver.load`.

        Parameters
        ----------
        source : callable
            Returns rows of the image, float32.
        """
        self._map(lambda rows: self._store(rows, source(rows)), self._shape[0], _ROWS)

    def convolve(self, *, adjoint: bool = False) -> None:
        """Convolve the image, as `Convolver.convolve`.

        Parameters
        ----------
        adjoint : bool
            Convolve with the point spread function that is turned by 180 degrees.
        """

        def multiply(columns: slice) -> None:
            otf = self._otf[:, columns]
            columns_of_block = self._spectrum[columns.start // _COLUMNS, :, : otf.shape[1]]
            block = fft.fft(columns_of_block, n=self._padded[0], axis=0)
            block *= otf.conj() if adjoint and not self.symmetric else otf
            columns_of_block[:] = fft.ifft(block, axis=0, overwrite_x=True)[: self._shape[0]]

        self._map(multiply, self._otf.shape[1], _COLUMNS)

    def process(self, step: Step) -> None:
        """Have a function use all rows of the image, as `Convolver.process`.

        Parameters
        ----------
        step : callable
            Receives a slice and rows of the image, float32, and returns rows of the next image or None.
        """

        def restore(rows: slice) -> None:
            values = step(rows, fft.irfft(self._load(rows), n=self._padded[1], axis=1)[:, : self._shape[1]])
            if values is not None:
                self._store(rows, values)

        self._map(restore, self._shape[0], _ROWS)

    def _store(self, rows: slice, values: np.ndarray) -> None:
        """Transform rows, and store them."""
        half = fft.rfft(values, n=self._padded[1], axis=1)
        blocks, rest = divmod(half.shape[1], _COLUMNS)
        whole = half[:, : blocks * _COLUMNS].reshape(len(half), blocks, _COLUMNS)
        self._spectrum[:blocks, rows] = whole.swapaxes(0, 1)
        self._spectrum[blocks:, rows, :rest] = half[:, blocks * _COLUMNS :]

    def _load(self, rows: slice) -> np.ndarray:
        """Return the transforms of rows."""
        blocks = self._spectrum[:, rows].swapaxes(0, 1)
        return blocks.reshape(len(blocks), -1)[:, : self._otf.shape[1]]

    def _map(self, function: Callable[[slice], None], length: int, step: int) -> None:
        _map_blocks(function, length, step, self._padded)


def _map_blocks(function: Callable[[slice], None], length: int, step: int, shape: tuple[int, int]) -> None:
    """Call a function for all blocks of a plane, in threads if it is large. scipy's transforms release the GIL."""
    blocks = [slice(start, min(start + step, length)) for start in range(0, length, step)]
    map_in_threads(function, blocks, threads=1 if shape[0] * shape[1] < _SMALL else None)
