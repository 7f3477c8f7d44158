"""Tests of HMI: its images are identified and registered onto the grid of AIA."""

from __future__ import annotations

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.time import Time
from scenes import fit_source, limb_center, pixel_of, position_errors

import aia_ccdproc
from aia_ccdproc import InstrumentError, RecipeError, StateError
from aia_ccdproc.images import observation_time, plate_scale, roll_angle
from aia_ccdproc.synthetic import Exposure, Source, Sun
from aia_ccdproc_hmi import observe

#: Spots of both signs, for measurements of positions.
SPOTS = tuple(
    Source(x, y, peak, 2.0) for x, y, peak in [(0, 0, 900), (-60, 25, -700), (45, -50, 500), (-30, -55, -1200)]
)
CUTOUT = {"corner": (1890, 1900), "shape": (320, 340)}


@pytest.fixture(autouse=True)
def manager(prep_manager):
    return prep_manager("aia-ccdproc-hmi")


@pytest.mark.parametrize(
    ("content", "unit"), [("CONTINUUM INTENSITY", "DN / s"), ("MAGNETOGRAM", "G"), ("DOPPLERGRAM", "m / s")]
)
def test_each_content_is_identified_and_keeps_its_unit_in_a_file(content, unit, manager, tmp_path):
    image = observe(Sun(disk=10, corona=0), content, **CUTOUT)
    assert manager.identify(image.header).name == "HMI"
    aia_ccdproc.write(image, tmp_path / "hmi.fits")
    assert aia_ccdproc.read(tmp_path / "hmi.fits").unit == u.Unit(unit)


@pytest.mark.parametrize(("camera", "unit"), [("HMI_SIDE1", "Gauss"), ("HMI_COMBINED", "m/s"), ("HMI_FRONT2", "DN/s")])
def test_an_image_without_content_is_identified_by_its_unit(camera, unit, manager):
    header = fits.Header({"TELESCOP": "SDO/HMI", "INSTRUME": camera, "BUNIT": unit})
    assert manager.identify(header).unit == unit


def test_other_images_of_hmi_are_refused_and_other_instruments_are_not_identified(manager, level1):
    wrong = fits.Header({"TELESCOP": "SDO/HMI", "INSTRUME": "HMI_COMBINED", "CONTENT": "AZIMUTH", "BUNIT": "degree"})
    with pytest.raises(InstrumentError, match="CONTENT='AZIMUTH', BUNIT='degree'; supported: CONTINUUM INTENSITY"):
        manager.identify(wrong)
    assert manager.identify(level1().header).name == "AIA"
    with pytest.raises(InstrumentError, match="unknown instrument"):
        manager.identify(fits.Header({"TELESCOP": "PROBA2", "INSTRUME": "SWAP"}))


def test_time_is_read_as_tai(manager):
    time = observation_time(observe(Sun(), **CUTOUT).header)
    assert abs(time - Time("2020-01-01T00:00:00", scale="utc")) < 1e-6 * u.s


def test_update_pointing_keeps_the_header_and_records_that():
    image = observe(Sun(), **CUTOUT)
    result = aia_ccdproc.update_pointing(image)
    history = "".join(map(str, result.header["HISTORY"]))
    assert "update_pointing: HMI has no master pointing records; pointing of the header kept" in history
    for keyword in ("CRPIX1", "CRPIX2", "CDELT1", "CROTA2"):
        assert result.header[keyword] == image.header[keyword]


def test_register_removes_the_roll_and_sets_the_plate_scale_of_aia():
    image = observe(Sun(disk=0, corona=0, sources=SPOTS), **CUTOUT)
    assert roll_angle(image.wcs) == pytest.approx(179.929733)
    result = aia_ccdproc.register(image)
    assert plate_scale(result.wcs) == pytest.approx(0.6, rel=1e-12)
    assert roll_angle(result.wcs) == 0
    assert result.header["LVL_NUM"] == 1.5
    assert position_errors(result, SPOTS).max() < 0.01
    with pytest.raises(StateError, match=r"already at level 1\.5"):
        aia_ccdproc.register(result)


def test_negative_values_are_not_clipped():
    result = aia_ccdproc.register(observe(Sun(disk=0, corona=0, sources=SPOTS), **CUTOUT))
    for spot in SPOTS:
        assert fit_source(result, spot)[2] == pytest.approx(spot.peak, rel=0.02)
    assert np.nanmin(result.data) < -1150


def test_register_keeps_the_contract(check_step):
    image = observe(Sun(disk=300, corona=0, sources=SPOTS), "DOPPLERGRAM", corner=(3850, 1900), shape=(200, 240))
    assert 0.2 < image.mask.mean() < 0.8
    check_step("register", ccd=image)


def test_normalize_exposure_is_refused_with_advice():
    recipe = aia_ccdproc.Recipe.from_toml('step = [{ use = "normalize_exposure" }]')
    with pytest.raises(StateError, match=r'cannot run normalize_exposure on .* HMI: .*only = { instrument = "AIA" }'):
        aia_ccdproc.prep(observe(Sun(), **CUTOUT), recipe)


def test_a_spot_is_at_the_same_pixel_of_hmi_and_aia(level1):
    sun = Sun(disk=0, corona=0, sources=SPOTS)
    hmi = aia_ccdproc.register(observe(sun, **CUTOUT))
    aia = aia_ccdproc.register(level1(94, sun=sun))
    for spot in SPOTS:
        places = []
        for image in (hmi, aia):
            column, row, *_ = fit_source(image, spot)
            places.append(np.array([column, row]) + 1 - image.wcs.wcs.crpix)
        assert np.abs(places[0] - places[1]).max() < 0.01
        np.testing.assert_allclose(places[0], np.array([spot.x, spot.y]) / 0.6, atol=0.02)


@pytest.mark.slow
def test_full_frames_of_the_same_time_can_be_divided_pixel_by_pixel():
    sun = Sun(disk=400, corona=0, sources=(Source(300, -200, 800, 3), Source(-500, 450, 600, 3)))
    aia = aia_ccdproc.register(Exposure(channel=171).image(sun))
    hmi = aia_ccdproc.register(observe(sun, "CONTINUUM INTENSITY"))
    assert aia.shape == hmi.shape == (4096, 4096)
    for image in (aia, hmi):
        np.testing.assert_array_equal(image.wcs.wcs.crpix, 2048.5)
        np.testing.assert_array_equal(image.wcs.wcs.get_cdelt() * 3600, 0.6)
        assert [image.header[key] for key in ("DSUN_OBS", "HGLN_OBS", "HGLT_OBS")] == [147090492361.0, 0.0, -2.98]
    ratio = aia.data / hmi.data
    y, x = np.ogrid[:4096, :4096]
    radius = np.hypot(x - 2047.5, y - 2047.5) * 0.6
    limb = hmi.header["RSUN_OBS"]
    assert np.abs(ratio[radius < limb - 12] - 1).max() < 2e-3
    np.testing.assert_array_equal(np.isnan(hmi.data) & (radius < limb - 3), False)
    assert np.isnan(hmi.data[radius > limb + 3]).all()
    assert hmi.mask[radius > limb + 3].all()
    for image in (aia, hmi):
        np.testing.assert_allclose(limb_center(image, limb / 0.6), 2047.5, atol=0.1)


@pytest.mark.slow
def test_sunpy_opens_a_registered_magnetogram_as_hmi(tmp_path):
    sunpy_map = pytest.importorskip("sunpy.map")
    path = aia_ccdproc.write(aia_ccdproc.register(observe(Sun(disk=5, corona=0), **CUTOUT)), tmp_path / "m.fits")
    opened = sunpy_map.Map(path)
    assert type(opened).__name__ == "HMIMap"
    np.testing.assert_allclose(opened.rotation_matrix, np.eye(2), atol=1e-12)
    assert opened.unit == u.G


def test_the_disk_of_a_real_continuum_image_is_centered_by_register(real_data):
    level1 = aia_ccdproc.read(real_data / "other_instruments" / "resampled_hmi.fits")
    assert (level1.unit, level1.mask.sum()) == (u.Unit("DN / s"), 2430)
    result = aia_ccdproc.register(level1)
    assert roll_angle(result.wcs) == 0
    assert plate_scale(result.wcs) == pytest.approx(0.6 * 41)
    rows, columns = np.nonzero(np.isfinite(result.data))
    center = [(index.min() + index.max()) / 2 for index in (columns, rows)]
    np.testing.assert_allclose(center, pixel_of(result, 0, 0), atol=1)
    assert np.ptp(columns) * 24.6 / 2 == pytest.approx(result.header["RSUN_OBS"], abs=25)
    inner = []
    for image in (level1, result):
        y, x = np.indices(image.shape)
        column, row = pixel_of(image, 0, 0)
        inner.append(image.data[np.hypot(x - column, y - row) * plate_scale(image.wcs) < 600].mean())
    assert inner[1] == pytest.approx(inner[0], rel=2e-3)


def test_without_the_plugin_its_images_and_recipes_are_refused(prep_manager):
    prep_manager()
    with pytest.raises(InstrumentError, match="unknown instrument"):
        aia_ccdproc.register(observe(Sun(), **CUTOUT))
    with pytest.raises(RecipeError, match="plugin 'aia-ccdproc-hmi' is not installed"):
        aia_ccdproc.Recipe.from_toml('step = [{ use = "normalize_exposure", plugin = "aia-ccdproc-hmi" }]')
