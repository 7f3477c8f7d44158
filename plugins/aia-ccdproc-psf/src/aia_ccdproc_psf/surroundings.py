"""The light that comes from outside of an image."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from aia_ccdproc_psf.fourier import Convolver, Rows

__all__ = ["Surroundings", "Uniform", "uniform_image"]

#: Smallest amount of light from outside by which it is divided.
_TINY = 1e-6
#: Differences from 1 that are rounding errors.
_ROUNDING = 1e-5
#: Smallest and largest factor by which the last change of the brightness is extrapolated.
_FACTORS = (0.3, 0.8)
#: Largest relative change that is extrapolated: by a factor of 2.
_LARGEST_CHANGE = 1 / 3


class Uniform(NamedTuple):
    """A uniform image of brightness 1, convolved. What it lacks comes from outside of it."""

    rows: Any
    """Returns rows, as an array does."""
    total: float
    """Sum of its pixels."""
    complete: bool
    """Whether it is 1 everywhere."""


class _Mirrored:
    """A plane that is the same after a turn by 180 degrees, of which the first half is stored.

    Parameters
    ----------
    half : `~numpy.ndarray`
        Its first rows, including the one in the middle.
    rows : int
        Its number of rows.
    """

    def __init__(self, half: np.ndarray, rows: int) -> None:
        self._half, self._rows = half, rows

    def __getitem__(self, rows: Rows) -> np.ndarray:
        start, stop = (0, self._rows) if rows is ... else (rows.start, rows.stop)
        middle = min(max(start, len(self._half)), stop)
        turned = self._half[self._rows - stop : self._rows - middle][::-1, ::-1]
        if middle == start:
            return turned
        return self._half[start:stop] if middle == stop else np.concatenate([self._half[start:middle], turned])


def uniform_image(xp: Any, convolver: Convolver, like: Any) -> Uniform:
    """Convolve a uniform image of brightness 1.

    Parameters
    ----------
    xp : module
        Namespace of the arrays.
    convolver : `~aia_ccdproc_psf.fourier.Convolver`
        Convolution with the point spread function.
    like : array
        An image of the same shape and type.

    Returns
    -------
    `Uniform`
        The convolved image. For numpy and a symmetric point spread function, one half of it is stored.
    """
    rows = like.shape[0]
    mirrored = convolver.symmetric and isinstance(like, np.ndarray)
    stored = (rows + 1) // 2
    plane = np.empty_like(like[:stored]) if mirrored else xp.empty_like(like)
    sums: list[float] = []  # append is safe in threads

    def store(part: Rows, values: Any) -> None:
        sums.append(float(xp.sum(values, dtype=xp.float64)))
        if not mirrored or part is ...:
            plane[part] = values if not mirrored else values[:stored]
        elif part.start < stored:
            plane[part.start : part.stop] = values[: stored - part.start]

    convolver.load(lambda part: xp.ones_like(like[part]))
    convolver.convolve()
    convolver.process(store)
    complete = float(xp.min(plane)) > 1 - _ROUNDING and float(xp.max(plane)) < 1 + _ROUNDING
    return Uniform(_Mirrored(plane, rows) if mirrored else plane, sum(sorted(sums)), complete)


class Surroundings:
    """Surroundings of uniform brightness, which is fitted.

    Parameters
    ----------
    xp : module
        Namespace of the arrays.
    brightness : float
        First value of the brightness.
    uniform : `Uniform`
        A uniform image, convolved.
    received : float
        Sum of the light that the good pixels receive from surroundings of brightness 1.
    """

    def __init__(self, xp: Any, brightness: float, uniform: Uniform, received: float) -> None:
        self.brightness = brightness
        self._xp = xp
        self._uniform = uniform
        self._received = max(received, _TINY)
        self._corrected: float | None = None  # the brightness before the last extrapolation, and after it
        self._predicted = brightness
        self._last_change = 0.0
        self._sums: list[float] = []  # append is safe in threads

    def add_light(self, rows: Rows, convolved: Any) -> Any:
        """Add the light from outside to an image.

        Parameters
        ----------
        rows : slice or ellipsis
            Rows of the image.
        convolved : array
            These rows of the convolved image; changed in place.

        Returns
        -------
        array
            ``convolved``.
        """
        convolved += self.brightness
        convolved -= self.brightness * self._uniform.rows[rows]
        return convolved

    def collect(self, rows: Rows, plane: Any) -> None:
        """Sum a plane, weighted by the light that comes from outside.

        Parameters
        ----------
        rows : slice or ellipsis
            Rows of the image.
        plane : array
            These rows of the ratio of counts and expected counts, or of their difference. It is 0 for pixels that are
            not good.
        """
        self._sums.append(float(self._xp.sum((1 - self._uniform.rows[rows]) * plane)))

    def scale(self) -> None:
        """Correct the brightness by the collected ratios, as Richardson-Lucy corrects a pixel."""
        self.brightness = max(self.brightness * self._collected(), _TINY)

    def shift(self) -> None:
        """Add the mean of the collected differences to the brightness, which stays positive."""
        self.brightness = max(self.brightness + self._collected(), _TINY)

    def extrapolate(self) -> None:
        """Extrapolate the path of the brightness since the last call, by the ratio of its last two changes."""
        if self._corrected is not None:
            change = self.brightness / self._predicted - 1
            ratio = change / self._last_change if self._last_change else 0.0
            factor = min(max(ratio, _FACTORS[0]), _FACTORS[1])
            moved = (self.brightness - self._corrected) / (self.brightness + self._corrected)
            moved = factor * min(max(moved, -_LARGEST_CHANGE), _LARGEST_CHANGE)
            self._corrected, self._last_change = self.brightness, change
            self.brightness *= (1 + moved) / (1 - moved)
        else:
            self._corrected = self.brightness
        self._predicted = self.brightness

    def _collected(self) -> float:
        total = sum(sorted(self._sums))
        self._sums.clear()
        return total / self._received
