"""Pixels of several times 0.6 arcsec: averages over the area of a pixel, with their variance and mask."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import CCDData, VarianceUncertainty
from scenes import FULL_SUN, small_exposure, small_sun

import aia_ccdproc
from aia_ccdproc import HeaderError, SettingsError, register
from aia_ccdproc.images.wcs import wcs_from_header
from aia_ccdproc.synthetic import Exposure

FIELD = {"center": [0, 0], "size": [144, 134.4]}


@pytest.fixture(scope="module")
def level1() -> CCDData:
    return small_exposure(roll=0.3).image(small_sun())


def averaged(image: np.ndarray, n: int) -> np.ndarray:
    return image.reshape(image.shape[0] // n, n, -1, n).mean(axis=(1, 3))


@pytest.mark.parametrize("method", ["bicubic", "bilinear"])
@pytest.mark.parametrize("n", [2, 4, 7])
def test_pixels_are_averages_of_the_pixels_of_level_15(level1, method, n):
    size = [40 * n * 0.6, 30 * n * 0.6]
    fine = register(level1, method=method, center=[0, 0], size=size)
    coarse = register(level1, method=method, center=[0, 0], size=size, plate_scale=0.6 * n)
    np.testing.assert_allclose(coarse.data, averaged(fine.data, n), rtol=2e-6)
    assert coarse.shape == (30, 40)
    assert [coarse.header[k] for k in ("CDELT1", "CRPIX1", "CRPIX2")] == [round(0.6 * n, 9), 20.5, 15.5]
    assert coarse.header["R_SUN"] == pytest.approx(coarse.header["RSUN_OBS"] / (0.6 * n))
    assert coarse.header["XCEN"] == 0


@pytest.mark.slow
def test_a_real_full_disk_becomes_a_synoptic_image_with_the_geometry_of_jsocs(real_data: Path):
    (path,) = (real_data / "aia_level15").glob("synoptic_1024*")
    with fits.open(path) as hdus:
        theirs = next(hdu.header for hdu in hdus if hdu.header.get("NAXIS") == 2)
    (path,) = (real_data / "aia_level1").glob("*image_lev1.fits")
    image = aia_ccdproc.read(path)
    ours = register(image, method="bilinear", plate_scale=2.4)
    assert ours.shape == (theirs["NAXIS2"], theirs["NAXIS1"])
    for keyword in ("CRPIX1", "CRPIX2", "CDELT1", "CDELT2", "CROTA2", "CRVAL1", "CRVAL2", "CUNIT1", "CTYPE1"):
        assert ours.header[keyword] == pytest.approx(theirs[keyword]), keyword
    corner = [[0.0, 0.0], [1023.0, 700.0]]
    expected = wcs_from_header(theirs).wcs_pix2world(corner, 0)
    np.testing.assert_allclose(ours.wcs.wcs_pix2world(corner, 0), expected, rtol=0, atol=1e-9)
    middle = register(image, method="bilinear", center=[0, 0], size=[240, 240])
    np.testing.assert_allclose(ours.data[462:562, 462:562], averaged(middle.data, 4), rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("method", ["bicubic", "nearest-neighbor", "adaptive-hann"])
def test_the_variance_is_that_of_correlated_pixels(level1, method):
    """60 realizations of noise, whose variance differs fiftyfold from pixel to pixel."""
    random, realizations = np.random.default_rng(1), 60
    variance = np.exp(random.uniform(0, 4, level1.shape)).astype(np.float32)
    noisy = level1.copy()
    noisy.uncertainty = VarianceUncertainty(variance)
    settings = {"method": method, "plate_scale": 2.4, **FIELD}
    computed = register(noisy, **settings)
    images = []
    for _ in range(realizations):
        image = level1.copy()
        image.data = (random.standard_normal(level1.shape) * np.sqrt(variance)).astype(np.float32)
        images.append(register(image, **settings).data)
    ratio = np.var(images, axis=0, ddof=1) / computed.uncertainty.array
    assert ratio.mean() == pytest.approx(1, abs=0.01)
    assert ratio.std() == pytest.approx(np.sqrt(2 / (realizations - 1)), rel=0.1)
    assert computed.header["UNCPROP"] == "sum(w**2 var)"


def test_a_pixel_with_a_bad_part_is_masked(level1):
    holed = level1.copy()
    holed.data[150, 160] = np.nan
    holed.mask = np.zeros(level1.shape, bool)
    holed.mask[100, 100] = True
    clean, coarse = (register(image, plate_scale=2.4, **FIELD) for image in (level1, holed))
    fine = register(holed, **FIELD)
    np.testing.assert_array_equal(coarse.mask, averaged(fine.mask.astype(float), 4) > 0.01)
    np.testing.assert_array_equal(np.isnan(coarse.data), averaged(np.isnan(fine.data).astype(float), 4) > 0.01)
    assert 2 <= coarse.mask.sum() <= 14
    assert np.isnan(coarse.data).sum() < coarse.mask.sum()
    np.testing.assert_allclose(coarse.data[~coarse.mask], clean.data[~coarse.mask], rtol=0, atol=2)


def test_one_bad_position_of_a_large_pixel_does_not_mask_it(level1):
    holed = level1.copy()
    holed.data[150, 160] = np.nan
    coarse = register(holed, method="nearest-neighbor", plate_scale=12, center=[0, 0], size=[120, 120])
    assert coarse.mask is None
    assert np.isfinite(coarse.data).all()


def test_counts_are_conserved(level1):
    fine, coarse = (register(level1, conserve="counts", **FIELD, **o) for o in ({}, {"plate_scale": 2.4}))
    assert coarse.data.sum() == pytest.approx(fine.data.sum(), rel=1e-5)


def test_a_cutout_is_covered_by_larger_pixels(level1):
    fine, coarse = register(level1), register(level1, plate_scale=4.8)
    edges = fine.wcs.wcs_pix2world([[-0.5, -0.5], [fine.shape[1] - 0.5, fine.shape[0] - 0.5]], 0)
    (left, bottom), (right, top) = coarse.wcs.wcs_world2pix(edges, 0)
    rows, columns = coarse.shape
    assert -0.5 - 1e-6 <= min(left, bottom) <= max(left, bottom) < 0.5 + 1e-6
    assert columns - 1.5 - 1e-6 < right <= columns - 0.5 + 1e-6
    assert rows - 1.5 - 1e-6 < top <= rows - 0.5 + 1e-6
    assert ((256.5 - coarse.wcs.wcs.crpix) % 1 == 0).all()


def test_a_binned_image_is_averaged_from_its_own_pixels():
    binned = Exposure(binning=4).image(FULL_SUN)
    coarse = register(binned, plate_scale=4.8)
    np.testing.assert_allclose(coarse.data, averaged(register(binned).data, 2), rtol=1e-5)
    with pytest.raises(HeaderError, match=r"binned 4 x 4 cannot be averaged to pixels of 1\.2 arcsec"):
        register(binned, plate_scale=1.2)


@pytest.mark.parametrize("scale", [0.5, 1.0, 0.61, 0, -0.6, 600, float("nan")])
def test_a_plate_scale_that_is_not_a_multiple_is_refused(level1, scale):
    with pytest.raises(SettingsError, match="plate_scale"):
        register(level1, plate_scale=scale)


def test_the_plate_scale_of_level_15_changes_nothing(level1):
    np.testing.assert_array_equal(register(level1, plate_scale=0.6, **FIELD).data, register(level1, **FIELD).data)
