"""Tests of the engine against independent implementations, polynomials and simulated noise."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from astropy.wcs import WCS
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage.transform import warp

from aia_ccdproc.plugin import BAD_WEIGHT_THRESHOLD, Resampled
from aia_ccdproc_cubic.engine import resample
from aia_ccdproc_cubic.kernels import InterpolationKernel, cubic_convolution, cubic_spline

KERNELS = {"cubic-convolution": cubic_convolution(-0.5), "cubic-spline": cubic_spline(clamped=False)}
SHAPE = (300, 340)
#: Roll (degrees), scale and shift (pixels) of maps from output to input pixels: that of an AIA image, and others.
MAPS = {
    "aia": (0.1376, 0.99982, (1.3, -2.4)),
    "identity": (0.0, 1.0, (0.0, 0.0)),
    "shifted": (0.0, 1.0, (0.37, 0.81)),
    "turned": (30.0, 1.1, (3.0, 5.0)),
    "upside down": (180.0, 0.84, (0.2, 0.3)),
    "enlarged": (-1.0, 0.31, (0.4, 0.1)),
}


def affine_map(name: str, shape: tuple[int, int] = SHAPE) -> np.ndarray:
    """Return a map that rotates and scales about the center of the image and then shifts: ``x, y`` from ``x, y, 1``."""
    angle, scale, shift = MAPS[name]
    angle = np.radians(angle)
    matrix = scale * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    middle = (np.array(shape[::-1]) - 1) / 2
    return np.column_stack([matrix, middle + shift - matrix @ middle])


def linear_wcs(affine: np.ndarray) -> WCS:
    wcs = WCS(naxis=2)
    wcs.wcs.crpix, wcs.wcs.cdelt, wcs.wcs.cunit = [1, 1], [1, 1], ["deg", "deg"]
    wcs.wcs.pc, wcs.wcs.crval = affine[:, :2], affine[:, 2]
    return wcs


PIXELS = linear_wcs(np.eye(2, 3))


def resampled(
    data: np.ndarray,
    affine: np.ndarray,
    kernel: InterpolationKernel,
    *,
    variance: np.ndarray | None = None,
    flags: np.ndarray | None = None,
    shape: tuple[int, int] | None = None,
    threads: int | None = None,
) -> Resampled:
    return resample(data, variance, flags, PIXELS, linear_wcs(affine), shape or data.shape, kernel, threads=threads)


def positions(affine: np.ndarray, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = np.indices(shape, dtype=float)
    return tuple(line[0] * columns + line[1] * rows + line[2] for line in affine)


def covered(affine: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    x, y = positions(affine, shape)
    return (x >= -0.5) & (x <= shape[1] - 0.5) & (y >= -0.5) & (y <= shape[0] - 0.5)


@pytest.fixture(scope="module")
def noise() -> np.ndarray:
    return np.random.default_rng(0).normal(200, 30, SHAPE).astype(np.float32)


# -- data ----------------------------------------------------------------------------------------


def reference(method: str, data: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """Resample in double precision. With float32 data, scikit-image would also compute the positions in float32."""
    exact = data.astype(float)
    if method == "cubic-convolution":
        return warp(exact, np.vstack([affine, [0, 0, 1]]), order=3, mode="reflect", preserve_range=True)
    matrix, shift = affine[::-1, 1::-1], affine[::-1, 2]
    return ndimage.affine_transform(exact, matrix, shift, order=3, mode="mirror")


@pytest.mark.parametrize("method", list(KERNELS))
@pytest.mark.parametrize("name", list(MAPS))
def test_pixels_equal_those_of_scikit_image_and_of_scipy_up_to_the_edges(noise, method, name):
    affine = affine_map(name)
    ours, theirs = resampled(noise, affine, KERNELS[method]).data, reference(method, noise, affine)
    inside = covered(affine, SHAPE)
    assert ours.dtype == np.float32
    np.testing.assert_array_equal(np.isfinite(ours), inside)
    np.testing.assert_allclose(ours[inside], theirs[inside], rtol=0, atol=1e-4)


@pytest.mark.parametrize("shape", [*itertools.product((1, 2, 3, 4, 5), repeat=2), (1, 40), (40, 2)])
@pytest.mark.parametrize("method", list(KERNELS))
def test_images_smaller_than_the_kernel_are_mirrored_as_often_as_needed(method, shape):
    data = np.random.default_rng(1).normal(200, 30, shape).astype(np.float32)
    affine, flags = affine_map("turned", shape), np.zeros(shape, np.uint8)
    ours = resampled(data, affine, KERNELS[method], variance=np.ones_like(data), flags=flags)
    # numpy mirrors in the same way. After padding, the edges as scikit-image and scipy treat them are far away.
    around = np.pad(data, 40, mode="reflect")
    shifted = affine.copy()
    shifted[:, 2] += 40 - 40 * affine[:, :2].sum(axis=1)
    theirs = reference(method, around, shifted)[40:-40, 40:-40]
    inside = covered(affine, shape)
    np.testing.assert_allclose(ours.data[inside], theirs[inside], rtol=0, atol=1e-4)
    np.testing.assert_array_equal(ours.flags == 2, ~inside)
    assert (ours.variance[inside] > 0).all()


@pytest.mark.parametrize("shift", [(0, 0), (3, -5), (-200, 17)])
def test_a_shift_by_whole_pixels_gives_bit_identical_pixels(noise, shift):
    affine = np.array([[1.0, 0, shift[0]], [0, 1.0, shift[1]]])
    ours = resampled(noise, affine, KERNELS["cubic-convolution"]).data
    x, y = positions(affine, SHAPE)
    inside = covered(affine, SHAPE)
    np.testing.assert_array_equal(ours[inside], noise[y[inside].astype(int), x[inside].astype(int)])


@pytest.mark.parametrize(("method", "degree"), [("cubic-convolution", 2), ("cubic-spline", 3)])
@pytest.mark.parametrize("name", list(MAPS))
def test_polynomials_are_reproduced(method, degree, name):
    def polynomial(x, y):
        x, y = x / 100 - 1.5, y / 100 - 1.2
        return sum((1 + i - 0.7 * j) * x**i * y**j for i in range(degree + 1) for j in range(degree + 1 - i))

    columns, rows = np.meshgrid(np.arange(SHAPE[1]), np.arange(SHAPE[0]))
    affine = affine_map(name)
    ours = resampled(polynomial(columns, rows).astype(np.float32), affine, KERNELS[method]).data
    x, y = positions(affine, SHAPE)
    # Away from the edges: a mirrored polynomial is not a polynomial.
    inner = (x > 20) & (x < SHAPE[1] - 21) & (y > 20) & (y < SHAPE[0] - 21)
    np.testing.assert_allclose(ours[inner], polynomial(x, y)[inner], rtol=0, atol=2e-5)


@pytest.mark.parametrize("method", list(KERNELS))
@pytest.mark.parametrize("name", list(MAPS))
def test_a_flat_image_stays_flat_up_to_its_edges(method, name):
    ours = resampled(np.full(SHAPE, 100, dtype=np.float32), affine_map(name), KERNELS[method]).data
    np.testing.assert_allclose(ours[np.isfinite(ours)], 100, rtol=1e-6)


@pytest.mark.parametrize("method", list(KERNELS))
def test_the_total_of_a_source_is_kept(method):
    y, x = np.indices(SHAPE)
    source = 500 * np.exp(-((x - 170.3) ** 2 + (y - 140.8) ** 2) / 2 / 3**2).astype(np.float32)
    ours = resampled(source, affine_map("aia"), KERNELS[method]).data
    assert np.nansum(ours, dtype=float) * 0.99982**2 == pytest.approx(source.sum(dtype=float), rel=1e-6)


@pytest.mark.parametrize("method", list(KERNELS))
def test_a_celestial_map_gives_the_same_pixels_as_an_equal_affine_map(noise, method):
    """With celestial WCSs the engine computes the position of every pixel."""
    affine = affine_map("turned")
    wcs = [linear_wcs(np.eye(2, 3)), linear_wcs(affine)]
    for one in wcs:
        # Plate carrée about a point on the equator: the map is still affine.
        one.wcs.ctype = ["RA---CAR", "DEC--CAR"]
        scale = 1e-4
        one.wcs.crpix = 1 - np.linalg.solve(one.wcs.get_pc(), one.wcs.crval)
        one.wcs.crval, one.wcs.cdelt = [0, 0], [scale, scale]
    planes = noise, np.abs(noise), (noise > 290).astype(np.uint8)
    by_position = resample(*planes, *wcs, SHAPE, KERNELS[method])
    directly = resampled(noise, affine, KERNELS[method], variance=planes[1], flags=planes[2])
    np.testing.assert_allclose(by_position.data, directly.data, rtol=0, atol=1e-4)
    np.testing.assert_allclose(by_position.variance, directly.variance, rtol=1e-5)
    assert (by_position.flags != directly.flags).mean() < 1e-4


@pytest.mark.parametrize("method", list(KERNELS))
@pytest.mark.parametrize("name", ["aia", "turned"])
def test_the_result_does_not_depend_on_the_number_of_threads(noise, method, name):
    flags = (noise > 290).astype(np.uint8)
    large = [np.tile(plane, (4, 5)) for plane in (noise, np.abs(noise), flags)]
    results = [
        resampled(large[0], affine_map(name), KERNELS[method], variance=large[1], flags=large[2], threads=threads)
        for threads in (1, 2, 5)
    ]
    for other in results[1:]:
        for plane, same in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(plane, same)


@pytest.mark.parametrize("method", list(KERNELS))
def test_the_input_is_not_changed_and_may_have_any_memory_layout(noise, method):
    flags = (noise > 290).astype(np.uint8)
    planes = noise.copy(), np.abs(noise), flags.copy()
    plain = resampled(planes[0], affine_map("aia"), KERNELS[method], variance=planes[1], flags=planes[2])
    np.testing.assert_array_equal(planes[0], noise)
    np.testing.assert_array_equal(planes[2], flags)
    for arranged in (np.asfortranarray, lambda plane: plane.repeat(2, axis=1)[:, ::2]):
        copies = [arranged(plane) for plane in planes]
        again = resampled(copies[0], affine_map("aia"), KERNELS[method], variance=copies[1], flags=copies[2])
        for one, other in zip(plain, again, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("method", list(KERNELS))
def test_a_target_outside_the_image_is_empty(noise, method):
    far = np.array([[1.0, 0, 5000], [0, 1.0, 0]])
    planes = {"variance": np.abs(noise), "flags": np.ones(SHAPE, np.uint8)}
    ours = resampled(noise, far, KERNELS[method], shape=(20, 30), **planes)
    assert np.isnan(ours.data).all()
    assert (ours.flags == 2).all()


# -- weights -------------------------------------------------------------------------------------


@given(st.floats(-1, 0), st.floats(0, 1, width=32))
@settings(max_examples=200, deadline=None)
def test_the_weights_are_those_of_keys(a, t):
    basis = cubic_convolution(a).basis.astype(float)
    weights = basis @ t ** np.arange(4)
    distance = np.abs(t - np.arange(-1, 3))
    near, far = distance <= 1, distance > 1
    expected = near * ((a + 2) * distance**3 - (a + 3) * distance**2 + 1)
    expected += far * a * (distance**3 - 5 * distance**2 + 8 * distance - 4)
    np.testing.assert_allclose(weights, expected, rtol=0, atol=2e-6)
    assert weights.sum() == pytest.approx(1, abs=1e-6)


# -- variance ------------------------------------------------------------------------------------


def variances(kind: str, shape: tuple[int, int]) -> np.ndarray:
    y, x = np.indices(shape)
    if kind == "smooth":
        return (20 + 10 * np.sin(x / 15) + 5 * np.cos(y / 10)).astype(np.float32)
    return np.where((x // 3 + y // 2) % 2, 400, 1).astype(np.float32)


@pytest.mark.parametrize("method", list(KERNELS))
@pytest.mark.parametrize("kind", ["smooth", "checkerboard"])
@pytest.mark.parametrize("name", ["shifted", "turned", "aia"])
def test_the_variance_is_that_of_the_noise_up_to_the_edges(method, kind, name):
    """The means over parts of the image are compared: for a single pixel, 200 realizations have an error of 10 %."""
    shape = (90, 100)
    variance, affine = variances(kind, shape), affine_map(name, shape)
    random = np.random.default_rng(3)
    computed = resampled(np.zeros(shape, np.float32), affine, KERNELS[method], variance=variance).variance
    measured = np.zeros(shape)
    for _ in range(200):
        data = random.normal(0, np.sqrt(variance)).astype(np.float32)
        measured += resampled(data, affine, KERNELS[method]).data.astype(float) ** 2 / 200
    x, y = positions(affine, shape)
    inside = covered(affine, shape)
    depth = np.minimum(np.minimum(x, shape[1] - 1 - x), np.minimum(y, shape[0] - 1 - y))
    for part in (inside & (depth > 6), inside & (depth < 3)):
        error = np.sqrt(2 / 200 / part.sum())
        assert np.mean(measured[part] / computed[part]) == pytest.approx(1, abs=0.02 + 4 * error)


@pytest.mark.parametrize("method", list(KERNELS))
@pytest.mark.parametrize("name", list(MAPS))
def test_the_variance_is_the_sum_of_the_squared_weights(method, name):
    """The weights are measured by moving an impulse over the input, without assumptions about the kernel."""
    shape = (13, 15)
    affine, variance = affine_map(name, shape), variances("checkerboard", shape)
    computed = resampled(np.zeros(shape, np.float32), affine, KERNELS[method], variance=variance).variance
    expected = np.zeros(shape)
    for pixel in np.ndindex(shape):
        impulse = np.zeros(shape, np.float32)
        impulse[pixel] = 1
        expected += resampled(impulse, affine, KERNELS[method]).data.astype(float) ** 2 * variance[pixel]
    inside = covered(affine, shape)
    np.testing.assert_allclose(computed[inside], expected[inside], rtol=2e-3)


# -- flags ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", list(KERNELS))
@pytest.mark.parametrize("name", list(MAPS))
@pytest.mark.parametrize("pixel", [(7, 8), (0, 0), (12, 3), (5, 14)])
def test_a_flag_reaches_as_far_as_its_weight(method, name, pixel):
    shape = (13, 15)
    flags, impulse = np.zeros(shape, np.uint8), np.zeros(shape, np.float32)
    flags[pixel], impulse[pixel] = 1, 1
    ours = resampled(impulse, affine_map(name, shape), KERNELS[method], flags=flags)
    inside = covered(affine_map(name, shape), shape)
    clear = np.abs(np.abs(ours.data) - BAD_WEIGHT_THRESHOLD) > 1e-5
    np.testing.assert_array_equal(
        (ours.flags == 1)[inside & clear], (np.abs(ours.data) > BAD_WEIGHT_THRESHOLD)[inside & clear]
    )
    np.testing.assert_array_equal(ours.flags == 2, ~inside)


@pytest.mark.parametrize("method", list(KERNELS))
def test_masks_do_not_grow_if_pixels_do_not_move(noise, method):
    flags = (noise > 260).astype(np.uint8) + (noise > 280)
    ours = resampled(noise, affine_map("identity"), KERNELS[method], flags=flags)
    np.testing.assert_array_equal(ours.flags, flags)


@pytest.mark.parametrize("method", list(KERNELS))
@pytest.mark.parametrize("name", list(MAPS))
def test_weights_of_all_bad_pixels_are_added(method, name):
    """The weights are measured by moving an impulse over the input."""
    shape = (13, 15)
    flags = np.random.default_rng(4).choice([0, 1, 2], shape, p=[0.94, 0.04, 0.02]).astype(np.uint8)
    flags[9:, :5] = 2
    affine = affine_map(name, shape)
    masked, invalid = np.zeros((2, *shape))
    for pixel in zip(*np.nonzero(flags), strict=True):
        impulse = np.zeros(shape, np.float32)
        impulse[pixel] = 1
        weight = np.abs(resampled(impulse, affine, KERNELS[method]).data)
        masked += weight
        invalid += weight * (flags[pixel] == 2)
    expected = (masked > BAD_WEIGHT_THRESHOLD).astype(int) + (invalid > BAD_WEIGHT_THRESHOLD)
    # The flags do not include the farthest pixels that the spline reaches.
    margin = 7e-3 if KERNELS[method].pole else 1e-5
    clear = covered(affine, shape) & (np.abs([masked, invalid] - np.float64(BAD_WEIGHT_THRESHOLD)) > margin).all(axis=0)
    assert clear.sum() > 50
    np.testing.assert_array_equal(
        resampled(np.zeros(shape, np.float32), affine, KERNELS[method], flags=flags).flags[clear], expected[clear]
    )


@pytest.mark.parametrize("method", list(KERNELS))
def test_large_areas_of_bad_pixels_are_flagged_completely(method):
    """The engine looks for flags only near tiles of 32 pixels that contain some."""
    flags = np.zeros(SHAPE, np.uint8)
    flags[200:, :150], flags[40:44, 300:] = 2, 1
    ours = resampled(np.zeros(SHAPE, np.float32), affine_map("identity"), KERNELS[method], flags=flags)
    np.testing.assert_array_equal(ours.flags, flags)


def test_a_read_only_image_is_resampled(noise):
    expected = resampled(noise, affine_map("aia"), KERNELS["cubic-spline"]).data
    locked = noise.copy()
    locked.flags.writeable = False
    np.testing.assert_array_equal(resampled(locked, affine_map("aia"), KERNELS["cubic-spline"]).data, expected)
