"""The demo: a synthetic image of a known Sun with a real pointing record, prepped and drawn."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy.nddata import CCDData

from aia_ccdproc.errors import WriteError
from aia_ccdproc.images.files import atomic_write
from aia_ccdproc.io import read, write
from aia_ccdproc.pipeline import Pipeline
from aia_ccdproc.recipe.recipe import Recipe
from aia_ccdproc.synthetic import RSUN_OBS, Exposure, Source, Sun, builtin_pointing_path

__all__ = ["Demo", "draw_before_after", "make_demo_sun", "run_demo"]

_RECIPE = """
name = "demo"

[[step]]
use = "update_pointing"
source = {source!r}

[[step]]
use = "register"
"""
#: Brightness in DN below which the picture is nearly linear.
_SOFTENING_DN = 20


@dataclass(frozen=True)
class Demo:
    """Results of the demo."""

    stages: tuple[str, ...]
    """Names of the images: the columns of the table."""
    rows: list[tuple[str, tuple[str, ...]]]
    """Rows of the table: the name of a property, and its value in each image."""
    files: list[Path]
    """The files that were written."""
    note: str | None = None
    """Reason why no picture was drawn; None if one was drawn."""


def make_demo_sun(seed: int = 34506) -> Sun:
    """Make a quiet Sun with bright points and active regions at random positions.

    Parameters
    ----------
    seed : int
        Seed of the random positions.

    Returns
    -------
    `~aia_ccdproc.synthetic.Sun`
        The Sun.
    """
    random = np.random.default_rng(seed)
    points = [
        Source(x, y, peak, sigma)
        for x, y, peak, sigma in zip(
            *random.uniform(-0.65, 0.65, (2, 120)) * RSUN_OBS,
            random.uniform(40, 400, 120),
            random.uniform(1.2, 6, 120),
            strict=True,
        )
    ]
    regions = [
        Source(x + dx, y + dy, peak, sigma)
        for x, y in ((-430, 310), (520, 260), (180, -380), (-640, -220))
        for dx, dy, peak, sigma in random.uniform((-60, -35, 60, 8), (60, 35, 400, 30), (12, 4))
    ]
    return Sun(disk=60, corona=50, sources=(*points, *regions))


def run_demo(folder: str | os.PathLike[str]) -> Demo:
    """Make a level-1 image of a known Sun, prep it, and write the images and a picture.

    Parameters
    ----------
    folder : path-like
        Folder for the level-1 FITS, the level-1.5 FITS and the picture. It is created if it does not exist; files of an
        earlier demo are replaced.

    Returns
    -------
    `Demo`
        The table of scale and rotation before and after, and the files.

    Raises
    ------
    WriteError
        If a file cannot be written.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return _write_demo(folder)
    except OSError as error:
        raise WriteError(
            f"{folder}: cannot write the demo's files ({error.strerror or error}). Choose another folder with --output."
        ) from error


def _write_demo(folder: Path) -> Demo:
    exposure = Exposure(channel=94, pointing_error=(-6.4, 4.1))
    level1_path = exposure.write_level1(exposure.image(make_demo_sun(), noise=1), folder / "aia_94_level1.fits")
    level1 = read(level1_path)
    recipe = Recipe.from_toml(_RECIPE.format(source=str(builtin_pointing_path())), name="demo")
    pointed = Pipeline(recipe.steps[:1])(level1)
    level15 = Pipeline(recipe)(level1)
    files = [level1_path, write(level15, folder / "aia_94_lev1p5.fits", overwrite=True)]
    note = None
    try:
        files.append(draw_before_after(pointed, level15, folder / "aia_94_before_after.png"))
    except ImportError:
        note = 'no picture: matplotlib is not installed. Install it with: pip install "aia-ccdproc[plot]"'
    images = (level1, pointed, level15)
    rows = [(name, tuple(describe(ccd) for ccd in images)) for name, describe in _PROPERTIES]
    return Demo(("level 1", "pointing updated", "level 1.5"), rows, files, note)


_PROPERTIES: list[tuple[str, Callable[[CCDData], str]]] = [
    ("shape", lambda ccd: f"{ccd.shape[0]} x {ccd.shape[1]}"),
    ("scale [arcsec/pix]", lambda ccd: f"{ccd.wcs.wcs.get_cdelt()[0] * 3600:.6g}"),
    (
        "rotation matrix",
        lambda ccd: "\n".join("{:.7f} {:.7f}".format(*row) for row in ccd.wcs.wcs.get_pc() + 0.0),
    ),
    ("Sun center, CRPIX", lambda ccd: "{:.3f}, {:.3f}".format(*ccd.wcs.wcs.crpix)),
    ("pointing record", lambda ccd: str(ccd.header["MPO_REC"]).partition("[:")[2].rstrip("]")),
    ("LVL_NUM", lambda ccd: f"{ccd.header['LVL_NUM']:g}"),
]


def draw_before_after(before: CCDData, after: CCDData, path: str | os.PathLike[str]) -> Path:
    """Draw an image before and after registration, both with the limb of level 1.5 around the center of the image.

    Parameters
    ----------
    before, after : `~astropy.nddata.CCDData`
        The images, shape ``(ny, nx)``.
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

    figure = Figure(figsize=(12, 6.4), facecolor="black", layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    limb_radius_pixels = after.header["R_SUN"]
    _draw_image(left, before, "level 1, pointing updated", limb_radius_pixels)
    _draw_image(right, after, "level 1.5", limb_radius_pixels)
    legend = "blue: center of the image, and the limb around it; red: Sun center according to the header"
    figure.text(0.5, -0.03, legend, color="white", ha="center")
    with atomic_write(Path(path)) as temporary:
        figure.savefig(temporary, dpi=100, bbox_inches="tight", format="png")
    return Path(path)


def _draw_image(axes: Any, ccd: CCDData, title: str, limb_radius_pixels: float) -> None:
    from matplotlib.patches import Circle

    ny, nx = ccd.shape
    axes.imshow(
        np.arcsinh(ccd.data[::4, ::4] / _SOFTENING_DN),
        cmap="gray",
        origin="lower",
        extent=(0.5, nx + 0.5, 0.5, ny + 0.5),
    )
    center = ((nx + 1) / 2, (ny + 1) / 2)
    axes.add_patch(Circle(center, limb_radius_pixels, fill=False, color="deepskyblue", linewidth=1))
    axes.plot(*center, "+", color="deepskyblue", markersize=14)
    axes.plot(*ccd.wcs.wcs.crpix, "x", color="orangered", markersize=10)
    axes.set_facecolor("#203040")  # pixels that the input does not cover
    scale, pc = ccd.wcs.wcs.get_cdelt()[0] * 3600, ccd.wcs.wcs.get_pc()
    caption = f"{scale:.6g} arcsec/pix, off-diagonal {abs(pc[0, 1]):.7f}"
    axes.set_title(f"{title}\n{caption}", color="white", fontsize=11)
    axes.tick_params(colors="white")
