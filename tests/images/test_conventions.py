"""Headers as other software writes them: units, numbers as text, axis types, a third axis."""

from __future__ import annotations

import math
import warnings
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import CCDData
from astropy.wcs import FITSFixedWarning
from scenes import small_exposure, small_sun

from aia_ccdproc import HeaderError, Instrument, PrepWarning, normalize_exposure, read, register, update_pointing, write
from aia_ccdproc.images.conventions import guess_unit
from aia_ccdproc.images.wcs import plate_scale, wcs_from_header
from aia_ccdproc.io import read_header
from aia_ccdproc.steps.level15_grid import level15_grid

EXPOSURE = small_exposure(shape=(60, 80), corner=(2040, 1980))


def write_cards(path: Path, **cards: object) -> Path:
    """Write a level-1 image with other cards; None removes a card."""
    ccd = EXPOSURE.image(small_sun())
    for keyword, value in cards.items():
        if value is None:
            ccd.header.remove(keyword, ignore_missing=True)
        else:
            ccd.header[keyword] = value
    fits.PrimaryHDU(np.rint(ccd.data).astype(np.int16), ccd.header).writeto(path)
    return path


def read_silently(path: Path) -> CCDData:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return read(path)


# -- CUNIT ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cards", "message"),
    [
        ({"CUNIT1": None, "CUNIT2": None}, "CUNIT1 and CUNIT2 are missing; arcsec is assumed"),
        ({"CUNIT1": "", "CUNIT2": " "}, "CUNIT1 and CUNIT2 are missing; arcsec is assumed"),
        ({"CUNIT1": None}, "CUNIT1 is missing; the unit of CUNIT2, arcsec, is assumed"),
        ({"CUNIT2": ""}, "CUNIT2 is missing; the unit of CUNIT1, arcsec, is assumed"),
    ],
)
def test_an_image_without_cunit_is_in_arcsec_if_its_plate_scale_fits_the_instrument(
    tmp_path: Path, cards: dict, message: str
) -> None:
    expected = read(write_cards(tmp_path / "with.fits"))
    path = write_cards(tmp_path / "without.fits", **cards)
    with pytest.warns(PrepWarning, match=rf"without\.fits: {message}") as caught:
        ccd = read(path)
    assert len(caught) == 1
    assert ccd.header["CUNIT1"] == ccd.header["CUNIT2"] == "arcsec"
    assert plate_scale(ccd.wcs) == pytest.approx(plate_scale(expected.wcs), rel=1e-12)
    registered = register(ccd)
    assert registered.header["CDELT1"] == 0.6
    assert np.array_equal(registered.data, register(expected).data, equal_nan=True)
    header = read_header(path)
    assert header["CUNIT1"] == header["CUNIT2"] == "arcsec"


@pytest.mark.parametrize("cunit", ["arcseconds", "ARCSEC", " arcsec ", "Arcsecond", "arcsecs", '"'])
def test_arcsec_is_recognized_in_every_spelling(tmp_path: Path, cunit: str) -> None:
    ccd = read_silently(write_cards(tmp_path / "a.fits", CUNIT1=cunit, CUNIT2=cunit))
    assert ccd.header["CUNIT1"] == ccd.header["CUNIT2"] == "arcsec"
    assert plate_scale(ccd.wcs) == pytest.approx(EXPOSURE.header()["CDELT1"], rel=1e-12)


@pytest.mark.parametrize("cunit", [None, "deg", "degrees", "DEG"])
def test_an_image_in_degrees_stays_in_degrees(tmp_path: Path, cunit: str | None) -> None:
    scale = EXPOSURE.header()["CDELT1"] / 3600
    ccd = read_silently(write_cards(tmp_path / "a.fits", CUNIT1=cunit, CUNIT2=cunit, CDELT1=scale, CDELT2=scale))
    assert plate_scale(ccd.wcs) == pytest.approx(scale * 3600, rel=1e-12)
    assert register(ccd).header["CDELT1"] == 0.6


@pytest.mark.parametrize(
    ("scale", "is_arcsec"),
    [(0.6, True), (0.0061, False), (0.02, True), (60.0, True), (61.0, False), (0.6 / 3600, False), (60 / 3600, True)],
)
def test_the_unit_is_that_for_which_the_plate_scale_is_nearest_to_the_instrument(scale: float, is_arcsec: bool) -> None:
    header = EXPOSURE.header()
    del header["CUNIT1"], header["CUNIT2"]
    header["CDELT1"] = header["CDELT2"] = scale
    assert (guess_unit(header, 0.6) is not None) == is_arcsec
    assert ("CUNIT1" in header) == is_arcsec


def test_an_image_read_by_astropy_without_cunit_is_refused(tmp_path: Path) -> None:
    path = write_cards(tmp_path / "a.fits", CUNIT1=None, CUNIT2=None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FITSFixedWarning)
        ccd = CCDData.read(path, unit="DN")
    with pytest.raises(HeaderError, match=r"80x60 pixels of 2160 arcsec is larger than the frame of AIA\. Check CUNIT"):
        register(ccd)


def test_an_image_with_wrong_units_is_refused(tmp_path: Path) -> None:
    ccd = read(write_cards(tmp_path / "a.fits", CUNIT1="deg", CUNIT2="deg"))
    with pytest.raises(HeaderError, match="larger than the frame of AIA"):
        register(ccd)
    generic = Instrument.generic(0.6)
    with pytest.raises(HeaderError, match="larger than the frame of generic"):
        level15_grid(ccd.shape, ccd.wcs, generic)


# -- numbers as text ---------------------------------------------------------------------------


NUMBERS = (
    *("WAVELNTH", "EXPTIME", "CROTA2", "CRPIX1", "CRPIX2", "CRVAL1", "CDELT1", "CDELT2", "X0_MP", "Y0_MP", "SAT_ROT"),
    *(
        "INST_ROT",
        "IMSCL_MP",
        "RSUN_OBS",
        "R_SUN",
        "DSUN_OBS",
        "HGLT_OBS",
        "CRLN_OBS",
        "RSUN_REF",
        "LVL_NUM",
        "QUALITY",
    ),
)


@pytest.mark.parametrize("text", ["{}", " {} ", "+{}"])
def test_numbers_that_are_written_as_text_are_read_as_numbers(tmp_path: Path, pointing_path: Path, text: str) -> None:
    header = EXPOSURE.header()
    texts = {k: text.format(header[k]) if header[k] >= 0 else str(header[k]) for k in NUMBERS}
    ccd = read_silently(write_cards(tmp_path / "text.fits", **texts))
    expected = read(write_cards(tmp_path / "numbers.fits"))
    for keyword in NUMBERS:
        assert ccd.header[keyword] == expected.header[keyword]
    for image in (ccd, expected):
        assert image.header["CRPIX1"] == image.wcs.wcs.crpix[0]
    results = [
        normalize_exposure(register(update_pointing(image, source=str(pointing_path)))) for image in (ccd, expected)
    ]
    assert np.array_equal(results[0].data, results[1].data, equal_nan=True)
    assert results[0].header["R_SUN"] == results[1].header["R_SUN"]


def test_hexadecimal_and_fortran_numbers_are_read(tmp_path: Path) -> None:
    ccd = read_silently(write_cards(tmp_path / "a.fits", QUALITY="0x40000000", EXPTIME="2.9D0"))
    assert ccd.header["QUALITY"] == 0x40000000
    assert ccd.header["EXPTIME"] == 2.9


def test_numbers_as_text_in_the_header_of_an_image_in_memory_are_used() -> None:
    header = EXPOSURE.header()
    for keyword in NUMBERS:
        header[keyword] = str(header[keyword])
    wcs = wcs_from_header(header)
    assert plate_scale(wcs) == pytest.approx(EXPOSURE.header()["CDELT1"])
    data = EXPOSURE.image(small_sun()).data
    assert register(CCDData(data, unit="DN", header=header, wcs=wcs)).header["CDELT1"] == 0.6


# -- axis types, and a third axis -----------------------------------------------------------------


@pytest.mark.parametrize(
    "ctypes",
    [
        ("solar_x", "solar_y"),
        ("SOLAR-X", "Solar-Y"),
        ("SOLARX", "SOLARY"),
        ("hpln-tan", "hplt-tan"),
        ("HPLN-TAN ", " HPLT-TAN"),
    ],
)
def test_axis_types_of_other_software_are_read(tmp_path: Path, ctypes: tuple[str, str]) -> None:
    ccd = read_silently(write_cards(tmp_path / "a.fits", CTYPE1=ctypes[0], CTYPE2=ctypes[1]))
    assert (ccd.header["CTYPE1"], ccd.header["CTYPE2"]) == ("HPLN-TAN", "HPLT-TAN") == tuple(ccd.wcs.wcs.ctype)
    assert register(ccd).header["CTYPE1"] == "HPLN-TAN"


@pytest.mark.parametrize("ctypes", [("solar_x", "solar_y"), ("hpln-tan", "hplt-tan")])
def test_axis_types_of_other_software_are_understood_in_memory(ctypes: tuple[str, str]) -> None:
    header = EXPOSURE.header()
    header["CTYPE1"], header["CTYPE2"] = ctypes
    assert list(wcs_from_header(header).wcs.ctype) == ["HPLN-TAN", "HPLT-TAN"]


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("axes", [1, 2])
def test_further_axes_of_length_1_are_dropped_with_their_keywords(tmp_path: Path, axes: int, compressed: bool) -> None:
    image = EXPOSURE.image(small_sun())
    data = np.rint(image.data).astype(np.int16)
    header = image.header.copy()
    header["WCSAXES"] = 2 + axes
    for axis in range(3, 3 + axes):
        header[f"CTYPE{axis}"], header[f"CUNIT{axis}"] = "WAVE", "m"
        header[f"CRPIX{axis}"], header[f"CRVAL{axis}"], header[f"CDELT{axis}"] = 1.0, 171e-10, 1e-10
        header[f"PC{axis}_{axis}"] = 1.0
    plane = data.reshape((1,) * axes + data.shape)
    path = tmp_path / "a.fits"
    if compressed:
        fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(plane, header)]).writeto(path)
    else:
        fits.PrimaryHDU(plane, header).writeto(path)
    ccd = read_silently(path)
    assert ccd.shape == data.shape
    assert np.array_equal(ccd.data, data)
    assert ccd.header["NAXIS"] == 2
    for axis in range(3, 3 + axes):
        assert not [keyword for keyword in ccd.header if keyword.endswith(f"{axis}") and keyword[0] == "C"]
        assert f"NAXIS{axis}" not in ccd.header
    registered = register(ccd)
    assert registered.header["CDELT1"] == 0.6
    with fits.open(write(registered, tmp_path / "out.fits")) as hdus:
        assert hdus[0].header["NAXIS"] == 2


def test_a_negative_scale_is_measured_by_its_size() -> None:
    header = EXPOSURE.header()
    del header["CUNIT1"], header["CUNIT2"]
    header["CDELT1"] = -0.6
    assert guess_unit(header, 0.6) is not None
    assert math.isclose(plate_scale(wcs_from_header(header)), 0.6, rel_tol=1e-3)


def test_both_axes_of_a_sip_distortion_are_named(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    cards = {"A_ORDER": 2, "B_ORDER": 2, "A_2_0": 1e-7, "B_0_2": -1e-7, "CTYPE2": "HPLT-TAN-SIP"}
    ccd = read_silently(write_cards(tmp_path / "a.fits", **cards))
    assert (ccd.header["CTYPE1"], ccd.header["CTYPE2"]) == ("HPLN-TAN-SIP", "HPLT-TAN-SIP")
    assert ccd.wcs.sip is not None
    assert capfd.readouterr() == ("", "")
