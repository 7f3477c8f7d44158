"""Who is compared: every way to register an image, ours and others', called alike and measured alike."""

from __future__ import annotations

import ctypes
import multiprocessing
import platform
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from astropy.nddata import CCDData
from astropy.wcs import WCS

from aia_ccdproc import get_plugin_manager, read, register
from aia_ccdproc.images.header import complete_header
from aia_ccdproc.steps.grids import level15_grid


class Registered(NamedTuple):
    """An image as registered by a contender."""

    data: np.ndarray
    wcs: WCS


#: Takes a level-1 image; what is made in preparation (a sunpy Map) is not part of the work.
Contender = Callable[[CCDData], Callable[[], Registered]]


def ours(method: str) -> Contender:
    """Register as this package does."""

    def prepare(level1: CCDData) -> Callable[[], Registered]:
        def work() -> Registered:
            result = register(level1, method=method)
            return Registered(result.data, result.wcs)

        return work

    return prepare


def aiapy(method: str) -> Contender:
    """Register as aiapy does, by one of sunpy's rotation functions."""

    def prepare(level1: CCDData) -> Callable[[], Registered]:
        import sunpy.map
        from aiapy.calibrate import register as aiapy_register

        image = sunpy.map.Map(np.asarray(level1.data), level1.header)

        def work() -> Registered:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                result = aiapy_register(image, method=method)
                return Registered(result.data, WCS(result.fits_header))

        return work

    return prepare


def scikit_image(level1: CCDData) -> Callable[[], Registered]:
    """Resample by ``skimage.transform.warp``, cubic convolution, onto the level-1.5 grid; no header is made."""
    from skimage.transform import AffineTransform, warp

    header = complete_header(level1)
    grid = level15_grid(header, get_plugin_manager().identify(header))
    matrix = np.linalg.inv(level1.wcs.pixel_scale_matrix) @ grid.wcs.pixel_scale_matrix
    shift = level1.wcs.wcs.crpix - 1 - matrix @ (grid.wcs.wcs.crpix - 1)
    transform = AffineTransform(np.vstack([np.column_stack([matrix, shift]), [0, 0, 1]]))

    def work() -> Registered:
        return Registered(warp(level1.data, transform, order=3, output_shape=grid.shape, cval=np.nan), grid.wcs)

    return work


def plain_reproject(level1: CCDData) -> Callable[[], Registered]:
    """Resample by reproject between the celestial WCSs, as its documentation has it; no header is made."""
    from reproject import reproject_interp

    header = complete_header(level1)
    grid = level15_grid(header, get_plugin_manager().identify(header))

    def work() -> Registered:
        pixels = (np.asarray(level1.data), level1.wcs)
        data = reproject_interp(pixels, grid.wcs, grid.shape, order="bicubic", return_footprint=False)
        return Registered(data, grid.wcs)

    return work


def contenders() -> dict[str, Contender]:
    """List all, by name; our methods are those that are installed, but for "exact", which takes a minute."""
    methods = [method for method in get_plugin_manager().resampling_methods() if method != "exact"]
    return {
        **{f"aia_ccdproc {method}": ours(method) for method in methods},
        **{f"aiapy {method}": aiapy(method) for method in ("scipy", "scikit-image", "opencv")},
        "scikit-image warp, order 3": scikit_image,
        "reproject_interp bicubic, celestial": plain_reproject,
    }


# -- memory --------------------------------------------------------------------------------------


def peak_memory(name: str, image: Path) -> float:
    """Measure what a contender holds at most beyond its input and its output, MiB, in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_peak_memory, (name, image))


def _peak_memory(name: str, image: Path) -> float:
    work = contenders()[name](read(image))
    work()  # what is loaded or compiled at the first call is not what the work needs
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)  # nor is what is kept of the memory that it freed
    Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here
    before = _memory("VmRSS")
    result = work()
    return _memory("VmHWM") - before - result.data.nbytes / 2**20


def _memory(what: str) -> float:
    return int(re.search(rf"^{what}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)[1]) / 1024
