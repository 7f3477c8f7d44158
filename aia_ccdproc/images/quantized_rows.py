"""Rows of pixels that are rounded to a fraction of their noise and encoded by RICE_1."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import NamedTuple, TypeAlias

import numpy as np
from astropy.io import fits

__all__ = ["BLANK", "EncodeRice", "QuantizedRows", "encode_by_astropy"]

#: Integer in place of a pixel that is NaN.
BLANK = -(2**31)
_DITHER_SEEDS = 10000


class QuantizedRows(NamedTuple):
    """Rows of pixels that are rounded to integers and encoded by RICE_1."""

    data: np.ndarray
    """The encoded rows, one after the other, uint8."""
    lengths: np.ndarray
    """Number of bytes of each row, int64; 0 for a row that is not rounded, because it has no noise."""
    scales: np.ndarray
    """Distance of neighboring levels, float64; 0 for a row that is not rounded."""
    zeros: np.ndarray
    """Level 0, float64."""

    def section(self, first: int, count: int) -> QuantizedRows:
        """Return some of the rows.

        Parameters
        ----------
        first, count : int
            Index of the first row, and their number.

        Returns
        -------
        `QuantizedRows`
            These rows, without a copy.
        """
        rows = slice(first, first + count)
        start = int(self.lengths[:first].sum())
        data = self.data[start : start + int(self.lengths[rows].sum())]
        return QuantizedRows(data, self.lengths[rows], self.scales[rows], self.zeros[rows])


#: Function that encodes rows: of pixels, the divisor of the noise, and the index of the first row in the image.
EncodeRice: TypeAlias = Callable[[np.ndarray, int, int], QuantizedRows]


def encode_by_astropy(rows: np.ndarray, divisor: int, first: int) -> QuantizedRows:
    """Round rows of pixels and encode them.

    Parameters
    ----------
    rows : `~numpy.ndarray`
        Pixels, float32, shape ``(rows, nx)``.
    divisor : int
        Pixels are rounded to the noise of their row divided by this number.
    first : int
        Index of the first row in the image, by which the random numbers of the dithering are chosen.

    Returns
    -------
    `QuantizedRows`
        The rows.
    """
    image = fits.CompImageHDU(
        rows,
        compression_type="RICE_1",
        quantize_level=divisor,
        quantize_method=fits.hdu.compressed.SUBTRACTIVE_DITHER_1,
        dither_seed=first % _DITHER_SEEDS + 1,
    )
    content = BytesIO()
    fits.HDUList([fits.PrimaryHDU(), image]).writeto(content)
    with fits.open(BytesIO(content.getbuffer()), disable_image_compression=True) as hdus:
        start, width = hdus[1].fileinfo()["datLoc"], hdus[1].header["NAXIS1"]
        columns = [("rice", ">i4", 2), ("gzip", ">i4", 2), ("scale", ">f8"), ("zero", ">f8")]
    raw = np.frombuffer(content.getbuffer(), np.uint8)[start:]
    heap = raw[len(rows) * width :]
    table = raw[: len(rows) * width].view(columns)
    tiles = [heap[place : place + length] for length, place in table["rice"].tolist() if length]
    return QuantizedRows(
        np.concatenate([np.zeros(0, np.uint8), *tiles]),
        table["rice"][:, 0].astype(np.int64),
        table["scale"].astype(np.float64),
        table["zero"].astype(np.float64),
    )
