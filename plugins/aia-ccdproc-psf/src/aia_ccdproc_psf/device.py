"""Deconvolution on a graphics processor, by the array API."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from aia_ccdproc import SettingsError
from aia_ccdproc_psf.fourier import Step

__all__ = ["Device", "WholeConvolution", "cuda_device"]


class Device(NamedTuple):
    """A namespace of the array API, and copies to and from its device."""

    xp: Any
    """The namespace."""
    device: Any
    """The device, as the namespace names it."""

    def put(self, array: np.ndarray) -> Any:
        """Copy an array to the device.

        Parameters
        ----------
        array : `~numpy.ndarray`
            The array.

        Returns
        -------
        array
            The copy.
        """
        return self.xp.asarray(array, device=self.device)

    def get(self, array: Any) -> np.ndarray:
        """Copy an array from the device.

        Parameters
        ----------
        array : array
            The array.

        Returns
        -------
        `~numpy.ndarray`
            The copy.
        """
        if hasattr(array, "get"):  # cupy
            return np.asarray(array.get())
        return np.asarray(array.cpu() if hasattr(array, "cpu") else array)


def cuda_device() -> Device:
    """Find a graphics processor.

    Returns
    -------
    `Device`
        That of cupy, or else of torch.

    Raises
    ------
    SettingsError
        If neither is installed with array-api-compat, or if there is no such processor.
    """
    reasons = []
    for name in ("cupy", "torch"):
        try:
            library = importlib.import_module(name)
            xp = importlib.import_module(f"array_api_compat.{name}")
            if name == "torch" and not library.cuda.is_available():
                raise RuntimeError("no CUDA device is available")
            device = library.cuda.Device() if name == "cupy" else "cuda"
            xp.zeros(1, device=device)
        except Exception as error:  # the libraries raise many types of errors
            reasons.append(f"{name}: {error}")
        else:
            return Device(xp, device)
    raise SettingsError(
        f'cannot deconvolve with device = "cuda": {"; ".join(reasons)}. Install array-api-compat and cupy or torch, or '
        'use device = "cpu"'
    )


class WholeConvolution:
    """Convolution of whole images on any device.

    Parameters
    ----------
    xp : module
        Namespace of the array API.
    otf : array
        Transfer function, as `~aia_ccdproc_psf.fourier.transfer` computes it, on the device.
    padded : tuple of int
        Rows and columns of the Fourier transform.
    shape : tuple of int
        Rows and columns of the images.
    """

    def __init__(self, xp: Any, otf: Any, padded: tuple[int, int], shape: tuple[int, int]) -> None:
        self.symmetric = not xp.isdtype(otf.dtype, "complex floating")
        self._xp = xp
        self._otf = otf
        self._padded = padded
        self._shape = shape
        self._spectrum: Any = None

    def load(self, source: Callable[[Any], Any]) -> None:
        """Replace the image, as `~aia_ccdproc_psf.fourier.Convolver.load`.

        Parameters
        ----------
        source : callable
            Returns the image.
        """
        self._spectrum = self._xp.fft.rfftn(source(...), s=self._padded, axes=(0, 1))

    def convolve(self, *, adjoint: bool = False) -> None:
        """Convolve the image, as `~aia_ccdproc_psf.fourier.Convolver.convolve`.

        Parameters
        ----------
        adjoint : bool
            Convolve with the point spread function that is turned by 180 degrees.
        """
        self._spectrum *= self._otf if self.symmetric or not adjoint else self._xp.conj(self._otf)

    def process(self, step: Step) -> None:
        """Have a function use the image, as `~aia_ccdproc_psf.fourier.Convolver.process`.

        Parameters
        ----------
        step : callable
            Receives the image, and returns the next one or None.
        """
        image = self._xp.fft.irfftn(self._spectrum, s=self._padded, axes=(0, 1))[: self._shape[0], : self._shape[1]]
        values = step(..., image)
        if values is not None:
            self.load(lambda rows: values)
