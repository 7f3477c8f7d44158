"""Small pictures of images, for the HTML report."""

from __future__ import annotations

import io

import numpy as np
from astropy.io import fits
from astropy.nddata import CCDData
from PIL import Image, UnidentifiedImageError

from aia_ccdproc.images.header import fits_header
from aia_ccdproc.report.colors import get_channel, to_rgb

__all__ = ["block_means", "image_caption", "read_caption", "thumbnail"]

#: Smallest number of sampled pixels of a block along each axis: enough to average the noise.
_SAMPLES_PER_BLOCK = 6


def thumbnail(ccd: CCDData, size: int = 160) -> bytes:
    """Make a small picture of an image in the colors of its channel.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        Image of any level, shape ``(ny, nx)``.
    size : int
        Largest length of the longer side, in pixels.

    Returns
    -------
    bytes
        A JPEG with the first row of the image at the bottom. Its comment is the caption, see `read_caption`.
    """
    header = fits_header(ccd)
    picture = Image.fromarray(np.ascontiguousarray(to_rgb(block_means(ccd, size), header)[::-1]))
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=80, comment=image_caption(header).encode())
    return stream.getvalue()


def read_caption(picture: bytes) -> str:
    """Read the caption of a thumbnail.

    Parameters
    ----------
    picture : bytes
        A picture made by `thumbnail`.

    Returns
    -------
    str
        ``"AIA 171 Å, 2017-08-07T23:59:46, level 1"``; empty if the picture has no caption.
    """
    try:
        with Image.open(io.BytesIO(picture)) as opened:
            comment = opened.info.get("comment", b"")
    except (UnidentifiedImageError, OSError, ValueError):
        return ""
    return comment.decode(errors="replace") if isinstance(comment, bytes) else ""


def image_caption(header: fits.Header) -> str:
    """Describe an image in one line.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        Header of the image. Keywords that it lacks are left out.

    Returns
    -------
    str
        ``"AIA 171 Å, 2017-08-07T23:59:46, level 1"``.
    """
    instrument = str(header.get("INSTRUME", header.get("TELESCOP", ""))).partition("_")[0].strip()
    channel = get_channel(header)
    time = str(header.get("T_OBS") or header.get("DATE-OBS") or "").strip()
    level = header.get("LVL_NUM")
    parts = [
        " ".join(filter(None, (instrument, f"{channel} Å" if channel is not None else ""))),
        time.removesuffix("Z").partition(".")[0] if "T" in time and "_" not in time else time,
        f"level {level:g}" if isinstance(level, int | float) else "",
    ]
    return ", ".join(filter(None, parts)) or "image"


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
    if not valid.all():
        values[~valid] = 0
    else:
        valid = np.ones((1, 1), dtype=bool)
    weights = np.broadcast_to(valid, values.shape)
    for axis in (1, 0):
        blocks = max(1, round(ccd.shape[axis] * min(1, size / longest)))
        starts = np.arange(blocks) * values.shape[axis] // blocks
        values = np.add.reduceat(values, starts, axis=axis)
        weights = np.add.reduceat(weights, starts, axis=axis, dtype=np.float32)
    means: np.ndarray = np.full_like(values, np.nan)
    np.divide(values, weights, out=means, where=weights > 0)
    return means
