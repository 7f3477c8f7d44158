"""ccdproc's own steps in a recipe: validated by models of its functions, and run like any other step."""

from __future__ import annotations

import copy
import gzip
import inspect
import logging
import os
import pickle
import subprocess
import sys
import warnings
from pathlib import Path
from typing import get_args

import astropy.units as u
import ccdproc
import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import CCDData, StdDevUncertainty
from hypothesis import given
from hypothesis import strategies as st
from scenes import pixel_of, position_errors, small_exposure, small_sun

from aia_ccdproc import (
    HeaderError,
    Pipeline,
    PluginError,
    PrepWarning,
    ReadError,
    Recipe,
    RecipeError,
    SettingsError,
    StateError,
    get_plugin_manager,
    prep,
)
from aia_ccdproc.images.header import complete_header
from aia_ccdproc.io import write
from aia_ccdproc.plugin import StepSettings
from aia_ccdproc.plugin.step import Step
from aia_ccdproc.recipe.recipe_step import RecipeStep
from aia_ccdproc.steps.from_ccdproc.frames import read_calibration_frame
from aia_ccdproc.steps.from_ccdproc.settings import CCDPROC_MODELS, UNUSABLE

PREFIX = "ccdproc."
SHAPE = (300, 320)
GAIN = 'gain = "17.7 electron / DN"\n'
NOISE = GAIN + 'readnoise = "20.5 electron"\n'
#: A table for every function that can be a step.
USABLE = {
    "ccd_process": 'oscan = "[1:10, :]"\nmaster_bias = "bias.fits"\ngain_corrected = false\n' + NOISE,
    "cosmicray_lacosmic": "sigclip = 8\n" + NOISE,
    "cosmicray_median": 'error_image = "error.fits"',
    "create_deviation": "disregard_nan = true\n" + NOISE,
    "flat_correct": 'flat = "flat.fits"\nmin_value = 0.5',
    "gain_correct": GAIN,
    "subtract_bias": 'master = "bias.fits"',
    "subtract_dark": 'master = "bias.fits"\nexposure_time = "EXPTIME"\nexposure_unit = "s"\nscale = true',
    "subtract_overscan": 'fits_section = "[1:10, :]"\nmedian = true',
    "trim_image": 'fits_section = "[21:300, 11:280]"',
}


@pytest.fixture
def ccd() -> CCDData:
    image = small_exposure().image(small_sun(), noise=3)
    image.uncertainty = StdDevUncertainty(np.sqrt(np.maximum(image.data, 1)))
    image.mask = image.data > 590
    return image


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with calibration frames as observatories make them: without a WCS, with 64-bit pixels."""
    pattern = 1 + 0.1 * np.sin(np.arange(SHAPE[1]) / 10) * np.ones(SHAPE)
    fits.writeto(tmp_path / "flat.fits", pattern)
    for name, value in (("bias", 2.5), ("error", 4.0)):
        fits.writeto(tmp_path / f"{name}.fits", np.full(SHAPE, value), fits.Header({"BUNIT": "DN", "EXPTIME": 2.0}))
    return tmp_path


def recipe(name: str, table: str, folder: Path | None = None) -> Recipe:
    return Recipe.from_toml(f'[[step]]\nuse = "{PREFIX}{name}"\n{table}\n', folder=folder)


def ccdproc_steps() -> dict[str, Step]:
    return {name: step for name, step in get_plugin_manager().steps().items() if name.startswith(PREFIX)}


def problem(toml: str) -> str:
    with pytest.raises(RecipeError) as caught:
        Recipe.from_toml(toml)
    [found] = caught.value.problems
    return str(found)


# -- which functions -----------------------------------------------------------------------------


def test_every_function_of_ccdproc_is_a_step_or_is_listed_as_unusable() -> None:
    steps = {name.removeprefix(PREFIX) for name in ccdproc_steps()}
    assert steps == set(USABLE) == set(CCDPROC_MODELS)
    readers = {"fits_ccddata_reader", "fits_ccddata_writer"}  # astropy's
    functions = {name for name, _ in inspect.getmembers(ccdproc, inspect.isfunction)} - readers
    assert functions == steps | set(UNUSABLE)


@pytest.mark.parametrize("name", sorted(UNUSABLE))
def test_a_function_that_cannot_be_a_step_is_refused_with_the_reason(name: str) -> None:
    assert problem(f'[[step]]\nuse = "ccdproc.{name}"') == (
        f"line 2, step 1: ccdproc.{name} cannot be a step: {UNUSABLE[name]}"
    )


@pytest.mark.parametrize(
    "name", ["os", "core", "core.x", "core.trim_image", "Combiner", "conf", "__name__", "", "fits_ccddata_reader"]
)
def test_nothing_else_of_ccdproc_can_be_named(name: str) -> None:
    assert f"unknown step 'ccdproc.{name}'; of ccdproc's functions, " in problem(f'[[step]]\nuse = "ccdproc.{name}"')
    with pytest.raises(PluginError, match="unknown step"):
        Pipeline([RecipeStep(f"ccdproc.{name}", CCDPROC_MODELS["trim_image"](fits_section="[1:2,1:2]"))])


@pytest.mark.parametrize("use", ["numpy.save", "os.system", "ccdproc", "astropy.nddata.block_reduce"])
def test_nothing_of_other_packages_can_be_named(use: str) -> None:
    assert f"unknown step '{use}'; " in problem(f'[[step]]\nuse = "{use}"')


def test_the_nearest_function_is_suggested_for_a_misspelled_one() -> None:
    assert "did you mean 'cosmicray_lacosmic'?" in problem('[[step]]\nuse = "ccdproc.cosmicray_lacosmik"')


def test_steps_are_listed_with_summaries_and_settings() -> None:
    step = ccdproc_steps()["ccdproc.cosmicray_lacosmic"]
    assert step.summary == "Remove cosmic rays by L.A.Cosmic (van Dokkum 2001)."
    settings = step.settings.document()
    assert settings["sigclip"].default == 4.5
    assert settings["readnoise"].description.startswith("Read noise of a pixel")
    assert ccdproc_steps()["ccdproc.flat_correct"].settings.document()["flat"].required
    for listed in ccdproc_steps().values():
        assert listed.summary.endswith(".")
        assert all(setting.description.endswith(".") for setting in listed.settings.document().values())


def test_ccdproc_is_not_imported_before_a_step_needs_it() -> None:
    script = "import sys, aia_ccdproc.steps.from_ccdproc.settings; sys.exit('ccdproc' in sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True)


# -- arguments -----------------------------------------------------------------------------------

#: Parameters that have a default in ccdproc, without which the function fails or does nothing.
REQUIRED = {("create_deviation", "readnoise"), ("subtract_overscan", "fits_section"), ("trim_image", "fits_section")}


@pytest.mark.parametrize("name", CCDPROC_MODELS)
def test_every_parameter_of_the_installed_function_is_a_setting_or_is_refused(name: str) -> None:
    model = CCDPROC_MODELS[name]
    parameters = list(inspect.signature(getattr(ccdproc, name)).parameters)[1:]
    assert list(model.model_fields) == [parameter for parameter in parameters if parameter not in model.refused]
    assert set(model.refused) - {"add_keyword"} <= set(parameters)  # log_to_metadata adds add_keyword


@pytest.mark.parametrize("name", CCDPROC_MODELS)
def test_every_setting_has_the_type_and_the_default_of_the_parameter(name: str) -> None:
    parameters = inspect.signature(getattr(ccdproc, name)).parameters
    for setting, field in CCDPROC_MODELS[name].model_fields.items():
        default = parameters[setting].default
        if field.is_required():
            assert default is inspect.Parameter.empty or (name, setting) in REQUIRED
            continue
        assert field.default == default
        if isinstance(default, bool):
            assert field.annotation is bool
        if isinstance(default, str):
            assert default in get_args(field.annotation)


@pytest.mark.parametrize(
    ("name", "table", "message"),
    [
        ("flat_correct", "", "line 1, step 1 (ccdproc.flat_correct): flat is missing"),
        ("flat_correct", "flat = 3", "flat: should be the path of a FITS image, not 3"),
        ("flat_correct", 'flta = "f.fits"\nflat = "f.fits"', "unknown setting 'flta'; did you mean 'flat'?"),
        ("flat_correct", 'flat = "f.fits"\nmin_value = "x"', "min_value = 'x': "),
        ("flat_correct", 'flat = "f.fits"\nplugin = "aia-ccdproc"', "is run by ccdproc itself; leave plugin out"),
        ("gain_correct", 'gain = "17.7 electron per DN"', "gain: should be a number and a unit"),
        ("gain_correct", "gain = true", "gain: should be a number and a unit"),
        ("gain_correct", 'gain = "nan s"', "gain: should be a number and a unit"),
        ("gain_correct", 'gain = 3.0\ngain_unit = "electrn"', "gain_unit: should be a unit"),
        ("gain_correct", "gain = 3.0\ngain_unit = 3", "gain_unit: should be a unit"),
        ("gain_correct", 'gain = 3.0\ngain_unit = "electron,DN"', "gain_unit: should be a unit"),
        ("trim_image", 'fits_section = "1:10"', "should be a section in FITS notation"),
        ("trim_image", 'fits_section = "[1:10]"', "should be a section in FITS notation"),
        ("trim_image", 'fits_section = "[0:10, 1:10]"', "should be a section in FITS notation"),
        ("trim_image", 'fits_section = "[a:10, 1:10]"', "should be a section in FITS notation"),
        ("trim_image", "fits_section = 3", "fits_section = 3: "),
        ("trim_image", "", "fits_section is missing"),
        ("trim_image", 'fits_section = "[1:9,1:9]"\nadd_keyword = "x"', "add_keyword cannot be given: every step"),
        ("subtract_overscan", 'fits_section = "[1:9,:]"\nmodel = "x"', "model cannot be given: TOML cannot represent"),
        ("subtract_overscan", 'fits_section = "[1:9,:]"\noverscan_axis = 2', "overscan_axis = 2: "),
        ("cosmicray_lacosmic", "psfk = [[1.0]]", "psfk cannot be given: TOML cannot represent an array"),
        ("cosmicray_lacosmic", "pssl = 1.0", "pssl cannot be given"),
        ("cosmicray_lacosmic", 'cleantype = "mean"', "cleantype = 'mean': input should be"),
        ("cosmicray_lacosmic", "niter = 2.5", "niter = 2.5: "),
        ("cosmicray_lacosmic", 'sepmed = "yes"', "sepmed = 'yes': "),
    ],
)
def test_invalid_settings_are_refused(name: str, table: str, message: str) -> None:
    assert message in problem(f'[[step]]\nuse = "ccdproc.{name}"\n{table}')


def test_equal_quantities_are_stored_as_the_same_text() -> None:
    model = CCDPROC_MODELS["gain_correct"]
    one = model(gain="17.70 electron/DN")
    assert one.gain == model(gain=17.7 * u.electron / u.DN).gain == "17.7 electron / DN"
    assert one.arguments() == {"gain": 17.7 * u.electron / u.DN}
    assert model(gain=2).arguments() == {"gain": 2.0}
    assert one.describe() == "gain=17.7 electron / DN"


@given(st.floats(1e-6, 1e6), st.sampled_from(["electron / DN", "s", "DN", "electron", ""]))
def test_a_quantity_is_passed_to_ccdproc_unchanged(value: float, unit: str) -> None:
    kept = CCDPROC_MODELS["gain_correct"](gain=u.Quantity(value, unit)).arguments()["gain"]
    assert kept.value == value
    assert kept.unit == u.Unit(unit)


def test_history_and_digest_contain_the_settings_that_differ_from_their_defaults() -> None:
    explicit = recipe("cosmicray_lacosmic", "sigclip = 4.5\nniter = 3")
    plain = recipe("cosmicray_lacosmic", "niter = 3")
    assert explicit.steps[0].settings.describe() == "niter=3"
    assert explicit.digest == plain.digest != recipe("cosmicray_lacosmic", "").digest


@pytest.mark.parametrize("name", USABLE)
def test_settings_can_be_sent_to_workers(name: str) -> None:
    settings = recipe(name, USABLE[name]).steps[0].settings
    assert pickle.loads(pickle.dumps(settings)) == settings


# -- order ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(set(USABLE) - {"gain_correct", "trim_image"}))
def test_corrections_of_detector_pixels_come_before_registration(name: str) -> None:
    step = f'[[step]]\nuse = "ccdproc.{name}"\n{USABLE[name]}\n'
    register = '[[step]]\nuse = "register"\n'
    assert len(Recipe.from_toml(step + register).steps) == 2
    assert f"ccdproc.{name} must come before register, which is step 1" in problem(register + step)


def test_a_bias_is_subtracted_once_and_cosmic_rays_are_removed_any_number_of_times() -> None:
    bias = '[[step]]\nuse = "ccdproc.subtract_bias"\nmaster = "b.fits"\n'
    assert "ccdproc.subtract_bias may run only once; it is already step 1" in problem(bias + bias)
    assert len(Recipe.from_toml('[[step]]\nuse = "ccdproc.cosmicray_lacosmic"\n' * 2).steps) == 2


# -- running -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", USABLE)
def test_a_step_does_what_ccdproc_does_and_does_not_change_its_input(name: str, ccd: CCDData, folder: Path) -> None:
    before = copy.deepcopy(ccd)
    planned = recipe(name, USABLE[name], folder)
    result = prep(ccd, planned)
    by_hand = getattr(ccdproc, name)(ccd, **planned.steps[0].settings.arguments())
    np.testing.assert_allclose(result.data, by_hand.data, rtol=1e-6)
    assert result.data.dtype == np.float32
    assert result.unit == by_hand.unit
    assert np.array_equal(result.mask, by_hand.mask)
    assert result.uncertainty.array.shape == result.shape
    assert np.array_equal(ccd.data, before.data)
    assert np.array_equal(ccd.mask, before.mask)
    assert np.array_equal(ccd.uncertainty.array, before.uncertainty.array)
    assert ccd.header.tostring() == before.header.tostring()


@pytest.mark.parametrize("name", USABLE)
def test_a_step_leaves_a_complete_header_and_one_line_of_history(name: str, ccd: CCDData, folder: Path) -> None:
    result = prep(ccd, recipe(name, USABLE[name], folder))
    header = complete_header(result)
    assert (header["NAXIS2"], header["NAXIS1"]) == result.shape
    assert (result.header["CRPIX1"], result.header["CRPIX2"]) == tuple(result.wcs.wcs.crpix)
    assert result.header["PIXLUNIT"] == result.unit.to_string()
    text = "".join(str(line) for line in result.header["HISTORY"])
    assert text.startswith(f"ccdproc.{name} (ccdproc {ccdproc.__version__}): ")
    assert text.count("ccdproc.") == 1
    added = set(result.header) - set(ccd.header)
    assert added <= {"HISTORY", "RECIPE", "RECIPEID", "WCSAXES", "PC1_1", "PC1_2", "PC2_1", "PC2_2"}
    assert result.header["T_OBS"] == ccd.header["T_OBS"]


def test_sources_stay_where_they_are_when_an_image_is_trimmed_and_registered(ccd: CCDData, pointing_path: Path) -> None:
    ccd.mask = None
    planned = Recipe.from_toml(
        f'[[step]]\nuse = "ccdproc.trim_image"\n{USABLE["trim_image"]}\n[[step]]\nuse = "update_pointing"\n'
        f'source = "{pointing_path.as_posix()}"\n[[step]]\nuse = "register"\n'
    )
    sources = small_sun().sources[:3]
    assert position_errors(prep(ccd, planned), sources).max() < 0.1


def test_a_cosmic_ray_is_cleaned_masked_and_its_uncertainty_follows_the_gain(ccd: CCDData) -> None:
    ccd.mask = None
    hit = (60, 70)
    ccd.data[hit] += 5000
    result = prep(ccd, recipe("cosmicray_lacosmic", USABLE["cosmicray_lacosmic"]))
    assert result.unit == "electron"
    assert result.mask[hit]
    assert not result.mask[60, 60]
    assert result.data[hit] == pytest.approx(100 * 17.7, abs=40 * 17.7)
    assert result.data[60, 60] == pytest.approx(ccd.data[60, 60] * 17.7, rel=1e-6)
    assert result.uncertainty.array[60, 60] == pytest.approx(ccd.uncertainty.array[60, 60] * 17.7, rel=1e-6)
    assert result.uncertainty.unit == result.unit


def test_cosmic_rays_cleaned_without_applying_the_gain_leave_dn(ccd: CCDData) -> None:
    result = prep(ccd, recipe("cosmicray_lacosmic", "gain_apply = false\n" + USABLE["cosmicray_lacosmic"]))
    assert result.unit == "DN"
    assert np.median(result.data) == pytest.approx(np.median(ccd.data), rel=0.05)


def test_the_chain_goes_on_after_steps_of_ccdproc(ccd: CCDData, folder: Path) -> None:
    steps = "".join(
        f'[[step]]\nuse = "{use}"\n{table}\n'
        for use, table in [
            ("ccdproc.subtract_bias", USABLE["subtract_bias"]),
            ("ccdproc.flat_correct", USABLE["flat_correct"]),
            ("ccdproc.cosmicray_lacosmic", USABLE["cosmicray_lacosmic"]),
            ("register", ""),
            ("normalize_exposure", ""),
        ]
    )
    result = prep(ccd, Recipe.from_toml(steps, folder=folder))
    assert result.unit == "electron / s"
    assert len([line for line in result.header["HISTORY"] if "ccdproc " in str(line)]) == 5
    x, y = (round(v) for v in pixel_of(result, -80, 60))
    assert result.data[y, x] == pytest.approx((100 - 2.5) * 17.7 / 2.9, rel=0.6)
    back = CCDData.read(write(result, folder / "out.fits"))
    assert back.unit == "electron / s"


@pytest.mark.parametrize(
    ("name", "table", "error", "message"),
    [
        ("subtract_dark", 'master = "bias.fits"', SettingsError, "must specify either exposure_time or both"),
        ("subtract_dark", USABLE["subtract_dark"].replace("EXPTIME", "EXPTYME"), HeaderError, "'EXPTYME' not found"),
        ("subtract_bias", 'master = "flat.fits"', StateError, "compatible dimensions"),
        ("subtract_bias", 'master = "small.fits"', StateError, "shape"),
        ("cosmicray_lacosmic", "", StateError, r"Inconsistent units for gain \(electron / adu\)"),
        ("trim_image", 'fits_section = "[900:910, 1:10]"', StateError, "left no good pixel of 320x300"),
        ("flat_correct", 'flat = "holes.fits"', StateError, "left no good pixel .* a calibration frame contains NaN"),
    ],
)
def test_an_error_of_ccdproc_becomes_a_prep_error_with_its_message(
    name: str, table: str, error: type[Exception], message: str, ccd: CCDData, folder: Path
) -> None:
    fits.writeto(folder / "small.fits", np.ones((3, 4)), fits.Header({"BUNIT": "DN"}))
    fits.writeto(folder / "holes.fits", np.where(np.eye(*SHAPE), np.nan, 1.0))
    with pytest.raises(error, match=rf"ccdproc\.{name}.*{message}"):
        prep(ccd, recipe(name, table, folder))


def test_what_ccdproc_warns_of_or_logs_is_a_warning_of_ours(
    ccd: CCDData, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # as in a script; pytest adds its own
    message = "ccdproc.create_deviation: Negative values in array will be replaced with nan"
    with pytest.warns(PrepWarning) as caught:
        prep(ccd, recipe("create_deviation", NOISE))
    assert [str(warning.message) for warning in caught] == [message]
    assert capfd.readouterr() == ("", "")
    assert logging.getLogger().handlers == []


def test_a_python_warning_within_ccdproc_is_a_warning_of_ours(ccd: CCDData, monkeypatch: pytest.MonkeyPatch) -> None:
    original = ccdproc.gain_correct

    def gain_correct(*args: object, **options: object) -> CCDData:
        warnings.warn("overflow encountered in multiply", RuntimeWarning, stacklevel=2)
        return original(*args, **options)

    monkeypatch.setattr(ccdproc, "gain_correct", gain_correct)
    with pytest.warns(PrepWarning, match=r"^ccdproc\.gain_correct: overflow encountered in multiply$"):
        prep(ccd, recipe("gain_correct", GAIN))


def test_cosmicray_median_needs_an_uncertainty(ccd: CCDData) -> None:
    ccd.uncertainty = None
    with pytest.raises(StateError, match=r"has no uncertainty\. Give error_image, or run create_deviation first"):
        prep(ccd, recipe("cosmicray_median", ""))


def test_settings_of_another_step_are_refused(ccd: CCDData) -> None:
    with pytest.raises(SettingsError, match="takes a TrimImageSettings, not a GainCorrectSettings"):
        Pipeline([RecipeStep("ccdproc.trim_image", CCDPROC_MODELS["gain_correct"](gain=2.0))])(ccd)
    with pytest.raises(SettingsError, match="not a StepSettings"):
        Pipeline([RecipeStep("ccdproc.trim_image", StepSettings())])(ccd)


# -- calibration frames -------------------------------------------------------------------------------


def test_a_calibration_frame_is_read_again_only_after_it_was_modified(folder: Path) -> None:
    path = folder / "flat.fits"
    one = read_calibration_frame(path)
    assert read_calibration_frame(str(path)) is one
    assert one.data.dtype == np.float32
    assert one.unit == u.dimensionless_unscaled
    with pytest.raises(ValueError, match="read-only"):
        one.data[0, 0] = 2
    fits.writeto(path, np.full(SHAPE, 2.0), overwrite=True)
    os.utime(path, ns=(1, 1))
    assert read_calibration_frame(path).data[0, 0] == 2


def test_a_calibration_frame_can_be_a_solar_image_or_in_an_extension(folder: Path) -> None:
    exposure = small_exposure()
    level1 = exposure.write_level1(exposure.image(small_sun()), folder / "sun.fits")
    assert read_calibration_frame(level1).unit == "DN"
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(np.eye(40, dtype="i2"))]).writeto(folder / "packed.fits")
    assert read_calibration_frame(folder / "packed.fits").data.sum() == pytest.approx(40)


def test_a_calibration_frame_has_the_limits_of_images(folder: Path) -> None:
    fits.writeto(folder / "flat.fits.gz", np.ones(SHAPE, np.float32))
    raw = gzip.decompress((folder / "flat.fits.gz").read_bytes())
    for axis, length in ((1, SHAPE[1]), (2, SHAPE[0])):
        raw = raw.replace(b"NAXIS%d  = %20d" % (axis, length), b"NAXIS%d  = %20d" % (axis, 50_000))
    (folder / "huge.fits.gz").write_bytes(gzip.compress(raw))
    with pytest.raises(ReadError, match=r"huge\.fits\.gz: the size of the image is not plausible"):
        read_calibration_frame(folder / "huge.fits.gz")
    raw = (folder / "flat.fits").read_bytes()
    (folder / "short.fits").write_bytes(raw[:2880])
    with pytest.raises(ReadError, match=r"short\.fits: is truncated"):
        read_calibration_frame(folder / "short.fits")


def test_nan_in_a_calibration_frame_is_masked(folder: Path) -> None:
    fits.writeto(folder / "nan.fits", np.array([[1.0, np.nan], [2.0, 3.0]]))
    assert read_calibration_frame(folder / "nan.fits").mask.sum() == 1


@pytest.mark.parametrize("content", [b"", b"no FITS", b"SIMPLE  =                    T"])
def test_a_calibration_frame_that_is_not_an_image_is_an_error(folder: Path, ccd: CCDData, content: bytes) -> None:
    (folder / "bad.fits").write_bytes(content)
    with pytest.raises(ReadError, match=r"bad\.fits: "):
        prep(ccd, recipe("subtract_bias", 'master = "bad.fits"', folder))


def test_a_calibration_frame_that_does_not_exist_is_an_error(folder: Path, ccd: CCDData) -> None:
    with pytest.raises(ReadError, match=r"bad\.fits: "):
        read_calibration_frame(folder / "bad.fits")
    with pytest.raises(SettingsError, match=r"bad\.fits: "):  # of the recipe's digest
        prep(ccd, recipe("subtract_bias", 'master = "bad.fits"', folder))
