"""Tests of the uncertainty of sunpy Maps."""

from __future__ import annotations

import numpy as np
import pytest

import aia_ccdproc
from aia_ccdproc.testing.tables import error_table
from aia_ccdproc_noise import estimate_uncertainty


def test_a_map_gets_the_uncertainty_that_the_image_gets(level1) -> None:
    pytest.importorskip("sunpy.map")
    ccd = level1(171)
    image_map = aia_ccdproc.to_map(ccd)
    result = estimate_uncertainty(image_map, table=error_table())
    expected = estimate_uncertainty(ccd, table=error_table())
    assert image_map.uncertainty is None
    assert type(result.uncertainty) is type(expected.uncertainty)
    np.testing.assert_array_equal(result.uncertainty.array, expected.uncertainty.array)
