"""Changed settings of a recipe, as ``aia-prep run --set`` makes them: the same as in the text of the recipe."""

from __future__ import annotations

from pathlib import Path

import pytest
from astropy.io import fits

from aia_ccdproc import Recipe, RecipeError, load_recipe
from aia_ccdproc.plugin import get_plugin_manager
from aia_ccdproc.recipe.named import builtin_recipes

RECIPE = """
[[step]]
use = "update_pointing"
source = "{source}"

[[step]]
use = "register"
method = "{method}"
{more}

[[step.when]]
WAVELNTH = 1600
method = "nearest-neighbor"

[[step.when]]
WAVELNTH = 1700
skip = true

[[step]]
use = "normalize_exposure"
"""


def recipe(folder: Path, *, source: str = "auto", method: str = "bicubic", more: str = "") -> Recipe:
    return Recipe.from_toml(RECIPE.format(source=source, method=method, more=more), folder=folder)


def test_a_changed_recipe_is_that_with_the_settings_in_its_text(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a table")
    changes = {"update_pointing.source": "t.csv", "register.method": "bilinear", "register.fill": 0}
    changed = recipe(tmp_path).with_settings(changes, folder=tmp_path)
    written = recipe(tmp_path, source="t.csv", method="bilinear", more="fill = 0")
    assert changed == written
    assert changed.digest == written.digest != recipe(tmp_path).digest


def test_a_table_for_some_images_keeps_what_it_changes_and_gets_the_rest(tmp_path: Path) -> None:
    register = recipe(tmp_path).with_settings({"register.method": "bilinear", "register.saturation": 16383.0}).steps[1]
    settings = register.settings_for(fits.Header({"WAVELNTH": 1600}), "AIA")
    assert (settings.method, settings.saturation) == ("nearest-neighbor", 16383)
    assert register.settings_for(fits.Header({"WAVELNTH": 1700}), "AIA") is None
    assert register.settings_for(fits.Header({"WAVELNTH": 171}), "AIA").method == "bilinear"


def test_all_problems_are_listed_with_the_settings_that_cause_them(tmp_path: Path) -> None:
    changes = {
        "registers.method": "bilinear",
        "method": "bilinear",
        "register.methods": "bilinear",
        "register.conserve": "count",
        "update_pointing.timeout": -1.0,
    }
    with pytest.raises(RecipeError) as caught:
        recipe(tmp_path).with_settings(changes)
    steps = "its steps are update_pointing, register, normalize_exposure"
    assert {str(problem) for problem in caught.value.problems} == {
        f"registers.method: 'registers' is not a step of the recipe; {steps}",
        "method: should be STEP.SETTING",
        "register.methods: unknown setting 'methods'; did you mean 'method'?",
        "register.conserve: conserve = 'count': input should be 'brightness' or 'counts'; did you mean 'counts'?",
        "update_pointing.timeout: timeout = -1.0: input should be greater than 0",
    }


def test_a_method_that_is_unknown_is_refused_as_in_a_recipe(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"register\.method: .*did you mean 'bicubic'"):
        recipe(tmp_path).with_settings({"register.method": "bicubc"})


@pytest.mark.parametrize("name", builtin_recipes())
def test_a_default_that_is_given_does_not_change_the_digest(name: str) -> None:
    loaded = load_recipe(name)
    known = get_plugin_manager().steps()
    defaults = {
        f"{step.use}.{key}": setting.default
        for step in loaded
        for key, setting in known[step.use].settings.document().items()
        if setting.default is not None and key not in step.settings.model_fields_set
    }
    assert len(defaults) > 5
    assert loaded.with_settings(defaults).digest == loaded.digest
    assert loaded.with_settings(defaults).with_settings({}).digest == loaded.digest
