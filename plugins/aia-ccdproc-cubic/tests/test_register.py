"""Tests of the methods as a user calls them: through `register`, recipes and ``aia-prep``."""

from __future__ import annotations

import subprocess
import sys
import warnings

import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import CCDData
from astropy.wcs import WCS
from scenes import fit_source, pixel_of, small_exposure, small_sun

import aia_ccdproc
from aia_ccdproc import Recipe, RecipeError, SettingsError, register
from aia_ccdproc.__main__ import main
from aia_ccdproc.synthetic import Exposure, Source, Sun
from aia_ccdproc_cubic import prep_resample

METHODS = ["cubic-convolution", "cubic-spline"]


@pytest.fixture(scope="module")
def small() -> CCDData:
    return small_exposure(roll=0.3).image(small_sun())


@pytest.mark.parametrize("method", METHODS)
def test_sources_are_at_the_positions_that_the_wcs_gives(small, method):
    level15 = register(small, method=method)
    for source in small_sun().sources:
        place = fit_source(level15, source)[:2]
        assert np.hypot(*np.subtract(place, pixel_of(level15, source.x, source.y))) < 0.01


def test_cubic_spline_gives_the_pixels_of_reprojects_bicubic(small):
    ours, theirs = register(small, method="cubic-spline"), register(small, method="bicubic")
    inner = (slice(20, -20), slice(20, -20))
    np.testing.assert_allclose(ours.data[inner], theirs.data[inner], rtol=0, atol=1e-4)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("longitude", [10.0, 95.0, 180.0])
def test_the_far_side_of_the_sun_is_not_filled(method, longitude):
    """For an observer at another longitude, the same pixels are filled as by the methods of the core."""
    pytest.importorskip("sunpy")
    whole = Exposure(binning=64).image(Sun(disk=100, corona=30, sources=()))
    target = register(whole).header.copy()
    target["HGLN_OBS"] = longitude
    target.remove("CRLN_OBS")
    ours, theirs = (register(whole, target=target, method=each) for each in (method, "bicubic"))
    np.testing.assert_array_equal(np.isfinite(ours.data), np.isfinite(theirs.data))
    np.testing.assert_array_equal(ours.mask, theirs.mask)


@pytest.mark.parametrize("method", METHODS)
def test_masked_borders_leave_only_pixels_that_a_larger_image_has_too(small, method):
    part = register(small[50:150, 60:200], method=method, mask_border=True)
    expected = register(small, method=method, target=part)
    kept = np.isfinite(part.data)
    assert 0.8 < kept.sum() / np.isfinite(register(small[50:150, 60:200], method=method).data).sum() < 1
    np.testing.assert_allclose(part.data[kept], expected.data[kept], rtol=0, atol=0.5)


@pytest.mark.parametrize("method", METHODS)
def test_another_projection_is_resampled_as_by_reproject(small, method):
    header = register(small).header
    header["CTYPE1"], header["CTYPE2"] = "HPLN-CAR", "HPLT-CAR"
    ours, theirs = (register(small, method=name, target=header) for name in (method, "bicubic"))
    inner = (slice(20, -20), slice(20, -20))
    tolerance = 2e-3 if method == "cubic-spline" else 2.5  # DN, of a peak of 600: the kernels differ by as much
    np.testing.assert_allclose(ours.data[inner], theirs.data[inner], rtol=0, atol=tolerance)


@pytest.mark.parametrize("method", METHODS)
def test_pixels_off_the_disk_are_nan_for_another_observer(small, method):
    pytest.importorskip("sunpy.coordinates")
    header = register(small).header
    header["HGLN_OBS"], header["CRLN_OBS"] = 10.0, 80.36
    ours, theirs = (register(small, method=name, target=header) for name in (method, "bicubic"))
    np.testing.assert_array_equal(np.isnan(ours.data), np.isnan(theirs.data))


@pytest.mark.parametrize("method", METHODS)
def test_the_value_of_a_bad_pixel_does_not_matter_and_is_masked(small, method):
    results = []
    for value in (0.0, 1e7):
        bad = small.copy()
        bad.mask = np.zeros(bad.shape, dtype=bool)
        bad.mask[100:103, 50:60] = True
        bad.data[bad.mask] = value
        results.append(register(bad, method=method))
    np.testing.assert_array_equal(results[0].data, results[1].data)
    np.testing.assert_array_equal(results[0].mask, results[1].mask)
    clean = register(small, method=method)
    grown = (results[0].mask & ~clean.mask).sum()
    assert 30 <= grown <= (3 + 6) * (10 + 6)


@pytest.mark.parametrize("method", METHODS)
def test_nan_spreads_no_farther_than_the_kernel_reaches(small, method):
    bad = small.copy()
    bad.data[150, 160] = np.nan
    lost = np.isnan(register(bad, method=method).data) & ~np.isnan(register(small, method=method).data)
    rows, columns = np.nonzero(lost)
    assert 1 <= lost.sum() <= 25
    assert max(np.ptp(rows), np.ptp(columns)) <= 5


def test_the_parameter_is_used_and_recorded(small):
    by_default, soft, sharp = (register(small, method="cubic-convolution", parameter=a) for a in (None, -0.25, -0.75))
    same = register(small, method="cubic-convolution", parameter=-0.5)
    np.testing.assert_array_equal(by_default.data, same.data)
    widths = [fit_source(image, small_sun().sources[1])[3] for image in (soft, by_default, sharp)]
    assert widths == sorted(widths, reverse=True)
    assert "method=cubic-convolution, parameter=-0.75" in "".join(sharp.header["HISTORY"])


def test_the_method_alone_selects_the_kernel():
    grid = WCS(naxis=2)
    grid.wcs.crpix = [10.3, 9.8]
    target = WCS(naxis=2)
    target.wcs.crpix = [10.0, 10.0]
    pixels = np.random.default_rng(0).normal(100, 10, (20, 20)).astype(np.float32)
    images = {
        (method, parameter): prep_resample(pixels, None, None, grid, target, (20, 20), method, parameter).data
        for method in METHODS
        for parameter in (None, -0.5)
    }
    np.testing.assert_array_equal(images["cubic-convolution", None], images["cubic-convolution", -0.5])
    np.testing.assert_array_equal(images["cubic-spline", None], images["cubic-spline", -0.5])
    assert not np.array_equal(images["cubic-convolution", None], images["cubic-spline", None])


def test_a_method_without_a_parameter_refuses_one(small):
    for method in ("cubic-spline", "bicubic"):
        with pytest.raises(
            SettingsError, match=rf"'{method}' has no parameter; methods that have one: cubic-convolution"
        ):
            register(small, method=method, parameter=-0.5)


def test_checking_a_recipe_includes_the_parameter():
    table = '[[step]]\nuse = "register"\nmethod = "{}"\nparameter = {}\n'
    step = Recipe.from_toml(table.format("cubic-convolution", -0.75)).steps[0]
    assert step.settings.parameter == -0.75
    with pytest.raises(RecipeError, match=r"line 4.*'cubic-spline' has no parameter"):
        Recipe.from_toml(table.format("cubic-spline", -0.75))


@pytest.mark.parametrize("a", [0.5, -1.5])
def test_a_parameter_out_of_range_is_refused(small, a):
    message = r"takes a parameter from -1 to 0 \(a of the kernel: SSW and JSOC use -0\.5"
    with pytest.raises(SettingsError, match=message):
        register(small, method="cubic-convolution", parameter=a)
    with pytest.raises(RecipeError, match=f"line 4.*{message}"):
        Recipe.from_toml(f'[[step]]\nuse = "register"\nmethod = "cubic-convolution"\nparameter = {a}')


@pytest.mark.parametrize("method", METHODS)
def test_aia_prep_runs_a_recipe_on_a_real_file(method, real_data, tmp_path):
    [path] = (real_data / "aia_level1").glob("*2013-03-10*171.cutout.fits")
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(f'[[step]]\nuse = "register"\nmethod = "{method}"\n')
    assert main(["run", str(path), "-r", str(recipe), "-o", str(tmp_path)]) == 0
    [output] = tmp_path.glob("*_lev1p5.fits")
    header = fits.getheader(output)
    assert f"method={method}" in str(header["HISTORY"])
    assert "register: resampled by aia-ccdproc-cubic " in "\n".join(header["HISTORY"])
    ours, theirs = aia_ccdproc.read(output).data, register(aia_ccdproc.read(path)).data
    assert np.nanpercentile(np.abs(ours - theirs) / np.sqrt(np.abs(theirs) + 1), 99) < 1


@pytest.mark.slow
def test_on_an_analytic_scene_the_error_is_lower_than_that_of_aiapy_with_opencv():
    pytest.importorskip("cv2")
    calibrate, sunpy_map = pytest.importorskip("aiapy.calibrate"), pytest.importorskip("sunpy.map")
    random = np.random.default_rng(0)
    places, widths = random.uniform(-60, 60, (2, 40)), random.uniform(0.9, 4.0, 40) * 0.6
    sources = tuple(Source(x, y, 1000, s) for x, y, s in zip(*places, widths, strict=True))
    sun = Sun(disk=0, corona=0, sources=sources)
    level1 = Exposure().image(sun)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # aiapy and sunpy warn
        theirs = calibrate.register(sunpy_map.Map(level1.data, level1.header), method="opencv")

    def error(data, wcs):
        middle = slice(data.shape[0] // 2 - 130, data.shape[0] // 2 + 130)
        columns, rows = np.meshgrid(*[np.arange(middle.start, middle.stop, dtype=float)] * 2)
        sky = wcs.wcs_pix2world(columns.ravel(), rows.ravel(), 0)
        x, y = ((np.reshape(v, rows.shape) + 180) % 360 - 180 for v in sky)
        return np.sqrt(np.mean((data[middle, middle] - sun.brightness(x * 3600, y * 3600)) ** 2))

    errors = {method: error(image.data, image.wcs) for method in METHODS for image in [register(level1, method=method)]}
    assert errors["cubic-convolution"] < 0.6 * error(theirs.data, theirs.wcs)
    assert errors["cubic-spline"] < 0.5 * errors["cubic-convolution"]


# -- compilation ---------------------------------------------------------------------------------


@pytest.mark.process
def test_listing_the_methods_does_not_import_numba():
    script = (
        "import sys, aia_ccdproc; print('cubic-spline' in aia_ccdproc.get_plugin_manager().resampling_methods());"
        "print('numba' in sys.modules)"
    )
    process = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert process.stdout.split() == ["True", "False"]
