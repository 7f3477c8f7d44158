"""The contract of a step: the core's steps keep it, and a step that does not is caught, whatever it does."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.nddata import CCDData, StdDevUncertainty, VarianceUncertainty
from pydantic import Field

from aia_ccdproc import (
    Instrument,
    PluginError,
    StateError,
    hookimpl,
    hookspec,
    normalize_exposure,
    register,
)
from aia_ccdproc.plugin import StepSettings, step
from aia_ccdproc.plugin.loading import Plugin
from aia_ccdproc.plugin.manager import PrepPluginManager

Impl = Callable[..., object]


class Settings(StepSettings):
    by: float = Field(default=2.0, description="What the pixels are divided by.")


def declaration(schema: type[StepSettings] = Settings, **place: object) -> type:
    class Specs:
        @staticmethod
        @step(**place)
        @hookspec(firstresult=True)
        def prep_mine(ccd: CCDData, instrument: Instrument, settings: Settings) -> CCDData | None:
            """Do as a plugin does."""

    Specs.prep_mine.__annotations__["settings"] = schema
    return Specs


def header_declaration() -> type:
    class Specs:
        @staticmethod
        @step()
        @hookspec(firstresult=True)
        def prep_mine(header: fits.Header, instrument: Instrument, settings: Settings) -> fits.Header | None:
            """Do as a plugin does."""

    return Specs


@pytest.fixture
def mine(prep_manager) -> Callable[..., PrepPluginManager]:
    """Put a step ``mine`` beside the core."""

    def put(function: Impl, specs: type | None = None) -> PrepPluginManager:
        @functools.wraps(function)
        def prep_mine(*arguments: object) -> object:
            return function(*arguments)

        manager = prep_manager()
        manager.add_hookspecs(specs or declaration())
        holder = type("Mine", (), {"prep_mine": staticmethod(hookimpl(prep_mine))})
        manager.add(holder(), Plugin("mine", "aia-mine", "1.0"))
        return manager

    return put


def divided(ccd: CCDData, settings: Settings) -> CCDData:
    """As it should be."""
    if "DIVIDED" in ccd.header:
        raise StateError(f"the image is divided already, by {ccd.header['DIVIDED']:g}")
    result = ccd.copy()
    result.data /= np.float32(settings.by)
    if result.uncertainty is not None:
        result.uncertainty.array /= settings.by
    result.header["DIVIDED"] = settings.by
    return result


# -- what is as it should be -----------------------------------------------------------------------


def already_a_rate(ccd: CCDData) -> CCDData:
    return normalize_exposure(ccd)


def without_exposure_time(ccd: CCDData) -> None:
    del ccd.header["EXPTIME"]


def test_normalize_exposure_keeps_the_contract(check_step) -> None:
    refuses = [(already_a_rate, r"in DN / s: .* already"), (without_exposure_time, "EXPTIME is missing")]
    assert check_step("normalize_exposure", refuses=refuses).unit == u.DN / u.s


@pytest.mark.parametrize("method", ["bilinear", "bicubic", "adaptive-hann"])
def test_register_keeps_the_contract(check_step, method: str) -> None:
    def registered(ccd: CCDData) -> CCDData:
        return register(ccd, method="nearest-neighbor")

    def masked(ccd: CCDData) -> None:
        ccd.mask = np.ones(ccd.shape, dtype=bool)

    refuses = [(registered, "level 1.5 already"), (masked, "no pixel of the image is good")]
    assert check_step("register", {"method": method}, refuses=refuses).header["CDELT1"] == pytest.approx(0.6)


def test_update_pointing_keeps_the_contract(check_step, level1, pointing_path: Path) -> None:
    def of_2031(ccd: CCDData) -> None:
        ccd.header["T_OBS"] = "2031-05-08T01:43:08"

    ccd = level1(193, pointing_error=(3.0, -2.0), mask=True, uncertainty=True)
    result = check_step(
        "update_pointing", {"source": str(pointing_path)}, ccd, [(register, "level 1.5"), (of_2031, "T_OBS=2031")]
    )
    assert result.wcs.wcs.crpix - ccd.wcs.wcs.crpix == pytest.approx([-3.0, 2.0])


def test_a_step_of_a_plugin_that_is_as_it_should_be_passes(check_step, mine) -> None:
    mine(divided, declaration(before=("register",)))

    def divided_already(ccd: CCDData) -> None:
        ccd.header["DIVIDED"] = 4.0

    result = check_step("mine", {"by": 4.0}, refuses=[(divided_already, "divided already, by 4")])
    assert result.header["DIVIDED"] == 4.0


def test_settings_may_be_given_as_such_and_the_image_as_well(check_step, level1, mine) -> None:
    mine(divided)
    image = level1(94, shape=(20, 24), corner=(2060, 2000))
    assert check_step("mine", Settings(by=5.0), image).data == pytest.approx(image.data / 5)


def test_a_header_step_that_is_as_it_should_be_passes(check_step, mine) -> None:
    def shifted(header: fits.Header) -> fits.Header:
        result = header.copy()
        result["CRPIX1"] += 1
        return result

    mine(shifted, header_declaration())
    check_step("mine")


# -- what is not -----------------------------------------------------------------------------------


def own(ccd: CCDData, **changes: object) -> CCDData:
    """A copy, with something else in it."""
    result = ccd.copy()
    for name, value in changes.items():
        setattr(result, name, value)
    return result


def writes_into_its_input(ccd: CCDData) -> CCDData:
    result = ccd.copy()
    ccd.data += 1
    return result


def writes_into_the_header_of_its_input(ccd: CCDData) -> CCDData:
    ccd.header["DONE"] = True
    return ccd.copy()


def shifts_the_wcs_of_its_input(ccd: CCDData) -> CCDData:
    result = ccd.copy()
    ccd.wcs.wcs.crpix += 1
    return result


def shares_the_mask(ccd: CCDData) -> CCDData:
    return own(ccd, mask=ccd.mask)


def shares_the_header(ccd: CCDData) -> CCDData:
    result = ccd.copy()
    result.meta = ccd.meta
    return result


def shares_all_planes(ccd: CCDData) -> CCDData:
    return CCDData(ccd, meta=ccd.header.copy(), wcs=ccd.wcs.deepcopy())


def hands_its_input_through(ccd: CCDData) -> CCDData:
    return ccd


def unmasks_some_pixels(ccd: CCDData) -> CCDData:
    result = ccd.copy()
    if result.mask is not None:
        first = tuple(np.argwhere(result.mask)[0])
        result.mask[first], result.data[first] = False, 7.0
    return result


def returns_nothing(ccd: CCDData) -> None:
    pass


def loses_a_keyword(ccd: CCDData) -> CCDData:
    result = ccd.copy()
    del result.header["RSUN_OBS"]
    return result


def rewrites_the_exposure_time(ccd: CCDData) -> CCDData:
    result = ccd.copy()
    result.header["EXPTIME"] = 1.0
    return result


def forgets_what_was_done_before(ccd: CCDData) -> CCDData:
    result = ccd.copy()
    del result.header["HISTORY"]
    return result


def logs_itself(ccd: CCDData) -> CCDData:
    result = ccd.copy()
    result.header.add_history("mine (aia-mine 1.0): by=2.0")
    return result


def moves_the_header_and_not_the_wcs(ccd: CCDData) -> CCDData:
    result = ccd.copy()
    result.header["CRPIX1"] += 7
    return result


def loses_the_pointing(ccd: CCDData) -> CCDData:
    result = ccd.copy()
    for keyword in ("CRPIX1", "CRPIX2"):
        del result.header[keyword]
    return result


def makes_nan(ccd: CCDData) -> CCDData:
    result = ccd.copy()
    result.data[3, 4] = np.nan
    return result


def changes_the_unit_alone(ccd: CCDData) -> CCDData:
    return own(ccd, unit=u.DN / u.s)


def makes_float64(ccd: CCDData) -> CCDData:
    return own(ccd, data=ccd.data / np.array(2.0))


def renames_the_uncertainty(ccd: CCDData) -> CCDData:
    result = ccd.copy()
    if result.uncertainty is not None:
        result.uncertainty = VarianceUncertainty(result.uncertainty.array)
    return result


def masks_all(ccd: CCDData) -> CCDData:
    return own(ccd, mask=np.ones(ccd.shape, dtype=bool))


_calls = itertools.count()


def counts_its_calls(ccd: CCDData) -> CCDData:
    return own(ccd, data=ccd.data + np.float32(next(_calls)))


BAD_STEPS = {
    renames_the_uncertainty: "mine: the uncertainty was a StdDevUncertainty and is a VarianceUncertainty",
    masks_all: "mine masks every pixel",
    writes_into_its_input: "mine changes its input: data",
    writes_into_the_header_of_its_input: "mine changes its input: header",
    shifts_the_wcs_of_its_input: "mine changes its input: .*wcs",
    shares_the_mask: "mask of the result is that of its input",
    shares_the_header: "header of the result is that of its input",
    shares_all_planes: "data of the result is that of its input",
    hands_its_input_through: "data of the result is that of its input",
    unmasks_some_pixels: "mine takes 1 masked pixels for good",
    returns_nothing: "mine: its hook returns None for an image of AIA",
    loses_a_keyword: "mine loses keywords of the header: RSUN_OBS",
    rewrites_the_exposure_time: "mine changes what the exposure was: EXPTIME",
    forgets_what_was_done_before: "mine does not keep the HISTORY of its input",
    logs_itself: "mine stands in HISTORY 2 times, not once; .* add_keyword=None",
    moves_the_header_and_not_the_wcs: "the header and the WCS of the result put the pixels elsewhere",
    loses_the_pointing: "the header is not complete: no WCS: CRPIX1, CRPIX2 are missing",
    makes_nan: "mine makes pixels that are not finite, and does not mask them",
    changes_the_unit_alone: "the image is in DN / s, PIXLUNIT says 'DN'",
    makes_float64: "the pixels were float32 and are float64",
    counts_its_calls: "mine gives another result when it is run again: data",
    lambda ccd: own(ccd, mask=None): "mine loses the mask",
    lambda ccd: own(ccd, uncertainty=None): "mine loses the uncertainty",
    lambda ccd: own(ccd, wcs=None): "mine loses the WCS",
}


@pytest.mark.parametrize("bad", BAD_STEPS, ids=lambda bad: bad.__name__)
def test_a_step_that_breaks_a_promise_is_caught_and_the_message_says_which(check_step, mine, bad: Impl) -> None:
    mine(bad)
    with pytest.raises(AssertionError, match=BAD_STEPS[bad]):
        check_step("mine")


def test_a_step_that_loses_planes_only_where_there_are_some_is_caught_by_the_image_that_has_them(
    check_step, level1, mine
) -> None:
    mine(lambda ccd: CCDData(ccd.data * 1, unit=ccd.unit, meta=ccd.header.copy(), wcs=ccd.wcs.deepcopy()))
    check_step("mine", ccd=level1())
    with pytest.raises(AssertionError, match="mine loses the mask"):
        check_step("mine", ccd=level1(mask=True))


def test_a_step_that_only_does_with_planes_is_caught_by_the_image_that_has_none(check_step, mine) -> None:
    def divided_by_noise(ccd: CCDData) -> CCDData:
        return own(ccd, data=ccd.data / ccd.uncertainty.array)

    mine(divided_by_noise)
    with pytest.raises(AttributeError, match="NoneType"):
        check_step("mine")


def test_a_header_step_that_writes_into_its_header_is_caught(check_step, mine) -> None:
    def shifted(header: fits.Header) -> fits.Header:
        header["CRPIX1"] += 1
        return header

    mine(shifted, header_declaration())
    with pytest.raises(AssertionError, match="mine changes the header that it is given"):
        check_step("mine")


def dark_one(shape: tuple[int, int]) -> CCDData:
    return CCDData(np.zeros(shape, np.float32), unit="DN")


class Forgetful(CCDData):
    def __reduce__(self) -> tuple:
        return dark_one, (self.shape,)


class Unsendable(CCDData):
    def __reduce__(self) -> tuple:
        raise TypeError("holds a lock")


@pytest.mark.parametrize(("kind", "why"), [(Forgetful, "data, .*header"), (Unsendable, "holds a lock")])
def test_a_result_that_cannot_be_sent_to_another_process_is_caught(check_step, mine, kind: type, why: str) -> None:
    mine(lambda ccd: kind(ccd.copy()))
    with pytest.raises(AssertionError, match=f"mine: its result does not survive pickling: {why}"):
        check_step("mine")


def test_a_header_that_is_none_of_fits_is_refused_by_the_pipeline(check_step, mine) -> None:
    mine(lambda ccd: own(ccd, meta=dict(ccd.header)))
    match = r"mine of aia-mine 1.0 returned an image with a header that is a dict, not a Header"
    with pytest.raises(PluginError, match=match):
        check_step("mine")


def test_an_uncertainty_that_no_file_can_hold_is_caught(check_step, mine) -> None:
    def with_noise(ccd: CCDData) -> CCDData:
        return own(ccd, uncertainty=StdDevUncertainty(np.full(ccd.shape, 0.1)))

    mine(with_noise)
    with pytest.raises(AssertionError, match="uncertainty of its result does not survive being written"):
        check_step("mine")


class Undescribed(StepSettings):
    by: float = 2.0


class Unpicklable(Settings):
    def __reduce__(self) -> tuple:
        return Settings.of, ()


def test_a_header_step_that_returns_nothing_is_caught(check_step, mine) -> None:
    mine(lambda header: None, header_declaration())
    with pytest.raises(AssertionError, match="mine: its hook returns None for an image of AIA"):
        check_step("mine")


class Silent:
    @staticmethod
    @step()
    @hookspec(firstresult=True)
    def prep_mine(ccd: CCDData, instrument: Instrument, settings: Settings) -> CCDData | None:
        pass


BAD_DECLARATIONS = {
    "no docstring": (Silent, "mine: its hook has no docstring"),
    "a setting without description": (declaration(Undescribed), "mine: settings without a description: by"),
    "settings that change on the way": (declaration(Unpicklable), "mine: its settings do not survive pickling: by=3.0"),
    "a slip in its place": (
        declaration(before=("rregister",)),
        r"mine: its place names the unknown step 'rregister'; did you mean 'register'\?",
    ),
    "no place at all": (
        declaration(before=("register",), after=("register",)),
        "mine and register cannot stand in one recipe, in whichever order",
    ),
    "repeatable, and is not": (
        declaration(repeatable=True),
        "mine is repeatable, and refuses its own result: the image is divided already, by 3",
    ),
}


@pytest.mark.parametrize("what", BAD_DECLARATIONS)
def test_a_bad_declaration_is_caught(check_step, mine, what: str) -> None:
    specs, message = BAD_DECLARATIONS[what]
    mine(divided, specs)
    with pytest.raises(AssertionError, match=message):
        check_step("mine", {"by": 3.0})


def test_a_place_may_name_a_step_of_a_plugin_that_is_not_there(check_step, mine) -> None:
    mine(divided, declaration(before=("deconvolve", "time"), after=("minx",)))
    check_step("mine")


def test_a_step_that_is_not_there_is_answered_with_the_nearest(check_step, mine) -> None:
    mine(divided)
    with pytest.raises(AssertionError, match=r"there is no step 'mien'; did you mean 'mine'\?"):
        check_step("mien")


# -- what is to be refused and is not ------------------------------------------------------------


def dark(ccd: CCDData) -> None:
    ccd.data[:] = 0


def takes_anything(ccd: CCDData) -> CCDData:
    return ccd.copy()


def raises_value_error(ccd: CCDData) -> CCDData:
    if not ccd.data.any():
        raise ValueError("all dark")
    return ccd.copy()


def says_something_else(ccd: CCDData) -> CCDData:
    if not ccd.data.any():
        raise StateError("no")
    return ccd.copy()


def writes_before_it_refuses(ccd: CCDData) -> CCDData:
    if not ccd.data.any():
        ccd.data += 1
        raise StateError("all dark")
    return ccd.copy()


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (takes_anything, "mine does not refuse dark; it should say 'all dark'"),
        (raises_value_error, r"mine: dark is no PrepError, but ValueError\('all dark'\)"),
        (says_something_else, "mine refuses dark, but 'no' does not say 'all dark'"),
        (writes_before_it_refuses, "mine refuses dark, but has changed it: data"),
    ],
)
def test_a_step_that_does_not_refuse_as_it_should_is_caught(check_step, mine, bad: Impl, message: str) -> None:
    mine(bad)
    with pytest.raises(AssertionError, match=message):
        check_step("mine", refuses=[(dark, "all dark")])
