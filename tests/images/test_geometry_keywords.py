"""Keywords that depend on geometry: right after slicing, binning, a new pointing and registration."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from pathlib import Path

import ccdproc
import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.nddata import CCDData
from astropy.table import Table
from astropy.utils.exceptions import AstropyUserWarning
from astropy.wcs import WCS, FITSFixedWarning
from scenes import small_exposure, small_sun

from aia_ccdproc import Instrument, normalize_exposure, read, register, update_pointing, write
from aia_ccdproc.images import fits_file
from aia_ccdproc.images.geometry_keywords import GEOMETRY_KEYWORDS
from aia_ccdproc.images.header import complete_header, current_header, with_header
from aia_ccdproc.images.wcs import plate_scale, wcs_from_header
from aia_ccdproc.steps.registration import register_image
from aia_ccdproc.steps.settings import RegistrationSettings

#: An equatorial WCS of the pixels, as in the files of EUVI.
EQUATORIAL = {
    **{"CTYPE1A": "RA---TAN", "CTYPE2A": "DEC--TAN", "CUNIT1A": "deg", "CUNIT2A": "deg", "WCSNAMEA": "Equatorial"},
    **{
        "CRPIX1A": 61.25,
        "CRPIX2A": 40.5,
        "CRVAL1A": 281.2,
        "CRVAL2A": -23.1,
        "CDELT1A": -1.667e-4,
        "CDELT2A": 1.667e-4,
    },
    **{"PC1_1A": 0.96, "PC1_2A": -0.28, "PC2_1A": 0.28, "PC2_2A": 0.96},
}
#: A keyword of every group of the list, and others that do not depend on the geometry.
DEPENDENT = {"CENTER_X": 40.5, "CENTER_Y": 60.5, "PIXSCAL1": 0.6, "SOLAR_R": 1580.0, "CRDER1": 0.02, "CSYSER2": 0.1}
DEPENDENT |= {"DSTART1": 2041, "DSTOP2": 2040, "FOVX": 48.0, "X0": 39.5, "DATASEC": "[1:80,1:60]"}
INDEPENDENT = {"X0_MP": 0, "SAT_ROT": 0, "RSUN_OBS": 0, "SC_ROLLA": 1.5, "ROI_LLX1": 5, "EFF_AREA": 2.0, "SUMMED": 1.0}


@pytest.fixture
def ccd() -> CCDData:
    """A level-1 image whose header has all kinds of keywords that depend on its geometry."""
    image = small_exposure(shape=(60, 80), corner=(2040, 1980)).image(small_sun())
    image.header.update({**EQUATORIAL, **DEPENDENT, **{k: v for k, v in INDEPENDENT.items() if k not in image.header}})
    image.header.update(XCEN=middle(image)[0], YCEN=middle(image)[1])
    return image


def middle(ccd: CCDData) -> tuple[float, float]:
    """The position of the middle of an image in arcsec, by astropy."""
    ny, nx = ccd.shape
    x, y = ccd.wcs.wcs_pix2world([[(nx - 1) / 2, (ny - 1) / 2]], 0)[0]
    return float((x + 180) % 360 - 180) * 3600, float(y) * 3600


def equatorial(header: fits.Header) -> WCS:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FITSFixedWarning)
        return WCS(header, key="A")


def written(ccd: CCDData, folder: Path) -> CCDData:
    return read(write(ccd, folder / "written.fits", overwrite=True))


def check_center_and_radius(ccd: CCDData) -> None:
    assert (ccd.header["XCEN"], ccd.header["YCEN"]) == pytest.approx(middle(ccd), abs=1e-6)
    assert ccd.header["R_SUN"] == pytest.approx(ccd.header["RSUN_OBS"] / plate_scale(ccd.wcs), rel=3e-8)


def dependent_keywords(header: fits.Header) -> set[str]:
    return {key for key in header if any(group.pattern.match(key) for group in GEOMETRY_KEYWORDS)}


# -- slicing ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("corner", [(0, 0), (13, 21)])
def test_a_slice_is_written_with_the_position_of_its_own_middle(
    tmp_path: Path, ccd: CCDData, corner: tuple[int, int]
) -> None:
    row, column = corner
    back = written(ccd[row : row + 30, column : column + 40], tmp_path)
    check_center_and_radius(back)
    assert back.header["XCEN"] != pytest.approx(ccd.header["XCEN"], abs=0.3)
    # The alternate WCS gives every pixel the same right ascension and declination as before.
    before, after = equatorial(ccd.header), equatorial(back.header)
    assert after.wcs_pix2world([[5, 7]], 0) == pytest.approx(
        before.wcs_pix2world([[5 + column, 7 + row]], 0), abs=1e-12
    )
    assert not {"CENTER_X", "CENTER_Y", "DSTART1", "DSTOP2", "FOVX", "X0", "DATASEC"} & set(back.header)
    for keyword in ("PIXSCAL1", "SOLAR_R", "CRDER1", "CSYSER2", "R_SUN", *INDEPENDENT):
        assert back.header[keyword] == ccd.header[keyword]


def test_a_slice_with_steps_loses_what_is_true_for_the_old_pixels_only(tmp_path: Path, ccd: CCDData) -> None:
    back = written(ccd[::2, ::2], tmp_path)
    assert plate_scale(back.wcs) == pytest.approx(2 * plate_scale(ccd.wcs), rel=1e-12)
    check_center_and_radius(back)
    assert dependent_keywords(back.header) == {"XCEN", "YCEN", "R_SUN"}


def test_an_image_that_has_not_changed_keeps_every_keyword(tmp_path: Path, ccd: CCDData) -> None:
    ccd.header["R_SUN"] += 0.3  # JSOC's own values deviate, too
    back = written(ccd, tmp_path)
    for keyword in (*EQUATORIAL, *DEPENDENT, *INDEPENDENT, "XCEN", "YCEN", "R_SUN"):
        assert back.header[keyword] == ccd.header[keyword]


def test_a_slice_of_what_astropy_has_read_is_right_too(tmp_path: Path, ccd: CCDData) -> None:
    write(ccd, tmp_path / "a.fits")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FITSFixedWarning)
        of_astropy = CCDData.read(tmp_path / "a.fits")
    whole, part = written(of_astropy, tmp_path), written(of_astropy[4:50, 9:70], tmp_path)
    assert dependent_keywords(whole.header) == dependent_keywords(of_astropy.header) > set(EQUATORIAL)
    for image in (whole, part):
        check_center_and_radius(image)
    assert dependent_keywords(part.header) == {"XCEN", "YCEN", "R_SUN"}


def test_a_wcs_that_was_corrected_in_memory_counts(tmp_path: Path, ccd: CCDData) -> None:
    ccd.wcs.wcs.crpix += [3.0, -2.0]  # coalignment
    back = written(ccd, tmp_path)
    check_center_and_radius(back)
    assert dependent_keywords(back.header) == {"XCEN", "YCEN", "R_SUN"}


def test_the_radius_follows_the_scale_if_the_angular_radius_is_not_known(ccd: CCDData) -> None:
    del ccd.header["RSUN_OBS"]
    assert complete_header(ccd[::2, ::2])["R_SUN"] == pytest.approx(ccd.header["R_SUN"] / 2, rel=1e-12)


def test_a_real_cutout_that_is_cut_again_has_its_own_center(real_data: Path, tmp_path: Path) -> None:
    ccd = read(real_data / "aia_level1" / "aia.lev1_euv_12s_mod.2021-06-28T232159Z.171.cutout.fits")
    ccd.header["XCEN"], ccd.header["YCEN"] = -355.98435, -327.729365
    part = written(ccd[100:300, 50:450], tmp_path)
    check_center_and_radius(part)
    sunpy_map = pytest.importorskip("sunpy.map").Map(part.data, part.header)
    center = sunpy_map.pixel_to_world((400 - 1) / 2 * u.pix, (200 - 1) / 2 * u.pix)
    assert part.header["XCEN"] == pytest.approx(center.Tx.to_value("arcsec"), abs=1e-6)
    assert part.header["YCEN"] == pytest.approx(center.Ty.to_value("arcsec"), abs=1e-6)


# -- binning without a WCS -----------------------------------------------------------------------------


def binned(ccd: CCDData) -> CCDData:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AstropyUserWarning)  # that block_reduce drops the WCS
        return ccdproc.block_reduce(ccd, 2, np.mean)


def test_block_reduce_leaves_no_keyword_of_the_whole_image(tmp_path: Path, ccd: CCDData) -> None:
    header = fits.getheader(write(binned(ccd), tmp_path / "a.fits"))
    assert not dependent_keywords(header)
    assert not {"CRPIX1", "CTYPE1", "CDELT1", "CROTA2"} & set(header)
    assert header["WAVELNTH"] == ccd.header["WAVELNTH"]


def test_block_reduce_with_a_new_wcs_gives_the_right_keywords(tmp_path: Path, ccd: CCDData) -> None:
    image = binned(ccd)
    image.wcs = ccd.wcs.slice((slice(None, None, 2),) * 2)
    back = written(image, tmp_path)
    check_center_and_radius(back)
    assert back.header["XCEN"] == pytest.approx(ccd.header["XCEN"], abs=1e-6)
    assert back.header["R_SUN"] == pytest.approx(ccd.header["R_SUN"] / 2, rel=1e-9)
    assert dependent_keywords(back.header) == {"XCEN", "YCEN", "R_SUN"}


def test_block_reduce_of_a_header_without_naxis_is_not_given_the_old_wcs(tmp_path: Path, ccd: CCDData) -> None:
    del ccd.header["NAXIS1"], ccd.header["NAXIS2"]
    header = fits.getheader(write(binned(ccd), tmp_path / "a.fits"))
    assert "CRPIX1" not in header


# -- steps ---------------------------------------------------------------------------------------------


def record(**changes: float) -> Table:
    row: dict[str, object] = {"T_START": "2020-01-01", "T_STOP": "2020-01-02", "MPO_RECNUM": 1}
    row |= {"A_094_X0": 2070.0, "A_094_Y0": 2010.0, "A_094_IMSCALE": 0.599, "A_094_INSTROT": 0.3, **changes}
    return Table({key: [value] for key, value in row.items()})


def test_update_pointing_updates_the_center_and_removes_the_alternate_wcs(ccd: CCDData) -> None:
    pointed = update_pointing(ccd, source=record())
    check_center_and_radius(pointed)
    assert np.hypot(*(np.array(middle(pointed)) - middle(ccd))) > 0.5
    # The pixels are the same, so the part of the detector is.
    assert dependent_keywords(pointed.header) == {"XCEN", "YCEN", "R_SUN", "DSTART1", "DSTOP2", "DATASEC"}


def test_a_pointing_that_is_kept_keeps_every_keyword(ccd: CCDData) -> None:
    with pytest.warns(UserWarning, match="pointing of the header kept"):
        kept = update_pointing(ccd, source=record(A_094_X0=np.nan), on_missing="keep")
    assert dependent_keywords(kept.header) == dependent_keywords(ccd.header)


@pytest.mark.parametrize("target", [None, "rotated", "mirrored"])
def test_registration_leaves_no_keyword_of_the_old_pixels(tmp_path: Path, ccd: CCDData, target: str | None) -> None:
    grid = None
    if target:
        grid = small_exposure(shape=(50, 70), corner=(2030, 1990), roll=30).header()
        del grid["DATE-OBS"], grid["T_OBS"]
        grid = wcs_from_header(grid)
        if target == "mirrored":
            grid.wcs.cdelt = grid.wcs.cdelt * [-1, 1]
        for part in ("dateobs", "dateavg"):
            setattr(grid.wcs, part, getattr(ccd.wcs.wcs, part))
        grid.wcs.set()
    registered = register(ccd, target=grid)
    for image in (registered, written(registered, tmp_path)):
        check_center_and_radius(image)
        assert dependent_keywords(image.header) == {"XCEN", "YCEN", "R_SUN"}
        for keyword in INDEPENDENT:
            assert image.header[keyword] == ccd.header[keyword]


def test_registration_onto_an_equatorial_grid_gives_no_center_in_helioprojective_coordinates(ccd: CCDData) -> None:
    axes = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN"}
    ccd.header.update(axes)
    image = CCDData(ccd.data, unit=ccd.unit, header=ccd.header, wcs=wcs_from_header(ccd.header))
    target = wcs_from_header(ccd.header)
    registered = register(image, target=target)
    assert not {"XCEN", "YCEN"} & set(registered.header)


@pytest.mark.parametrize("step", [normalize_exposure, current_header], ids=lambda step: step.__name__)
def test_a_step_on_a_slice_returns_the_header_of_the_slice(ccd: CCDData, step: Callable) -> None:
    part = ccd[20:, 30:]
    result = step(part)
    header = getattr(result, "header", result)
    assert (header["NAXIS1"], header["NAXIS2"]) == (50, 40)
    assert (header["XCEN"], header["YCEN"]) == pytest.approx(middle(part), abs=1e-6)
    assert header["CRPIX1A"] == EQUATORIAL["CRPIX1A"] - 30


def test_a_header_step_of_a_plugin_need_not_know_the_list(ccd: CCDData) -> None:
    header = complete_header(ccd)
    header["CRPIX1"] += 10
    before = header.tostring()
    moved = with_header(ccd, header)
    check_center_and_radius(moved)
    assert "CRPIX1A" not in moved.header
    assert header.tostring() == before


# -- real files of other instruments -------------------------------------------------------------------


def other_instrument(path: Path) -> CCDData:
    return fits_file.read(path, lambda header: Instrument("another instrument", 1.0, None))


def test_a_slice_of_a_real_image_of_euvi_keeps_its_equatorial_wcs(real_data: Path, tmp_path: Path) -> None:
    euvi = other_instrument(real_data / "other_instruments" / "euvi_20090615_000900_n4euA_s.fts")
    path = write(euvi[10:90, 20:110], tmp_path / "a.fits")
    part = other_instrument(path)
    before, after = equatorial(euvi.header), equatorial(part.header)
    here, there = after.pixel_to_world(30, 40), before.pixel_to_world(50, 50)
    assert isinstance(here, SkyCoord)
    assert here.separation(there).arcsec < 1e-6
    assert (part.header["XCEN"], part.header["YCEN"]) == pytest.approx(middle(part), abs=1e-5)
    assert part.header["SC_ROLLA"] == euvi.header["SC_ROLLA"]  # the spacecraft, not the image
    assert not {"DSTART1", "DSTOP1", "R1COL", "P2ROW"} & set(part.header)


@pytest.mark.filterwarnings("ignore:.*CRDER")  # nan
@pytest.mark.parametrize(
    "name", ["euvi_20090615_000900_n4euA_s.fts", "mdi.fd_ic.20101015_230100_TAI.data.fits", "resampled_hmi.fits"]
)
def test_registration_of_real_images_leaves_no_keyword_of_the_old_pixels(real_data: Path, name: str) -> None:
    image = other_instrument(real_data / "other_instruments" / name)
    target = image.wcs.deepcopy()
    target.wcs.pc = np.eye(2)
    target.wcs.crpix = [40.5, 30.5]
    target.array_shape = (60, 80)
    settings = RegistrationSettings.of(target=target, force=True)
    header = register_image(image, Instrument("another instrument", 1.0, None), settings, None).header
    assert dependent_keywords(header) <= {"XCEN", "YCEN", "R_SUN"}
    assert not set(EQUATORIAL) & set(header)


# -- documentation -------------------------------------------------------------------------------------


def test_the_documentation_has_a_row_for_every_group_and_says_what_happens_to_it() -> None:
    page = (Path(__file__).parents[2] / "docs" / "steps.rst").read_text(encoding="utf-8")
    table = page.partition("   * - Keywords")[2].partition("\n\n")[0]
    rows = [re.split(r"\n {5}- ", row) for row in table.split("\n   * - ")[1:]]
    assert len(rows) == len(GEOMETRY_KEYWORDS)
    for (names, _, *happens), group in zip(rows, GEOMETRY_KEYWORDS, strict=True):
        keywords = re.findall(r"[A-Z][A-Z0-9_]+", names)
        assert keywords
        assert all(group.pattern.match(keyword) for keyword in keywords)
        for word, change in zip(happens, ("section", "pointing", "resampling"), strict=True):
            kept = "computed" if group.computed else "removed"
            if change in group.kept:
                kept = "kept"
            elif group.shifted and change == "section":
                kept = "CRPIX shifted"
            assert word == kept
