"""Synthetic level-1 images of a Sun whose true brightness is known, for the demo, for tests and for plugin authors.

A `Sun` gives the brightness of any position on the sky. An `Exposure` is a level-1 observation: it writes the header,
computes the image of a Sun, and writes both to a file in JSOC's format.
"""

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
from aia_ccdproc.pointing.table import PointingRecord, read_pointing_table

__all__ = ["BUILTIN_POINTING", "RSUN_OBS", "Exposure", "Source", "Sun", "builtin_pointing_path"]

#: File with record #34506 of aia.master_pointing3h: the pointing of the seven EUV channels on 2020-01-01, 0 to 3 h UTC.
BUILTIN_POINTING = "pointing_34506.ecsv"

#: Distance of SDO from the Sun on 2020-01-01, m.
_DSUN_OBS = 147090492361.0
#: Apparent radius of the Sun in all exposures, arcsec.
RSUN_OBS = math.degrees(math.asin(RSUN_METERS / _DSUN_OBS)) * 3600

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
class Source:  # numpydoc ignore=PR02
    """A Gaussian on the sky: a point source, blurred by the telescope.

    Parameters
    ----------
    x, y : float
        Helioprojective position, arcsec.
    peak : float
        Brightness at the center, DN per pixel and exposure.
    sigma : float
        Standard deviation, arcsec.
    """

    x: float
    y: float
    peak: float = 1000.0
    sigma: float = 1.5


@dataclass(frozen=True)
class Sun:  # numpydoc ignore=PR02
    """A Sun whose brightness is a formula: disk, corona and Gaussian sources.

    Parameters
    ----------
    disk : float
        Brightness of the disk, DN per pixel and exposure.
    corona : float
        Brightness of the corona at the limb, DN per pixel and exposure; it falls by a factor of e in 100 arcsec.
    limb : float
        Width of the limb, where the brightness changes from that of the disk to that of the corona, arcsec.
    sources : tuple of `Source`
        Sources that are added to disk and corona.
    """

    disk: float = 100.0
    corona: float = 40.0
    limb: float = 3.0
    sources: tuple[Source, ...] = ()

    def brightness(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Compute the brightness at given positions.

        Parameters
        ----------
        x, y : `~numpy.ndarray`
            Helioprojective positions of a grid of pixels, arcsec, shape ``(ny, nx)``.

        Returns
        -------
        `~numpy.ndarray`
            Brightness, DN per pixel and exposure, shape ``(ny, nx)``.
        """
        image = np.zeros(x.shape)
        if self.disk or self.corona:
            height = np.hypot(x, y) - RSUN_OBS
            inside = 0.5 * (1 - np.tanh(height / self.limb))
            image += self.disk * inside
            image += self.corona * (1 - inside) * np.exp(-np.maximum(height, 0) / 100)
        for source in self.sources:
            self._add_source(image, source, x, y)
        return image

    @staticmethod
    def _add_source(image: np.ndarray, source: Source, x: np.ndarray, y: np.ndarray) -> None:
        # Beyond 9 sigma a source is negligible. A coarse grid finds the part of the image that is nearer than that.
        step = 32
        coarse_x, coarse_y = x[::step, ::step], y[::step, ::step]
        spacing = max(float(np.abs(np.diff(c, axis=a)).max(initial=0)) for c in (coarse_x, coarse_y) for a in (0, 1))
        reach = 9 * source.sigma + 2 * spacing
        rows, columns = np.nonzero((np.abs(coarse_x - source.x) < reach) & (np.abs(coarse_y - source.y) < reach))
        if rows.size:
            part = tuple(slice(max(0, (n.min() - 1) * step), (n.max() + 2) * step) for n in (rows, columns))
            squared = (x[part] - source.x) ** 2 + (y[part] - source.y) ** 2
            image[part] += source.peak * np.exp(-0.5 * squared / source.sigma**2)


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
        header["RSUN_OBS"], header["RSUN_REF"], header["DSUN_OBS"] = RSUN_OBS, RSUN_METERS, _DSUN_OBS
        header["R_SUN"] = RSUN_OBS / scale
        header["HGLN_OBS"], header["HGLT_OBS"] = 0.0, -2.98
        header["CRLN_OBS"], header["CRLT_OBS"] = 70.36, -2.98
        header.update(self.keywords)
        return header

    def _pointing(self) -> PointingRecord:
        if self.channel >= 1600:
            return _UV_POINTING
        table = read_pointing_table(builtin_pointing_path())
        return table.record(parse_time("2020-01-01T00:00:00"), self.channel)

    def image(self, sun: Sun, *, noise: int | None = None) -> CCDData:
        """Compute the level-1 image of a Sun.

        Parameters
        ----------
        sun : `Sun`
            The Sun that is observed.
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
        # Intermediate world coordinates, and the sky coordinates of the tangent projection (Calabretta & Greisen 2002).
        xi = np.radians((across * math.cos(angle) - along * math.sin(angle)) / 3600)
        eta = np.radians((across * math.sin(angle) + along * math.cos(angle)) / 3600)
        longitude = np.arctan(xi)
        latitude = np.arctan(eta * np.cos(longitude))
        data = sun.brightness(np.degrees(longitude) * 3600, np.degrees(latitude) * 3600)
        if noise is not None:
            data = np.random.default_rng(noise).poisson(data)
        header = self.header()
        return CCDData(data.astype(np.float32), unit="DN", header=header, wcs=wcs_from_header(header))

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
