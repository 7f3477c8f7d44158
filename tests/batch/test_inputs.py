"""Tests of finding the input files of a batch."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import pytest
from ccdproc import ImageFileCollection
from scenes import small_exposure, small_sun

from aia_ccdproc import ReadError
from aia_ccdproc.batch.inputs import find_inputs


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with files of many names."""
    for name in ("b.fits", "a.fts", "c.fits.gz", "notes.txt", ".hidden.fits", ".0123abcd.tmp.fits", "sub/d.fits"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(name)
    (tmp_path / "folder.fits").mkdir()
    return tmp_path


def names(files, folder: Path) -> list[str]:
    return [str(found.path.relative_to(folder)) for found in find_inputs(files)]


def test_a_folder_gives_the_fits_files_in_it(folder: Path) -> None:
    assert names(folder, folder) == ["a.fts", "b.fits", "c.fits.gz"]


def test_a_pattern_gives_the_fits_files_that_match(folder: Path) -> None:
    assert names(str(folder / "*.fits*"), folder) == ["b.fits", "c.fits.gz"]
    assert names(str(folder / "**" / "?.fits"), folder) == ["b.fits", "sub/d.fits"]


def test_a_file_is_used_once_even_if_it_is_given_several_times(folder: Path) -> None:
    found = find_inputs([folder / "b.fits", folder, str(folder / "*"), folder / "b.fits"])
    assert [each.path.name for each in found] == ["b.fits", "a.fts", "c.fits.gz"]
    assert [each.named for each in found] == [True, False, False]


def test_a_file_that_is_found_and_then_named_counts_as_named(folder: Path) -> None:
    assert [each.named for each in find_inputs([folder, folder / "b.fits"])] == [False, True, False]


def test_a_file_that_is_named_need_not_exist(tmp_path: Path) -> None:
    gone = tmp_path / "gone.fits"
    assert [each[:2] for each in find_inputs([gone])] == [(gone, True)]


def test_the_name_of_an_existing_file_with_brackets_is_not_a_pattern(tmp_path: Path) -> None:
    odd = tmp_path / "a[1].fits"
    odd.write_text("")
    assert [each[:2] for each in find_inputs(str(odd))] == [(odd, True)]


@pytest.mark.parametrize("name", ["", "*.fits"])
def test_a_folder_or_a_pattern_without_fits_files_is_an_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(
        ReadError, match=re.escape(str(tmp_path / name)) + ": (the folder contains no FITS files|no FITS files match)"
    ):
        find_inputs([tmp_path / name])


def test_a_folder_whose_subfolders_contain_the_files_hints_at_a_pattern(tmp_path: Path) -> None:
    day = tmp_path / "[2020]" / "01" / "a.fits"
    day.parent.mkdir(parents=True)
    day.write_text("")
    with pytest.raises(ReadError, match="contains no FITS files, but its subfolders do") as caught:
        find_inputs(tmp_path / "[2020]")
    pattern = str(caught.value).split('"')[1]
    assert [each.path for each in find_inputs(pattern)] == [day]


def test_a_collection_of_ccdproc_gives_its_files(tmp_path: Path) -> None:
    exposure = small_exposure(shape=(20, 20))
    paths = [exposure.write_level1(exposure.image(small_sun()), tmp_path / f"{i}.fits") for i in range(2)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        collection = ImageFileCollection(tmp_path, ext=1)
    assert [each.path for each in find_inputs(collection)] == paths
