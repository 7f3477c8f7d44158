"""The step: what it does to an image, in a recipe, from every kind of table."""

from __future__ import annotations

import inspect
import time
from pathlib import Path

import numpy as np
import pytest
from astropy.nddata import InverseVariance, VarianceUncertainty
from calibration_tables import as_ssw, on_the_wire, response_table

import aia_ccdproc
from aia_ccdproc import InstrumentError, RecipeError, StateError, TableError
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


def test_step_keeps_what_every_step_promises(check_step, table):
    def corrected_already(ccd):
        return correct_degradation(ccd, table=table)

    def before_sdo(ccd):
        ccd.header["T_OBS"] = "2009-01-01T00:00:00Z"

    result = check_step(
        "correct_degradation",
        {"table": table},
        refuses=[
            (corrected_already, r"corrected for degradation already.*DEGFACT"),
            (before_sdo, "no epoch of response"),
        ],
    )
    assert result.header["DEGTABLE"] == "response_table.txt"


def test_data_and_uncertainty_are_divided_and_the_header_says_by_what(level1, table):
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
def test_every_kind_of_uncertainty_scales_with_the_data(level1, kind, power):
    image = level1()
    image.uncertainty = kind(np.full(image.shape, 4.0, np.float32))
    corrected = correct_degradation(image, table=response_table())
    assert type(corrected.uncertainty) is kind
    np.testing.assert_allclose(corrected.uncertainty.array, 4.0 * corrected.header["DEGFACT"] ** power, rtol=1e-5)


def test_images_of_other_instruments_are_refused(level1, prep_manager):
    class Other:
        @aia_ccdproc.hookimpl
        def prep_identify(self, header):
            return aia_ccdproc.Instrument("EUVI", 1.6, (2048, 2048)) if header["TELESCOP"] == "STEREO" else None

    manager = prep_manager(NAME)
    manager.add(Other(), aia_ccdproc.plugins.Plugin("euvi", "test", "0"))
    image = level1(171)
    image.header["TELESCOP"] = "STEREO"
    with pytest.raises(InstrumentError, match="no table of the degradation of EUVI, only of AIA"):
        correct_degradation(image, table=response_table())
    with pytest.raises(InstrumentError, match="no plugin does correct_degradation for EUVI"):
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
def test_a_wrong_setting_is_a_fault_of_the_recipe(line, message):
    with pytest.raises(RecipeError, match=message):
        _recipe(f'[[step]]\nuse = "correct_degradation"\n{line}\n')


def test_a_relative_table_lies_beside_the_recipe(level1, table, tmp_path):
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(STEP.format(table=table.name) + "version = 9\n")
    assert aia_ccdproc.prep(level1(), recipe).header["DEGFACT"] == pytest.approx(0.6)


def test_function_and_settings_have_the_same_defaults():
    parameters = inspect.signature(correct_degradation).parameters
    defaults = {name: parameters[name].default for name in parameters if name != "ccd"}
    assert defaults == dict(DegradationSettings())


def test_jsoc_is_asked_once_in_a_process(level1, jsoc):
    jsoc.series["aia.response"] = on_the_wire(response_table())
    settings = {"table": "jsoc", "server": jsoc.url, "timeout": 10}
    for _ in range(3):
        corrected = correct_degradation(level1(171), **settings)
    assert corrected.header["DEGFACT"] == correct_degradation(level1(171), table=response_table()).header["DEGFACT"]
    assert corrected.header["DEGTABLE"].startswith("aia.response of 127.0.0.1")
    assert jsoc.rs_lists == ["aia.response[][!1=1!]"]


def test_jsoc_that_is_down_is_asked_once_more_and_its_last_answer_serves(level1, jsoc, monkeypatch):
    jsoc.series["aia.response"] = on_the_wire(response_table())
    settings = {"table": "jsoc", "server": jsoc.url, "timeout": 10}
    answered = correct_degradation(level1(), **settings)
    aia_ccdproc.CalibrationTable.forget()
    jsoc.fail("status 1")
    two_hours_on = time.time() + 7200
    monkeypatch.setattr(time, "time", lambda: two_hours_on)
    for _ in range(2):
        corrected = correct_degradation(level1(), **settings)
        assert corrected.header["DEGFACT"] == answered.header["DEGFACT"]
    assert len(jsoc.rs_lists) == 2


def test_jsoc_that_is_down_and_never_answered_is_asked_once(level1, jsoc):
    jsoc.fail("status 1")
    settings = {"table": "jsoc", "server": jsoc.url, "timeout": 10}
    for message in ("refused the query.*Try again later, or give a table", "that was 0 s ago"):
        with pytest.raises(TableError, match=message):
            correct_degradation(level1(), **settings)
    assert len(jsoc.rs_lists) == 1


def test_a_batch_asks_jsoc_once_before_its_files(level1, jsoc, tmp_path):
    jsoc.series["aia.response"] = on_the_wire(response_table())
    files = [aia_ccdproc.write(level1(171, time=f"2020-01-01T00:0{n}:11Z"), tmp_path / f"{n}.fits") for n in range(3)]
    recipe = _recipe(STEP.format(table="jsoc") + f'server = "{jsoc.url}"\n')
    results = aia_ccdproc.run(files, recipe, tmp_path / "out")
    assert [result.status for result in results] == ["done"] * 3, [result.error for result in results]
    assert len(jsoc.rs_lists) == 1


def test_workers_know_the_table_that_was_fetched_before_the_batch(level1, jsoc, tmp_path):
    jsoc.files["/response.txt"] = as_ssw(response_table()).encode()
    files = [aia_ccdproc.write(level1(171, time=f"2020-01-01T00:0{n}:11Z"), tmp_path / f"{n}.fits") for n in range(4)]
    recipe = _recipe(STEP.format(table=jsoc.url.replace("/cgi-bin/ajax/", "/response.txt")))
    results = aia_ccdproc.run(files, recipe, tmp_path / "out", jobs=2)
    assert [result.status for result in results] == ["done"] * 4, [result.error for result in results]
    assert len(jsoc.queries) == 1


def test_a_real_file_is_corrected_by_a_recipe_with_ssws_table(real_data, tmp_path):
    [path] = (real_data / "aia_level1").glob("*2013-03-10*171.cutout.fits")
    table = real_data / "response" / "aia_V10_20201119_190000_response_table.txt"
    recipe = _recipe('[[step]]\nuse = "register"\n' + STEP.format(table=table))
    [result] = aia_ccdproc.run([path], recipe, tmp_path)
    assert result.status == "done", result.error
    corrected = aia_ccdproc.read(result.output)
    registered = aia_ccdproc.register(aia_ccdproc.read(path))
    good = ~corrected.mask if corrected.mask is not None else slice(None)
    # EFF_AREA 2.46826 of 2.78926, and 24 days of -0.00003.
    assert corrected.header["DEGFACT"] == pytest.approx(2.46826 / 2.78926 * (1 - 3e-5 * 23), rel=1e-5)
    np.testing.assert_allclose(corrected.data[good] * corrected.header["DEGFACT"], registered.data[good], rtol=1e-5)


def test_level_15_and_rates_are_corrected_too(level1):
    rate = aia_ccdproc.normalize_exposure(aia_ccdproc.register(level1()))
    corrected = correct_degradation(rate, table=response_table())
    assert str(corrected.unit) == "DN / s"
    with pytest.raises(StateError):
        correct_degradation(corrected, table=response_table())
