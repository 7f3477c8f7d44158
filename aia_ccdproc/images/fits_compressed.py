"""Tile-compressed output: the planes of an image as FITS binary tables."""

from __future__ import annotations

from collections.abc import Sequence
from io import BufferedIOBase
from typing import Any

from astropy.io import fits

from aia_ccdproc.images.compression import Compression
from aia_ccdproc.images.fits_hdu import Plane

__all__ = ["RICE_NOISE_DIVISOR", "write_compressed"]

#: RICE: floating-point values are rounded to the noise of their tile divided by this number.
RICE_NOISE_DIVISOR = 16


def write_compressed(stream: BufferedIOBase, planes: Sequence[Plane], compression: Compression) -> None:
    """Write the planes of an image as extensions, after an empty primary HDU.

    Parameters
    ----------
    stream : `~io.BufferedIOBase`
        File that is open for writing.
    planes : sequence of `Plane`
        The planes.
    compression : {"rice", "lossless"}
        Tile compression.

    Raises
    ------
    astropy.io.fits.VerifyError
        If a header cannot be repaired.
    """
    hdus = fits.HDUList([fits.PrimaryHDU(), *(_compressed(plane, compression) for plane in planes)])
    hdus.writeto(stream, checksum=True, output_verify="silentfix+exception")


def _compressed(plane: Plane, compression: Compression) -> Any:
    if plane.array.dtype.kind == "u":
        options: dict[str, Any] = {"compression_type": "RICE_1"}  # lossless for integers
    elif compression == "lossless":
        options = {"compression_type": "GZIP_2", "quantize_level": 0}
    else:
        options = {
            "compression_type": "RICE_1",
            "quantize_level": RICE_NOISE_DIVISOR,
            "quantize_method": fits.hdu.compressed.SUBTRACTIVE_DITHER_1,
            "dither_seed": 1,
        }
    return fits.CompImageHDU(plane.array, plane.header, name=plane.name or None, **options)
