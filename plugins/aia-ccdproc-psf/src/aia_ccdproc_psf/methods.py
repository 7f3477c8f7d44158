"""The methods of deconvolution. All correct an estimate of the true image, iteration by iteration."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeAlias

from aia_ccdproc_psf.observation import Observation, Residuals

__all__ = ["ITERATIONS", "Solution", "solve"]


class Solution(NamedTuple):
    """The result of a deconvolution."""

    image: Any
    """The estimate of the true image, shape ``(ny, nx)``."""
    chi_square: float
    """Reduced chi-square of the estimate before the last iteration."""
    accelerations: list[float]
    """The factor of extrapolation before each iteration: 0 for methods that do not extrapolate."""


#: A method: it corrects the estimate in place, and yields after each iteration chi-square and extrapolation before it.
_Method: TypeAlias = Callable[[Observation, Any], Iterator[tuple[float, float]]]


def solve(
    method: str, observation: Observation, first: Any, iterations: int | None = None, tolerance: float | None = None
) -> Solution:
    """Deconvolve an image.

    Parameters
    ----------
    method : str
        One of `ITERATIONS`.
    observation : `~aia_ccdproc_psf.observation.Observation`
        The counts, and their model. The brightness of its surroundings is changed.
    first : array
        First estimate, shape ``(ny, nx)``; changed in place.
    iterations : int, optional
        Largest number of iterations; by default that of the method.
    tolerance : float, optional
        Stop when an iteration has changed the reduced chi-square by less than this.

    Returns
    -------
    `Solution`
        The estimate after the last iteration.
    """
    accelerations: list[float] = []
    chi_square = float("inf")
    last = iterations or ITERATIONS[method]
    for before, acceleration in _METHODS[method](observation, first):
        accelerations.append(acceleration)
        converged = tolerance is not None and abs(chi_square - before) < tolerance
        chi_square = before
        if converged or len(accelerations) >= last:
            break
    return Solution(first, chi_square, accelerations)


def _richardson_lucy(observation: Observation, image: Any) -> Iterator[tuple[float, float]]:
    """Multiply by the back-projected ratio of counts and expected counts (Richardson 1972, Lucy 1974)."""
    ratio = observation.xp.empty_like(image)
    while True:
        chi_square = _forward(observation, lambda rows: image[rows], ratio)

        def correct(rows: slice, projected: Any) -> None:
            image[rows] *= _factor(observation, rows, projected)

        observation.convolver.apply(lambda rows: ratio[rows], correct, adjoint=True)
        yield chi_square, 0.0


def _accelerated(observation: Observation, image: Any) -> Iterator[tuple[float, float]]:
    """Extrapolate the path of Richardson-Lucy before each iteration (Biggs and Andrews 1997, Applied Optics 36, 1766).

    The factor of extrapolation is the correlation of the last two corrections.
    """
    xp = observation.xp
    ratio, correction = xp.empty_like(image), xp.zeros_like(image)
    predicted = xp.zeros_like(image)  # first contains the change of the estimate by the last iteration
    acceleration = 0.0
    while True:

        def predict(rows: slice, factor: float = acceleration) -> Any:
            predicted[rows] = observation.limited(image[rows] + factor * predicted[rows])
            return predicted[rows]

        chi_square = _forward(observation, predict, ratio)
        products: list[tuple[float, float]] = []

        def correct(rows: slice, projected: Any, sums: list[tuple[float, float]] = products) -> None:
            new = predicted[rows] * _factor(observation, rows, projected)
            step, previous = new - predicted[rows], correction[rows]
            sums.append((float(xp.sum(step * previous)), float(xp.sum(previous * previous))))
            predicted[rows] = new - image[rows]
            correction[rows] = step
            image[rows] = new

        observation.convolver.apply(lambda rows: ratio[rows], correct, adjoint=True)
        yield chi_square, acceleration
        together, previous = (sum(sorted(column)) for column in zip(*products, strict=True))
        acceleration = min(max(together / previous, 0.0), 1.0) if previous > 0 else 0.0


def _basic(observation: Observation, image: Any) -> Iterator[tuple[float, float]]:
    """Add the residuals (van Cittert 1931; Hofmeister 2024, Solar Physics 299, 77)."""
    residual = observation.xp.empty_like(image)
    while True:
        residuals = Residuals(observation)

        def correct(rows: slice, convolved: Any, residuals: Residuals = residuals) -> None:
            expected = observation.expected(rows, convolved)
            residuals.add(rows, expected)
            difference = observation.counts[rows] - expected
            residual[rows] = difference if observation.weights is None else difference * observation.weights[rows]
            image[rows] = observation.limited(image[rows] + residual[rows])

        observation.convolver.apply(lambda rows: image[rows], correct)
        observation.shift_surroundings(residual)
        yield residuals.chi_square, 0.0


def _forward(observation: Observation, source: Callable[[slice], Any], ratio: Any) -> float:
    """Compute the ratio of counts and expected counts, and return the reduced chi-square."""
    residuals = Residuals(observation)

    def compare(rows: slice, convolved: Any) -> None:
        expected = observation.expected(rows, convolved)
        residuals.add(rows, expected)
        ratio[rows] = observation.ratio(rows, expected)

    observation.convolver.apply(source, compare)
    observation.scale_surroundings(ratio)
    return residuals.chi_square


def _factor(observation: Observation, rows: slice, projected: Any) -> Any:
    """Return the factor of Richardson-Lucy for some rows. Pixels that no good pixel sees keep their value."""
    response = observation.response[rows]
    seen = response > _LEAST_RESPONSE
    factor = observation.xp.where(seen, projected, 1 + 0 * projected)
    factor /= observation.xp.where(seen, response, 1 + 0 * response)
    return observation.limited(factor)


#: A pixel of which the good pixels receive a smaller fraction of its light is not corrected.
_LEAST_RESPONSE = 1e-3
_METHODS: dict[str, _Method] = {
    "richardson-lucy": _richardson_lucy,
    "richardson-lucy-accelerated": _accelerated,
    "bid": _basic,
}
#: The methods, and their default numbers of iterations.
ITERATIONS = {"richardson-lucy": 25, "richardson-lucy-accelerated": 10, "bid": 10}
