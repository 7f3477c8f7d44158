"""Types and constants that ``register`` and the resampling engines share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from aia_ccdproc.errors import SettingsError

if TYPE_CHECKING:
    import numpy as np

__all__ = [
    "BAD_WEIGHT_THRESHOLD",
    "INVALID",
    "MASKED",
    "MethodParameter",
    "Resampled",
    "resolve_parameter",
]

#: Flags of a pixel: masked, and invalid (not finite, or not covered by the input). The flag of a good pixel is 0.
MASKED, INVALID = 1, 2

#: An output pixel is flagged if the total weight (sum of ``|w|``) of bad input pixels in it is above this value. Bad
#: pixels are replaced by their nearest good neighbors before resampling. At the threshold, the remaining error is a
#: hundredth of the difference between the true value and that of the neighbor. This is below the photon noise.
BAD_WEIGHT_THRESHOLD = 0.01


class Resampled(NamedTuple):
    """The result of a resampling engine: planes on the target grid, shape ``(ny, nx)``."""

    data: np.ndarray
    """Resampled image, float32; NaN where the input does not cover the pixel."""
    variance: np.ndarray | None
    """Variance of ``data`` for independent input pixels, float32; None if no variance was given."""
    flags: np.ndarray
    """uint8: 0 good, 1 affected by masked pixels, 2 affected by invalid pixels or not covered by the input."""
    propagation: str = ""
    """How ``variance`` was computed, for the keyword UNCPROP: ``"sum(w**2 var)"``, where w are the kernel's weights."""


@dataclass(frozen=True)
class MethodParameter:
    """The number that a resampling method takes: ``parameter`` of ``register``."""

    default: float
    least: float
    greatest: float
    meaning: str = ""
    """What the number is, for error messages."""


def resolve_parameter(
    method: str, parameter: float | None, known: Mapping[str, MethodParameter | None]
) -> float | None:
    """Return the parameter that a resampling method will be called with.

    Parameters
    ----------
    method : str
        Name of the method.
    parameter : float or None
        The user's value.
    known : dict of str to `MethodParameter` or None
        The available methods, with their parameter if they have one.

    Returns
    -------
    float or None
        The user's value, or the method's default; None for a method without a parameter.

    Raises
    ------
    SettingsError
        If the method has no parameter and the user gives one, or if the value is out of range.
    """
    allowed = known.get(method)
    if parameter is None:
        return allowed.default if allowed else None
    if allowed is None:
        with_parameter = ", ".join(name for name, other in known.items() if other) or "none"
        raise SettingsError(f"method {method!r} has no parameter; methods that have one: {with_parameter}")
    if not allowed.least <= parameter <= allowed.greatest:
        meaning = f" ({allowed.meaning})" if allowed.meaning else ""
        limits = f"from {allowed.least:g} to {allowed.greatest:g}"
        raise SettingsError(f"method {method!r} takes a parameter {limits}{meaning}, not {parameter:g}")
    return parameter
