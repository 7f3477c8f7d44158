"""The map between the pixels of two linear WCSs."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.wcs import WCS
from astropy.wcs.utils import pixel_to_pixel
from hypothesis import given
from hypothesis import strategies as st

from aia_ccdproc.plugin import affine_map


def linear(roll: float, scale: float, crpix: tuple[float, float], crval: tuple[float, float] = (0, 0)) -> WCS:
    wcs = WCS(naxis=2)
    cos, sin = np.cos(np.radians(roll)), np.sin(np.radians(roll))
    wcs.wcs.pc, wcs.wcs.cdelt = [[cos, -sin], [sin, cos]], [scale, scale]
    wcs.wcs.crpix, wcs.wcs.crval, wcs.wcs.cunit = crpix, crval, ["deg", "deg"]
    return wcs


GRID = st.builds(
    linear,
    st.floats(-180, 180),
    st.floats(1e-4, 1e-3),
    st.tuples(st.floats(-100, 4100), st.floats(-100, 4100)),
    st.tuples(st.floats(-0.1, 0.1), st.floats(-0.1, 0.1)),
)


@given(GRID, GRID, st.floats(0, 4095), st.floats(0, 4095))
def test_the_map_gives_the_positions_of_astropy(source, target, column, row):
    expected = pixel_to_pixel(target, source, column, row)
    np.testing.assert_allclose(affine_map(source, target) @ [column, row, 1], expected, rtol=1e-9, atol=1e-7)


@pytest.mark.parametrize("scale", [0.6 / 3600, 0.1])
@pytest.mark.parametrize(
    ("rolls", "matrix"),
    [
        ((0, 0), [[1, 0], [0, 1]]),
        ((37, 37), [[1, 0], [0, 1]]),
        ((180, 0), [[-1, 0], [0, -1]]),
        ((0, 90), [[0, -1], [1, 0]]),
    ],
)
def test_shifts_by_half_pixels_and_quarter_turns_are_exact(rolls, matrix, scale):
    source, target = linear(rolls[0], scale, (2048.5, 2047.0)), linear(rolls[1], scale, (2048.0, 2048.5))
    affine = affine_map(source, target)
    np.testing.assert_array_equal(affine[:, :2], matrix)
    np.testing.assert_array_equal(affine[:, 2], np.array([2047.5, 2046.0]) - np.array(matrix) @ [2047.0, 2047.5])


def test_the_scale_of_a_binned_image_is_exact():
    affine = affine_map(linear(0, 0.1, (10.0, 10.0)), linear(0, 0.1 * 4, (3.0, 3.0)))
    np.testing.assert_array_equal(affine, [[4, 0, 1], [0, 4, 1]])


def test_a_small_shift_is_kept():
    affine = affine_map(linear(0, 0.1, (10.00001, 10.0)), linear(0, 0.1, (10.0, 10.0)))
    assert affine[0, 2] == pytest.approx(1e-5, rel=1e-6)
