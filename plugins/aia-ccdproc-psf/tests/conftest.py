"""Fixtures for the tests of deconvolution."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.nddata import StdDevUncertainty
from scipy.signal import fftconvolve

from aia_ccdproc_psf import point_spread_function


@pytest.fixture(scope="session")
def _psf_cache(tmp_path_factory):
    """A cache folder in which the models are computed only once."""
    folder = tmp_path_factory.mktemp("cache")
    (folder / "astropy").mkdir()
    return folder


@pytest.fixture(autouse=True)
def _plugin(prep_manager, monkeypatch, _psf_cache):
    monkeypatch.setenv("XDG_CACHE_HOME", str(_psf_cache))
    prep_manager("aia-ccdproc-psf")


@pytest.fixture(scope="session")
def truth():
    """A Sun of 700 x 700 pixels: quiet, with a coronal hole, an active region, and points."""
    rows, columns = np.indices((700, 700), dtype=float) - 350
    sun = 150 + 40 * np.sin(columns / 17) * np.cos(rows / 23)
    sun += 900 * np.exp(-0.5 * (np.hypot(rows - 60, columns + 70) / 25) ** 2)
    sun *= 1 - 0.97 / (1 + np.exp((np.hypot(rows + 60, columns - 60) - 45) / 1.5))
    for y, x in ((20, 30), (-40, -80), (100, 90)):
        sun += 3000 * np.exp(-0.5 * (np.hypot(rows - y, columns - x) / 1.2) ** 2)
    sun.flags.writeable = False
    return sun


@pytest.fixture(scope="session")
def blurred():
    """Convolve a true image with the point spread function of a channel. The same image is convolved only once."""
    results = {}

    def convolved(truth, channel):
        key = (truth.tobytes(), channel)
        if key not in results:
            near = slice(2048 - 700, 2048 + 701)  # farther light leaves the image
            psf = point_spread_function(channel)[near, near]
            results[key] = np.maximum(fftconvolve(truth, psf, mode="same"), 0)
        return results[key]

    return convolved


@pytest.fixture
def observe(level1, blurred):
    """Observe a part of a true image as level 1, with the point spread function of a channel, and photon noise."""

    def observed(truth, window=np.s_[200:500, 190:510], *, channel=171, noise=None, uncertainty=False):
        data = blurred(truth, channel)[window]
        image = level1(channel, shape=data.shape)
        image.data = (data if noise is None else np.random.default_rng(noise).poisson(data)).astype(np.float32)
        if uncertainty:
            image.uncertainty = StdDevUncertainty(np.sqrt(np.maximum(image.data, 1)))
        return image

    return observed
