"""Tests of the step: on images, in recipes, with tables from files."""

from __future__ import annotations

import inspect
from pathlib import Path

import numpy as np
import pytest
from astropy.nddata import InverseVariance, UnknownUncertainty, VarianceUncertainty
from distributions import write_distribution

import aia_ccdproc
from aia_ccdproc import InstrumentError, RecipeError, StateError
from aia_ccdproc.testing.tables import as_ssw, response_table
from aia_ccdproc_degradation import correct_degradation
from aia_ccdproc_degradation.settings import DegradationSettings

NAME = "aia-ccdproc-degradation"
STEP = '[[step]]\nuse = "correct_degradation"\ntable = "{table}"\n'


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "response_table.txt"
    path.write_text(as_ssw(response_table()))
    return path


@pytest.fixture(autouse=True)
def _manager(prep_manager) -> None:
    prep_manager(NAME)


def test_step_keeps_the_contract(check_step, table):
    def already_corrected(ccd):
        return correct_degradation(ccd, table=table)

    def before_sdo(ccd):
        ccd.header["T_OBS"] = "2009-01-01T00:00:00Z"

    result = check_step(
        "correct_degradation",
        {"table": table},
        refuses=[
            (already_corrected, r"already corrected for degradation.*DEGFACT"),
            (before_sdo, "no epoch of response"),
        ],
    )
    assert result.header["DEGTABLE"] == "response_table.txt"


def test_data_and_uncertainty_are_divided_and_the_header_contains_the_divisor(level1, table):
    image = level1(171, mask=True, uncertainty=True)
    corrected = correct_degradation(image, table=table)
    factor = corrected.header["DEGFACT"]
    assert factor == pytest.approx(0.5 * (1 - 1e-4 * 1705.5), rel=1e-6)
    np.testing.assert_array_equal(corrected.data, image.data / np.float32(factor))
    np.testing.assert_allclose(corrected.uncertainty.array, image.uncertainty.array / factor, rtol=1e-6)
    assert (corrected.header["DEGVERS"], corrected.header["DEGTBEG"]) == (10, "2015-05-01T12:00:00.000")
    assert corrected.unit == image.unit
    history = "".join(corrected.header["HISTORY"])
    assert f"divided by {factor:.7g}, 171 A at 2020-01-01T00:00:11.570, version 10 of response_table.txt" in history


@pytest.mark.parametrize(("kind", "power"), [(VarianceUncertainty, -2), (InverseVariance, 2)])
def test_every_type_of_uncertainty_scales_with_the_data(level1, kind, power):
    image = level1()
    image.uncertainty = kind(np.full(image.shape, 4.0, np.float32))
    corrected = correct_degradation(image, table=response_table())
    assert type(corrected.uncertainty) is kind
    np.testing.assert_allclose(corrected.uncertainty.array, 4.0 * corrected.header["DEGFACT"] ** power, rtol=1e-5)


def test_an_uncertainty_of_unknown_type_is_refused(level1):
    image = level1()
    image.uncertainty = UnknownUncertainty(np.ones(image.shape, np.float32))
    with pytest.raises(StateError, match="cannot divide an uncertainty of type UnknownUncertainty"):
        correct_degradation(image, table=response_table())


#: A plugin for another instrument.
EUVI = """
    from aia_ccdproc.plugin import Instrument, hookimpl

    @hookimpl
    def prep_identify(header):
        return Instrument("EUVI", 1.6, (2048, 2048)) if header["TELESCOP"] == "STEREO" else None
"""


def test_images_of_other_instruments_are_refused(level1, prep_manager, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    write_distribution(tmp_path, "aia-euvi", EUVI)
    prep_manager(NAME, "aia-euvi")
    image = level1(171)
    image.header["TELESCOP"] = "STEREO"
    with pytest.raises(InstrumentError, match=r"cannot correct an image of EUVI for degradation: .* for AIA"):
        correct_degradation(image, table=response_table())
    with pytest.raises(InstrumentError, match="no plugin runs correct_degradation for EUVI"):
        aia_ccdproc.prep(image, _recipe(STEP.format(table="jsoc")))


def _recipe(text: str) -> aia_ccdproc.Recipe:
    return aia_ccdproc.Recipe.from_toml(text)


def test_division_commutes_with_registration_and_exposure(level1, table):
    correct, register, expose = (
        STEP.format(table=table),
        '[[step]]\nuse = "register"\n',
        '[[step]]\nuse = "normalize_exposure"\n',
    )
    first, *others = (
        aia_ccdproc.prep(level1(171, uncertainty=True), _recipe("".join(steps)))
        for steps in ([correct, register, expose], [register, correct, expose], [register, expose, correct])
    )
    for other in others:
        np.testing.assert_allclose(other.data, first.data, rtol=2e-5, atol=1e-4)
        np.testing.assert_allclose(other.uncertainty.array, first.uncertainty.array, rtol=2e-5)


def test_a_recipe_cannot_correct_twice(table):
    with pytest.raises(RecipeError, match="correct_degradation may run only once"):
        _recipe(2 * STEP.format(table=table))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('table = ""', "should be a path, a URL or jsoc"),
        ('table = "gopher://x/y"', "should be a URL that starts with http"),
        ('server = "jsoc"', "server: should be a URL that starts with http"),
        ("version = 0", "greater than or equal to 1"),
        ('version = "10"', "version = '10'"),
        ("timeout = 0", "greater than 0"),
        ("tables = 1", "did you mean 'table'"),
    ],
)
def test_a_wrong_setting_is_a_problem_of_the_recipe(line, message):
    with pytest.raises(RecipeError, match=message):
        _recipe(f'[[step]]\nuse = "correct_degradation"\n{line}\n')


def test_a_relative_path_starts_from_the_folder_of_the_recipe(level1, table, tmp_path):
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(STEP.format(table=table.name) + "version = 9\n")
    assert aia_ccdproc.prep(level1(), recipe).header["DEGFACT"] == pytest.approx(0.6)


def test_function_and_settings_have_the_same_defaults():
    parameters = inspect.signature(correct_degradation).parameters
    defaults = {name: parameters[name].default for name in parameters if name != "ccd"}
    assert defaults == dict(DegradationSettings())


def test_level_15_images_and_rates_are_corrected_too(level1):
    rate = aia_ccdproc.normalize_exposure(aia_ccdproc.register(level1()))
    corrected = correct_degradation(rate, table=response_table())
    assert str(corrected.unit) == "DN / s"
    with pytest.raises(StateError):
        correct_degradation(corrected, table=response_table())
