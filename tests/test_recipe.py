"""Recipes: all faults at once, each with its place and the nearest name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from faulty import SIX_FAULTS
from hypothesis import given
from hypothesis import strategies as st

from aia_ccdproc import Recipe, RecipeError, get_plugin_manager, load_recipe
from aia_ccdproc.recipe import builtin_recipes, recipe_template


def faults(toml: str) -> list[str]:
    with pytest.raises(RecipeError) as caught:
        Recipe.from_toml(toml, name="r.toml", folder="recipes")
    error = caught.value
    assert str(error).splitlines()[0] == f"r.toml: {len(error.faults)} fault{'s'[: len(error.faults) > 1]}"
    assert len(str(error).splitlines()) == 1 + len(error.faults)
    return [str(fault) for fault in error.faults]


def step(text: str) -> str:
    return f"[[step]]\n{text}\n"


# -- faults --------------------------------------------------------------------------------------


def test_six_different_faults_are_listed_as_six_in_the_order_of_the_file() -> None:
    found = faults(SIX_FAULTS)
    assert len(found) == 6
    starts = ["line 2: unknown key 'colour'"]
    starts += [f"line {line}, step 1 (register): " for line in (6, 7, 8)]
    starts += ["line 11, step 2 (update_pointing): update_pointing must come before register, which is step 1"]
    starts += ["line 14, step 3: unknown step 'normalise_exposure'; did you mean 'normalize_exposure'?"]
    for text, start in zip(found, starts, strict=True):
        assert text.startswith(start)
    assert "unknown setting 'xmethod'; did you mean 'method'?" in found[1]
    assert "conserve = 'flux'" in found[2]
    assert "force = 'yes'" in found[3]


@pytest.mark.parametrize(
    ("toml", "fault"),
    [
        ("", "recipe: there is no step; a recipe holds at least one [[step]] table"),
        ("step = 3", "there is no step"),
        ("step = []", "there is no step"),
        ("step = [3]", "step 1: should be a table, not 3"),
        ("name = 3\n" + step('use = "register"'), "line 1: name should be a string, not 3"),
        ("naame = 'x'\n" + step('use = "register"'), "line 1: unknown key 'naame'; did you mean 'name'?"),
        (step("method = 'exact'"), 'line 1, step 1: says not which step to use: use = "..."'),
        (step("use = 7"), "line 2, step 1: use should be a string, not 7"),
        (step('use = "regixter"'), "line 2, step 1: unknown step 'regixter'; did you mean 'register'?"),
        (step('use = "xyzzy"'), "unknown step 'xyzzy'; there are: update_pointing, register, normalize_exposure"),
        (step('use = "register"\nmethod = "bicubc"'), "method: unknown method 'bicubc'; did you mean 'bicubic'?"),
        (step('use = "register"\nfill = "none"'), "line 3, step 1 (register): fill = 'none': "),
        (step('use = "register"\nforce = 1'), "force = 1: "),
        (step('use = "register"\ntarget = 5'), "target: should be the path of a FITS image, not 5"),
        (step('use = "register"\ntarget = 2020-01-01'), "target: should be the path of a FITS image"),
        (step('use = "register"\n[step.target]\na = 1'), "target: should be the path of a FITS image"),
        (step('use = "update_pointing"\nsource = 5'), "source: should be a path"),
        (step('use = "update_pointing"\nsource = 2020-01-01'), "source: should be a path"),
        (step('use = "update_pointing"\nsource = "~no-such-user/t.csv"'), "no-such-user"),
        (step('use = "update_pointing"\non_missing = "ignore"'), "on_missing = 'ignore': "),
        (step('use = "normalize_exposure"\nby = 2'), "unknown setting 'by'; there are: use, plugin"),
        (step('use = "register"\nplugin = "aia-ccdprok"'), "no plugin 'aia-ccdprok'; did you mean 'aia-ccdproc'?"),
        (step('use = "register"\nplugin = 3'), "line 3, step 1 (register): no plugin 3"),
        (step('use = "register"\n"method" = 3'), "line 3, step 1 (register): method = 3: "),
        (step('use = "register"\nmethod.kind = 3'), "line 3, step 1 (register): method = "),
        ("name = 'x\n", "TOML: "),
        ("[[step]]\nuse = 'register'\nuse = 'register'", "TOML: "),
    ],
)
def test_a_fault_is_named_with_its_place(toml: str, fault: str) -> None:
    found = faults(toml)
    assert len(found) == 1
    assert fault in found[0]


@pytest.mark.parametrize(
    ("uses", "fault"),
    [
        (["register", "update_pointing"], "update_pointing must come before register, which is step 1"),
        (["register", "register"], "register may run only once; it is step 1 already"),
        (["update_pointing", "update_pointing"], "update_pointing may run only once"),
        (["normalize_exposure", "register", "normalize_exposure"], "normalize_exposure may run only once"),
    ],
)
def test_an_order_that_makes_no_sense_is_a_fault(uses: list[str], fault: str) -> None:
    found = faults("".join(step(f'use = "{use}"') for use in uses))
    assert len(found) == 1
    assert fault in found[0]


@pytest.mark.parametrize(
    "uses",
    [
        ["normalize_exposure", "update_pointing", "register"],
        ["update_pointing", "normalize_exposure", "register"],
        ["register", "normalize_exposure"],
        ["normalize_exposure"],
    ],
)
def test_an_order_that_makes_sense_is_kept(uses: list[str]) -> None:
    recipe = Recipe.from_toml("".join(step(f'use = "{use}"') for use in uses))
    assert [planned.use for planned in recipe] == uses


def test_a_fault_in_one_step_does_not_hide_those_of_order() -> None:
    found = faults(step('use = "register"\nfill = "x"') + step('use = "update_pointing"\nsource = 1'))
    assert len(found) == 3


scalars = st.one_of(st.integers(), st.floats(), st.booleans(), st.text(max_size=12), st.datetimes(), st.dates())
words = st.sampled_from(
    ["update_pointing", "register", "normalize_exposure", "registerr", "auto", "bicubic", "~x/y", ""]
)
values = st.recursive(
    st.one_of(scalars, words),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(st.text(max_size=4), inner, max_size=2)),
    max_leaves=4,
)
keys = st.sampled_from(
    ["use", "plugin", "method", "fill", "conserve", "target", "force", "source", "on_missing", "odd", "a.b"]
)
settings = st.dictionaries(keys, values, max_size=4)
steps = st.builds(lambda use, table: {**table, "use": use}, words, settings)
tables = st.fixed_dictionaries(
    {},
    optional={
        "name": values,
        "description": values,
        "step": st.one_of(values, st.lists(st.one_of(steps, settings), max_size=4)),
        "odd": values,
    },
)


def to_toml(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {to_toml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(to_toml, value)) + "]"
    if isinstance(value, str | bool):
        return json.dumps(value).replace("\\ud", "\\u0").replace("\x7f", "\\u007F")
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(value)
    return value.isoformat()


@given(tables, st.booleans())
def test_no_table_raises_anything_but_a_recipe_error(table: dict, in_folder: bool) -> None:
    text = "\n".join(f"{json.dumps(key)} = {to_toml(value)}" for key, value in table.items())
    try:
        recipe = Recipe.from_toml(text, folder="somewhere" if in_folder else None)
    except RecipeError:
        return
    assert len(recipe.digest) == 16
    assert all("\n" not in str(card) for card in recipe.cards.values())
    assert recipe.steps


@given(st.text(max_size=200))
def test_no_text_raises_anything_but_a_recipe_error(text: str) -> None:
    with pytest.raises(RecipeError):
        Recipe.from_toml(text)


# -- loading -------------------------------------------------------------------------------------


def test_the_built_in_recipes_are_level_15_and_its_rate() -> None:
    assert set(builtin_recipes()) == {"level1.5", "level1.5-rate"}
    of_level, of_rate = load_recipe("level1.5"), load_recipe("level1.5-rate")
    assert [planned.use for planned in of_level] == ["update_pointing", "register"]
    assert [planned.use for planned in of_rate] == ["update_pointing", "register", "normalize_exposure"]
    assert of_level.name == "level1.5"
    assert load_recipe(of_level) is of_level


def test_a_recipe_that_is_not_there_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"level1\.4: 1 fault\n  recipe: no such file .*did you mean 'level1.5'"):
        load_recipe("level1.4")
    with pytest.raises(RecipeError, match="cannot be read"):
        load_recipe(tmp_path)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", bytes(range(256))])
def test_a_recipe_that_is_no_text_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "r.toml").write_bytes(content)
    with pytest.raises(RecipeError, match=r"r\.toml: 1 fault\n  recipe: cannot be read"):
        load_recipe(tmp_path / "r.toml")


def test_a_recipe_has_the_name_of_its_file_unless_it_says_another(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(step('use = "register"'))
    assert load_recipe(tmp_path / "mine.toml").name == "mine"
    (tmp_path / "mine.toml").write_text('name = "yours"\n' + step('use = "register"'))
    assert load_recipe(tmp_path / "mine.toml").name == "yours"


def test_paths_in_a_recipe_start_from_its_folder(tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text(step('use = "update_pointing"\nsource = "t.csv"'))
    assert load_recipe(tmp_path / "r.toml").steps[0].settings.source == tmp_path / "t.csv"


def test_the_template_is_a_recipe_without_faults_that_shows_every_setting(tmp_path: Path) -> None:
    text = recipe_template(get_plugin_manager())
    recipe = Recipe.from_toml(text)
    assert {"update_pointing", "register", "normalize_exposure"} <= {planned.use for planned in recipe}
    for planned in load_recipe("level1.5-rate"):
        for name in type(planned.settings).model_fields:
            assert f"\n{name} = " in text or f"\n# {name} = " in text
    assert recipe.digest == load_recipe("level1.5-rate").digest


# -- the digest ----------------------------------------------------------------------------------


def digest(toml: str, **options: object) -> str:
    return Recipe.from_toml(toml, **options).digest


def test_the_digest_does_not_depend_on_name_comments_or_defaults_that_are_said() -> None:
    plain = digest(step('use = "register"'))
    assert digest('name = "another"\n# a comment\n' + step('use = "register"\nmethod = "bicubic"')) == plain
    assert len(plain) == 16
    assert int(plain, 16) >= 0


@pytest.mark.parametrize(
    "toml",
    [
        step('use = "register"\nmethod = "bilinear"'),
        step('use = "register"\nfill = 0'),
        step('use = "register"\nplugin = "aia-ccdproc"'),
        step('use = "register"') + step('use = "normalize_exposure"'),
        step('use = "update_pointing"'),
    ],
)
def test_the_digest_depends_on_steps_settings_and_plugins(toml: str) -> None:
    assert digest(toml) != digest(step('use = "register"'))


def test_the_digest_depends_on_the_order() -> None:
    one, other = step('use = "register"'), step('use = "normalize_exposure"')
    assert digest(one + other) != digest(other + one)


def test_the_digest_does_not_depend_on_the_folder_a_recipe_lies_in() -> None:
    toml = step('use = "update_pointing"\nsource = "t.csv"')
    assert digest(toml, folder="/here") == digest(toml, folder="/there")
