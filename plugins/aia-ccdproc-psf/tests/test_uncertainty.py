"""Tests of the uncertainty of deconvolved images against realizations of the noise."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.nddata import StdDevUncertainty, UnknownUncertainty, VarianceUncertainty

from aia_ccdproc import PrepWarning
from aia_ccdproc_psf import deconvolve

METHODS = ["richardson-lucy", "richardson-lucy-accelerated", "bid"]
WINDOW = np.s_[270:400, 280:400]
INNER = np.s_[10:-10, 10:-10]


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_propagated_uncertainty_is_the_spread_of_200_realizations(truth, observe, method):
    image = observe(truth, WINDOW)
    image.uncertainty = StdDevUncertainty(np.sqrt(np.maximum(image.data, 1)))
    random = np.random.default_rng(8)
    results = []
    for _ in range(200):
        noisy = image.copy()
        noisy.data = random.poisson(image.data).astype(np.float32)
        noisy.uncertainty = None
        results.append(deconvolve(noisy, method=method).data)
    spread = np.std(results, axis=0, ddof=1)
    uncertainty = deconvolve(image, method=method).uncertainty.array
    bright = np.zeros(image.shape, bool)
    bright[INNER] = (truth[WINDOW] > 50)[INNER]
    ratio = uncertainty[bright] / spread[bright]
    assert np.median(ratio) == pytest.approx(1, abs=0.03)
    assert np.percentile(ratio, 5) > 0.8
    assert np.percentile(ratio, 95) < 1.25
    dark = np.zeros(image.shape, bool)
    dark[INNER] = (truth[WINDOW] < 6)[INNER]  # positivity limits the spread there: the uncertainty is an upper limit
    assert np.mean(uncertainty[dark] > 0.95 * spread[dark]) > 0.95


def test_monte_carlo_agrees_with_the_propagated_uncertainty_and_is_repeatable(truth, observe):
    image = observe(truth, WINDOW, uncertainty=True)
    options = {"method": "bid", "uncertainty": "monte-carlo", "realizations": 40}
    sampled = deconvolve(image, **options)
    propagated = deconvolve(image, method="bid")
    ratio = (sampled.uncertainty.array / propagated.uncertainty.array)[INNER]
    assert np.median(ratio) == pytest.approx(1, abs=0.05)
    np.testing.assert_array_equal(deconvolve(image, **options).uncertainty.array, sampled.uncertainty.array)
    assert sampled.header["UNCPROP"] == "Monte Carlo, 40 realizations"
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
    image.mask[40, 50] = True
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
