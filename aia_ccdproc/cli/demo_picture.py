"""The picture of the demo: level 1 beside level 1.5, and the limb of both in detail."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from astropy.nddata import CCDData

from aia_ccdproc.images.files import atomic_write
from aia_ccdproc.report.colors import NO_DATA, brightness_limits, channel_colormap, get_channel, stretch
from aia_ccdproc.report.thumbnail import block_means

if TYPE_CHECKING:
    from aia_ccdproc.synthetic import ActiveSun

__all__ = ["draw_before_after"]

_TEXT, _BACKGROUND, _TRUTH = "#e6e6e6", "#0d1117", "#58d0ff"
_DISK_PIXELS = 800
#: Plate scale of a grid that a reader assumes for a level-1 image: Sun center in the middle, and north up.
_ASSUMED_ARCSEC = 0.6


class _Inset(NamedTuple):
    """A part of the image that is drawn in detail."""

    name: str
    center: tuple[float, float]
    half_width: float
    half_height: float


def draw_before_after(before: CCDData, after: CCDData, sun: ActiveSun, path: str | os.PathLike[str]) -> Path:
    """Draw an image before and after registration, and the limb of both, with contours of the true brightness.

    The coordinates of both are those of level 1.5: 0.6 arcsec per pixel, Sun center in the middle, and north up. So the
    level-1 image shows its shift and its roll.

    Parameters
    ----------
    before, after : `~astropy.nddata.CCDData`
        The images in DN, shape ``(ny, nx)``.
    sun : `~aia_ccdproc.synthetic.ActiveSun`
        The Sun that was observed.
    path : path-like
        The PNG to write.

    Returns
    -------
    `~pathlib.Path`
        The PNG.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 8), facecolor=_BACKGROUND)
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(
        2, 4, height_ratios=(2.55, 1), left=0.065, right=0.985, top=0.92, bottom=0.04, wspace=0.26, hspace=0.2
    )
    limits = brightness_limits(block_means(after, _DISK_PIXELS), after.header)
    insets = [_limb_inset(sun, "east limb", -1), _limb_inset(sun, "west limb", 1)]
    for side, (ccd, title) in enumerate([(before, "level 1"), (after, "level 1.5")]):
        axes = figure.add_subplot(grid[0, 2 * side : 2 * side + 2])
        _draw_disk(axes, ccd, limits, insets)
        axes.set_title(title, color=_TEXT, fontsize=13)
        if side == 0:
            axes.set_ylabel("solar y [arcsec]", color=_TEXT)
        for number, inset in enumerate(insets):
            _draw_inset(figure.add_subplot(grid[1, 2 * side + number]), ccd, sun, inset)
    legend = f"AIA {sun.channel} Å, synthetic. Blue: the limb, and a contour of the true brightness"
    figure.text(0.5, 0.975, legend, color=_TEXT, ha="center", va="center", fontsize=11)
    with atomic_write(Path(path)) as temporary:
        figure.savefig(temporary, dpi=100, format="png", metadata={"Software": None})
    return Path(path)


def _limb_inset(sun: ActiveSun, name: str, side: int) -> _Inset:
    """Return the part with the active region at a limb."""
    beyond = [(s.x, s.y) for s in sun.regions if np.hypot(s.x, s.y) > sun.limb_radius and s.x * side > 0]
    x, y = np.mean(beyond, axis=0)
    return _Inset(name, (float(x) - 12 * side, float(y)), 58, 44)


def _assumed_positions(count: int) -> np.ndarray:
    return (np.arange(count) - (count - 1) / 2) * _ASSUMED_ARCSEC


def _draw_disk(axes: Any, ccd: CCDData, limits: tuple[float, float] | None, insets: list[_Inset]) -> None:
    from matplotlib.patches import Rectangle

    _show(axes, block_means(ccd, _DISK_PIXELS), ccd, limits, _extent(*map(_assumed_positions, ccd.shape[::-1])))
    _add_limb(axes, ccd.header["RSUN_OBS"])
    axes.plot(0, 0, "+", color=_TRUTH, markersize=9, markeredgewidth=0.8)
    for inset in insets:
        corner = (inset.center[0] - inset.half_width, inset.center[1] - inset.half_height)
        axes.add_patch(
            Rectangle(corner, 2 * inset.half_width, 2 * inset.half_height, fill=False, color=_TEXT, linewidth=0.8)
        )
    axes.set_xlabel("solar x [arcsec]", color=_TEXT)


def _draw_inset(axes: Any, ccd: CCDData, sun: ActiveSun, inset: _Inset) -> None:
    x, y = map(_assumed_positions, ccd.shape[::-1])
    columns = np.abs(x - inset.center[0]) <= inset.half_width
    rows = np.abs(y - inset.center[1]) <= inset.half_height
    truth = sun.brightness(*np.meshgrid(x[columns], y[rows]))
    low, level, high = np.percentile(truth, (1, 80, 99.5))
    _show(axes, ccd.data[np.ix_(rows, columns)], ccd, (low / 2, high * 1.5), _extent(x[columns], y[rows]))
    axes.contour(x[columns], y[rows], truth, levels=[level], colors=_TRUTH, linewidths=0.9)
    _add_limb(axes, sun.limb_radius)
    axes.set_title(inset.name, color=_TEXT, fontsize=9)


def _add_limb(axes: Any, radius: float) -> None:
    from matplotlib.patches import Circle

    axes.add_patch(Circle((0, 0), radius, fill=False, color=_TRUTH, linewidth=0.8))


def _extent(x: np.ndarray, y: np.ndarray) -> tuple[float, float, float, float]:
    half = _ASSUMED_ARCSEC / 2
    return x[0] - half, x[-1] + half, y[0] - half, y[-1] + half


def _show(
    axes: Any,
    values: np.ndarray,
    ccd: CCDData,
    limits: tuple[float, float] | None,
    extent: tuple[float, float, float, float],
) -> None:
    levels = stretch(values, ccd.header, limits)
    valid = np.isfinite(levels)
    rgb = channel_colormap(get_channel(ccd.header))[np.where(valid, levels * 255 + 0.5, 0).astype(np.uint8)]
    rgb[~valid] = NO_DATA
    axes.imshow(rgb, origin="lower", extent=extent)
    axes.set_autoscale_on(False)
    axes.tick_params(colors=_TEXT, labelsize=8)
    for spine in axes.spines.values():
        spine.set_color(_TEXT)
