"""Quick-look pictures show the image, the grid and the limb at the positions of the WCS."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import CCDData
from matplotlib.text import Text
from PIL import Image
from scenes import small_exposure

import aia_ccdproc
from aia_ccdproc.errors import HeaderError, PrepError, SettingsError, WriteError
from aia_ccdproc.report.colors import stretch
from aia_ccdproc.report.limb import limb_radius_arcsec
from aia_ccdproc.report.quicklook import check_quicklook, is_current, quicklook
from aia_ccdproc.report.quicklook_figure import color_bar_labels, draw_figure
from aia_ccdproc.synthetic import RSUN_OBS, Exposure, Source, Sun


def test_the_limb_radius_is_computed_from_the_distance_if_rsun_obs_is_missing() -> None:
    header = Exposure().header()
    assert limb_radius_arcsec(header) == RSUN_OBS
    del header["RSUN_OBS"]
    assert limb_radius_arcsec(header) == pytest.approx(RSUN_OBS)
    del header["RSUN_REF"]
    assert limb_radius_arcsec(header) == pytest.approx(RSUN_OBS)
    del header["DSUN_OBS"]
    assert limb_radius_arcsec(header) is None


@pytest.mark.parametrize(
    ("cards", "radius"),
    [
        ({"INSTRUME": "SWAP", "RSUN_ARC": 945.6, "DSUN_OBS": 151820143333.0}, 945.6),
        ({"INSTRUME": "SECCHI", "RSUN": 1002.7, "DSUN_OBS": 143073245383.0}, 1002.7),
        ({"INSTRUME": "other", "RSUN": 6.96e8, "DSUN_OBS": 143073245383.0}, 1003.4),
        ({"RSUN_OBS": "unknown", "RSUN_ARC": 945.6}, 945.6),
        ({"DSUN_OBS": 0.0}, None),
    ],
)
def test_the_limb_radius_is_read_from_the_keywords_of_other_instruments(
    cards: dict[str, object], radius: float | None
) -> None:
    assert limb_radius_arcsec(fits.Header(cards)) == (radius if radius is None else pytest.approx(radius, abs=0.05))


def whole_disk(**options: object) -> CCDData:
    """Return a disk on 512 × 512 pixels, each of which is 2 × 2 pixels of the picture."""
    return Exposure(channel=171, binning=8, **options).image(Sun(disk=100, corona=0, limb=6))  # type: ignore[arg-type]


def draw_pixels(ccd: CCDData, path: Path, **options: object) -> np.ndarray:
    return np.asarray(Image.open(quicklook(ccd, path, **options)).convert("RGB")).astype(int)  # type: ignore[call-overload]


def texts(ccd: CCDData) -> list[str]:
    """Return the texts of a picture, except the labels of the axes."""
    figure = draw_figure(ccd, 1024, "dark")
    figure.canvas.draw()
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


@pytest.mark.parametrize("roll", [0.0, 30.0, 180.0])
def test_limb_and_grid_are_drawn_at_the_positions_of_the_wcs(tmp_path: Path, roll: float) -> None:
    ccd = whole_disk(roll=roll, pointing_error=(40.0, -24.0))
    with_lines = draw_pixels(ccd, tmp_path / "a.png")
    plain = ccd.copy()
    plain.header["RSUN_OBS"] = 1e-3
    without_limb = draw_pixels(plain, tmp_path / "b.png")
    assert with_lines.shape == (1024 + 92 + 64, 1024 + 100 + 120, 3)

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


@pytest.mark.parametrize("roll", [0.0, 30.0, 200.0])
def test_an_arrow_points_to_north_where_no_limb_is_in_the_image(roll: float) -> None:
    sun = Sun(disk=0, corona=0, sources=(Source(-60, 50, peak=1000, sigma=8),))
    figure = draw_figure(small_exposure(channel=211, roll=roll).image(sun), 1024, "dark")
    axes = figure.axes[0]
    (arrow,) = (each for each in axes.texts if each.arrowprops)
    direction = np.subtract(arrow.xy, arrow.get_position())
    north = np.array(axes.wcs.wcs_world2pix([[0, 20 / 3600], [0, -20 / 3600]], 0))
    expected = north[0] - north[1]
    np.testing.assert_allclose(direction / np.hypot(*direction), expected / np.hypot(*expected), atol=1e-6)
    assert not any(each.arrowprops for each in draw_figure(whole_disk(), 512, "dark").axes[0].texts)


def test_the_color_bar_has_the_unit_and_round_values_at_the_positions_of_the_stretch() -> None:
    ccd = whole_disk()
    assert "DN" in texts(ccd)
    header, limits = ccd.header, (3.0, 4321.0)
    labels = color_bar_labels(header, limits)
    assert labels == sorted(labels)
    assert {100.0, 500.0, 1000.0, 2000.0, 4000.0} <= set(labels)
    assert np.diff(stretch(np.array(labels), header, limits)).min() > 0.05
    magnetogram = fits.Header({"BUNIT": "Gauss", "WAVELNTH": 6173})
    assert color_bar_labels(magnetogram, (-1234.0, 1234.0)) == [-1000, -500, 0, 500, 1000]


def test_a_constant_image_has_no_color_bar() -> None:
    flat = whole_disk()
    flat.data[:] = 7.0
    assert len(draw_figure(flat, 512, "dark").axes) == 1
    assert len(draw_figure(whole_disk(), 512, "dark").axes) == 2


def test_the_picture_names_the_source_of_the_pointing(pointing_path: Path) -> None:
    level1 = small_exposure(channel=171).image(Sun())
    assert "exposure 2.9 s, pointing of the header" in texts(level1)
    corrected = aia_ccdproc.update_pointing(level1, source=pointing_path)
    assert "exposure 2.9 s, pointing: aia.master_pointing3h[:#34506], table pointing_34506.ecsv" in texts(corrected)


def test_size_and_background_are_options(tmp_path: Path) -> None:
    ccd = whole_disk()
    dark, light = (draw_pixels(ccd, tmp_path / f"{kind}.png", size=256, background=kind) for kind in ("dark", "light"))
    assert dark.shape == light.shape == (256 + 92 + 64, 480 + 100 + 120, 3)
    assert dark[0, 0].max() < 30
    assert light[0, 0].min() == 255
    assert draw_pixels(ccd, tmp_path / "large.png", size=1536).shape == (1536 + 234, 1536 + 330, 3)
    assert is_current(tmp_path / "light.png", tmp_path / "dark.png", {"size": 256, "background": "light"})
    assert not is_current(tmp_path / "light.png", tmp_path / "dark.png", {})
    for wrong in ({"size": 10}, {"size": True}, {"size": "large"}, {"background": "pink"}):
        with pytest.raises(SettingsError, match=next(iter(wrong))):
            quicklook(ccd, tmp_path / "wrong.png", **wrong)  # type: ignore[call-overload]
