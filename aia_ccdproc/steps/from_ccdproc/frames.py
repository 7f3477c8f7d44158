"""Calibration frames (flat field, bias, dark), read once per process."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.nddata import CCDData

from aia_ccdproc.errors import HeaderError, InstrumentError, ReadError
from aia_ccdproc.images.files import cache_until_modified
from aia_ccdproc.images.wcs import ignore_wcs_warnings
from aia_ccdproc.io import read

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
    try:
        frame = read(path)
    except (HeaderError, InstrumentError):  # without the WCS or the keywords of a solar image
        frame = _read_detector_frame(path)
    frame.data.setflags(write=False)
    return frame


def _read_detector_frame(path: Path) -> CCDData:
    try:
        with fits.open(path) as hdus, ignore_wcs_warnings():
            images = [i for i, hdu in enumerate(hdus) if hdu.is_image and hdu.header.get("NAXIS") == 2]
            unit = u.Unit(hdus[images[0]].header.get("BUNIT", ""))
            frame = CCDData.read(path, hdu=images[0], unit=unit)
    except Exception as error:  # astropy raises many types of exceptions for a damaged file
        raise ReadError(f"{path}: cannot be read as an image ({error})") from error
    data = np.asarray(frame.data).astype(np.float32)
    invalid = ~np.isfinite(data)
    mask = invalid if frame.mask is None else frame.mask | invalid
    return CCDData(
        data, unit=frame.unit, mask=mask if mask.any() else None, uncertainty=frame.uncertainty, header=frame.header
    )
