"""Tests of deconvolution: what is restored, conserved, masked and refused."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from astropy.io import fits
from scipy.ndimage import center_of_mass

import aia_ccdproc
from aia_ccdproc import HeaderError, InstrumentError, PrepWarning, ReadError, SettingsError, StateError
from aia_ccdproc_psf import deconvolve, methods, point_spread_function
from aia_ccdproc_psf.device import Device, WholeConvolution
from aia_ccdproc_psf.observation import Observation
from aia_ccdproc_psf.optics import find_optics

METHODS = ["richardson-lucy", "richardson-lucy-accelerated", "bid"]
WINDOW = np.s_[200:500, 190:510]
INNER = np.s_[64:-64, 64:-64]
HOLE = np.s_[75:105, 205:235]  # in the image; the hole is about row 90 and column 220


def rms(difference):
    return np.sqrt(np.mean(np.square(difference)))


@pytest.mark.parametrize("method", METHODS)
def test_deconvolution_restores_the_true_image(truth, observe, method):
    image = observe(truth)
    result = deconvolve(image, method=method)
    before, after = (rms((data - truth[WINDOW])[INNER]) for data in (image.data, result.data))
    assert after < 0.04 * before


@pytest.fixture
def isolated(truth):
    """The part of the Sun that is in the image, with nothing around it."""
    sun = np.zeros_like(truth)
    sun[WINDOW] = truth[WINDOW]
    return sun


@pytest.mark.parametrize("method", METHODS)
def test_less_than_1_percent_of_the_scattered_light_is_left_in_a_coronal_hole(isolated, observe, method):
    """The hole has 4.5 DN. Light of the Sun around it adds more than twice as much."""
    image = observe(isolated)
    result = deconvolve(image, method=method, surroundings="dark")
    scattered, left = (np.mean((data - isolated[WINDOW])[HOLE]) for data in (image.data, result.data))
    assert scattered > 9
    assert abs(left) < 0.01 * scattered


def test_the_mean_of_a_noisy_dark_region_is_right_if_pixels_may_be_negative(isolated, observe):
    """Otherwise it is too large, by up to the mean of the noise without its negative values: 0.4 of its deviation."""
    rows, columns = np.indices(isolated.shape)
    moon = np.hypot(rows - 350, columns - 350) < 90
    image = observe(isolated * ~moon, noise=3)
    options = {"method": "bid", "surroundings": "dark", "iterations": 30}
    dark = np.hypot(rows - 350, columns - 350)[WINDOW] < 85
    signed = deconvolve(image, clip_negative=False, **options).data[dark]
    assert abs(signed.mean()) < 0.01 * image.data[dark].mean()
    positive = deconvolve(image, **options).data[dark]
    assert 0.2 * signed.std() < positive.mean() < 0.4 * signed.std()


@pytest.mark.parametrize("method", METHODS)
def test_light_of_the_frame_and_what_leaves_it_is_conserved(truth, observe, method):
    """The expected counts of the result, with what surroundings scatter into the frame, have the sum of the image.

    BID conserves it if it may set no pixel to zero, and after its residuals have vanished.
    """
    image = observe(truth, noise=4)
    options = {"clip_negative": False, "iterations": 60} if method == "bid" else {}
    result = deconvolve(image, method=method, **options)
    optics = find_optics("grigis2012", 171, image.shape, periodic=False)
    convolver = WholeConvolution(np, optics.otf, optics.padded, image.shape)
    known = Observation(np, convolver, image.data, brightness=result.header["PSFOUTER"])
    expected = known.expected(..., known.convolved(result.data))
    assert expected.sum(dtype=float) == pytest.approx(image.data.sum(dtype=float), rel=1e-5)


def test_a_uniform_image_stays_uniform_up_to_its_edges(level1):
    image = level1()
    image.data[:] = 250
    result = deconvolve(image)
    np.testing.assert_allclose(result.data, 250, rtol=2e-3)
    assert result.header["PSFOUTER"] == pytest.approx(250, rel=1e-3)


@pytest.mark.parametrize("method", METHODS)
def test_sources_keep_their_positions(observe, method):
    rows, columns = np.indices((700, 700), dtype=float)
    truth = 20 + 4000 * np.exp(-0.5 * (np.hypot(rows - 350.3, columns - 352.7) / 1.5) ** 2)
    result = deconvolve(observe(truth), method=method)
    part = result.data[140:161, 152:173] - 20  # 21 x 21 pixels about the source
    found = np.add(center_of_mass(part), (340, 342))
    np.testing.assert_allclose(found, (350.3, 352.7), atol=0.01)


@pytest.mark.parametrize("method", METHODS)
def test_counts_that_are_not_negative_give_no_negative_pixels(observe, method):
    rows, columns = np.indices((700, 700), dtype=float)
    truth = 5000.0 * (np.hypot(rows - 350, columns - 350) < 12)
    result = deconvolve(observe(truth, noise=1), method=method)
    assert result.data.min() >= 0


def test_negative_counts_are_clipped_or_kept(truth, observe):
    image = observe(np.zeros_like(truth))
    image.data += np.random.default_rng(1).normal(0, 1.3, image.shape).astype(np.float32)
    assert deconvolve(image, method="bid").data.min() == 0
    kept = deconvolve(image, method="bid", clip_negative=False)
    assert kept.data.min() < -3
    assert abs(kept.data.mean()) < 0.02  # clipping would make it 0.5


def test_a_cutout_has_the_pixels_of_the_larger_image_64_pixels_from_its_edges(truth, observe):
    large = observe(truth, np.s_[50:650, 50:650])
    full = deconvolve(large).data[150:450, 140:460]
    image = observe(truth)
    cutout = deconvolve(image).data
    difference = np.abs(cutout - full)[INNER] / np.sqrt(np.maximum(image.data[INNER], 1))
    assert np.percentile(difference, 99) < 1  # in units of the photon noise
    assert np.median(np.abs(cutout / full - 1)[INNER]) < 0.01
    dark = deconvolve(image, surroundings="dark").data
    assert np.median(np.abs(dark / full - 1)[INNER]) > 2 * np.median(np.abs(cutout / full - 1)[INNER])


def test_slicing_and_deconvolution_of_a_cutout_commute_in_the_header(truth, observe):
    image = observe(truth)
    result = deconvolve(image[100:200, 50:250])
    assert result.shape == (100, 200)
    np.testing.assert_array_equal(result.wcs.wcs.crpix, image[100:200, 50:250].wcs.wcs.crpix)


@pytest.mark.parametrize("method", METHODS)
def test_masked_pixels_have_no_weight_and_are_filled_and_flagged(truth, observe, method):
    image = observe(truth)
    expected = deconvolve(image, method=method)
    image.mask = np.zeros(image.shape, bool)
    image.mask[150:152, 100:102] = True
    image.data[150:152, 100:102] = 30000
    image.data[170, 180] = np.nan
    result = deconvolve(image, method=method)
    bad = image.mask.copy()
    bad[170, 180] = True
    np.testing.assert_array_equal(result.mask, bad)
    assert result.header["PSFFILL"] == 5
    np.testing.assert_allclose(result.data[bad], expected.data[bad], rtol=0.3)
    assert rms((result.data - expected.data)[~bad]) < 2
    assert np.isfinite(result.data).all()


@pytest.mark.parametrize("method", METHODS)
def test_a_saturated_flare_is_at_least_as_bright_as_its_counts_and_its_pattern_is_reduced(observe, method):
    """The core of a flare is clipped to the range of the camera. The light that the meshes diffracted is not."""
    rows, columns = np.indices((700, 700), dtype=float)
    truth = 100 + 60000 * np.exp(-0.5 * (np.hypot(rows - 350, columns - 350) / 6) ** 2)
    image = observe(truth)
    saturated = image.data >= 15000
    image.data = np.minimum(image.data, 16383)
    result = deconvolve(image, method=method)
    np.testing.assert_array_equal(result.mask, saturated)
    assert result.header["PSFFILL"] == saturated.sum()
    total, clipped = (plane[saturated].sum() for plane in (result.data, image.data))
    assert 1.2 * clipped < total < truth[WINDOW][saturated].sum()
    pattern = np.s_[20:130, 20:300]
    before, after = (rms((data - truth[WINDOW])[pattern]) for data in (image.data, result.data))
    assert after < 0.55 * before


def test_periodic_surroundings_give_the_result_of_aiapy(truth, observe):
    aiapy_psf = pytest.importorskip("aiapy.psf")
    sunpy_map = pytest.importorskip("sunpy.map")
    image = observe(truth, np.s_[200:500, 200:500], noise=2)
    psf = point_spread_function(171, size=300)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        smap = sunpy_map.Map(image.data, image.header)
        theirs = aiapy_psf.deconvolve(smap, psf=psf, use_gpu=False).data
    ours = deconvolve(image, psf=psf, surroundings="periodic")
    np.testing.assert_allclose(ours.data, theirs, rtol=1e-3, atol=1e-3)
    assert (ours.header["PSFMODEL"], ours.header["PSFITER"], ours.header["PSFOUTER"]) == ("array", 25, "periodic")


@pytest.mark.parametrize("channel", [94, 171, 304])
def test_acceleration_reaches_in_10_iterations_what_takes_25_otherwise(truth, observe, channel):
    """Within 1 % of the noise, with a coronal hole and points, in which Richardson-Lucy converges slowly."""
    image = observe(truth, channel=channel, noise=5)
    slow = deconvolve(image)
    fast = deconvolve(image, method="richardson-lucy-accelerated")
    assert (slow.header["PSFITER"], fast.header["PSFITER"]) == (25, 10)
    noise = np.sqrt(np.maximum(image.data, 1))
    assert rms(((fast.data - slow.data) / noise)[INNER]) < 0.01
    assert fast.header["PSFOUTER"] == pytest.approx(slow.header["PSFOUTER"], rel=0.01)


def test_tolerance_stops_when_the_residuals_no_longer_change(truth, observe):
    image = observe(truth, noise=5, uncertainty=True)
    loose, strict = (deconvolve(image, iterations=200, tolerance=t).header for t in (1e-1, 1e-3))
    assert 2 < loose["PSFITER"] < strict["PSFITER"] < 100
    assert strict["PSFCHI2"] < loose["PSFCHI2"] < 1
    assert deconvolve(image, iterations=3, tolerance=1e-9).header["PSFITER"] == 3


@pytest.mark.parametrize("method", METHODS)
def test_whole_arrays_by_the_array_api_give_the_same_as_blocks_on_the_cpu(truth, observe, method):
    image = observe(truth, noise=6)
    optics = find_optics("grigis2012", 171, image.shape, periodic=False)
    whole = Observation(np, WholeConvolution(np, optics.otf, optics.padded, image.shape), image.data, brightness=150.0)
    solution = methods.solve(method, whole, image.data.copy())
    np.testing.assert_allclose(solution.image, deconvolve(image, method=method).data, rtol=2e-2, atol=0.5)


def test_the_result_does_not_depend_on_threads(truth, observe, monkeypatch):
    image = observe(truth, noise=7)
    results = []
    for threads in (1, 4):
        monkeypatch.setattr("aia_ccdproc.parallel.thread_count", lambda threads=threads: threads)
        results.append(deconvolve(image, method="richardson-lucy-accelerated"))
    np.testing.assert_array_equal(results[0].data, results[1].data)


def test_a_psf_from_a_file_is_the_same_as_an_array_and_is_named_in_the_header(truth, observe, tmp_path):
    image = observe(truth)
    psf = point_spread_function(171, size=501)
    fits.PrimaryHDU(psf).writeto(tmp_path / "mine.fits")
    by_file = deconvolve(image, psf=tmp_path / "mine.fits")
    np.testing.assert_array_equal(by_file.data, deconvolve(image, psf=psf).data)
    assert by_file.header["PSFMODEL"] == "mine.fits"
    with pytest.raises(ReadError, match=r"none\.fits: cannot read the point .* the name of a model: grigis2012, "):
        deconvolve(image, psf=tmp_path / "none.fits")


def test_the_preflight_core_sharpens_more(truth, observe):
    image = observe(truth)
    measured, preflight = (deconvolve(image, psf=psf).data.max() for psf in ("grigis2012", "grigis2012-preflight"))
    assert preflight > 1.3 * measured


def test_the_psf_of_the_image_is_dropped_with_a_warning(level1):
    image = level1(psf=True)
    with pytest.warns(PrepWarning, match="psf of the image is dropped"):
        assert deconvolve(image, method="bid").psf is None


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("clip_negative", [True, False])
def test_a_library_that_follows_only_the_array_api_gives_the_result_of_numpy(
    truth, observe, monkeypatch, method, clip_negative
):
    xp = pytest.importorskip("array_api_strict")
    image = observe(truth, np.s_[280:380, 340:450], noise=6, uncertainty=True)
    image.mask = np.zeros(image.shape, bool)
    image.mask[40:43, 50] = True
    image.data[60:63, 60] = 16000
    options = {"method": method, "clip_negative": clip_negative}
    expected = deconvolve(image, **options)
    monkeypatch.setattr("aia_ccdproc_psf.deconvolution.cuda_device", lambda: Device(xp, None))
    result = deconvolve(image, device="cuda", **options)
    np.testing.assert_allclose(result.data, expected.data, rtol=1e-3, atol=1e-2)
    np.testing.assert_array_equal(result.mask, expected.mask)
    assert result.header["PSFOUTER"] == pytest.approx(expected.header["PSFOUTER"], rel=1e-4)


def test_cuda_without_a_library_is_refused_with_its_reason(level1):
    with pytest.raises(SettingsError, match=r'device = "cuda": cupy: .*; torch: .*use device = "cpu"'):
        deconvolve(level1(), device="cuda")


def test_images_that_cannot_be_deconvolved_are_refused(level1, pointing_path):
    with pytest.raises(InstrumentError, match="no point spread function for the channel 1600 Å"):
        deconvolve(level1(1600))
    image = level1()
    image.mask = np.ones(image.shape, bool)
    with pytest.raises(StateError, match="without good pixels"):
        deconvolve(image)
    del image.header["IMSCL_MP"]
    with pytest.raises(HeaderError, match="IMSCL_MP is missing"):
        deconvolve(image)
    with pytest.raises(SettingsError, match="psf"):
        deconvolve(level1(), psf=5)


def test_a_corrected_pointing_does_not_matter(level1, pointing_path):
    image = level1(noise=1)
    pointed = aia_ccdproc.update_pointing(image, source=pointing_path)
    np.testing.assert_array_equal(deconvolve(pointed, method="bid").data, deconvolve(image, method="bid").data)


def test_a_map_is_deconvolved_as_the_image_is(level1):
    pytest.importorskip("sunpy.map")
    image, psf = level1(171, shape=(40, 44)), point_spread_function(171, size=21)
    result = deconvolve(aia_ccdproc.to_map(image), psf=psf, iterations=2)
    expected = deconvolve(image, psf=psf, iterations=2)
    assert type(result).__name__ == "AIAMap"
    np.testing.assert_array_equal(result.data, expected.data)
    assert result.meta["psfouter"] == expected.header["PSFOUTER"]


def test_the_warning_about_the_psf_names_the_line_of_the_user(level1):
    image, psf = level1(171, shape=(40, 44)), point_spread_function(171, size=21)
    image.psf = psf
    with pytest.warns(PrepWarning, match="psf of the image is dropped") as caught:
        deconvolve(image, psf=psf, iterations=2)
    assert caught[0].filename == __file__
