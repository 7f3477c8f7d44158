"""``aia-prep demo``: a known sun, exposed at a real pointing, prepped and shown."""

from __future__ import annotations

import os
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

__all__ = ["Demo", "draw", "run_demo"]

_RECIPE = """
name = "demo"

[[step]]
use = "update_pointing"
source = {source!r}

[[step]]
use = "register"
"""


@dataclass(frozen=True)
class Demo:
    """What the demo made."""

    stages: tuple[str, ...]
    rows: list[tuple[str, tuple[str, ...]]]
    files: list[Path]
    note: str = ""


def demo_sun(seed: int = 34506) -> Sun:
    """Scatter bright points and active regions over a quiet sun.

    Parameters
    ----------
    seed : int
        Where they lie.

    Returns
    -------
    `~aia_ccdproc.synthetic.Sun`
        The sun.
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
    """Make a level-1 exposure of a known sun, prep it, and write everything down.

    Parameters
    ----------
    folder : path-like
        Folder for the level-1 FITS, the level-1.5 FITS and the picture; made if it is not there. What an
        earlier demo left there is replaced.

    Returns
    -------
    `Demo`
        The table of scale and rotation before and after, and the files.

    Raises
    ------
    WriteError
        If a file cannot be written there.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return _run_demo(folder)
    except OSError as error:
        raise WriteError(f"{folder}: the demo's files cannot be made there ({error.strerror or error})") from error


def _run_demo(folder: Path) -> Demo:
    exposure = Exposure(channel=94, pointing_error=(-6.4, 4.1))
    level1_path = exposure.write_level1(exposure.image(demo_sun(), noise=1), folder / "aia_94_level1.fits")
    level1 = read(level1_path)
    recipe = Recipe.from_toml(_RECIPE.format(source=str(builtin_pointing_path())), name="demo")
    pointed = Pipeline(recipe.steps[:1])(level1)
    level15 = Pipeline(recipe)(level1)
    files = [level1_path, write(level15, folder / "aia_94_lev1p5.fits", overwrite=True)]
    note = ""
    try:
        files.append(draw(pointed, level15, folder / "aia_94_before_after.png"))
    except ImportError:
        note = 'no picture: matplotlib is not installed (pip install "aia-ccdproc[plot]")'
    images = (level1, pointed, level15)
    return Demo(("level 1", "pointing updated", "level 1.5"), [_row(*row, images) for row in _ROWS], files, note)


_ROWS: list[tuple[str, Any]] = [
    ("shape", lambda ccd: f"{ccd.shape[0]} x {ccd.shape[1]}"),
    ("scale [arcsec/pix]", lambda ccd: f"{ccd.wcs.wcs.get_cdelt()[0] * 3600:.6g}"),
    (
        "rotation matrix",
        lambda ccd: "\n".join("{:.7f} {:.7f}".format(*row) for row in ccd.wcs.wcs.get_pc() + 0.0),
    ),
    ("Sun centre, CRPIX", lambda ccd: "{:.3f}, {:.3f}".format(*ccd.wcs.wcs.crpix)),
    ("pointing record", lambda ccd: str(ccd.header["MPO_REC"]).partition("[:")[2].rstrip("]")),
    ("LVL_NUM", lambda ccd: f"{ccd.header['LVL_NUM']:g}"),
]


def _row(name: str, value: Any, images: tuple[CCDData, ...]) -> tuple[str, tuple[str, ...]]:
    return name, tuple(value(ccd) for ccd in images)


def draw(before: CCDData, after: CCDData, path: str | os.PathLike[str]) -> Path:
    """Draw an image before and after registration, with the limb that level 1.5 has about its centre.

    Parameters
    ----------
    before, after : `~astropy.nddata.CCDData`
        The images.
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
    from matplotlib.patches import Circle

    figure = Figure(figsize=(12, 6.4), facecolor="black", layout="constrained")
    FigureCanvasAgg(figure)
    shown = ((before, "level 1, pointing updated"), (after, "level 1.5"))
    for axes, (ccd, title) in zip(figure.subplots(1, 2), shown, strict=True):
        ny, nx = ccd.shape
        axes.imshow(
            np.arcsinh(ccd.data[::4, ::4] / 20),
            cmap="gray",
            origin="lower",
            extent=(0.5, nx + 0.5, 0.5, ny + 0.5),
        )
        centre = ((nx + 1) / 2, (ny + 1) / 2)
        axes.add_patch(Circle(centre, after.header["R_SUN"], fill=False, color="deepskyblue", linewidth=1))
        axes.plot(*centre, "+", color="deepskyblue", markersize=14)
        axes.plot(*ccd.wcs.wcs.crpix, "x", color="orangered", markersize=10)
        axes.set_facecolor("#203040")  # pixels that no input covers
        axes.set_title(f"{title}\n{_caption(ccd)}", color="white", fontsize=11)
        axes.tick_params(colors="white")
    figure.text(
        0.5,
        -0.03,
        "blue: centre of the image, and the limb about it; red: Sun centre by the header",
        color="white",
        ha="center",
    )
    with atomic_write(Path(path)) as temporary:
        figure.savefig(temporary, dpi=100, bbox_inches="tight", format="png")
    return Path(path)


def _caption(ccd: CCDData) -> str:
    scale, pc = ccd.wcs.wcs.get_cdelt()[0] * 3600, ccd.wcs.wcs.get_pc()
    return f"{scale:.6g} arcsec/pix, off-diagonal {abs(pc[0, 1]):.7f}"
