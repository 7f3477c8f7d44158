"""The compiled loops over pixels, compared with a sort and with those of the core."""

from __future__ import annotations

import functools
import inspect

import numpy as np
import pytest
from hypothesis import given, settings
from summaries import FRACTIONS, ODD_VALUES, assert_equals_sort, large_image, masked_images

from aia_ccdproc import get_plugin_manager
from aia_ccdproc.images.pixel_summary import summarize
from aia_ccdproc.plugin import PixelEngine
from aia_ccdproc_cubic import prep_pixel_engine
from aia_ccdproc_cubic.pixels import count_coarsely, count_finely

ENGINE = prep_pixel_engine()


@settings(deadline=None)
@given(masked_images)
def test_order_statistics_equal_those_of_a_sort(image_and_mask: tuple[np.ndarray, np.ndarray | None]) -> None:
    assert_equals_sort(*image_and_mask, ENGINE)


def test_order_statistics_of_an_image_of_several_blocks_equal_those_of_a_sort() -> None:
    image = large_image()
    for mask in (None, image > 100, np.isnan(image)):
        assert_equals_sort(image, mask, ENGINE)


@pytest.mark.parametrize("value", ODD_VALUES)
def test_one_and_two_pixels_and_constants_have_the_statistics_of_a_sort(value: float) -> None:
    for shape in ((1, 1), (1, 2), (200, 1000)):
        assert_equals_sort(np.full(shape, value, np.float32), None, ENGINE)
    assert_equals_sort(np.array([[value, -1]], np.float32), None, ENGINE)


def test_the_counts_equal_those_of_the_core() -> None:
    values = large_image().reshape(-1)
    slots = np.full(65536, -1, np.int16)
    slots[0x4200:0x4300:16] = np.arange(16)
    for mask in (None, values > 100):
        ours, cores = (engine.count_coarsely(values, mask) for engine in (ENGINE, PixelEngine()))
        assert np.array_equal(ours.bins[:0x7F80], cores.bins[:0x7F80])
        assert (ours.not_finite, ours.infinite) == (cores.not_finite, cores.infinite) == (4998, 2)
        assert ours.total == pytest.approx(cores.total, rel=1e-13)
        ours, cores = (engine.count_finely(values, mask, slots, 50.0) for engine in (ENGINE, PixelEngine()))
        assert np.array_equal(ours.bins, cores.bins)
        assert ours.sums == pytest.approx(cores.sums, rel=1e-12)


def test_statistics_do_not_depend_on_the_number_of_threads() -> None:
    image = large_image()
    summaries = [
        summarize(
            image,
            image > 1000,
            FRACTIONS,
            PixelEngine(
                count_coarsely=functools.partial(count_coarsely, threads=threads),
                count_finely=functools.partial(count_finely, threads=threads),
            ),
        )
        for threads in (1, 2, 3, 50)
    ]
    assert all(summary == summaries[0] for summary in summaries)


def test_a_read_only_image_has_the_same_statistics() -> None:
    image, mask = large_image(), large_image() > 100
    expected = summarize(image, mask, FRACTIONS, ENGINE)
    image.flags.writeable = mask.flags.writeable = False
    assert summarize(image, mask, FRACTIONS, ENGINE) == expected


@pytest.mark.parametrize("size", [1, 2, 63, 64, 65, 1000])
def test_words_are_copied_and_added_up_as_by_the_core(size: int) -> None:
    words = np.random.default_rng(size).integers(0, 2**32, size, dtype=np.uint32)
    copies = np.zeros((2, size), np.uint32)
    sums = [engine.copy_big_endian(words, copy) for engine, copy in zip((ENGINE, PixelEngine()), copies, strict=True)]
    assert sums[0] == sums[1] == sum(words.tolist())
    assert np.array_equal(copies[0], copies[1])


def test_the_engine_of_an_installation_with_this_plugin_is_compiled() -> None:
    engine = get_plugin_manager().pixel_engine()
    for loop in (engine.count_coarsely, engine.count_finely, engine.copy_big_endian):
        assert inspect.unwrap(loop).__module__ == "aia_ccdproc_cubic"
