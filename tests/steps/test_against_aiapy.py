"""Comparison with aiapy on an image whose true values are known."""

from __future__ import annotations

import warnings

import pytest
from scenes import GAUSSIANS, rms_error

from aia_ccdproc import register
from aia_ccdproc.synthetic import Exposure


@pytest.mark.slow
def test_bicubic_is_at_least_as_accurate_as_register_of_aiapy():
    sunpy_map = pytest.importorskip("sunpy.map")
    calibrate = pytest.importorskip("aiapy.calibrate")
    level1 = Exposure().image(GAUSSIANS)
    ours = register(level1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of aiapy and sunpy
        theirs = calibrate.register(sunpy_map.Map(level1.data, level1.header))
    our_error, their_error = rms_error(ours.data, ours.wcs, GAUSSIANS), rms_error(theirs.data, theirs.wcs, GAUSSIANS)
    assert our_error <= their_error
    assert our_error < 1e-4 * 1000
