"""Small pictures of images, for the HTML report."""

from __future__ import annotations

import functools
import io
import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from astropy.io import fits
from astropy.nddata import CCDData
from PIL import Image, features

from aia_ccdproc.images.header import readable_header
from aia_ccdproc.report.colors import brightness_limits, to_rgb

__all__ = ["PictureSize", "block_means", "picture_size", "thumbnails"]

#: Smallest number of sampled pixels of a block along each axis: enough to average the noise.
_SAMPLES_PER_BLOCK = 6
#: Largest number of sampled pixels of a block of a thumbnail along each axis. This is fast, and the noise is not seen.
_FAST_SAMPLES = 2
#: Size of all pictures of a page together, in bytes. They are base64, and the page should be below 20 MB.
_PAGE_BYTES = 9_600_000
#: Longer sides of thumbnails, in pixels, and the bytes of a picture of the Sun at a quality of 35.
_SIZES = {256: 4900, 192: 3200, 160: 2500, 128: 1800, 112: 1500, 96: 1250, 80: 930, 72: 760, 64: 640}
#: Qualities that are tried until a picture is small enough, and how many times more bytes each needs than 35 does.
_QUALITIES = {70: 1.8, 50: 1.25, 35: 1.0, 20: 0.0}
#: From this quality on, WebP is encoded in the fastest way, which makes it somewhat larger.
_FAST_QUALITY = 70


class PictureSize(NamedTuple):
    """Size of a thumbnail."""

    pixels: int
    """Approximate length of the longer side."""
    file_bytes: int
    """Largest length of the file."""
    quality: int
    """The best quality that is tried."""


def picture_size(files: int) -> PictureSize:
    """Choose the size of the thumbnails, so that a page with all of them is not too large.

    Parameters
    ----------
    files : int
        Number of files, each of which has two thumbnails.

    Returns
    -------
    `PictureSize`
        256 pixels for up to 730 files, 64 pixels for 5000 files.
    """
    file_bytes = _PAGE_BYTES * 3 // 4 // (2 * max(1, files))
    pixels, needed = next((item for item in _SIZES.items() if item[1] <= file_bytes), min(_SIZES.items()))
    quality = next(quality for quality, factor in _QUALITIES.items() if factor * needed <= file_bytes)
    return PictureSize(pixels, file_bytes, quality)


def thumbnails(before: CCDData, after: CCDData, size: PictureSize) -> tuple[bytes, bytes]:
    """Make small pictures of an image before and after prepping, in the colors of its channel.

    If both have the same unit, they have the same stretch, so that the brightness can be compared.

    Parameters
    ----------
    before, after : `~astropy.nddata.CCDData`
        Images of any level, shape ``(ny, nx)``.
    size : `PictureSize`
        Largest size of each picture.

    Returns
    -------
    tuple of bytes
        Two pictures, WebP, or JPEG where Pillow does not support WebP. The first row of the image is at the bottom.
    """
    means = [_sampled_means(image, size.pixels) for image in (before, after)]
    headers = [readable_header(image) for image in (before, after)]
    limits = brightness_limits(means[1], headers[1])
    limits_before = limits if before.unit == after.unit else None
    return _encode(means[0], headers[0], limits_before, size), _encode(means[1], headers[1], limits, size)


def _encode(means: np.ndarray, header: fits.Header, limits: tuple[float, float] | None, size: PictureSize) -> bytes:
    """Compress a picture with the best quality that is small enough; if none is, with half of the pixels."""
    picture = Image.fromarray(np.ascontiguousarray(to_rgb(means, header, limits)[::-1]))
    qualities = [quality for quality in _QUALITIES if quality <= size.quality]
    while True:
        for quality in qualities:
            encoded = _compress(picture, quality)
            if len(encoded) <= size.file_bytes or max(picture.size) == 1:
                return encoded
        picture = picture.reduce(2)


def _compress(picture: Image.Image, quality: int) -> bytes:
    stream = io.BytesIO()
    if features.check("webp"):
        picture.save(stream, "WEBP", quality=quality, method=0 if quality >= _FAST_QUALITY else 2)
    else:
        picture.save(stream, "JPEG", quality=quality, optimize=True)
    return stream.getvalue()


def _sampled_means(ccd: CCDData, size: int) -> np.ndarray:
    """Average the valid ones of a few evenly spaced pixels of each block.

    The blocks are squares of whole pixels, as many as give about ``size`` blocks along the longer side. A rest at the
    edges is left out.
    """
    sides = [min(length, max(1, round(max(ccd.shape) / size))) for length in ccd.shape]
    samples = min(_FAST_SAMPLES, *sides) if min(sides) > 1 else 1
    axes = []
    for length, side in zip(ccd.shape, sides, strict=True):
        first, end = length % side // 2, length % side // 2 + length // side * side
        axes.append([slice(first + int((k + 0.5) * side / samples), end, side) for k in range(samples)])
    lattices = list(itertools.product(*axes))
    values = np.stack([ccd.data[lattice] for lattice in lattices]).astype(np.float32, copy=False)
    valid = np.isfinite(values)
    if ccd.mask is not None:
        mask = np.broadcast_to(np.asarray(ccd.mask, dtype=bool), ccd.shape)
        valid &= ~np.stack([mask[lattice] for lattice in lattices])
    values[~valid] = 0
    weights = valid.sum(axis=0, dtype=np.float32)
    means: np.ndarray = np.full_like(weights, np.nan)
    np.divide(values.sum(axis=0), weights, out=means, where=weights > 0)
    return means


def block_means(ccd: CCDData, size: int) -> np.ndarray:
    """Reduce an image to a given size by averaging the valid pixels of blocks.

    Of a large block, only 6 × 6 or more evenly spaced pixels are averaged. The difference is not visible, and most of
    the image is not read.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        Image of shape ``(ny, nx)``.
    size : int
        Length of the longer side of the result, in pixels. A smaller image keeps its size.

    Returns
    -------
    `~numpy.ndarray`
        Means of the blocks, float32; NaN where all pixels of a block are masked or not finite.
    """
    longest = max(ccd.shape)
    step = max(1, longest // (_SAMPLES_PER_BLOCK * size))
    lattice = (slice(step // 2, None, step),) * 2
    values = ccd.data[lattice].astype(np.float32)
    valid = np.isfinite(values)
    if ccd.mask is not None:
        valid &= ~np.broadcast_to(np.asarray(ccd.mask, dtype=bool), ccd.shape)[lattice]
    blocks = [max(1, round(length * min(1, size / longest))) for length in ccd.shape]
    starts = [np.arange(n) * length // n for n, length in zip(blocks, values.shape, strict=True)]
    if valid.all():
        weights = np.multiply.outer(*(np.diff(s, append=n) for s, n in zip(starts, values.shape, strict=True)))
    else:
        values[~valid] = 0
        weights = _block_sums(valid.astype(np.float32), starts)
    values = _block_sums(values, starts)
    means: np.ndarray = np.full_like(values, np.nan)
    np.divide(values, weights, out=means, where=weights > 0)
    return means


def _block_sums(values: np.ndarray, starts: Sequence[np.ndarray]) -> np.ndarray:
    """Add up the pixels of blocks. Whole rows are added first, because that is faster."""
    for axis in (0, 1):
        side, rest = divmod(values.shape[axis], len(starts[axis]))
        if rest:
            values = np.add.reduceat(values, starts[axis], axis=axis)
        else:  # blocks of the same size
            values = functools.reduce(
                np.add, (values[(slice(None),) * axis + (slice(k, None, side),)] for k in range(side))
            )
    return values
