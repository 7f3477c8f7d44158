"""The uncertainty of a deconvolved image, by a linear filter or by realizations of the noise."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy import fft

from aia_ccdproc.plugin import thread_count
from aia_ccdproc_psf.fourier import Convolution

__all__ = ["filtered_sigma", "monte_carlo_sigma"]


def filtered_sigma(
    sigma: np.ndarray,
    otf: np.ndarray,
    padded: tuple[int, int],
    *,
    accelerations: Sequence[float],
    basic: bool,
) -> np.ndarray:
    r"""Compute the noise that a deconvolution makes of independent noise, as if it were a linear filter.

    Parameters
    ----------
    sigma : `~numpy.ndarray`
        Standard deviation of the pixels, shape ``(ny, nx)``.
    otf : `~numpy.ndarray`
        Transfer function of the point spread function.
    padded : tuple of int
        Rows and columns of its Fourier transform.
    accelerations : sequence of float
        Factor of extrapolation before each iteration.
    basic : bool
        True for Basic Iterative Deconvolution, which is linear. False for Richardson-Lucy.

    Returns
    -------
    `~numpy.ndarray`
        Standard deviation of the deconvolved pixels, float32, in the same unit, shape ``(ny, nx)``.

    Notes
    -----
    An iteration multiplies each frequency of the estimate by :math:`1 - H` and adds the counts (BID), or multiplies it
    by :math:`1 - |H|^2` and adds the counts times the complex conjugate of H (Richardson-Lucy, near a uniform image).
    After the last iteration the counts are multiplied by a filter G. The variance is that of the counts convolved with
    the square of G's kernel.
    """
    added = np.ones_like(otf) if basic else otf.conj()
    kept = 1 - added * otf
    last = gain = np.ones_like(otf)
    for acceleration in accelerations:
        predicted = gain + np.float32(acceleration) * (gain - last) if acceleration else gain
        last, gain = gain, kept * predicted + added
    del kept, last, added
    kernel = fft.irfft2(gain.astype(np.complex64), s=padded, workers=thread_count(), overwrite_x=True)
    kernel *= kernel
    squared = fft.rfft2(kernel, workers=thread_count())
    variance = np.empty(sigma.shape, np.float32)

    def store(rows: slice, values: np.ndarray) -> None:
        np.maximum(values, 0, out=variance[rows])

    convolution = Convolution(squared, padded, sigma.shape)
    convolution.load(lambda rows: (sigma[rows] ** 2).astype(np.float32, copy=False))
    convolution.convolve()
    convolution.process(store)
    return np.sqrt(variance, out=variance)


def monte_carlo_sigma(
    counts: np.ndarray, sigma: np.ndarray, realizations: int, deconvolved: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """Compute the noise of a deconvolution from realizations of the noise of its input.

    Parameters
    ----------
    counts : `~numpy.ndarray`
        The image, shape ``(ny, nx)``.
    sigma : `~numpy.ndarray`
        Standard deviation of its pixels, shape ``(ny, nx)``.
    realizations : int
        Number of realizations, at least 2.
    deconvolved : callable
        Deconvolves an image.

    Returns
    -------
    `~numpy.ndarray`
        Standard deviation of the deconvolved pixels, float32, shape ``(ny, nx)``. The same input gives the same result.
    """
    random = np.random.default_rng(0)
    mean = np.zeros(counts.shape, np.float32)
    squares = np.zeros(counts.shape, np.float32)
    for number in range(1, realizations + 1):
        noise = random.standard_normal(counts.shape, dtype=np.float32)
        image = deconvolved(counts + noise * sigma)
        difference = image - mean  # Welford's algorithm: differences are accurate in float32
        mean += difference / number
        squares += difference * (image - mean)
    spread: np.ndarray = np.sqrt(squares / np.float32(realizations - 1))
    return spread
