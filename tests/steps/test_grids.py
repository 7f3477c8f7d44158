"""The level-1.5 grid, and when the map between two grids is affine."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from astropy.wcs import WCS, DistortionLookupTable
from astropy.wcs.utils import pixel_to_pixel
from scenes import small_exposure, small_sun

from aia_ccdproc import HeaderError, Instrument, register
from aia_ccdproc.images.wcs import wcs_from_header
from aia_ccdproc.resampling.engine import resample
from aia_ccdproc.steps.aia import AIA
from aia_ccdproc.steps.level15_grid import level15_grid
from aia_ccdproc.steps.wcs_pair import is_affine, wcs_pair
from aia_ccdproc.synthetic import Exposure, Sun


def header(**changes: object):
    cards = small_exposure().header()
    cards.update(changes)
    return cards


def pair(**changes: object) -> tuple[WCS, WCS]:
    target = header(CROTA2=0.0, CDELT1=0.6, CDELT2=0.6)
    target.update(changes)
    return wcs_pair(wcs_from_header(header()), wcs_from_header(target))


#: Targets for which the map is affine. LATPOLE has no effect on a tangent projection: CRVAL2 determines it.
AFFINE = {
    "unchanged": {},
    "rolled": {"CROTA2": 30.0},
    "other scale": {"CDELT1": 2.4, "CDELT2": 2.4},
    "pixels that are not square": {"CDELT1": 0.5, "CDELT2": 0.7},
    "mirrored": {"CDELT1": -0.6},
    "other center": {"CRPIX1": -300.0, "CRPIX2": 4000.5},
    "in degrees": {"CUNIT1": "deg", "CUNIT2": "deg", "CDELT1": 0.6 / 3600, "CDELT2": 0.6 / 3600},
    "by PC": {"CROTA2": None, "PC1_1": 0.8, "PC1_2": -0.6, "PC2_1": 0.6, "PC2_2": 0.8},
    "by CD": {
        **dict.fromkeys(["CROTA2", "CDELT1", "CDELT2"]),
        **{"CD1_1": 0.48, "CD1_2": -0.36, "CD2_1": 0.36, "CD2_2": 0.48},
    },
    "LONPOLE given": {"LONPOLE": 180.0},
    "LATPOLE": {"LATPOLE": 45.0},
    "some seconds later": {"DATE-OBS": "2020-01-01T00:00:20"},
    "observer almost the same": {"HGLN_OBS": 1e-7},
}
#: Targets for which the map is not affine.
NOT_AFFINE = {
    "CRVAL1": {"CRVAL1": 0.1},
    "CRVAL2": {"CRVAL2": -3.0},
    "CAR": {"CTYPE1": "HPLN-CAR", "CTYPE2": "HPLT-CAR"},
    "SIN": {"CTYPE1": "HPLN-SIN", "CTYPE2": "HPLT-SIN"},
    "ARC": {"CTYPE1": "HPLN-ARC", "CTYPE2": "HPLT-ARC"},
    "LONPOLE": {"LONPOLE": 170.0},
    "PV": {"PV2_1": 0.1},
    "PV for LONPOLE": {"PV1_3": 170.0},
    "TPV": {"CTYPE1": "HPLN-TPV", "CTYPE2": "HPLT-TPV", "PV1_1": 1.0, "PV1_4": 1e-3, "PV2_1": 1.0},
    "SIP": {
        **{"CTYPE1": "HPLN-TAN-SIP", "CTYPE2": "HPLT-TAN-SIP"},
        **{"A_ORDER": 2, "B_ORDER": 2, "A_2_0": 1e-6, "B_0_2": 1e-6},
    },
}


@pytest.mark.parametrize("changes", AFFINE.values(), ids=AFFINE)
def test_tangent_projections_about_the_same_point_become_linear_exactly(changes):
    """For every way to write the target; to a millionth of a pixel over a full frame."""
    target = header(CROTA2=0.0, CDELT1=0.6, CDELT2=0.6)
    for keyword, value in changes.items():
        target[keyword] = value
        if value is None:
            del target[keyword]
    source, target = wcs_from_header(header()), wcs_from_header(target)
    linear = wcs_pair(source, target)
    assert not any(wcs.has_celestial for wcs in linear)
    y, x = (v.ravel() for v in np.mgrid[-2000:2000:5j, -2000:2000:5j])
    sky = target.wcs_pix2world(x, y, 0)
    np.testing.assert_allclose(pixel_to_pixel(*linear[::-1], x, y), source.wcs_world2pix(*sky, 0), rtol=0, atol=1e-6)


@pytest.mark.parametrize("changes", NOT_AFFINE.values(), ids=NOT_AFFINE)
def test_a_map_that_is_not_affine_stays_celestial_in_both_directions(changes):
    plain, distorted = wcs_from_header(header()), wcs_from_header(header(**changes))
    for one, other in [(plain, distorted), (distorted, plain)]:
        assert not is_affine(one, other)
        assert all(wcs.has_celestial for wcs in wcs_pair(one, other))
        assert wcs_pair(one, other)[0].wcs.ctype[0].startswith("RA--")


@pytest.mark.parametrize("table", ["cpdis1", "cpdis2", "det2im1", "det2im2"])
def test_a_map_with_a_distortion_table_is_not_affine(table):
    plain, distorted = wcs_from_header(header()), wcs_from_header(header())
    displacement = DistortionLookupTable(np.full((2, 2), 3, np.float32), (1, 1), (1, 1), (300, 300))
    setattr(distorted, table, displacement)
    assert not is_affine(plain, distorted)
    assert not is_affine(distorted, plain)


def test_the_map_to_another_observer_is_left_to_sunpy():
    pytest.importorskip("sunpy")
    assert pair(HGLN_OBS=5.0)[0].wcs.ctype[0] == "HPLN-TAN"
    assert pair(DSUN_OBS=1.2e11)[0].wcs.ctype[0] == "HPLN-TAN"


def test_another_time_is_another_view():
    """The Earth, and with it the observer, moves around the Sun."""
    pytest.importorskip("sunpy")
    assert pair(**{"DATE-OBS": "2020-01-02T00:00:00"})[0].wcs.ctype[0] == "HPLN-TAN"
    without_observer = {"DSUN_OBS": None, "HGLN_OBS": None, "CRLN_OBS": None, "DATE-OBS": "2020-01-02T00:00:00"}
    assert not any(wcs.has_celestial for wcs in pair(**without_observer))


def test_another_observer_needs_sunpy(monkeypatch):
    monkeypatch.setitem(sys.modules, "sunpy.coordinates", None)
    with pytest.raises(HeaderError, match=r"differ in their axes or in their observer.*aia-ccdproc\[sunpy\]"):
        pair(HGLN_OBS=5.0)


@pytest.mark.parametrize("keywords", [{"CRPIX1": 1e18}, {"CRPIX2": -500.0}, {"CRVAL1": 1e5}])
def test_a_full_frame_far_from_the_sun_is_refused(keywords: dict[str, float]):
    cards = Exposure(binning=32).header()
    assert level15_grid((128, 128), wcs_from_header(cards), AIA).shape == (128, 128)
    cards.update(keywords)
    with pytest.raises(HeaderError, match=r"CRPIX is .*, which puts the image far from the Sun"):
        level15_grid((128, 128), wcs_from_header(cards), AIA)


@pytest.mark.parametrize("crpix", [1e12, -3e7])
def test_a_cutout_far_from_the_sun_is_refused(crpix: float):
    image = small_exposure(shape=(30, 40)).image(small_sun())
    image.wcs.wcs.crpix = [crpix, 10.0]
    with pytest.raises(HeaderError, match=r"CRPIX is \(.*\), which puts the image far from the Sun"):
        register(image)


def test_a_target_without_an_observer_has_that_of_the_image():
    target = header(CROTA2=0.0)
    for keyword in ("DSUN_OBS", "HGLN_OBS", "HGLT_OBS"):
        del target[keyword]
    assert not wcs_pair(wcs_from_header(header()), wcs_from_header(target))[1].has_celestial


@pytest.mark.parametrize("method", ["nearest-neighbor", "bilinear", "bicubic", "adaptive-hann"])
def test_linear_and_celestial_wcs_give_the_same_image(method):
    """The difference is below 1e-4 DN for 200 DN."""
    level1 = small_exposure().image(small_sun())
    level1.data *= 200 / level1.data.max()
    source, target = level1.wcs, wcs_from_header(register(level1).header)
    shape = target.array_shape
    linear = resample(level1.data, None, None, *wcs_pair(source, target), shape, method)
    named = []
    for wcs in (source, target):
        celestial = wcs.deepcopy()
        celestial.wcs.ctype = ["RA---TAN", "DEC--TAN"]
        named.append(celestial)
    celestial = resample(level1.data, None, None, *named, shape, method)
    assert np.nanmax(np.abs(linear.data - celestial.data)) < 1e-4
    np.testing.assert_array_equal(linear.flags, celestial.flags)


def test_another_observer_sees_the_sun_rotated():
    """A point at disk center moves by R sin(angle) when the observer moves by an angle."""
    pytest.importorskip("sunpy")
    level1 = small_exposure().image(small_sun())
    target = register(level1).header.copy()
    target["HGLN_OBS"] = 1.0
    rotated = register(level1, target=target)
    assert rotated.header["HGLN_OBS"] == 1.0
    row, column = np.unravel_index(np.nanargmax(np.where(rotated.mask, 0, rotated.data)), rotated.shape)
    peaks = {(s.x, s.y) for s in small_sun().sources}
    x, y = rotated.wcs.wcs_pix2world(column, row, 0)
    x = ((float(x) + 180) % 360 - 180) * 3600
    shift = 976.0 * np.sin(np.radians(1.0))
    assert min(np.hypot(x - px + shift, float(y) * 3600 - py) for px, py in peaks) < 2.5


def test_the_whole_disk_is_seen_by_another_observer():
    """The edges of the image are off the disk, where positions are undefined for another observer."""
    pytest.importorskip("sunpy")
    level1 = Exposure(binning=32).image(Sun(disk=100, corona=0, sources=()))
    target = register(level1).header.copy()
    target["HGLN_OBS"] = 10.0
    rotated = register(level1, target=target)
    radius = np.hypot(*(np.indices(rotated.shape) - 63.5)) * 19.2
    assert np.isfinite(rotated.data[radius < 800]).mean() > 0.9
    np.testing.assert_allclose(rotated.data[radius < 600], 100, rtol=0.02)
    assert rotated.header["HGLN_OBS"] == 10.0
    assert "HAEX_OBS" not in rotated.header
    assert rotated.header["DATE-OBS"] == level1.header["DATE-OBS"]
    assert "CRLN_OBS" not in rotated.header or rotated.header["CRLN_OBS"] == target["CRLN_OBS"]


def test_a_target_of_another_time_leaves_the_exposures_own_times():
    level1 = small_exposure().image(small_sun())
    target = register(level1).header.copy()
    target["DATE-OBS"] = "2019-05-05T00:00:00"
    registered = register(level1, target=target)
    assert registered.header["DATE-OBS"] == level1.header["DATE-OBS"]
    assert registered.wcs.wcs.dateobs.startswith("2020-01-01")


def test_a_cutout_of_coarse_pixels_is_cropped_from_the_level_15_grid():
    coarse = Instrument("COARSE", plate_scale=0.6 * 8, shape=(512, 512))
    cutout = Exposure(binning=8, corner=(230, 240), shape=(20, 30)).header()
    grid = level15_grid((20, 30), wcs_from_header(cutout), coarse)
    assert grid.shape == pytest.approx((160, 240), abs=4)
    assert (grid.wcs.wcs.crpix - 2048.5) % 1 == pytest.approx([0, 0])
    whole = level15_grid((512, 512), wcs_from_header(Exposure(binning=8).header()), coarse)
    assert (whole.shape, list(whole.wcs.wcs.crpix)) == ((4096, 4096), [2048.5, 2048.5])
