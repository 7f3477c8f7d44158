"""What ``register`` and the engines that resample for it say to each other, beside the hooks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from aia_ccdproc.errors import SettingsError

__all__ = ["TOUCHING_WEIGHT", "MethodParameter", "Resampled", "parameter_of"]

#: Bad pixels touch the output pixels in which they have, all together, more than this weight: the sum of \|w\|. They
#: have been replaced by their nearest good neighbours before, so that what is left of the fault, a hundredth of the
#: difference between the two, is below photon noise.
TOUCHING_WEIGHT = 0.01


class Resampled(NamedTuple):
    """What a resampling engine returns: planes on the target's grid, shape ``(ny, nx)``."""

    data: np.ndarray
    """Resampled image, float32; NaN where no input pixel lies."""
    variance: np.ndarray | None
    """Variance of ``data`` for independent input pixels, float32, or None if none was given."""
    flags: np.ndarray
    """uint8: 0 good, 1 masked pixels touch it, 2 invalid ones do or there is no input."""
    propagation: str = ""
    """How ``variance`` was made, w being the kernel's weights, for the keyword UNCPROP: ``"sum(w**2 var)"``, say."""


@dataclass(frozen=True)
class MethodParameter:
    """The number that a method of resampling takes: ``parameter`` of ``register``."""

    default: float
    least: float
    greatest: float
    meaning: str = ""
    """What it is, as an error says it."""


def parameter_of(method: str, parameter: float | None, known: Mapping[str, MethodParameter | None]) -> float | None:
    """Tell with which parameter a method is to be used.

    Parameters
    ----------
    method : str
        Name of the method.
    parameter : float or None
        What the user gives.
    known : dict of str to `MethodParameter` or None
        The methods there are, with the parameter where they have one.

    Returns
    -------
    float or None
        The user's, or the method's default; None for a method without one.

    Raises
    ------
    SettingsError
        If the user gives one to a method that has none, or one out of its range.
    """
    taken = known.get(method)
    if parameter is None:
        return taken.default if taken else None
    if taken is None:
        having = ", ".join(name for name, other in known.items() if other) or "none"
        raise SettingsError(f"method {method!r} has no parameter; those that have one: {having}")
    if not taken.least <= parameter <= taken.greatest:
        meaning = f" ({taken.meaning})" if taken.meaning else ""
        span = f"from {taken.least:g} to {taken.greatest:g}"
        raise SettingsError(f"method {method!r} takes a parameter {span}{meaning}, not {parameter:g}")
    return parameter
