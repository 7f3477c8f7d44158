"""Headers: the WCS that they describe, level 1.5, numbers, times and HISTORY."""

from __future__ import annotations

import datetime
import math
import warnings
from pathlib import Path

import ccdproc
import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import CCDData
from astropy.time import Time
from astropy.utils.exceptions import AstropyUserWarning
from astropy.wcs import FITSFixedWarning
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import small_exposure, small_sun

from aia_ccdproc import HeaderError, read
from aia_ccdproc.images.geometry_keywords import without_geometry_keywords
from aia_ccdproc.images.header import complete_header, with_header
from aia_ccdproc.images.history import add_history
from aia_ccdproc.images.level15 import is_registered
from aia_ccdproc.images.statistics import without_statistics
from aia_ccdproc.images.times import observation_time, parse_time
from aia_ccdproc.images.values import finite_number
from aia_ccdproc.images.wcs import geometry_cards, plate_scale, roll_angle, sun_center, wcs_from_header
from aia_ccdproc.images.wcs_cards import observer_cards, without_wcs

EXPOSURE = small_exposure(shape=(60, 80), corner=(2040, 1980), satellite_roll=0.4)


@pytest.fixture
def ccd() -> CCDData:
    return EXPOSURE.image(small_sun())


def matrix_header(kind: str, angle: float = 0.3, scale: float = 0.6, **cards: object) -> fits.Header:
    """The header of a level-1 image whose roll is given by CROTA2, a PC or a CD matrix."""
    header = EXPOSURE.header()
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    header["CDELT1"] = header["CDELT2"] = scale
    if kind == "CROTA2":
        header["CROTA2"] = angle
    else:
        del header["CROTA2"]
        factor = 1.0 if kind == "PC" else scale
        for element, value in {"1_1": cos, "1_2": -sin, "2_1": sin, "2_2": cos}.items():
            header[kind + element] = value * factor
    if kind == "CD":
        del header["CDELT1"], header["CDELT2"]
    header.update(cards)
    return header


# -- the complete header -------------------------------------------------------------------------


def test_slicing_moves_crpix_in_the_complete_header(ccd: CCDData) -> None:
    part = ccd[12:40, 5:60]
    header = complete_header(part)
    assert header["CRPIX1"] == pytest.approx(ccd.header["CRPIX1"] - 5, abs=1e-10)
    assert header["CRPIX2"] == pytest.approx(ccd.header["CRPIX2"] - 12, abs=1e-10)
    assert (header["NAXIS1"], header["NAXIS2"]) == (55, 28)
    assert plate_scale(wcs_from_header(header)) == pytest.approx(plate_scale(ccd.wcs), rel=1e-12)
    assert roll_angle(wcs_from_header(header)) == pytest.approx(roll_angle(ccd.wcs), abs=1e-10)


def test_the_complete_header_of_an_image_read_by_astropy_has_the_geometry_and_the_observer(
    tmp_path: Path, ccd: CCDData
) -> None:
    fits.PrimaryHDU(ccd.data, ccd.header).writeto(tmp_path / "a.fits")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FITSFixedWarning)
        of_astropy = CCDData.read(tmp_path / "a.fits", unit="DN")
    assert "CRPIX1" not in of_astropy.header
    header = complete_header(of_astropy)
    for keyword in ("CRPIX1", "CRPIX2", "CRVAL1", "CRVAL2", "DSUN_OBS", "HGLN_OBS", "HGLT_OBS", "RSUN_REF"):
        assert header[keyword] == pytest.approx(ccd.header[keyword], abs=1e-9)
    assert (header["CTYPE1"], header["CTYPE2"]) == ("HPLN-TAN", "HPLT-TAN")
    assert "CROTA2" not in header  # PC contains the roll; both must not be present
    assert plate_scale(wcs_from_header(header)) == pytest.approx(ccd.header["CDELT1"], rel=1e-12)
    assert roll_angle(wcs_from_header(header)) == pytest.approx(ccd.header["CROTA2"], abs=1e-9)


def test_an_image_that_lost_its_wcs_when_its_shape_changed_is_refused(ccd: CCDData) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AstropyUserWarning)  # ccdproc warns that astropy drops meta, unit and WCS
        binned = ccdproc.block_reduce(ccd, 4)
    with pytest.raises(HeaderError, match=r"20x15 pixels has no WCS: .*block_reduce.*Set ccd\.wcs"):
        complete_header(binned)


def test_an_image_without_wcs_has_the_geometry_of_its_header_if_the_shape_agrees(ccd: CCDData) -> None:
    bare = CCDData(ccd.data, unit="DN", header=ccd.header)
    assert complete_header(bare)["CRPIX1"] == ccd.header["CRPIX1"]


def test_an_image_without_any_wcs_is_refused() -> None:
    with pytest.raises(HeaderError, match="has no WCS"):
        complete_header(CCDData(np.zeros((4, 5)), unit="DN"))


def test_a_header_may_be_a_dict(ccd: CCDData) -> None:
    with_dict = CCDData(ccd.data, unit="DN", meta=dict(ccd.header), wcs=ccd.wcs)
    header = complete_header(with_dict)
    assert isinstance(header, fits.Header)
    assert header["T_OBS"] == ccd.header["T_OBS"]
    assert header["CRPIX1"] == pytest.approx(ccd.header["CRPIX1"])


def test_the_complete_header_is_a_copy(ccd: CCDData) -> None:
    before = ccd.header.tostring()
    complete_header(ccd)["T_OBS"] = "changed"
    assert ccd.header.tostring() == before


def test_with_header_builds_the_wcs_that_the_header_describes(ccd: CCDData) -> None:
    header = complete_header(ccd)
    header["CRPIX1"] += 10
    moved = with_header(ccd, header)
    assert moved.wcs.wcs.crpix[0] == pytest.approx(ccd.wcs.wcs.crpix[0] + 10)
    assert moved.unit == ccd.unit


@pytest.mark.parametrize("kind", ["CROTA2", "PC", "CD"])
def test_geometry_written_as_cards_describes_the_same_wcs(kind: str) -> None:
    wcs = wcs_from_header(matrix_header(kind, angle=-12.5))
    again = wcs_from_header(fits.Header([*geometry_cards(wcs).cards]))
    assert again.pixel_scale_matrix == pytest.approx(wcs.pixel_scale_matrix, rel=1e-13)
    assert again.wcs.crpix == pytest.approx(wcs.wcs.crpix, abs=0)
    assert geometry_cards(wcs)["CUNIT1"] == "arcsec"


def test_without_wcs_keeps_observer_and_date(ccd: CCDData) -> None:
    bare = without_wcs(ccd.header)
    assert not {"CRPIX1", "CDELT2", "CTYPE1", "CROTA2", "CUNIT1", "CRVAL1"} & set(bare)
    assert {"T_OBS", "DATE-OBS", "DSUN_OBS", "HGLT_OBS"} <= set(bare)
    assert "CRPIX1" in ccd.header


# -- scale, roll, level --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["CROTA2", "PC", "CD"])
@pytest.mark.parametrize("angle", [0.0, 0.019, -0.1376, 45.0, 179.9, -90.0])
def test_scale_and_roll_do_not_depend_on_how_they_are_written(kind: str, angle: float) -> None:
    header = matrix_header(kind, angle=angle, scale=0.61)
    assert roll_angle(wcs_from_header(header)) == pytest.approx(angle, abs=1e-9)
    assert plate_scale(wcs_from_header(header)) == pytest.approx(0.61, rel=1e-12)


def test_a_matrix_takes_precedence_over_an_angle() -> None:
    assert roll_angle(wcs_from_header(matrix_header("PC", angle=0.3, CROTA2=50.0))) == pytest.approx(0.3, abs=1e-9)


def test_a_header_may_be_in_degrees() -> None:
    header = matrix_header("CROTA2", scale=0.6 / 3600, CUNIT1="deg", CUNIT2="deg")
    assert plate_scale(wcs_from_header(header)) == pytest.approx(0.6, rel=1e-12)


def has_level15_header(header: fits.Header) -> bool:
    return is_registered(header, wcs_from_header(header))


def test_level15_files_are_recognized_as_registered(real_data: Path) -> None:
    files = sorted((real_data / "aia_level15").glob("*.fits"))
    assert [has_level15_header(read(file).header) for file in files] == [True] * 3


@pytest.mark.parametrize(("crpix", "expected"), [(2048.5, True), (2048.4996, True), (2048.3, False), (1e308, True)])
def test_the_geometry_of_level15_has_the_center_of_the_sun_at_half_a_pixel(crpix: float, expected: bool) -> None:
    header = fits.Header({"CTYPE1": "HPLN-TAN", "CTYPE2": "HPLT-TAN", "CUNIT1": "arcsec", "CUNIT2": "arcsec"})
    header.update({"CDELT1": 0.6, "CDELT2": 0.6, "CRPIX1": 2048.5, "CRPIX2": crpix, "CRVAL1": 0, "CRVAL2": 0})
    assert has_level15_header(header) == expected


def test_no_level1_file_is_recognized_as_registered(real_data: Path) -> None:
    files = sorted((real_data / "aia_level1").glob("*.fits"))
    assert [has_level15_header(read(file).header) for file in files] == [False] * 5


def test_the_center_of_the_sun_is_found_wherever_the_reference_point_is() -> None:
    header = EXPOSURE.header()
    assert sun_center(wcs_from_header(header)) == pytest.approx([header["CRPIX1"], header["CRPIX2"]], abs=0)
    column, row = wcs_from_header(header).wcs_world2pix([[100 / 3600, -50 / 3600]], 1)[0]
    header.update(CRPIX1=column, CRPIX2=row, CRVAL1=100.0, CRVAL2=-50.0)
    center = sun_center(wcs_from_header(header))
    assert center == pytest.approx([EXPOSURE.header()["CRPIX1"], EXPOSURE.header()["CRPIX2"]], abs=1e-3)


def test_a_map_of_the_surface_has_no_center_of_the_sun() -> None:
    cards = {"CTYPE1": "CRLN-CAR", "CTYPE2": "CRLT-CAR", "CUNIT1": "deg", "CUNIT2": "deg", "CDELT1": 0.1, "CDELT2": 0.1}
    header = fits.Header({**cards, "CRPIX1": 1800.5, "CRPIX2": 900.5, "CRVAL1": 180.0, "CRVAL2": 0.0})
    assert np.isnan(sun_center(wcs_from_header(header))).all()


def official_level15_header(**cards: object) -> fits.Header:
    """A header as in aia.lev1p5_euv_12s: level "1.0", CDELT in float32 precision."""
    header = matrix_header("CROTA2", angle=0.0, scale=0.60000002)
    header["LVL_NUM"], header["CRPIX1"], header["CRPIX2"] = 1.0, 2048.5, 2048.5
    header.update(cards)
    return header


@pytest.mark.parametrize("kind", ["CROTA2", "PC", "CD"])
def test_the_official_level15_product_is_recognized_in_spite_of_its_level(kind: str) -> None:
    assert has_level15_header(official_level15_header())
    header = matrix_header(kind, angle=0.0, CRPIX1=2048.5, CRPIX2=2048.5, LVL_NUM=1.0)
    assert has_level15_header(header)


@pytest.mark.parametrize(
    "cards",
    [
        {"CROTA2": 0.0002},
        {"CDELT1": 0.600109, "CDELT2": 0.600109},
        {"CRPIX1": 2052.26},
        {"CRPIX2": 2048.51},
        {"CRVAL1": 3.0},
        {"CDELT1": -0.6},
        {"CDELT1": 0.3, "CDELT2": 0.3},
    ],
)
def test_an_image_with_one_property_of_level1_is_not_registered(cards: dict) -> None:
    assert not has_level15_header(official_level15_header(**cards))


def test_level_15_in_the_header_is_sufficient() -> None:
    header = EXPOSURE.header()
    header["LVL_NUM"] = 1.5
    assert has_level15_header(header)


# -- WCS, numbers, times, history ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("cards", "reason"),
    [
        ({"CRPIX1": "left"}, "CRPIX1 is 'left'"),
        ({"CRPIX1": True}, "CRPIX1 is True"),
        ({"CRVAL2": None}, "CRVAL2 is empty"),
        ({"CDELT1": 0.0}, "CDELT1 is 0"),
        ({"CTYPE1": "LINEAR"}, "no WCS"),
        ({"CTYPE1": "LINEAR", "CTYPE2": "LINEAR"}, "not celestial"),
        ({"CTYPE1": "HPLN-XYZ", "CTYPE2": "HPLT-XYZ"}, "no WCS"),
        ({"CUNIT1": "bananas"}, "no WCS"),
        ({"PC1_1": 1.0, "PC1_2": 1.0, "PC2_1": 1.0, "PC2_2": 1.0}, "no WCS"),
    ],
)
def test_a_header_without_a_valid_wcs_is_refused(cards: dict, reason: str) -> None:
    header = EXPOSURE.header()
    header.update(cards)
    with pytest.raises(HeaderError, match=reason):
        wcs_from_header(header)


def test_the_error_names_all_missing_wcs_keywords() -> None:
    header = EXPOSURE.header()
    del header["CTYPE1"], header["CRPIX2"]
    with pytest.raises(HeaderError, match="CTYPE1, CRPIX2 are missing"):
        wcs_from_header(header)


@pytest.mark.parametrize("value", [3, 3.0, -0.5, 1e300])
def test_a_number_is_read_as_float(value: float) -> None:
    assert finite_number(fits.Header({"KEY": value}), "KEY") == value
    assert isinstance(finite_number(fits.Header({"KEY": value}), "KEY"), float)


@pytest.mark.parametrize(
    ("header", "state"),
    [
        (fits.Header(), "KEY is missing"),
        (fits.Header([("KEY", None)]), "KEY is empty"),
        (fits.Header.fromstring("KEY     =                      / (MISSING)"), "KEY is empty"),
        (fits.Header({"KEY": "nan"}), "KEY is 'nan'"),
        (fits.Header({"KEY": ""}), "KEY is ''"),
        (fits.Header({"KEY": True}), "KEY is True"),
    ],
)
def test_a_value_that_is_not_a_number_is_refused_and_named(header: fits.Header, state: str) -> None:
    with pytest.raises(HeaderError, match=f"^{state}; a finite number is needed"):
        finite_number(header, "KEY")


#: Times for which ERFA knows the leap seconds.
moments = st.datetimes(datetime.datetime(2010, 3, 1), datetime.datetime(2026, 12, 31))


@settings(deadline=None)
@given(moments, st.sampled_from(["", "Z"]))
def test_iso_times_are_utc_with_and_without_z(moment: datetime.datetime, zone: str) -> None:
    time = parse_time(moment.isoformat() + zone)
    assert time.scale == "utc"
    assert abs((time - Time(moment, scale="utc")).to_value("s")) < 1e-6


@settings(deadline=None)
@given(moments, st.sampled_from(["_TAI", "_UTC", ""]), st.booleans())
def test_drms_times_are_utc_or_tai_by_their_suffix(moment: datetime.datetime, scale: str, fraction: bool) -> None:
    moment = moment if fraction else moment.replace(microsecond=0)
    clock = moment.strftime("%Y.%m.%d_%H:%M:%S.%f") if fraction else moment.strftime("%Y.%m.%d_%H:%M:%S")
    expected = Time(moment, scale="tai" if scale == "_TAI" else "utc")
    assert abs((parse_time(clock + scale) - expected).to_value("s")) < 1e-6


def test_tai_is_35_seconds_ahead_of_utc_in_2014() -> None:
    assert parse_time("2014.03.01_00:01:25_TAI").isot == "2014-03-01T00:00:50.000"


def test_a_time_without_known_leap_seconds_is_read_without_a_warning() -> None:
    # 2462994.5 is 2031-05-08; its ISO form would ask ERFA for the leap seconds.
    assert parse_time("2031-05-08T12:00:00Z").jd == pytest.approx(2462995.0, abs=1e-9)
    assert parse_time("2031.05.08_12:00:00_UTC").jd == pytest.approx(2462995.0, abs=1e-9)


@pytest.mark.parametrize("text", ["", "nan", "MISSING", "yesterday", "2020-13-01T00:00:00", "2014.03.01_25:00:00_TAI"])
def test_a_text_that_is_not_a_time_is_refused(text: str) -> None:
    with pytest.raises(HeaderError, match="is not a time"):
        parse_time(text)


@pytest.mark.parametrize("value", [None, "", "  ", 5])
def test_an_image_without_t_obs_is_refused(value: object) -> None:
    header = EXPOSURE.header()
    header["T_OBS"] = value
    with pytest.raises(HeaderError, match="T_OBS is missing; the time of the observation is needed"):
        observation_time(header)


@settings(deadline=None)
@given(st.text(max_size=200))
def test_history_is_ascii_for_any_text(text: str) -> None:
    header = fits.Header()
    add_history(header, "start " + text)
    assert all(str(line).isascii() and str(line).isprintable() for line in header["HISTORY"])
    assert str(header["HISTORY"][0]).startswith("start")


def test_a_distortion_of_too_high_an_order_is_refused_at_once() -> None:
    header = EXPOSURE.header()
    header["CTYPE1"], header["CTYPE2"] = "HPLN-TAN-SIP", "HPLT-TAN-SIP"
    header["A_ORDER"], header["B_ORDER"], header["A_2_0"] = 1000, 1000, 1e-5
    with pytest.raises(HeaderError, match="A_ORDER is 1000; the SIP convention allows up to 9"):
        wcs_from_header(header)


def test_a_distortion_that_cannot_be_inverted_is_an_error_of_the_header() -> None:
    header = EXPOSURE.header()
    header["CTYPE1"], header["CTYPE2"] = "HPLN-TAN-SIP", "HPLT-TAN-SIP"
    header["A_ORDER"], header["B_ORDER"], header["A_2_0"], header["B_0_2"] = 2, 2, 1e300, 1e300
    with pytest.raises(HeaderError, match="cannot be inverted"):
        sun_center(wcs_from_header(header))


@pytest.mark.parametrize(
    "reduce",
    [without_statistics, without_wcs, without_geometry_keywords, observer_cards],
    ids=lambda function: function.__name__,
)
def test_a_header_that_is_reduced_shares_no_card_with_its_input(reduce) -> None:
    header = small_exposure(shape=(60, 80)).header()
    before = header.tostring()
    reduced = reduce(header)
    assert len(reduced) > 1
    for keyword in reduced:
        reduced[keyword] = 3
    assert header.tostring() == before
