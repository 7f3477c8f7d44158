"""Chains of our functions and ccdproc's functions."""

from __future__ import annotations

import astropy.units as u
import ccdproc
import numpy as np
import pytest
from astropy.nddata import CCDData, StdDevUncertainty
from scenes import position_errors, small_exposure, small_sun

import aia_ccdproc


@pytest.fixture
def folder(tmp_path):
    """Three exposures of the same Sun with different noise."""
    for seed in range(3):
        exposure = small_exposure()
        exposure.write_level1(exposure.image(small_sun(), noise=seed), tmp_path / f"aia_{seed}.fits")
    return tmp_path


def test_pixels_of_cosmic_rays_that_are_removed_before_stay_masked():
    level1 = small_exposure().image(small_sun(), noise=0)
    level1.uncertainty = StdDevUncertainty(np.sqrt(np.maximum(level1.data, 1)))
    hit = (60, 70)
    level1.data[hit] += 5000
    cleaned = ccdproc.cosmicray_lacosmic(
        level1, gain=17.7 * u.electron / u.DN, readnoise=20 * u.electron, sigclip=8, gain_apply=False
    )
    assert cleaned.mask[hit]
    level15 = aia_ccdproc.register(cleaned)
    x, y = (round(float(v)) for v in level15.wcs.wcs_world2pix(*level1.wcs.wcs_pix2world(hit[1], hit[0], 0), 0))
    assert level15.mask[y, x]
    assert level15.data[y, x] == pytest.approx(100, abs=40)
    assert not level15.mask[y - 12, x]


# Warnings of ccdproc about pixels that are masked in every image.
@pytest.mark.filterwarnings(
    "ignore:Mean of empty slice:RuntimeWarning",
    "ignore:All-NaN:RuntimeWarning",
    "ignore:Degrees of freedom:RuntimeWarning",
)
def test_registered_images_can_be_combined(folder, pointing_path):
    images = []
    for path in sorted(folder.glob("*.fits")):
        pointed = aia_ccdproc.update_pointing(aia_ccdproc.read(path), source=pointing_path)
        images.append(aia_ccdproc.normalize_exposure(aia_ccdproc.register(pointed, fill=0)))
    mean = ccdproc.combine(images, method="average")
    assert mean.unit == "DN / s"
    assert position_errors(mean, small_sun().sources[:3]).max() < 0.1
    combiner = ccdproc.Combiner(images)
    combiner.sigma_clipping(low_thresh=2, high_thresh=5)
    assert combiner.median_combine().shape == images[0].shape


def test_an_image_file_collection_can_be_prepped(folder, pointing_path):
    collection = ccdproc.ImageFileCollection(folder, keywords=["wavelnth", "exptime"], ext=1)
    prepped = [
        aia_ccdproc.register(aia_ccdproc.update_pointing(ccd, source=pointing_path))
        for ccd in collection.ccds(wavelnth=94, ccd_kwargs={"unit": "DN"})
    ]
    assert len(prepped) == 3
    ours = aia_ccdproc.register(
        aia_ccdproc.update_pointing(aia_ccdproc.read(folder / "aia_0.fits"), source=pointing_path)
    )
    np.testing.assert_allclose(prepped[0].data, ours.data, atol=1e-4)
    assert prepped[0].header["CRPIX1"] == ours.header["CRPIX1"]
    assert prepped[0].header["DSUN_OBS"] == ours.header["DSUN_OBS"]


# Warning of ccdproc about attributes that block_reduce drops.
@pytest.mark.filterwarnings("ignore:The following attributes were set:astropy.utils.exceptions.AstropyUserWarning")
def test_a_registered_image_can_be_block_reduced_and_its_file_has_no_wrong_wcs(folder, tmp_path):
    level15 = aia_ccdproc.register(aia_ccdproc.read(folder / "aia_0.fits"), fill=0)
    even = level15[: level15.shape[0] // 2 * 2, : level15.shape[1] // 2 * 2]
    reduced = ccdproc.block_reduce(even, 2, np.sum)
    assert isinstance(reduced, CCDData)
    with pytest.raises(aia_ccdproc.HeaderError, match="block_reduce"):
        aia_ccdproc.register(reduced, force=True)
    back = CCDData.read(aia_ccdproc.write(reduced, tmp_path / "reduced.fits"))
    assert back.shape == reduced.shape
    assert back.wcs is None


def test_a_trimmed_image_is_registered_at_its_position(pointing_path):
    level1 = small_exposure().image(small_sun())
    trimmed = ccdproc.trim_image(level1, fits_section="[21:300, 11:280]")
    level15 = aia_ccdproc.register(aia_ccdproc.update_pointing(trimmed, source=pointing_path))
    assert position_errors(level15, small_sun().sources).max() < 0.01
