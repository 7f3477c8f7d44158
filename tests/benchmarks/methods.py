"""Methods of registration that are compared: those of this package and of others, with one interface."""

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
from aia_ccdproc.plugin.loading import load_plugins
from aia_ccdproc.plugin.manager import PrepPluginManager
from aia_ccdproc.steps.grids import Grid
from aia_ccdproc.steps.level15_grid import level15_grid

#: Methods of the core that the compiled engine serves too.
SERVED = ("nearest-neighbor", "bilinear", "bicubic")


class Registered(NamedTuple):
    """A registered image."""

    data: np.ndarray
    wcs: WCS


#: Takes a level-1 image and returns the function to be timed. Preparation (making a sunpy Map) is not timed.
Method = Callable[[CCDData], Callable[[], Registered]]


def ours(method: str, manager: PrepPluginManager) -> Method:
    """Register with a method of this package, and with the plugins of a manager."""

    def prepare(level1: CCDData) -> Callable[[], Registered]:
        def work() -> Registered:
            with manager.in_use():
                result = register(level1, method=method)
            return Registered(result.data, result.wcs)

        return work

    return prepare


def aiapy(method: str) -> Method:
    """Register with aiapy, by one of sunpy's rotation functions."""

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
    """Resample onto the level-1.5 grid by cubic convolution, ``skimage.transform.warp``, without a header."""
    from skimage.transform import AffineTransform, warp

    grid = _level15_grid(level1)
    matrix = np.linalg.inv(level1.wcs.pixel_scale_matrix) @ grid.wcs.pixel_scale_matrix
    shift = level1.wcs.wcs.crpix - 1 - matrix @ (grid.wcs.wcs.crpix - 1)
    transform = AffineTransform(np.vstack([np.column_stack([matrix, shift]), [0, 0, 1]]))

    def work() -> Registered:
        return Registered(warp(level1.data, transform, order=3, output_shape=grid.shape, cval=np.nan), grid.wcs)

    return work


def plain_reproject(level1: CCDData) -> Callable[[], Registered]:
    """Resample by reproject between the celestial WCSs, as in its documentation, without a header."""
    from reproject import reproject_interp

    grid = _level15_grid(level1)

    def work() -> Registered:
        pixels = (np.asarray(level1.data), level1.wcs)
        data = reproject_interp(pixels, grid.wcs, grid.shape, order="bicubic", return_footprint=False)
        return Registered(data, grid.wcs)

    return work


def _level15_grid(level1: CCDData) -> Grid:
    instrument = get_plugin_manager().identify(complete_header(level1))
    return level15_grid(level1.shape, level1.wcs, instrument)


def methods() -> dict[str, Method]:
    """Return all methods by name: of this package, all installed ones except "exact", which takes a minute."""
    core, engine = load_plugins([]), get_plugin_manager()
    of_core = [method for method in core.resampling_methods() if method != "exact"]
    of_engine = [*SERVED, *sorted(engine.resampling_methods().keys() - core.resampling_methods().keys())]
    return {
        **{f"aia_ccdproc {method}": ours(method, core) for method in of_core},
        **{f"aia_ccdproc {method}, compiled": ours(method, engine) for method in of_engine},
        **{f"aiapy {method}": aiapy(method) for method in ("scipy", "scikit-image", "opencv")},
        "scikit-image warp, order 3": scikit_image,
        "reproject_interp bicubic, celestial": plain_reproject,
    }


# -- memory --------------------------------------------------------------------------------------


def peak_memory(name: str, image: Path) -> float:
    """Measure the peak memory of a method beyond its input and output, in MiB, in a separate process."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_peak_memory, (name, image))


def _peak_memory(name: str, image: Path) -> float:
    work = methods()[name](read(image))
    work()  # loads libraries and compiles functions, which do not count
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)  # freed memory does not count, either
    Path("/proc/self/clear_refs").write_text("5")  # reset the peak
    before = _memory("VmRSS")
    result = work()
    return _memory("VmHWM") - before - result.data.nbytes / 2**20


def _memory(field: str) -> float:
    return int(re.search(rf"^{field}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)[1]) / 1024
