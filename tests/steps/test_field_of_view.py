"""Fields of view on the level-1.5 grid, larger pixels, and a field of view that follows the rotation of the Sun."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.time import Time
from scenes import FULL_SUN, fit_source, small_exposure, small_sun

import aia_ccdproc
from aia_ccdproc import HeaderError, SettingsError, StateError, register
from aia_ccdproc.synthetic import Exposure, Source, Sun

FIELD = {"center": [300, -200], "size": [400, 300]}


@pytest.fixture(scope="module")
def whole():
    """A full frame of 512 x 512 pixels of 4.8 arcsec."""
    return Exposure(binning=8).image(FULL_SUN)


def test_a_full_disk_and_a_cutout_give_the_same_pixels(whole):
    """The cutout has a margin of 40 pixels: the border has no effect on the spline."""
    cutout = Exposure(binning=8, corner=(230, 140), shape=(180, 200)).image(FULL_SUN)
    first, second = register(whole, **FIELD), register(cutout, **FIELD)
    np.testing.assert_array_equal(first.data, second.data)
    assert first.mask is None
    assert second.mask is None
    assert [first.header[k] for k in ("CRPIX1", "CRPIX2", "XCEN", "YCEN", "NAXIS1", "NAXIS2")] == [
        second.header[k] for k in ("CRPIX1", "CRPIX2", "XCEN", "YCEN", "NAXIS1", "NAXIS2")
    ]


def test_the_pixels_of_a_field_of_view_are_pixels_of_the_full_frame(whole):
    frame, field = register(whole), register(whole, **FIELD)
    left, bottom = (round(v) for v in frame.wcs.wcs.crpix - field.wcs.wcs.crpix)
    rows, columns = field.shape
    np.testing.assert_allclose(field.data, frame.data[bottom : bottom + rows, left : left + columns], rtol=0, atol=1e-3)
    assert (field.shape, frame.wcs.wcs.crpix[0]) == ((63, 83), 256.5)  # 62.5 and 83.3 pixels, a half is rounded up
    assert abs(field.header["XCEN"] - 300) <= 2.41
    assert abs(field.header["YCEN"] + 200) <= 2.41


def test_all_channels_have_one_grid():
    shapes = set()
    for channel in (94, 171, 335, 1600):
        image = small_exposure(channel=channel, corner=(1950, 1950), shape=(200, 200)).image(small_sun())
        field = register(image, center=(10.1, -7.3), size=(60.0, 40.0))
        shapes.add((field.shape, *field.wcs.wcs.crpix, *np.round(field.wcs.wcs.cdelt * 3600, 12)))
    assert shapes == {((67, 100), 33.5, 46.5, 0.6, 0.6)}


def test_the_part_of_a_field_of_view_outside_the_image_is_masked():
    image = small_exposure(shape=(100, 100)).image(small_sun())
    field = register(image, center=[-62, -88], size=[120, 60])
    assert field.shape == (100, 200)
    assert 0.2 < field.mask.mean() < 0.8
    assert np.isnan(field.data[field.mask]).all()
    with pytest.raises(StateError, match="does not cover the field of view"):
        register(image, center=[500, 0], size=[120, 60])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"center": [0, 0]}, "size: center is given without size"),
        ({"size": [10, 10]}, "size: size is given without center"),
        ({"center": [0, 0], "size": [0, 10]}, "should be more than 0 and at most 2457.6"),
        ({"center": [0, 0], "size": [-10, 10]}, "should be more than 0"),
        ({"center": [0, 0], "size": [2458, 10]}, "at most 2457.6"),
        ({"center": [1300, 0], "size": [100, 100]}, "is outside the full frame"),
        ({"center": [0, np.nan], "size": [10, 10]}, "center = nan"),
        ({"center": [0], "size": [10, 10]}, "center"),
        ({"center": "0, 0", "size": [10, 10]}, "center = '0, 0'"),
        ({"center": [0, 0], "size": [10, 10], "target": "grid.fits"}, "center: cannot be given with target"),
        ({"track": "2020-01-01"}, "track: is given without a field of view"),
        ({"center": [0, 0], "size": [10, 10], "track": "noon"}, "track: 'noon' is not a time"),
    ],
)
def test_settings_without_meaning_are_refused(settings, message):
    with pytest.raises(SettingsError, match=message):
        register(small_exposure().image(small_sun()), **settings)


def test_a_field_of_view_smaller_than_a_pixel_is_refused():
    with pytest.raises(HeaderError, match=r"0\.2 x 10 arcsec is smaller than a pixel of 0\.6 arcsec"):
        register(small_exposure().image(small_sun()), center=[0, 0], size=[0.2, 10])


def test_history_names_the_field_of_view():
    field = register(small_exposure().image(small_sun()), center=[1.5, -2], size=[60, 30])
    assert "center=1.5 -2, size=60 30," in "".join(field.header["HISTORY"])


def test_sunpy_reads_a_field_of_view(whole, tmp_path: Path):
    sunpy_map = pytest.importorskip("sunpy.map")
    seen = sunpy_map.Map(aia_ccdproc.write(register(whole, **FIELD), tmp_path / "field.fits"))
    assert seen.center.Tx.to_value("arcsec") == pytest.approx(seen.meta["XCEN"], abs=1e-3)
    assert seen.center.Ty.to_value("arcsec") == pytest.approx(seen.meta["YCEN"], abs=1e-3)


@pytest.mark.slow
def test_the_same_field_of_a_real_full_disk_and_of_a_section_of_it(real_data: Path):
    (path,) = (real_data / "aia_level1").glob("*image_lev1.fits")
    full = aia_ccdproc.read(path)
    section = full[1000:1700, 2200:3000]
    field = {"center": [330, -420], "size": [300, 240]}
    first, second = (register(image, **field) for image in (full, section))
    np.testing.assert_array_equal(first.data, second.data)
    assert first.shape == (400, 500)


# -- rotation of the Sun ---------------------------------------------------------------------------

START = "2020-01-01T00:00:00"


def rotated_source(time: str, latitude: float, longitude: float) -> tuple[Source, dict[str, float]]:
    """Return a source on the rotating Sun, and the observer of an exposure.

    The source rotates about the axis of the Sun in an inertial frame, with the rates of Howard et al. (1990): 2.894 -
    0.428 sin^2 - 0.370 sin^4 microradians per second.
    """
    from sunpy.coordinates import HeliocentricInertial, HeliographicStonyhurst, Helioprojective, get_earth

    sine = np.sin(np.radians(latitude)) ** 2
    rate = (2.894 - 0.428 * sine - 0.370 * sine**2) * 1e-6
    start = HeliographicStonyhurst(longitude * u.deg, latitude * u.deg, 695700 * u.km, obstime=START)
    inertial = start.transform_to(HeliocentricInertial(obstime=START))
    turned = inertial.lon + rate * (Time(time) - Time(START)).to_value("s") * u.rad
    now = HeliocentricInertial(turned, inertial.lat, inertial.distance, obstime=time)
    earth = get_earth(time)
    seen = now.transform_to(Helioprojective(obstime=time, observer=earth))
    observer = {
        "HGLN_OBS": 0.0,
        "HGLT_OBS": earth.lat.to_value("deg"),
        "CRLT_OBS": earth.lat.to_value("deg"),
        "DSUN_OBS": earth.radius.to_value("m"),
        "RSUN_REF": 695700000.0,
    }
    return Source(seen.Tx.to_value("arcsec"), seen.Ty.to_value("arcsec"), 1000.0, 1.8), observer


def test_a_tracked_source_stays_in_its_pixel_for_a_day():
    """At three latitudes, every eight hours: within 0.1 pixel."""
    pytest.importorskip("sunpy")
    for latitude, longitude in [(-3.0, -10.0), (28.0, 20.0), (-45.0, 5.0)]:
        center = None
        pixels = []
        for hours in (0, 8, 16, 24):
            time = (Time(START) + hours * u.hour).isot
            source, observer = rotated_source(time, latitude, longitude)
            center = center or (source.x, source.y)
            corner = (int(2048 + source.x / 0.6 - 60), int(2048 + source.y / 0.6 - 60))
            exposure = Exposure(time=time, corner=corner, shape=(120, 120), keywords=observer)
            image = exposure.image(Sun(disk=0, corona=0, sources=(source,)))
            field = register(image, center=center, size=(40, 40), track=START)
            column, row = fit_source(field, source)[:2]
            pixels.append((column, row))
            assert field.shape == (67, 67)
        assert np.ptp(pixels, axis=0).max() < 0.1
        assert np.abs(np.subtract(pixels[0], 33)).max() <= 0.51  # in the middle, to half a pixel


def test_a_point_that_cannot_be_followed_is_refused():
    pytest.importorskip("sunpy")
    image = small_exposure().image(small_sun())
    with pytest.raises(StateError, match=r"center \(1100, 0\) is not on the disk at 2020-01-01"):
        register(image, center=[1100, 0], size=[40, 40], track=START)
    with pytest.raises(StateError, match=r"is behind the limb at 2020-01-01T00:00:11"):
        register(image, center=[300, 0], size=[40, 40], track="2019-12-24")
    del image.header["DSUN_OBS"]
    image.wcs.wcs.aux.dsun_obs = None
    with pytest.raises(HeaderError, match="track: the image has no observer"):
        register(image, center=[0, 0], size=[40, 40], track=START)


def test_the_files_of_a_tracked_field_have_one_shape_and_the_position_of_each_time(tmp_path: Path):
    pytest.importorskip("sunpy")
    exposures = [small_exposure(time=f"2020-01-01T{hour:02}:00:11") for hour in (0, 6)]
    outputs = [register(e.image(small_sun()), center=[0, 0], size=[30, 20], track=START) for e in exposures]
    headers = [fits.getheader(aia_ccdproc.write(o, tmp_path / f"{i}.fits")) for i, o in enumerate(outputs)]
    assert headers[0]["NAXIS1"] == headers[1]["NAXIS1"] == 50
    assert 50 < headers[1]["XCEN"] - headers[0]["XCEN"] < 65  # 13.2 degrees a day at the equator
