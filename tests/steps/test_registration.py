"""Registration: geometry, brightness, masks and uncertainty of synthetic images whose true values are known."""

from __future__ import annotations

import copy
import tracemalloc

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.nddata import CCDData, InverseVariance, StdDevUncertainty, UnknownUncertainty, VarianceUncertainty
from astropy.wcs import WCS, Sip
from scenes import (
    EUV_CHANNELS,
    FULL_SUN,
    POINTS,
    POINTS_ONLY,
    fit_source,
    limb_center,
    pixel_of,
    position_errors,
    small_exposure,
    small_sun,
)

import aia_ccdproc
from aia_ccdproc import HeaderError, InstrumentError, PluginError, StateError, register, update_pointing
from aia_ccdproc.synthetic import RSUN_OBS, Exposure, Source, Sun

FAST_METHODS = ["nearest-neighbor", "bilinear", "biquadratic", "bicubic"]
METHODS = [*FAST_METHODS, "adaptive-hann", "adaptive-gaussian", "exact"]
#: The same with marks, for tests that take seconds with the slower methods.
ALL_METHODS = [*FAST_METHODS, *(pytest.param(method, marks=pytest.mark.slow) for method in METHODS[4:])]


@pytest.fixture(scope="module")
def small() -> CCDData:
    return small_exposure().image(small_sun())


@pytest.fixture(scope="module")
def whole() -> CCDData:
    return Exposure(roll=0.4).image(FULL_SUN)


@pytest.fixture(scope="module")
def whole_registered(whole: CCDData) -> CCDData:
    return register(whole)


def assert_level15(ccd: CCDData, scale: float = 0.6) -> None:
    np.testing.assert_allclose(ccd.wcs.wcs.get_pc(), np.eye(2), rtol=0, atol=1e-12)
    np.testing.assert_allclose(ccd.wcs.wcs.get_cdelt() * 3600, scale, rtol=1e-12)
    assert [ccd.header["CDELT1"], ccd.header["CDELT2"], ccd.header["CROTA2"]] == [scale, scale, 0]
    assert [ccd.header["CRVAL1"], ccd.header["CRVAL2"]] == [0, 0]
    assert ccd.header["LVL_NUM"] == 1.5
    assert not {"PC1_1", "PC1_2", "CD1_1", "DATAMIN", "BLANK"} & set(ccd.header)


# -- the grid ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_register_makes_the_level15_grid_exactly(whole_registered):
    assert whole_registered.shape == (4096, 4096)
    assert whole_registered.data.dtype == np.float32
    assert whole_registered.header["CRPIX1"] == whole_registered.header["CRPIX2"] == 2048.5
    assert_level15(whole_registered)
    assert whole_registered.header["R_SUN"] == pytest.approx(RSUN_OBS / 0.6)
    assert whole_registered.header["XCEN"] == whole_registered.header["YCEN"] == 0


@pytest.mark.slow
def test_register_puts_sun_center_at_crpix(whole_registered):
    center = limb_center(whole_registered, RSUN_OBS / 0.6)
    np.testing.assert_allclose(center, 2047.5, atol=0.05)


@pytest.mark.slow
def test_register_places_point_sources_within_a_hundredth_of_a_pixel_over_the_whole_disk(whole_registered):
    assert position_errors(whole_registered, POINTS).max() < 0.01


@pytest.mark.slow
def test_all_euv_channels_of_one_record_are_aligned_with_each_other(pointing_path):
    """Each channel has its own center, scale and roll, and a header that is wrong by some pixels."""
    positions = []
    for number, channel in enumerate(EUV_CHANNELS):
        exposure = Exposure(channel=channel, pointing_error=(number - 3.3, 2.1 - number))
        level15 = register(update_pointing(exposure.image(POINTS_ONLY), source=pointing_path))
        assert level15.shape == (4096, 4096)
        assert_level15(level15)
        positions.append([fit_source(level15, source)[:2] for source in POINTS])
    apart = np.asarray(positions)[:, None] - np.asarray(positions)[None]
    assert np.hypot(apart[..., 0], apart[..., 1]).max() < 0.01


@pytest.mark.slow
def test_an_image_taken_upside_down_is_rotated():
    level15 = register(Exposure(roll=180.0).image(POINTS_ONLY))
    assert_level15(level15)
    assert position_errors(level15, POINTS).max() < 0.01


@pytest.mark.parametrize("binning", [2, 4, 8])
def test_a_binned_image_keeps_its_binning(binning):
    sources = tuple(Source(x, y, 1000, 1.6 * 0.6 * binning) for x, y in [(0, 0), (500, -300), (-700, 800)])
    level15 = register(Exposure(binning=binning).image(Sun(disk=0, corona=0, sources=sources)))
    side = 4096 // binning
    assert level15.shape == (side, side)
    assert level15.header["CRPIX1"] == (side + 1) / 2
    assert_level15(level15, 0.6 * binning)
    assert position_errors(level15, sources).max() < 0.01


@pytest.mark.slow
def test_the_pixels_of_a_cutout_are_pixels_of_the_full_disk():
    exposure = {"roll": 0.3}
    cutout = register(small_exposure(**exposure).image(small_sun()))
    full = register(Exposure(**exposure).image(small_sun()))
    for axis in (1, 2):
        assert cutout.header[f"CRPIX{axis}"] % 1 == 0.5
    left, bottom = (int(2048.5 - cutout.header[f"CRPIX{axis}"]) for axis in (1, 2))
    same = full.data[bottom : bottom + cutout.shape[0], left : left + cutout.shape[1]]
    inside = (slice(20, -20), slice(20, -20))
    np.testing.assert_allclose(cutout.data[inside], same[inside], atol=2e-3)


def test_the_grid_covers_a_cutout_without_extra_pixels():
    cutout = register(small_exposure(roll=1.0).image(small_sun()))
    covered = np.isfinite(cutout.data)
    # The image is rotated: its corners reach the outermost pixels, and cover the center of the next ones.
    for edge in (covered[:2], covered[-2:], covered[:, :2], covered[:, -2:]):
        assert edge.any()
    middle = cutout.wcs.wcs_pix2world([[(cutout.shape[1] - 1) / 2, (cutout.shape[0] - 1) / 2]], 0)[0] * 3600
    assert cutout.header["XCEN"] == pytest.approx((middle[0] + 180 * 3600) % (360 * 3600) - 180 * 3600, abs=1e-5)
    assert cutout.header["YCEN"] == pytest.approx(middle[1], abs=1e-5)


def test_a_cutout_that_is_already_on_the_grid_does_not_grow():
    level15 = register(small_exposure().image(small_sun()))
    again = register(level15, force=True)
    assert again.shape == level15.shape
    assert again.header["CRPIX1"] == level15.header["CRPIX1"]
    np.testing.assert_allclose(again.data[~again.mask], level15.data[~again.mask], atol=1e-3)


def test_a_plate_scale_that_is_not_a_whole_multiple_is_refused(small):
    odd = copy.deepcopy(small)
    odd.wcs.wcs.cdelt = odd.wcs.wcs.cdelt * 1.4
    with pytest.raises(HeaderError, match=r"not a whole multiple of that of AIA, 0\.6 arcsec.*target="):
        register(odd)


# -- brightness ----------------------------------------------------------------------------------

#: Sources that are wide enough for every kernel, and far from the edges.
BLOBS = Sun(disk=0, corona=0, sources=tuple(Source(x, y, 800, 3.0) for x, y in [(-30, -20), (0, 10), (30, -5)]))


@pytest.mark.parametrize("conserve", ["brightness", "counts"])
@pytest.mark.parametrize("options", [{}, {"roll": 180.0, "corner": (1930, 1870)}, {"channel": 335}])
def test_the_total_is_conserved(conserve, options):
    level1 = small_exposure(**options).image(BLOBS)
    level15 = register(level1, conserve=conserve, fill=0)
    before, after = level1.data.sum(dtype=float), level15.data.sum(dtype=float)
    area = (0.6 / level1.header["CDELT1"]) ** 2 if conserve == "brightness" else 1
    assert after * area == pytest.approx(before, rel=1e-5)


@pytest.mark.parametrize("conserve", ["brightness", "counts"])
def test_the_total_of_a_binned_image_is_conserved(conserve):
    sources = tuple(Source(x, y, 800, 40.0) for x, y in [(-300, -200), (0, 500), (700, -100)])
    level1 = Exposure(binning=16).image(Sun(disk=0, corona=0, sources=sources))
    level15 = register(level1, conserve=conserve, fill=0)
    area = (9.6 / level1.header["CDELT1"]) ** 2 if conserve == "brightness" else 1
    assert level15.data.sum(dtype=float) * area == pytest.approx(level1.data.sum(dtype=float), rel=1e-5)


def test_counts_are_conserved_if_the_projections_differ():
    """The pixel area then depends on the position."""
    level1 = small_exposure().image(BLOBS)
    header = register(level1).header
    header["CTYPE1"], header["CTYPE2"] = "HPLN-CAR", "HPLT-CAR"
    level15 = register(level1, conserve="counts", fill=0, target=header)
    assert level15.data.sum(dtype=float) == pytest.approx(level1.data.sum(dtype=float), rel=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_a_flat_image_stays_flat(method):
    level1 = small_exposure(shape=(60, 70)).image(small_sun())
    level1.data[:] = 100
    level15 = register(level1, method=method)
    np.testing.assert_allclose(level15.data[10:-10, 10:-10], 100, rtol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_puts_a_source_at_its_position(method):
    source = Source(0, 0, 500, 2.5)
    level1 = small_exposure(corner=(2030, 1970), shape=(80, 80)).image(Sun(disk=0, corona=0, sources=(source,)))
    # The kernels of these two do not conserve the first moment: they shift a source by a fraction of a pixel.
    allowed = {"nearest-neighbor": 0.71, "adaptive-hann": 0.12}.get(method, 0.01)
    assert position_errors(register(level1, method=method), (source,)).max() < allowed


# -- masks ---------------------------------------------------------------------------------------

#: Size in pixels of the area in which a kernel has more than a hundredth of its weight.
REACH = {"nearest-neighbor": 1, "bilinear": 2, "biquadratic": 6, "bicubic": 6, "adaptive-gaussian": 4}


@pytest.mark.parametrize("method", list(REACH))
@pytest.mark.parametrize("how", ["nan", "mask"])
def test_a_bad_pixel_does_not_spread_beyond_the_kernel(small, method, how):
    bad = small.copy()
    row, column = 150, 160
    if how == "nan":
        bad.data[row, column] = np.nan
    else:
        bad.mask = np.zeros(bad.shape, dtype=bool)
        bad.mask[row, column] = True
        bad.data[row, column] = 1e7
    good, got = register(small, method=method), register(bad, method=method)
    touched = got.mask & ~(np.zeros(got.shape, bool) if good.mask is None else good.mask)
    rows, columns = np.nonzero(touched)
    assert np.ptp(rows) < REACH[method]
    assert np.ptp(columns) < REACH[method]
    x, y = got.wcs.wcs_world2pix(*bad.wcs.wcs_pix2world(column, row, 0), 0)
    assert abs(rows.mean() - y) < 1
    assert abs(columns.mean() - x) < 1
    clean = ~got.mask
    # At most a hundredth of the difference between the nearest good pixel and the true value remains.
    np.testing.assert_allclose(got.data[clean], good.data[clean], rtol=0, atol=0.01 * 20)
    assert np.isnan(got.data[touched]).all() == (how == "nan")


@pytest.mark.parametrize("method", ["bilinear", "bicubic"])
def test_the_value_of_a_masked_pixel_has_no_effect(small, method):
    results = []
    for value in (0.0, 1e7):
        bad = small.copy()
        bad.mask = np.zeros(bad.shape, dtype=bool)
        bad.mask[100:103, 50:60] = True
        bad.data[bad.mask] = value
        results.append(register(bad, method=method))
    np.testing.assert_array_equal(results[0].data, results[1].data)
    np.testing.assert_array_equal(results[0].mask, results[1].mask)


def test_nan_off_the_disk_stays_off_the_disk():
    """HMI has NaN off the disk."""
    level1 = Exposure(binning=8, roll=180.0).image(Sun(disk=500, corona=0, limb=0.5))
    x, y = (np.arange(512) - level1.wcs.wcs.crpix[i] + 1 for i in (0, 1))
    radius = np.hypot(x, y[:, None])
    level1.data[radius > 190] = np.nan
    level15 = register(level1)
    radius = np.hypot(*(np.indices(level15.shape) - 255.5))
    np.testing.assert_allclose(level15.data[radius < 185], 500, rtol=1e-5)
    assert np.isnan(level15.data[radius > 194]).all()
    np.testing.assert_array_equal(level15.mask, np.isnan(level15.data))


@pytest.mark.parametrize("fill", [0.0, -5.0])
def test_pixels_without_input_are_nan_and_masked_or_filled(fill):
    level1 = small_exposure(roll=5.0).image(small_sun())
    by_default, filled = register(level1), register(level1, fill=fill)
    assert by_default.mask.any()
    np.testing.assert_array_equal(np.isnan(by_default.data), by_default.mask)
    assert np.all(filled.data[filled.mask] == fill)
    np.testing.assert_array_equal(filled.mask, by_default.mask)


def test_an_image_without_a_good_pixel_is_refused(small):
    bad = small.copy()
    bad.data[:] = np.nan
    with pytest.raises(StateError, match="no pixel of the image is good"):
        register(bad)


# -- uncertainty ---------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ALL_METHODS)
def test_the_uncertainty_is_the_spread_of_the_noise(method):
    """The standard deviation of 60 registered images of white noise equals the propagated uncertainty."""
    exposure = small_exposure(shape=(72, 80), roll=0.5)
    level1 = exposure.image(small_sun())
    level1.uncertainty = StdDevUncertainty(np.full(level1.shape, 7, dtype=np.float32))
    random = np.random.default_rng(1)
    registered = []
    for _ in range(60):
        level1.data = random.normal(100, 7, level1.shape).astype(np.float32)
        registered.append(register(level1, method=method))
    inner = (slice(12, -12), slice(12, -12))
    measured = np.var([image.data for image in registered], axis=0, ddof=1)[inner]
    propagated = registered[0].uncertainty.array[inner] ** 2
    assert np.sqrt(measured.mean() / propagated.mean()) == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("kind", [StdDevUncertainty, VarianceUncertainty, InverseVariance])
def test_the_type_of_the_uncertainty_is_kept(small, kind):
    variance = VarianceUncertainty(np.full(small.shape, 4, dtype=np.float32))
    level1 = small.copy()
    level1.uncertainty = variance.represent_as(kind)
    level15 = register(level1)
    assert type(level15.uncertainty) is kind
    assert level15.uncertainty.array.dtype == np.float32
    back = level15.uncertainty.represent_as(VarianceUncertainty).array
    assert np.nanmean(back) == pytest.approx(4 * 0.75, rel=0.1)


def test_uncprop_names_how_the_variance_was_propagated(small):
    level1 = small.copy()
    assert "UNCPROP" not in register(level1).header
    level1.uncertainty = StdDevUncertainty(np.full(small.shape, 3, dtype=np.float32))
    assert register(level1).header["UNCPROP"] == "sum(w**2 var)"
    target = register(level1).header
    target["CTYPE1"], target["CTYPE2"] = "HPLN-CAR", "HPLT-CAR"
    assert register(level1, target=target).header["UNCPROP"] == "sum(w**2 var)"
    by_area = register(level1, target=target, method="adaptive-hann")
    assert by_area.header["UNCPROP"] == "sum(w**2 var), w by local derivative"
    by_area.uncertainty = None
    assert "UNCPROP" not in register(by_area, force=True).header


def test_conserving_counts_scales_the_uncertainty(small):
    level1 = small.copy()
    level1.uncertainty = StdDevUncertainty(np.full(small.shape, 3, dtype=np.float32))
    brightness, counts = (register(level1, conserve=what) for what in ("brightness", "counts"))
    ratio = (0.6 / level1.header["CDELT1"]) ** 2
    np.testing.assert_allclose(counts.uncertainty.array, brightness.uncertainty.array * ratio, rtol=1e-5)
    np.testing.assert_allclose(counts.data, brightness.data * ratio, rtol=1e-5)


def test_an_uncertainty_without_a_variance_is_refused(small):
    level1 = small.copy()
    level1.uncertainty = UnknownUncertainty(np.ones(small.shape))
    with pytest.raises(StateError, match="UnknownUncertainty cannot be resampled"):
        register(level1)


# -- targets -------------------------------------------------------------------------------------


def _target(small: CCDData, **changes: object) -> fits.Header:
    header = register(small).header.copy()
    header.update(changes)
    return header


@pytest.mark.parametrize("form", ["header", "wcs", "image", "path", "map"])
def test_a_target_may_have_many_forms(small, form, tmp_path):
    reference = register(small_exposure(shape=(128, 100)).image(small_sun()))
    target = {
        "header": lambda: reference.header,
        "wcs": lambda: reference.wcs,
        "image": lambda: reference,
        "path": lambda: aia_ccdproc.write(reference, tmp_path / "target.fits"),
        "map": lambda: pytest.importorskip("sunpy.map").Map(reference.data, reference.header),
    }[form]()
    level15 = register(small, target=target)
    assert level15.shape == reference.shape
    np.testing.assert_allclose(level15.wcs.wcs.crpix, reference.wcs.wcs.crpix)
    np.testing.assert_allclose(level15.data[10:-10, 10:-10], reference.data[10:-10, 10:-10], atol=2e-3)


@pytest.mark.parametrize("form", ["header", "path"])
def test_a_target_without_a_unit_is_read_like_an_image(small, form, tmp_path):
    target = _target(small)
    del target["CUNIT1"], target["CUNIT2"]
    if form == "path":
        fits.PrimaryHDU(np.zeros((target["NAXIS2"], target["NAXIS1"]), np.int16), target).writeto(tmp_path / "a.fits")
        target = tmp_path / "a.fits"
    with pytest.warns(aia_ccdproc.PrepWarning, match="target: CUNIT1 and CUNIT2 are missing; arcsec is assumed"):
        level15 = register(small, target=target)
    assert aia_ccdproc.images.plate_scale(level15.wcs) == pytest.approx(0.6)
    np.testing.assert_array_equal(level15.data, register(small).data)


def test_a_rolled_target_keeps_its_roll(small):
    level15 = register(small, target=_target(small, CROTA2=30.0))
    assert aia_ccdproc.images.roll_angle(level15.wcs) == pytest.approx(30)
    assert position_errors(level15, small_sun().sources[:3]).max() < 0.01


@pytest.mark.parametrize("target", [3, "no such file.fits", WCS(naxis=2)])
def test_an_invalid_target_is_refused(small, target):
    with pytest.raises((HeaderError, aia_ccdproc.ReadError, ValueError), match=r"target|no such file"):
        register(small, target=target)


def test_a_target_in_equatorial_coordinates_is_refused(small):
    stars = WCS(naxis=2)
    stars.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    stars.array_shape = (10, 10)
    with pytest.raises(HeaderError, match="the axes of the target are RA-- and DEC-, which sunpy cannot transform"):
        register(small, target=stars)


def test_saturated_pixels_are_treated_as_masked(small):
    saturated = small.copy()
    saturated.data[40:44, 50:53] = 16383
    result = register(saturated, saturation=16383)
    masked = small.copy()
    masked.mask = saturated.data >= 16383
    masked.data[:] = saturated.data
    np.testing.assert_array_equal(result.mask, register(masked).mask)
    np.testing.assert_array_equal(result.data, register(masked).data)
    extra = result.mask & ~register(small).mask if register(small).mask is not None else result.mask
    assert 12 <= extra.sum() < 90  # the kernel reaches 3 pixels
    assert "saturation=16383" in "".join(result.header["HISTORY"])
    assert not np.array_equal(register(saturated).data, result.data, equal_nan=True)


def test_a_target_without_a_shape_is_refused(small):
    wcs = register(small).wcs.deepcopy()
    wcs.array_shape = None
    with pytest.raises(HeaderError, match="target has no shape"):
        register(small, target=wcs)


# -- contract ------------------------------------------------------------------------------------


def test_the_input_is_not_changed():
    level1 = small_exposure().image(small_sun())
    level1.mask = level1.data > 500
    level1.uncertainty = StdDevUncertainty(np.sqrt(level1.data))
    before = level1.copy()
    register(level1, conserve="counts", fill=0)
    np.testing.assert_array_equal(level1.data, before.data)
    np.testing.assert_array_equal(level1.mask, before.mask)
    np.testing.assert_array_equal(level1.uncertainty.array, before.uncertainty.array)
    assert level1.header.tostring() == before.header.tostring()
    assert level1.wcs.to_header_string() == before.wcs.to_header_string()


@pytest.mark.slow
def test_registration_needs_little_memory_besides_input_and_output(whole):
    tracemalloc.start()
    try:
        level15 = register(whole)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak - level15.data.nbytes - level15.mask.nbytes < 150e6


def test_level15_is_registered_again_only_with_force(small):
    level15 = register(small)
    with pytest.raises(StateError, match=r"already at level 1\.5\. Set force = True"):
        register(level15)
    assert register(level15, force=True).shape == level15.shape


def test_an_unknown_method_names_the_nearest(small):
    with pytest.raises(PluginError, match="did you mean 'bicubic'"):
        register(small, method="bicubik")


def test_an_unknown_instrument_is_refused(small):
    foreign = small.copy()
    foreign.header["INSTRUME"] = "EIT"
    with pytest.raises(InstrumentError, match="INSTRUME='EIT'"):
        register(foreign)


def test_sources_are_at_their_positions_before_registration(small):
    """The WCS of the synthetic image is correct; otherwise agreement after registration would prove nothing."""
    for source in small_sun().sources:
        column, row = pixel_of(small, source.x, source.y)
        assert fit_source(small, source)[:2] == pytest.approx((column, row), abs=2e-3)


@pytest.mark.parametrize("coarser", [4, 12])
@pytest.mark.parametrize("method", ["bilinear", "bicubic", "adaptive-hann", "adaptive-gaussian", "exact"])
def test_the_missing_half_of_an_image_stays_missing(method: str, coarser: int) -> None:
    image = small_exposure(shape=(240, 240)).image(small_sun())
    image.data[:, 120:] = np.nan
    target = image.wcs.deepcopy()
    target.wcs.cdelt = target.wcs.cdelt * coarser
    target.wcs.crpix = (target.wcs.crpix - 0.5) / coarser + 0.5
    target.array_shape = (240 // coarser, 240 // coarser)
    result = register(image, method=method, target=target)
    right = result.data[:, 120 // coarser + 3 :]
    assert right.size
    assert np.isnan(right).all()
    assert np.isfinite(result.data[2:-2, 2 : 120 // coarser - 3]).all()


def test_an_uncertainty_in_another_unit_is_converted() -> None:
    image = small_exposure(shape=(60, 60)).image(small_sun())
    one, other = image.copy(), image.copy()
    one.uncertainty = StdDevUncertainty(np.full(image.shape, 15.0, np.float32))
    other.uncertainty = StdDevUncertainty(np.full(image.shape, 0.015, np.float32), unit=1000 * u.DN)
    results = [register(each).uncertainty.array for each in (one, other)]
    assert np.allclose(results[0], results[1], rtol=1e-5, equal_nan=True)


@pytest.mark.parametrize("kind", [VarianceUncertainty, StdDevUncertainty])
def test_a_negative_uncertainty_is_refused(kind: type) -> None:
    image = small_exposure(shape=(30, 30)).image(small_sun())
    image.uncertainty = kind(np.full(image.shape, -1.0, np.float32))
    with pytest.raises(StateError, match="negative values"):
        register(image)


# -- border and clipping -------------------------------------------------------------------------


def point_sources() -> CCDData:
    """Return a cutout with many narrow sources."""
    positions = np.random.default_rng(1).uniform(-60, 60, (60, 2))
    sources = tuple(Source(x, y, 500, 1.6) for x, y in positions)
    return small_exposure(corner=(1950, 1950), shape=(180, 180), roll=0.3).image(
        Sun(disk=50, corona=0, sources=sources)
    )


@pytest.mark.parametrize("method", METHODS)
def test_masked_borders_leave_only_pixels_that_a_larger_image_has_too(method: str) -> None:
    """At most a hundredth of the weight is outside: of some 1000 DN, less than 1 DN."""
    larger = point_sources()
    part = register(larger[50:130, 45:135], method=method, mask_border=True)
    expected = register(larger, method=method, target=part)
    kept = np.isfinite(part.data)
    assert np.abs(part.data[kept] - expected.data[kept]).max() < 1
    by_default = register(larger[50:130, 45:135], method=method)
    assert kept.sum() > 0.8 * np.isfinite(by_default.data).sum()
    np.testing.assert_array_equal(part.mask, ~kept)
    if method not in ("nearest-neighbor", "exact"):
        different = np.abs(by_default.data - expected.data)
        assert different[np.isfinite(different)].max() > 2


def test_the_border_of_an_image_with_sip_can_be_masked(small) -> None:
    distorted = small.copy()
    distorted.wcs = small.wcs.deepcopy()
    distorted.wcs.wcs.ctype = ["HPLN-TAN-SIP", "HPLT-TAN-SIP"]
    a = np.zeros((3, 3))
    a[2, 0] = 1e-6
    distorted.wcs.sip = Sip(a, a.T, None, None, [140.0, 120.0])
    target = register(small).wcs
    by_default, masked = (register(distorted, target=target, mask_border=border) for border in (False, True))
    kept = np.isfinite(masked.data)
    assert 0.9 < kept.sum() / np.isfinite(by_default.data).sum() < 1
    np.testing.assert_allclose(masked.data[kept][::7], by_default.data[kept][::7], atol=0.5)


@pytest.mark.parametrize("conserve", ["brightness", "counts"])
def test_clip_limits_the_result_to_the_range_of_the_image(conserve: str) -> None:
    image = point_sources()
    image.data = np.where(image.data > 300, 3000, 0).astype(np.float32)
    image.data[10, 10] = np.nan
    by_default, clipped = (register(image, conserve=conserve, clip=clip) for clip in (False, True))
    area = (0.6 / image.header["CDELT1"]) ** 2 if conserve == "counts" else 1
    assert np.nanmin(by_default.data) < -100
    assert np.nanmax(by_default.data) > 3100
    np.testing.assert_allclose(clipped.data, np.clip(by_default.data, 0, 3000 * area), rtol=1e-6)
    np.testing.assert_array_equal(clipped.mask, by_default.mask)
    assert "clip=True" in "".join(clipped.header["HISTORY"])
    assert "clip" not in "".join(by_default.header["HISTORY"])


def test_history_says_that_a_method_gives_no_uncertainty(small) -> None:
    level1 = small.copy()
    level1.uncertainty = StdDevUncertainty(np.full(small.shape, 3, dtype=np.float32))
    target = _target(small, CTYPE1="HPLN-CAR", CTYPE2="HPLT-CAR")
    result = register(level1, target=target, method="exact")
    assert result.uncertainty is None
    assert "register: exact gives no uncertainty on this map" in list(result.header["HISTORY"])
