"""Pictures of images: thumbnails for a report, and quick-look pictures with limb and grid."""

from __future__ import annotations

import io
import math
import os
from pathlib import Path
from typing import Any

import astropy.units as u
import numpy as np
from astropy.nddata import CCDData
from astropy.wcs import WCS
from PIL import Image, UnidentifiedImageError

from aia_ccdproc.errors import PrepError, WriteError
from aia_ccdproc.images.files import atomic_write
from aia_ccdproc.images.header import complete_header, fits_header
from aia_ccdproc.images.wcs import ignore_wcs_warnings
from aia_ccdproc.report.colors import NO_DATA, block_mean, caption, colours, limb_radius

__all__ = ["check_quicklook", "quicklook", "thumbnail", "title_of"]

#: Pixels of the image's longer side in a quick-look picture: a full frame is averaged 4 × 4.
_QUICKLOOK_SIZE = 1024
_DPI = 100
#: Margins of a quick-look picture about the image, pixels: left, right, bottom, top.
_MARGINS = (100, 36, 76, 64)
_INK, _PAPER = "#d7dde5", "#0d1117"
#: Steps of a grid, arcsec, of which the one is taken that makes about five lines.
_GRID_STEPS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


def thumbnail(ccd: CCDData, size: int = 160) -> bytes:
    """Make a small picture of an image, in its channel's colours.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        Image of shape ``(ny, nx)``, of any level.
    size : int
        Pixels of the longer side, at most.

    Returns
    -------
    bytes
        A JPEG, the image's first row at the bottom. Its comment says what it shows: `title_of` reads it.
    """
    header = fits_header(ccd)
    picture = Image.fromarray(np.ascontiguousarray(colours(block_mean(ccd, size), header)[::-1]))
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=80, comment=caption(header).encode())
    return stream.getvalue()


def title_of(picture: bytes) -> str:
    """Read what a thumbnail shows.

    Parameters
    ----------
    picture : bytes
        A picture by `thumbnail`.

    Returns
    -------
    str
        ``"AIA 171 Å, 2017-08-07T23:59:46, level 1"``; empty for a picture that does not say.
    """
    try:
        with Image.open(io.BytesIO(picture)) as opened:
            comment = opened.info.get("comment", b"")
    except (UnidentifiedImageError, OSError, ValueError):
        return ""
    return comment.decode(errors="replace") if isinstance(comment, bytes) else ""


def check_quicklook() -> None:
    """Refuse, before any work, quick-look pictures where they cannot be made.

    Raises
    ------
    PrepError
        If matplotlib is not installed.
    """
    try:
        import matplotlib.figure  # noqa: F401  and have it find its fonts once, not in every worker
    except ImportError:
        raise PrepError(
            "quick-look pictures are drawn by matplotlib, which is not installed: pip install aia-ccdproc[plot]"
        ) from None


def quicklook(ccd: CCDData, path: str | os.PathLike[str]) -> Path:
    """Draw an image with its coordinates, a grid and the limb.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        Image of shape ``(ny, nx)``, of any level, with a celestial WCS.
    path : path-like
        The PNG to write; replaced if it is there.

    Returns
    -------
    `~pathlib.Path`
        The PNG. The same image gives the same bytes.

    Raises
    ------
    PrepError
        If matplotlib is not installed.
    HeaderError
        If the image has no WCS.
    WriteError
        If the PNG cannot be written.
    """
    check_quicklook()
    header = complete_header(ccd)
    shown = block_mean(ccd, _QUICKLOOK_SIZE)
    figure, axes = _frame(ccd, shown.shape)
    ny, nx = ccd.shape
    axes.imshow(
        colours(shown, header), origin="lower", extent=(-0.5, nx - 0.5, -0.5, ny - 0.5), interpolation="nearest"
    )
    axes.set(xlim=(-0.5, nx - 0.5), ylim=(-0.5, ny - 0.5), autoscale_on=False)
    radius = limb_radius(header)
    if radius is not None:
        axes.plot(*limb_pixels(axes.wcs, radius), color="white", linewidth=0.8, alpha=0.8)
    _label(axes, caption(header), _exposure(header.get("EXPTIME")))
    target = Path(path)
    try:
        with atomic_write(target) as temporary:
            figure.savefig(temporary, dpi=_DPI, format="png", metadata={"Software": None})
    except OSError as error:
        raise WriteError(f"{target}: the picture cannot be written ({error.strerror or error})") from error
    return target


def _frame(ccd: CCDData, shape: tuple[int, ...]) -> tuple[Any, Any]:
    """Make a figure in which a pixel of the shown image is a whole number of the picture's."""
    from astropy.visualization.wcsaxes import WCSAxes
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    zoom = max(1, _QUICKLOOK_SIZE // max(shape))
    height, width = (n * zoom for n in shape)
    left, right, bottom, top = _MARGINS
    whole = np.array([max(width, 480) + left + right, height + bottom + top])
    figure = Figure(figsize=tuple(whole / _DPI), dpi=_DPI, facecolor=_PAPER)
    FigureCanvasAgg(figure)
    place = [left / whole[0], bottom / whole[1], width / whole[0], height / whole[1]]
    axes = WCSAxes(figure, place, wcs=_plain(ccd), aspect="auto")
    figure.add_axes(axes)
    axes.set_facecolor([channel / 255 for channel in NO_DATA])
    return figure, axes


def _plain(ccd: CCDData) -> WCS:
    """Copy the geometry of an image, and nothing that would have astropy or sunpy look for a frame on the sky."""
    wcs = ccd.wcs.celestial if isinstance(ccd.wcs, WCS) else WCS(complete_header(ccd))
    plain = WCS(naxis=2)
    for name in ("crpix", "crval", "ctype", "cunit"):
        setattr(plain.wcs, name, getattr(wcs.wcs, name))
    plain.wcs.cdelt, plain.wcs.pc = wcs.wcs.get_cdelt(), wcs.wcs.get_pc()
    plain.sip = wcs.sip
    with ignore_wcs_warnings():
        plain.wcs.set()
    return plain


def limb_pixels(wcs: WCS, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Find the pixels of the circle about the Sun's centre.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS`
        Helioprojective WCS.
    radius : float
        Radius, arcsec.

    Returns
    -------
    tuple of `~numpy.ndarray`
        Columns and rows, pixels from 0, all the way round.
    """
    angle, position = math.radians(radius / 3600), np.linspace(0, 2 * np.pi, 721)
    longitude = np.arctan2(math.sin(angle) * np.cos(position), math.cos(angle))
    latitude = np.arcsin(math.sin(angle) * np.sin(position))
    columns, rows = wcs.wcs_world2pix(np.degrees(longitude), np.degrees(latitude), 0)
    return columns, rows


def _label(axes: Any, title: str, exposure: str) -> None:
    footprint = axes.wcs.pixel_scale_matrix * 3600
    for index, (coordinate, name) in enumerate(zip(axes.coords, ("Solar X", "Solar Y"), strict=True)):
        extent = float(np.abs(footprint[index]) @ np.diff([axes.get_xlim(), axes.get_ylim()]).ravel())
        step = min(_GRID_STEPS, key=lambda step: abs(math.log(extent / step / 5)))
        coordinate.set_coord_type("longitude", 180 * u.deg)  # negative in the east and the south
        coordinate.set_format_unit(u.arcsec, decimal=True, show_decimal_unit=False)
        coordinate.set_ticks(spacing=step * u.arcsec, color=_INK, size=5)
        coordinate.set_ticklabel(color=_INK, size=11)
        coordinate.set_axislabel(f"{name} [arcsec]", color=_INK, size=12)
        coordinate.grid(color="white", alpha=0.25, linewidth=0.6, linestyle="solid")
    axes.coords.frame.set_color("#3a4452")
    axes.set_title(title, color="white", fontsize=14, loc="left", pad=14)
    axes.set_title(exposure, color=_INK, fontsize=11, loc="right", pad=14)


def _exposure(seconds: object) -> str:
    return f"exposure {seconds:.4g} s" if isinstance(seconds, int | float) else ""
