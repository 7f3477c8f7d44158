"""Images of an instrument that no plugin knows, with instrument = "generic" in the recipe."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.wcs import WCS
from scenes import POINTS_ONLY, position_errors, true_image

from aia_ccdproc import (
    HeaderError,
    Instrument,
    InstrumentError,
    Pipeline,
    Recipe,
    RecipeError,
    prep,
    read,
    register,
    run,
)
from aia_ccdproc.images.header import complete_header
from aia_ccdproc.synthetic import Exposure, Source, Sun

OTHER = {"TELESCOP": "PROBA2", "INSTRUME": "SWAP", "WAVELNTH": 174}
#: The same camera as AIA's and as an unknown one: the full frame, binned 8 × 8.
FRAME = Exposure(binning=8)
UNKNOWN = Exposure(binning=8, keywords=OTHER)
REGISTER = '[[step]]\nuse = "register"\n'


def generic(scale: object, steps: str = REGISTER) -> Recipe:
    return Recipe.from_toml(f'instrument = "generic"\nplate_scale = {scale}\n{steps}')


def test_the_error_for_an_unknown_instrument_names_the_generic_one() -> None:
    with pytest.raises(InstrumentError, match=r"INSTRUME='SWAP'.* instrument = \"generic\""):
        prep(UNKNOWN.image(POINTS_ONLY), Recipe.from_toml(REGISTER))


def test_an_image_of_an_unknown_instrument_is_registered_onto_aias_pixels() -> None:
    aia = prep(FRAME.image(POINTS_ONLY), Recipe.from_toml(REGISTER))
    other = prep(UNKNOWN.image(POINTS_ONLY), generic(0.6))
    assert other.shape == aia.shape == (512, 512)
    assert other.header["INSTRUME"] == "SWAP"
    np.testing.assert_array_equal(other.data, aia.data)


@pytest.mark.slow
def test_the_plate_scale_of_the_recipe_becomes_that_of_level_15() -> None:
    sun = Sun(disk=0, corona=0, sources=tuple(Source(s.x, s.y, s.peak, sigma=8.0) for s in POINTS_ONLY.sources))
    result = prep(UNKNOWN.image(sun), generic(4.8))
    assert result.shape == (4096, 4096)
    assert result.header["CDELT1"] == pytest.approx(0.6)
    assert result.wcs.wcs.crpix == pytest.approx([2048.5, 2048.5])
    near = tuple(source for source in sun.sources if np.hypot(source.x, source.y) < 700)
    assert position_errors(result, near).max() < 0.05


def test_a_part_of_a_frame_is_registered_onto_the_whole_grid() -> None:
    part = Exposure(binning=8, corner=(200, 210), shape=(90, 80), keywords=OTHER).image(POINTS_ONLY)
    result = prep(part, generic(0.6))
    assert result.shape == (512, 512)
    assert np.isnan(result.data).mean() == pytest.approx(1 - 90 * 80 / 512**2, abs=0.003)
    assert result.mask[0, 0]


def test_a_plate_scale_that_is_not_a_multiple_of_that_of_the_recipe_is_refused() -> None:
    with pytest.raises(HeaderError, match=r"4\.801 arcsec is not a whole multiple of that of generic, 2"):
        prep(UNKNOWN.image(POINTS_ONLY), generic(2.0))


def test_axes_that_are_not_helioprojective_are_refused() -> None:
    keywords = {**OTHER, "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN"}
    with pytest.raises(HeaderError, match=r"the axes are RA---TAN and DEC--TAN, not HPLN and HPLT.*target="):
        prep(Exposure(binning=8, keywords=keywords).image(POINTS_ONLY), generic(0.6))


def test_the_pointing_is_kept_and_the_image_is_divided_by_the_exposure_time() -> None:
    steps = ("update_pointing", "register", "normalize_exposure")
    recipe = generic(0.6, "".join(f'[[step]]\nuse = "{step}"\n' for step in steps))
    result = prep(UNKNOWN.image(POINTS_ONLY), recipe)
    assert result.unit == u.DN / u.s
    assert "update_pointing: generic has no master pointing records" in str(result.header["HISTORY"])


def test_steps_and_selections_may_select_generic() -> None:
    recipe = generic(0.6, f'[select]\ninstrument = "generic"\n{REGISTER}[step.only]\ninstrument = "AIA"\n')
    image = UNKNOWN.image(POINTS_ONLY)
    assert recipe.mismatch(complete_header(image)) is None
    assert prep(image, recipe).shape == image.shape


def test_the_digest_of_the_recipe_depends_on_the_plate_scale() -> None:
    digests = {recipe.digest for recipe in (Recipe.from_toml(REGISTER), generic(0.6), generic(1.2))}
    assert len(digests) == 3


@pytest.mark.parametrize(
    ("top", "match"),
    [
        ('instrument = "generic"', "line 1: .* plate_scale, in arcsec, must be given together"),
        ("plate_scale = 3.16", "line 1: .* must be given together"),
        ('instrument = "SWAP"\nplate_scale = 3.16', "line 1: instrument: should be \"generic\", not 'SWAP'; .*header"),
        (
            'instrument = "generic"\nplate_scale = 0',
            "line 2: plate_scale: should be a positive number of arcsec, not 0",
        ),
        ('instrument = "generic"\nplate_scale = nan', "line 2: .* not nan"),
        ('instrument = "generic"\nplate_scale = inf', "line 2: .* not inf"),
        ('instrument = "generic"\nplate_scale = true', "line 2: .* not True"),
        ('instrument = "generic"\nplate_scale = "3.16"', "line 2: .* not '3.16'"),
        ('instrument = "generic"\nplate_scal = 3.16', "unknown key 'plate_scal'; did you mean 'plate_scale'"),
    ],
)
def test_a_recipe_with_half_of_a_generic_instrument_is_refused(top: str, match: str) -> None:
    with pytest.raises(RecipeError, match=match):
        Recipe.from_toml(f"{top}\n{REGISTER}")


def test_a_file_is_read_with_an_instrument_given(tmp_path: Path) -> None:
    image = UNKNOWN.image(POINTS_ONLY)
    path = UNKNOWN.write_level1(image, tmp_path / "swap.fits")
    with pytest.raises(InstrumentError, match=r"swap\.fits: unknown instrument"):
        read(path)
    assert read(path, instrument=Instrument.generic(4.8)).unit == u.DN


def suvi_file(path: Path, sun: Sun) -> Path:
    """Write a synthetic image like SUVI's level 1b: 1280 × 1280 pixels of 2.5 arcsec.

    The unit is that of a radiance, the roll is in the PC matrix, and a second HDU has the quality of the pixels.
    """
    roll = np.radians(0.7)
    header = fits.Header(
        {
            "TELESCOP": "GOES-16",
            "INSTRUME": "GOES-R Series Solar Ultraviolet Imager",
            "WAVELNTH": 195.119,
            "WAVEUNIT": "angstrom",
            "BUNIT": "W m-2 sr-1",
            "EXPTIME": 1.0,
            "CTYPE1": "HPLN-TAN",
            "CTYPE2": "HPLT-TAN",
            "CUNIT1": "arcsec",
            "CUNIT2": "arcsec",
            "CRVAL1": 0.0,
            "CRVAL2": 0.0,
            "CRPIX1": 643.7,
            "CRPIX2": 632.2,
            "CDELT1": 2.5,
            "CDELT2": 2.5,
            "PC1_1": np.cos(roll),
            "PC1_2": -np.sin(roll),
            "PC2_1": np.sin(roll),
            "PC2_2": np.cos(roll),
            "DSUN_OBS": 1.471e11,
            "HGLN_OBS": 0.0,
            "HGLT_OBS": -3.0,
        }
    )
    pixels = true_image(WCS(header), (1280, 1280), sun).astype(np.float32)
    header["DATE-OBS"] = "2020-01-01T00:00:11.570"
    image, quality = fits.PrimaryHDU(pixels, header), fits.ImageHDU(np.zeros(pixels.shape, np.uint8), name="DQF")
    fits.HDUList([image, quality]).writeto(path)
    return path


@pytest.mark.slow
def test_an_image_of_suvi_is_registered_onto_aias_pixels(tmp_path: Path) -> None:
    sun = Sun(disk=0, corona=0, sources=tuple(Source(s.x, s.y, s.peak, sigma=6.0) for s in POINTS_ONLY.sources))
    path = suvi_file(tmp_path / "suvi.fits", sun)
    [failed] = run(path, generic(2.5), tmp_path / "out")
    assert "contains 2 images: HDU 0 (PRIMARY, 1280x1280), 1 (DQF, 1280x1280). Choose one with hdu=" in failed.error
    recipe = Recipe.from_toml(f'instrument = "generic"\nplate_scale = 2.5\nhdu = 0\n{REGISTER}')
    [done] = run(path, recipe, tmp_path / "out")
    assert done.status == "done", done.error
    result = read(done.output, instrument=recipe.instrument)
    assert (result.shape, result.header["CDELT1"], str(result.unit)) == ((4096, 4096), 0.6, "W / (sr m2)")
    assert result.wcs.wcs.crpix == pytest.approx([2048.5, 2048.5])
    near = tuple(source for source in sun.sources if np.hypot(source.x, source.y) < 1000)
    assert position_errors(result, near).max() < 0.05
    assert recipe.digest != generic(2.5).digest
    assert read(path, hdu=recipe.hdu, instrument=recipe.instrument).shape == (1280, 1280)
    assert run(path, recipe, tmp_path / "out")[0].status == "unchanged"


@pytest.mark.parametrize("hdu", ["true", "-1", '""', "1.5", "[0]"])
def test_an_hdu_is_a_number_or_a_name(hdu: str) -> None:
    with pytest.raises(RecipeError, match="line 1: hdu: should be the number or the name of an HDU, not"):
        Recipe.from_toml(f"hdu = {hdu}\n{REGISTER}")


#: Plate scale of the recipe; shape and unit of the result.
REAL = {
    "swap_lv1_20110607_063329.fits": (3.16226783969, (4096, 4096), "DN / (pix s)"),
    "mdi.fd_ic.20101015_230100_TAI.data.fits": (1.986, (4096, 4096), "DN"),
    "euvi_20090615_000900_n4euA_s.fts": (1.587774, (256, 256), "DN"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", REAL)
def test_real_files_of_other_instruments_are_prepped(real_data: Path, tmp_path: Path, name: str) -> None:
    scale, shape, unit = REAL[name]
    path = real_data / "other_instruments" / name
    [done] = run(path, generic(scale), tmp_path)
    assert (done.status, done.warnings) == ("done", ())
    result = read(done.output, instrument=Instrument.generic(scale))
    assert (result.shape, str(result.unit)) == (shape, unit)
    assert result.header["CDELT1"] == pytest.approx(0.6 * 4096 / shape[0])
    assert result.header["CROTA2"] == 0
    assert "CROTA" not in result.header
    [again] = run(path, generic(scale), tmp_path)
    assert again.status == "unchanged"


def test_a_file_of_eit_with_axes_named_solar_x_and_solar_y_is_registered(real_data: Path, tmp_path: Path) -> None:
    [result] = run(real_data / "other_instruments" / "efz20040301.000010_s.fits", generic(2.63), tmp_path)
    assert result.status == "done"
    image = read(result.output, instrument=Instrument.generic(0.6))
    assert list(image.wcs.wcs.ctype) == ["HPLN-TAN", "HPLT-TAN"]
    assert (image.header["CDELT1"], image.header["CROTA2"]) == (0.6, 0)


def test_a_file_without_helioprojective_axes_is_refused(tmp_path: Path) -> None:
    image = UNKNOWN.image(POINTS_ONLY)
    path = UNKNOWN.write_level1(image, tmp_path / "a.fits")
    with fits.open(path, mode="update") as hdus:
        hdus[-1].header["CTYPE1"], hdus[-1].header["CTYPE2"] = "LINEAR", "LINEAR"
    [failed] = run(path, generic(0.6), tmp_path / "out")
    assert "CTYPE1='LINEAR' and CTYPE2='LINEAR' are not celestial" in failed.error


def test_the_solar_radius_in_pixels_is_computed_from_the_plate_scale_if_the_header_has_none() -> None:
    image = UNKNOWN.image(POINTS_ONLY)
    radius = image.header["RSUN_OBS"]
    del image.header["RSUN_OBS"]
    result = prep(image, generic(0.6))
    assert result.header["R_SUN"] == pytest.approx(radius / 4.8)


def test_a_pipeline_of_a_generic_recipe_does_not_identify_the_instrument(prep_manager) -> None:
    manager = prep_manager()
    manager.identify = None
    header = fits.Header(OTHER)
    Pipeline(generic(0.6)).prefetch([header])
    assert Pipeline(generic(0.6))(UNKNOWN.image(POINTS_ONLY)).shape == (512, 512)


def test_the_function_of_a_step_still_identifies_the_instrument() -> None:
    with pytest.raises(InstrumentError):
        register(UNKNOWN.image(POINTS_ONLY))
