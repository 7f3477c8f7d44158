"""Compression of the planes of an image, tile by tile, in several threads."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from aia_ccdproc.images.gzip_tiles import gzip_parts, pack_tile
from aia_ccdproc.images.quantized_rows import BLANK, EncodeRice, QuantizedRows, encode_by_astropy
from aia_ccdproc.images.tile_table import TileTable
from aia_ccdproc.parallel import map_in_threads

__all__ = ["encode_lossless", "encode_rice"]

#: Shape of the tiles of lossless compression. The pixels of a tile are similar, which makes the code short that each
#: tile has of its own. Software can read a part of the image without the rest.
_LOSSLESS_TILE = (128, 128)
#: Rows that are encoded at a time by RICE_1. They fit into the cache of a core.
_CHUNK_ROWS = 16


class _Part(NamedTuple):
    """Tiles that were compressed together."""

    columns: dict[str, np.ndarray]
    """Columns of the table, as in `TileTable`. Bytes are counted from the start of the part."""
    data: bytes


def encode_lossless(array: np.ndarray) -> TileTable:
    """Compress a plane by gzip.

    Parameters
    ----------
    array : `~numpy.ndarray`
        The plane, float32 or uint8, shape ``(ny, nx)``.

    Returns
    -------
    `TileTable`
        Its tiles.
    """
    rows, columns = (min(size, n) for size, n in zip(_LOSSLESS_TILE, array.shape, strict=True))

    def encode(row: int) -> _Part:
        packed = [
            pack_tile(array[row : row + rows, start : start + columns]) for start in range(0, array.shape[1], columns)
        ]
        return _Part({"COMPRESSED_DATA": _pointers(list(map(len, packed)))}, b"".join(packed))

    parts = map_in_threads(encode, range(0, array.shape[0], rows))
    return _join("GZIP_2" if array.itemsize == 4 else "GZIP_1", [], (rows, columns), parts)


def encode_rice(array: np.ndarray, encode: EncodeRice | None, divisor: int) -> TileTable:
    """Round the pixels of a plane to a fraction of the noise, and compress them by RICE_1.

    Parameters
    ----------
    array : `~numpy.ndarray`
        The plane, float32, C-contiguous, shape ``(ny, nx)``.
    encode : callable or None
        Function that encodes rows, as `~aia_ccdproc.images.pixel_engine.PixelEngine` describes; None for astropy.
    divisor : int
        Pixels are rounded to the noise of their row divided by this number.

    Returns
    -------
    `TileTable`
        Its rows. Rows without noise are not rounded, and compressed by gzip.
    """
    if encode is None:  # astropy needs a new HDU for each call, and holds the interpreter lock
        whole = encode_by_astropy(array, divisor, 0)

    def encode_rows(first: int) -> _Part:
        rows = array[first : first + _CHUNK_ROWS]
        return _quantized_part(rows, encode(rows, divisor, first) if encode else whole.section(first, len(rows)))

    parts = map_in_threads(encode_rows, range(0, array.shape[0], _CHUNK_ROWS))
    cards: list[tuple[str, Any, str]] = [
        ("ZNAME1", "BLOCKSIZE", "compression block size"),
        ("ZVAL1", 32, "pixels per block"),
        ("ZNAME2", "BYTEPIX", "bytes per pixel"),
        ("ZVAL2", 4, "bytes per pixel"),
        ("ZNAME3", "NOISEBIT", "floating point quantization level"),
        ("ZVAL3", divisor, "noise of a row / distance of its levels"),
        ("ZQUANTIZ", "SUBTRACTIVE_DITHER_1", "pixel quantization algorithm"),
        ("ZDITHER0", 1, "dithering offset"),
        ("ZBLANK", BLANK, "integer in place of NaN"),
    ]
    return _join("RICE_1", cards, (1, array.shape[1]), parts)


def _quantized_part(rows: np.ndarray, encoded: QuantizedRows) -> _Part:
    """Add the rows that are not rounded to those that are encoded."""
    unrounded = np.flatnonzero(encoded.lengths == 0)
    packed = [gzip_parts([row.astype(">f4").tobytes()]) for row in rows[unrounded]]
    lengths = np.zeros(len(rows), np.int64)
    lengths[unrounded] = list(map(len, packed))
    columns = {
        "COMPRESSED_DATA": _pointers(encoded.lengths),
        "GZIP_COMPRESSED_DATA": _pointers(lengths, encoded.data.size),
        "ZSCALE": encoded.scales,
        "ZZERO": encoded.zeros,
    }
    return _Part(columns, b"".join([encoded.data.data, *packed]))


def _pointers(lengths: Any, start: int = 0) -> np.ndarray:
    """Return number of bytes and first byte of tiles that are one after the other."""
    lengths = np.asarray(lengths, np.int64)
    return np.stack([lengths, np.where(lengths > 0, start + np.cumsum(lengths) - lengths, 0)], axis=1)


def _join(
    algorithm: str, cards: list[tuple[str, Any, str]], tile_shape: tuple[int, int], parts: list[_Part]
) -> TileTable:
    """Make a table of its parts. Zeros complete the last 32-bit word of each part."""
    heap, size = [], 0
    for part in parts:
        for pointers in part.columns.values():
            if pointers.ndim == 2:
                pointers[:, 1] += np.where(pointers[:, 0] > 0, size, 0)
        heap.append(part.data + bytes(-len(part.data) % 4))
        size += len(heap[-1])
    columns = {name: np.concatenate([part.columns[name] for part in parts]) for name in parts[0].columns}
    return TileTable(algorithm, cards, tile_shape, columns, heap)
