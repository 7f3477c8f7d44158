"""Side by side with aiapy: the same image, the same truth."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from astropy.wcs import WCS

from aia_ccdproc import register
from aia_ccdproc.synthetic import Exposure, Source, Sun


@pytest.fixture(scope="module")
def stars() -> Sun:
    """Gaussians of 0.9 to 4 pixels all over the disk: what FACTS' accuracies are measured on."""
    random = np.random.default_rng(0)
    places, widths = random.uniform(-900, 900, (2, 150)), random.uniform(0.9, 4.0, 150) * 0.6
    return Sun(disk=0, corona=0, sources=tuple(Source(x, y, 1000, s) for x, y, s in zip(*places, widths, strict=True)))


def rms_error(data: np.ndarray, wcs: WCS, sun: Sun) -> float:
    """Of an image against the formula at its own pixels; 100 pixels at the edges left out."""
    rows = np.arange(100, data.shape[0] - 100, dtype=float)
    columns = np.arange(100, data.shape[1] - 100, dtype=float)
    total = 0.0
    for some in np.array_split(rows, 16):
        x, y = np.meshgrid(columns, some)
        longitude, latitude = wcs.wcs_pix2world(x.ravel(), y.ravel(), 0)
        sky = [(np.asarray(v).reshape(x.shape) + 180) % 360 - 180 for v in (longitude, latitude)]
        seen = data[int(some[0]) : int(some[-1]) + 1, 100:-100]
        total += float(((seen - sun.brightness(sky[0] * 3600, sky[1] * 3600)) ** 2).sum())
    return float(np.sqrt(total / (rows.size * columns.size)))


@pytest.mark.slow
def test_bicubic_errs_no_more_than_aiapys_register(stars):
    sunpy_map = pytest.importorskip("sunpy.map")
    calibrate = pytest.importorskip("aiapy.calibrate")
    level1 = Exposure().image(stars)
    ours = register(level1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # aiapy's and sunpy's own
        theirs = calibrate.register(sunpy_map.Map(level1.data, level1.header))
    our_error, their_error = rms_error(ours.data, ours.wcs, stars), rms_error(theirs.data, theirs.wcs, stars)
    assert our_error <= their_error
    assert our_error < 1e-4 * 1000
