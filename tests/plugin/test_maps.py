"""Tests of sunpy Maps: conversion in both directions, and functions that take and return Maps."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
from astropy.nddata import CCDData, StdDevUncertainty
from astropy.wcs import WCS

import aia_ccdproc
from aia_ccdproc.errors import HeaderError, PrepWarning, StateError
from aia_ccdproc.synthetic import Exposure, Sun, builtin_pointing_path

sunpy_map = pytest.importorskip("sunpy.map")
#: Cards of the file, and not of the image.
FILE_CARDS = {"SIMPLE", "BITPIX", "EXTEND", "CHECKSUM", "DATASUM", "XTENSION", "COMMENT", "HISTORY", "", "BUNIT"}


def make_image() -> CCDData:
    """Make a level-1 image with a mask, an uncertainty, and all kinds of cards."""
    ccd = Exposure(channel=171, corner=(1900, 1850), shape=(60, 64)).image(Sun(), noise=1)
    ccd.mask = np.zeros(ccd.shape, dtype=bool)
    ccd.mask[3, 4] = True
    ccd.uncertainty = StdDevUncertainty(np.sqrt(ccd.data))
    ccd.header["EXPTIME"] = (2.9, "[s] Exposure time")
    ccd.header["TRUTH"], ccd.header["NOVALUE"] = True, None
    for line in ("first line", "second line"):
        ccd.header.add_history(line)
        ccd.header.add_comment(f"comment: {line}")
    return ccd


def values_of(header) -> dict[str, object]:
    """Return the values of the cards of an image."""
    return {key: str(value) for key, value in header.items() if key not in FILE_CARDS}


def assert_same_image(first: CCDData, second: CCDData) -> None:
    """Check that pixels, unit, mask, uncertainty and header are equal."""
    np.testing.assert_array_equal(first.data, second.data)
    assert first.unit == second.unit
    masks = [np.zeros(ccd.shape, bool) if ccd.mask is None else ccd.mask for ccd in (first, second)]
    np.testing.assert_array_equal(*masks)
    assert type(first.uncertainty) is type(second.uncertainty)
    if first.uncertainty is not None:
        np.testing.assert_array_equal(first.uncertainty.array, second.uncertainty.array)
    assert values_of(first.header) == values_of(second.header)
    np.testing.assert_allclose(first.wcs.wcs.crpix, second.wcs.wcs.crpix, rtol=0)


def test_an_image_returns_unchanged_from_a_map():
    ccd = make_image()
    again = aia_ccdproc.from_map(aia_ccdproc.to_map(ccd))
    assert_same_image(again, ccd)
    assert again.data.dtype == np.float32
    assert list(again.header["HISTORY"]) == ["first line", "second line"]
    assert list(again.header["COMMENT"]) == ["comment: first line", "comment: second line"]
    assert again.header.comments["EXPTIME"] == "[s] Exposure time"
    assert again.uncertainty.unit == u.DN


def test_a_map_shares_no_pixels_with_its_image():
    ccd = make_image()
    image_map = aia_ccdproc.to_map(ccd)
    again = aia_ccdproc.from_map(image_map)
    for first, second in ((image_map, ccd), (again, image_map)):
        assert not np.shares_memory(first.data, second.data)
        assert not np.shares_memory(first.mask, second.mask)
        assert not np.shares_memory(first.uncertainty.array, second.uncertainty.array)


def test_metadata_of_a_map_are_those_that_sunpy_reads_from_the_file(tmp_path: Path):
    ccd = Exposure(channel=171, corner=(1900, 1850), shape=(60, 64)).image(Sun())
    path = aia_ccdproc.write(ccd, tmp_path / "image.fits")
    of_sunpy, ours = sunpy_map.Map(path), aia_ccdproc.to_map(aia_ccdproc.read(path))
    assert type(ours) is type(of_sunpy)
    missing = {key for key, value in of_sunpy.meta.items() if ours.meta.get(key) != value}
    assert missing <= {"keycomments", "checksum", "datasum"}


def test_metadata_without_a_form_in_fits_are_named():
    image_map = aia_ccdproc.to_map(make_image())
    image_map.meta["listed"] = [1, 2]
    with pytest.warns(PrepWarning, match="LISTED left out"):
        header = aia_ccdproc.from_map(image_map).header
    assert "LISTED" not in header
    assert header["EXPTIME"] == 2.9


@pytest.mark.parametrize(
    "run",
    [
        aia_ccdproc.register,
        aia_ccdproc.normalize_exposure,
        lambda image: aia_ccdproc.update_pointing(image, source=builtin_pointing_path()),
        lambda image: aia_ccdproc.prep(image, aia_ccdproc.Recipe.from_toml('[[step]]\nuse = "register"\n')),
    ],
    ids=["register", "normalize_exposure", "update_pointing", "prep"],
)
def test_a_function_gives_for_a_map_what_it_gives_for_the_image(run):
    ccd = make_image()
    image_map = aia_ccdproc.to_map(ccd)
    before = aia_ccdproc.from_map(image_map)
    result = run(image_map)
    assert type(result) is type(image_map)
    assert_same_image(aia_ccdproc.from_map(result), run(ccd))
    assert_same_image(aia_ccdproc.from_map(image_map), before)
    assert not np.shares_memory(result.data, image_map.data)


def test_a_sequence_of_maps_returns_a_sequence_and_an_error_names_the_map():
    image_map = aia_ccdproc.to_map(make_image())
    rate = aia_ccdproc.normalize_exposure(image_map)
    result = aia_ccdproc.normalize_exposure(sunpy_map.MapSequence(image_map, image_map))
    assert isinstance(result, sunpy_map.MapSequence)
    assert len(result) == 2
    np.testing.assert_array_equal(result[1].data, rate.data)
    with pytest.raises(StateError) as caught:
        aia_ccdproc.normalize_exposure(sunpy_map.MapSequence(image_map, rate))
    assert caught.value.__notes__ == ["Map 1 of the 2 Maps in the MapSequence"]


def test_a_submap_is_registered_where_the_section_of_the_image_is():
    ccd = make_image()
    part = aia_ccdproc.to_map(ccd).submap([10, 12] * u.pix, top_right=[49, 41] * u.pix)
    registered, expected = aia_ccdproc.register(part), aia_ccdproc.register(ccd[12:42, 10:50])
    np.testing.assert_array_equal(registered.data, expected.data)
    assert registered.meta["crpix1"] == pytest.approx(expected.header["CRPIX1"], abs=1e-9)


def test_a_map_at_level_15_is_refused_as_the_image_is():
    registered = aia_ccdproc.register(aia_ccdproc.to_map(make_image()))
    with pytest.raises(StateError, match=r"level 1\.5"):
        aia_ccdproc.register(registered)


@pytest.mark.filterwarnings("ignore::sunpy.util.exceptions.SunpyUserWarning")
def test_a_rotated_map_has_no_roll_after_registration():
    rotated = aia_ccdproc.to_map(make_image()).rotate(10 * u.deg)
    result = aia_ccdproc.register(rotated)
    np.testing.assert_allclose(result.rotation_matrix, np.eye(2), atol=1e-12)
    assert np.isfinite(result.data).any()


@pytest.mark.parametrize("wrong", ["image.fits", None, np.ones((3, 3))], ids=["str", "None", "ndarray"])
def test_an_error_for_a_wrong_type_names_what_is_accepted(wrong):
    for function in (aia_ccdproc.prep, aia_ccdproc.register):
        with pytest.raises(TypeError, match=f"takes a CCDData, a sunpy Map or a MapSequence.*{type(wrong).__name__}"):
            function(wrong)
    with pytest.raises(TypeError, match="from_map takes a sunpy Map"):
        aia_ccdproc.from_map(wrong)
    with pytest.raises(TypeError, match="to_map takes a CCDData"):
        aia_ccdproc.to_map(wrong)


def test_an_image_without_wcs_is_not_made_a_map():
    with pytest.raises(HeaderError, match="no WCS"):
        aia_ccdproc.to_map(CCDData(np.ones((3, 3)), unit="DN"))


def test_a_file_is_opened_by_astropy_without_a_warning(tmp_path: Path):
    ccd = make_image()
    ccd.header["MJD-OBS"] = 58849.0003  # TAI
    path = aia_ccdproc.write(ccd, tmp_path / "image.fits")
    again = CCDData.read(path)
    assert again.header["MJD-OBS"] == pytest.approx(58849 + 11.57 / 86400, abs=1e-9)
    assert WCS(again.header).wcs.mjdobs == again.header["MJD-OBS"]


@pytest.mark.process
def test_sunpy_is_imported_for_a_position_on_the_sky_and_not_before():
    code = """
import sys, aia_ccdproc
from aia_ccdproc.synthetic import Exposure, Sun
ccd = Exposure(channel=171, corner=(1900, 1850), shape=(20, 24)).image(Sun())
aia_ccdproc.normalize_exposure(ccd)
assert "sunpy" not in sys.modules
print(type(ccd.wcs.pixel_to_world(1, 2).frame).__name__)
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "Helioprojective"


def test_maps_of_real_files_give_the_results_of_the_files(real_data: Path):
    for path in sorted((real_data / "aia_level1").glob("*cutout.fits")):
        ccd, image_map = aia_ccdproc.read(path), sunpy_map.Map(path)
        of_map = aia_ccdproc.from_map(image_map)
        np.testing.assert_array_equal(of_map.data, ccd.data)
        first, second = values_of(of_map.header), values_of(ccd.header)
        different = {key for key, value in second.items() if first.get(key) != value}
        # sunpy reads cards that are not valid FITS as 'nan', or with the first quote and cut at a slash.
        assert all(str(image_map.meta[key]).startswith(("nan", "'")) for key in different), path.name
        np.testing.assert_array_equal(aia_ccdproc.register(image_map).data, aia_ccdproc.register(ccd).data)


@pytest.mark.slow
def test_prep_of_the_map_of_a_full_frame_gives_the_pixels_and_the_header_of_the_file(real_data: Path):
    """The Map has a unit, and therefore BUNIT; the file has none."""
    [path] = (real_data / "aia_level1").glob("*.image_lev1.fits")
    recipe = aia_ccdproc.Recipe.from_toml('[[step]]\nuse = "register"\n')
    of_file = aia_ccdproc.prep(aia_ccdproc.read(path), recipe)
    result = aia_ccdproc.prep(sunpy_map.Map(path), recipe)
    assert type(result).__name__ == "AIAMap"
    of_map = aia_ccdproc.from_map(result)
    assert_same_image(of_map, of_file)
    assert of_map.data.dtype == of_file.data.dtype == np.float32
    assert set(of_map.header) - set(of_file.header) == {"BUNIT"}
    assert set(of_file.header) <= set(of_map.header)
    for key in ("HISTORY", "COMMENT"):
        assert list(of_map.header.get(key, ())) == list(of_file.header.get(key, ()))


@pytest.mark.filterwarnings("ignore:One of the data, header pairs failed")
@pytest.mark.parametrize("compression", ["none", "rice", "lossless"])
@pytest.mark.parametrize("planes", [(), ("mask",), ("uncertainty",), ("mask", "uncertainty")], ids="+".join)
def test_sunpy_opens_every_kind_of_output(compression: str, planes: tuple[str, ...], tmp_path: Path):
    """With MASK or UNCERT, three documented lines open it: allow_errors, the number of the HDU, `read` and `to_map`."""
    ccd = make_image()
    for name in {"mask", "uncertainty"} - set(planes):
        setattr(ccd, name, None)
    path = aia_ccdproc.write(ccd, tmp_path / "image.fits", compression=compression)
    ours = aia_ccdproc.to_map(aia_ccdproc.read(path))
    options = ({"allow_errors": True}, {"hdus": int(compression != "none")}, *([] if planes else [{}]))
    for of_sunpy in (sunpy_map.Map(path, **each) for each in options):
        np.testing.assert_array_equal(of_sunpy.data, ours.data)
        assert type(of_sunpy) is type(ours)
    np.testing.assert_allclose(ours.data, ccd.data, atol=0 if compression != "rice" else 1)
    assert (ours.mask is not None, ours.uncertainty is not None) == tuple(p in planes for p in ("mask", "uncertainty"))


@pytest.mark.filterwarnings("ignore::sunpy.util.exceptions.SunpyUserWarning")
@pytest.mark.parametrize("registered", [False, True])
def test_a_map_that_was_saved_is_read_as_the_image_that_it_contains(registered: bool, tmp_path: Path):
    image_map = aia_ccdproc.to_map(make_image())
    if registered:
        image_map = aia_ccdproc.register(image_map)
    image_map.save(tmp_path / "map.fits")
    again = aia_ccdproc.read(tmp_path / "map.fits")
    np.testing.assert_array_equal(again.data, image_map.data)
    assert again.unit == image_map.unit
    assert again.header["LVL_NUM"] == (1.5 if registered else 1.0)
