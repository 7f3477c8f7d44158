"""Pointing: the values of the record, the shift of CRPIX, and complete updates only."""

from __future__ import annotations

import copy
import warnings
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import CCDData, StdDevUncertainty
from astropy.table import Table
from astropy.wcs import FITSFixedWarning
from scenes import small_exposure, small_sun

from aia_ccdproc import (
    HeaderError,
    Instrument,
    InstrumentError,
    PointingError,
    PointingWarning,
    StateError,
    read,
    register,
    update_pointing,
)
from aia_ccdproc.images.header import complete_header
from aia_ccdproc.images.wcs import plate_scale, roll_angle, wcs_from_header
from aia_ccdproc.pointing.settings import PointingSettings
from aia_ccdproc.steps.pointing import correct_pointing

#: A record of 94 Å for 2019-01-01, 0 to 3 h UTC.
X0, Y0, SCALE, INSTROT = 2069.15, 2008.75, 0.600109, -0.137610
EXPOSURE = small_exposure(
    time="2019-01-01T00:00:11.57Z", satellite_roll=-3.3e-6, pointing_error=(0.7, -0.4), shape=(60, 80)
)


def table_of(**changes: object) -> Table:
    row = {"T_START": "2019-01-01T00:00:00Z", "T_STOP": "2019-01-01T03:00:00Z", "MPO_RECNUM": 30000}
    row |= {"A_094_X0": X0, "A_094_Y0": Y0, "A_094_IMSCALE": SCALE, "A_094_INSTROT": INSTROT, **changes}
    return Table({key: [value] for key, value in row.items()})


@pytest.fixture
def ccd() -> CCDData:
    image = EXPOSURE.image(small_sun())
    image.mask = image.data > 300
    image.uncertainty = StdDevUncertainty(np.sqrt(image.data))
    return image


def with_cards(ccd: CCDData, **cards: object) -> CCDData:
    header = ccd.header.copy()
    for key, value in cards.items():
        if value is ...:
            del header[key]
        else:
            header[key] = value
    return CCDData(ccd.data, unit=ccd.unit, header=header, wcs=wcs_from_header(header))


# -- the values of the record ------------------------------------------------------------------------


def test_a_header_of_94_angstrom_gets_the_scale_and_the_roll_of_the_record(ccd: CCDData) -> None:
    pointed = update_pointing(ccd, source=table_of())
    assert plate_scale(pointed.wcs) == pytest.approx(0.600109, abs=5e-10)
    matrix = pointed.wcs.pixel_scale_matrix * 3600 / SCALE
    assert matrix == pytest.approx(np.array([[0.99999712, 0.0024018], [-0.0024018, 0.99999712]]), abs=5e-8)


def test_wcs_and_header_of_the_result_agree(ccd: CCDData) -> None:
    pointed = update_pointing(ccd, source=table_of())
    assert pointed.wcs.wcs.crpix == pytest.approx([pointed.header["CRPIX1"], pointed.header["CRPIX2"]], abs=1e-12)
    of_header = wcs_from_header(pointed.header).pixel_scale_matrix
    assert pointed.wcs.pixel_scale_matrix == pytest.approx(of_header, rel=1e-14)


def test_the_pointing_keywords_are_those_of_the_record(ccd: CCDData) -> None:
    header = update_pointing(ccd, source=table_of()).header
    assert (header["X0_MP"], header["Y0_MP"], header["IMSCL_MP"], header["INST_ROT"]) == (X0, Y0, SCALE, INSTROT)
    assert (header["CDELT1"], header["CDELT2"]) == (SCALE, SCALE)
    assert header["CROTA2"] == pytest.approx(INSTROT + ccd.header["SAT_ROT"], abs=1e-12)
    assert header["R_SUN"] == pytest.approx(header["RSUN_OBS"] / SCALE, rel=1e-12)
    assert header["MPO_REC"] == "aia.master_pointing3h[:#30000]"
    assert header["MPO_TBEG"].startswith("2019-01-01T00:00:00")
    assert header["MPO_SRC"].startswith("table")
    assert len(header["MPO_HASH"]) == 16


@pytest.mark.parametrize(
    "options", [{}, {"shape": None, "corner": (0, 0)}, {"keywords": {"ACS_MODE": "INERTIAL"}}], ids=str
)
def test_crpix_is_shifted_by_the_change_of_x0(options: dict) -> None:
    header = small_exposure(time="2019-01-01T00:00:11.57Z", **options).header()
    if "keywords" in options:  # a spacecraft offset that the header does not contain
        header["CRPIX1"] += 3.18
        header["CRPIX2"] -= 0.51
    blank = np.broadcast_to(np.float32(1), (header["NAXIS2"], header["NAXIS1"]))
    ccd = CCDData(blank, unit="DN", header=header, wcs=wcs_from_header(header))
    pointed = update_pointing(ccd, source=table_of()).header
    assert pointed["CRPIX1"] - header["CRPIX1"] == pytest.approx(X0 - header["X0_MP"], abs=1e-9)
    assert pointed["CRPIX2"] - header["CRPIX2"] == pytest.approx(Y0 - header["Y0_MP"], abs=1e-9)
    if not options.get("keywords"):  # in SCIENCE mode CRPIX is X0_MP + 1, counted from the corner
        corner = options.get("corner", (1900, 1850))
        assert pointed["CRPIX1"] == pytest.approx(X0 + 1 - corner[0], abs=1e-9)
        assert pointed["CRPIX2"] == pytest.approx(Y0 + 1 - corner[1], abs=1e-9)


def test_a_wrong_pointing_is_corrected_by_the_true_record(pointing_path: Path) -> None:
    right = small_exposure().header()
    wrong = small_exposure(pointing_error=(1.3, -2.1)).image(small_sun())
    corrected = update_pointing(wrong, source=pointing_path)
    assert corrected.wcs.wcs.crpix == pytest.approx([right["CRPIX1"], right["CRPIX2"]], abs=1e-9)
    assert corrected.header["MPO_SRC"] == f"table {pointing_path.name}"


def test_the_record_is_chosen_by_t_obs_and_not_by_date_obs(ccd: CCDData) -> None:
    later = table_of(T_START="2019-01-01T03:00:00Z", T_STOP="2019-01-01T06:00:00Z", A_094_X0=X0 + 5)
    table = Table({key: [table_of()[key][0], later[key][0]] for key in later.colnames})
    late = with_cards(ccd, **{"T_OBS": "2019-01-01T03:00:00.5Z", "DATE-OBS": "2019-01-01T02:59:59.1"})
    assert update_pointing(late, source=table).header["X0_MP"] == X0 + 5
    early = with_cards(ccd, **{"T_OBS": "2019-01-01T02:59:59.9Z", "DATE-OBS": "2019-01-01T03:00:00.3"})
    assert update_pointing(early, source=table).header["X0_MP"] == X0


@pytest.mark.parametrize("matrix", ["PC", "CD"])
@pytest.mark.parametrize("with_angle", [True, False])
def test_a_header_with_a_matrix_gets_the_roll_of_the_record(ccd: CCDData, matrix: str, with_angle: bool) -> None:
    factor = 1 if matrix == "PC" else ccd.header["CDELT1"]
    cards = {f"{matrix}{e}": v * factor for e, v in {"1_1": 0.6, "1_2": -0.8, "2_1": 0.8, "2_2": 0.6}.items()}
    given = with_cards(ccd, **cards, **({} if with_angle else {"CROTA2": ...}))
    pointed = update_pointing(given, source=table_of())
    assert roll_angle(pointed.wcs) == pytest.approx(INSTROT + ccd.header["SAT_ROT"], abs=1e-9)
    assert plate_scale(pointed.wcs) == pytest.approx(SCALE, rel=1e-12)
    assert not ("CROTA2" in pointed.header and {"PC1_1", "CD1_1"} & set(pointed.header))


def test_a_header_in_degrees_gets_the_scale_of_the_record(ccd: CCDData) -> None:
    degrees = {"CUNIT1": "deg", "CUNIT2": "deg", "CDELT1": SCALE / 3600, "CDELT2": SCALE / 3600}
    pointed = update_pointing(with_cards(ccd, **degrees), source=table_of())
    assert plate_scale(pointed.wcs) == pytest.approx(SCALE, rel=1e-12)


def test_an_image_read_by_astropy_gets_the_same_pointing(tmp_path: Path, ccd: CCDData) -> None:
    fits.PrimaryHDU(ccd.data, ccd.header).writeto(tmp_path / "a.fits")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FITSFixedWarning)
        of_astropy = CCDData.read(tmp_path / "a.fits", unit="DN")
    one, other = (update_pointing(c, source=table_of()) for c in (of_astropy, read(tmp_path / "a.fits")))
    assert one.wcs.wcs.crpix == pytest.approx(other.wcs.wcs.crpix, abs=1e-9)
    assert one.wcs.pixel_scale_matrix == pytest.approx(other.wcs.pixel_scale_matrix, abs=1e-18)
    assert one.header["CRPIX1"] == pytest.approx(other.header["CRPIX1"], abs=1e-9)


def test_the_real_cutout_of_2021_gets_the_record_that_its_header_names(real_data: Path) -> None:
    ccd = read(real_data / "aia_level1" / "aia.lev1_euv_12s_mod.2021-06-28T232159Z.171.cutout.fits")
    pointed = update_pointing(ccd, source=real_data / "pointing" / "real_level1_pointing_values.csv").header
    assert pointed["MPO_REC"] == "aia.master_pointing3h[:#43206]"
    for keyword in ("CRPIX1", "CRPIX2", "CDELT1", "CROTA2"):
        assert pointed[keyword] == pytest.approx(ccd.header[keyword], abs=1e-6)
    assert pointed["R_SUN"] == pytest.approx(ccd.header["R_SUN"], rel=1e-7)  # JSOC's is float32


# -- a reference point that is not the center of the Sun ------------------------------------------


def with_reference(ccd: CCDData, x: float, y: float, **cards: object) -> CCDData:
    """Return an image with the same Sun's center whose reference point is at another position, in arcsec."""
    header = ccd.header.copy()
    at_reference = ccd.wcs.wcs_world2pix([[x / 3600, y / 3600]], 1)[0]
    header["CRPIX1"], header["CRPIX2"] = map(float, at_reference)
    header["CRVAL1"], header["CRVAL2"] = x, y
    header.update(cards)
    moved = CCDData(ccd.data, unit=ccd.unit, header=header, wcs=wcs_from_header(header))
    error = sun_center(ccd) - sun_center(moved)  # the projection about another point is not the same
    for axis in (0, 1):
        header[f"CRPIX{axis + 1}"] += float(error[axis])
    return CCDData(ccd.data, unit=ccd.unit, header=header, wcs=wcs_from_header(header))


def sun_center(ccd: CCDData) -> np.ndarray:
    return np.ravel(ccd.wcs.wcs_world2pix([[0, 0]], 1))


@pytest.mark.parametrize("reference", [(-355.98, -327.73), (0.0, 812.5), (4.5, -2.9), (-1400.0, 1100.0)])
@pytest.mark.parametrize("cards", [{}, {"CDELT1": 0.59, "CDELT2": 0.59}, {"CROTA2": 1.3}], ids=["", "scale", "roll"])
def test_the_center_of_the_sun_is_shifted_wherever_the_reference_point_is(
    ccd: CCDData, reference: tuple[float, float], cards: dict
) -> None:
    given = with_reference(with_cards(ccd, **cards), *reference)
    pointed = update_pointing(given, source=table_of())
    shift = [X0 - ccd.header["X0_MP"], Y0 - ccd.header["Y0_MP"]]
    assert sun_center(pointed) - sun_center(given) == pytest.approx(shift, abs=1e-8)
    assert (pointed.header["CRVAL1"], pointed.header["CRVAL2"]) == reference
    assert plate_scale(pointed.wcs) == pytest.approx(SCALE, rel=1e-12)
    assert roll_angle(pointed.wcs) == pytest.approx(INSTROT + ccd.header["SAT_ROT"], abs=1e-9)


@pytest.mark.parametrize("form", ["CROTA2", "PC", "CD", "deg"])
def test_sunpy_finds_the_center_of_the_sun_of_a_cutout_that_is_referenced_to_its_middle(
    ccd: CCDData, form: str
) -> None:
    sunpy_map = pytest.importorskip("sunpy.map")
    from astropy import units as u
    from astropy.coordinates import SkyCoord

    given = with_reference(ccd, 250.0, -333.0)
    if form != "CROTA2":
        header = given.header
        matrix = given.wcs.pixel_scale_matrix * 3600
        del header["CROTA2"]
        elements = matrix if form == "CD" else matrix / header["CDELT1"]
        for i, j in np.ndindex(2, 2):
            header[f"{'CD' if form == 'CD' else 'PC'}{i + 1}_{j + 1}"] = float(elements[i, j])
        if form == "deg":
            for keyword in ("CRVAL1", "CRVAL2", "CDELT1", "CDELT2"):
                header[keyword] /= 3600
            header["CUNIT1"] = header["CUNIT2"] = "deg"
        given = CCDData(ccd.data, unit=ccd.unit, header=header, wcs=wcs_from_header(header))
    pointed = update_pointing(given, source=table_of())
    of_sunpy = sunpy_map.Map(pointed.data, pointed.header)
    origin = SkyCoord(0 * u.arcsec, 0 * u.arcsec, frame=of_sunpy.coordinate_frame)
    pixel = of_sunpy.world_to_pixel(origin)
    center = [float(pixel.x.value), float(pixel.y.value)]
    corner = EXPOSURE.corner
    true_center = [X0 - corner[0], Y0 - corner[1]]  # counted from 0, as X0_MP
    assert center == pytest.approx(true_center, abs=1e-6)


def test_images_of_two_reference_points_are_registered_alike(ccd: CCDData) -> None:
    one, other = (
        register(update_pointing(each, source=table_of())) for each in (ccd, with_reference(ccd, 90.0, -60.0))
    )
    assert one.shape == other.shape
    inside = (slice(8, -8),) * 2
    assert other.data[inside] == pytest.approx(one.data[inside], abs=0.01)


@pytest.mark.parametrize("name", ["2013-03-10T120012Z.171.cutout", "2021-06-28T232159Z.171.cutout"])
def test_a_real_cutout_keeps_its_sun_center_if_its_own_record_is_applied(real_data: Path, name: str) -> None:
    (path,) = (real_data / "aia_level1").glob(f"*{name}.fits")
    ccd = read(path)
    x0, y0, scale, roll = (ccd.header[key] for key in ("X0_MP", "Y0_MP", "IMSCL_MP", "INST_ROT"))
    row = {"T_START": ccd.header["T_OBS"][:10], "T_STOP": "2030-01-01", "MPO_RECNUM": 1}
    row |= {"A_171_X0": x0 + 2.5, "A_171_Y0": y0 - 1.25, "A_171_IMSCALE": scale, "A_171_INSTROT": roll + 0.5}
    table = Table({key: [value] for key, value in row.items()})
    middle = [float(value) * 3600 for value in ccd.wcs.wcs_pix2world([[300, 300]], 1)[0]]
    middle[0] = (middle[0] + 648000) % 1296000 - 648000
    given = with_reference(ccd, *middle)
    for image in (ccd, given):
        moved = sun_center(update_pointing(image, source=table)) - sun_center(image)
        assert moved == pytest.approx([2.5, -1.25], abs=1e-7)


def test_axes_without_a_center_of_the_sun_are_refused(ccd: CCDData) -> None:
    given = with_cards(ccd, CTYPE1="RA---TAN", CTYPE2="DEC--TAN", CRVAL1=500.0)
    with pytest.raises(HeaderError, match="the axes are RA---TAN and DEC--TAN"):
        update_pointing(given, source=table_of())


# -- what is not changed -------------------------------------------------------------------------


def test_update_pointing_does_not_change_its_input(ccd: CCDData) -> None:
    before = copy.deepcopy(ccd)
    table = table_of()
    pointed = update_pointing(ccd, source=table)
    pointed.data[:] = -1
    pointed.mask[:] = True
    pointed.uncertainty.array[:] = 0
    pointed.header["T_OBS"] = "changed"
    assert np.array_equal(ccd.data, before.data)
    assert np.array_equal(ccd.mask, before.mask)
    assert np.array_equal(ccd.uncertainty.array, before.uncertainty.array)
    assert ccd.header.tostring() == before.header.tostring()
    assert ccd.wcs.wcs == before.wcs.wcs
    assert (table == table_of()).all()


def test_pixels_mask_uncertainty_and_unit_are_kept(ccd: CCDData) -> None:
    pointed = update_pointing(ccd, source=table_of())
    assert np.array_equal(pointed.data, ccd.data)
    assert np.array_equal(pointed.mask, ccd.mask)
    assert np.array_equal(pointed.uncertainty.array, ccd.uncertainty.array)
    assert type(pointed.uncertainty) is StdDevUncertainty
    assert pointed.unit == ccd.unit


def test_a_second_run_changes_nothing(ccd: CCDData) -> None:
    once = update_pointing(ccd, source=table_of())
    twice = update_pointing(once, source=table_of())
    assert twice.wcs.wcs.crpix == pytest.approx(once.wcs.wcs.crpix, abs=1e-12)
    assert twice.header["CROTA2"] == once.header["CROTA2"]


# -- no record -----------------------------------------------------------------------------------

NO_RECORD = {
    "another time": table_of(T_START="2019-01-01T03:00:00Z", T_STOP="2019-01-01T06:00:00Z"),
    **{f"no {key}": table_of(**{f"A_094_{key}": "MISSING"}) for key in ("X0", "Y0", "IMSCALE", "INSTROT")},
}


@pytest.mark.parametrize("case", NO_RECORD)
def test_the_error_about_a_missing_value_says_what_to_do(ccd: CCDData, case: str) -> None:
    with pytest.raises(PointingError, match=r"master_pointing3h.*94 Å.*Or keep the pointing of the header: "):
        update_pointing(ccd, source=NO_RECORD[case])


@pytest.mark.parametrize("case", NO_RECORD)
def test_keep_keeps_the_whole_pointing_of_the_header_warns_and_records_it(ccd: CCDData, case: str) -> None:
    with pytest.warns(PointingWarning, match="pointing of the header kept: .*94 Å"):
        kept = update_pointing(ccd, source=NO_RECORD[case], on_missing="keep")
    for keyword in ("CRPIX1", "CRPIX2", "CDELT1", "CROTA2", "X0_MP", "Y0_MP", "IMSCL_MP", "INST_ROT", "MPO_REC"):
        assert kept.header[keyword] == ccd.header[keyword]
    assert kept.header["MPO_SRC"] == "header"
    assert "MPO_HASH" not in kept.header
    assert "pointing of the header kept" in "".join(map(str, kept.header["HISTORY"]))


def test_a_future_exposure_gives_the_error_without_a_warning_about_the_year(ccd: CCDData) -> None:
    future = with_cards(ccd, T_OBS="2031-05-08T01:43:08")
    with pytest.raises(PointingError, match=r"record covers T_OBS=2031-05-08T01:43:08.* \(94 Å\)"):
        update_pointing(future, source=table_of())


def test_the_name_of_a_table_need_not_be_ascii(tmp_path: Path, ccd: CCDData) -> None:
    path = tmp_path / "zeiger_größe_Å.csv"
    table_of().write(path, format="csv")
    assert update_pointing(ccd, source=path).header["X0_MP"] == X0


# -- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize("on_missing", ["error", "keep"])
@pytest.mark.parametrize(
    "cards", [{"LVL_NUM": 1.5}, {"CDELT1": 0.6, "CDELT2": 0.6, "CROTA2": 0.0, "CRPIX1": 48.5, "CRPIX2": 48.5}]
)
def test_level_15_is_refused(ccd: CCDData, cards: dict, on_missing: str) -> None:
    with pytest.raises(StateError, match=r"already at level 1\.5"):
        update_pointing(with_cards(ccd, **cards), source=table_of(), on_missing=on_missing)


@pytest.mark.parametrize("binning", [2, 32])
def test_a_resampled_image_is_refused_or_kept(binning: int) -> None:
    exposure = small_exposure(shape=(30, 40), corner=(20, 20), binning=binning, time="2019-01-01T00:00:11.57Z")
    with pytest.raises(StateError, match=r"the image is resampled: .* arcsec per pixel"):
        update_pointing(exposure.image(small_sun()), source=table_of())
    with pytest.warns(PointingWarning, match="resampled"):
        kept = update_pointing(exposure.image(small_sun()), source=table_of(), on_missing="keep")
    assert kept.header["MPO_SRC"] == "header"
    assert kept.header["CDELT1"] == exposure.header()["CDELT1"]


@pytest.mark.parametrize("keyword", ["T_OBS", "X0_MP", "Y0_MP", "SAT_ROT", "WAVELNTH"])
@pytest.mark.parametrize("value", [..., None])
def test_a_missing_keyword_is_named_and_nothing_is_updated(ccd: CCDData, keyword: str, value: object) -> None:
    given = with_cards(ccd, **{keyword: value})
    before = given.header.tostring()
    with pytest.raises(InstrumentError if keyword == "WAVELNTH" else HeaderError, match=keyword):
        update_pointing(given, source=table_of())
    assert given.header.tostring() == before


def test_an_unknown_value_of_on_missing_is_refused_with_the_known_ones(ccd: CCDData) -> None:
    with pytest.raises(ValueError, match="'error' or 'keep'"):
        update_pointing(ccd, source=table_of(), on_missing="ignore")


def test_an_instrument_without_master_pointing_keeps_its_pointing_and_history_records_it(ccd: CCDData) -> None:
    other = Instrument("HMI", 0.5, (4096, 4096))
    header = complete_header(ccd)
    kept = correct_pointing(header, other, PointingSettings())
    assert kept is not header
    history = "".join(map(str, kept["HISTORY"]))
    assert history == "update_pointing: HMI has no master pointing records; pointing of the header kept"
    del kept["HISTORY"]
    assert kept.tostring() == header.tostring()
