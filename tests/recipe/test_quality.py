"""Selection of images by the quality word of AIA."""

from __future__ import annotations

import json
import warnings

import pytest
from astropy.io import fits
from scenes import small_exposure, small_sun

from aia_ccdproc import PrepWarning, Recipe, RecipeError, prep
from aia_ccdproc.plugin.loading import get_plugin_manager
from aia_ccdproc.recipe.quality import QUALITY_BITS, notable_quality, quality_names
from aia_ccdproc.recipe.schema import recipe_schema
from aia_ccdproc.recipe.selection import Selection

HEADER_ONLY = "[[step]]\nuse = 'update_pointing'\nsource = 'header'\n"


def mismatch(quality: object, value: object) -> str | None:
    header = fits.Header()
    if value is not None:
        header["QUALITY"] = value
    return Selection.from_table({"quality": quality}).mismatch(header)


@pytest.mark.parametrize(
    ("quality", "value", "reason"),
    [
        ("good", 0, None),
        ("good", "0x00000000", None),
        ("good", 0x2000, "quality is 0x2000: eclipse"),
        ("good", "0x00002000", "quality is 0x2000: eclipse"),
        ("good", 0x20, "quality is 0x20: 0x20"),
        ("good", None, "quality is missing"),
        ("good", -(2**31), "quality is 0x80000000: no-image"),
        (
            "good",
            1076104960,
            "quality is 0x40240f00: missing-pixels, missing-1-percent, missing-5-percent, "
            "missing-25-percent, calibration, register-flag, near-real-time",
        ),
        ({"allow": ["near-real-time"]}, 0x40000000, None),
        ({"allow": ["near-real-time"]}, 0x40002000, "quality is 0x40002000: eclipse"),
        ({"reject": ["eclipse", "calibration"]}, 0x1000, None),
        ({"reject": ["eclipse", "calibration"]}, 0x41000, "quality is 0x41000: calibration"),
        ("good", "bad", "quality is 'bad', which is not an integer"),
    ],
)
def test_images_are_selected_by_names_of_bits(quality, value, reason):
    assert mismatch(quality, value) == reason


def test_every_bit_has_one_name():
    bits = list(QUALITY_BITS.values())
    assert all(bit.bit_count() == 1 for bit in bits)
    assert len(set(bits)) == len(bits)
    assert quality_names(0x2020) == ["eclipse", "0x20"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('"bad"', 'should be "good"'),
        ("0", 'should be "good"'),
        ("{ reject = [] }", "should be a list of names"),
        ('{ reject = "eclipse" }', "should be a list of names"),
        ('{ reject = ["eclips"] }', "unknown name 'eclips'; did you mean 'eclipse'"),
        ('{ refuse = ["eclipse"] }', "{ allow = [names] }"),
        ('{ reject = ["eclipse"], allow = ["dark"] }', "{ allow = [names] }"),
    ],
)
def test_conditions_without_meaning_are_problems_of_the_recipe(content, message):
    with pytest.raises(RecipeError) as raised:
        Recipe.from_toml(f"[select]\nquality = {content}\n{HEADER_ONLY}")
    assert message in str(raised.value)


def test_a_step_can_depend_on_the_quality():
    recipe = Recipe.from_toml(f"{HEADER_ONLY}[[step.when]]\nquality = {{ reject = ['dark'] }}\nskip = true\n")
    header = small_exposure().header()
    assert recipe.steps[0].settings_for(header, "AIA") is None
    header["QUALITY"] = QUALITY_BITS["dark"]
    assert recipe.steps[0].settings_for(header, "AIA") is not None


def test_the_description_shows_the_bits():
    recipe = Recipe.from_toml(f"[select]\nquality = {{ reject = ['dark', 'eclipse'] }}\n{HEADER_ONLY}")
    assert recipe.select.describe() == "quality: reject_bits 0x12000"


def test_the_schema_lists_the_names():
    quality = recipe_schema(get_plugin_manager())["$defs"]["quality"]
    assert all(f'"{name}"' in json.dumps(quality) for name in ("good", *QUALITY_BITS))


def test_a_bad_image_gives_a_warning_unless_the_recipe_selects_by_quality():
    image = small_exposure(shape=(30, 30)).image(small_sun())
    silent = [0, QUALITY_BITS["near-real-time"], None, "unknown"]
    for value in silent:
        image.header["QUALITY"] = value
        assert notable_quality(image.header.get("QUALITY")) is None
        prep(image, Recipe.from_toml(HEADER_ONLY))  # warnings are errors
    image.header["QUALITY"] = QUALITY_BITS["eclipse"] | QUALITY_BITS["near-real-time"]
    with pytest.warns(PrepWarning, match=r"QUALITY is 0x40002000 \(eclipse, near-real-time\)"):
        prep(image, Recipe.from_toml(HEADER_ONLY))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        prep(image, Recipe.from_toml(f"[select]\nquality = {{ reject = ['dark'] }}\n{HEADER_ONLY}"))
        prep(image, Recipe.from_toml(f"[select]\nQUALITY = {{ reject_bits = 1 }}\n{HEADER_ONLY}"))
