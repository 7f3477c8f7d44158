"""Comparison of a header with a WCS by numbers, and the WCS that a step uses."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import CCDData
from astropy.wcs import WCS
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import small_exposure, small_sun

from aia_ccdproc import HeaderError
from aia_ccdproc.images.geometry import header_describes, same_geometry
from aia_ccdproc.images.header import complete_header, image_wcs
from aia_ccdproc.images.wcs import wcs_from_header

EXPOSURE = small_exposure(shape=(30, 40), corner=(2040, 1980), satellite_roll=0.4)


@pytest.fixture
def ccd() -> CCDData:
    return EXPOSURE.image(small_sun())


def header_with(**cards: object) -> fits.Header:
    """A level-1 header; None removes a card."""
    header = EXPOSURE.header()
    for keyword, value in cards.items():
        header[keyword] = value
        if value is None:
            del header[keyword]
    return header


PC = {"CROTA2": None, "PC1_1": 0.8, "PC1_2": -0.6, "PC2_1": 0.6, "PC2_2": 0.8}
CD = {
    **dict.fromkeys(["CROTA2", "CDELT1", "CDELT2"]),
    **{"CD1_1": 0.4, "CD1_2": -0.3, "CD2_1": 0.3, "CD2_2": 0.4},
}
DEGREES = {"CUNIT1": "deg", "CUNIT2": "deg"}
SIP = {"CTYPE1": "HPLN-TAN-SIP", "CTYPE2": "HPLT-TAN-SIP", "A_ORDER": 2, "B_ORDER": 2, "A_2_0": 1e-6, "B_0_2": 1e-6}
HEADERS = {
    "CROTA2": {},
    "no CROTA2": {"CROTA2": None},
    "pixels that are not square": {"CDELT1": 0.5, "CDELT2": 0.7, "CROTA2": 30.0},
    "mirrored": {"CDELT1": -0.6, "CROTA2": 30.0},
    "PC": PC,
    "PC, some elements": {"CROTA2": None, "PC1_1": 1.0, "PC1_2": -0.1},
    "PC, pixels that are not square": {**PC, "CDELT1": 0.5},
    "CD": CD,
    "CD, some elements": {**CD, "CD1_2": None, "CD2_1": None},
    "degrees": {**DEGREES, "CDELT1": 0.6 / 3600, "CDELT2": 0.6 / 3600},
    "degrees and PC": {**DEGREES, **PC, "CDELT1": 0.6 / 3600, "CDELT2": 0.6 / 3600},
    "arcminutes and CD": {**CD, "CUNIT1": "arcmin", "CUNIT2": "arcmin"},
    "reference point": {"CRVAL1": 120.0, "CRVAL2": -300.0},
    "SIN": {"CTYPE1": "HPLN-SIN", "CTYPE2": "HPLT-SIN"},
    "CAR": {"CTYPE1": "HPLN-CAR", "CTYPE2": "HPLT-CAR"},
    "SIP": SIP,
}


@pytest.mark.parametrize("one", HEADERS)
@pytest.mark.parametrize("other", HEADERS)
def test_header_and_wcs_are_compared_as_two_wcs_are(one: str, other: str) -> None:
    header, wcs = header_with(**HEADERS[one]), wcs_from_header(header_with(**HEADERS[other]))
    assert header_describes(header, wcs) == same_geometry(wcs_from_header(header), wcs)
    assert header_describes(header, wcs) == (one == other)


angles, scales = st.floats(-180, 180), st.floats(0.05, 20)


@settings(deadline=None)
@given(angles, scales, scales, st.floats(-5000, 5000), st.sampled_from(["CROTA2", "PC", "CD"]), st.booleans())
def test_a_header_describes_its_own_wcs_however_it_is_written(
    roll: float, scale1: float, scale2: float, crpix: float, kind: str, in_degrees: bool
) -> None:
    cos, sin = math.cos(math.radians(roll)), math.sin(math.radians(roll))
    unit = 3600 if in_degrees else 1
    cards: dict[str, object] = {"CRPIX1": crpix, "CDELT1": scale1 / unit, "CDELT2": scale2 / unit, "CROTA2": roll}
    if kind != "CROTA2":
        x, y = (scale1 / unit, scale2 / unit) if kind == "CD" else (1.0, 1.0)
        cards |= {f"{kind}1_1": x * cos, f"{kind}1_2": -x * sin, f"{kind}2_1": y * sin, f"{kind}2_2": y * cos}
        cards["CROTA2"] = None
    if kind == "CD":
        cards["CDELT1"] = cards["CDELT2"] = None
    if in_degrees:
        cards |= DEGREES
    header = header_with(**cards)
    assert header_describes(header, wcs_from_header(header))


def _shift(wcs: WCS) -> None:
    wcs.wcs.crpix = [1.0, 2.0]


def _scale(wcs: WCS) -> None:
    wcs.wcs.cdelt = wcs.wcs.cdelt * 1.001


def _rotate(wcs: WCS) -> None:
    wcs.wcs.pc = [[0.8, -0.6], [0.6, 0.8]]


def _move_reference(wcs: WCS) -> None:
    wcs.wcs.crval = [0.01, -0.02]


def _project(wcs: WCS) -> None:
    wcs.wcs.ctype = ["HPLN-SIN", "HPLT-SIN"]


@pytest.mark.parametrize("change", [_shift, _scale, _rotate, _move_reference, _project])
def test_a_wcs_that_was_changed_in_place_is_noticed(ccd: CCDData, change: Callable[[WCS], None]) -> None:
    assert header_describes(ccd.header, ccd.wcs)
    change(ccd.wcs)
    assert not header_describes(ccd.header, ccd.wcs)
    assert same_geometry(wcs_from_header(complete_header(ccd)), ccd.wcs)


@pytest.mark.parametrize(
    "cards",
    [
        {"CTYPE1": None},
        {"CRPIX2": None},
        {"CRVAL1": "left"},
        {"CDELT1": None},
        {"CUNIT1": "bananas"},
        {"CUNIT2": ""},
        {"CUNIT1": "DN"},
        {"PC1_1": 1.0, "PC1_2": "none"},
    ],
)
def test_the_wcs_counts_where_a_header_describes_none(ccd: CCDData, cards: dict[str, object]) -> None:
    assert not header_describes(header_with(**cards), ccd.wcs)
    damaged = CCDData(ccd.data, unit="DN", header=header_with(**cards), wcs=ccd.wcs)
    assert same_geometry(wcs_from_header(complete_header(damaged)), ccd.wcs)


def test_a_wcs_of_three_axes_is_not_that_of_a_header() -> None:
    assert not header_describes(EXPOSURE.header(), WCS(naxis=3))


# -- the WCS of an image -------------------------------------------------------------------------


def test_the_wcs_of_an_image_is_not_built_again(ccd: CCDData) -> None:
    assert image_wcs(ccd, complete_header(ccd)) is ccd.wcs


def test_an_image_without_a_wcs_has_that_of_its_header(ccd: CCDData) -> None:
    bare = CCDData(ccd.data, unit="DN", header=ccd.header)
    assert same_geometry(image_wcs(bare, complete_header(bare)), ccd.wcs)


def test_the_observer_is_that_of_the_header_if_the_wcs_has_none(ccd: CCDData) -> None:
    without_observer = WCS(naxis=2)
    without_observer.wcs.ctype, without_observer.wcs.cunit = ["HPLN-TAN", "HPLT-TAN"], ["arcsec", "arcsec"]
    without_observer.wcs.cdelt, without_observer.wcs.crpix = [0.6, 0.6], [20.0, 15.0]
    given = CCDData(ccd.data, unit="DN", header=ccd.header, wcs=without_observer)
    wcs = image_wcs(given, complete_header(given))
    assert same_geometry(wcs, without_observer)
    assert wcs.wcs.aux.dsun_obs == ccd.header["DSUN_OBS"]
    assert wcs.wcs.dateobs == ccd.wcs.wcs.dateobs


@pytest.mark.parametrize("crpix", [math.nan, math.inf])
def test_a_wcs_whose_reference_pixel_is_not_finite_is_refused(ccd: CCDData, crpix: float) -> None:
    header = complete_header(ccd)
    ccd.wcs.wcs.crpix = [crpix, 1.0]
    with pytest.raises(HeaderError, match=r"CRPIX is .*; finite numbers are needed"):
        image_wcs(ccd, header)


def test_a_wcs_without_an_inverse_is_refused(ccd: CCDData) -> None:
    header = complete_header(ccd)
    ccd.wcs.wcs.pc = np.ones((2, 2))
    with pytest.raises(HeaderError, match="no WCS"):
        image_wcs(ccd, header)


def test_a_linear_wcs_is_refused(ccd: CCDData) -> None:
    linear = WCS(naxis=2)
    header = fits.Header([card for card in complete_header(ccd).cards if card.keyword not in ("DSUN_OBS", "DATE-OBS")])
    with pytest.raises(HeaderError, match="are not celestial"):
        image_wcs(CCDData(ccd.data, unit="DN", header=header, wcs=linear), header)
