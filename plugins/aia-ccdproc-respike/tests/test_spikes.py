"""Tests of spikes files: reading them, refusing other files, and finding the file of an image."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st

from aia_ccdproc import HeaderError, InstrumentError, ReadError, SettingsError
from aia_ccdproc_respike import Spikes, find_spikes, read_spikes
from aia_ccdproc_respike.settings import SpikesSettings

ROWS = np.array([[5, 4096, 4096**2 - 1], [900, -3, 16000], [100, 2, 110]], dtype=np.int32)
HEADER = fits.Header({"T_REC": "2017-08-07T23:59:46Z", "WAVELNTH": 171, "FSN": 156014950})


def write_spikes(path: Path, rows: np.ndarray = ROWS, **keywords: object) -> Path:
    """Write a spikes file as JSOC exports it: int32, RICE_1, in extension 1."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = fits.CompImageHDU(rows, fits.Header(keywords), compression_type="RICE_1")
    fits.HDUList([fits.PrimaryHDU(), image]).writeto(path)
    return path


def test_three_rows_are_pixels_original_values_and_replacements(tmp_path):
    spikes = read_spikes(write_spikes(tmp_path / "a.fits", FSN=7))
    assert [list(spikes.pixel), list(spikes.original), list(spikes.replaced)] == ROWS.tolist()
    assert (spikes.fsn, spikes.name, len(spikes)) == (7, "a.fits", 3)


def test_two_rows_contain_no_replacements(tmp_path):
    path = tmp_path / "plain.fits"
    fits.PrimaryHDU(ROWS[:2]).writeto(path)
    spikes = read_spikes(path)
    assert spikes.replaced is None
    assert spikes.fsn is None
    assert list(spikes.original) == [900, -3, 16000]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (np.zeros((4, 9), dtype=np.int32), r"9x4 pixels \(int32\), not two or three rows"),
        (np.zeros(9, dtype=np.int32), "the image has 9 pixels"),
        (ROWS.astype(np.float32), "rows of integers"),
        (ROWS - 6, "pixels from -1 to 16777209; a full frame has 0 to 16777215"),
        (ROWS + 1, "to 16777216"),
        (ROWS[:, [0, 0]], "a pixel occurs twice"),
    ],
)
def test_an_image_that_does_not_contain_spikes_is_refused(tmp_path, rows, message):
    path = tmp_path / "wrong.fits"
    fits.PrimaryHDU(rows).writeto(path)
    with pytest.raises(ReadError, match=message):
        read_spikes(path)


def test_a_file_that_is_missing_damaged_or_empty_is_an_error_that_names_it(tmp_path):
    (tmp_path / "text.fits").write_text("no FITS")
    fits.PrimaryHDU().writeto(tmp_path / "empty.fits")
    whole = write_spikes(tmp_path / "whole.fits").read_bytes()
    (tmp_path / "cut.fits").write_bytes(whole[: len(whole) - 2880])
    (tmp_path / "folder.fits").mkdir()
    os.mkfifo(tmp_path / "pipe.fits")
    (tmp_path / "zeros.fits").write_bytes(gzip.compress(bytes(10**6)) * 4000)  # 4 GB, which must not be unpacked
    for name, message in [
        ("none", "no such spikes file"),
        ("folder", "is a folder"),
        ("pipe", "not a regular file"),
        ("text", "is not a FITS file"),
        ("empty", "contains no image"),
        ("cut", "is truncated"),
        ("zeros", "is not a FITS file"),
    ]:
        with pytest.raises(ReadError, match=rf"{name}\.fits: .*{message}"):
            read_spikes(tmp_path / f"{name}.fits")


@given(
    st.lists(st.integers(0, 4096**2 - 1), unique=True, max_size=50),
    st.tuples(st.integers(0, 4000), st.integers(0, 4000)),
    st.tuples(st.integers(1, 96), st.integers(1, 96)),
)
def test_spikes_of_a_cutout_are_those_of_the_full_frame_inside_it(pixels, corner, size):
    pixels = np.unique([*pixels, corner[0] * 4096 + corner[1]])
    spikes = Spikes(pixels, np.arange(len(pixels)))
    (rows, columns), here = spikes.inside(corner, size)
    flat = (rows + corner[0]) * 4096 + columns + corner[1]
    assert list(here.pixel) == list(flat)
    assert list(spikes.original[np.isin(pixels, flat)]) == list(here.original)
    assert ((rows >= 0) & (rows < size[0]) & (columns >= 0) & (columns < size[1])).all()
    outside = pixels[~np.isin(pixels, flat)]
    y, x = outside // 4096 - corner[0], outside % 4096 - corner[1]
    assert not ((y >= 0) & (y < size[0]) & (x >= 0) & (x < size[1])).any()


def test_a_folder_is_searched_for_the_name_of_an_export_from_jsoc(tmp_path):
    write_spikes(tmp_path / "aia.lev1_euv_12s.2017-08-07T235946Z.171.spikes.fits")
    assert len(find_spikes(tmp_path, HEADER)) == 3
    ultraviolet = fits.Header({**HEADER, "WAVELNTH": 1600})
    expected = (
        r"aia.lev1_uv_24s.2017-08-07T235946Z.1600.spikes.fits: no such .* aia.lev1_uv_24s\[2017-08-07T23:59:46Z\]"
    )
    with pytest.raises(ReadError, match=expected):
        find_spikes(tmp_path, ultraviolet)


def test_a_folder_is_searched_with_the_time_of_the_record_and_then_of_the_exposure(tmp_path):
    header = fits.Header({**HEADER, "T_OBS": "2017-08-07T23:59:57.34Z"})
    record, exposure = (f"aia.lev1_euv_12s.2017-08-07T2359{s}Z.171.spikes.fits" for s in (46, 57))
    with pytest.raises(ReadError, match=f"{record}: no such spikes file, nor {exposure}"):
        find_spikes(tmp_path, header)
    write_spikes(tmp_path / exposure)
    assert find_spikes(tmp_path, header).name == exposure
    write_spikes(tmp_path / record)
    assert find_spikes(tmp_path, header).name == record


def test_spikes_of_4500_need_the_name_of_a_file(tmp_path):
    header = fits.Header({**HEADER, "WAVELNTH": 4500})
    with pytest.raises(InstrumentError, match="no series of JSOC with spikes of 4500 Å is known"):
        find_spikes(tmp_path, header)
    with pytest.raises(ReadError, match=r"156014950.fits: no such spikes file$"):
        find_spikes(tmp_path / "{FSN}.fits", header)
    write_spikes(tmp_path / "156014950.fits")
    assert len(find_spikes(tmp_path / "{FSN}.fits", header)) == 3


@pytest.mark.parametrize("name", ["{FSN}.fits", "{T_REC:%Y/%m}/{FSN:012d}.fits", "one.fits"])
def test_a_path_may_contain_keywords_of_the_header(tmp_path, name):
    made = {"{FSN}.fits": "156014950.fits", "one.fits": "one.fits"}.get(name, "2017/08/000156014950.fits")
    write_spikes(tmp_path / "spikes" / made)
    assert len(find_spikes(tmp_path / "spikes" / name, HEADER)) == 3


def test_a_missing_keyword_is_named(tmp_path):
    with pytest.raises(HeaderError, match=r"{FSN}\.fits.: FSN is missing"):
        find_spikes(tmp_path / "{FSN}.fits", fits.Header())


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (5, "should be jsoc, a folder or the path of a file, not 5"),
        ("{fsn}.fits", "did you mean 'FSN'"),
        ("{FSN}.txt", "must end with .fits"),
    ],
)
def test_a_setting_that_is_not_a_path_is_refused(value, message):
    with pytest.raises(SettingsError, match=message):
        SpikesSettings.of(spikes=value)
