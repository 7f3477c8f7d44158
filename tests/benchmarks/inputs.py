"""Inputs of the benchmarks of whole processes: full-size files with photon noise, and a filled pointing cache."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from astropy.nddata import CCDData

from aia_ccdproc.images.wcs import wcs_from_header
from aia_ccdproc.synthetic import Exposure, Sun

ROOT = Path(__file__).parents[2]
#: Folder of the files, which are made once.
FOLDER = ROOT / ".benchmarks" / "level1"
#: Cadence of AIA, s.
_CADENCE = 12


def level1_files(count: int, folder: Path = FOLDER) -> list[Path]:
    """Return full-size level-1 files, each with a time and noise of its own. Make those that are missing."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"aia_94_{number:03}.fits" for number in range(count)]
    missing = [(number, path) for number, path in enumerate(paths) if not path.exists()]
    if missing:
        with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
            list(pool.map(_write, *zip(*missing, strict=True)))
    return paths


def load_into_page_cache(paths: Iterable[Path]) -> None:
    """Read files, so that the first command that is measured does not have to wait for the disk."""
    for path in paths:
        path.read_bytes()


def pointing_environment(python: str, folder: Path) -> dict[str, str]:
    """Fill a pointing cache in a folder with the package of an interpreter. Return the environment that chooses it."""
    (folder / "astropy").mkdir(parents=True, exist_ok=True)
    environment = {"ASTROPY_CACHE_DIR": str(folder / "astropy"), "XDG_CACHE_HOME": str(folder)}
    subprocess.run([python, Path(__file__).with_name("pointing_cache.py")], env=os.environ | environment, check=True)
    return environment


@cache
def _sun() -> np.ndarray:
    return np.asarray(Exposure().image(Sun()).data)


def _write(number: int, path: Path) -> None:
    minutes, seconds = divmod(number * _CADENCE, 60)
    exposure = Exposure(time=f"2020-01-01T00:{minutes:02}:{seconds:02}.57Z")
    header = exposure.header()
    pixels = np.random.default_rng(number).poisson(_sun())
    exposure.write_level1(CCDData(pixels, unit="DN", header=header, wcs=wcs_from_header(header)), path)
