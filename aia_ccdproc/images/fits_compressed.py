"""Tile-compressed output: the planes of an image as FITS binary tables."""

from __future__ import annotations

from collections.abc import Sequence
from io import BufferedIOBase

from astropy.io import fits

from aia_ccdproc.images.compression import Compression
from aia_ccdproc.images.fits_hdu import Plane, write_hdu
from aia_ccdproc.images.pixel_engine import PixelEngine
from aia_ccdproc.images.tile_encoding import encode_lossless, encode_rice
from aia_ccdproc.images.tile_table import write_tile_table

__all__ = ["RICE_NOISE_DIVISOR", "write_compressed"]

#: RICE: floating-point values are rounded to the noise of their row divided by this number.
RICE_NOISE_DIVISOR = 16
#: Names of the planes that have noise: the image and its uncertainty.
_ROUNDED = ("", "UNCERT")


def write_compressed(
    stream: BufferedIOBase, planes: Sequence[Plane], compression: Compression, engine: PixelEngine
) -> None:
    """Write the planes of an image as extensions, after an empty primary HDU.

    Parameters
    ----------
    stream : `~io.BufferedIOBase`
        File that is open for writing.
    planes : sequence of `Plane`
        The planes.
    compression : {"rice", "lossless"}
        Tile compression of image and uncertainty. The other planes are compressed without loss.
    engine : `PixelEngine`
        Loops over the pixels.

    Raises
    ------
    astropy.io.fits.VerifyError
        If a header is not valid.
    """
    write_hdu(stream, fits.Header([*fits.PrimaryHDU().header.cards, ("EXTEND", True)]), [])
    for plane in planes:
        if compression == "rice" and plane.name in _ROUNDED:
            table = encode_rice(plane.array, engine.encode_rice, RICE_NOISE_DIVISOR)
        else:
            table = encode_lossless(plane.array)
        write_tile_table(stream, plane, table)
