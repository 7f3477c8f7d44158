"""The model of an observation: what the camera sees of an image, and how well that agrees with its counts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from aia_ccdproc_psf.fourier import Convolver

__all__ = ["Observation", "Residuals"]

#: Smallest expected number of counts by which counts are divided.
_TINY = 1e-6


@dataclass
class Observation:  # numpydoc ignore=PR02
    """The counts of an image, and the model with which an estimate of the true image is compared with them.

    All arrays have the shape ``(ny, nx)`` and belong to the namespace ``xp`` of the array API. The expected counts are
    the estimate convolved with the point spread function, and the light that surroundings of uniform brightness scatter
    into the image.

    Parameters
    ----------
    xp : module
        Namespace of the arrays: numpy, or one of array-api-compat.
    convolver : `~aia_ccdproc_psf.fourier.Convolver`
        Convolution with the point spread function.
    counts : array
        Counts, finite everywhere.
    weights : array or None
        1 for good pixels and 0 for others; None if all are good.
    variance : array or None
        Variance of the counts. If None, it is that of photons: the counts, at least 1.
    positive : bool
        Keep estimates from becoming negative.
    surroundings : float
        First value of the brightness of the surroundings. 0 for dark surroundings, whose brightness is not fitted.
    """

    xp: Any
    convolver: Convolver
    counts: Any
    weights: Any = None
    variance: Any = None
    positive: bool = True
    surroundings: float = 0.0
    response: Any = field(init=False)
    """Fraction of the light of each pixel that reaches good pixels."""
    leak: Any = field(init=False, default=None)
    """Counts in each pixel from surroundings of brightness 1; None for dark surroundings."""
    good: float = field(init=False)
    """Number of good pixels."""

    def __post_init__(self) -> None:
        ones = self.xp.ones_like(self.counts)
        uniform = ones
        if self.surroundings:
            uniform = self.convolved(ones)
            self.leak = self.xp.where(uniform < 1, 1 - uniform, 0 * uniform)
        weights = ones if self.weights is None else self.weights
        self.response = self.convolved(weights, adjoint=True)
        self.good = float(self.xp.sum(weights))
        if self.leak is not None:
            self._leak_total = float(self.xp.sum(self.leak * weights)) or 1.0

    def convolved(self, image: Any, *, adjoint: bool = False) -> Any:
        """Convolve an image with the point spread function.

        Parameters
        ----------
        image : array
            The image.
        adjoint : bool
            Convolve with the point spread function that is turned by 180 degrees.

        Returns
        -------
        array
            New image.
        """
        result = self.xp.empty_like(image)

        def store(rows: slice, values: Any) -> None:
            result[rows] = values

        self.convolver.apply(lambda rows: image[rows], store, adjoint=adjoint)
        return result

    def expected(self, rows: slice, convolved: Any) -> Any:
        """Compute the expected counts.

        Parameters
        ----------
        rows : slice
            Rows of the image.
        convolved : array
            These rows of the estimate convolved with the point spread function.

        Returns
        -------
        array
            Expected counts of these rows.
        """
        return convolved if self.leak is None else convolved + self.surroundings * self.leak[rows]

    def ratio(self, rows: slice, expected: Any) -> Any:
        """Divide the counts by the expected counts.

        Parameters
        ----------
        rows : slice
            Rows of the image.
        expected : array
            Expected counts of these rows.

        Returns
        -------
        array
            The quotient, and 0 for pixels that are not good.
        """
        xp = self.xp
        ratio = self.counts[rows] / xp.where(xp.abs(expected) < _TINY, _TINY + 0 * expected, expected)
        return ratio if self.weights is None else ratio * self.weights[rows]

    def limited(self, estimate: Any) -> Any:
        """Set negative values of an estimate to 0, if estimates must be positive.

        Parameters
        ----------
        estimate : array
            An estimate, or rows of it.

        Returns
        -------
        array
            The estimate without negative values, or unchanged.
        """
        return self.xp.where(estimate > 0, estimate, 0 * estimate) if self.positive else estimate

    def scale_surroundings(self, ratio: Any) -> None:
        """Correct the brightness of the surroundings as Richardson-Lucy corrects a pixel.

        Parameters
        ----------
        ratio : array
            Counts divided by expected counts, 0 for pixels that are not good.
        """
        if self.leak is not None:
            self.surroundings *= max(float(self.xp.sum(self.leak * ratio)) / self._leak_total, 0.0)

    def shift_surroundings(self, residual: Any) -> None:
        """Correct the brightness of the surroundings as Basic Iterative Deconvolution corrects a pixel.

        Parameters
        ----------
        residual : array
            Counts minus expected counts, 0 for pixels that are not good.
        """
        if self.leak is not None:
            shift = float(self.xp.sum(self.leak * residual)) / self._leak_total
            self.surroundings = max(self.surroundings + shift, _TINY)


class Residuals:
    """The reduced chi-square of an estimate, summed over blocks of rows.

    Parameters
    ----------
    observation : `Observation`
        The counts and their variance.
    """

    def __init__(self, observation: Observation) -> None:
        self._observation = observation
        self._sums: list[float] = []  # append is safe in threads

    def add(self, rows: slice, expected: Any) -> None:
        """Add rows.

        Parameters
        ----------
        rows : slice
            Rows of the image.
        expected : array
            Expected counts of these rows.
        """
        known = self._observation
        xp, counts = known.xp, known.counts[rows]
        variance = xp.where(counts > 1, counts, 1 + 0 * counts) if known.variance is None else known.variance[rows]
        squares = (counts - expected) ** 2 / variance
        self._sums.append(float(xp.sum(squares if known.weights is None else squares * known.weights[rows])))

    @property
    def chi_square(self) -> float:
        """The reduced chi-square.

        Returns
        -------
        float
            Mean of the squared residuals in units of the noise.
        """
        return sum(sorted(self._sums)) / max(self._observation.good, 1.0)
