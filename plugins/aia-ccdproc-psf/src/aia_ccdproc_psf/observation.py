"""The model of an observation: what the camera sees of an image, and how well that agrees with its counts."""

from __future__ import annotations

from dataclasses import InitVar, dataclass, field
from typing import Any

from aia_ccdproc_psf.fourier import Convolver, Rows
from aia_ccdproc_psf.surroundings import Surroundings, uniform_image

__all__ = ["Observation", "Residuals"]

#: Smallest expected number of counts by which counts are divided.
_TINY = 1e-6
#: A pixel of which the good pixels receive a smaller fraction of its light is not corrected.
_LEAST_RESPONSE = 1e-3


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
        Counts, finite everywhere; not changed.
    bad : array or None
        Pixels without weight, bool; None if there are none.
    saturated : array or None
        Saturated pixels, bool. Their true counts are at least ``counts``. None if there are none.
    variance : array or None
        Variance of the counts. If None, it is that of photons: the counts, at least 1.
    positive : bool
        Negative counts count as 0, and estimates are kept from becoming negative.
    brightness : float
        First value of the brightness of the surroundings. 0 for dark surroundings, whose brightness is not fitted.
    """

    xp: Any
    convolver: Convolver
    counts: Any
    bad: Any = None
    saturated: Any = None
    variance: Any = None
    positive: bool = True
    brightness: InitVar[float] = 0.0
    surroundings: Surroundings | None = field(init=False, default=None)
    """The surroundings; None if they are dark."""
    response: Any = field(init=False, default=None)
    """Fraction of the light of each pixel that reaches good pixels: returns rows. None if it is 1 everywhere."""
    unseen: Any = field(init=False, default=None)
    """Pixels whose light hardly reaches good pixels; None if there are none."""
    good: float = field(init=False)
    """Number of good pixels."""

    def __post_init__(self, brightness: float) -> None:
        xp = self.xp
        uniform = uniform_image(xp, self.convolver, self.counts)
        received = self.counts.shape[0] * self.counts.shape[1] - uniform.total
        if self.bad is None:
            self.good = float(self.counts.shape[0] * self.counts.shape[1])
        else:
            weights = xp.where(self.bad, xp.zeros_like(self.counts), xp.ones_like(self.counts))
            self.good = float(xp.sum(weights, dtype=xp.float64))
            received = float(xp.sum((1 - uniform.rows[...]) * weights, dtype=xp.float64))
        if brightness:
            self.surroundings = Surroundings(xp, brightness, uniform, received)
        if self.bad is not None:
            self.response = self.convolved(weights, adjoint=True)
            self.unseen = self.response < _LEAST_RESPONSE
        elif not uniform.complete:
            symmetric = self.convolver.symmetric
            self.response = uniform.rows if symmetric else self.convolved(xp.ones_like(self.counts), adjoint=True)

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

        def store(rows: Rows, values: Any) -> None:
            result[rows] = values

        self.convolver.load(lambda rows: image[rows])
        self.convolver.convolve(adjoint=adjoint)
        self.convolver.process(store)
        return result

    def expected(self, rows: Rows, convolved: Any) -> Any:
        """Compute the expected counts.

        Parameters
        ----------
        rows : slice or ellipsis
            Rows of the image.
        convolved : array
            These rows of the estimate convolved with the point spread function; changed in place.

        Returns
        -------
        array
            Expected counts of these rows.
        """
        return convolved if self.surroundings is None else self.surroundings.add_light(rows, convolved)

    def ratio(self, rows: Rows, expected: Any) -> Any:
        """Divide the counts by the expected counts.

        Parameters
        ----------
        rows : slice or ellipsis
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
            divisor = self.xp.where(self.xp.abs(expected) < _TINY, self.xp.full_like(expected, _TINY), expected)
        ratio = self.limited(self.counts[rows]) / divisor
        if self.saturated is not None:
            ratio = self.xp.where(self.saturated[rows], self.xp.clip(ratio, 1, None), ratio)
        if self.bad is not None:
            ratio = self.xp.where(self.bad[rows], self.xp.zeros_like(ratio), ratio)
        return ratio

    def residual(self, rows: Rows, expected: Any) -> Any:
        """Subtract the expected counts from the counts.

        Parameters
        ----------
        rows : slice or ellipsis
            Rows of the image.
        expected : array
            Expected counts of these rows.

        Returns
        -------
        array
            The difference. It is 0 for pixels that are not good, and not negative for saturated pixels.
        """
        residual = self.limited(self.counts[rows]) - expected
        if self.saturated is not None:
            residual = self.xp.where(self.saturated[rows], self.xp.clip(residual, 0, None), residual)
        return residual if self.bad is None else self.xp.where(self.bad[rows], self.xp.zeros_like(residual), residual)

    def correction(self, rows: Rows, projected: Any) -> Any:
        """Compute the factors by which Richardson-Lucy corrects an estimate.

        Parameters
        ----------
        rows : slice or ellipsis
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
            factor = self.xp.where(self.unseen[rows], self.xp.ones_like(factor), factor)
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

    def add(self, rows: Rows, expected: Any) -> None:
        """Add rows.

        Parameters
        ----------
        rows : slice or ellipsis
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
