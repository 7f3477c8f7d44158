"""Pixels of RICE-compressed images, decoded by compiled loops in several threads."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import numpy as np

from aia_ccdproc.images.dithering import dither_rows
from aia_ccdproc.images.rice_image import Quantization, RiceImage, RiceTiles, Scaling
from aia_ccdproc.parallel import map_in_threads

__all__ = ["decode_image"]

#: Pixels that are decoded at a time. They fit into the cache of a core.
_CHUNK_PIXELS = 2**17
_INTEGERS = {8: np.uint8, 16: np.int16, 32: np.int32}


def decode_image(image: RiceImage, decode: Callable[[RiceTiles], np.ndarray]) -> np.ndarray:
    """Decode the tiles of an image.

    Parameters
    ----------
    image : `RiceImage`
        The image.
    decode : callable
        Function that decodes tiles, as `~aia_ccdproc.images.pixel_engine.PixelEngine` describes.

    Returns
    -------
    `~numpy.ndarray`
        The pixels as float32, the same as from astropy.

    Raises
    ------
    ValueError
        If a tile is damaged.
    """
    pixels = np.empty(image.shape, np.float32)
    rows, columns = image.tile_shape
    tiles_per_band = -(-image.shape[1] // columns)
    bands = max(1, _CHUNK_PIXELS // (rows * image.shape[1]))
    convert = _restore if isinstance(image.conversion, Quantization) else _scale

    def decode_bands(first: int) -> None:
        target = pixels[first * rows : (first + bands) * rows]
        values = target.reshape(-1) if tiles_per_band == 1 else np.empty(target.size, np.float32)
        with np.errstate(over="ignore", invalid="ignore"):
            convert(image, slice(first * tiles_per_band, (first + bands) * tiles_per_band), decode, values)
        if tiles_per_band > 1:
            _place_tiles(values, target, image.tile_shape)

    map_in_threads(decode_bands, range(0, -(-image.shape[0] // rows), bands))
    return pixels


def _select(tiles: RiceTiles, which: slice | np.ndarray) -> RiceTiles:
    return tiles._replace(offsets=tiles.offsets[which], lengths=tiles.lengths[which], sizes=tiles.sizes[which])


def _place_tiles(values: np.ndarray, target: np.ndarray, tile_shape: tuple[int, int]) -> None:
    """Copy tiles, one after the other, to their places in an image."""
    done = 0
    for row in range(0, target.shape[0], tile_shape[0]):
        for column in range(0, target.shape[1], tile_shape[1]):
            tile = target[row : row + tile_shape[0], column : column + tile_shape[1]]
            tile[...] = values[done : done + tile.size].reshape(tile.shape)
            done += tile.size


def _scale(image: RiceImage, which: slice, decode: Callable[[RiceTiles], np.ndarray], pixels: np.ndarray) -> None:
    """Decode tiles of integers. Pixels are computed in the precision in which astropy computes them."""
    assert isinstance(image.conversion, Scaling)
    scale, zero, blank = image.conversion
    integers = decode(_select(image.tiles, which)).astype(_INTEGERS[image.tiles.bits], copy=False)
    if scale == 1 and zero == 0:
        pixels[...] = integers
    else:
        scaled: np.ndarray = integers.astype(np.float64 if image.tiles.bits == 32 else np.float32)
        if scale != 1:
            scaled *= scale
        if zero != 0:
            scaled += zero
        pixels[...] = scaled
    if blank is not None:
        pixels[integers == blank] = np.nan


def _restore(image: RiceImage, which: slice, decode: Callable[[RiceTiles], np.ndarray], pixels: np.ndarray) -> None:
    """Decode rows whose pixels were rounded."""
    assert isinstance(image.conversion, Quantization)
    scales, zeros, seed, blank, unrounded = image.conversion
    tiles, rows = _select(image.tiles, which), pixels.reshape(-1, image.shape[1])
    rounded = np.flatnonzero(tiles.lengths)
    integers = decode(_select(tiles, rounded)).view(np.int32).reshape(rounded.size, rows.shape[1])
    levels = integers.astype(np.float64)
    if seed is not None:
        levels -= dither_rows(which.start + rounded + seed - 1, rows.shape[1])
        levels += 0.5
    levels *= scales[which][rounded, np.newaxis]
    levels += zeros[which][rounded, np.newaxis]
    if blank is not None:
        levels[integers == blank] = np.nan
    rows[rounded] = levels
    for row in np.flatnonzero(tiles.lengths == 0):
        start, length = unrounded[which][row]
        rows[row] = _gunzip(tiles.data[start : start + length].tobytes(), rows.shape[1])


def _gunzip(packed: bytes, count: int) -> np.ndarray:
    """Unpack pixels that are compressed by gzip."""
    try:
        return np.frombuffer(zlib.decompressobj(wbits=31).decompress(packed, 4 * count), ">f4", count)
    except zlib.error as error:
        raise ValueError(str(error)) from error
