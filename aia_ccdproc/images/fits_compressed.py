"""Tile-compressed output: the planes of an image as FITS binary tables."""

from __future__ import annotations

import re
from collections.abc import Sequence
from io import BufferedIOBase, BytesIO
from typing import Any

from astropy.io import fits

from aia_ccdproc.images.compression import Compression
from aia_ccdproc.images.fits_hdu import Plane

__all__ = ["RICE_NOISE_DIVISOR", "write_compressed"]

#: RICE: floating-point values are rounded to the noise of their tile divided by this number.
RICE_NOISE_DIVISOR = 16
#: Cards that astropy renames in the header of a compressed image.
_RENAMED_CARD = re.compile(r"(SIMPLE|EXTEND|BLOCKED|BITPIX|NAXIS\d*)$")


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
    """Compress a plane. Return the HDU of the table that contains its tiles."""
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
    # astropy needs a time that grows with the square of the number of cards. So it gets few; the others are added here.
    renamed, others = ([card for card in plane.header.cards if _is_renamed(card) is wanted] for wanted in (True, False))
    image = fits.CompImageHDU(plane.array, fits.Header(renamed), name=plane.name or None, **options)
    content = BytesIO()
    fits.HDUList([fits.PrimaryHDU(), image]).writeto(content)
    content.seek(0)
    table = fits.open(content, disable_image_compression=True)[1]
    table.header = fits.Header([*table.header.cards, *others])
    return table


def _is_renamed(card: fits.Card) -> bool:
    return _RENAMED_CARD.match(card.keyword) is not None
