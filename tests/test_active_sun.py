"""The synthetic Sun that looks like the one that AIA observes: its brightness is known at every position."""

from __future__ import annotations

import numpy as np
import pytest
from scenes import small_exposure

from aia_ccdproc.images.wcs_cards import RSUN_METERS
from aia_ccdproc.steps.aia import CHANNELS
from aia_ccdproc.synthetic import RSUN_OBS, ActiveSun, Exposure, measure_pointing
from aia_ccdproc.synthetic.sphere import DSUN_OBS, HGLT_OBS, project, rotation, surface_positions


def grid(step: float, start: tuple[float, float] = (-60.0, 380.0), size: float = 60) -> tuple[np.ndarray, np.ndarray]:
    axis = np.arange(0, size, step)
    return np.meshgrid(axis + start[0], axis + start[1])


def test_the_brightness_of_a_position_does_not_depend_on_the_pixels_around_it():
    sun = ActiveSun(171)
    start = (sun.regions[0].x - 30, sun.regions[0].y - 30)
    fine, coarse = sun.brightness(*grid(0.5, start)), sun.brightness(*grid(1.5, start))
    np.testing.assert_allclose(fine[::3, ::3], coarse, rtol=1e-9)
    assert np.ptp(coarse) > 100


@pytest.mark.parametrize("channel", CHANNELS)
def test_the_limb_is_where_the_sun_says(channel):
    """Between the active regions and the poles: a corona is brighter beyond the limb, and everything else dark."""
    sun = ActiveSun(channel)
    x, y = grid(0.4, (sun.limb_radius * np.cos(0.75) - 25, sun.limb_radius * np.sin(0.75) - 25), 50)
    distance = np.round((np.hypot(x, y) - sun.limb_radius) / 0.4).astype(int)
    brightness = sun.brightness(x, y)
    profile = np.array([np.median(brightness[distance == n]) for n in range(-20, 21)])
    steps = np.diff(profile) * (-1 if channel >= 1600 else 1)
    assert abs(np.argmax(steps) - 19.5) <= 1.5
    assert profile.min() > 0


def test_bright_points_are_gaussians_at_known_positions_that_rotate_with_the_surface():
    start, later = ActiveSun(193), ActiveSun(193, days=1.0)
    first, second = start.points[3], later.points[3]
    seen = surface_positions(np.array(first.x), np.array(first.y))
    longitude = np.degrees(seen.longitude + rotation(seen.latitude, 1.0))
    moved = project(np.array([longitude]), np.array([np.degrees(seen.latitude)]))[:, 0]
    assert np.abs(moved - (second.x, second.y)).max() < 0.02
    assert 100 < second.x - first.x < 250
    x, y = grid(0.3, (second.x - 9, second.y - 9), 18.2)
    bright = np.unravel_index(np.argmax(later.brightness(x, y)), x.shape)
    assert np.hypot(x[bright] - second.x, y[bright] - second.y) < 0.5


def test_positions_are_those_of_sunpy():
    coordinates = pytest.importorskip("sunpy.coordinates")
    from astropy import units as u

    time = "2020-01-01"
    radius = u.Quantity(RSUN_METERS, "m")
    observer = coordinates.HeliographicStonyhurst(0 * u.deg, HGLT_OBS * u.deg, DSUN_OBS * u.m, obstime=time)
    longitude, latitude = np.array([0.0, 40.0, -70.0]), np.array([0.0, -35.0, 60.0])
    point = coordinates.HeliographicStonyhurst(longitude * u.deg, latitude * u.deg, 1.05 * radius, obstime=time)
    seen = point.transform_to(coordinates.Helioprojective(observer=observer, obstime=time))
    expected = [seen.Tx.to_value("arcsec"), seen.Ty.to_value("arcsec")]
    np.testing.assert_allclose(project(longitude, latitude, 1.05), expected, atol=0.01)


def test_the_sun_hides_what_is_behind_it():
    hidden, beyond = project(np.array([120.0, 92.0]), np.array([5.0, 5.0]), np.array([1.0, 1.1])).T
    assert np.isnan(hidden).all()
    assert np.hypot(*beyond) > RSUN_OBS


@pytest.mark.parametrize("channel", CHANNELS)
def test_every_channel_can_be_observed_and_is_below_saturation(channel):
    image = Exposure(channel=channel, binning=16).image(ActiveSun(channel), noise=1)
    assert np.isfinite(image.data).all()
    assert image.data.min() >= 0
    assert 0.6 * 16383 > np.percentile(image.data, 99.9) > np.median(image.data)


def test_the_seed_decides_where_everything_is():
    exposure = small_exposure(channel=171, shape=(60, 60))
    same = [exposure.image(ActiveSun(171, seed=seed)).data for seed in (1, 1, 2)]
    np.testing.assert_array_equal(same[0], same[1])
    assert np.abs(same[0] - same[2]).max() > 10


def test_a_channel_that_aia_does_not_have_is_refused():
    with pytest.raises(ValueError, match="AIA has no channel 172; available: 94, 131"):
        ActiveSun(172)


@pytest.mark.slow
@pytest.mark.parametrize("options", [{"binning": 4}, {"corner": (1500, 1400), "shape": (900, 1000)}], ids=str)
def test_the_pointing_is_measured_in_the_pixels_and_not_in_the_header(options):
    sun = ActiveSun(171)
    exposure = Exposure(channel=171, roll=0.3, **options)
    right = exposure.header()
    error = np.array([3.0, -2.0])
    image = exposure.image(sun, noise=1)
    image.header["CROTA2"] += 0.1
    image.wcs.wcs.crpix += error
    measured = measure_pointing(image, sun.points)
    np.testing.assert_allclose(measured.center, (right["CRPIX1"], right["CRPIX2"]), atol=0.1)
    assert measured.roll_angle == pytest.approx(right["CROTA2"], abs=0.03)
    assert measured.plate_scale == pytest.approx(right["CDELT1"], rel=3e-4)
    assert 0.001 < measured.error < 0.05


def test_a_pointing_is_not_measured_without_sources():
    with pytest.raises(ValueError, match="0 of 60 sources are in the image; at least 3 are needed"):
        measure_pointing(small_exposure(shape=(40, 40)).image(ActiveSun(94)), ActiveSun(94).points)
