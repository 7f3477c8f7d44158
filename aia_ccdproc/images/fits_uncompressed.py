"""Uncompressed output: the planes of an image as FITS HDUs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from io import BufferedIOBase

import numpy as np
from astropy.io import fits

from aia_ccdproc.images.fits_hdu import Plane, compute_datasum, write_hdu

__all__ = ["write_uncompressed"]

#: Values that are converted to the byte order of FITS at a time. Both copies fit into the cache of a core.
_CHUNK_VALUES = 2**17


def write_uncompressed(stream: BufferedIOBase, planes: Sequence[Plane]) -> None:
    """Write the planes of an image: the first one as the primary HDU, the others as extensions.

    Parameters
    ----------
    stream : `~io.BufferedIOBase`
        File that is open for writing.
    planes : sequence of `Plane`
        The planes.

    Raises
    ------
    astropy.io.fits.VerifyError
        If a header cannot be repaired.
    """
    arrays = [np.ascontiguousarray(plane.array) for plane in planes]
    # astropy makes the headers. It needs only type and shape of the data.
    shapes = [np.broadcast_to(np.zeros((), array.dtype.newbyteorder(">")), array.shape) for array in arrays]
    hdus = fits.HDUList([fits.PrimaryHDU(shapes[0], planes[0].header)])
    hdus += [
        fits.ImageHDU(shape, plane.header, plane.name) for shape, plane in zip(shapes[1:], planes[1:], strict=True)
    ]
    hdus.verify("silentfix+exception")
    hdus.update_extend()
    for hdu, array in zip(hdus, arrays, strict=True):
        write_hdu(stream, hdu.header, compute_datasum(array), _big_endian(array))


def _big_endian(array: np.ndarray) -> Iterator[memoryview]:
    """Convert an array to the byte order of FITS, in parts that are valid until the next one is made."""
    values = array.reshape(-1)
    converted = np.empty(min(_CHUNK_VALUES, values.size), values.dtype.newbyteorder(">"))
    for start in range(0, values.size, _CHUNK_VALUES):
        part = values[start : start + _CHUNK_VALUES]
        converted[: part.size] = part
        yield converted[: part.size].view(np.uint8).data
