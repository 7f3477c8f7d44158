"""Tests of the correction of sunpy Maps."""

from __future__ import annotations

import numpy as np
import pytest

import aia_ccdproc
from aia_ccdproc.testing.tables import response_table
from aia_ccdproc_degradation import correct_degradation


def test_a_map_is_corrected_as_the_image_is(level1) -> None:
    pytest.importorskip("sunpy.map")
    ccd = level1(171)
    result = correct_degradation(aia_ccdproc.to_map(ccd), table=response_table())
    expected = correct_degradation(ccd, table=response_table())
    assert type(result).__name__ == "AIAMap"
    np.testing.assert_array_equal(result.data, expected.data)
    assert not np.array_equal(result.data, ccd.data)
