"""The resampling methods of the core: algorithms of reproject, with the weights that they use."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from aia_ccdproc.resampling.kernels import Kernel, ReprojectFunction
    from aia_ccdproc.resampling.local_footprint import WeightFunction

__all__ = ["METHODS", "Method"]


@dataclass(frozen=True)
class Method:
    """One of reproject's algorithms."""

    #: Name of reproject's function, and its keyword arguments.
    function: str
    options: Mapping[str, Any] = field(default_factory=dict)
    #: Half-width of the kernel of an area method, in pixels; 0 for an interpolation.
    half_width: int = 0
    #: Degree of the interpolating spline; -1 for an area method.
    degree: int = -1

    @functools.cached_property
    def reproject(self) -> ReprojectFunction:
        """The function with its keyword arguments.

        Returns
        -------
        callable
            Always the same object, because it is the key of cached tables.
        """
        import reproject  # takes 0.2 s, and other engines do not need it

        return functools.partial(getattr(reproject, self.function), **self.options)

    @property
    def weight(self) -> WeightFunction | None:
        """The weight function of an area method.

        Returns
        -------
        callable or None
            None if the weight is the overlap of the pixels' areas.
        """
        from aia_ccdproc.resampling import local_footprint

        name = self.options.get("kernel")
        return None if name is None else getattr(local_footprint, name)

    @property
    def is_spline(self) -> bool:
        """Whether the method interpolates by a spline.

        Returns
        -------
        bool
            False if it averages over an area.
        """
        return self.degree >= 0

    @property
    def needs_celestial(self) -> bool:
        """Whether the function needs celestial WCSs.

        Returns
        -------
        bool
            True for the function that computes with polygons on a sphere.
        """
        return self.function == "reproject_exact"

    def kernel(self, matrix: np.ndarray | None, shape: tuple[int, int]) -> Kernel:
        """Return the weights of the method.

        Parameters
        ----------
        matrix : `~numpy.ndarray`
            Derivative of the input position with respect to the output position, shape ``(2, 2)``. A spline
            does not need it.
        shape : tuple of int
            Rows and columns of the input.

        Returns
        -------
        `~aia_ccdproc.resampling.kernels.Kernel`
            The weights.
        """
        from aia_ccdproc.resampling.kernels import AreaKernel, SplineKernel

        if matrix is None or self.is_spline:
            return SplineKernel(self.degree, shape)
        return AreaKernel(self.reproject, self.half_width, matrix, shape)


def _interpolation(order: str, degree: int) -> Method:
    return Method("reproject_interp", {"order": order, "roundtrip_coords": False}, degree=degree)


def _adaptive(kernel: str, half_width: int) -> Method:
    options = {"kernel": kernel, "roundtrip_coords": False, "boundary_mode": "ignore"}
    return Method("reproject_adaptive", options, half_width=half_width)


#: The methods by name.
METHODS = {
    "nearest-neighbor": _interpolation("nearest-neighbor", 0),
    "bilinear": _interpolation("bilinear", 1),
    "biquadratic": _interpolation("biquadratic", 2),
    "bicubic": _interpolation("bicubic", 3),
    "adaptive-hann": _adaptive("hann", 1),
    "adaptive-gaussian": _adaptive("gaussian", 2),
    "exact": Method("reproject_exact", half_width=1),
}
