"""Master frames, flats, biases and darks: read once in a process, whoever made them."""

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

__all__ = ["read_master"]


def read_master(path: str | os.PathLike[str]) -> CCDData:
    """Read an image that is the same for many: a flat, a bias, a dark.

    Parameters
    ----------
    path : str or path-like
        A FITS image: one that `~aia_ccdproc.read` reads, or any other; where it does not say its unit (BUNIT), it has
        none.

    Returns
    -------
    `~astropy.nddata.CCDData`
        The image as float32, shape ``(ny, nx)``, with NaN masked; the same object as long as the file is the same. Its
        pixels cannot be changed.

    Raises
    ------
    ReadError
        If it cannot be read.
    """
    path = Path(path)
    try:
        return _read(path)
    except OSError as error:
        raise ReadError(f"{path}: {(error.strerror or str(error)).lower()}") from error


@cache_until_modified(files=8)
def _read(path: Path) -> CCDData:
    try:
        master = read(path)
    except (HeaderError, InstrumentError):  # not of the Sun: a frame of the detector
        master = _read_frame(path)
    master.data.setflags(write=False)
    return master


def _read_frame(path: Path) -> CCDData:
    try:
        with fits.open(path) as hdus, ignore_wcs_warnings():
            images = [i for i, hdu in enumerate(hdus) if hdu.is_image and hdu.header.get("NAXIS") == 2]
            unit = u.Unit(hdus[images[0]].header.get("BUNIT", ""))
            frame = CCDData.read(path, hdu=images[0], unit=unit)
    except Exception as error:  # what astropy raises on a file that it cannot use is no short list
        raise ReadError(f"{path}: cannot be read as an image ({error})") from error
    data = np.asarray(frame.data).astype(np.float32)
    invalid = ~np.isfinite(data)
    mask = invalid if frame.mask is None else frame.mask | invalid
    return CCDData(
        data, unit=frame.unit, mask=mask if mask.any() else None, uncertainty=frame.uncertainty, header=frame.header
    )
