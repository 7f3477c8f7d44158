"""Tests of the step contract: the steps of the core keep it, and a step that breaks a promise is caught."""

from __future__ import annotations

import functools
import itertools
import warnings
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
    PrepWarning,
    StateError,
    hookimpl,
    hookspec,
    normalize_exposure,
    register,
)
from aia_ccdproc.images import complete_header
from aia_ccdproc.plugin import StepSettings, step
from aia_ccdproc.plugin.manager import PrepPluginManager
from aia_ccdproc.plugin.plugin import Plugin

Implementation = Callable[..., object]


class Settings(StepSettings):
    by: float = Field(default=2.0, description="Divisor of the pixels.")


def image_step(settings: type[StepSettings] = Settings, **order: object) -> type:
    """Declare the step ``example``, which takes an image."""

    class Declarations:
        @staticmethod
        @step(settings=settings, **order)
        @hookspec(firstresult=True)
        def prep_example(ccd: CCDData, instrument: Instrument, settings: Settings) -> CCDData | None:
            """Change an image."""

    return Declarations


def header_step() -> type:
    """Declare the step ``example``, which takes a header."""

    class Declarations:
        @staticmethod
        @step(settings=Settings)
        @hookspec(firstresult=True)
        def prep_example(header: fits.Header, instrument: Instrument, settings: Settings) -> fits.Header | None:
            """Change a header."""

    return Declarations


@pytest.fixture
def add_step(prep_manager) -> Callable[..., PrepPluginManager]:
    """Load the core and a plugin with the step ``example``."""

    def add(function: Implementation, declarations: type | None = None) -> PrepPluginManager:
        @functools.wraps(function)
        def prep_example(*arguments: object) -> object:
            return function(*arguments)

        manager = prep_manager()
        manager.add_hookspecs(declarations or image_step())
        plugin = type("Example", (), {"prep_example": staticmethod(hookimpl(prep_example))})
        manager.add(plugin(), Plugin("example", "aia-example", "1.0"))
        return manager

    return add


def divided(ccd: CCDData, settings: Settings) -> CCDData:
    """Divide an image, as a step should."""
    if "DIVIDED" in ccd.header:
        raise StateError(f"the image was already divided by {ccd.header['DIVIDED']:g}")
    result = ccd.copy()
    result.data /= np.float32(settings.by)
    if result.uncertainty is not None:
        result.uncertainty.array /= settings.by
    result.header["DIVIDED"] = settings.by
    return result


# -- steps that keep the contract ------------------------------------------------------------------


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

    refuses = [(registered, "already at level 1.5"), (masked, "no pixel of the image is good")]
    assert check_step("register", {"method": method}, refuses=refuses).header["CDELT1"] == pytest.approx(0.6)


def test_update_pointing_keeps_the_contract(check_step, level1, pointing_path: Path) -> None:
    def of_2031(ccd: CCDData) -> None:
        ccd.header["T_OBS"] = "2031-05-08T01:43:08"

    ccd = level1(193, pointing_error=(3.0, -2.0), mask=True, uncertainty=True)
    result = check_step(
        "update_pointing", {"source": str(pointing_path)}, ccd, [(register, "level 1.5"), (of_2031, "T_OBS=2031")]
    )
    assert result.wcs.wcs.crpix - ccd.wcs.wcs.crpix == pytest.approx([-3.0, 2.0])


def test_a_step_that_is_not_a_hook_is_checked_too(check_step, level1) -> None:
    image = level1(mask=True, uncertainty=True)
    result = check_step("ccdproc.gain_correct", {"gain": 2.0}, image)
    np.testing.assert_allclose(result.data, 2 * image.data)
    with pytest.raises(AssertionError, match=r"ccdproc\.gain_correct does not refuse without_exposure_time"):
        check_step("ccdproc.gain_correct", {"gain": 2.0}, refuses=[(without_exposure_time, "EXPTIME")])


def test_a_correct_step_of_a_plugin_passes(check_step, add_step) -> None:
    add_step(divided, image_step(before=("register",)))

    def already_divided(ccd: CCDData) -> None:
        ccd.header["DIVIDED"] = 4.0

    result = check_step("example", {"by": 4.0}, refuses=[(already_divided, "already divided by 4")])
    assert result.header["DIVIDED"] == 4.0


def test_settings_and_image_can_be_given(check_step, level1, add_step) -> None:
    add_step(divided)
    image = level1(94, shape=(20, 24), corner=(2060, 2000))
    assert check_step("example", Settings(by=5.0), image).data == pytest.approx(image.data / 5)


def test_a_correct_header_step_passes(check_step, add_step) -> None:
    def shifted(header: fits.Header) -> fits.Header:
        result = header.copy()
        result["CRPIX1"] += 1
        return result

    add_step(shifted, header_step())
    check_step("example")


# -- steps that break it ---------------------------------------------------------------------------


def changed(ccd: CCDData, **changes: object) -> CCDData:
    """Return a copy with changed attributes."""
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
    return changed(ccd, mask=ccd.mask)


def shares_the_header(ccd: CCDData) -> CCDData:
    result = ccd.copy()
    result.meta = ccd.meta
    return result


def shares_all_planes(ccd: CCDData) -> CCDData:
    return CCDData(ccd, meta=ccd.header.copy(), wcs=ccd.wcs.deepcopy())


def returns_its_input(ccd: CCDData) -> CCDData:
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


def deletes_the_history(ccd: CCDData) -> CCDData:
    result = ccd.copy()
    del result.header["HISTORY"]
    return result


def writes_history_itself(ccd: CCDData) -> CCDData:
    result = ccd.copy()
    result.header.add_history("example (aia-example 1.0): by=2.0")
    return result


def moves_the_header_and_not_the_wcs(ccd: CCDData) -> CCDData:
    result = ccd.copy()
    result.header["CRPIX1"] += 7
    return result


def loses_the_reference_pixel(ccd: CCDData) -> CCDData:
    result = ccd.copy()
    for keyword in ("CRPIX1", "CRPIX2"):
        del result.header[keyword]
    return result


def creates_nan(ccd: CCDData) -> CCDData:
    result = ccd.copy()
    result.data[3, 4] = np.nan
    return result


def changes_the_unit_alone(ccd: CCDData) -> CCDData:
    return changed(ccd, unit=u.DN / u.s)


def returns_float64(ccd: CCDData) -> CCDData:
    return changed(ccd, data=ccd.data / np.array(2.0))


def changes_the_type_of_the_uncertainty(ccd: CCDData) -> CCDData:
    result = ccd.copy()
    if result.uncertainty is not None:
        result.uncertainty = VarianceUncertainty(result.uncertainty.array)
    return result


def masks_every_pixel(ccd: CCDData) -> CCDData:
    return changed(ccd, mask=np.ones(ccd.shape, dtype=bool))


def section(ccd: CCDData) -> CCDData:
    """Return a section that has everything but a header that is true for it."""
    part = ccd[20:, 30:].copy()
    part.flags = None if ccd.flags is None else ccd.flags[20:, 30:].copy()
    part.psf = None if ccd.psf is None else ccd.psf.copy()
    return part


def leaves_the_center_of_the_whole_image(ccd: CCDData) -> CCDData:
    part = section(ccd)
    part.header["CRPIX1"], part.header["CRPIX2"] = map(float, part.wcs.wcs.crpix)
    return part


def leaves_the_alternate_wcs(ccd: CCDData) -> CCDData:
    part = section(ccd)
    part.header = complete_header(part)
    part.header["CRPIX1A"] = ccd.header["CRPIX1A"]
    return part


def leaves_the_center_of_the_sun(ccd: CCDData) -> CCDData:
    part = section(ccd)
    part.header = complete_header(part)
    part.header["CENTER_X"] = ccd.header["CENTER_X"]
    return part


def loses_the_alternate_wcs(ccd: CCDData) -> CCDData:
    result = ccd.copy()
    for keyword in [keyword for keyword in result.header if keyword.endswith("A") and keyword[-2:-1].isdigit()]:
        del result.header[keyword]
    return result


_calls = itertools.count()


def counts_its_calls(ccd: CCDData) -> CCDData:
    return changed(ccd, data=ccd.data + np.float32(next(_calls)))


BAD_STEPS = {
    changes_the_type_of_the_uncertainty: "the uncertainty was a StdDevUncertainty and is now a VarianceUncertainty",
    masks_every_pixel: "example masks every pixel",
    writes_into_its_input: "example changes its input: data",
    writes_into_the_header_of_its_input: "example changes its input: header",
    shifts_the_wcs_of_its_input: "example changes its input: .*wcs",
    shares_the_mask: "the result shares its mask with the input",
    shares_the_header: "the result shares its header with the input",
    shares_all_planes: "the result shares its data with the input",
    returns_its_input: "the result shares its data with the input",
    unmasks_some_pixels: "pixels that are masked in the input and not in the result: 1",
    returns_nothing: "example: the hook returns None for an image of AIA",
    loses_a_keyword: "example loses keywords of the header: RSUN_OBS",
    rewrites_the_exposure_time: "example changes keywords of the exposure: EXPTIME",
    deletes_the_history: "example does not keep the HISTORY of its input",
    writes_history_itself: "HISTORY contains 2 lines about the step, not 1.* add_keyword=None",
    moves_the_header_and_not_the_wcs: "the header and the WCS of the result give the pixels different positions",
    loses_the_reference_pixel: "the header of the result is not complete: .*CRPIX1, CRPIX2",
    creates_nan: "example creates pixels that are not finite and does not mask them",
    changes_the_unit_alone: "the unit of the image is 'DN / s', but PIXLUNIT is 'DN'",
    returns_float64: "the pixels were float32 and are now float64",
    counts_its_calls: "example gives a different result when it is run again: data",
    lambda ccd: changed(ccd, mask=None): "example loses the mask",
    lambda ccd: changed(ccd, uncertainty=None): "example loses the uncertainty",
    lambda ccd: changed(ccd, wcs=None): "example loses the WCS",
    lambda ccd: changed(ccd, flags=None): "example loses the flags.*with_flags_and_psf",
    lambda ccd: changed(ccd, psf=None): "example loses the psf.*PrepWarning that names psf",
    leaves_the_center_of_the_whole_image: r"keywords of the former geometry in the header: .*XCEN is .* should be",
    leaves_the_alternate_wcs: r"keywords of the former geometry in the header: CRPIX1A is .*complete_header\(result\)",
    leaves_the_center_of_the_sun: "keywords of the former geometry in the header: CENTER_X is still 149.5",
    loses_the_alternate_wcs: "example loses keywords of the header: CTYPE1A, CTYPE2A",
}


@pytest.mark.parametrize("bad", BAD_STEPS, ids=lambda bad: bad.__name__)
def test_a_step_that_breaks_a_promise_is_caught_and_the_promise_is_named(
    check_step, add_step, bad: Implementation
) -> None:
    add_step(bad)
    with pytest.raises(AssertionError, match=BAD_STEPS[bad]):
        check_step("example")


def test_a_step_that_cuts_a_section_passes_with_the_complete_header(check_step, add_step) -> None:
    def cut(ccd: CCDData) -> CCDData:
        part = section(ccd)
        part.header = complete_header(part)
        return part

    add_step(cut)
    result = check_step("example")
    assert result.shape == (280, 290)
    assert "CENTER_X" not in result.header


def test_a_step_that_drops_flags_and_psf_with_a_warning_passes(check_step, add_step) -> None:
    def deconvolved(ccd: CCDData) -> CCDData:
        if ccd.psf is not None:
            warnings.warn("flags and psf of the image dropped: the image has another psf", PrepWarning, stacklevel=2)
        return changed(ccd, psf=None, flags=None)

    add_step(deconvolved)
    result = check_step("example")
    assert result.psf is None
    assert result.flags is None


def test_a_step_that_loses_planes_is_caught_with_an_image_that_has_them(check_step, level1, add_step) -> None:
    add_step(lambda ccd: CCDData(ccd.data * 1, unit=ccd.unit, meta=ccd.header.copy(), wcs=ccd.wcs.deepcopy()))
    check_step("example", ccd=level1())
    with pytest.raises(AssertionError, match="example loses the mask"):
        check_step("example", ccd=level1(mask=True))


def test_a_step_that_needs_an_uncertainty_fails_with_the_image_that_has_none(check_step, add_step) -> None:
    def divided_by_noise(ccd: CCDData) -> CCDData:
        return changed(ccd, data=ccd.data / ccd.uncertainty.array)

    add_step(divided_by_noise)
    with pytest.raises(PluginError, match=r"example of aia-example 1\.0 failed: AttributeError: 'NoneType'"):
        check_step("example")


def test_a_header_step_that_writes_into_its_header_is_caught(check_step, add_step) -> None:
    def shifted(header: fits.Header) -> fits.Header:
        header["CRPIX1"] += 1
        return header

    add_step(shifted, header_step())
    with pytest.raises(AssertionError, match="example changes the header that it is given"):
        check_step("example")


def dark_image(shape: tuple[int, int]) -> CCDData:
    return CCDData(np.zeros(shape, np.float32), unit="DN")


class LosesEverything(CCDData):
    def __reduce__(self) -> tuple:
        return dark_image, (self.shape,)


class NotPicklable(CCDData):
    def __reduce__(self) -> tuple:
        raise TypeError("holds a lock")


@pytest.mark.parametrize(
    ("image_class", "message"),
    [
        (LosesEverything, "the result of example changes when it is pickled: data, .*header"),
        (NotPicklable, "the result of example cannot be pickled: holds a lock"),
    ],
)
def test_a_result_that_cannot_be_sent_to_another_process_is_caught(
    check_step, add_step, image_class: type, message: str
) -> None:
    add_step(lambda ccd: image_class(ccd.copy()))
    with pytest.raises(AssertionError, match=message):
        check_step("example")


def test_a_header_that_is_not_a_fits_header_is_refused_by_the_pipeline(check_step, add_step) -> None:
    add_step(lambda ccd: changed(ccd, meta=dict(ccd.header)))
    match = r"example of aia-example 1.0 returned an image whose header is a dict, not a Header"
    with pytest.raises(PluginError, match=match):
        check_step("example")


def test_an_uncertainty_that_a_file_cannot_represent_is_caught(check_step, add_step) -> None:
    def with_noise(ccd: CCDData) -> CCDData:
        return changed(ccd, uncertainty=StdDevUncertainty(np.full(ccd.shape, 0.1)))

    add_step(with_noise)
    with pytest.raises(
        AssertionError, match="the result of example changes when it is written to a file and read: uncertainty"
    ):
        check_step("example")


class WithoutDescription(StepSettings):
    by: float = 2.0


class ChangedByPickling(Settings):
    def __reduce__(self) -> tuple:
        return Settings.of, ()


def test_a_header_step_that_returns_nothing_is_caught(check_step, add_step) -> None:
    add_step(lambda header: None, header_step())
    with pytest.raises(AssertionError, match="example: the hook returns None for an image of AIA"):
        check_step("example")


class WithoutDocstring:
    @staticmethod
    @step(settings=Settings)
    @hookspec(firstresult=True)
    def prep_example(ccd: CCDData, instrument: Instrument, settings: Settings) -> CCDData | None:
        pass


BAD_DECLARATIONS = {
    "no docstring": (WithoutDocstring, "example: the hook has no docstring"),
    "a setting without description": (image_step(WithoutDescription), "example: settings without a description: by"),
    "settings that change when they are pickled": (
        image_step(ChangedByPickling),
        "the settings of example change when they are pickled: by=3.0",
    ),
    "a misspelled step": (
        image_step(before=("rregister",)),
        r"example: before or after names the unknown step 'rregister'; did you mean 'register'\?",
    ),
    "an impossible order": (
        image_step(before=("register",), after=("register",)),
        "example and register cannot be in one recipe: neither order is allowed",
    ),
    "repeatable by mistake": (
        image_step(repeatable=True),
        "example is declared repeatable but refuses its own result: the image was already divided by 3",
    ),
}


@pytest.mark.parametrize("what", BAD_DECLARATIONS)
def test_a_bad_declaration_is_caught(check_step, add_step, what: str) -> None:
    declarations, message = BAD_DECLARATIONS[what]
    add_step(divided, declarations)
    with pytest.raises(AssertionError, match=message):
        check_step("example", {"by": 3.0})


def test_the_order_may_name_a_step_of_a_plugin_that_is_not_installed(check_step, add_step) -> None:
    add_step(divided, image_step(before=("deconvolve", "time"), after=("minx",)))
    check_step("example")


def test_an_unknown_step_is_an_error_with_the_nearest_name(check_step, add_step) -> None:
    add_step(divided)
    with pytest.raises(AssertionError, match=r"unknown step 'xample'; did you mean 'example'\?"):
        check_step("xample")


# -- refusals --------------------------------------------------------------------------------------


def dark(ccd: CCDData) -> None:
    ccd.data[:] = 0


def accepts_every_image(ccd: CCDData) -> CCDData:
    return ccd.copy()


def raises_value_error(ccd: CCDData) -> CCDData:
    if not ccd.data.any():
        raise ValueError("all dark")
    return ccd.copy()


def gives_another_reason(ccd: CCDData) -> CCDData:
    if not ccd.data.any():
        raise StateError("no")
    return ccd.copy()


def changes_the_image_before_it_refuses(ccd: CCDData) -> CCDData:
    if not ccd.data.any():
        ccd.data += 1
        raise StateError("all dark")
    return ccd.copy()


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (accepts_every_image, "example does not refuse dark with an error that matches 'all dark'"),
        (raises_value_error, r"example must refuse dark with a PrepError, not ValueError\('all dark'\)"),
        (gives_another_reason, "example refuses dark, but 'no' does not match 'all dark'"),
        (changes_the_image_before_it_refuses, "example refuses dark but changes it: data"),
    ],
)
def test_a_wrong_refusal_is_caught(check_step, add_step, bad: Implementation, message: str) -> None:
    add_step(bad)
    with pytest.raises(AssertionError, match=message):
        check_step("example", refuses=[(dark, "all dark")])
