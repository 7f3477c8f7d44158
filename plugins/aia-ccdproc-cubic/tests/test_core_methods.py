"""The methods of the core that the engine serves: the results equal those of reproject to float32 rounding."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import CCDData, StdDevUncertainty
from astropy.wcs import WCS
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scenes import small_exposure, small_sun
from scipy import ndimage

import aia_ccdproc
from aia_ccdproc import PluginError, Recipe, load_recipe, register
from aia_ccdproc.__main__ import main
from aia_ccdproc.plugin import BAD_WEIGHT_THRESHOLD, Resampled, affine_map, get_plugin_manager, load_plugins
from aia_ccdproc_cubic import prep_resample

METHODS = ["nearest-neighbor", "bilinear", "bicubic"]
#: Roll in degrees, input pixels per output pixel, and shift in pixels.
MAPS = {
    "aia": (0.1376, 1.00018, (1.3, -2.4)),
    "identity": (0, 1, (0, 0)),
    "whole pixels": (0, 1, (3, -7)),
    "half pixels": (0, 1, (0.5, -0.5)),
    "binned": (0, 2, (0.5, 0.5)),
    "binned by three": (0, 3, (1, 1)),
    "enlarged": (0, 0.5, (-0.25, 0.25)),
    "hmi": (179.93, 0.84, (0.2, 0.3)),
    "upside down": (180, 1, (0, 0)),
    "quarter turn": (90, 1, (0.5, 0)),
    "turned": (30, 1.1, (3, 5)),
    "outside": (0, 1, (1000, 0)),
}
#: Rounding errors of float32 of the largest pixel that contributes.
TOLERANCE = 16 * float(np.finfo(np.float32).eps)


def linear_wcs(matrix: np.ndarray, crpix: np.ndarray) -> WCS:
    wcs = WCS(naxis=2)
    wcs.wcs.crpix, wcs.wcs.cdelt, wcs.wcs.cunit, wcs.wcs.pc = crpix, [1, 1], ["deg", "deg"], matrix
    return wcs


def grids(shape: tuple[int, int], roll: float, scale: float, shift: tuple[float, float]) -> tuple[WCS, WCS]:
    """Return WCSs of input and output that differ by a rotation and a scale about the center, and a shift."""
    cos, sin = np.cos(np.radians(roll)), np.sin(np.radians(roll))
    middle = (np.array(shape[::-1]) + 1) / 2
    return linear_wcs(np.eye(2), middle + shift), linear_wcs(scale * np.array([[cos, sin], [-sin, cos]]), middle)


def by_both(
    planes: tuple[np.ndarray, np.ndarray | None, np.ndarray | None], wcs_pair: tuple[WCS, WCS], method: str
) -> tuple[Resampled, Resampled]:
    """Resample with this plugin's engine and with that of the core."""
    arguments = dict(zip(("data", "variance", "flags", "input_wcs", "output_wcs"), (*planes, *wcs_pair), strict=True))
    arguments |= {"output_shape": planes[0].shape, "method": method, "parameter": None}
    [core] = load_plugins([]).choose_engines(method)
    theirs = load_plugins([]).ask("prep_resample", [core], **arguments)
    assert theirs is not None
    assert theirs.plugin.distribution == "aia-ccdproc"
    ours = prep_resample(**arguments)
    assert ours is not None
    return ours, theirs.value


def positions(wcs_pair: tuple[WCS, WCS], shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = np.indices(shape, dtype=float)
    return tuple(line[0] * columns + line[1] * rows + line[2] for line in affine_map(*wcs_pair))


def assert_same_pixels(ours: np.ndarray, theirs: np.ndarray, data: np.ndarray, where: np.ndarray | None = None) -> None:
    """Compare pixels. ``where`` are the largest input pixels nearby; without it, the largest of the image counts."""
    np.testing.assert_array_equal(np.isfinite(ours), np.isfinite(theirs))
    finite = np.isfinite(theirs)
    largest = np.abs(data).max()
    nearby = largest if where is None else where[finite]
    assert (np.abs(ours[finite] - theirs[finite]) <= TOLERANCE * nearby + 1e-9 * largest).all()


def noisy_planes(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return an image, a variance that differs thousandfold from pixel to pixel, and flags of pixels and of areas."""
    random = np.random.default_rng(0)
    data = random.normal(200, 30, shape).astype(np.float32)
    variance = (1000 * random.uniform(0, 1, shape) ** 6 + 1).astype(np.float32)
    flags = random.choice([0, 1, 2], shape, p=[0.97, 0.02, 0.01]).astype(np.uint8)
    flags[: shape[0] // 4, : shape[1] // 3] = 2
    flags[shape[0] // 2 :, -shape[1] // 8 :] = 1
    return data, variance, flags


# -- arrays --------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(300, 340), (64, 700), (9, 40), (5, 5), (4, 3), (2, 2), (1, 7), (1, 1)])
@pytest.mark.parametrize("name", list(MAPS))
@pytest.mark.parametrize("method", METHODS)
def test_pixels_variance_and_flags_equal_those_of_reproject_up_to_the_edges(method, name, shape):
    planes, wcs_pair = noisy_planes(shape), grids(shape, *MAPS[name])
    ours, theirs = by_both(planes, wcs_pair, method)
    assert_same_pixels(ours.data, theirs.data, planes[0])
    np.testing.assert_array_equal(ours.flags, theirs.flags)
    covered = np.isfinite(theirs.data)
    np.testing.assert_allclose(ours.variance[covered], theirs.variance[covered], rtol=2e-4)
    assert ours.propagation == theirs.propagation


@pytest.mark.parametrize("shift", [(-0.5, 0), (0.5, 0), (0, -0.5), (0, 0.5), (0.5, 0.5)])
@pytest.mark.parametrize("method", METHODS)
def test_a_position_on_the_edge_of_the_image_is_covered_on_the_lower_edge_alone(method, shift):
    shape = (20, 30)
    data = noisy_planes(shape)[0]
    ours, theirs = by_both((data, None, None), grids(shape, 0, 1, shift), method)
    np.testing.assert_array_equal(np.isfinite(ours.data), np.isfinite(theirs.data))
    x, y = positions(grids(shape, 0, 1, shift), shape)
    np.testing.assert_array_equal(ours.flags == 0, (x >= -0.5) & (x < 29.5) & (y >= -0.5) & (y < 19.5))


@pytest.mark.parametrize("roll", [0, 90, 180, 0.1])
def test_of_two_pixels_at_the_same_distance_the_second_one_is_the_nearest(roll):
    """Also where the position has a rounding error."""
    shape = (40, 40)
    data = noisy_planes(shape)[0]
    for shift in ((0.5, 0.5), (0.1 + 0.2 + 0.2, 0.5)):
        ours, theirs = by_both((data, None, None), grids(shape, roll, 1, shift), "nearest-neighbor")
        np.testing.assert_array_equal(ours.data, theirs.data)
    if roll == 0:
        np.testing.assert_array_equal(ours.data[:-1, :-1], data[1:, 1:])


@given(
    st.floats(-180, 180),
    st.floats(0.2, 3),
    st.tuples(st.floats(-30, 30), st.floats(-30, 30)),
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
    st.sampled_from(METHODS),
)
@settings(max_examples=150, deadline=None)
def test_any_affine_map_gives_the_pixels_of_reproject(roll, scale, shift, shape, method):
    wcs_pair, planes = grids(shape, roll, scale, shift), noisy_planes(shape)
    # On the edge of the image, a rounding error decides.
    for position, size in zip(positions(wcs_pair, shape), shape[::-1], strict=True):
        assume(np.abs(np.abs(position - (size - 1) / 2) - size / 2).min() > 1e-8)
    ours, theirs = by_both(planes, wcs_pair, method)
    assert_same_pixels(ours.data, theirs.data, planes[0])
    covered = np.isfinite(theirs.data)
    np.testing.assert_allclose(ours.variance[covered], theirs.variance[covered], rtol=1e-3)


@given(
    st.floats(-180, 180),
    st.floats(0.3, 2),
    st.tuples(st.floats(-5, 5), st.floats(-5, 5)),
    st.tuples(st.integers(0, 19), st.integers(0, 22)),
    st.sampled_from(METHODS),
)
@settings(max_examples=60, deadline=None)
def test_on_any_affine_map_a_bad_pixel_flags_the_pixels_that_it_flags_in_the_core(roll, scale, shift, pixel, method):
    shape = (20, 23)
    flags, impulse = np.zeros(shape, np.uint8), np.zeros(shape, np.float32)
    flags[pixel], impulse[pixel] = 2, 1
    ours, theirs = by_both((impulse, None, flags), grids(shape, roll, scale, shift), method)
    clear = ~(np.abs(np.abs(theirs.data) - BAD_WEIGHT_THRESHOLD) < 1e-4)
    covered = np.isfinite(ours.data) & np.isfinite(theirs.data)
    np.testing.assert_array_equal(ours.flags[clear & covered], theirs.flags[clear & covered])


@pytest.mark.parametrize("method", METHODS)
def test_the_engine_leaves_celestial_maps_to_reproject(method):
    celestial = [WCS(naxis=2), WCS(naxis=2)]
    for wcs in celestial:
        wcs.wcs.ctype, wcs.wcs.cdelt = ["RA---TAN", "DEC--TAN"], [1e-4, 1e-4]
    data = np.ones((5, 5), np.float32)
    assert prep_resample(data, None, None, *celestial, (5, 5), method, None) is None


# -- images --------------------------------------------------------------------------------------


@pytest.fixture
def by_engine(prep_manager):
    """Register an image with the plugin and without it. Compare everything; return the image of the plugin."""

    def compare(image: CCDData, *plugins: str, served: bool = True, **options: object) -> CCDData:
        results = []
        for names in (("aia-ccdproc-cubic", *plugins), plugins):
            prep_manager(*names)
            results.append(register(image, **options))
        ours, theirs = results
        finite = np.where(np.isfinite(image.data), image.data, 0)
        largest = CCDData(
            ndimage.maximum_filter(np.abs(finite), 33), unit=image.unit, header=image.header, wcs=image.wcs
        )
        nearby = register(largest, **{**options, "method": "nearest-neighbor"})
        assert_same_pixels(ours.data, theirs.data, finite, nearby.data)
        assert (ours.mask is None) == (theirs.mask is None)
        if ours.mask is not None:
            np.testing.assert_array_equal(ours.mask, theirs.mask)
        if theirs.uncertainty is not None:
            np.testing.assert_allclose(ours.uncertainty.array, theirs.uncertainty.array, rtol=2e-4)
        history = [line for line in ours.header["HISTORY"] if "resampled by" not in line]
        assert history == list(theirs.header["HISTORY"])
        assert served == ("register: resampled by aia-ccdproc-cubic " in "\n".join(ours.header["HISTORY"]))
        for header in (ours.header, theirs.header):
            header.remove("HISTORY", remove_all=True)
        assert fits.Header(ours.header).tostring() == fits.Header(theirs.header).tostring()
        return ours

    return compare


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("index", range(5))
def test_real_files_give_the_pixels_of_reproject(real_data: Path, by_engine, method, index):
    path = sorted((real_data / "aia_level1").glob("*.fits"))[index]
    image = aia_ccdproc.read(path)
    full_frame = image.shape == (4096, 4096)
    if full_frame:  # a part of it with the limb and an active region; the whole takes seconds
        image = image[1200:2200, 300:1500]
    # The reference point of the file with 128 x 128 pixels is not the center of the Sun: the map is not affine.
    by_engine(image, method=method, served=image.shape != (128, 128))


@pytest.mark.slow
def test_a_real_full_frame_gives_the_pixels_of_reproject(real_data: Path, by_engine):
    [path] = (real_data / "aia_level1").glob("*2017-08-07*.fits")
    image = aia_ccdproc.read(path)
    by_engine(image)
    image.mask = image.data >= np.percentile(image.data, 99.9)
    image.uncertainty = StdDevUncertainty(np.sqrt(np.abs(image.data) + 1).astype(np.float32))
    by_engine(image)


@pytest.mark.parametrize("method", METHODS)
def test_a_real_image_with_mask_nan_and_uncertainty_gives_the_planes_of_reproject(real_data: Path, by_engine, method):
    [path] = (real_data / "aia_level1").glob("*2013-03-10*171.cutout.fits")
    image = aia_ccdproc.read(path)
    image.mask = image.data >= np.percentile(image.data, 99)
    image.data[10:14, 20:60] = np.nan
    image.uncertainty = StdDevUncertainty(np.sqrt(np.abs(np.nan_to_num(image.data)) + 1).astype(np.float32))
    result = by_engine(image, method=method, clip=True)
    assert result.mask.any()
    by_engine(image, method=method, conserve="counts", mask_border=True, fill=0.0)


@pytest.mark.parametrize("method", METHODS)
def test_an_image_of_hmi_with_nan_off_the_disk_gives_the_pixels_of_reproject(by_engine, method):
    """It is rolled by 180 degrees and has another plate scale."""
    synthetic = pytest.importorskip("aia_ccdproc_hmi.synthetic")
    image = synthetic.observe(small_sun(), corner=(3500, 1700), shape=(420, 500))
    assert np.isnan(image.data).any()
    assert np.isfinite(image.data).any()
    by_engine(image, "aia-ccdproc-hmi", method=method)


def test_a_magnetogram_of_a_real_file_gives_the_pixels_of_reproject(real_data: Path, by_engine, prep_manager):
    prep_manager("aia-ccdproc-hmi")
    image = aia_ccdproc.read(real_data / "other_instruments" / "resampled_hmi.fits")
    by_engine(image, "aia-ccdproc-hmi", force=True, target=image.header)


@pytest.mark.parametrize("binning", [2, 4])
def test_binned_images_give_the_pixels_of_reproject(by_engine, binning):
    by_engine(small_exposure(binning=binning, corner=(0, 0), shape=(240, 260)).image(small_sun()))


# -- choice of the engine ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small() -> CCDData:
    return small_exposure(roll=0.3).image(small_sun())


RECIPE = '[[step]]\nuse = "register"\nplugin = "{}"\nmethod = "{}"\n'


@pytest.mark.parametrize("method", METHODS)
def test_with_the_core_chosen_reproject_resamples(small, prep_manager, method):
    prep_manager()
    theirs = register(small, method=method)
    prep_manager("aia-ccdproc-cubic")
    recipe = Recipe.from_toml(RECIPE.format("aia-ccdproc", method))
    for image in (register(small, method=method, plugin="aia-ccdproc"), aia_ccdproc.prep(small, recipe)):
        np.testing.assert_array_equal(image.data, theirs.data)
        assert "resampled by" not in str(image.header["HISTORY"])


def test_a_map_that_is_not_affine_is_resampled_by_reproject_unless_the_engine_is_chosen(small, prep_manager):
    target = register(small).header
    target["CTYPE1"], target["CTYPE2"] = "HPLN-CAR", "HPLT-CAR"
    ours = register(small, target=target)
    assert "resampled by" not in str(ours.header["HISTORY"])
    with pytest.raises(
        PluginError, match="no engine resamples by method 'bicubic' between these two WCSs; asked: aia-ccdproc-cubic"
    ):
        register(small, target=target, plugin="aia-ccdproc-cubic")
    prep_manager()
    np.testing.assert_array_equal(ours.data, register(small, target=target).data)


def test_recipeid_depends_on_the_engine_unless_reproject_is_chosen(prep_manager):
    def digests() -> list[str]:
        recipes = (load_recipe("level1.5"), Recipe.from_toml(RECIPE.format("aia-ccdproc", "bicubic")))
        return [recipe.digest for recipe in recipes]

    prep_manager()
    without = digests()
    prep_manager("aia-ccdproc-cubic")
    served = digests()
    assert served[0] != without[0]
    assert served[1] == without[1]


def test_the_engines_of_a_method_are_listed(capsys):
    assert main(["steps"]) == 0
    listed = " ".join(capsys.readouterr().out.split())
    assert "bicubic aia-ccdproc-cubic 0.1.0, aia-ccdproc 0.1.0" in listed
    assert [each.distribution for each in get_plugin_manager().engines("exact")] == ["aia-ccdproc"]
