"""Uncompressed output: the planes of an image as FITS HDUs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from io import BufferedIOBase

import numpy as np
from astropy.io import fits

from aia_ccdproc.images.fits_checksum import sum_words
from aia_ccdproc.images.fits_hdu import Plane, write_hdu
from aia_ccdproc.images.pixel_engine import PixelEngine

__all__ = ["write_uncompressed"]

#: Values that are written at a time. They and their copy fit into the cache of a core.
_CHUNK_VALUES = 2**17


def write_uncompressed(stream: BufferedIOBase, planes: Sequence[Plane], engine: PixelEngine) -> None:
    """Write the planes of an image: the first one as the primary HDU, the others as extensions.

    Parameters
    ----------
    stream : `~io.BufferedIOBase`
        File that is open for writing.
    planes : sequence of `Plane`
        The planes.
    engine : `PixelEngine`
        Loops over the pixels.

    Raises
    ------
    astropy.io.fits.VerifyError
        If a header cannot be repaired.
    """
    # astropy makes the headers. It needs only type and shape of the data.
    shapes = [np.broadcast_to(np.zeros((), each.array.dtype.newbyteorder(">")), each.array.shape) for each in planes]
    hdus = fits.HDUList([fits.PrimaryHDU(shapes[0], planes[0].header)])
    hdus += [fits.ImageHDU(shape, each.header, each.name) for shape, each in zip(shapes[1:], planes[1:], strict=True)]
    hdus.verify("silentfix+exception")
    hdus.update_extend()
    for hdu, plane in zip(hdus, planes, strict=True):
        write_hdu(stream, hdu.header, _blocks(np.ascontiguousarray(plane.array).reshape(-1), engine))


def _blocks(values: np.ndarray, engine: PixelEngine) -> Iterator[tuple[memoryview, int]]:
    """Convert values to the byte order of FITS, in parts that are valid until the next one is made; add them up."""
    parts = (values[start : start + _CHUNK_VALUES] for start in range(0, values.size, _CHUNK_VALUES))
    if values.itemsize == 1:
        yield from ((part.data, sum_words(part.data)) for part in parts)
        return
    buffer = np.empty(_CHUNK_VALUES, np.uint32)
    for part in parts:
        copied = buffer[: part.size]
        total = engine.copy_big_endian(part.view(np.uint32), copied)
        yield copied.view(np.uint8).data, total
