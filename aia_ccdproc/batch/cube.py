"""A cube file: the images of a channel, sorted by time, with a time axis and a table of the images."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np
from astropy.io import fits
from astropy.time import Time

from aia_ccdproc.errors import HeaderError, StateError
from aia_ccdproc.images.card_filter import without_cards
from aia_ccdproc.images.files import atomic_write
from aia_ccdproc.images.geometry import Geometry, wcs_geometry
from aia_ccdproc.images.history import add_history
from aia_ccdproc.images.statistics import is_statistics_card
from aia_ccdproc.images.times import observation_time
from aia_ccdproc.images.values import as_number, as_text, is_empty
from aia_ccdproc.images.wcs import wcs_from_header
from aia_ccdproc.images.wcs_cards import is_geometry_card
from aia_ccdproc.io import read, read_header

__all__ = ["Cube", "CubeImage"]

#: Columns of the table of images, beside the name of the file and the time.
_COLUMNS = (
    *("EXPTIME", "QUALITY", "CRPIX1", "CRPIX2", "XCEN", "YCEN"),
    *("DSUN_OBS", "HGLN_OBS", "HGLT_OBS", "CRLN_OBS", "CRLT_OBS", "RSUN_OBS"),
)
#: Cards that describe one image or one file.
_OWN_CARDS = frozenset(
    [
        *("CHECKSUM", "DATASUM", "DATE", "EXTNAME", "HISTORY", "COMMENT", "UNCPROP"),
        *("T_OBS", "XCEN", "YCEN", "TOTVALS", "DATAVALS", "MISSVALS", "PERCENTD"),
    ]
)
_TIMES, _PLANES = "TIMES", "IMAGES"


class CubeImage(NamedTuple):
    """What is kept of the header of an image while a cube is made."""

    path: Path
    time: Time
    shape: tuple[int, int]
    geometry: Geometry
    unit: str
    values: dict[str, float]
    """The columns of the table."""

    @property
    def grid(self) -> str:
        """The grid and the unit, for error messages.

        Returns
        -------
        str
            ``"500 x 400 pixels of 0.6 arcsec in DN"``.
        """
        pixels = f"{self.shape[1]} x {self.shape[0]} pixels of {self.geometry.plate_scale:.6g} arcsec"
        return f"{pixels} in {self.unit}"

    def matches(self, other: CubeImage) -> bool:
        """Check whether two images can be in one cube.

        Parameters
        ----------
        other : `CubeImage`
            The other image.

        Returns
        -------
        bool
            True if shape, pixels and unit are the same. The fields of view may have different positions.
        """
        same_grid = self.shape == other.shape and self.geometry.is_close(other.geometry, shifted=True)
        return same_grid and self.unit == other.unit

    @classmethod
    def of(cls, path: Path, header: fits.Header) -> CubeImage:
        """Return what is kept of a header.

        Parameters
        ----------
        path : `~pathlib.Path`
            File of the image.
        header : `~astropy.io.fits.Header`
            Its header.

        Returns
        -------
        `CubeImage`
            Time, shape, geometry and values.

        Raises
        ------
        HeaderError
            If the time or the WCS cannot be read.
        """
        try:
            wcs = wcs_from_header(header)
            shape = (int(header["NAXIS2"]), int(header["NAXIS1"]))
            numbers = {name: as_number(header.get(name)) for name in _COLUMNS}
            values = {name: np.nan if number is None else float(number) for name, number in numbers.items()}
            unit = as_text(header.get("BUNIT", header.get("PIXLUNIT", "DN"))).strip()
            return cls(path, observation_time(header), shape, wcs_geometry(wcs), unit, values)
        except HeaderError as error:
            raise HeaderError(f"{path}: {error}") from error


class Cube:
    """The images of one channel, of which a cube is made.

    Parameters
    ----------
    path : `~pathlib.Path`
        File of the first image.
    header : `~astropy.io.fits.Header`
        Its header.
    """

    def __init__(self, path: Path, header: fits.Header) -> None:
        self.images = [CubeImage.of(path, header)]
        self._common = without_cards(
            header,
            is_statistics_card,
            lambda card: not card.keyword or card.keyword in _OWN_CARDS or is_geometry_card(card.keyword),
        )

    def add(self, path: Path, header: fits.Header) -> None:
        """Add an image.

        Parameters
        ----------
        path : `~pathlib.Path`
            Its file.
        header : `~astropy.io.fits.Header`
            Its header.

        Raises
        ------
        StateError
            If it does not have the shape, the pixels and the unit of the first image.
        """
        image, first = CubeImage.of(path, header), self.images[0]
        if not image.matches(first):
            raise StateError(
                f"{path} has {image.grid}, and {first.path.name} has {first.grid}. Images of a cube need one grid and "
                "one unit: prep them with one recipe, with center and size"
            )
        self.images.append(image)
        self._common = without_cards(self._common, lambda card: _differs(card, header), share=True)

    def sort(self) -> None:
        """Sort the images by time.

        Raises
        ------
        StateError
            If two of them have the same time.
        """
        self.images.sort(key=lambda image: float(image.time.mjd))
        for one, other in zip(self.images, self.images[1:], strict=False):
            if one.time == other.time:
                raise StateError(
                    f"{one.path} and {other.path.name} have the same time, {one.time.isot}. A time axis cannot contain "
                    "it twice: leave one of them out"
                )

    @property
    def is_moving(self) -> bool:
        """Whether the field of view moves, as with ``track``.

        Returns
        -------
        bool
            True if CRPIX differs between the images.
        """
        first = self.images[0].geometry
        return not all(image.geometry.is_close(first) for image in self.images)

    @property
    def seconds(self) -> np.ndarray:
        """The times of the images.

        Returns
        -------
        `~numpy.ndarray`
            Seconds since the first image, shape ``(n,)``.
        """
        return np.array([(image.time - self.images[0].time).to_value("s") for image in self.images])

    def header(self) -> fits.Header:
        """Make the header of the cube.

        Returns
        -------
        `~astropy.io.fits.Header`
            The cards that all images have in common, and the WCS with the observer of the first one and a time axis.
        """
        first, start = read_header(self.images[0].path), self.images[0].time
        shape = (len(self.images), *self.images[0].shape)
        header = fits.Header([("SIMPLE", True), ("BITPIX", -32), ("NAXIS", 3)])
        for axis, length in enumerate(shape[::-1], 1):
            header[f"NAXIS{axis}"] = length
        header["EXTEND"] = True
        header["WCSAXES"] = 3
        header.extend([card for card in first.cards if is_geometry_card(card.keyword) and card.keyword != "WCSAXES"])
        header.update(_time_axis(start, self.images[-1].time))
        header.extend(self._common.cards, unique=True)
        for name in ("DSUN_OBS", "HGLN_OBS", "HGLT_OBS", "CRLN_OBS", "CRLT_OBS", "RSUN_OBS"):
            if name in first and not is_empty(first[name]):
                header[name] = (first[name], first.comments[name])
        add_history(header, f"stack (aia-ccdproc {version('aia-ccdproc')}): {len(self.images)} images")
        if self.is_moving:
            add_history(header, f"stack: the field of view moves; table {_PLANES} has CRPIX of each image")
        return header

    def planes(self, chosen: Collection[int] | None = None) -> Iterator[tuple[int, np.ndarray]]:
        """Read the images one after the other.

        Parameters
        ----------
        chosen : collection of int, optional
            Numbers of the images; by default all.

        Yields
        ------
        tuple of int and `~numpy.ndarray`
            Number of the image, and its pixels, big-endian float32, shape ``(ny, nx)``; masked ones are NaN.
        """
        for index, image in enumerate(self.images):
            if chosen is not None and index not in chosen:
                continue
            ccd = read(image.path)
            data = np.asarray(ccd.data, dtype=">f4")
            if ccd.mask is not None:
                data = np.where(ccd.mask, np.float32(np.nan), data).astype(">f4", copy=False)
            if data.shape != image.shape:
                raise StateError(f"{image.path} has changed while the cube was made. Make the cube again")
            yield index, data

    def tables(self) -> list[fits.BinTableHDU]:
        """Make the extensions of the cube.

        Returns
        -------
        list of `~astropy.io.fits.BinTableHDU`
            The times, as the time axis needs them, and a table with one row for each image.
        """
        count = len(self.images)
        times = fits.Column("TIME", f"{count}D", unit="s", dim=f"(1,{count})", array=self.seconds.reshape(1, count, 1))
        # A FITS table contains ASCII only.
        names = [image.path.name.encode("ascii", "backslashreplace").decode() for image in self.images]
        widest = max(map(len, names))
        columns = [
            fits.Column("FILE", f"{widest}A", array=names),
            fits.Column("TIME", "23A", array=[image.time.isot for image in self.images]),
            *(fits.Column(name, "D", array=[image.values[name] for image in self.images]) for name in _COLUMNS),
        ]
        return [
            fits.BinTableHDU.from_columns([times], name=_TIMES),
            fits.BinTableHDU.from_columns(columns, name=_PLANES),
        ]

    def write(self, path: Path) -> None:
        """Write the cube. One image at a time is in memory.

        Parameters
        ----------
        path : `~pathlib.Path`
            The file; an existing one is replaced.

        Raises
        ------
        ReadError
            If an image cannot be read.
        """
        with atomic_write(path) as temporary:
            with temporary.open("wb") as stream:
                stream.write(self.header().tostring().encode("ascii"))
                for _, plane in self.planes():
                    stream.write(plane.data)
                stream.write(bytes(-stream.tell() % 2880))
            with fits.open(temporary, mode="append") as hdus:
                hdus.extend(self.tables())


def _differs(card: fits.Card, header: fits.Header) -> bool:
    """Check whether an image has another value than the others."""
    return card.keyword not in header or bool(header[card.keyword] != card.value)


def _time_axis(start: Time, end: Time) -> fits.Header:
    """Return the cards of a time axis whose values are in a table (FITS papers III and IV)."""
    reference = start.utc
    return fits.Header(
        [
            ("CTYPE3", "UTC--TAB", "Time, by a table"),
            ("CUNIT3", "s", "Seconds since MJDREF"),
            ("CRPIX3", 1.0),
            ("CRVAL3", 1.0),
            ("CDELT3", 1.0),
            ("PS3_0", _TIMES, "Extension of the table"),
            ("PS3_1", "TIME", "Column of the table"),
            ("PV3_1", 1, "Version of the extension"),
            ("PV3_2", 1, "Level of the extension"),
            ("PV3_3", 1, "Axis of the table"),
            ("TIMESYS", "UTC"),
            ("TIMEUNIT", "s"),
            ("DATEREF", reference.isot, "Time of the first image"),
            ("MJDREFI", int(reference.mjd), "Time of the first image, days"),
            ("MJDREFF", float(reference.mjd - int(reference.mjd)), "Time of the first image, part of a day"),
            ("DATE-OBS", reference.isot, "Time of the first image"),
            ("MJD-OBS", float(reference.mjd), "Time of the first image"),
            ("DATE-BEG", reference.isot, "Time of the first image"),
            ("MJD-BEG", float(reference.mjd)),
            ("DATE-END", end.utc.isot, "Time of the last image"),
            ("MJD-END", float(end.utc.mjd)),
        ]
    )
