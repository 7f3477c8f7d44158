"""Tests of the uncertainty of deconvolved images against realizations of the noise."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.nddata import UnknownUncertainty, VarianceUncertainty

from aia_ccdproc import PrepWarning
from aia_ccdproc_psf import deconvolve

METHODS = ["richardson-lucy", "richardson-lucy-accelerated", "bid"]
WINDOW = np.s_[275:350, 335:415]  # quiet Sun, a point, and a part of the coronal hole
INNER = np.s_[10:-10, 10:-10]
REALIZATIONS = 50


def relative_error(realizations):
    """The standard deviation of a standard deviation that is measured from realizations, relative to its value."""
    return 1 / np.sqrt(2 * (realizations - 1))


@pytest.mark.parametrize("method", METHODS)
def test_propagated_uncertainty_is_the_spread_of_realizations(truth, observe, method):
    image = observe(truth, WINDOW, uncertainty=True)
    random = np.random.default_rng(8)
    results = []
    for _ in range(REALIZATIONS):
        noisy = image.copy()
        noisy.data = random.poisson(image.data).astype(np.float32)
        noisy.uncertainty = None
        results.append(deconvolve(noisy, method=method).data)
    sampled, error = np.std(results, axis=0, ddof=1), relative_error(REALIZATIONS)
    uncertainty = deconvolve(image, method=method).uncertainty.array
    bright = np.zeros(image.shape, bool)
    bright[INNER] = (truth[WINDOW] > 50)[INNER]
    ratio = uncertainty[bright] / sampled[bright]
    assert np.median(ratio) == pytest.approx(1, abs=0.03)
    # 90 % of the pixels: within 6 % by the method, and within 1.645 standard deviations by the number of realizations.
    assert np.percentile(np.abs(np.log(ratio)), 90) < np.hypot(0.06, 1.645 * error)
    dark = np.zeros(image.shape, bool)
    dark[INNER] = (truth[WINDOW] < 6)[INNER]  # positivity limits the spread there: the uncertainty is an upper limit
    assert np.count_nonzero(dark) > 500
    assert np.mean(uncertainty[dark] > (1 - error) * sampled[dark]) > 0.95


def test_monte_carlo_agrees_with_the_propagated_uncertainty_and_is_repeatable(truth, observe):
    image = observe(truth, WINDOW, uncertainty=True)
    options = {"method": "bid", "uncertainty": "monte-carlo", "realizations": 20}
    sampled = deconvolve(image, **options)
    propagated = deconvolve(image, method="bid")
    ratio = (sampled.uncertainty.array / propagated.uncertainty.array)[INNER][truth[WINDOW][INNER] > 50]
    assert np.median(ratio) == pytest.approx(1, abs=0.03)
    assert np.percentile(np.abs(np.log(ratio)), 90) < np.hypot(0.06, 1.645 * relative_error(20))
    np.testing.assert_array_equal(deconvolve(image, **options).uncertainty.array, sampled.uncertainty.array)
    assert sampled.header["UNCPROP"] == "Monte Carlo, 20 realizations"
    assert propagated.header["UNCPROP"] == "linear filter"


def test_uncertainty_grows_because_deconvolution_amplifies_noise(truth, observe):
    image = observe(truth, WINDOW, uncertainty=True)
    gain = deconvolve(image).uncertainty.array / image.uncertainty.array
    assert 1.2 < np.median(gain[INNER]) < 1.8  # the core of the measured PSF has 64 % of the light


def test_the_type_of_the_uncertainty_is_kept(truth, observe):
    image = observe(truth, WINDOW, uncertainty=True)
    deviation = deconvolve(image, method="bid").uncertainty
    image.uncertainty = VarianceUncertainty(image.data.clip(1))
    variance = deconvolve(image, method="bid").uncertainty
    assert isinstance(variance, VarianceUncertainty)
    np.testing.assert_allclose(variance.array, deviation.array**2, rtol=1e-4)


def test_uncertainty_of_filled_pixels_is_nan(truth, observe):
    image = observe(truth, WINDOW, uncertainty=True)
    image.mask = np.zeros(image.shape, bool)
    image.mask[30, 40] = True
    result = deconvolve(image, method="bid")
    np.testing.assert_array_equal(np.isnan(result.uncertainty.array), image.mask)


@pytest.mark.parametrize("kind", ["none", "unknown"])
def test_a_dropped_uncertainty_is_never_silent(truth, observe, kind):
    image = observe(truth, WINDOW, uncertainty=True)
    options = {"uncertainty": "none"} if kind == "none" else {}
    if kind == "unknown":
        image.uncertainty = UnknownUncertainty(image.uncertainty.array)
    with pytest.warns(PrepWarning, match="uncertainty of the image is dropped"):
        result = deconvolve(image, method="bid", **options)
    assert result.uncertainty is None
    assert result.header["UNCPROP"] == "dropped"
