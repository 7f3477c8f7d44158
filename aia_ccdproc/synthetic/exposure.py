"""A level-1 observation of a synthetic Sun: the header, the image, and the file in JSOC's format."""

from __future__ import annotations

import importlib.resources
import math
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.nddata import CCDData

from aia_ccdproc.images.files import atomic_write
from aia_ccdproc.images.level15 import LEVEL15_SHAPE
from aia_ccdproc.images.times import parse_time
from aia_ccdproc.images.wcs import wcs_from_header
from aia_ccdproc.images.wcs_cards import RSUN_METERS
from aia_ccdproc.parallel import map_in_threads, thread_count
from aia_ccdproc.pointing.table import PointingRecord, read_pointing_table
from aia_ccdproc.synthetic.sphere import DSUN_OBS, HGLT_OBS, RSUN_OBS
from aia_ccdproc.synthetic.sun import Brightness

__all__ = ["BUILTIN_POINTING", "Exposure", "builtin_pointing_path"]

#: File with record #34506 of aia.master_pointing3h: the pointing of the seven EUV channels on 2020-01-01, 0 to 3 h UTC.
BUILTIN_POINTING = "pointing_34506.ecsv"

#: Rows of an image that are computed at a time.
_BLOCK_ROWS = 256
#: Camera of each channel, as the number in INSTRUME (Lemen et al. 2012).
_CAMERAS = {131: 1, 335: 1, 193: 2, 211: 2, 171: 3, 1600: 3, 1700: 3, 4500: 3, 94: 4, 304: 4}
#: Pointing of all UV channels, which are not in the built-in record: that of 1600 angstrom on 2012-06-06.
_UV_POINTING = PointingRecord("sdo.master_pointing[:#282]", "", 2058.389893, 2044.119995, 0.609112, 0.10244)


def builtin_pointing_path() -> Path:
    """Return the path of the pointing table that is part of the package.

    Returns
    -------
    `~pathlib.Path`
        ECSV file with JSOC's columns.
    """
    return Path(str(importlib.resources.files("aia_ccdproc") / "data" / BUILTIN_POINTING))


@dataclass(frozen=True)
class Exposure:  # numpydoc ignore=PR02
    """A level-1 observation as JSOC delivers it.

    Parameters
    ----------
    channel : int
        Wavelength, angstrom: one of AIA's ten channels.
    time : str
        T_OBS, UTC. The pointing does not depend on it: the built-in record is used for every time.
    satellite_roll : float
        SAT_ROT, degrees.
    pointing_error : tuple of float
        Errors of X0_MP and Y0_MP in the header, camera pixels; CRPIX has the same errors. The image has none.
    binning : int
        Number of camera pixels along each side of an image pixel.
    corner : tuple of int
        First column and row of a cutout, image pixels.
    shape : tuple of int, optional
        Shape ``(ny, nx)`` of a cutout; by default the full frame.
    exposure_time : float
        EXPTIME, s.
    roll : float
        Additional roll angle of the camera, degrees.
    keywords : dict
        Keywords that are added to the header or replaced in it.
    """

    channel: int = 94
    time: str = "2020-01-01T00:00:11.57Z"
    satellite_roll: float = -3e-6
    pointing_error: tuple[float, float] = (0.0, 0.0)
    binning: int = 1
    corner: tuple[int, int] = (0, 0)
    shape: tuple[int, int] | None = None
    exposure_time: float = 2.9
    roll: float = 0.0
    keywords: dict[str, object] = field(default_factory=dict)

    def header(self) -> fits.Header:
        """Make the level-1 header.

        Returns
        -------
        `~astropy.io.fits.Header`
            Complete header, including the pointing error.
        """
        record = self._pointing()
        x0, y0 = record.x0 + self.pointing_error[0], record.y0 + self.pointing_error[1]
        rows, columns = self.shape or (LEVEL15_SHAPE[0] // self.binning, LEVEL15_SHAPE[1] // self.binning)
        scale = record.image_scale * self.binning
        header = fits.Header()
        header["NAXIS"], header["NAXIS1"], header["NAXIS2"] = 2, columns, rows
        header["TELESCOP"], header["INSTRUME"] = "SDO/AIA", f"AIA_{_CAMERAS[self.channel]}"
        header["WAVELNTH"], header["WAVEUNIT"] = self.channel, "angstrom"
        header["WAVE_STR"] = f"{self.channel}" if self.channel >= 1600 else f"{self.channel}_THIN"
        header["T_OBS"], header["DATE-OBS"] = self.time, self.time.removesuffix("Z")
        header["EXPTIME"], header["LVL_NUM"], header["QUALITY"] = self.exposure_time, 1.0, 0
        header["PIXLUNIT"] = "DN"
        # Position p in camera pixels, counted from 0, is (p + 0.5) / binning + 0.5 in binned pixels, counted from 1.
        for axis, (center, corner) in enumerate(zip((x0, y0), self.corner, strict=True), start=1):
            header[f"CTYPE{axis}"] = ("HPLN-TAN", "HPLT-TAN")[axis - 1]
            header[f"CUNIT{axis}"], header[f"CRVAL{axis}"] = "arcsec", 0.0
            header[f"CDELT{axis}"] = scale
            header[f"CRPIX{axis}"] = (center + 0.5) / self.binning + 0.5 - corner
        header["CROTA2"] = record.instrument_roll + self.satellite_roll + self.roll
        header["X0_MP"], header["Y0_MP"], header["IMSCL_MP"] = x0, y0, record.image_scale
        header["INST_ROT"], header["SAT_ROT"] = record.instrument_roll, self.satellite_roll
        header["MPO_REC"], header["ACS_MODE"] = "sdo.master_pointing[:#1050]", "SCIENCE"
        header["RSUN_OBS"], header["RSUN_REF"], header["DSUN_OBS"] = RSUN_OBS, RSUN_METERS, DSUN_OBS
        header["R_SUN"] = RSUN_OBS / scale
        header["HGLN_OBS"], header["HGLT_OBS"] = 0.0, HGLT_OBS
        header["CRLN_OBS"], header["CRLT_OBS"] = 70.36, HGLT_OBS
        header.update(self.keywords)
        return header

    def _pointing(self) -> PointingRecord:
        if self.channel >= 1600:
            return _UV_POINTING
        table = read_pointing_table(builtin_pointing_path())
        return table.record(parse_time("2020-01-01T00:00:00"), self.channel)

    def image(self, sun: Brightness, *, noise: int | None = None) -> CCDData:
        """Compute the level-1 image of a Sun.

        Parameters
        ----------
        sun : `Sun` or `ActiveSun`
            The Sun that is observed: any object with the method ``brightness(x, y)``.
        noise : int, optional
            Seed of the photon noise; by default the image has no noise.

        Returns
        -------
        `~astropy.nddata.CCDData`
            Image in DN, float32, shape ``(ny, nx)``, with header and WCS. A pixel has the brightness at its center,
            which is accurate for sources that are smooth on the scale of a pixel.
        """
        truth = replace(self, pointing_error=(0.0, 0.0)).header()
        rows, columns = truth["NAXIS2"], truth["NAXIS1"]
        angle = math.radians(truth["CROTA2"])
        across = (np.arange(1, columns + 1) - truth["CRPIX1"]) * truth["CDELT1"]
        along = ((np.arange(1, rows + 1) - truth["CRPIX2"]) * truth["CDELT2"])[:, None]
        random = None if noise is None else np.random.default_rng(noise)
        data = np.empty((rows, columns), np.float32)
        blocks = [slice(first, first + _BLOCK_ROWS) for first in range(0, rows, _BLOCK_ROWS)]

        def brightness(block: slice) -> np.ndarray:
            return sun.brightness(*_sky_positions(across, along[block], angle))

        count = thread_count()
        for first in range(0, len(blocks), count):
            group = blocks[first : first + count]
            for block, values in zip(group, map_in_threads(brightness, group), strict=True):
                data[block] = values if random is None else random.poisson(values)
        header = self.header()
        return CCDData(data, unit="DN", header=header, wcs=wcs_from_header(header))

    def write_level1(self, ccd: CCDData, path: str | Path) -> Path:
        """Write an image in the format of JSOC's level-1 files: int16, RICE_1, in extension 1, without BUNIT.

        Parameters
        ----------
        ccd : `~astropy.nddata.CCDData`
            Image in DN, shape ``(ny, nx)``. Its values are rounded; those that are not finite are written as BLANK.
        path : str or path-like
            Path of the file; an existing file is replaced.

        Returns
        -------
        `~pathlib.Path`
            The path.
        """
        values = np.where(np.isfinite(ccd.data), np.clip(np.rint(ccd.data), -32767, 32767), -32768).astype(np.int16)
        header = ccd.header.copy()
        header["BLANK"] = -32768
        image = fits.CompImageHDU(values, header, compression_type="RICE_1", name="COMPRESSED_IMAGE")
        with atomic_write(Path(path)) as temporary:
            fits.HDUList([fits.PrimaryHDU(), image]).writeto(temporary)
        return Path(path)


def _sky_positions(across: np.ndarray, along: np.ndarray, angle: float) -> tuple[np.ndarray, np.ndarray]:
    """Return helioprojective positions in arcsec: the tangent projection (Calabretta & Greisen 2002)."""
    xi = np.radians((across * math.cos(angle) - along * math.sin(angle)) / 3600)
    eta = np.radians((across * math.sin(angle) + along * math.cos(angle)) / 3600)
    longitude = np.arctan(xi)
    latitude = np.arctan(eta * np.cos(longitude))
    return np.degrees(longitude) * 3600, np.degrees(latitude) * 3600
