"""The tiles of a RICE-compressed image in a FITS file."""

from __future__ import annotations

import math
import re
from typing import Any, NamedTuple

import numpy as np
from astropy.io import fits

from aia_ccdproc.images.dithering import MAX_DITHERED_PIXELS

__all__ = ["Quantization", "RiceImage", "RiceTiles", "Scaling", "find_rice_image"]

#: Bits of the integers, by the value of BYTEPIX.
_BITS = {1: 8, 2: 16, 4: 32}
_COLUMN_FORMAT = re.compile(r"1?(?:(?P<pointer>[PQ])B(?:\(\d*\))?|D)")
_POINTERS = {"P": ">i4", "Q": ">i8"}
#: Names of the columns, and whether they contain number of bytes and place of a tile.
_COLUMN_NAMES = {"COMPRESSED_DATA": True, "GZIP_COMPRESSED_DATA": True, "ZSCALE": False, "ZZERO": False}
_IS_DITHERED = {"SUBTRACTIVE_DITHER_1": True, "NO_DITHER": False, None: False}


class RiceTiles(NamedTuple):
    """Tiles of integers that are encoded by RICE_1."""

    data: np.ndarray
    """Bytes that contain the tiles, uint8."""
    offsets: np.ndarray
    """First byte of each tile, int64. In a damaged file, it may have any value."""
    lengths: np.ndarray
    """Number of bytes of each tile, int64. In a damaged file, it may have any value."""
    sizes: np.ndarray
    """Number of pixels of each tile, int64."""
    bits: int
    """Bits of a pixel: 8, 16 or 32."""
    block: int
    """Pixels of a block: 16 or 32."""


class Scaling(NamedTuple):
    """How integers are converted to pixels."""

    scale: float
    zero: float
    blank: int | None
    """The integer in place of NaN."""


class Quantization(NamedTuple):
    """How the pixels of rows were rounded to integers."""

    scales: np.ndarray
    """Distance of neighboring levels for each row, float64."""
    zeros: np.ndarray
    """Level 0 of each row, float64."""
    seed: int | None
    """Value of ZDITHER0; None if the pixels were not dithered."""
    blank: int | None
    """The integer in place of NaN."""
    unrounded: np.ndarray
    """First byte and number of bytes of the gzipped pixels of rows that were not rounded, int64, ``(rows, 2)``."""


class RiceImage(NamedTuple):
    """An image that is compressed by RICE_1."""

    shape: tuple[int, int]
    tile_shape: tuple[int, int]
    tiles: RiceTiles
    conversion: Scaling | Quantization


def find_rice_image(hdu: Any) -> RiceImage | None:
    """Find the tiles of an image.

    Parameters
    ----------
    hdu : astropy HDU
        HDU of an image, from a file that is open.

    Returns
    -------
    `RiceImage` or None
        The image; None if it is not compressed by RICE_1, or in a form that only astropy reads.
    """
    if not isinstance(hdu, fits.CompImageHDU):
        return None
    place = hdu.fileinfo()
    file, start = place["file"], place["datLoc"]
    file.seek(place["hdrLoc"])
    header = fits.Header.fromstring(file.read(start - place["hdrLoc"]))
    layout = _find_layout(header)
    if layout is None:
        return None
    file.seek(start)
    data = np.frombuffer(file.read(place["datSpan"]), np.uint8)
    sizes = _tile_sizes(layout)
    table = data[: sizes.size * layout.columns.itemsize].view(layout.columns)
    heap = header.get("THEAP", table.nbytes)
    lengths, offsets = table["COMPRESSED_DATA"].astype(np.int64).T
    tiles = RiceTiles(data, offsets + heap, lengths, sizes, layout.bits, layout.block)
    is_quantized = header.get("ZBITPIX") == -32
    conversion = _find_quantization(header, table, heap) if is_quantized else _find_scaling(header, hdu.header)
    return None if conversion is None else RiceImage(layout.shape, layout.tile_shape, tiles, conversion)


class _Layout(NamedTuple):
    """How the tiles of an image are stored in a table."""

    shape: tuple[int, int]
    tile_shape: tuple[int, int]
    columns: np.dtype[np.void]
    bits: int
    block: int


def _find_layout(header: fits.Header) -> _Layout | None:
    """Return the layout of a table; None if it is not one that is usual for RICE_1."""
    if header.get("ZCMPTYPE") not in ("RICE_1", "RICE_ONE") or header.get("ZNAXIS") != 2:
        return None
    shape = header.get("ZNAXIS2"), header.get("ZNAXIS1")
    tile_shape = header.get("ZTILE2", 1), header.get("ZTILE1", shape[1])
    columns, parameters = _column_types(header), _parameters(header)
    bits, block = _BITS.get(parameters.get("BYTEPIX", 4)), parameters.get("BLOCKSIZE", 32)
    if columns is None or bits is None or block not in (16, 32):
        return None
    if not all(isinstance(n, int) and n > 0 for n in (*shape, *tile_shape)):
        return None
    layout = _Layout(shape, tile_shape, columns, bits, block)
    expected = header.get("NAXIS1"), header.get("NAXIS2"), header.get("THEAP", 0) >= 0
    return layout if expected == (columns.itemsize, _tile_sizes(layout).size, True) else None


def _column_types(header: fits.Header) -> np.dtype[np.void] | None:
    """Return the types of the columns of a table; None if they are not those of tiles encoded by RICE_1."""
    fields: dict[str, tuple[Any, ...]] = {}
    for number in range(1, header.get("TFIELDS", 0) + 1):
        name, form = (str(header.get(f"{keyword}{number}")).strip() for keyword in ("TTYPE", "TFORM"))
        match = _COLUMN_FORMAT.fullmatch(form)
        if match is None or name in fields or _COLUMN_NAMES.get(name) != bool(match["pointer"]):
            return None
        fields[name] = (_POINTERS[match["pointer"]], 2) if match["pointer"] else (">f8",)
    return np.dtype([(name, *kind) for name, kind in fields.items()]) if "COMPRESSED_DATA" in fields else None


def _parameters(header: fits.Header) -> dict[str, Any]:
    """Return the parameters of a compression."""
    parameters, number = {}, 1
    while f"ZNAME{number}" in header:
        parameters[str(header[f"ZNAME{number}"]).upper()] = header.get(f"ZVAL{number}")
        number += 1
    return parameters


def _tile_sizes(layout: _Layout) -> np.ndarray:
    """Return the numbers of pixels of the tiles."""
    rows, columns = (
        np.minimum(size, n - np.arange(0, n, size)) for n, size in zip(layout.shape, layout.tile_shape, strict=True)
    )
    return np.outer(rows, columns).reshape(-1)


def _find_scaling(header: fits.Header, image_header: fits.Header) -> Scaling | None:
    """Return how the pixels of an image of integers are scaled; None if only astropy can read it."""
    bits = header.get("ZBITPIX")
    scale, zero, blank = (image_header.get(*each) for each in (("BSCALE", 1), ("BZERO", 0), ("BLANK", None)))
    if (
        bits != 8 * _parameters(header).get("BYTEPIX", 4)
        or header["TFIELDS"] != 1
        or not all(type(number) in (int, float) and math.isfinite(number) for number in (scale, zero))
    ):
        return None
    if blank is not None:
        is_unsigned = scale == 1 and abs(zero) == 2 ** (bits - 1)
        smallest = 0 if bits == 8 else -(2 ** (bits - 1))
        # astropy ignores some values, and refuses others.
        if type(blank) is not int or blank == 0 or not smallest <= blank < smallest + 2**bits or is_unsigned:
            return None
    return Scaling(scale, zero, blank)


def _find_quantization(header: fits.Header, table: np.ndarray, heap: int) -> Quantization | None:
    """Return how the pixels of an image were rounded; None if only astropy can read it."""
    method, seed, blank = (header.get(name) for name in ("ZQUANTIZ", "ZDITHER0", "ZBLANK"))
    is_dithered = _IS_DITHERED.get(method)
    if (
        not {"ZSCALE", "ZZERO"} < set(table.dtype.names or ())
        or _parameters(header).get("BYTEPIX", 4) != 4
        or (header.get("ZTILE2", 1), header.get("ZTILE1", header["ZNAXIS1"])) != (1, header["ZNAXIS1"])
        or is_dithered is None
        or (is_dithered and (type(seed) is not int or header["ZNAXIS1"] > MAX_DITHERED_PIXELS))
        or not (blank is None or type(blank) is int)
    ):
        return None
    unrounded = np.zeros((table.size, 2), np.int64)
    if "GZIP_COMPRESSED_DATA" in (table.dtype.names or ()):
        unrounded = table["GZIP_COMPRESSED_DATA"][:, ::-1] + np.array([heap, 0])
    scales, zeros = (table[name].astype(np.float64) for name in ("ZSCALE", "ZZERO"))
    return Quantization(scales, zeros, seed if is_dithered else None, blank, unrounded)
