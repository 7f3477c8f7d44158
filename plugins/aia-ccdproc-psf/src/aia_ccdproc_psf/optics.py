"""The transfer function of an image: that of a model, a file or an array, for the shape of the image."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from aia_ccdproc import ReadError
from aia_ccdproc_psf.fourier import padded_shape, transfer
from aia_ccdproc_psf.models import MODELS, check_psf, load_psf, read_psf

__all__ = ["Optics", "find_optics"]


class Optics(NamedTuple):
    """A transfer function for images of one shape."""

    name: str
    """Name of the point spread function."""
    otf: np.ndarray
    """Transfer function, as `~aia_ccdproc_psf.fourier.transfer` computes it."""
    padded: tuple[int, int]
    """Rows and columns of its Fourier transform."""


def find_optics(psf: Any, channel: int, shape: tuple[int, int], *, periodic: bool) -> Optics:
    """Return the transfer function for an image. That of the last image is kept in memory.

    Parameters
    ----------
    psf : str, path-like or array
        Name of a model, path of a FITS file, or an array.
    channel : int
        Wavelength in angstrom.
    shape : tuple of int
        Rows and columns of the image.
    periodic : bool
        Do not pad the image: light that leaves it enters at the opposite border.

    Returns
    -------
    `Optics`
        The transfer function.

    Raises
    ------
    InstrumentError
        If the model has no point spread function of the channel.
    ReadError
        If the file cannot be read.
    SettingsError
        If the file or the array does not contain a point spread function.
    """
    if isinstance(psf, str) and psf in MODELS:
        return _of_model(psf, channel, shape, periodic)
    if isinstance(psf, str | os.PathLike):
        path = Path(psf).absolute()
        try:
            status = path.stat()
        except OSError as error:
            raise ReadError(
                f"{path}: cannot read the point spread function ({error.strerror}). Give the path of a FITS file, or "
                f"the name of a model: {', '.join(MODELS)}"
            ) from error
        return _of_file(path, status.st_mtime_ns, status.st_size, shape, periodic)
    return _optics("array", check_psf(psf), shape, periodic)


@lru_cache(maxsize=1)
def _of_model(model: str, channel: int, shape: tuple[int, int], periodic: bool) -> Optics:
    return _optics(model, load_psf(channel, model), shape, periodic)


@lru_cache(maxsize=1)
def _of_file(path: Path, _modified: int, _size: int, shape: tuple[int, int], periodic: bool) -> Optics:
    return _optics(path.name, read_psf(path), shape, periodic)


def _optics(name: str, kernel: np.ndarray, shape: tuple[int, int], periodic: bool) -> Optics:
    if not periodic:  # light that is scattered farther than the image is large leaves it
        kernel = _cropped(kernel, shape)
    padded = shape if periodic else padded_shape(shape, kernel)
    return Optics(name, transfer(kernel, padded), padded)


def _cropped(kernel: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Cut off what is farther from the middle of a kernel than the pixels of an image from each other."""
    inner = []
    for n, size in zip(shape, kernel.shape, strict=True):
        half = min(size // 2, n - 1)
        inner.append(slice(size // 2 - half, size // 2 + half + 1))
    return kernel[tuple(inner)]
