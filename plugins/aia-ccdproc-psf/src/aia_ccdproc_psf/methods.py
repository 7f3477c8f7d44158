"""The methods of deconvolution. All correct an estimate of the true image, iteration by iteration."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

from aia_ccdproc_psf.fourier import Rows
from aia_ccdproc_psf.observation import Observation, Residuals

__all__ = ["ITERATIONS", "Solution", "solve"]

#: Smallest and largest factor by which the last change of a pixel is extrapolated.
_FACTORS = (0.3, 0.8)
#: Fraction of the ratio of the last two changes of a pixel that is used as its factor.
_DAMPING = 0.8
#: Largest relative change that is extrapolated: by a factor of 2.
_LARGEST_CHANGE = 1 / 3
#: Avoids divisions by zero.
_TINY = 1e-12


class Solution(NamedTuple):
    """The result of a deconvolution."""

    image: Any
    """The estimate of the true image, shape ``(ny, nx)``."""
    chi_square: float
    """Reduced chi-square of the estimate before the last iteration."""
    accelerations: list[float]
    """The factor of extrapolation before each iteration: the mean of all pixels, or 0 for methods without it."""


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

    def correct(rows: Rows, projected: Any) -> Any:
        image[rows] *= observation.correction(rows, projected)
        return image[rows]

    def iterate(residuals: Residuals | None) -> float:
        _compare(observation, residuals)
        observation.convolver.process(correct)
        return 0.0

    observation.convolver.load(lambda rows: image[rows])
    return iterate


def _accelerated(observation: Observation, image: Any) -> _Iteration:
    """Extrapolate the path of Richardson-Lucy before each iteration (after Biggs and Andrews 1997, Applied Optics 36).

    Biggs and Andrews extrapolate all pixels by one factor, the correlation of the last two corrections. Here each pixel
    has its own factor: corrections of dark pixels have the same sign for many iterations, those of others alternate.
    """
    xp, surroundings = observation.xp, observation.surroundings
    half = getattr(xp, "float16", image.dtype)
    predicted = xp.asarray(image, copy=True)
    last_change = xp.zeros_like(image, dtype=half)
    factors: list[float] = []  # sums over blocks of rows; append is safe in threads

    def correct(rows: Rows, projected: Any) -> Any:
        correction = observation.correction(rows, projected)
        change = correction - 1
        last = last_change[rows] + xp.zeros_like(change)  # float32
        last_change[rows] = xp.clip(change, -1e4, 1e4)
        factor = xp.clip(_DAMPING * change * last / (last * last + _TINY), *_FACTORS)
        factors.append(float(xp.sum(factor)))
        new = predicted[rows] * correction
        predicted[rows] = _extrapolated(observation, image[rows], new, factor)
        image[rows] = new
        return predicted[rows]

    def iterate(residuals: Residuals | None) -> float:
        mean: float = sum(sorted(factors)) / (image.shape[0] * image.shape[1])
        factors.clear()
        if surroundings is not None:
            surroundings.extrapolate()
        _compare(observation, residuals)
        observation.convolver.process(correct)
        return mean

    observation.convolver.load(lambda rows: predicted[rows])
    return iterate


def _extrapolated(observation: Observation, old: Any, new: Any, factor: Any) -> Any:
    """Extrapolate pixels: their logarithm if they must stay positive.

    The power of a ratio, ``(new / old)**factor``, is computed by its Pade approximant.
    """
    if not observation.positive:
        return new + factor * (new - old)
    change = observation.xp.clip((new - old) / (new + old + _TINY), -_LARGEST_CHANGE, _LARGEST_CHANGE)
    change *= factor
    return new * (1 + change) / (1 - change)


def _basic(observation: Observation, image: Any) -> _Iteration:
    """Add the residuals (van Cittert 1931; Hofmeister 2024, Solar Physics 299, 77)."""
    surroundings = observation.surroundings

    def iterate(residuals: Residuals | None) -> float:
        def correct(rows: Rows, convolved: Any) -> Any:
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

    def compare(rows: Rows, convolved: Any) -> Any:
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
