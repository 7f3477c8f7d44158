"""The results of a batch contain the observation, the corrections of the geometry, and the limb, as in the headers."""

from __future__ import annotations

from pathlib import Path

import pytest
from scenes import set_cards, small_exposure, small_sun

from aia_ccdproc import read, run, write
from aia_ccdproc.batch.description import describe_geometry, describe_limb, describe_observation
from aia_ccdproc.io import read_header
from aia_ccdproc.recipe.recipe import Recipe
from aia_ccdproc.report.corrections import corrections
from aia_ccdproc.report.results import FileResult
from aia_ccdproc.synthetic import Exposure

ERROR = (1.25, -0.75)


def prep(tmp_path: Path, recipe: Recipe, **options: object) -> FileResult:
    exposure = small_exposure(shape=(60, 60), corner=(2020, 2030), **options)
    path = exposure.write_level1(exposure.image(small_sun()), tmp_path / "a.fits")
    return run(path, recipe, tmp_path / "out")[0]


def test_the_shift_by_the_pointing_record_undoes_the_error_of_the_header(tmp_path: Path, recipe: Recipe) -> None:
    result = prep(tmp_path, recipe, channel=171, pointing_error=ERROR)
    assert corrections(result.geometry).pointing == pytest.approx((-ERROR[0], -ERROR[1]), abs=1e-9)
    assert corrections(result.geometry).pointing_roll == pytest.approx(0, abs=1e-9)


def test_roll_and_scale_are_those_of_level1_and_output(tmp_path: Path, recipe: Recipe) -> None:
    result = prep(tmp_path, recipe, channel=171)
    truth = small_exposure(shape=(60, 60), corner=(2020, 2030), channel=171).header()
    output = read_header(tmp_path / "out" / "a_lev1p5.fits")
    assert result.geometry["corrected"]["sun_x"] == pytest.approx(truth["CRPIX1"])
    assert result.geometry["output"]["sun_y"] == pytest.approx(output["CRPIX2"])
    computed = corrections(result.geometry)
    assert computed.roll == pytest.approx(truth["CROTA2"], abs=1e-9)
    assert computed.scales == pytest.approx((truth["CDELT1"], 0.6))


def test_the_shift_of_a_full_frame_puts_the_sun_into_its_middle() -> None:
    level1 = Exposure(channel=304, binning=16).header()
    output = level1.copy()
    output.update(CRPIX1=128.5, CRPIX2=128.5, CDELT1=9.6, CDELT2=9.6, CROTA2=0.0)
    computed = corrections(describe_geometry(level1, output))
    assert computed.shift == pytest.approx((128.5 - level1["CRPIX1"], 128.5 - level1["CRPIX2"]))
    assert computed.pointing is None  # no record was used
    assert computed.roll == pytest.approx(level1["CROTA2"])


@pytest.mark.parametrize(("roll", "removed"), [(179.9, 179.9), (-179.9, -179.9), (359.5, -0.5)])
def test_a_roll_is_between_minus_180_and_180_degrees(roll: float, removed: float) -> None:
    level1 = Exposure(binning=16, keywords={"CROTA2": roll}).header()
    output = level1.copy()
    output["CROTA2"] = 0.0
    assert corrections(describe_geometry(level1, output)).roll == pytest.approx(removed)


def test_an_image_without_a_wcs_has_no_corrections() -> None:
    header = Exposure(binning=16).header()
    del header["CTYPE1"]
    assert describe_geometry(header, header) == {}
    assert corrections({}) == (None,) * 5


def test_an_unchanged_output_is_described_as_when_it_was_made(tmp_path: Path, recipe: Recipe) -> None:
    first = prep(tmp_path, recipe, channel=171, pointing_error=ERROR)
    again = run(tmp_path / "a.fits", recipe, tmp_path / "out", report=tmp_path / "report.json")[0]
    assert (first.status, again.status) == ("done", "unchanged")
    assert again.observation == first.observation
    assert again.pointing == first.pointing
    for name, geometry in first.geometry.items():
        assert {**again.geometry[name], "size": 0} == pytest.approx({**geometry, "size": 0}), name
        assert list(again.geometry[name]["size"]) == list(geometry["size"])


def test_the_observation_is_that_of_the_header() -> None:
    header = Exposure(channel=304, exposure_time=2.5, keywords={"QUALITY": 0x2100}).header()
    assert describe_observation(header) == {
        "instrument": "AIA",
        "channel": 304,
        "time": "2020-01-01T00:00:11.570",
        "exposure": 2.5,
        "quality": 0x2100,
        "quality_names": ["missing-pixels", "eclipse"],
    }
    header["INSTRUME"], header["T_OBS"] = "HMI_FRONT2", "2020.01.01_00:00:48_TAI"
    described = describe_observation(header)
    assert described["quality_names"] == []  # other bits than those of AIA
    assert described["time"] == "2020-01-01T00:00:11.000"
    del header["T_OBS"], header["QUALITY"], header["EXPTIME"]
    header["DATE-OBS"] = "not a time"
    assert describe_observation(header) == {
        **{"instrument": "HMI", "channel": 304, "time": "", "exposure": None, "quality": None, "quality_names": []}
    }


def test_a_file_that_fails_is_described_too(tmp_path: Path, recipe: Recipe) -> None:
    exposure = small_exposure(shape=(60, 60), corner=(2020, 2030), channel=171)
    path = exposure.write_level1(exposure.image(small_sun()), tmp_path / "a.fits")
    set_cards(path, T_OBS="2015-05-05T00:00:00Z", QUALITY=0x2000)  # the table has no record for this time
    result = run(path, recipe, tmp_path / "out")[0]
    assert "no aia.master_pointing3h record covers" in result.error
    assert result.observation["time"] == "2015-05-05T00:00:00.000"
    assert result.observation["quality_names"] == ["eclipse"]


def test_the_limb_that_a_step_has_measured_is_in_the_result(tmp_path: Path, recipe: Recipe) -> None:
    header = Exposure().header()
    assert describe_limb(header) == {}
    header.update(LIMB_X=0.12, LIMB_Y=-0.05, LIMB_R=975.3, LIMB_XE=0.02)
    assert describe_limb(header) == {"x": 0.12, "y": -0.05, "radius": 975.3, "x_error": 0.02}
    prep(tmp_path, recipe, channel=171)
    output = tmp_path / "out" / "a_lev1p5.fits"
    image = read(output)
    image.header.update(LIMB_X=0.12, LIMB_Y=-0.05)
    write(image, output, overwrite=True)
    assert run(tmp_path / "a.fits", recipe, tmp_path / "out")[0].limb == {"x": 0.12, "y": -0.05}
