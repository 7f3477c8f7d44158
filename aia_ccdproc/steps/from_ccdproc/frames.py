"""Calibration frames (flat field, bias, dark), read once per process."""

from __future__ import annotations

import os
from pathlib import Path

from astropy.nddata import CCDData

from aia_ccdproc.errors import ReadError
from aia_ccdproc.images.files import cache_until_modified
from aia_ccdproc.images.fits_file import read_frame
from aia_ccdproc.plugin.loading import get_plugin_manager

__all__ = ["read_calibration_frame"]


def read_calibration_frame(path: str | os.PathLike[str]) -> CCDData:
    """Read an image that is used for many others: a flat field, a bias or a dark frame.

    Parameters
    ----------
    path : str or path-like
        A FITS image of any origin. If it has neither a known instrument nor BUNIT, its unit is dimensionless.

    Returns
    -------
    `~astropy.nddata.CCDData`
        The image as float32, shape ``(ny, nx)``, with NaN masked. The same object is returned until the file is
        modified, and its pixels are read-only.

    Raises
    ------
    ReadError
        If the file cannot be read, or does not contain an image.
    """
    path = Path(path)
    try:
        return _read(path)
    except OSError as error:
        raise ReadError(f"{path}: {(error.strerror or str(error)).lower()}") from error


@cache_until_modified(files=8)
def _read(path: Path) -> CCDData:
    frame = read_frame(path, get_plugin_manager().identify)
    frame.data.setflags(write=False)
    return frame
