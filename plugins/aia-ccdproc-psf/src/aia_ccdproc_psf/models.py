"""Point spread functions: models by name, with a cache on disk, and those of users."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
from astropy.config import get_cache_dir

from aia_ccdproc import InstrumentError, ReadError, SettingsError
from aia_ccdproc.images import open_fits
from aia_ccdproc_psf.grigis import CHANNELS, grigis_psf

__all__ = ["FRAME_SIZE", "MODELS", "check_psf", "load_psf", "point_spread_function", "read_psf"]

#: Rows and columns of a full frame of AIA.
FRAME_SIZE = 4096
#: The models, and whether they use the core that was measured before launch.
MODELS = {"grigis2012": False, "grigis2012-preflight": True}
#: Changes whenever the values of a model change, so that old files in the cache are not used.
_CACHE_VERSION = "1"
#: Largest difference of the sum of a point spread function from 1.
_SUM_TOLERANCE = 1e-3
#: A row or column at the border of a point spread function whose values are all below this is cut off.
_NEGLIGIBLE = 1e-15


def point_spread_function(
    channel: int, model: str = "grigis2012", *, orders: int = 100, size: int = FRAME_SIZE
) -> np.ndarray:
    """Compute the point spread function of a channel of AIA.

    Parameters
    ----------
    channel : int
        Wavelength in angstrom: 94, 131, 171, 193, 211, 304 or 335.
    model : {"grigis2012", "grigis2012-preflight"}
        Grigis et al. 2012, with the measured core or with the core that was measured before launch.
    orders : int
        Largest diffraction order of the filter meshes.
    size : int
        Number of rows and columns.

    Returns
    -------
    `~numpy.ndarray`
        Fraction of the light of a point source in each camera pixel, float64, shape ``(size, size)``. The source is at
        the center of the pixel ``(size // 2, size // 2)``. The sum is 1.

    Raises
    ------
    InstrumentError
        If no model of the channel is known.
    SettingsError
        If ``model``, ``orders`` or ``size`` has a wrong value.

    Notes
    -----
    The result is that of ``aiapy.psf`` and SSW's ``aia_calc_psf`` (Grigis, P., Su, Y., and Weber, M. 2012, "AIA PSF
    Characterization and Image Deconvolution").
    """
    if model not in MODELS:
        raise SettingsError(f"unknown point spread function {model!r}; available: {', '.join(MODELS)}")
    if channel not in CHANNELS:
        raise InstrumentError(
            f"{model} has no point spread function for the channel {channel} Å; available: "
            f"{', '.join(map(str, CHANNELS))}. Name the FITS file of another one"
        )
    for name, value in (("orders", orders), ("size", size)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
            raise SettingsError(f"{name} = {value!r} is not a positive integer")
    return grigis_psf(channel, preflight=MODELS[model], orders=int(orders), size=int(size))


def load_psf(channel: int, model: str) -> np.ndarray:
    """Return the point spread function of a channel, from the cache on disk if it is there.

    Parameters
    ----------
    channel : int
        Wavelength in angstrom.
    model : str
        Name of the model.

    Returns
    -------
    `~numpy.ndarray`
        Point spread function without its empty borders, float32, of odd shape ``(n, n)``. The source is at the center
        of the pixel in the middle.

    Raises
    ------
    InstrumentError
        If no model of the channel is known.
    """
    parameters = (model, CHANNELS.get(channel), FRAME_SIZE, _CACHE_VERSION)
    key = hashlib.sha256(repr(parameters).encode()).hexdigest()[:16]
    return _cached(f"{model}_{channel}_{key}", lambda: _without_borders(point_spread_function(channel, model)))


def _without_borders(psf: np.ndarray) -> np.ndarray:
    """Cut off the borders that are negligible, symmetrically about the center."""
    distance = np.abs(np.arange(len(psf)) - len(psf) // 2)
    profile = np.maximum(psf.max(axis=0), psf.max(axis=1))
    half = min(int(distance[profile > _NEGLIGIBLE].max()), len(psf) - 1 - len(psf) // 2)
    inner = slice(len(psf) // 2 - half, len(psf) // 2 + half + 1)
    return psf[inner, inner].astype(np.float32)


def _cached(name: str, compute: Callable[[], np.ndarray]) -> np.ndarray:
    """Read an array from astropy's cache folder; compute it, and store it, if it is not there or is damaged."""
    try:
        path = Path(get_cache_dir()) / "aia_ccdproc" / "psf" / f"{name}.npy"
        array = np.load(path, allow_pickle=False)
        if array.ndim == 2 and array.dtype == np.float32 and abs(array.sum(dtype=float) - 1) < _SUM_TOLERANCE:
            return np.asarray(array)
    except (OSError, ValueError, EOFError):
        pass
    array = compute()
    with suppress(OSError):  # without a cache, it is computed again
        path = Path(get_cache_dir()) / "aia_ccdproc" / "psf" / f"{name}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".tmp", delete=False) as temporary:
            try:
                np.save(temporary, array)
                temporary.close()
                Path(temporary.name).replace(path)
            finally:
                Path(temporary.name).unlink(missing_ok=True)
    return array


def read_psf(path: str | os.PathLike[str]) -> np.ndarray:
    """Read a point spread function from a FITS file.

    Parameters
    ----------
    path : str or path-like
        The file. Its first image is used.

    Returns
    -------
    `~numpy.ndarray`
        Point spread function, as `check_psf` returns it.

    Raises
    ------
    ReadError
        If the file cannot be read, or contains no image.
    SettingsError
        If the image is not a point spread function.
    """
    path = Path(path)
    if not path.is_file():
        raise ReadError(f"{path}: no such file with a point spread function")
    with open_fits(path) as hdus:
        image = next((hdu.data for hdu in hdus if hdu.is_image and hdu.header.get("NAXIS") == 2), None)
    if image is None:
        raise ReadError(f"{path}: contains no image of two dimensions, so no point spread function")
    return check_psf(image, str(path))


def check_psf(psf: np.ndarray, name: str = "psf") -> np.ndarray:
    """Check an array that a user gives as a point spread function.

    Parameters
    ----------
    psf : `~numpy.ndarray`
        The array, shape ``(ny, nx)``, at most twice as large as a full frame.
    name : str
        Its name in error messages.

    Returns
    -------
    `~numpy.ndarray`
        The array as float32 with a sum of 1, of odd shape: for an even number of rows or columns, the source is at
        ``n // 2``, and one row or column of zeros is added at the end.

    Raises
    ------
    SettingsError
        If it has a wrong shape, values that are negative or not finite, a sum other than 1, or its maximum not in the
        middle.
    """
    psf = np.asarray(psf)
    if psf.ndim != 2 or psf.dtype.kind not in "fiu" or not psf.size or max(psf.shape) > 2 * FRAME_SIZE + 1:
        raise SettingsError(
            f"{name}: an array of shape {psf.shape} and type {psf.dtype} is not a point spread function. It needs two "
            f"dimensions of at most {2 * FRAME_SIZE + 1} pixels"
        )
    if not np.isfinite(psf).all() or psf.min() < 0:
        raise SettingsError(f"{name}: contains values that are negative or not finite. Set them to zero")
    total = float(psf.sum(dtype=float))
    if abs(total - 1) > _SUM_TOLERANCE:
        raise SettingsError(f"{name}: its sum is {total:.6g}, not 1. Divide it by the light of the whole source")
    peak = np.unravel_index(int(psf.argmax()), psf.shape)
    center = tuple(n // 2 for n in psf.shape)
    if psf[center] < psf[peak]:
        raise SettingsError(
            f"{name}: its maximum is at row {peak[0]} and column {peak[1]}, but its center is at row {center[0]} and "
            f"column {center[1]}. Shift it, or the Sun will be shifted"
        )
    result = (psf / total).astype(np.float32)
    return np.pad(result, [(0, 1 - n % 2) for n in psf.shape])
