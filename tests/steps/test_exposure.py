"""Exposure: DN become DN per second, only once."""

from __future__ import annotations

import copy
import functools

import ccdproc
import numpy as np
import pytest
from astropy import units as u
from astropy.nddata import CCDData, InverseVariance, StdDevUncertainty, VarianceUncertainty
from scenes import small_exposure, small_sun

from aia_ccdproc import HeaderError, StateError, __version__, normalize_exposure, update_pointing
from aia_ccdproc.synthetic import builtin_pointing_path

EXPOSURE = small_exposure(shape=(40, 50), corner=(2040, 1980), exposure_time=2.9)


@pytest.fixture
def ccd() -> CCDData:
    image = EXPOSURE.image(small_sun(), noise=3)
    image.mask = image.data > 300
    image.uncertainty = StdDevUncertainty(np.sqrt(image.data))
    return image


def test_data_and_uncertainty_are_divided_by_the_exposure_time(ccd: CCDData) -> None:
    rate = normalize_exposure(ccd)
    assert rate.unit == u.DN / u.s
    assert rate.data == pytest.approx(ccd.data / 2.9, rel=1e-6)
    assert rate.uncertainty.array == pytest.approx(ccd.uncertainty.array / 2.9, rel=1e-6)
    assert rate.data.dtype == np.float32
    assert np.array_equal(rate.mask, ccd.mask)
    assert rate.wcs.wcs == ccd.wcs.wcs


@pytest.mark.parametrize(("kind", "power"), [(StdDevUncertainty, -1), (VarianceUncertainty, -2), (InverseVariance, 2)])
def test_every_type_of_uncertainty_is_scaled_by_its_power_of_the_unit(ccd: CCDData, kind: type, power: int) -> None:
    ccd.uncertainty = kind(np.full(ccd.shape, 4.0))
    rate = normalize_exposure(ccd)
    assert type(rate.uncertainty) is kind
    assert rate.uncertainty.array == pytest.approx(4.0 * 2.9**power, rel=1e-6)


@pytest.mark.parametrize(("kind", "becomes"), [("f4", "f4"), ("f8", "f8"), ("i2", "f4")])
def test_the_precision_of_the_image_is_kept(ccd: CCDData, kind: str, becomes: str) -> None:
    given = CCDData(ccd.data.astype(kind), unit="DN", header=ccd.header, wcs=ccd.wcs)
    assert normalize_exposure(given).data.dtype == np.dtype(becomes)


def test_exptime_is_kept_and_old_statistics_are_removed(ccd: CCDData) -> None:
    ccd.header["DATAMEAN"], ccd.header["DATAP99"] = 100.0, 300.0
    header = normalize_exposure(ccd).header
    assert header["EXPTIME"] == 2.9
    assert not {"DATAMEAN", "DATAP99"} & set(header)


def test_the_cards_of_the_unit_are_updated(ccd: CCDData) -> None:
    ccd.header["BUNIT"] = "DN"
    header = normalize_exposure(ccd).header
    assert u.Unit(header["BUNIT"]) == u.Unit(header["PIXLUNIT"]) == u.DN / u.s


def test_electrons_become_electrons_per_second(ccd: CCDData) -> None:
    assert normalize_exposure(CCDData(ccd.data, unit="electron", header=ccd.header)).unit == u.electron / u.s


@pytest.mark.parametrize("unit", ["G", "W / (m2 sr)", "m", "1 / DN", "DN2", "erg / electron"])
def test_an_image_whose_unit_is_not_a_count_is_refused(ccd: CCDData, unit: str) -> None:
    ccd.unit = unit
    with pytest.raises(StateError, match=r"cannot normalize an image in .*: the unit is not a count"):
        normalize_exposure(ccd)


@pytest.mark.parametrize("unit", ["DN / ms", "DN / min", "DN Hz", "DN / (pix s)"])
def test_an_image_that_is_already_per_time_is_refused(ccd: CCDData, unit: str) -> None:
    ccd.unit = unit
    with pytest.raises(StateError, match="already divided by the exposure time"):
        normalize_exposure(ccd)


def test_an_image_is_divided_only_once(ccd: CCDData) -> None:
    with pytest.raises(StateError, match="the image is in DN / s: it was already divided by the exposure time"):
        normalize_exposure(normalize_exposure(ccd))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (..., "EXPTIME is missing"),
        (None, "EXPTIME is empty"),
        (0, "EXPTIME is 0 s; an exposure time must be positive"),
        (-2.9, "EXPTIME is -2.9 s; an exposure time must be positive"),
        (1e300, r"EXPTIME is 1e\+300 s, which is not possible"),
        (1e-40, "EXPTIME is 1e-40 s, which is not possible"),
        ("nan", "EXPTIME is 'nan'"),
        (True, "EXPTIME is True"),
    ],
)
def test_an_invalid_exposure_time_is_refused(ccd: CCDData, value: object, message: str) -> None:
    if value is ...:
        del ccd.header["EXPTIME"]
    else:
        ccd.header["EXPTIME"] = value
    with pytest.raises(HeaderError, match=message):
        normalize_exposure(ccd)


def test_normalize_exposure_does_not_change_its_input(ccd: CCDData) -> None:
    ccd.header["DATAMEAN"] = 100.0
    before = copy.deepcopy(ccd)
    rate = normalize_exposure(ccd)
    rate.data[:] = -1
    rate.mask[:] = True
    rate.header["T_OBS"] = "changed"
    assert np.array_equal(ccd.data, before.data)
    assert np.array_equal(ccd.mask, before.mask)
    assert np.array_equal(ccd.uncertainty.array, before.uncertainty.array)
    assert ccd.header.tostring() == before.header.tostring()
    assert ccd.unit == u.DN


def test_the_header_may_be_a_dict(ccd: CCDData) -> None:
    given = CCDData(ccd.data, unit="DN", meta=dict(ccd.header), wcs=ccd.wcs)
    assert normalize_exposure(given).data == pytest.approx(ccd.data / 2.9, rel=1e-6)


# -- add_keyword, as in ccdproc, of normalize_exposure and update_pointing -----------------------

STEPS = {
    "normalize_exposure": normalize_exposure,
    "update_pointing": functools.partial(update_pointing, source=builtin_pointing_path()),
}


@pytest.mark.parametrize("step", STEPS)
def test_a_history_line_with_step_distribution_and_version_is_added(ccd: CCDData, step: str) -> None:
    lines = "".join(map(str, STEPS[step](ccd).header["HISTORY"]))
    assert lines.startswith(f"{step} (aia-ccdproc {__version__})")
    assert lines.isascii()


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("nothing", [None, False])
def test_nothing_is_recorded_without_add_keyword(ccd: CCDData, step: str, nothing: object) -> None:
    assert "HISTORY" not in STEPS[step](ccd, add_keyword=nothing).header


@pytest.mark.parametrize("step", STEPS)
def test_nothing_is_recorded_without_auto_logging_of_ccdproc(ccd: CCDData, step: str) -> None:
    with ccdproc.conf.set_temp("auto_logging", False):
        assert "HISTORY" not in STEPS[step](ccd).header


@pytest.mark.parametrize("step", STEPS)
def test_a_keyword_of_the_user_is_recorded(ccd: CCDData, step: str) -> None:
    run = STEPS[step]
    assert run(ccd, add_keyword="DONE").header["DONE"] is None
    assert run(ccd, add_keyword=ccdproc.Keyword("DONE", value="yes")).header["DONE"] == "yes"
    with_two = run(ccd, add_keyword={"DONE": True, "OBSERVER": "me"}).header
    assert (with_two["DONE"], with_two["OBSERVER"]) == (True, "me")
    assert "HISTORY" not in with_two
