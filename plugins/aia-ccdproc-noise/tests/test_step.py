"""Tests of the step: on images, in recipes, and what later steps do to the uncertainty."""

from __future__ import annotations

import inspect
from pathlib import Path

import numpy as np
import pytest
from astropy.nddata import StdDevUncertainty, VarianceUncertainty

import aia_ccdproc
from aia_ccdproc import RecipeError, SettingsError, StateError, TableError
from aia_ccdproc.synthetic import Source, Sun
from aia_ccdproc.testing.tables import as_ssw, error_table, response_table
from aia_ccdproc_noise import estimate_uncertainty, noise_sigma
from aia_ccdproc_noise.settings import NoiseSettings

NAME = "aia-ccdproc-noise"
STEP = '[[step]]\nuse = "estimate_uncertainty"\ntable = "{table}"\n'
REST = '[[step]]\nuse = "register"\n[[step]]\nuse = "normalize_exposure"\n'


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "error_table.txt"
    path.write_text(as_ssw(error_table()))
    return path


@pytest.fixture(autouse=True)
def _manager(prep_manager) -> None:
    prep_manager(NAME)


def _recipe(text: str) -> aia_ccdproc.Recipe:
    return aia_ccdproc.Recipe.from_toml(text)


def test_step_keeps_the_contract(check_step, level1, table):
    def already_estimated(ccd):
        return estimate_uncertainty(ccd, table=table)

    def divided_by_its_degradation(ccd):
        ccd.header["DEGFACT"] = 0.4

    check_step(
        "estimate_uncertainty",
        {"table": table},
        level1(mask=True),
        refuses=[
            (already_estimated, r"already has an uncertainty, a StdDevUncertainty\. Set replace = true"),
            (aia_ccdproc.normalize_exposure, "in DN / s: .* before normalize_exposure"),
            (aia_ccdproc.register, r"level-1\.5 image: .* before register"),
            (divided_by_its_degradation, r"its degradation of 0\.4 \(DEGFACT\): .* before correct_degradation"),
            (lambda ccd: level1(binning=2), r"resampled image with 1\.199 arcsec per pixel"),
            (lambda ccd: level1(time="2009-01-01T00:00:00Z"), "no epoch of error_table.txt covers 2009-01-01"),
        ],
    )


def test_uncertainty_is_that_of_the_model_and_pixels_are_not_changed(level1, table):
    image = level1(193, mask=True, noise=1)
    image.data[0, 0] = -2
    estimated = estimate_uncertainty(image, table=table)
    assert isinstance(estimated.uncertainty, StdDevUncertainty)
    assert estimated.uncertainty.unit == image.unit
    assert estimated.uncertainty.array.dtype == np.float32
    np.testing.assert_array_equal(estimated.uncertainty.array, noise_sigma(image.data, 193, 0.9, 15.0))
    np.testing.assert_array_equal(estimated.data, image.data)
    np.testing.assert_array_equal(np.isfinite(estimated.uncertainty.array), np.isfinite(image.data))
    assert estimated.uncertainty.array[0, 0] == noise_sigma(np.zeros(1, np.float32), 193, 0.9, 15.0)
    history = "".join(estimated.header["HISTORY"])
    assert "193 A, DNPERPHT=0.9, COMPRESS=15 (version 3 of error_table.txt), read-out noise 1.2 DN" in history


@pytest.mark.parametrize(
    ("settings", "terms"),
    [
        ({"calibration": "preflight"}, (0.25,)),
        ({"calibration": "eve"}, (0.02,)),
        ({"chianti": True}, (0.5,)),
        ({"calibration": "eve", "chianti": True}, (0.02, 0.5)),
    ],
)
def test_systematic_errors_are_read_from_the_table(level1, table, settings, terms):
    image = level1(304)
    estimated = estimate_uncertainty(image, table=table, **settings)
    np.testing.assert_allclose(estimated.uncertainty.array, noise_sigma(image.data, 304, 0.7, 15.0, terms), rtol=1e-6)


def test_an_uncertainty_is_replaced_on_request(level1, table):
    image = level1(171)
    image.uncertainty = VarianceUncertainty(np.ones(image.shape))
    estimated = estimate_uncertainty(image, table=table, replace=True)
    assert isinstance(estimated.uncertainty, StdDevUncertainty)
    with pytest.raises(StateError, match=r"a VarianceUncertainty\. Set replace = true"):
        estimate_uncertainty(image, table=table)


@pytest.mark.parametrize("value", [0.0, np.nan, -1.0])
def test_a_table_with_an_impossible_value_or_without_a_column_is_an_error(level1, value):
    table = error_table()
    table["COMPRESS"] = value
    with pytest.raises(TableError, match=r"has COMPRESS = .* for 171_THIN; it must be positive"):
        estimate_uncertainty(level1(171), table=table)
    table.remove_column("COMPRESS")
    with pytest.raises(TableError, match="has no column COMPRESS"):
        estimate_uncertainty(level1(171), table=table)


@pytest.mark.parametrize("later", ["register", "normalize_exposure"])
def test_a_recipe_cannot_estimate_noise_after_what_changes_it(table, later):
    with pytest.raises(RecipeError, match=f"estimate_uncertainty must come before {later}"):
        _recipe(f'[[step]]\nuse = "{later}"\n' + STEP.format(table=table))
    with pytest.raises(RecipeError, match="may run only once"):
        _recipe(2 * STEP.format(table=table))


def test_a_recipe_cannot_estimate_noise_after_the_degradation(table, prep_manager):
    pytest.importorskip("aia_ccdproc_degradation")
    prep_manager(NAME, "aia-ccdproc-degradation")
    with pytest.raises(RecipeError, match="estimate_uncertainty must come before correct_degradation"):
        _recipe('[[step]]\nuse = "correct_degradation"\n' + STEP.format(table=table))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "table is missing; it has no default"),
        ('table = ""', "should be a path or a URL"),
        ('table = "a.txt"\ncalibration = "Eve"', "did you mean 'eve'"),
        ('table = "a.txt"\nchianti = 1', "chianti = 1"),
        ('table = "a.txt"\nversion = 0', "greater than or equal to 1"),
    ],
)
def test_a_wrong_setting_is_a_problem_of_the_recipe(line, message):
    with pytest.raises(RecipeError, match=message):
        _recipe(f'[[step]]\nuse = "estimate_uncertainty"\n{line}\n')


def test_function_and_settings_have_the_same_defaults():
    parameters = inspect.signature(estimate_uncertainty).parameters
    defaults = {name: parameters[name].default for name in parameters if name not in ("ccd", "table")}
    assert defaults == {name: setting.default for name, setting in NoiseSettings.document().items() if name != "table"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"calibration": "EVE"}, "calibration = 'EVE': .*'none', 'preflight' or 'eve'"),
        ({"calibration": "junk"}, "calibration = 'junk': .*'none', 'preflight' or 'eve'"),
        ({"calibration": None}, "calibration = None"),
        ({"table": ""}, "should be a path or a URL"),
        ({"version": 0}, "greater than or equal to 1"),
    ],
)
def test_a_wrong_setting_of_the_function_is_an_error_too(level1, table, settings, message):
    with pytest.raises(SettingsError, match=message):
        estimate_uncertainty(level1(), **{"table": table, **settings})


def test_noise_is_not_estimated_after_the_degradation_was_corrected_in_an_earlier_run(level1, table, prep_manager):
    degradation = pytest.importorskip("aia_ccdproc_degradation")
    prep_manager(NAME, "aia-ccdproc-degradation")
    corrected = degradation.correct_degradation(level1(), table=response_table())
    with pytest.raises(StateError, match="Run estimate_uncertainty before correct_degradation"):
        aia_ccdproc.prep(corrected, _recipe(STEP.format(table=table)))


def _simulate_exposure(truth: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Simulate the camera of 171 Å: photons of 1 DN, dark current, read-out, rounding, compression."""
    signal = random.poisson(truth) + random.normal(0, 0.18, truth.shape) + random.normal(0, 1.15, truth.shape)
    signal = np.rint(signal)
    step = np.sqrt(12) * np.maximum(np.sqrt(truth) / 15, np.sqrt(1 / 12))
    dither = random.uniform(0, 1, truth.shape)  # the steps of compression must not coincide with whole DN
    return np.where(truth >= 25, (np.floor(signal / step + dither) + 0.5 - dither) * step, signal)


@pytest.mark.parametrize("method", ["bilinear", "bicubic"])
def test_the_uncertainty_after_a_recipe_is_the_spread_of_many_exposures(level1, table, method):
    points = tuple(Source(20 * (n % 5) - 40, 20 * (n // 5) - 40, 60 * 2.0 ** (n % 6), 7) for n in range(25))
    truth = level1(171, sun=Sun(disk=150, corona=0, sources=points), corner=(1900, 1900), shape=(300, 300))
    truth.data[:, :60] *= 0.05  # a dark side, with counts that are not compressed
    rest = _recipe(REST.replace('"register"', f'"register"\nmethod = "{method}"'))
    sigma = aia_ccdproc.prep(estimate_uncertainty(truth, table=table), rest).uncertainty.array
    mean = aia_ccdproc.prep(truth, rest).data
    random = np.random.default_rng(6)
    deviations = []
    for _ in range(12):
        exposed = truth.copy()
        exposed.data = _simulate_exposure(truth.data.astype(float), random).astype(np.float32)
        deviations.append((aia_ccdproc.prep(exposed, rest).data - mean) / sigma)
    # Away from the edges of the image and of the dark side, where the variance changes from one pixel to the next.
    inside = np.zeros(mean.shape, bool)
    inside[15:-15, 80:-15] = inside[15:-15, 15:45] = True
    counts = mean * truth.header["EXPTIME"]
    for low, high in [(0, 25), (100, 200), (200, 500), (500, 5000)]:
        selected = np.stack(deviations)[:, inside & (counts >= low) & (counts < high)]
        assert selected.size > 20000
        assert np.abs(selected.mean()) < 0.03
        assert selected.std() == pytest.approx(1, abs=0.015), (low, high)


def test_a_real_file_has_an_uncertainty_after_a_recipe(real_data, tmp_path):
    [path] = (real_data / "aia_level1").glob("*2013-03-10*171.cutout.fits")
    recipe = _recipe(STEP.format(table=real_data / "response" / "aia_V3_error_table.txt") + REST)
    [result] = aia_ccdproc.run([path], recipe, tmp_path)
    assert result.status == "done", result.error
    rate = aia_ccdproc.read(result.output)
    sigma, exposure = rate.uncertainty.array, rate.header["EXPTIME"]
    good = np.isfinite(sigma) & (rate.data * exposure > 50)
    assert good.mean() > 0.5
    # Shot noise at 1.122 DN per photon dominates; the spline reduces sigma to about 0.86 of it.
    gain = sigma[good] * exposure / noise_sigma(rate.data[good] * exposure, 171, 1.122, 14.4)
    assert 0.7 < np.median(gain) < 1


def test_workers_use_the_table_that_was_fetched_before_the_batch(level1, jsoc, tmp_path):
    jsoc.files["/error.txt"] = as_ssw(error_table()).encode()
    files = [aia_ccdproc.write(level1(171, time=f"2020-01-01T00:0{n}:11Z"), tmp_path / f"{n}.fits") for n in range(4)]
    recipe = aia_ccdproc.Recipe.from_toml(STEP.format(table=jsoc.url.replace("/cgi-bin/ajax/", "/error.txt")))
    results = aia_ccdproc.run(files, recipe, tmp_path / "out", jobs=2)
    assert [result.status for result in results] == ["done"] * 4, [result.error for result in results]
    assert len(jsoc.queries) == 1
