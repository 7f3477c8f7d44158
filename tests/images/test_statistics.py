"""The statistics of pixels, compared with those of JSOC and of numpy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats

from aia_ccdproc import read
from aia_ccdproc.images.statistics import image_statistics, without_statistics

REAL_DN = (
    "aia.lev1_euv_12s.2013-03-10T120012Z.171.cutout.fits",
    "aia.lev1_euv_12s_mod.2021-06-28T232159Z.171.cutout.fits",
)
OF_JSOC = ("DATAMIN", "DATAMAX", "DATAMEDN", "DATAMEAN", "DATARMS", "DATASKEW", "DATAKURT")


@pytest.mark.parametrize("name", REAL_DN)
@pytest.mark.parametrize("keyword", OF_JSOC)
def test_statistics_of_a_real_file_equal_those_of_jsoc(real_data: Path, name: str, keyword: str) -> None:
    ccd = read(real_data / "aia_level1" / name)
    assert image_statistics(ccd.data)[keyword] == pytest.approx(ccd.header[keyword], rel=1e-5)


@pytest.mark.parametrize("name", REAL_DN)
def test_statistics_of_integers_equal_those_of_floats(real_data: Path, name: str) -> None:
    data = read(real_data / "aia_level1" / name).data
    of_floats, of_integers = image_statistics(data), image_statistics(data.astype(np.int16))
    for keyword in OF_JSOC:
        assert of_integers[keyword] == pytest.approx(of_floats[keyword], rel=1e-4)


images = arrays.arrays(
    np.float32, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(-100, 16383).map(float)
)


@settings(deadline=None)
@given(images, st.randoms(use_true_random=False))
def test_statistics_equal_those_of_numpy_over_the_good_pixels(image: np.ndarray, random) -> None:
    mask = np.array([random.random() < 0.3 for _ in range(image.size)]).reshape(image.shape)
    image = image.copy()
    image.flat[random.randrange(image.size)] = random.choice([np.nan, np.inf, -np.inf, 5.0])
    before = image.copy()
    header = image_statistics(image, mask)
    good = image[~mask & np.isfinite(image)].astype(float)
    assert header["TOTVALS"] == image.size
    assert header["DATAVALS"] == good.size
    assert header["MISSVALS"] == image.size - good.size
    assert header["PERCENTD"] == pytest.approx(100 * good.size / image.size)
    assert np.array_equal(image, before, equal_nan=True)
    if not good.size:
        assert "DATAMIN" not in header
        return
    assert (header["DATAMIN"], header["DATAMAX"]) == (good.min(), good.max())
    assert header["DATAMEDN"] == np.median(good)
    assert header["DATAMEAN"] == pytest.approx(good.mean(), rel=1e-6, abs=1e-6)
    assert header["DATARMS"] == pytest.approx(good.std(), rel=1e-4, abs=1e-3)
    for percent in (1, 10, 25, 75, 90, 95, 98, 99):
        expected = pytest.approx(np.percentile(good, percent), abs=1e-6 * max(np.ptp(good), 1))
        assert header[f"DATAP{percent:02d}"] == expected
    if good.std() > 1:
        assert header["DATASKEW"] == pytest.approx(stats.skew(good), rel=1e-3, abs=1e-3)
        assert header["DATAKURT"] == pytest.approx(stats.kurtosis(good), rel=1e-3, abs=1e-3)


def test_an_image_without_a_good_pixel_has_only_the_counts() -> None:
    for data, mask in ((np.full((3, 4), np.nan, np.float32), None), (np.ones((3, 4)), np.ones((3, 4), dtype=bool))):
        header = image_statistics(data, mask)
        assert (header["TOTVALS"], header["DATAVALS"], header["MISSVALS"], header["PERCENTD"]) == (12, 0, 12, 0)
        assert not [keyword for keyword in header if keyword.startswith(("DATAM", "DATAR", "DATAS", "DATAK", "DATAP"))]


@pytest.mark.parametrize("value", [0.0, 7.0, -3.5, 0.1])
def test_a_constant_image_has_no_skewness(value: float) -> None:
    header = image_statistics(np.full((5, 6), value, np.float32))
    assert header["DATARMS"] == 0
    assert header["DATAMIN"] == header["DATAMAX"] == header["DATAMEDN"] == np.float32(value)
    assert "DATASKEW" not in header
    assert "DATAKURT" not in header


def test_a_bright_outlier_does_not_overflow_float32() -> None:
    image = np.zeros((50, 50), np.float32)
    image[3, 3] = 1e12
    header = image_statistics(image)
    assert header["DATAKURT"] == pytest.approx(stats.kurtosis(image.astype(float), axis=None), rel=1e-4)


def test_without_statistics_removes_only_the_statistics() -> None:
    header = image_statistics(np.arange(12, dtype=np.float32).reshape(3, 4))
    header["EXPTIME"] = 2.0
    length = len(header)
    kept = without_statistics(header)
    assert kept["EXPTIME"] == 2.0
    assert not [keyword for keyword in kept if keyword.startswith(("DATAM", "DATAR", "DATAS", "DATAK", "DATAP"))]
    assert len(header) == length


@pytest.mark.parametrize("sign", [1, -1])
def test_statistics_of_the_largest_float32_values_are_finite(sign: int) -> None:
    """Sums and differences of such values overflow float32."""
    data = np.full((6, 8), 3e38, np.float32)
    data[::2] *= sign
    cards = image_statistics(data)
    assert cards["DATAMEAN"] == pytest.approx(3e38 if sign == 1 else 0, rel=1e-7, abs=1e30)
    assert cards["DATARMS"] == pytest.approx(0 if sign == 1 else 3e38, rel=1e-7)
    assert cards["DATAMAX"] == cards["DATAP99"] == pytest.approx(3e38, rel=1e-7)
    assert cards["DATACENT"] == pytest.approx(3e38 if sign == 1 else 0, rel=1e-7, abs=1e30)
    assert all(np.isfinite(value) for value in cards.values())
