"""Order statistics and moments of pixels, compared with those of a sort."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from summaries import FRACTIONS, ODD_VALUES, assert_equals_sort, images, large_image, masked_images

from aia_ccdproc.images.pixel_engine import NUMPY_ENGINE
from aia_ccdproc.images.pixel_summary import summarize


@settings(deadline=None)
@given(masked_images)
def test_order_statistics_equal_those_of_a_sort(image_and_mask: tuple[np.ndarray, np.ndarray | None]) -> None:
    assert_equals_sort(*image_and_mask, NUMPY_ENGINE)


@settings(deadline=None)
@given(images)
def test_order_statistics_of_float64_equal_those_of_float32(image: np.ndarray) -> None:
    narrow, wide = (summarize(each, None, FRACTIONS, NUMPY_ENGINE) for each in (image, image.astype(np.float64)))
    assert narrow.quantiles == wide.quantiles
    assert (narrow.count, narrow.not_finite, narrow.infinite) == (wide.count, wide.not_finite, wide.infinite)
    assert narrow.rms == pytest.approx(wide.rms, rel=1e-12, nan_ok=True)


def test_order_statistics_of_an_image_of_several_chunks_equal_those_of_a_sort() -> None:
    image = large_image()
    for mask in (None, image > 100, np.isnan(image)):
        assert_equals_sort(image, mask, NUMPY_ENGINE)


@pytest.mark.parametrize("value", ODD_VALUES)
def test_one_and_two_pixels_and_constants_have_the_statistics_of_a_sort(value: float) -> None:
    for shape in ((1, 1), (1, 2), (70, 1000)):
        assert_equals_sort(np.full(shape, value, np.float32), None, NUMPY_ENGINE)
    assert_equals_sort(np.array([[value, -1]], np.float32), None, NUMPY_ENGINE)


def test_values_that_differ_in_the_last_bit_are_told_apart() -> None:
    bits = np.arange(0x44800000, 0x44800000 + 90000, dtype=np.uint32)
    values = np.random.default_rng(0).permutation(bits).view(np.float32).reshape(300, 300)
    assert_equals_sort(values, None, NUMPY_ENGINE)
    assert_equals_sort(-values, None, NUMPY_ENGINE)


def test_arrays_in_another_order_and_byte_order_have_the_same_statistics() -> None:
    image = large_image()[:, :501]
    expected = summarize(image.copy(), None, FRACTIONS, NUMPY_ENGINE)
    for other in (np.asfortranarray(image), image.astype(">f4"), image):
        assert summarize(other, None, FRACTIONS, NUMPY_ENGINE) == expected


def test_a_negative_zero_is_returned_as_zero() -> None:
    for kind in (np.float32, np.float64):
        summary = summarize(np.full((2, 2), -0.0, kind), None, FRACTIONS, NUMPY_ENGINE)
        assert [math.copysign(1, value) for value in (summary.minimum, summary.maximum, *summary.quantiles)] == [1] * 13


@pytest.mark.parametrize("size", [1e-40, 1.0, 3e38])
def test_the_shape_of_a_distribution_does_not_depend_on_the_size_of_its_values(size: float) -> None:
    values = np.array([[-1, -1, -1, 1]] * 3, np.float32) * np.float32(size)
    summary = summarize(values, None, (), NUMPY_ENGINE)
    assert summary.mean == pytest.approx(-size / 2, rel=1e-5)
    assert summary.rms == pytest.approx(size * 0.75**0.5, rel=1e-5)
    assert summary.skewness == pytest.approx(2 / 3**0.5)
    assert summary.kurtosis == pytest.approx(-2 / 3)
