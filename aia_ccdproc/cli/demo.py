"""The demo: a synthetic exposure of a known Sun with a real pointing record, prepped, measured and drawn."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from astropy.nddata import CCDData
from astropy.wcs import WCS

from aia_ccdproc.cli.demo_picture import draw_before_after
from aia_ccdproc.errors import WriteError
from aia_ccdproc.images.wcs import plate_scale, roll_angle, wcs_from_header
from aia_ccdproc.io import read, write
from aia_ccdproc.pipeline import Pipeline
from aia_ccdproc.recipe.recipe import Recipe
from aia_ccdproc.synthetic import ActiveSun, Exposure, builtin_pointing_path, measure_pointing

__all__ = ["CHANNEL", "Demo", "run_demo"]

#: Channel of the demo, angstrom.
CHANNEL = 171
#: Roll angle of the satellite, degrees. It is as large when the satellite is rolled; usually it is smaller.
_SATELLITE_ROLL = -0.25
#: Error of the pointing in the level-1 header, camera pixels.
_POINTING_ERROR = (-6.4, 4.1)
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
    """Results of the demo."""

    stages: tuple[str, ...]
    """Names of the images: the columns of the table."""
    rows: list[tuple[str, tuple[str, ...]]]
    """Rows of the table: the name of a property, and its value in each image."""
    files: list[Path]
    """The files that were written."""
    note: str | None = None
    """Reason why no picture was drawn; None if one was drawn."""


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
        The table and the files. The table has the center of the Sun, the roll angle and the plate scale of each image:
        those in the header, those that are measured in the pixels, and the true ones.

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
    sun = ActiveSun(CHANNEL)
    exposure = Exposure(CHANNEL, satellite_roll=_SATELLITE_ROLL, pointing_error=_POINTING_ERROR, exposure_time=2.0)
    level1_path = exposure.write_level1(exposure.image(sun, noise=1), folder / f"aia_{CHANNEL}_level1.fits")
    level1 = read(level1_path)
    recipe = Recipe.from_toml(_RECIPE.format(source=str(builtin_pointing_path())), name="demo")
    pointed = Pipeline(recipe.steps[:1])(level1)
    level15 = Pipeline(recipe)(level1)
    files = [level1_path, write(level15, folder / f"aia_{CHANNEL}_lev1p5.fits", overwrite=True)]
    note = None
    try:
        files.append(draw_before_after(level1, level15, sun, folder / f"aia_{CHANNEL}_before_after.png"))
    except ImportError:
        note = 'no picture: matplotlib is not installed. Install it with: pip install "aia-ccdproc[plot]"'
    before, after = (measure_pointing(ccd, sun.points) for ccd in (level1, level15))
    true_level1 = wcs_from_header(replace(exposure, pointing_error=(0.0, 0.0)).header())
    true_level15 = level15.wcs.deepcopy()
    true_level15.wcs.crpix = (level15.shape[1] + 1) / 2, (level15.shape[0] + 1) / 2
    images = (level1, pointed, level15)
    rows = _pointing_rows(
        header=[_pointing(ccd.wcs) for ccd in images],
        measured=[(each.center, each.roll_angle, each.plate_scale) for each in (before, before, after)],
        true=[_pointing(wcs) for wcs in (true_level1, true_level1, true_level15)],
    )
    rows.insert(4, ("  standard error", tuple(f"{each.error:.2f}" for each in (before, before, after))))
    rows += [(name, tuple(describe(ccd) for ccd in images)) for name, describe in _KEYWORDS]
    return Demo(("level 1", "pointing updated", "level 1.5"), rows, files, note)


#: Sun center in pixels, roll angle in degrees, and plate scale in arcsec per pixel.
_Pointing = tuple[tuple[float, float], float, float]


def _pointing(wcs: WCS) -> _Pointing:
    return (float(wcs.wcs.crpix[0]), float(wcs.wcs.crpix[1])), roll_angle(wcs), plate_scale(wcs)


def _pointing_rows(**values: list[_Pointing]) -> list[tuple[str, tuple[str, ...]]]:
    """Make the rows of each quantity: a heading, and a row for each source of the values."""
    quantities: list[tuple[str, Callable[[_Pointing], str]]] = [
        ("Sun center [pix]", lambda pointing: "{:.2f}, {:.2f}".format(*pointing[0])),
        ("roll angle [deg]", lambda pointing: f"{round(pointing[1], 3) + 0.0:.3f}"),
        ("scale [arcsec/pix]", lambda pointing: f"{pointing[2]:.5f}"),
    ]
    rows: list[tuple[str, tuple[str, ...]]] = []
    for name, describe in quantities:
        rows.append((name, ("", "", "")))
        rows += [(f"  {source}", tuple(map(describe, pointings))) for source, pointings in values.items()]
    return rows


_KEYWORDS: list[tuple[str, Callable[[CCDData], str]]] = [
    ("shape", lambda ccd: f"{ccd.shape[0]} x {ccd.shape[1]}"),
    ("pointing record", lambda ccd: str(ccd.header["MPO_REC"]).partition("[:")[2].rstrip("]")),
    ("LVL_NUM", lambda ccd: f"{ccd.header['LVL_NUM']:g}"),
]
