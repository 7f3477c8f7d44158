"""Arithmetic that keeps header, mask, uncertainty, flags and PSF; and steps that keep flags and PSF."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable

import numpy as np
import pytest
from astropy import units as u
from astropy.nddata import (
    CCDData,
    FlagCollection,
    InverseVariance,
    NDUncertainty,
    StdDevUncertainty,
    VarianceUncertainty,
)
from astropy.table import Table

from aia_ccdproc import PrepWarning, Recipe, normalize_exposure, prep, register, update_pointing
from aia_ccdproc.images import copy_image, divide, multiply
from aia_ccdproc.testing.images import level1_image


@pytest.fixture
def ccd() -> CCDData:
    return level1_image(94, mask=True, uncertainty=True, flags=True, psf=True)


def check_flags_and_psf(result: CCDData, ccd: CCDData) -> None:
    """Check that flags and PSF are equal copies."""
    assert np.array_equal(result.flags, ccd.flags)
    assert np.array_equal(result.psf, ccd.psf)
    assert not np.may_share_memory(result.flags, ccd.flags)
    assert not np.may_share_memory(result.psf, ccd.psf)


@pytest.mark.parametrize("operation", [multiply, divide])
@pytest.mark.parametrize("number", [0.25, u.Quantity(0.25, "1 / s")], ids=str)
def test_arithmetic_keeps_everything_but_the_values(
    ccd: CCDData, caplog: pytest.LogCaptureFixture, operation: Callable, number: float | u.Quantity
) -> None:
    ccd.header["DATAMEAN"] = 100.0
    with caplog.at_level(logging.WARNING):
        result = operation(ccd, number)
    factor = 0.25 if operation is multiply else 4.0
    np.testing.assert_array_equal(result.data, ccd.data * np.float32(factor))
    np.testing.assert_array_equal(result.uncertainty.array, ccd.uncertainty.array * np.float32(factor))
    assert result.data.dtype == np.float32
    assert np.array_equal(result.mask, ccd.mask)
    power = {multiply: 1, divide: -1}[operation]
    assert result.unit == ccd.unit * u.Quantity(number).unit ** power
    assert u.Unit(result.header["PIXLUNIT"]) == result.unit
    assert "DATAMEAN" not in result.header
    assert not caplog.records
    check_flags_and_psf(result, ccd)


def test_a_copy_shares_no_plane(ccd: CCDData) -> None:
    result = copy_image(ccd)
    check_flags_and_psf(result, ccd)
    assert not np.may_share_memory(result.data, ccd.data)


def rotation_table() -> Table:
    row = {"T_START": "2020-01-01", "T_STOP": "2020-01-02", "MPO_RECNUM": 1}
    row |= {"A_094_X0": 2070.0, "A_094_Y0": 2010.0, "A_094_IMSCALE": 0.6, "A_094_INSTROT": 0.3}
    return Table({key: [value] for key, value in row.items()})


@pytest.mark.parametrize(
    "step",
    [normalize_exposure, lambda ccd: update_pointing(ccd, source=rotation_table())],
    ids=["normalize_exposure", "update_pointing"],
)
def test_a_step_that_keeps_the_pixels_keeps_flags_and_psf(ccd: CCDData, step: Callable) -> None:
    check_flags_and_psf(step(ccd), ccd)


@pytest.mark.parametrize("use", ["ccdproc.gain_correct", "ccdproc.cosmicray_lacosmic"])
def test_a_function_of_ccdproc_keeps_flags_and_psf(ccd: CCDData, caplog: pytest.LogCaptureFixture, use: str) -> None:
    settings = "gain = 2.0" if use.endswith("gain_correct") else 'gain = "1 DN / DN"\nreadnoise = "1.2 DN"'
    ccd.data[~np.isfinite(ccd.data)] = 0
    with caplog.at_level(logging.WARNING):
        result = prep(ccd, Recipe.from_toml(f'[[step]]\nuse = "{use}"\n{settings}\n'))
    check_flags_and_psf(result, ccd)
    assert not [record for record in caplog.records if "psf" in record.getMessage()]


def test_a_section_keeps_the_psf_and_drops_the_flags_with_a_warning(ccd: CCDData) -> None:
    recipe = Recipe.from_toml('[[step]]\nuse = "ccdproc.trim_image"\nfits_section = "[11:200, 21:220]"\n')
    with pytest.warns(PrepWarning, match="trim_image: flags of the image dropped"):
        result = prep(ccd, recipe)
    assert result.flags is None
    assert np.array_equal(result.psf, ccd.psf)


def test_registration_drops_flags_and_psf_with_one_warning(ccd: CCDData) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = register(ccd)
    assert [str(warning.message) for warning in caught] == [
        "register: flags and psf of the image dropped: they describe the pixels before registration"
    ]
    assert caught[0].category is PrepWarning
    assert result.flags is None
    assert result.psf is None


def test_a_collection_of_flags_is_carried_over(ccd: CCDData) -> None:
    flags = FlagCollection(shape=ccd.shape)
    flags["saturated"] = np.asarray(ccd.data > 400)
    ccd.flags = flags
    result = normalize_exposure(ccd)
    assert isinstance(result.flags, FlagCollection)
    assert np.array_equal(result.flags["saturated"], flags["saturated"])
    assert not np.may_share_memory(result.flags["saturated"], flags["saturated"])


@pytest.mark.parametrize("kind", [StdDevUncertainty, VarianceUncertainty, InverseVariance])
@pytest.mark.parametrize("extreme", [0.0, 1e-45, 1e30, 3e38, np.inf])
def test_an_extreme_uncertainty_gives_no_warning_and_leaves_the_other_pixels(
    kind: type[NDUncertainty], extreme: float
) -> None:
    image = level1_image(94)
    values = np.full(image.shape, 4.0, np.float32)
    values[20, 30] = extreme
    image.uncertainty = kind(values)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        half, registered = divide(image, 2.0), register(image, method="bilinear")
    factor = {StdDevUncertainty: 0.5, VarianceUncertainty: 0.25, InverseVariance: 4.0}[kind]
    assert half.uncertainty.array[0, 0] == 4 * factor
    assert np.isfinite(registered.uncertainty.array[~np.broadcast_to(registered.mask, registered.shape)]).all()
