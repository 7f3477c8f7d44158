"""The limb is where the Sun was put, its errors are honest, and wrong pointing is found."""

from __future__ import annotations

import dataclasses
import warnings
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import CCDData

import aia_ccdproc
from aia_ccdproc import HeaderError, SettingsError, StateError
from aia_ccdproc.images import complete_header
from aia_ccdproc.synthetic import ActiveSun, Exposure
from aia_ccdproc_limb import Circle, find_limb, measure_limb

CHANNELS = (94, 131, 171, 193, 211, 304, 335, 1600, 1700, 4500)


def observe(channel: int, seed: int = 0, **options: object) -> tuple[CCDData, np.ndarray]:
    """Return an exposure of 1024 x 1024 pixels, and the true column and row of the center of the Sun."""
    exposure = Exposure(channel=channel, **{"binning": 4, "roll": 0.3, **options})  # type: ignore[arg-type]
    image = exposure.image(ActiveSun(channel, seed=seed), noise=seed)
    right = dataclasses.replace(exposure, pointing_error=(0.0, 0.0)).header()
    return image, np.array([right["CRPIX1"], right["CRPIX2"]]) - 1


def offset(circle: Circle, center: np.ndarray) -> np.ndarray:
    return np.array([circle.column, circle.row]) - center


@pytest.mark.parametrize("channel", CHANNELS)
def test_the_center_is_found_in_every_channel_with_noise_and_active_regions_on_the_limb(channel):
    image, center = observe(channel, pointing_error=(-9.0, 6.0))
    circle = find_limb(image)
    assert np.abs(offset(circle, center)).max() < 0.2
    assert np.abs(offset(circle, center)).max() < 4 * max(circle.errors[:2])
    scale = image.header["CDELT1"]
    assert circle.radius * scale == pytest.approx(ActiveSun(channel).limb_radius, abs=2 * scale)
    assert circle.sectors > 60


@pytest.mark.slow
@pytest.mark.parametrize("channel", [193, 1600])
def test_the_errors_are_the_spread_of_realizations(channel):
    found = [
        (offset(circle, center), circle.errors[:2]) for circle, center in map(_measured, [channel] * 16, range(16))
    ]
    deviations = np.array([np.divide(distance, errors) for distance, errors in found])
    assert 0.7 < np.sqrt((deviations**2).mean()) < 1.6


def _measured(channel: int, seed: int) -> tuple[Circle, np.ndarray]:
    image, center = observe(channel, seed, binning=8)
    return find_limb(image), center


def test_the_keywords_are_arcsec_from_the_sun_center_of_the_header():
    image, _ = observe(193, pointing_error=(-8.0, 4.0))
    before = image.header.copy()
    measured = measure_limb(image)
    keys = ("LIMB_X", "LIMB_Y", "LIMB_R", "LIMB_XE", "LIMB_YE", "LIMB_RE", "LIMB_N")
    x, y, radius, *errors, arc = (measured.header[key] for key in keys)
    # CRPIX is 8 camera pixels too low: the Sun is west of where the header has it. The roll is 0.6 degrees.
    assert x == pytest.approx(8 * 0.6, abs=0.35)
    assert y == pytest.approx(-4 * 0.6, abs=0.35)
    assert radius == pytest.approx(ActiveSun(193).limb_radius, abs=3)
    assert all(0.005 < error < 0.2 for error in errors)
    assert 200 < arc <= 360
    assert image.header == before
    np.testing.assert_array_equal(measured.data, image.data)


def test_registration_does_not_move_the_limb():
    image, _ = observe(304)
    before, after = measure_limb(image), measure_limb(aia_ccdproc.register(image))
    for key in ("LIMB_X", "LIMB_Y", "LIMB_R"):
        assert after.header[key] == pytest.approx(before.header[key], abs=0.25)
    assert "LIMB_X" in aia_ccdproc.register(before).header


def test_a_stale_pointing_is_found_and_the_right_one_passes():
    image, _ = observe(211, pointing_error=(12.0, -7.0))
    with pytest.warns(UserWarning, match=r"is 8\.\d\d arcsec from the Sun center .* more than check = 1\. Run"):
        measure_limb(image, check=1.0)
    with pytest.raises(StateError, match="update_pointing"):
        measure_limb(image, check=1.0, on_failure="fail")
    right, _ = observe(211)
    assert abs(measure_limb(right, check=1.0, on_failure="fail").header["LIMB_X"]) < 0.5


def test_masked_pixels_are_not_used():
    image, center = observe(171)
    image.mask = np.zeros(image.shape, dtype=bool)
    image.mask[300:700, 700:] = True
    image.data[image.mask] = 1e5
    circle = find_limb(image)
    assert np.abs(offset(circle, center)).max() < 0.3
    assert circle.sectors < 160


def test_an_arc_of_the_limb_in_a_cutout_is_sufficient_and_its_error_is_larger():
    whole, center = observe(1600)
    section = whole[512:, :]
    circle = find_limb(section)
    assert circle.sectors < 100
    assert np.abs(offset(circle, center - [0, 512])).max() < 5 * max(circle.errors[:2])
    assert circle.errors[1] > 1.2 * find_limb(whole).errors[1]


@pytest.mark.slow
def test_images_of_hmi_are_measured_if_they_have_pixels_beyond_the_limb():
    observe_hmi = pytest.importorskip("aia_ccdproc_hmi").observe
    image = observe_hmi(ActiveSun(4500), "CONTINUUM INTENSITY", shape=(2100, 4096))
    with pytest.raises(StateError, match="0 degrees of it are in the image with good pixels on both sides"):
        find_limb(image)
    image.data, image.mask = np.nan_to_num(image.data), None
    header = measure_limb(image, check=0.6, on_failure="fail").header
    assert abs(header["LIMB_X"]) < 0.1
    assert abs(header["LIMB_Y"]) < 0.1


def test_less_than_60_degrees_are_refused():
    image, _ = observe(1600)
    with pytest.raises(
        StateError, match=r"the limb cannot be measured: \d+ degrees of it are in the image with good .* and 60"
    ):
        find_limb(image[400:600, 800:])


@pytest.mark.parametrize("channel", [171, 1700])
def test_the_moon_before_the_sun_does_not_move_the_center(channel):
    image, center = observe(channel)
    rows, columns = np.indices(image.shape)
    image.data[np.hypot(columns - center[0] - 300, rows - center[1] - 150) < 200] = 0
    circle = find_limb(image)
    assert np.abs(offset(circle, center)).max() < max(0.3, 4 * max(circle.errors[:2]))


@pytest.mark.parametrize("edge", [100, 400, 700])
def test_the_shadow_of_the_earth_does_not_move_the_center(edge):
    image, center = observe(193)
    rows = np.indices(image.shape)[0]
    image.data *= (1 / (1 + np.exp((edge - rows) / 30.0))).astype(np.float32)
    circle = find_limb(image)
    assert np.abs(offset(circle, center)).max() < max(0.2, 4 * max(circle.errors[:2]))
    assert edge == 100 or circle.sectors < 120


def test_noise_without_a_sun_is_refused():
    image, _ = observe(193)
    image.data = np.random.default_rng(1).poisson(2, image.shape).astype(np.float32)
    with pytest.raises(StateError, match=r"no circle fits the limb: .* may be eclipsed"):
        find_limb(image)


@pytest.mark.parametrize("pixels", [40, 150, 400])
def test_an_image_that_points_elsewhere_is_refused(pixels):
    """ACS_MODE = INERTIAL: the header has the Sun in the middle, and the image does not."""
    image, _ = observe(171)
    image.data = np.roll(image.data, pixels, axis=1)
    with pytest.raises(StateError, match=r"no circle fits the limb|degrees of it"):
        find_limb(image)


def test_the_recipe_warns_or_fails(tmp_path: Path, prep_manager):
    prep_manager("aia-ccdproc-limb")
    exposure = Exposure(channel=193, binning=4, pointing_error=(20.0, 0.0))
    path = exposure.write_level1(exposure.image(ActiveSun(193), noise=1), tmp_path / "a.fits")
    recipe = '[[step]]\nuse = "register"\n[[step]]\nuse = "measure_limb"\ncheck = 1.0\n'
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        [done] = aia_ccdproc.run(path, aia_ccdproc.Recipe.from_toml(recipe), tmp_path / "warned")
    assert (done.status, "arcsec from the Sun center" in " ".join(done.warnings)) == ("done", True)
    header = fits.getheader(done.output)
    assert abs(header["LIMB_X"] + 12) < 0.5
    assert any("measure_limb (aia-ccdproc-limb" in line for line in header["HISTORY"])
    strict = aia_ccdproc.Recipe.from_toml(recipe + 'on_failure = "fail"\n')
    [failed] = aia_ccdproc.run(path, strict, tmp_path / "failed")
    assert failed.status == "failed"


def test_wrong_settings_and_headers_are_errors():
    image, _ = observe(171)
    with pytest.raises(SettingsError, match="check"):
        measure_limb(image, check=-1)
    with pytest.raises(SettingsError, match="on_failure"):
        measure_limb(image, on_failure="stop")  # type: ignore[arg-type]
    for key in ("RSUN_OBS", "DSUN_OBS"):
        del image.header[key]
    with pytest.raises(HeaderError):
        find_limb(image)


def test_the_step_keeps_the_contract(check_step, prep_manager):
    prep_manager("aia-ccdproc-limb")
    image, _ = observe(193, shape=(512, 1024))
    check_step("measure_limb", {"check": 5.0}, image)


def test_an_image_without_limb_keeps_its_pixels_and_has_no_keywords(level1):
    image = level1(171)
    with pytest.warns(UserWarning, match="the limb cannot be measured"):
        result = measure_limb(image)
    assert "LIMB_X" not in result.header
    np.testing.assert_array_equal(result.data, image.data)


@pytest.mark.slow
def test_the_pointing_of_a_real_image_is_right_to_a_quarter_of_a_pixel(real_data: Path):
    (path,) = (real_data / "aia_level1").glob("*171.image_lev1.fits")
    header = measure_limb(aia_ccdproc.read(path), check=0.6, on_failure="fail").header
    assert abs(header["LIMB_X"]) < 0.15 + 2 * header["LIMB_XE"] < 0.6
    assert abs(header["LIMB_Y"]) < 0.15 + 2 * header["LIMB_YE"]
    assert 2 < header["LIMB_R"] - complete_header(aia_ccdproc.read(path))["RSUN_OBS"] < 10  # 171 A: some 5 Mm
