"""Registration onto grids of other observers and of other times, compared with sunpy's ``reproject_to``."""

from __future__ import annotations

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.nddata import CCDData
from astropy.wcs import WCS

from aia_ccdproc import HeaderError, register
from aia_ccdproc.images import complete_header
from aia_ccdproc.images.times import observation_time
from aia_ccdproc.images.wcs import wcs_from_header
from aia_ccdproc.steps.views import same_observer, same_time, stonyhurst_longitude
from aia_ccdproc.steps.wcs_pair import wcs_pair
from aia_ccdproc.synthetic import Exposure, Source, Sun

sunpy_map = pytest.importorskip("sunpy.map")
frames = pytest.importorskip("sunpy.coordinates")

#: A whole Sun of 64 x 64 pixels, with sources at positions that are not symmetric.
SPOTS = tuple(Source(x, y, 800, 60.0) for x, y in [(0, 0), (500, 100), (-300, 600), (-600, -350), (200, -700)])
NEXT_DAY = "2020-01-02T00:00:00"
#: reproject's algorithm for each method, as sunpy names it.
REFERENCE = {
    "nearest-neighbor": ("interpolation", {"order": "nearest-neighbor"}),
    "bilinear": ("interpolation", {"order": "bilinear"}),
    "bicubic": ("interpolation", {"order": "bicubic"}),
    "adaptive-hann": ("adaptive", {"kernel": "hann", "boundary_mode": "ignore"}),
    "adaptive-gaussian": ("adaptive", {"kernel": "gaussian", "boundary_mode": "ignore"}),
}


@pytest.fixture(scope="module")
def level1() -> CCDData:
    return Exposure(binning=64).image(Sun(disk=100, corona=30, sources=SPOTS))


def helioprojective(level1: CCDData, longitude: float, **changes: object) -> fits.Header:
    """Return the level-1.5 grid as another observer sees it."""
    header = register(level1).header.copy()
    header.remove("CRLN_OBS")
    header.update({"HGLN_OBS": longitude, **changes})
    return header


def heliographic(level1: CCDData, system: str) -> WCS:
    """Return a map of the whole Sun, 4 degrees per pixel."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = [f"{system}LN-CAR", f"{system}LT-CAR"]
    wcs.wcs.cunit, wcs.wcs.cdelt, wcs.wcs.crpix = ["deg", "deg"], [4, 4], [45.5, 23]
    wcs.wcs.dateobs = level1.wcs.wcs.dateobs
    for name in ("dsun_obs", "hgln_obs", "hglt_obs", "rsun_ref"):
        setattr(wcs.wcs.aux, name, getattr(level1.wcs.wcs.aux, name))
    wcs.array_shape = (45, 90)
    return wcs


TARGETS = {
    "10 degrees": lambda level1: wcs_from_header(helioprojective(level1, 10.0)),
    "95 degrees": lambda level1: wcs_from_header(helioprojective(level1, 95.0)),
    "180 degrees": lambda level1: wcs_from_header(helioprojective(level1, 180.0)),
    "Carrington": lambda level1: heliographic(level1, "CR"),
    "Stonyhurst": lambda level1: heliographic(level1, "HG"),
    "a day later": lambda level1: wcs_from_header(helioprojective(level1, 0.0, **{"DATE-OBS": NEXT_DAY})),
}


def as_sunpy_map(ccd: CCDData, data: np.ndarray | None = None) -> object:
    """Return a map that reads time and observer from the keywords of the WCS only, as registration does."""
    header = complete_header(ccd)
    for keyword in ["T_OBS", *(key for key in header if key.startswith(("HAE", "GAE")))]:
        header.remove(keyword, ignore_missing=True)
    return sunpy_map.Map(ccd.data if data is None else data, header)


def source_frame(source: WCS) -> object:
    from astropy.wcs.utils import wcs_to_celestial_frame

    return wcs_to_celestial_frame(source)


@pytest.mark.parametrize("method", [*REFERENCE, "exact"])
@pytest.mark.parametrize("target", [name for name in TARGETS if name != "a day later"])
def test_only_what_the_observer_of_the_image_sees_is_filled(level1, target, method):
    wcs = TARGETS[target](level1)
    filled = np.isfinite(register(level1, target=wcs, method=method).data)
    y, x = np.indices(wcs.array_shape)
    position = wcs.pixel_to_world(x, y).make_3d().transform_to(source_frame(level1.wcs))
    visible = position.is_visible() & np.isfinite(position.Tx)
    assert not (filled & ~visible).any()
    if method in ("nearest-neighbor", "bilinear", "bicubic"):
        np.testing.assert_array_equal(filled, visible)


@pytest.mark.parametrize("method", REFERENCE)
@pytest.mark.parametrize("target", TARGETS)
def test_registration_onto_another_view_equals_reproject_to(level1, target, method):
    """sunpy also fills a rim beyond the limb, where a position and its mirror image are less than a pixel apart."""
    wcs = TARGETS[target](level1)
    ours = register(level1, target=wcs, method=method).data
    algorithm, options = REFERENCE[method]
    reference = as_sunpy_map(level1).reproject_to(wcs, algorithm=algorithm, **options).data
    filled = np.isfinite(ours)
    assert np.isfinite(reference[filled]).all()
    assert np.isfinite(reference).sum() - filled.sum() < 4 * sum(wcs.array_shape)
    np.testing.assert_allclose(ours[filled], reference[filled], atol=1e-3)


def test_the_wcs_of_the_result_gives_the_position_of_a_feature(level1):
    """For the target's WCS and for sunpy's reading of the result, also if the target is of another day."""
    target = helioprojective(level1, 30.0, **{"DATE-OBS": NEXT_DAY})
    result = register(level1, target=target)
    feature = level1.wcs.pixel_to_world(40, 35)
    expected = wcs_from_header(target).world_to_pixel(feature)
    read = sunpy_map.Map(result.data, result.header).world_to_pixel(feature)
    np.testing.assert_allclose(result.wcs.world_to_pixel(feature), expected, atol=1e-6)
    np.testing.assert_allclose(u.Quantity(read).value, expected, atol=1e-6)


def test_the_times_of_the_exposure_are_kept(level1):
    result = register(level1, target=helioprojective(level1, 30.0, **{"DATE-OBS": NEXT_DAY}))
    assert result.header["DATE-AVG"].startswith(NEXT_DAY)
    assert result.header["DATE-OBS"] == level1.header["DATE-OBS"]
    assert result.header["T_OBS_L1"] == level1.header["T_OBS"]
    assert observation_time(result.header) == observation_time(level1.header)
    assert "T_OBS" not in result.header  # sunpy would read the time of the grid from it
    now = register(level1, target=helioprojective(level1, 30.0))
    assert now.header["T_OBS"] == level1.header["T_OBS"]
    assert "DATE-AVG" not in now.header


@pytest.mark.parametrize("rotation", ["off", "differential"])
def test_the_sun_rotates_only_with_differential_rotation(level1, rotation):
    target = wcs_from_header(helioprojective(level1, 0.0, **{"DATE-OBS": NEXT_DAY}))
    result = register(level1, target=target, rotation=rotation)
    if rotation == "differential":
        with frames.propagate_with_solar_surface():
            reference = as_sunpy_map(level1).reproject_to(target, order="bicubic").data
    else:
        reference = as_sunpy_map(level1).reproject_to(target, order="bicubic").data
    filled = np.isfinite(result.data)
    np.testing.assert_allclose(result.data[filled], reference[filled], atol=1e-3)
    # The spot at disk center moves by 976 arcsec times the sine of 13.2 degrees in a day, in 38.4 arcsec per pixel.
    y, x = np.indices(result.shape)
    near = (np.hypot(x - 31.5, y - 31.5) < 10) & filled
    weight = np.where(near, result.data - np.nanmin(result.data[near]), 0)
    shift = (weight * x).sum() / weight.sum() - 31.5
    assert shift == pytest.approx(5.8 if rotation == "differential" else -0.44, abs=1.0)
    assert ("rotation=differential" in "".join(result.header["HISTORY"])) == (rotation == "differential")


@pytest.mark.parametrize("off_disk", ["spherical", "planar"])
def test_the_corona_off_the_disk_is_kept_on_a_screen(level1, off_disk):
    target = wcs_from_header(helioprojective(level1, 10.0))
    result = register(level1, target=target, off_disk=off_disk)
    screen = {"spherical": frames.SphericalScreen, "planar": frames.PlanarScreen}[off_disk]
    with screen(as_sunpy_map(level1).observer_coordinate, only_off_disk=True):
        reference = as_sunpy_map(level1).reproject_to(target, order="bicubic").data
    both = np.isfinite(result.data) & np.isfinite(reference)
    assert both.sum() > 1.15 * np.isfinite(register(level1, target=target).data).sum()
    assert both.sum() > 0.95 * np.isfinite(reference).sum()
    np.testing.assert_allclose(result.data[both], reference[both], atol=1e-3)
    assert np.isnan(register(level1, target=target).data[0]).all()


def test_a_target_beside_the_disk_is_masked_without_a_warning_of_sunpy(level1):
    assert register(level1, target=helioprojective(level1, 10.0, CRVAL1=9000.0)).mask.all()


def test_assumptions_of_sunpy_end_with_the_registration(level1):
    target = helioprojective(level1, 10.0, **{"DATE-OBS": NEXT_DAY})
    before = register(level1, target=target).data
    register(level1, target=target, off_disk="planar", rotation="differential")
    np.testing.assert_array_equal(register(level1, target=target).data, before)


# -- observers -----------------------------------------------------------------------------------


def carrington_only(header: fits.Header) -> fits.Header:
    """Write the observer as HMI's headers do: CRLN_OBS and CRLT_OBS, without HGLN_OBS and HGLT_OBS."""
    wcs = wcs_from_header(header)
    observer = source_frame(wcs).observer
    carrington = observer.transform_to(frames.HeliographicCarrington(obstime=observer.obstime, observer="self"))
    changed = header.copy()
    for keyword in ("HGLN_OBS", "HGLT_OBS"):
        changed.remove(keyword, ignore_missing=True)
    changed["CRLN_OBS"], changed["CRLT_OBS"] = carrington.lon.to_value("deg"), carrington.lat.to_value("deg")
    return changed


def test_an_observer_is_found_by_its_carrington_longitude(level1):
    there = helioprojective(level1, 25.0)
    by_carrington = wcs_from_header(carrington_only(there))
    assert by_carrington.wcs.aux.hgln_obs is None
    assert stonyhurst_longitude(by_carrington) == pytest.approx(25, abs=1e-6)
    assert same_observer(wcs_from_header(there), by_carrington)
    assert not same_observer(level1.wcs, by_carrington)


def test_an_image_with_only_a_carrington_longitude_is_reprojected(level1):
    """The headers of HMI give only a Carrington longitude."""
    there = helioprojective(level1, 25.0)
    expected = register(level1, target=there)
    result = register(level1, target=carrington_only(there))
    np.testing.assert_allclose(result.data, expected.data, atol=1e-3)
    assert result.header["HGLN_OBS"] == pytest.approx(25, abs=1e-6)
    hmi = level1.copy()
    hmi.wcs = wcs_from_header(carrington_only(complete_header(level1)))
    hmi.header = carrington_only(complete_header(level1))
    np.testing.assert_allclose(register(hmi, target=there).data, expected.data, atol=1e-3)
    assert not any(wcs.has_celestial for wcs in wcs_pair(hmi.wcs, hmi.wcs))


def test_times_less_than_a_minute_apart_are_the_same(level1):
    later = wcs_from_header(helioprojective(level1, 0.0, **{"DATE-OBS": "2020-01-01T00:00:30"}))
    assert same_time(level1.wcs, later)
    assert not same_time(level1.wcs, later, "differential")
    assert not same_time(level1.wcs, wcs_from_header(helioprojective(level1, 0.0, **{"DATE-OBS": NEXT_DAY})))


def test_an_image_without_an_observer_cannot_be_seen_by_another(level1):
    alone = level1.wcs.deepcopy()
    for name in ("dsun_obs", "hgln_obs", "crln_obs"):
        setattr(alone.wcs.aux, name, None)
    target = heliographic(level1, "HG")
    for name in ("dsun_obs", "hgln_obs", "crln_obs"):
        setattr(target.wcs.aux, name, None)
    with pytest.raises(HeaderError, match="the image has no observer"):
        wcs_pair(alone, target)
