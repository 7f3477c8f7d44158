"""The model of an observation: what the camera sees of an image, and how well that agrees with its counts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from aia_ccdproc_psf.fourier import Convolver

__all__ = ["Observation", "Residuals"]

#: Smallest expected number of counts by which counts are divided.
_TINY = 1e-6
#: A pixel of which the good pixels receive a smaller fraction of its light is not corrected.
_LEAST_RESPONSE = 1e-3
#: Differences from 1 that are rounding errors.
_ROUNDING = 1e-5


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
    saturated : array or None
        Saturated pixels, bool. Their true counts are at least ``counts``. None if there are none.
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
    saturated: Any = None
    variance: Any = None
    positive: bool = True
    surroundings: float = 0.0
    uniform: Any = field(init=False, default=None)
    """A uniform image of brightness 1, convolved; None for dark surroundings. What it lacks comes from outside."""
    response: Any = field(init=False)
    """Fraction of the light of each pixel that reaches good pixels; None if it is 1 everywhere."""
    unseen: Any = field(init=False, default=None)
    """Pixels whose light hardly reaches good pixels; None if there are none."""
    good: float = field(init=False)
    """Number of good pixels."""

    def __post_init__(self) -> None:
        xp = self.xp
        ones = xp.ones_like(self.counts)
        weights = ones if self.weights is None else self.weights
        self.good = float(xp.sum(weights, dtype=xp.float64))
        if self.surroundings:
            self.uniform = self.convolved(ones)
            seen = self.uniform if self.weights is None else self.uniform * self.weights
            self._leak = max(self.good - float(xp.sum(seen, dtype=xp.float64)), _TINY)
        if self.weights is None and self.uniform is not None and self.convolver.symmetric:
            self.response = self.uniform
        else:
            response = self.convolved(weights, adjoint=True)
            complete = float(xp.min(response)) > 1 - _ROUNDING and float(xp.max(response)) < 1 + _ROUNDING
            self.response = None if complete else response
        if self.weights is not None and self.response is not None:
            self.unseen = self.response < _LEAST_RESPONSE

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
            These rows of the estimate convolved with the point spread function; changed in place.

        Returns
        -------
        array
            Expected counts of these rows.
        """
        if self.uniform is not None:
            convolved += self.surroundings
            convolved -= self.surroundings * self.uniform[rows]
        return convolved

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
            The quotient. It is 0 for pixels that are not good, and at least 1 for saturated pixels.
        """
        if self.positive:
            divisor = self.xp.clip(expected, _TINY, None)
        else:
            divisor = self.xp.where(self.xp.abs(expected) < _TINY, _TINY + 0 * expected, expected)
        ratio = self.counts[rows] / divisor
        if self.saturated is not None:
            ratio = self.xp.where(self.saturated[rows], self.xp.clip(ratio, 1, None), ratio)
        return ratio if self.weights is None else ratio * self.weights[rows]

    def residual(self, rows: slice, expected: Any) -> Any:
        """Subtract the expected counts from the counts.

        Parameters
        ----------
        rows : slice
            Rows of the image.
        expected : array
            Expected counts of these rows.

        Returns
        -------
        array
            The difference. It is 0 for pixels that are not good, and not negative for saturated pixels.
        """
        residual = self.counts[rows] - expected
        if self.saturated is not None:
            residual = self.xp.where(self.saturated[rows], self.xp.clip(residual, 0, None), residual)
        return residual if self.weights is None else residual * self.weights[rows]

    def correction(self, rows: slice, projected: Any) -> Any:
        """Compute the factors by which Richardson-Lucy corrects an estimate.

        Parameters
        ----------
        rows : slice
            Rows of the image.
        projected : array
            These rows of the ratio of counts and expected counts, convolved with the turned point spread function.

        Returns
        -------
        array
            The factors: 1 for pixels that no good pixel sees.
        """
        factor = projected if self.response is None else projected / self.response[rows]
        if self.unseen is not None:
            factor = self.xp.where(self.unseen[rows], 1 + 0 * factor, factor)
        return self.limited(factor)

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
        return self.xp.clip(estimate, 0, None) if self.positive else estimate

    def from_outside(self, rows: slice, plane: Any) -> float:
        """Sum a plane, weighted by the light that comes from the surroundings.

        Parameters
        ----------
        rows : slice
            Rows of the image.
        plane : array
            These rows of the plane.

        Returns
        -------
        float
            The sum; 0 for dark surroundings.
        """
        return 0.0 if self.uniform is None else float(self.xp.sum((1 - self.uniform[rows]) * plane))

    def scale_surroundings(self, ratios: list[float]) -> None:
        """Correct the brightness of the surroundings as Richardson-Lucy corrects a pixel.

        Parameters
        ----------
        ratios : list of float
            Sums, by `from_outside`, of the ratio of counts and expected counts.
        """
        if self.uniform is not None:
            self.surroundings *= max(sum(sorted(ratios)) / self._leak, 0.0)

    def shift_surroundings(self, residuals: list[float]) -> None:
        """Correct the brightness of the surroundings as Basic Iterative Deconvolution corrects a pixel.

        Parameters
        ----------
        residuals : list of float
            Sums, by `from_outside`, of counts minus expected counts.
        """
        if self.uniform is not None:
            self.surroundings = max(self.surroundings + sum(sorted(residuals)) / self._leak, _TINY)


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
        variance = xp.clip(counts, 1, None) if known.variance is None else known.variance[rows]
        self._sums.append(float(xp.sum(known.residual(rows, expected) ** 2 / variance)))

    @property
    def chi_square(self) -> float:
        """The reduced chi-square.

        Returns
        -------
        float
            Mean of the squared residuals in units of the noise.
        """
        return sum(sorted(self._sums)) / max(self._observation.good, 1.0)
