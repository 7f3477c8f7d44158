"""Tests of respike and despike: exact to the pixel, and refused if the pixels are not those of the camera."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits

import aia_ccdproc
from aia_ccdproc import HeaderError, InstrumentError, ReadError, SettingsError, StateError
from aia_ccdproc.synthetic import Sun
from aia_ccdproc_respike import Spikes, despike, respike

CORNER = (1850, 1900)  # row and column at which `level1` starts


@pytest.fixture(autouse=True)
def _plugin(prep_manager):
    prep_manager("aia-ccdproc-respike")


@pytest.fixture
def image(level1):
    """A cutout with photon noise, in whole counts."""
    return level1(noise=1)


def spikes_of(image, count=200, corner=CORNER, seed=3):
    """Make spikes of a full frame, some of them in the image, which contains the values that replaced them."""
    random = np.random.default_rng(seed)
    rows, columns = (
        random.integers(first - 20, first + n + 20, 2 * count) for first, n in zip(corner, image.shape, strict=True)
    )
    pixels = np.unique(np.clip(rows, 0, 4095) * 4096 + np.clip(columns, 0, 4095))[:count]
    y, x = pixels // 4096 - corner[0], pixels % 4096 - corner[1]
    inside = (y >= 0) & (y < image.shape[0]) & (x >= 0) & (x < image.shape[1])
    replaced = np.full(len(pixels), 50)
    replaced[inside] = image.data[y[inside], x[inside]]
    return Spikes(pixels, replaced + random.integers(300, 9000, len(pixels)), replaced, "test.spikes.fits", None)


def test_respike_restores_every_spike_and_changes_no_other_pixel(image):
    spikes = spikes_of(image)
    result = respike(image, spikes)
    frame = np.full(4096 * 4096, -1.0)
    frame[spikes.pixel] = spikes.original
    window = frame.reshape(4096, 4096)[CORNER[0] : CORNER[0] + 300, CORNER[1] : CORNER[1] + 320]
    np.testing.assert_array_equal(result.data, np.where(window >= 0, window, image.data))
    assert 0 < (window >= 0).sum() == result.header["SPK_N"] < len(spikes)


def test_respike_makes_level_05_and_records_the_source_of_the_spikes(image):
    image.header["NSPIKES"] = 200
    image.header["DATAMAX"] = 400
    header = respike(image, spikes_of(image)).header
    assert (header["LVL_NUM"], header["NSPIKES"], header["SPK_SRC"]) == (0.5, 0, "test.spikes.fits")
    assert "DATAMAX" not in header
    assert (image.header["LVL_NUM"], image.header["NSPIKES"]) == (1.0, 200)


def test_despike_after_respike_gives_the_same_floats(image):
    spikes = spikes_of(image)
    back = despike(respike(image, spikes), spikes)
    np.testing.assert_array_equal(back.data, image.data)
    assert (back.header["LVL_NUM"], back.header["NSPIKES"], back.header["SPK_N"]) == (1.0, len(spikes), 0)
    again = respike(back, spikes)
    np.testing.assert_array_equal(again.data, respike(image, spikes).data)


@pytest.mark.slow
def test_a_full_frame_gets_all_spikes_in_every_mode(level1):
    full = level1(corner=(0, 0), shape=None, noise=1)
    full.header["ACS_MODE"] = "INERTIAL"
    spikes = spikes_of(full, corner=(0, 0))
    result = respike(full, spikes)
    np.testing.assert_array_equal(result.data.ravel()[spikes.pixel], spikes.original)
    assert (result.data != full.data).sum() == len(spikes)


def test_spikes_are_restored_after_slicing_and_after_a_correction_of_the_pointing(level1, image, pointing_path):
    spikes = spikes_of(image)
    expected = respike(image, spikes).data
    np.testing.assert_array_equal(respike(image[40:200, 30:150], spikes).data, expected[40:200, 30:150])
    pointed = aia_ccdproc.update_pointing(level1(noise=1, pointing_error=(-6.4, 4.1)), source=pointing_path)
    np.testing.assert_array_equal(respike(pointed, spikes).data, expected)


def test_an_image_without_spikes_does_not_need_a_file(image):
    image.header["NSPIKES"] = 0
    result = respike(image)  # would query JSOC
    np.testing.assert_array_equal(result.data, image.data)
    assert (result.header["LVL_NUM"], result.header["SPK_N"]) == (0.5, 0)
    back = despike(result)  # this too
    np.testing.assert_array_equal(back.data, image.data)
    assert [back.header[key] for key in ("LVL_NUM", "NSPIKES", "SPK_N")] == [1.0, 0, 0]


def test_despike_needs_the_file_even_if_all_spikes_are_outside_the_image(image, tmp_path):
    elsewhere = Spikes(np.array([5]), np.array([900]), np.array([100]))
    respiked = respike(image, elsewhere)
    assert respiked.header["SPK_N"] == 0
    with pytest.raises(ReadError, match="no such spikes file"):
        despike(respiked, tmp_path / "none.fits")
    assert despike(respiked, elsewhere).header["NSPIKES"] == 1


def test_steps_keep_the_contract(check_step, tmp_path, level1):
    image = level1(noise=1, mask=True, uncertainty=True, keywords={"FSN": 7})
    spikes = spikes_of(image)
    spikes = replace(spikes, replaced=np.nan_to_num(spikes.replaced).astype(int))
    rows = np.array([spikes.pixel, spikes.original, spikes.replaced], dtype=np.int32)
    fits.PrimaryHDU(rows).writeto(tmp_path / "7.fits")
    settings = {"spikes": str(tmp_path / "{FSN}.fits")}

    def divided_by_a_factor(ccd):
        ccd.data /= 1.1

    def rotated(ccd):
        ccd.header["CROTA2"] += 90.0
        ccd.wcs = None

    refuses = [
        (lambda ccd: aia_ccdproc.normalize_exposure(ccd), "in DN / s, but spikes are counts"),
        (lambda ccd: aia_ccdproc.register(ccd), "already at level 1.5"),
        (divided_by_a_factor, "not whole counts"),
        (rotated, "resampled or rotated"),
    ]
    binned = level1(binning=2, corner=(0, 0), shape=(150, 160), noise=1)
    more = [
        (lambda ccd: respike(ccd, spikes), "at level 0.5: it already contains its spikes"),
        (lambda ccd: binned, "resampled or rotated"),
    ]
    respiked = check_step("respike", settings, image, [*refuses, *more])
    check_step(
        "despike", settings, respiked, [*refuses, (lambda ccd: image, "at level 1: only level 0.5 contains spikes")]
    )


def test_spikes_of_another_exposure_are_refused_by_count_number_or_pixels(image):
    spikes = spikes_of(image)
    image.header["FSN"] = 7
    with pytest.raises(StateError, match="contains the spikes of exposure FSN=8, but the image is FSN=7"):
        respike(image, replace(spikes, fsn=8))
    image.header["NSPIKES"] = 366
    with pytest.raises(StateError, match="contains 200 spikes, but NSPIKES of the image is 366"):
        respike(image, spikes)
    del image.header["NSPIKES"]
    with pytest.raises(StateError, match=r"does not match the image: \d+ of \d+ pixels"):
        respike(image, replace(spikes, replaced=spikes.replaced + 40))


def test_values_that_jsoc_clipped_or_rounded_are_accepted(image):
    spikes = spikes_of(image)
    image.data[image.data == image.data.min()] = 0
    where, _ = spikes.inside(CORNER, image.shape)
    image.data[where] = np.maximum(image.data[where] + 1, 0)
    assert respike(image, spikes).header["LVL_NUM"] == 0.5


def test_despike_needs_the_third_row_and_the_spikes_that_were_restored(image):
    spikes = spikes_of(image)
    respiked = respike(image, spikes)
    with pytest.raises(StateError, match="two rows: it does not contain the values that replaced"):
        despike(respiked, replace(spikes, replaced=None))
    with pytest.raises(StateError, match=r"\d+ of \d+ pixels have other values"):
        despike(respiked, replace(spikes, original=spikes.original + 1))


def test_a_cutout_whose_corner_is_not_known_is_refused(level1):
    inertial = level1(noise=1, keywords={"ACS_MODE": "INERTIAL"})
    with pytest.raises(HeaderError, match=r"column 1900\.000 and row 1850\.000, with ACS_MODE='INERTIAL'"):
        respike(inertial, spikes_of(inertial))
    between = level1(noise=1)
    between.header["X0_MP"] += 0.3
    with pytest.raises(HeaderError, match=r"1900\.300"):
        respike(between, spikes_of(between))
    outside = level1(noise=1, corner=(3900, 1850))
    with pytest.raises(HeaderError, match="cannot find the position"):
        respike(outside, spikes_of(outside))


@pytest.mark.parametrize("keyword", ["LVL_NUM", "X0_MP", "IMSCL_MP", "SAT_ROT"])
def test_a_missing_keyword_is_named(image, keyword):
    del image.header[keyword]
    with pytest.raises(HeaderError, match=f"{keyword} is missing"):
        respike(image, spikes_of(image))


def test_mask_and_uncertainty_are_carried_over(level1):
    image = level1(noise=1, mask=True, uncertainty=True)
    spikes = Spikes(np.array([1851 * 4096 + 1901]), np.array([5000]))
    result = respike(image, spikes)
    np.testing.assert_array_equal(result.mask, image.mask)
    np.testing.assert_array_equal(result.uncertainty.array, image.uncertainty.array)
    assert (result.data[1, 1], result.unit) == (5000, u.DN)


def test_integer_pixels_of_other_readers_do_not_overflow(image):
    whole = image.copy()
    whole.data = image.data.astype(np.int16)
    result = respike(whole, Spikes(np.array([1851 * 4096 + 1901]), np.array([40000])))
    assert result.data[1, 1] == 40000


def test_other_instruments_have_no_spikes(image, prep_manager):
    manager = prep_manager("aia-ccdproc-respike")
    step = manager.steps()["respike"]
    other = aia_ccdproc.Instrument("SWAP", 3.16, (1024, 1024))
    with pytest.raises(InstrumentError, match="no plugin runs respike for SWAP"):
        step.run(image, other, step.settings())


@pytest.mark.parametrize("step", [respike, despike])
def test_the_functions_refuse_images_of_other_instruments(prep_manager, step):
    hmi = pytest.importorskip("aia_ccdproc_hmi")
    prep_manager("aia-ccdproc-respike", "aia-ccdproc-hmi")
    magnetogram = hmi.observe(Sun(), corner=(2000, 2000), shape=(20, 20))
    with pytest.raises(InstrumentError, match="image of HMI: spikes files exist only for AIA"):
        step(magnetogram)


@pytest.mark.parametrize("settings", [{"server": "nonsense"}, {"server": 5}, {"spikes": 5}, {"timeout": 0}])
def test_a_wrong_setting_of_the_functions_is_refused(image, settings):
    name = next(iter(settings))
    with pytest.raises(SettingsError, match=name):
        respike(image, **settings)
    image.header["LVL_NUM"] = 0.5
    with pytest.raises(SettingsError, match=name):
        despike(image, **settings)


def test_a_map_is_respiked_and_despiked_as_the_image_is(image):
    pytest.importorskip("sunpy.map")
    spikes = spikes_of(image)
    level05 = respike(aia_ccdproc.to_map(image), spikes)
    assert type(level05).__name__ == "AIAMap"
    np.testing.assert_array_equal(level05.data, respike(image, spikes).data)
    assert level05.meta["lvl_num"] == 0.5
    np.testing.assert_array_equal(despike(level05, spikes).data, image.data)
