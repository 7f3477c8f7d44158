"""Recipes: all problems at once, each with its place and the nearest name."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from astropy.io import fits
from faulty import SIX_PROBLEMS
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from aia_ccdproc import (
    Instrument,
    PluginError,
    Recipe,
    RecipeError,
    SettingsError,
    get_plugin_manager,
    hookimpl,
    load_recipe,
)
from aia_ccdproc.plugin.plugin import Plugin
from aia_ccdproc.recipe.named import builtin_recipes
from aia_ccdproc.recipe.output import OutputSettings
from aia_ccdproc.recipe.recipe_step import RecipeStep
from aia_ccdproc.recipe.selection import Selection
from aia_ccdproc.recipe.template import recipe_template
from aia_ccdproc.steps.settings import RegistrationSettings

if TYPE_CHECKING:
    from aia_ccdproc.plugin.manager import PrepPluginManager


def problems(toml: str) -> list[str]:
    with pytest.raises(RecipeError) as caught:
        Recipe.from_toml(toml, name="r.toml", folder="recipes")
    error = caught.value
    assert str(error).splitlines()[0] == f"r.toml: {len(error.problems)} problem{'s'[: len(error.problems) > 1]}"
    assert len(str(error).splitlines()) == 1 + len(error.problems)
    return [str(problem) for problem in error.problems]


def step(text: str) -> str:
    return f"[[step]]\n{text}\n"


# -- problems --------------------------------------------------------------------------------------


def test_all_problems_are_listed_in_the_order_of_the_file() -> None:
    found = problems(SIX_PROBLEMS)
    assert len(found) == 6
    starts = ["line 2: unknown key 'color'"]
    starts += [f"line {line}, step 1 (register): " for line in (6, 7, 8)]
    starts += ["line 11, step 2 (update_pointing): update_pointing must come before register, which is step 1"]
    starts += ["line 14, step 3: unknown step 'normalise_exposure'; did you mean 'normalize_exposure'?"]
    for text, start in zip(found, starts, strict=True):
        assert text.startswith(start)
    assert "unknown setting 'xmethod'; did you mean 'method'?" in found[1]
    assert "conserve = 'flux'" in found[2]
    assert "force = 'yes'" in found[3]


@pytest.mark.parametrize(
    ("toml", "problem"),
    [
        ("", "recipe: a recipe needs at least one [[step]] table"),
        ("step = 3", "line 1: a recipe needs at least one [[step]] table"),
        ("step = []", "line 1: a recipe needs at least one [[step]] table"),
        ("step = [3]", "step 1: should be a table, not 3"),
        ("name = 3\n" + step('use = "register"'), "line 1: name = 3: input should be a valid string"),
        ("naame = 'x'\n" + step('use = "register"'), "line 1: unknown key 'naame'; did you mean 'name'?"),
        (step("method = 'exact'"), 'line 1, step 1: use is missing; name the step, such as use = "register"'),
        (step("use = 7"), "line 2, step 1: use = 7: input should be a valid string"),
        (step('use = "regixter"'), "line 2, step 1: unknown step 'regixter'; did you mean 'register'?"),
        (step('use = "xyzzy"'), "line 2, step 1: unknown step 'xyzzy'; available: update_pointing"),
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
        (step('use = "normalize_exposure"\nby = 2'), "unknown setting 'by'; available: use, plugin"),
        (
            step('use = "register"\nplugin = "aia-ccdprok"'),
            "'aia-ccdprok' is not installed; did you mean 'aia-ccdproc'?",
        ),
        (step('use = "register"\nplugin = 3'), "line 3, step 1 (register): plugin = 3: input should be a valid string"),
        (step('use = "register"\n"method" = 3'), "line 3, step 1 (register): method = 3: "),
        (step('use = "register"\nmethod.kind = 3'), "line 3, step 1 (register): method = "),
        (
            "select = 3\n" + step('use = "register"'),
            "line 1: select: should be a table of header keywords, not 3",
        ),
        (step('use = "register"') + "[select]\nwavelnth = 3", "line 4, select: 'wavelnth' is not a header keyword"),
        (step('use = "register"') + "[select.QUALITY]\nreject = 3", "line 3, select: QUALITY: unknown test 'reject'"),
        ("output = 3\n" + step('use = "register"'), "line 1: output: should be a table, not 3"),
        (
            step('use = "register"') + "[output]\nnam = ''",
            "line 4, output: unknown setting 'nam'; did you mean 'name'?",
        ),
        (step('use = "register"') + "[output]\ncompression = 'ric'", "line 4, output: compression = 'ric': "),
        (step('use = "register"') + "[output]\nname = '../{stem}.fits'", "line 4, output: name: the pattern '../"),
        (step('use = "register"') + "[output]\noverwrite = 1", "line 4, output: overwrite = 1: "),
        (
            step('use = "register"\nonly = 3'),
            "line 3, step 1 (register): only: should be a table of header keywords, not 3",
        ),
        (step('use = "register"\nonly = {}'), "line 3, step 1 (register): only: {} selects every image"),
        (step('use = "register"\nonly = { wavelnth = 3 }'), "line 3, step 1 (register): 'wavelnth' is not a header"),
        (step('use = "register"\n[step.only]\nQUALITY = []'), "line 4, step 1 (register): QUALITY = [] is empty"),
        (
            step('use = "register"\nwhen = 3'),
            "line 3, step 1 (register): when: should be an array of tables: [[step.when]]",
        ),
        (step('use = "register"\n[step.when]\nA = 3'), "line 3, step 1 (register): when: should be an array of tables"),
        (
            step('use = "register"\n[[step.when]]\nskip = true'),
            "line 3, step 1 (register), when 1: does not select images",
        ),
        (step('use = "register"\n[[step.when]]\nA = 3'), "line 3, step 1 (register), when 1: does not change anything"),
        (
            step('use = "register"\n[[step.when]]\nA = 3\nskip = 1'),
            "line 5, step 1 (register), when 1: skip: should be true, not 1",
        ),
        (
            step('use = "register"\n[[step.when]]\nA = 3\nskip = true\nfill = 0'),
            "line 5, step 1 (register), when 1: fill has no effect, because the step is skipped",
        ),
        (
            step('use = "register"\n[[step.when]]\nA = 3\nfill = 0\n[[step.when]]\nA = 4\nfill = "x"'),
            "line 8, step 1 (register), when 2: fill = 'x': ",
        ),
        (
            step('use = "register"\nwhen = [{A = 3, fill = 0}, {A = 4, plugin = "x"}]'),
            "line 3, step 1 (register), when 2: unknown setting 'plugin'",
        ),
        (
            step('use = "register"\n[[step.when]]\nA = {}\nfill = 0'),
            "line 4, step 1 (register), when 1: A = {} is empty",
        ),
        (step('use = "ccdproc.trim_image"'), "line 1, step 1 (ccdproc.trim_image): fits_section is missing"),
        (step('use = "ccdproc.wcs_project"'), "line 2, step 1: ccdproc.wcs_project cannot be a step: it drops the"),
        (step('use = "cosmicray_lacosmic"'), "did you mean 'ccdproc.cosmicray_lacosmic'?"),
        ("name = 'x\n", "TOML: "),
        ("[[step]]\nuse = 'register'\nuse = 'register'", "TOML: "),
    ],
)
def test_a_problem_is_listed_with_its_place(toml: str, problem: str) -> None:
    found = problems(toml)
    assert len(found) == 1
    assert problem in found[0]


@pytest.mark.parametrize(
    ("uses", "problem"),
    [
        (["register", "update_pointing"], "update_pointing must come before register, which is step 1"),
        (["register", "register"], "register may run only once; it is already step 1"),
        (["update_pointing", "update_pointing"], "update_pointing may run only once"),
        (["normalize_exposure", "register", "normalize_exposure"], "normalize_exposure may run only once"),
    ],
)
def test_a_wrong_order_of_steps_is_a_problem(uses: list[str], problem: str) -> None:
    found = problems("".join(step(f'use = "{use}"') for use in uses))
    assert len(found) == 1
    assert problem in found[0]


@pytest.mark.parametrize(
    "uses",
    [
        ["normalize_exposure", "update_pointing", "register"],
        ["update_pointing", "normalize_exposure", "register"],
        ["register", "normalize_exposure"],
        ["normalize_exposure"],
    ],
)
def test_a_valid_order_of_steps_is_kept(uses: list[str]) -> None:
    recipe = Recipe.from_toml("".join(step(f'use = "{use}"') for use in uses))
    assert [planned.use for planned in recipe] == uses


def test_a_wrong_setting_is_listed_once_and_not_for_every_variant() -> None:
    found = problems(
        step('use = "register"\nconserve = "x"\n[[step.when]]\nA = 3\nfill = "y"\n[[step.when]]\nA = 4\nfill = 0')
    )
    assert [problem.partition(":")[0] for problem in found] == [
        "line 3, step 1 (register)",
        "line 6, step 1 (register), when 1",
    ]


def test_tables_inside_a_multiline_string_are_ignored() -> None:
    found = problems('description = """\n[[step]]\nuse = 3\n"""\n' + step('use = "register"\nmethud = 3'))
    assert found == [f"line 7, step 1 (register): {found[0].partition(': ')[2]}"]


def test_register_may_run_only_once_even_for_different_images() -> None:
    once = 'use = "register"\nonly = { WAVELNTH = 94 }'
    assert "register may run only once" in problems(step(once) + step(once.replace("94", "131")))[0]


def test_a_problem_in_one_step_does_not_hide_those_of_order() -> None:
    found = problems(step('use = "register"\nfill = "x"') + step('use = "update_pointing"\nsource = 1'))
    assert len(found) == 3


scalars = st.one_of(st.integers(), st.floats(), st.booleans(), st.text(max_size=12), st.datetimes(), st.dates())
CORE_WORDS = ("update_pointing", "register", "normalize_exposure", "registerr", "auto", "bicubic", "~x/y", "")
CCDPROC_WORDS = ("ccdproc.trim_image", "ccdproc.gain_correct", "ccdproc.subtract_bias", "ccdproc.rebin", "[1:2,3:4]")
words = st.sampled_from([*CORE_WORDS, *CCDPROC_WORDS, "{stem}.fits"])
values = st.recursive(
    st.one_of(scalars, words),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(st.text(max_size=4), inner, max_size=2)),
    max_leaves=4,
)
CORE_KEYS = ("use", "plugin", "method", "fill", "conserve", "target", "force", "source", "on_missing", "odd", "a.b")
OTHER_KEYS = ("only", "when", "skip", "WAVELNTH", "instrument", "gain", "master", "fits_section", "name", "compression")
keys = st.sampled_from([*CORE_KEYS, *OTHER_KEYS])
settings = st.dictionaries(keys, values, max_size=4)
selections = st.dictionaries(st.sampled_from(["WAVELNTH", "T_OBS", "instrument", "odd"]), values, max_size=2)
variants = st.lists(st.builds(lambda one, other: {**one, **other}, selections, settings), max_size=2)
parts = st.fixed_dictionaries({}, optional={"only": selections, "when": variants})
steps = st.builds(lambda use, table, other: {**table, **other, "use": use}, words, settings, parts)
tables = st.fixed_dictionaries(
    {},
    optional={
        "name": values,
        "description": values,
        "step": st.one_of(values, st.lists(st.one_of(steps, settings), max_size=4)),
        "odd": values,
        "select": st.one_of(values, selections),
        "output": st.one_of(values, settings),
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


# The first draw is slow on a busy machine.
@hypothesis_settings(suppress_health_check=[HealthCheck.too_slow])
@given(tables, st.booleans())
def test_no_table_raises_anything_but_a_recipe_error(table: dict, in_folder: bool) -> None:
    text = "\n".join(f"{json.dumps(key)} = {to_toml(value)}" for key, value in table.items())
    try:
        recipe = Recipe.from_toml(text, folder="somewhere" if in_folder else None)
    except RecipeError:
        return
    try:
        assert len(recipe.digest) == 16
    except SettingsError:  # a file that it names does not exist
        return
    assert all("\n" not in str(card) for card in recipe.cards.values())
    assert recipe.steps
    assert pickle.loads(pickle.dumps(recipe)).digest == recipe.digest


@given(st.text(max_size=200))
def test_no_text_raises_anything_but_a_recipe_error(text: str) -> None:
    with pytest.raises(RecipeError):
        Recipe.from_toml(text)


# -- loading -------------------------------------------------------------------------------------


def test_the_built_in_recipes_are_level_15_its_rate_and_one_without_pointing_records() -> None:
    assert set(builtin_recipes()) == {"level1.5", "level1.5-header", "level1.5-rate"}
    of_level, of_rate = load_recipe("level1.5"), load_recipe("level1.5-rate")
    assert [planned.use for planned in of_level] == ["update_pointing", "register"]
    assert [planned.use for planned in of_rate] == ["update_pointing", "register", "normalize_exposure"]
    assert of_level.name == "level1.5"
    assert load_recipe("level1.5-header").digest == of_level.with_settings({"update_pointing.source": "header"}).digest
    assert load_recipe(of_level) is of_level


def test_a_recipe_that_does_not_exist_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"level1\.4: 1 problem\n  recipe: no such file .*did you mean 'level1.5'"):
        load_recipe("level1.4")
    with pytest.raises(RecipeError, match=r"^recipe: 1 problem\n  recipe: the name is empty; available: .*level1\.5$"):
        load_recipe("")


def test_a_recipe_that_is_not_a_small_file_is_refused_without_reading_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_bytes(b"#" * (2**20 + 1))
    reasons = {
        tmp_path: "Is a directory",
        tmp_path / "pipe": "Not a regular file",
        Path("/dev/zero"): "Not a regular file",
        tmp_path / "large": "Larger than 1 MiB",
        tmp_path / "nul\0": "embedded null",
    }
    for path, reason in reasons.items():
        with pytest.raises(RecipeError) as caught:
            load_recipe(path)
        [problem] = caught.value.problems
        assert str(problem).startswith(f"recipe: cannot be read ({reason}")


def test_a_recipe_of_a_windows_editor_is_read(tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_bytes(b'\xef\xbb\xbf[[step]]\r\nuse = "register"\r\n')
    assert [planned.use for planned in load_recipe(tmp_path / "r.toml")] == ["register"]


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", bytes(range(256))])
def test_a_recipe_that_is_not_utf8_text_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "r.toml").write_bytes(content)
    with pytest.raises(RecipeError, match=r"r\.toml: 1 problem\n  recipe: cannot be read"):
        load_recipe(tmp_path / "r.toml")


def test_a_recipe_has_the_name_of_its_file_unless_it_gives_another(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(step('use = "register"'))
    assert load_recipe(tmp_path / "mine.toml").name == "mine"
    (tmp_path / "mine.toml").write_text('name = "yours"\n' + step('use = "register"'))
    assert load_recipe(tmp_path / "mine.toml").name == "yours"


def test_paths_in_a_recipe_start_from_its_folder(tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text(step('use = "update_pointing"\nsource = "t.csv"'))
    assert load_recipe(tmp_path / "r.toml").steps[0].settings.source == tmp_path / "t.csv"


def test_relative_paths_become_absolute_for_workers_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "r.toml").write_text(
        step('use = "update_pointing"\nsource = ["t.csv", "auto"]\n[[step.when]]\nWAVELNTH = 94\nsource = "u.csv"')
        + step('use = "register"\ntarget = "grid.fits"')
    )
    for name in ("t.csv", "u.csv", "grid.fits"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    pointing, registration = load_recipe("r.toml")
    assert pointing.settings.source == (tmp_path / "t.csv", "auto")
    assert pointing.when[0].settings.source == tmp_path / "u.csv"
    assert registration.settings.target == tmp_path / "grid.fits"
    known = get_plugin_manager().steps()
    for planned in (pointing, registration):
        assert str(tmp_path) not in json.dumps(planned.fingerprint(known[planned.use]))


# -- which images, and their outputs -------------------------------------------------------------


def test_a_recipe_selects_images_and_names_their_outputs() -> None:
    recipe = Recipe.from_toml(
        step('use = "register"')
        + "[select]\nWAVELNTH = [171, 193]\nQUALLEV0.reject_bits = 0x800100f0\n"
        + '[output]\nname = "{WAVELNTH:04d}/{stem}.fits"\ncompression = "rice"\noverwrite = true\n'
    )
    assert recipe.select == Selection.from_table({"WAVELNTH": [171, 193], "QUALLEV0": {"reject_bits": 0x800100F0}})
    assert recipe.output == OutputSettings(name="{WAVELNTH:04d}/{stem}.fits", compression="rice", overwrite=True)
    header = fits.Header({"WAVELNTH": 171, "QUALLEV0": 0})
    assert recipe.mismatch(header) is None
    assert str(recipe.output.pattern.fill("a.fits", header)) == "0171/a.fits"


def test_by_default_a_recipe_selects_all_images_and_names_outputs_after_their_inputs() -> None:
    recipe = load_recipe("level1.5")
    assert not recipe.select
    assert recipe.mismatch(fits.Header()) is None
    assert recipe.output == OutputSettings(name="{stem_lev1p5}.fits", compression="none", overwrite=False)


def test_a_recipe_selects_by_the_instrument_that_the_plugins_find() -> None:
    recipe = Recipe.from_toml(step('use = "register"') + '[select]\ninstrument = "HMI"')
    assert "unknown instrument" in recipe.mismatch(fits.Header())
    header = fits.Header({"TELESCOP": "SDO/AIA", "INSTRUME": "AIA_3", "WAVELNTH": 171})
    assert recipe.mismatch(header) == "instrument is 'AIA', not 'HMI'"


def test_the_keys_and_tables_that_the_template_comments_out_can_be_used_together() -> None:
    text = recipe_template(get_plugin_manager())
    shown = text.replace("# [select]", "[select]").replace("# [output]", "[output]")
    for key in ("instrument", "plate_scale", "hdu", "WAVELNTH", "QUALLEV0", "name", "compression", "overwrite"):
        shown = shown.replace(f"# {key} =", f"{key} =", 1)
    recipe = Recipe.from_toml(shown)
    assert (recipe.instrument, recipe.hdu) == (Instrument.generic(3.16), 0)
    assert [keyword for keyword, _ in recipe.select.conditions] == ["WAVELNTH", "QUALLEV0"]
    assert recipe.output == OutputSettings()


def test_the_template_is_a_recipe_without_problems_that_shows_every_setting(tmp_path: Path) -> None:
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


def test_the_digest_does_not_depend_on_name_comments_or_explicit_defaults() -> None:
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


def test_the_digests_of_the_built_in_recipes_change_with_the_versions_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for known in get_plugin_manager().steps().values():
        monkeypatch.setattr(type(known), "versions", lambda self, settings, plugin=None: ["aia-ccdproc 0.1.0"])
    assert load_recipe("level1.5").digest == "9dd15c3f2f0f0dce"
    assert load_recipe("level1.5-rate").digest == "8c700a5dcd37bb63"
    assert load_recipe("level1.5-header").digest == "28578d7c5e9dc03c"


class Engine:
    """A resampling engine of a plugin, which runs a step as well."""

    @hookimpl
    def prep_resampling_methods(self) -> list[str]:
        return ["sharp"]

    @hookimpl
    def prep_resample(self, method: str) -> None:
        return None

    @hookimpl
    def prep_normalize_exposure(self, ccd: object) -> None:
        return None


def digest_with_plugin(prep_manager: Callable[..., PrepPluginManager], version: str, toml: str) -> str:
    manager = prep_manager()
    manager.add(Engine(), Plugin("sharp", "aia-sharp", version))
    return digest(toml)


@pytest.mark.parametrize(
    "toml",
    [
        step('use = "normalize_exposure"'),
        step('use = "normalize_exposure"\nplugin = "aia-sharp"'),
        step('use = "register"\nmethod = "sharp"'),
        step('use = "register"\n[[step.when]]\nWAVELNTH = 94\nmethod = "sharp"'),
    ],
)
def test_the_digest_changes_with_the_version_of_a_plugin_that_may_run_a_step(toml: str, prep_manager) -> None:
    digests = [digest_with_plugin(prep_manager, version, toml) for version in ("1.0", "1.0", "1.1")]
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize(
    "toml",
    [
        step('use = "update_pointing"'),
        step('use = "register"'),
        step('use = "normalize_exposure"\nplugin = "aia-ccdproc"'),
        step('use = "ccdproc.gain_correct"\ngain = 2.0'),
    ],
)
def test_the_digest_does_not_depend_on_a_plugin_that_does_not_take_part(toml: str, prep_manager) -> None:
    assert digest_with_plugin(prep_manager, "1.0", toml) == digest_with_plugin(prep_manager, "1.1", toml)


def test_the_digest_depends_on_the_version_of_ccdproc(monkeypatch: pytest.MonkeyPatch) -> None:
    toml = step('use = "ccdproc.gain_correct"\ngain = 2.0')
    current = digest(toml)
    monkeypatch.setattr("aia_ccdproc.steps.from_ccdproc.steps.version", lambda name: "99.0")
    assert digest(toml) != current


def test_the_digest_needs_the_steps_of_the_recipe() -> None:
    recipe = Recipe("mine", (RecipeStep("no_such_step", OutputSettings()),))
    with pytest.raises(PluginError, match="unknown step 'no_such_step'"):
        _ = recipe.digest


def test_the_digest_needs_the_files_of_the_recipe_and_depends_on_their_content(tmp_path: Path) -> None:
    toml = step('use = "update_pointing"\nsource = "t.csv"')
    with pytest.raises(SettingsError, match=r"t\.csv"):
        digest(toml, folder=tmp_path)
    (tmp_path / "t.csv").write_text("one")
    one = digest(toml, folder=tmp_path)
    (tmp_path / "t.csv").write_text("another")
    assert digest(toml, folder=tmp_path) != one


def test_data_that_cannot_be_pickled_has_no_digest() -> None:
    settings = RegistrationSettings(target=lambda: None)
    with pytest.raises(SettingsError, match="pickle"):
        _ = Recipe("mine", (RecipeStep("register", settings),)).digest


def test_a_timeout_is_neither_part_of_the_digest_nor_of_history() -> None:
    long, short = (Recipe.from_toml(step(f'use = "update_pointing"\ntimeout = {t}')) for t in ("600.0", "5.0"))
    assert long.digest == short.digest == digest(step('use = "update_pointing"'))
    assert long.steps[0].settings.timeout == 600
    assert "timeout" not in long.steps[0].settings.describe()


def test_the_digest_depends_on_what_is_done_to_an_image_not_on_its_selection_or_name() -> None:
    plain = step('use = "register"')
    same = '[select]\nWAVELNTH = 94\n[output]\nname = "{WAVELNTH}/{stem}.fits"\noverwrite = true\n'
    assert digest(plain + same) == digest(plain)
    assert digest(plain + '[output]\ncompression = "none"') == digest(plain)
    assert len({digest(plain + f'[output]\ncompression = "{c}"') for c in ("none", "rice", "lossless")}) == 3


def test_the_digest_depends_on_settings_that_differ_by_image() -> None:
    plain = 'use = "register"\n'
    tomls = [plain, plain + "only = { WAVELNTH = 94 }", plain + "only = { WAVELNTH = 131 }"]
    for change in ("skip = true", "fill = 0", "fill = 1"):
        tomls.append(plain + f"[[step.when]]\nWAVELNTH = 94\n{change}")
    assert len({digest(step(toml)) for toml in tomls}) == len(tomls)
    assert digest(step(tomls[1])) == digest(step(plain + "only.WAVELNTH = [94.0]"))


ALL_KINDS = (
    step('use = "ccdproc.trim_image"\nfits_section = "[1:100, 1:100]"\n[[step.when]]\nWAVELNTH = 94\nskip = true')
    + step('use = "ccdproc.gain_correct"\ngain = "17.7 electron / DN"')
    + step('use = "update_pointing"\nsource = ["t.csv", "auto"]\nonly = { instrument = "AIA" }')
    + step('use = "register"\n[[step.when]]\nWAVELNTH = 1600\nmethod = "bilinear"')
    + step('use = "normalize_exposure"')
    + '[select]\nT_OBS = { min = 2020-01-01 }\n[output]\ncompression = "rice"\n'
)


@pytest.mark.process
@pytest.mark.parametrize("toml", [*builtin_recipes().values(), ALL_KINDS], ids=[*builtin_recipes(), "all kinds"])
def test_a_recipe_that_is_sent_to_another_process_is_the_same_there(toml: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").touch()
    recipe = Recipe.from_toml(toml, folder=tmp_path)
    script = (
        "import pickle, sys; recipe = pickle.load(sys.stdin.buffer); print(recipe.digest, recipe.select.describe())"
    )
    sent = subprocess.run([sys.executable, "-c", script], input=pickle.dumps(recipe), capture_output=True, check=True)
    assert sent.stdout.decode().strip() == f"{recipe.digest} {recipe.select.describe()}".strip()


def test_the_digest_depends_on_the_order() -> None:
    one, other = step('use = "register"'), step('use = "normalize_exposure"')
    assert digest(one + other) != digest(other + one)


def test_the_digest_does_not_depend_on_the_folder_of_a_recipe(tmp_path: Path) -> None:
    toml = step('use = "update_pointing"\nsource = "t.csv"')
    folders = [tmp_path / name for name in ("here", "there")]
    for folder in folders:
        folder.mkdir()
        (folder / "t.csv").write_text("a table")
    assert digest(toml, folder=folders[0]) == digest(toml, folder=folders[1])
