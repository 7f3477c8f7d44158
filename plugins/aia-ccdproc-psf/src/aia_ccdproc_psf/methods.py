"""The methods of deconvolution. All correct an estimate of the true image, iteration by iteration."""

from __future__ import annotations

from collections.abc import Callable
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


#: An iteration: it corrects the estimate in place, and returns the factor of the extrapolation before it. If it is
#: given residuals, it adds those of the estimate before it.
_Iteration: TypeAlias = Callable[[Residuals | None], float]


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
    iterate = _METHODS[method](observation, first)
    converged = False
    while not converged and len(accelerations) < last:
        measured = tolerance is not None or len(accelerations) == last - 1
        residuals = Residuals(observation) if measured else None
        accelerations.append(iterate(residuals))
        if residuals is not None:
            converged = tolerance is not None and abs(chi_square - residuals.chi_square) < tolerance
            chi_square = residuals.chi_square
    return Solution(first, chi_square, accelerations)


def _richardson_lucy(observation: Observation, image: Any) -> _Iteration:
    """Multiply by the back-projected ratio of counts and expected counts (Richardson 1972, Lucy 1974)."""

    def correct(rows: slice, projected: Any) -> Any:
        image[rows] *= observation.correction(rows, projected)
        return image[rows]

    def iterate(residuals: Residuals | None) -> float:
        _compare(observation, residuals)
        observation.convolver.process(correct)
        return 0.0

    observation.convolver.load(lambda rows: image[rows])
    return iterate


def _accelerated(observation: Observation, image: Any) -> _Iteration:
    """Extrapolate the path of Richardson-Lucy before each iteration (Biggs and Andrews 1997, Applied Optics 36, 1766).

    The factor of extrapolation is the correlation of the last two corrections.
    """
    xp = observation.xp
    last_step = xp.zeros_like(image)
    predicted = xp.zeros_like(image)  # between iterations, the change of the estimate by the last one
    factor = 0.0
    products: list[tuple[float, float]] = []

    def predict(rows: slice) -> Any:
        predicted[rows] = observation.limited(image[rows] + factor * predicted[rows])
        return predicted[rows]

    def correct(rows: slice, projected: Any) -> None:
        new = predicted[rows] * observation.correction(rows, projected)
        step, previous = new - predicted[rows], last_step[rows]
        products.append((float(xp.sum(step * previous)), float(xp.sum(previous * previous))))
        predicted[rows] = new - image[rows]
        last_step[rows] = step
        image[rows] = new

    def iterate(residuals: Residuals | None) -> float:
        nonlocal factor
        used = factor
        observation.convolver.load(predict)
        _compare(observation, residuals)
        products.clear()
        observation.convolver.process(correct)
        both, previous = (sum(sorted(column)) for column in zip(*products, strict=True))
        factor = min(max(both / previous, 0.0), 1.0) if previous > 0 else 0.0
        return used

    return iterate


def _basic(observation: Observation, image: Any) -> _Iteration:
    """Add the residuals (van Cittert 1931; Hofmeister 2024, Solar Physics 299, 77)."""
    surroundings = observation.surroundings

    def iterate(residuals: Residuals | None) -> float:
        def correct(rows: slice, convolved: Any) -> Any:
            expected = observation.expected(rows, convolved)
            if residuals is not None:
                residuals.add(rows, expected)
            residual = observation.residual(rows, expected)
            if surroundings is not None:
                surroundings.collect(rows, residual)
            image[rows] = observation.limited(image[rows] + residual)
            return image[rows]

        observation.convolver.convolve()
        observation.convolver.process(correct)
        if surroundings is not None:
            surroundings.shift()
        return 0.0

    observation.convolver.load(lambda rows: image[rows])
    return iterate


def _compare(observation: Observation, residuals: Residuals | None) -> None:
    """Convolve the estimate, divide the counts by it, project the ratio back, and correct the surroundings."""
    surroundings = observation.surroundings

    def compare(rows: slice, convolved: Any) -> Any:
        expected = observation.expected(rows, convolved)
        if residuals is not None:
            residuals.add(rows, expected)
        ratio = observation.ratio(rows, expected)
        if surroundings is not None:
            surroundings.collect(rows, ratio)
        return ratio

    observation.convolver.convolve()
    observation.convolver.process(compare)
    observation.convolver.convolve(adjoint=True)
    if surroundings is not None:
        surroundings.scale()


_METHODS: dict[str, Callable[[Observation, Any], _Iteration]] = {
    "richardson-lucy": _richardson_lucy,
    "richardson-lucy-accelerated": _accelerated,
    "bid": _basic,
}
#: The methods, and their default numbers of iterations.
ITERATIONS = {"richardson-lucy": 25, "richardson-lucy-accelerated": 10, "bid": 10}
