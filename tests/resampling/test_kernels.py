"""The weights of reproject, compared with the variances and masks that are computed from our weights."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.wcs import WCS

from aia_ccdproc.plugin.resampling import BAD_WEIGHT_THRESHOLD
from aia_ccdproc.resampling.engine import resample
from aia_ccdproc.resampling.methods import METHODS

SPLINES = [name for name, method in METHODS.items() if method.degree >= 0]
SIDE = 20


def rotation(angle: float, scale: float) -> np.ndarray:
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    return scale * np.array([[cos, -sin], [sin, cos]])


#: Input pixels per output pixel: as from level 1 to 1.5 with a larger roll, with larger pixels, with smaller pixels.
MAPS = {
    "aia": rotation(0.5, 1.0003),
    "turned": rotation(17, 0.9997),
    "coarser": rotation(3, 1.9),
    "finer": rotation(3, 0.8),
}
#: Methods and maps with marks: the response to an impulse in each input pixel takes seconds, and `make quick` computes
#: it for splines and one map only.
ALL_METHODS = [name if name in SPLINES else pytest.param(name, marks=pytest.mark.slow) for name in METHODS]
ALL_MAPS = [name if name == "aia" else pytest.param(name, marks=pytest.mark.slow) for name in MAPS]


def linear(matrix: np.ndarray, crpix: tuple[float, float]) -> WCS:
    wcs = WCS(naxis=2)
    wcs.wcs.cunit, wcs.wcs.cdelt, wcs.wcs.pc, wcs.wcs.crpix = ["deg", "deg"], [1, 1], matrix, crpix
    return wcs


def grids(map_name: str) -> tuple[WCS, WCS, tuple[int, int]]:
    """Return grids whose output is partly outside the input."""
    side = SIDE // 2 if map_name == "coarser" else SIDE
    return linear(np.eye(2), (10.3, 10.1)), linear(MAPS[map_name], (side / 2, side / 2 + 0.4)), (side, side)


def weights(method: str, map_name: str, row: int, column: int) -> np.ndarray:
    """Compute the response of a method to an impulse in an input pixel."""
    impulse = np.zeros((SIDE, SIDE), dtype=np.float32)
    impulse[row, column] = 1
    return resample(impulse, None, None, *grids(map_name), method).data


@pytest.fixture
def jumping() -> np.ndarray:
    """A variance that differs by up to a factor of 1000 between neighbors."""
    return (1000 * np.random.default_rng(0).uniform(0, 1, (SIDE, SIDE)) ** 6 + 1).astype(np.float32)


@pytest.mark.parametrize("map_name", ALL_MAPS)
@pytest.mark.parametrize("method", ALL_METHODS)
def test_the_variance_is_the_sum_of_squared_weights_times_variance(method, map_name, jumping):
    """Sigma is correct within 1 %: for splines at every pixel, also beyond the edges; for areas on average."""
    resampled = resample(jumping, jumping, None, *grids(map_name), method)
    expected = sum(value * weights(method, map_name, *pixel) ** 2 for pixel, value in np.ndenumerate(jumping))
    ratio = np.sqrt(resampled.variance / expected)
    if method in SPLINES:
        assert np.nanmax(np.abs(ratio - 1)) < 0.01
    else:
        margin = slice(4, -4)
        assert np.nanmax(np.abs(ratio[margin, margin] - 1)) < (0.1 if method == "exact" else 0.03)
        assert np.sqrt(np.nanmean((ratio - 1) ** 2)) < 0.01
    assert resampled.propagation == "sum(w**2 var)"


@pytest.mark.parametrize("map_name", ALL_MAPS)
@pytest.mark.parametrize("method", ALL_METHODS)
def test_a_bad_pixel_affects_the_pixels_in_which_it_has_weight(method, map_name):
    row, column = 9, 11
    flags = np.zeros((SIDE, SIDE), dtype=np.uint8)
    flags[row, column] = 1
    data = np.ones_like(flags, dtype=np.float32)
    affected = resample(data, None, flags, *grids(map_name), method).flags == 1
    weight = np.nan_to_num(np.abs(weights(method, map_name, row, column)))
    # Exactly, except for weights at the threshold, within the accuracy of the tables.
    blur = 1e-3 if method in SPLINES else 0.05
    assert affected[weight > BAD_WEIGHT_THRESHOLD * (1 + blur)].all()
    assert not affected[weight < BAD_WEIGHT_THRESHOLD * (1 - blur)].any()


@pytest.mark.parametrize("method", METHODS)
def test_pixels_that_are_not_moved_keep_mask_and_variance(method, jumping):
    grid = linear(np.eye(2), (10.3, 10.1))
    flags = np.zeros((SIDE, SIDE), dtype=np.uint8)
    flags[3:5, 7], flags[14, 12:16], flags[0, 0] = 1, 2, 1
    kept = resample(jumping, jumping, flags, grid, grid, flags.shape, method)
    if method == "adaptive-gaussian":  # which smooths even then
        assert (kept.flags >= flags).all()
        assert np.count_nonzero(kept.flags) > np.count_nonzero(flags)
        assert kept.variance.mean() < jumping.mean() / 2
        return
    np.testing.assert_array_equal(kept.flags, flags)
    np.testing.assert_allclose(kept.variance, jumping, rtol=2e-3)


@pytest.mark.parametrize("method", METHODS)
def test_an_output_of_one_pixel_is_resampled(method):
    image = np.arange(SIDE**2, dtype=np.float32).reshape(SIDE, SIDE)
    target = linear(np.eye(2), (1, 1))
    one = resample(image, image, None, linear(np.eye(2), (8, 6)), target, (1, 1), method)
    assert one.data.shape == (1, 1)
    assert one.data[0, 0] == pytest.approx(image[5, 7], rel=1e-5)


def test_the_higher_of_two_flags_counts():
    grid = linear(np.eye(2), (10.3, 10.1))
    flags = np.zeros((SIDE, SIDE), dtype=np.uint8)
    flags[10, 10], flags[10, 11] = 1, 2
    half = linear(np.eye(2), (9.8, 10.1))
    row = resample(np.ones((SIDE, SIDE), np.float32), None, flags, grid, half, flags.shape, "bilinear").flags[10, :15]
    assert row[row > 0].tolist() == [1, 2, 2]


REALIZATIONS = 200


@pytest.mark.parametrize("method", ALL_METHODS)
@pytest.mark.parametrize("map_name", ["aia", "turned"])
def test_sigma_is_the_spread_of_200_realizations_of_noise(method, map_name, jumping):
    """Within 2 %: on average, where the variance jumps, and at the edge of the image."""
    random = np.random.default_rng(7)
    exposures = random.normal(100, np.sqrt(jumping), (REALIZATIONS, SIDE, SIDE)).astype(np.float32)
    resampled = [resample(exposure, None, None, *grids(map_name), method).data for exposure in exposures]
    covered = np.isfinite(resampled).all(axis=0)
    propagated = resample(exposures[0], jumping, None, *grids(map_name), method).variance
    ratio = np.var(resampled, axis=0, ddof=1)[covered] / propagated[covered]
    # The variance of one pixel has a relative error of sqrt(2 / 200); some 4 neighbors are correlated.
    assert np.sqrt(ratio.mean()) == pytest.approx(1, abs=0.02)
    assert np.sqrt(ratio.var()) == pytest.approx(np.sqrt(2 / REALIZATIONS), rel=0.15)
