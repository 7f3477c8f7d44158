"""Quick-look pictures: an image with its coordinates, a grid and the limb of the Sun."""

from __future__ import annotations

import io
import math
import os
from pathlib import Path
from typing import Any, overload

import astropy.units as u
import numpy as np
from astropy.io import fits
from astropy.nddata import CCDData
from astropy.wcs import WCS
from PIL import Image

from aia_ccdproc.errors import HeaderError, PrepError, WriteError
from aia_ccdproc.images.files import atomic_write
from aia_ccdproc.images.header import complete_header
from aia_ccdproc.images.values import finite_number
from aia_ccdproc.images.wcs import ignore_wcs_warnings
from aia_ccdproc.report.caption import image_caption
from aia_ccdproc.report.colors import NO_DATA, to_rgb
from aia_ccdproc.report.thumbnail import block_means

__all__ = ["check_quicklook", "limb_pixels", "limb_radius_arcsec", "quicklook"]

#: Length of the image's longer side in the picture, in pixels: a full frame is averaged 4 × 4.
_LONGER_SIDE_PIXELS = 1024
_DPI = 100
#: Smallest width of the picture between its margins, in pixels: the captions need it.
_MIN_WIDTH_PIXELS = 480
#: Margins around the image, in pixels: left, right, bottom, top.
_MARGINS_PIXELS = (100, 36, 76, 64)
_TEXT_COLOR, _BACKGROUND, _FRAME_COLOR = "#d7dde5", "#0d1117", "#3a4452"
#: Spacings of the grid, in arcsec. The spacing that gives about `_GRID_LINES` lines is used.
_GRID_SPACINGS_ARCSEC = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
_GRID_LINES = 5


def check_quicklook() -> None:
    """Check, before a batch starts, that quick-look pictures can be drawn.

    Raises
    ------
    PrepError
        If matplotlib is not installed.
    """
    try:
        import matplotlib.figure  # noqa: F401  its list of fonts is made here once, and not in every worker
    except ImportError:
        raise PrepError(
            "cannot draw quick-look pictures: matplotlib is not installed. "
            'Install it with: pip install "aia-ccdproc[plot]"'
        ) from None


@overload
def quicklook(ccd: CCDData, path: None = None) -> Image.Image: ...
@overload
def quicklook(ccd: CCDData, path: str | os.PathLike[str]) -> Path: ...
def quicklook(ccd: CCDData, path: str | os.PathLike[str] | None = None) -> Path | Image.Image:
    """Draw an image with its coordinates, a grid and the limb.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        Image of any level, shape ``(ny, nx)``, with a celestial WCS.
    path : path-like, optional
        The PNG to write. An existing file is replaced. By default, nothing is written.

    Returns
    -------
    `~pathlib.Path` or `~PIL.Image.Image`
        The PNG that was written; the same image gives the same bytes. Without a path, the picture, which a notebook
        shows.

    Raises
    ------
    TypeError
        If the value is not a CCDData.
    PrepError
        If matplotlib is not installed.
    HeaderError
        If the image has no WCS.
    WriteError
        If the PNG cannot be written.
    """
    if not isinstance(ccd, CCDData):
        hint = "Read a file with aia_ccdproc.read, and convert a sunpy Map with aia_ccdproc.from_map"
        raise TypeError(f"quicklook takes a CCDData, not a value of type {type(ccd).__name__}. {hint}")
    check_quicklook()
    figure = _draw(ccd)
    if path is None:
        stream = io.BytesIO()
        _save(figure, stream)
        return Image.open(stream)
    target = Path(path)
    try:
        with atomic_write(target) as temporary:
            _save(figure, temporary)
    except OSError as error:
        raise WriteError(f"{target}: cannot write the quick-look picture ({error.strerror or error})") from error
    return target


def _save(figure: Any, target: Path | io.BytesIO) -> None:
    figure.savefig(target, dpi=_DPI, format="png", metadata={"Software": None})


def _draw(ccd: CCDData) -> Any:
    """Draw the figure."""
    header = complete_header(ccd)
    reduced = block_means(ccd, _LONGER_SIDE_PIXELS)
    figure, axes = _make_axes(ccd, reduced.shape)
    ny, nx = ccd.shape
    axes.imshow(
        to_rgb(reduced, header), origin="lower", extent=(-0.5, nx - 0.5, -0.5, ny - 0.5), interpolation="nearest"
    )
    axes.set(xlim=(-0.5, nx - 0.5), ylim=(-0.5, ny - 0.5), autoscale_on=False)
    radius_arcsec = limb_radius_arcsec(header)
    if radius_arcsec is not None:
        axes.plot(*limb_pixels(axes.wcs, radius_arcsec), color="white", linewidth=0.8, alpha=0.8)
    _draw_grid_and_titles(axes, header)
    return figure


def _make_axes(ccd: CCDData, shape: tuple[int, ...]) -> tuple[Any, Any]:
    """Make a figure and axes in which a pixel of the reduced image is a whole number of the picture's pixels."""
    from astropy.visualization.wcsaxes import WCSAxes
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    zoom = max(1, _LONGER_SIDE_PIXELS // max(shape))
    height, width = (n * zoom for n in shape)
    left, right, bottom, top = _MARGINS_PIXELS
    figure_width, figure_height = max(width, _MIN_WIDTH_PIXELS) + left + right, height + bottom + top
    figure = Figure(figsize=(figure_width / _DPI, figure_height / _DPI), dpi=_DPI, facecolor=_BACKGROUND)
    FigureCanvasAgg(figure)
    position = [left / figure_width, bottom / figure_height, width / figure_width, height / figure_height]
    axes = WCSAxes(figure, position, wcs=_copy_geometry(ccd), aspect="auto")
    figure.add_axes(axes)
    axes.set_facecolor([channel / 255 for channel in NO_DATA])
    return figure, axes


def _copy_geometry(ccd: CCDData) -> WCS:
    """Copy the geometry of an image, without the time and observer from which astropy or sunpy would make a frame."""
    wcs = ccd.wcs.celestial if isinstance(ccd.wcs, WCS) else WCS(complete_header(ccd))
    geometry = WCS(naxis=2)
    for name in ("crpix", "crval", "ctype", "cunit"):
        setattr(geometry.wcs, name, getattr(wcs.wcs, name))
    geometry.wcs.cdelt, geometry.wcs.pc = wcs.wcs.get_cdelt(), wcs.wcs.get_pc()
    geometry.sip = wcs.sip
    with ignore_wcs_warnings():
        geometry.wcs.set()
    return geometry


def limb_radius_arcsec(header: fits.Header) -> float | None:
    """Return the angular radius of the Sun.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        Complete header.

    Returns
    -------
    float or None
        RSUN_OBS in arcsec, or the angle of RSUN_REF at the distance DSUN_OBS; None if the header lacks these keywords.
    """
    try:
        return finite_number(header, "RSUN_OBS")
    except HeaderError:
        pass
    try:
        sine = finite_number(header, "RSUN_REF") / finite_number(header, "DSUN_OBS")
        return math.degrees(math.asin(sine)) * 3600
    except (HeaderError, ValueError, ZeroDivisionError):
        return None


def limb_pixels(wcs: WCS, radius_arcsec: float) -> tuple[np.ndarray, np.ndarray]:
    """Compute the pixel positions of the limb.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS`
        Helioprojective WCS.
    radius_arcsec : float
        Angular radius of the Sun in arcsec.

    Returns
    -------
    tuple of `~numpy.ndarray`
        Columns and rows, in pixels from 0, of 721 positions around the Sun's center.
    """
    angle, position = math.radians(radius_arcsec / 3600), np.linspace(0, 2 * np.pi, 721)
    longitude = np.arctan2(math.sin(angle) * np.cos(position), math.cos(angle))
    latitude = np.arcsin(math.sin(angle) * np.sin(position))
    columns, rows = wcs.wcs_world2pix(np.degrees(longitude), np.degrees(latitude), 0)
    return columns, rows


def _draw_grid_and_titles(axes: Any, header: fits.Header) -> None:
    scale_matrix = axes.wcs.pixel_scale_matrix * 3600
    size_pixels = np.diff([axes.get_xlim(), axes.get_ylim()]).ravel()
    for index, (coordinate, name) in enumerate(zip(axes.coords, ("Solar X", "Solar Y"), strict=True)):
        extent = float(np.abs(scale_matrix[index]) @ size_pixels)
        spacing = min(_GRID_SPACINGS_ARCSEC, key=lambda spacing: abs(math.log(extent / spacing / _GRID_LINES)))
        coordinate.set_coord_type("longitude", 180 * u.deg)  # negative in the east and in the south
        coordinate.set_format_unit(u.arcsec, decimal=True, show_decimal_unit=False)
        coordinate.set_ticks(spacing=spacing * u.arcsec, color=_TEXT_COLOR, size=5)
        coordinate.set_ticklabel(color=_TEXT_COLOR, size=11)
        coordinate.set_axislabel(f"{name} [arcsec]", color=_TEXT_COLOR, size=12)
        coordinate.grid(color="white", alpha=0.25, linewidth=0.6, linestyle="solid")
    axes.coords.frame.set_color(_FRAME_COLOR)
    axes.set_title(image_caption(header), color="white", fontsize=14, loc="left", pad=14)
    seconds = header.get("EXPTIME")
    exposure = f"exposure {seconds:.4g} s" if isinstance(seconds, int | float) else ""
    axes.set_title(exposure, color=_TEXT_COLOR, fontsize=11, loc="right", pad=14)
