"""Thumbnails show the image, reduced by averaging valid pixels, with north up."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
import pytest
from astropy.nddata import CCDData
from PIL import Image
from scenes import pixel_of, small_exposure

from aia_ccdproc.report.caption import image_caption
from aia_ccdproc.report.colors import NO_DATA
from aia_ccdproc.report.thumbnail import PictureSize, block_means, picture_size, thumbnails
from aia_ccdproc.synthetic import Source, Sun

SIZE = PictureSize(160, 1_000_000, 70)
NORTH_EAST = Sun(disk=0, corona=0, sources=(Source(-60, 50, peak=1000, sigma=8),))


def read_pixels(picture: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")).astype(int)


def thumbnail(ccd: CCDData) -> bytes:
    return thumbnails(ccd, ccd, SIZE)[1]


def image(data: np.ndarray, **keywords: object) -> CCDData:
    return CCDData(data, unit="DN", header=keywords)


def test_a_source_in_the_north_east_is_upper_left_in_the_thumbnail() -> None:
    ccd = small_exposure(channel=171).image(NORTH_EAST)
    picture = read_pixels(thumbnail(ccd))
    assert picture.shape == (150, 160, 3)
    rows, columns = np.nonzero(picture.sum(axis=2) > 0.8 * picture.sum(axis=2).max())
    column, row = pixel_of(ccd, -60, 50)
    assert rows.mean() == pytest.approx((299 - row) / 2, abs=1.5)
    assert columns.mean() == pytest.approx(column / 2, abs=1.5)
    assert rows.mean() < 75
    assert columns.mean() < 80


@pytest.mark.parametrize(
    ("shape", "size"),
    [((4096, 4096), (157, 157)), ((300, 900), (50, 150)), ((40, 30), (40, 30)), ((3, 4000), (1, 160))],
)
def test_a_thumbnail_keeps_the_aspect_ratio(shape: tuple[int, int], size: tuple[int, int]) -> None:
    data = np.random.default_rng(1).gamma(2, 100, shape).astype(np.float32)
    assert read_pixels(thumbnail(image(data, WAVELNTH=193))).shape[:2] == size


@pytest.mark.parametrize("files", [1, 800, 5000, 15_000])
@pytest.mark.parametrize("has_webp", [True, False])
def test_the_pictures_of_a_page_together_are_smaller_than_14_mb(
    monkeypatch: pytest.MonkeyPatch, files: int, has_webp: bool
) -> None:
    monkeypatch.setattr("aia_ccdproc.report.thumbnail.features.check", lambda name: has_webp)
    noise = image(np.random.default_rng(1).gamma(1, 100, (512, 512)).astype(np.float32), WAVELNTH=193)
    pictures = thumbnails(noise, noise, picture_size(files))  # noise compresses worst
    assert files * sum(map(len, pictures)) * 4 / 3 < 14e6
    assert {picture[:2] for picture in pictures} == {b"RI" if has_webp else b"\xff\xd8"}


def test_few_files_have_larger_pictures_than_many() -> None:
    sizes = [picture_size(files).pixels for files in (1, 1000, 2000, 5000)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] == 256
    assert sizes[-1] == 64


def test_pictures_before_and_after_have_the_same_stretch_if_the_unit_is_the_same() -> None:
    data = np.random.default_rng(1).gamma(2, 100, (200, 200)).astype(np.float32)
    bright, faint = image(data, WAVELNTH=193), image(data / 2, WAVELNTH=193)
    before, after = (read_pixels(picture).mean() for picture in thumbnails(bright, faint, SIZE))
    assert before > 1.1 * after
    rate = CCDData(data / 2, unit="DN / s", header=faint.header)
    before, after = (read_pixels(picture).mean() for picture in thumbnails(bright, rate, SIZE))
    assert before == pytest.approx(after, rel=0.02)


def test_a_thumbnail_ignores_masked_and_invalid_pixels() -> None:
    data = np.full((640, 640), 100.0)
    data[::2] = np.nan
    mask = np.zeros(data.shape, bool)
    data[1::4], mask[1::4] = 1e9, True
    data[:160, :160] = np.nan
    picture = read_pixels(thumbnail(CCDData(data, unit="DN", mask=mask, header={"WAVELNTH": 193})))
    np.testing.assert_allclose(picture[-10, 10], NO_DATA, atol=4)
    assert np.ptp(picture[:100, 60:], axis=(0, 1)).max() <= 4


def test_block_means_ignore_masked_and_invalid_pixels() -> None:
    data = np.arange(64.0).reshape(8, 8)
    data[0, 0] = np.nan
    mask = np.zeros((8, 8), dtype=bool)
    mask[0, 1] = True
    mask[4:, 4:] = True
    before = data.copy()
    means = block_means(CCDData(data, unit="DN", mask=mask), 2)
    np.testing.assert_allclose(
        means[0], [data[:4, :4][~mask[:4, :4] & np.isfinite(data[:4, :4])].mean(), data[:4, 4:].mean()]
    )
    np.testing.assert_allclose(means[1, 0], data[4:, :4].mean())
    assert np.isnan(means[1, 1])
    np.testing.assert_array_equal(data, before)


def test_large_images_are_averaged_and_not_subsampled() -> None:
    noise = np.random.default_rng(1).normal(100, 30, (2048, 2048)).astype(np.float32)
    assert block_means(image(noise), 64).std() == pytest.approx(30 / 8, rel=0.5)
    ramp = np.broadcast_to(np.arange(2048.0), (2048, 2048))
    np.testing.assert_allclose(block_means(image(ramp), 64)[0], 32 * np.arange(64) + 15.5, atol=4)


@pytest.mark.parametrize("value", [0.0, 5.0, np.nan, np.inf])
def test_an_image_without_contrast_gives_a_uniform_thumbnail(value: float) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = read_pixels(thumbnail(image(np.full((50, 60), value), WAVELNTH=94)))
    assert np.ptp(picture.reshape(-1, 3), axis=0).max() <= 8
    if not np.isfinite(value):
        np.testing.assert_allclose(picture[0, 0], NO_DATA, atol=3)


def test_integer_images_are_averaged_without_overflow() -> None:
    assert block_means(image(np.full((100, 100), 32000, dtype=np.int16)), 10).max() == 32000


def test_a_caption_has_instrument_channel_time_and_level() -> None:
    header = small_exposure(channel=304).header()
    assert image_caption(header) == "AIA 304 Å, 2020-01-01T00:00:11, level 1"
    assert image_caption(image(np.zeros((2, 2))).header) == "image"


def test_thumbnails_of_real_images_are_small_and_have_contrast(real_data: Path) -> None:
    import aia_ccdproc

    for path in sorted((real_data / "aia_level1").glob("*.fits")):
        picture = thumbnail(aia_ccdproc.read(path))
        assert len(picture) < 8000
        assert read_pixels(picture).std() > 20
