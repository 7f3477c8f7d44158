"""Convolution of images with a point spread function, by Fourier transforms, without wrap-around."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol, TypeAlias

import numpy as np
from scipy import fft

from aia_ccdproc.plugin import map_in_threads, thread_count
from aia_ccdproc_psf.models import check_psf

__all__ = ["Convolution", "Convolver", "Sink", "Source", "optical_transfer_function", "padded_shape", "transfer"]

#: Returns some rows of the image that is convolved.
Source: TypeAlias = Callable[[slice], Any]
#: Receives some rows of the convolved image.
Sink: TypeAlias = Callable[[slice, Any], None]

#: Rows and columns that one thread transforms at a time: they should fit into the cache of a core.
_ROWS, _COLUMNS = 64, 32
#: The imaginary part of a transfer function counts as rounding errors if it is smaller than this.
_ROUNDING = 5e-6


class Convolver(Protocol):
    """Convolution of images of one shape with one point spread function."""

    symmetric: bool
    """Whether the point spread function is the same after a turn by 180 degrees."""

    def apply(self, source: Source, sink: Sink, *, adjoint: bool = False) -> None:
        """Convolve an image.

        Parameters
        ----------
        source : callable
            Returns the image's rows in a slice. All rows are requested before the first call of ``sink``.
        sink : callable
            Is called with a slice and these rows of the result, possibly from several threads at once.
        adjoint : bool
            Convolve with the point spread function that is turned by 180 degrees.
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


def padded_shape(shape: tuple[int, int], kernel_shape: tuple[int, int]) -> tuple[int, int]:
    """Return a fast shape of Fourier transforms in which no light wraps around.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of the image.
    kernel_shape : tuple of int
        Rows and columns of the point spread function, both odd.

    Returns
    -------
    tuple of int
        Rows and columns, products of small primes.
    """
    rows, columns = (
        fft.next_fast_len(n + min(k // 2, n - 1), real=True) for n, k in zip(shape, kernel_shape, strict=True)
    )
    return rows, columns


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
    wrapped = np.zeros((kernel.shape[0], shape[1]), np.float32)
    wrapped[:, np.arange(-before[1], after[1] + 1) % shape[1]] = kernel
    half = fft.rfft(wrapped, axis=1, workers=thread_count())
    del wrapped
    rows = np.arange(-before[0], after[0] + 1) % shape[0]
    result = np.empty((shape[0], half.shape[1]), np.complex64)

    def transform(columns: slice) -> None:
        block = np.zeros((half[:, columns].shape[1], shape[0]), np.complex64)
        block[:, rows] = half[:, columns].T
        result[:, columns] = fft.fft(block, axis=1, overwrite_x=True).T

    _in_threads([(transform, _slices(half.shape[1], _COLUMNS))])
    symmetric = max(float(np.abs(block.imag).max()) for block in result) < _ROUNDING
    return result.real.copy() if symmetric else result


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
        self._spectrum = np.empty((shape[0], otf.shape[1]), np.complex64)

    def apply(self, source: Source, sink: Sink, *, adjoint: bool = False) -> None:
        """Convolve an image, as `Convolver.apply`.

        Parameters
        ----------
        source : callable
            Returns rows of the image, float32.
        sink : callable
            Receives rows of the result, float32.
        adjoint : bool
            Convolve with the point spread function that is turned by 180 degrees.
        """
        spectrum, (rows, columns) = self._spectrum, self._shape

        def transform(part: slice) -> None:
            spectrum[part] = fft.rfft(source(part), n=self._padded[1], axis=1)

        def multiply(part: slice) -> None:
            otf = self._otf[:, part].T
            block = np.zeros(otf.shape, np.complex64)
            block[:, :rows] = spectrum[:, part].T
            block = fft.fft(block, axis=1, overwrite_x=True)
            block *= otf.conj() if adjoint else otf
            spectrum[:, part] = fft.ifft(block, axis=1, overwrite_x=True)[:, :rows].T

        def restore(part: slice) -> None:
            sink(part, fft.irfft(spectrum[part], n=self._padded[1], axis=1, overwrite_x=True)[:, :columns])

        row_slices = _slices(rows, _ROWS)
        _in_threads([(transform, row_slices), (multiply, _slices(spectrum.shape[1], _COLUMNS)), (restore, row_slices)])


def _slices(length: int, step: int) -> list[slice]:
    return [slice(start, min(start + step, length)) for start in range(0, length, step)]


def _in_threads(stages: Iterable[tuple[Callable[[slice], None], list[slice]]]) -> None:
    """Run functions one after the other, each on all of its slices in threads. scipy's transforms release the GIL."""
    for function, slices in stages:
        map_in_threads(function, slices)
