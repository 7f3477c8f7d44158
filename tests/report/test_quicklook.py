"""Pictures: what lies where in the image lies there in the picture, in the channel's colours."""

from __future__ import annotations

import io
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from astropy.nddata import CCDData
from PIL import Image
from scenes import pixel_of, small_exposure

from aia_ccdproc.errors import HeaderError, PrepError, WriteError
from aia_ccdproc.report.colors import NO_DATA, block_mean, caption, colours, limb_radius, palette, stretch
from aia_ccdproc.report.quicklook import check_quicklook, quicklook, thumbnail, title_of
from aia_ccdproc.synthetic import RSUN_OBS, Exposure, Source, Sun

CHANNELS = (94, 131, 171, 193, 211, 304, 335, 1600, 1700, 4500)
NORTH_EAST = Sun(disk=0, corona=0, sources=(Source(-60, 50, peak=1000, sigma=8),))


def opened(picture: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")).astype(int)


def image(data: np.ndarray, **keywords: object) -> CCDData:
    return CCDData(data, unit="DN", header=keywords)


def test_a_source_in_the_north_east_is_upper_left_in_the_thumbnail() -> None:
    ccd = small_exposure(channel=171).image(NORTH_EAST)
    picture = opened(thumbnail(ccd))
    assert picture.shape == (150, 160, 3)
    rows, columns = np.nonzero(picture.sum(axis=2) > 0.8 * picture.sum(axis=2).max())
    column, row = pixel_of(ccd, -60, 50)
    assert rows.mean() == pytest.approx((299 - row) / 2, abs=1.5)
    assert columns.mean() == pytest.approx(column / 2, abs=1.5)
    assert rows.mean() < 75
    assert columns.mean() < 80


@pytest.mark.parametrize(("shape", "size"), [((4096, 4096), (160, 160)), ((300, 900), (53, 160)), ((40, 30), (40, 30))])
def test_a_thumbnail_keeps_the_shape_and_is_small(shape: tuple[int, int], size: tuple[int, int]) -> None:
    data = np.random.default_rng(1).gamma(2, 100, shape).astype(np.float32)
    picture = thumbnail(image(data, WAVELNTH=193))
    assert opened(picture).shape[:2] == size
    assert len(picture) < 16_000  # noise: there is nothing harder to compress


def test_block_means_are_those_of_the_valid_pixels() -> None:
    data = np.arange(64.0).reshape(8, 8)
    data[0, 0] = np.nan
    mask = np.zeros((8, 8), dtype=bool)
    mask[0, 1] = True
    mask[4:, 4:] = True
    before = data.copy()
    means = block_mean(CCDData(data, unit="DN", mask=mask), 2)
    np.testing.assert_allclose(
        means[0], [data[:4, :4][~mask[:4, :4] & np.isfinite(data[:4, :4])].mean(), data[:4, 4:].mean()]
    )
    np.testing.assert_allclose(means[1, 0], data[4:, :4].mean())
    assert np.isnan(means[1, 1])
    np.testing.assert_array_equal(data, before)


def test_large_images_are_averaged_and_not_picked() -> None:
    noise = np.random.default_rng(1).normal(100, 30, (2048, 2048)).astype(np.float32)
    assert block_mean(image(noise), 64).std() == pytest.approx(30 / 8, rel=0.5)
    ramp = np.broadcast_to(np.arange(2048.0), (2048, 2048))
    np.testing.assert_allclose(block_mean(image(ramp), 64)[0], 32 * np.arange(64) + 15.5, atol=4)


@pytest.mark.parametrize("value", [0.0, 5.0, np.nan, np.inf])
def test_an_image_without_contrast_has_a_picture(value: float) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = opened(thumbnail(image(np.full((50, 60), value), WAVELNTH=94)))
    assert np.ptp(picture.reshape(-1, 3), axis=0).max() <= 2
    if not np.isfinite(value):
        np.testing.assert_allclose(picture[0, 0], NO_DATA, atol=3)


def test_integers_are_averaged_as_numbers() -> None:
    assert block_mean(image(np.full((100, 100), 32000, dtype=np.int16)), 10).max() == 32000


@pytest.mark.parametrize("channel", [*CHANNELS, 6173, None])
def test_counts_and_rates_look_the_same(channel: int | None) -> None:
    data = np.random.default_rng(3).gamma(1.5, 200, (60, 60))
    header = image(data, WAVELNTH=channel).header
    levels = stretch(data, header)
    np.testing.assert_allclose(stretch(data / 2.9, header), levels, atol=1e-6)
    assert levels.min() == 0
    assert levels.max() == 1
    order = np.argsort(data, axis=None)
    assert (np.diff(levels.ravel()[order]) >= 0).all()


def test_zero_field_is_middle_gray() -> None:
    field = np.random.default_rng(2).normal(30, 100, (40, 40))
    field[0, 0] = 0
    header = image(field, WAVELNTH=6173, BUNIT="Gauss").header
    painted = colours(field, header)
    assert painted[0, 0].tolist() == [128, 128, 128]
    assert (np.ptp(painted.astype(int), axis=2) == 0).all()


@pytest.mark.parametrize("channel", CHANNELS)
def test_the_colours_are_those_people_know(channel: int) -> None:
    known = pytest.importorskip("sunpy.visualization.colormaps").cmlist[f"sdoaia{channel}"](np.arange(256))
    np.testing.assert_allclose(palette(channel).astype(int), known[:, :3] * 255, atol=4)


def test_a_thumbnail_says_what_it_shows() -> None:
    assert title_of(thumbnail(small_exposure(channel=304).image(NORTH_EAST))) == (
        "AIA 304 Å, 2020-01-01T00:00:11, level 1"
    )
    assert title_of(b"no picture") == ""
    assert title_of(b"") == ""
    assert caption(image(np.zeros((2, 2))).header) == "image"


def test_limb_radius_comes_from_the_distance_where_it_is_not_said() -> None:
    header = Exposure().header()
    assert limb_radius(header) == RSUN_OBS
    del header["RSUN_OBS"]
    assert limb_radius(header) == pytest.approx(RSUN_OBS)
    del header["DSUN_OBS"]
    assert limb_radius(header) is None


def whole_disk(**options: object) -> CCDData:
    """A disk on 512 × 512 pixels, each of which is 2 × 2 in the picture."""
    return Exposure(channel=171, binning=8, **options).image(Sun(disk=100, corona=0, limb=6))  # type: ignore[arg-type]


def drawn(ccd: CCDData, path: Path) -> np.ndarray:
    return np.asarray(Image.open(quicklook(ccd, path)).convert("RGB")).astype(int)


@pytest.mark.parametrize("roll", [0.0, 30.0, 180.0])
def test_limb_and_grid_lie_where_the_wcs_has_them(tmp_path: Path, roll: float) -> None:
    ccd = whole_disk(roll=roll, pointing_error=(40.0, -24.0))
    with_lines = drawn(ccd, tmp_path / "a.png")
    plain = ccd.copy()
    plain.header["RSUN_OBS"] = 1e-3
    without_limb = drawn(plain, tmp_path / "b.png")
    assert with_lines.shape == (1024 + 76 + 64, 1024 + 100 + 36, 3)

    def on_picture(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        columns, rows = ccd.wcs.wcs_world2pix(x / 3600, y / 3600, 0)
        return 64 + 1024 - (rows + 0.5) * 2 - 0.5, 100 + (columns + 0.5) * 2 - 0.5

    rows, columns = np.nonzero(np.abs(with_lines - without_limb).sum(axis=2) > 150)
    centre = np.array(on_picture(np.zeros(1), np.zeros(1))).ravel()
    far = np.hypot(rows - centre[0], columns - centre[1]) > 20  # not the dot that the tiny limb makes
    radii = np.hypot(rows - centre[0], columns - centre[1])[far]
    scale = ccd.header["CDELT1"] / 2
    assert far.sum() > 1000
    np.testing.assert_allclose(radii, RSUN_OBS / scale, atol=2)
    # A line of the grid: brighter than the sky on both of its sides, outside the disk.
    along = np.linspace(1020, 1150, 40)
    row, column = on_picture(np.zeros(40), along)
    brightness = with_lines.sum(axis=2)
    on_line = np.array(
        [brightness[int(r) - 1 : int(r) + 3, int(c) - 1 : int(c) + 3].max() for r, c in zip(row, column, strict=True)]
    )
    off_row, off_column = on_picture(np.full(40, 60.0), along)
    off_line = brightness[np.rint(off_row).astype(int), np.rint(off_column).astype(int)]
    assert np.median(on_line) > np.median(off_line) + 50


def test_the_same_image_gives_the_same_bytes_and_is_not_changed(tmp_path: Path) -> None:
    ccd = whole_disk()
    data, header = ccd.data.copy(), ccd.header.copy()
    first, second = (quicklook(ccd, tmp_path / name).read_bytes() for name in ("a.png", "b.png"))
    assert first == second
    assert b"Matplotlib" not in first
    np.testing.assert_array_equal(ccd.data, data)
    assert ccd.header == header
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png"]


def test_a_cutout_beside_the_limb_has_a_quicklook(tmp_path: Path) -> None:
    assert drawn(small_exposure(channel=211).image(NORTH_EAST), tmp_path / "a.png").std() > 10


def test_quicklook_says_what_it_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(HeaderError, match="no WCS"):
        quicklook(image(np.ones((30, 30))), tmp_path / "a.png")
    with pytest.raises(WriteError, match="cannot be written"):
        quicklook(whole_disk(), tmp_path / "nowhere" / "a.png")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(PrepError, match=r"pip install aia-ccdproc\[plot\]"):
        check_quicklook()


def test_pictures_of_real_images_show_the_sun(real_data: Path) -> None:
    import aia_ccdproc

    for path in sorted((real_data / "aia_level1").glob("*.fits")):
        picture = thumbnail(aia_ccdproc.read(path))
        assert len(picture) < 8000
        assert opened(picture).std() > 20
