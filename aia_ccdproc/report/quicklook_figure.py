"""The figure of a quick-look picture. This module needs matplotlib."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import astropy.units as u
import numpy as np
from astropy.io import fits
from astropy.nddata import CCDData
from astropy.visualization.wcsaxes import WCSAxes
from astropy.wcs import WCS
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from aia_ccdproc.images.header import complete_header
from aia_ccdproc.images.wcs import ignore_wcs_warnings
from aia_ccdproc.report.caption import image_caption, pointing_caption
from aia_ccdproc.report.colors import NO_DATA, brightness_limits, channel_colormap, get_channel, stretch, to_rgb
from aia_ccdproc.report.limb import limb_pixels, limb_radius_arcsec
from aia_ccdproc.report.thumbnail import block_means

__all__ = ["color_bar_labels", "draw_figure"]

#: Resolution at which the sizes of texts and lines are right for an image of `_BASE_SIZE` pixels.
_DPI = 100
_BASE_SIZE = 1024
#: Smallest width of the picture between its margins, in pixels: the captions need it.
_MIN_WIDTH = 480
#: Margins around the image, in pixels: left, right, bottom, top.
_MARGINS = (100, 120, 92, 64)
#: Distance of the color bar from the image, and its width, in pixels.
_BAR_GAP, _BAR_WIDTH = 18, 16
#: Spacings of the grid, in arcsec. The spacing that gives about `_GRID_LINES` lines is used.
_GRID_SPACINGS_ARCSEC = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
_GRID_LINES = 5
#: Smallest distance of two labels of the color bar, as a fraction of its length.
_LABEL_DISTANCE = 0.055
#: Largest number of labels of a linear color bar.
_MAX_LABELS = 8


class _Theme(NamedTuple):
    background: str
    text: str
    title: str
    frame: str


_THEMES = {
    "dark": _Theme("#0d1117", "#d7dde5", "#ffffff", "#3a4452"),
    "light": _Theme("#ffffff", "#3a4452", "#11161d", "#b4bcc6"),
}


def draw_figure(ccd: CCDData, size: int, background: str) -> Figure:
    """Draw the figure of a quick-look picture.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        Image of any level, shape ``(ny, nx)``, with a celestial WCS.
    size : int
        Largest length of the image's longer side, in pixels of the picture.
    background : {"dark", "light"}
        Color around the image.

    Returns
    -------
    `~matplotlib.figure.Figure`
        The figure, ready to be saved.
    """
    theme, header = _THEMES[background], complete_header(ccd)
    reduced = block_means(ccd, size)
    limits = brightness_limits(reduced, header)
    figure, axes = _make_axes(ccd, reduced.shape, size, theme)
    ny, nx = ccd.shape
    extent = (-0.5, nx - 0.5, -0.5, ny - 0.5)
    axes.imshow(to_rgb(reduced, header, limits), origin="lower", extent=extent, interpolation="nearest")
    axes.set(xlim=extent[:2], ylim=extent[2:], autoscale_on=False)
    if not _draw_limb(axes, header, ccd.shape):
        _draw_north(axes)
    _draw_grid(axes, theme)
    _draw_texts(figure, axes, header, theme)
    if limits is not None:
        _draw_color_bar(figure, axes, header, limits, theme, str(ccd.unit or "").replace(" ", ""))
    return figure


def _make_axes(ccd: CCDData, shape: tuple[int, ...], size: int, theme: _Theme) -> tuple[Figure, Any]:
    """Make a figure and axes in which a pixel of the reduced image is a whole number of the picture's pixels."""
    zoom = max(1, size // max(shape))
    height, width = (n * zoom for n in shape)
    scale = max(1.0, size / _BASE_SIZE)  # of texts and margins
    left, right, bottom, top = (round(margin * scale) for margin in _MARGINS)
    figure_width, figure_height = max(width, round(_MIN_WIDTH * scale)) + left + right, height + bottom + top
    dpi = _DPI * scale
    figure = Figure(figsize=(figure_width / dpi, figure_height / dpi), dpi=dpi, facecolor=theme.background)
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


def _draw_limb(axes: Any, header: fits.Header, shape: tuple[int, ...]) -> bool:
    """Draw the limb. Return whether it crosses the image."""
    radius = limb_radius_arcsec(header)
    if radius is None:
        return False
    columns, rows = limb_pixels(axes.wcs, radius)
    axes.plot(columns, rows, color="white", linewidth=0.8, alpha=0.8)
    inside = (columns > 0) & (columns < shape[1] - 1) & (rows > 0) & (rows < shape[0] - 1)
    return bool(inside.any())


def _draw_north(axes: Any) -> None:
    """Draw an arrow to solar north in the upper right corner."""
    scale = axes.get_figure().dpi / _DPI
    north = np.linalg.solve(axes.wcs.pixel_scale_matrix, [0.0, 1.0])
    north *= scale / np.hypot(*north)
    middle = np.array([axes.bbox.width, axes.bbox.height]) - 44 * scale
    outline = [withStroke(linewidth=3.5, foreground="black", alpha=0.7)]
    axes.annotate(
        "",
        xy=tuple(middle + 16 * north),
        xytext=tuple(middle - 24 * north),
        xycoords="axes pixels",
        textcoords="axes pixels",
        arrowprops={"arrowstyle": "-|>", "color": "white", "linewidth": 1.4, "shrinkA": 0, "shrinkB": 0}
        | {"path_effects": outline},
    )
    axes.annotate(
        "N",
        xy=tuple(middle + 27 * north),
        xycoords="axes pixels",
        color="white",
        fontsize=11,
        horizontalalignment="center",
        verticalalignment="center",
        path_effects=outline,
    )


def _draw_grid(axes: Any, theme: _Theme) -> None:
    scale_matrix = axes.wcs.pixel_scale_matrix * 3600
    size_pixels = np.diff([axes.get_xlim(), axes.get_ylim()]).ravel()
    for index, (coordinate, name) in enumerate(zip(axes.coords, ("Solar X", "Solar Y"), strict=True)):
        extent = float(np.abs(scale_matrix[index]) @ size_pixels)
        spacing = min(_GRID_SPACINGS_ARCSEC, key=lambda spacing: abs(math.log(extent / spacing / _GRID_LINES)))
        coordinate.set_coord_type("longitude", 180 * u.deg)  # negative in the east and in the south
        coordinate.set_format_unit(u.arcsec, decimal=True, show_decimal_unit=False)
        coordinate.set_ticks(spacing=spacing * u.arcsec, color=theme.text, size=5)
        coordinate.set_ticklabel(color=theme.text, size=11)
        coordinate.set_axislabel(f"{name} [arcsec]", color=theme.text, size=12)
        coordinate.grid(color="white", alpha=0.25, linewidth=0.6, linestyle="solid")
    axes.coords.frame.set_color(theme.frame)


def _draw_texts(figure: Figure, axes: Any, header: fits.Header, theme: _Theme) -> None:
    axes.set_title(image_caption(header), color=theme.title, fontsize=14, loc="left", pad=14)
    seconds = header.get("EXPTIME")
    exposure = f"exposure {seconds:.4g} s" if isinstance(seconds, int | float) else ""
    note = ", ".join(filter(None, (exposure, pointing_caption(header))))
    figure.text(axes.get_position().x0, 0.012, note, color=theme.text, fontsize=10, va="bottom")


def _draw_color_bar(
    figure: Figure, axes: Any, header: fits.Header, limits: tuple[float, float], theme: _Theme, unit: str
) -> None:
    width = figure.get_figwidth() * figure.dpi
    scale = figure.dpi / _DPI
    box = axes.get_position()
    bar = figure.add_axes((box.x1 + _BAR_GAP * scale / width, box.y0, _BAR_WIDTH * scale / width, box.height))
    bar.imshow(channel_colormap(get_channel(header))[:, np.newaxis], origin="lower", extent=(0, 1, 0, 1), aspect="auto")
    values = color_bar_labels(header, limits)
    positions = stretch(np.array(values), header, limits)
    bar.set_xticks([])
    bar.yaxis.tick_right()
    bar.set_yticks(positions, [f"{value:g}".replace("-", "\N{MINUS SIGN}") for value in values])
    bar.tick_params(colors=theme.text, labelsize=10, length=4)
    for spine in bar.spines.values():
        spine.set_color(theme.frame)
    bar.set_title(unit, color=theme.text, fontsize=11, loc="left", pad=6)


def color_bar_labels(header: fits.Header, limits: tuple[float, float]) -> list[float]:
    """Choose the values that are labeled at the color bar.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        Header of the image, on which the stretch depends.
    limits : tuple of float
        Brightness of the darkest and of the brightest color.

    Returns
    -------
    list of float
        Round values between the limits, in increasing order, that are far enough from each other.
    """
    low, high = limits
    magnitude = math.floor(math.log10(max(abs(low), abs(high), high - low)))
    round_values = np.outer(10.0 ** np.arange(magnitude - 3, magnitude + 1), [1, 2, 5]).ravel()
    step = next(step for step in round_values if (high - low) / step <= _MAX_LABELS)
    candidates = {float(n * step) for n in range(math.ceil(low / step), math.floor(high / step) + 1)}
    is_linear = math.isclose(float(stretch(np.array([(low + high) / 2]), header, limits)[0]), 0.5)
    if not is_linear:
        candidates |= {0.0, *round_values[3:].tolist()}
    chosen: list[float] = []
    last = math.inf
    # The highest values first: with a stretch that is not linear, they are the ones that are far from each other.
    for value in sorted((value for value in candidates if low <= value <= high), reverse=True):
        position = float(stretch(np.array([value]), header, limits)[0])
        if last - position >= _LABEL_DISTANCE:
            chosen.append(value)
            last = position
    return chosen[::-1]
