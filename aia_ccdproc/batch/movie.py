"""A movie of a cube, as an animated GIF."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.nddata import CCDData
from PIL import Image, ImageDraw

from aia_ccdproc.batch.cube import Cube
from aia_ccdproc.errors import StateError
from aia_ccdproc.images.files import atomic_write
from aia_ccdproc.report.colors import NO_DATA, brightness_limits, channel_colormap, get_channel, stretch
from aia_ccdproc.report.thumbnail import block_means

__all__ = ["write_movie"]

#: Longest side of a picture.
_SIDE_PIXELS = 512
#: Time for which a picture is shown.
_FRAME_MILLISECONDS = 100
#: Images whose brightness gives the limits of the colors.
_SAMPLED_IMAGES = 5
#: Place of the color of missing pixels in the palette.
_MISSING = 255


def write_movie(cube: Cube, path: Path) -> None:
    """Write a movie, in the colors of the channel. All pictures have the same limits of brightness.

    Parameters
    ----------
    cube : `~aia_ccdproc.batch.cube.Cube`
        The images, sorted by time. Images in counts are divided by their exposure time.
    path : `~pathlib.Path`
        The file; an existing one is replaced.

    Raises
    ------
    ReadError
        If an image cannot be read.
    StateError
        If no image has a valid pixel.
    """
    header, count = cube.header(), len(cube.images)
    sampled = {round(index) for index in np.linspace(0, count - 1, _SAMPLED_IMAGES)}
    found = [brightness_limits(picture, header) for picture in _pictures(cube, header, sampled)]
    known = [limits for limits in found if limits is not None]
    if not known:
        raise StateError(f"{path.name}: the images have no contrast, so that no movie can be made")
    limits = (min(low for low, _ in known), max(high for _, high in known))
    frames = (
        _frame(picture, header, limits, image.time.isot[:19])
        for picture, image in zip(_pictures(cube, header), cube.images, strict=True)
    )
    with atomic_write(path) as temporary:
        first = next(frames)
        first.save(temporary, save_all=True, append_images=frames, duration=_FRAME_MILLISECONDS, loop=0)


def _pictures(cube: Cube, header: fits.Header, chosen: set[int] | None = None) -> Iterator[np.ndarray]:
    """Read the images, reduced to the size of the movie; with ``chosen``, those with these numbers."""
    for index, plane in cube.planes(chosen):
        exposure = cube.images[index].values["EXPTIME"]
        picture = block_means(CCDData(plane, unit="adu"), _SIDE_PIXELS)
        is_count = "/" not in str(header.get("BUNIT", "")) and "s-1" not in str(header.get("BUNIT", ""))
        yield picture / exposure if is_count and exposure > 0 else picture


def _frame(picture: np.ndarray, header: fits.Header, limits: tuple[float, float], caption: str) -> Image.Image:
    levels = stretch(picture, header, limits)
    valid = np.isfinite(levels)
    indices = np.where(valid, np.nan_to_num(levels) * (_MISSING - 1) + 0.5, _MISSING).astype(np.uint8)
    frame = Image.fromarray(np.ascontiguousarray(indices[::-1]))
    colors = channel_colormap(get_channel(header))[np.rint(np.linspace(0, 255, _MISSING)).astype(int)]
    frame.putpalette([*colors.ravel().tolist(), *NO_DATA])
    ImageDraw.Draw(frame).text((4, frame.height - 14), caption, fill=_MISSING - 1)
    return frame
