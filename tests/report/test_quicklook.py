"""Quick-look pictures show the image, the grid and the limb at the positions of the WCS."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.nddata import CCDData
from PIL import Image
from scenes import small_exposure

from aia_ccdproc.errors import HeaderError, PrepError, WriteError
from aia_ccdproc.report.quicklook import check_quicklook, limb_radius_arcsec, quicklook
from aia_ccdproc.synthetic import RSUN_OBS, Exposure, Source, Sun


def test_the_limb_radius_is_computed_from_the_distance_if_rsun_obs_is_missing() -> None:
    header = Exposure().header()
    assert limb_radius_arcsec(header) == RSUN_OBS
    del header["RSUN_OBS"]
    assert limb_radius_arcsec(header) == pytest.approx(RSUN_OBS)
    del header["DSUN_OBS"]
    assert limb_radius_arcsec(header) is None


def whole_disk(**options: object) -> CCDData:
    """Return a disk on 512 × 512 pixels, each of which is 2 × 2 pixels of the picture."""
    return Exposure(channel=171, binning=8, **options).image(Sun(disk=100, corona=0, limb=6))  # type: ignore[arg-type]


def draw_pixels(ccd: CCDData, path: Path) -> np.ndarray:
    return np.asarray(Image.open(quicklook(ccd, path)).convert("RGB")).astype(int)


@pytest.mark.parametrize("roll", [0.0, 30.0, 180.0])
def test_limb_and_grid_are_drawn_at_the_positions_of_the_wcs(tmp_path: Path, roll: float) -> None:
    ccd = whole_disk(roll=roll, pointing_error=(40.0, -24.0))
    with_lines = draw_pixels(ccd, tmp_path / "a.png")
    plain = ccd.copy()
    plain.header["RSUN_OBS"] = 1e-3
    without_limb = draw_pixels(plain, tmp_path / "b.png")
    assert with_lines.shape == (1024 + 76 + 64, 1024 + 100 + 36, 3)

    def on_picture(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        columns, rows = ccd.wcs.wcs_world2pix(x / 3600, y / 3600, 0)
        return 64 + 1024 - (rows + 0.5) * 2 - 0.5, 100 + (columns + 0.5) * 2 - 0.5

    rows, columns = np.nonzero(np.abs(with_lines - without_limb).sum(axis=2) > 150)
    center = np.array(on_picture(np.zeros(1), np.zeros(1))).ravel()
    is_far = np.hypot(rows - center[0], columns - center[1]) > 20  # without the dot that the tiny limb makes
    radii = np.hypot(rows - center[0], columns - center[1])[is_far]
    scale = ccd.header["CDELT1"] / 2
    assert is_far.sum() > 1000
    np.testing.assert_allclose(radii, RSUN_OBS / scale, atol=2)
    # Outside the disk, the grid line at x = 0 is brighter than the sky beside it.
    along = np.linspace(1020, 1150, 40)
    row, column = on_picture(np.zeros(40), along)
    brightness = with_lines.sum(axis=2)
    on_line = np.array(
        [brightness[int(r) - 1 : int(r) + 3, int(c) - 1 : int(c) + 3].max() for r, c in zip(row, column, strict=True)]
    )
    off_row, off_column = on_picture(np.full(40, 60.0), along)
    off_line = brightness[np.rint(off_row).astype(int), np.rint(off_column).astype(int)]
    assert np.median(on_line) > np.median(off_line) + 50


def test_quicklook_is_reproducible_and_does_not_change_the_image(tmp_path: Path) -> None:
    ccd = whole_disk()
    data, header = ccd.data.copy(), ccd.header.copy()
    first, second = (quicklook(ccd, tmp_path / name).read_bytes() for name in ("a.png", "b.png"))
    assert first == second
    assert b"Matplotlib" not in first
    np.testing.assert_array_equal(ccd.data, data)
    assert ccd.header == header
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png"]


def test_quicklook_draws_a_cutout(tmp_path: Path) -> None:
    sun = Sun(disk=0, corona=0, sources=(Source(-60, 50, peak=1000, sigma=8),))
    assert draw_pixels(small_exposure(channel=211).image(sun), tmp_path / "a.png").std() > 10


def test_quicklook_without_wcs_folder_or_matplotlib_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(HeaderError, match="no WCS"):
        quicklook(CCDData(np.ones((30, 30)), unit="DN"), tmp_path / "a.png")
    with pytest.raises(WriteError, match="cannot write the quick-look picture"):
        quicklook(whole_disk(), tmp_path / "nowhere" / "a.png")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(PrepError, match=r'pip install "aia-ccdproc\[plot\]"'):
        check_quicklook()


def test_without_a_path_the_picture_is_returned_and_a_notebook_shows_it(tmp_path: Path) -> None:
    ccd = whole_disk()
    picture = quicklook(ccd)
    written = np.asarray(Image.open(quicklook(ccd, tmp_path / "a.png")))
    np.testing.assert_array_equal(np.asarray(picture), written)
    assert picture._repr_png_().startswith(b"\x89PNG")
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_another_value_than_an_image_is_refused() -> None:
    with pytest.raises(TypeError, match=r"quicklook takes a CCDData, not a value of type str\. Read a file"):
        quicklook("a.fits")
