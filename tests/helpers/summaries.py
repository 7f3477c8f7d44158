"""The statistics of pixels by a sort, to compare those of the engines with."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from aia_ccdproc.images.pixel_summary import summarize
from aia_ccdproc.plugin import PixelEngine

FRACTIONS = (0.0, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 1.0)
#: Values at the limits of float32, and close to each other.
ODD_VALUES = (
    *(0.0, 1e-45, 1.1754942e-38, 1.1754944e-38, 1.0, 1.0000001, 127.99999, 128.0, 16383.0, 3.4028235e38),
    *(np.inf, np.nan),
)

_elements = st.sampled_from([sign * value for value in ODD_VALUES for sign in (1, -1)]) | st.floats(width=32)
_shapes = st.tuples(st.integers(1, 9), st.integers(1, 9))
#: Images of any float32 values.
images = arrays.arrays(np.float32, _shapes, elements=_elements)
#: An image and its mask, or None.
masked_images = images.flatmap(
    lambda image: st.tuples(st.just(image), st.none() | arrays.arrays(bool, st.just(image.shape)))
)


def assert_equals_sort(data: np.ndarray, mask: np.ndarray | None, engine: PixelEngine) -> None:
    """Assert that the order statistics of an image are exactly those of a sort, and its moments those of a sum."""
    summary = summarize(data, mask, FRACTIONS, engine)
    good = np.isfinite(data) if mask is None else np.isfinite(data) & ~mask
    ordered = np.sort(data[good].astype(np.float64))
    assert summary.not_finite == np.count_nonzero(~np.isfinite(data))
    assert summary.infinite == np.count_nonzero(np.isinf(data))
    assert summary.count == ordered.size
    if not ordered.size:
        assert math.isnan(summary.mean)
        assert summary.quantiles == ()
        return
    assert (summary.minimum, summary.maximum) == (ordered[0], ordered[-1])
    for fraction, quantile in zip(FRACTIONS, summary.quantiles, strict=True):
        position = fraction * (ordered.size - 1)
        low, high = float(ordered[int(position)]), float(ordered[min(int(position) + 1, ordered.size - 1)])
        assert quantile == low + (position - int(position)) * (high - low)
    largest = np.abs(ordered).max()
    expected_quantiles = np.quantile(ordered, FRACTIONS)
    assert summary.quantiles == pytest.approx(expected_quantiles.tolist(), rel=1e-14, abs=1e-14 * largest)
    assert summary.mean == pytest.approx(math.fsum(ordered) / ordered.size, rel=1e-12, abs=1e-15 * largest)
    deviation = ordered - summary.mean
    if ordered[0] == ordered[-1]:
        assert summary.rms == 0
        assert math.isnan(summary.skewness)
        assert math.isnan(summary.kurtosis)
        return
    second, third, fourth = (math.fsum(deviation**power) / ordered.size for power in (2, 3, 4))
    assert summary.rms == pytest.approx(second**0.5, rel=1e-12)
    assert summary.skewness == pytest.approx(third / second**1.5, rel=1e-12, abs=1e-12)
    assert summary.kurtosis == pytest.approx(fourth / second**2 - 3, rel=1e-12, abs=1e-12)


def large_image(seed: int = 0) -> np.ndarray:
    """Return an image of several blocks, with negative values, NaN, infinities and an outlier."""
    rng = np.random.default_rng(seed)
    image = rng.lognormal(4, 1.5, (700, 613)).astype(np.float32) - np.float32(20)
    image[:100, :50] = np.nan
    image[5, 5:9] = [np.inf, -np.inf, 3e38, -0.0]
    return image
