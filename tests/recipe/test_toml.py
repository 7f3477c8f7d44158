"""Recipes that are not TOML, or are beyond the limits of a recipe: one problem, at its line, at once."""

from __future__ import annotations

import time

import pytest

from aia_ccdproc import Recipe, RecipeError

STEP = '[[step]]\nuse = "register"\n'
HOSTILE = {
    "arrays": (STEP + "x = " + "[" * 900 + "]" * 900, "line 3: contains arrays or tables nested more than 20 deep"),
    "arrays over lines": (STEP + "x = [\n" + "[\n" * 900 + "]" * 901, "line 23: contains arrays or tables nested"),
    "inline tables": (STEP + "x = " + "{a = " * 900 + "1" + "}" * 900, "line 3: contains arrays or tables nested"),
    "decimal": (STEP + "x = " + "7" * 5000, "line 3: contains a number of more than 200 digits"),
    "hexadecimal": (STEP + "x = 0x" + "f" * 20_000, "line 3: contains a number of more than 200 digits"),
    "float": (STEP + "x = 1." + "7" * 5000, "line 3: contains a number of more than 200 digits"),
    "dotted key": (STEP + ".".join("a" * 10_000) + " = 1", "line 3: contains a key of more than 20 parts"),
    "dotted table": (STEP + "[" + ".".join("a" * 10_000) + "]", "line 3: contains a key of more than 20 parts"),
    "quoted dotted key": (STEP + ".".join(['"a"'] * 10_000) + " = 1", "line 3: contains a key of more than 20 parts"),
    "long key": (STEP + "a" * 900_000 + ",." * 30, "TOML: "),
    "escaped quotes": (STEP + 'x = "' + '\\"' * 400_000, "TOML: "),
    "escaped quotes over lines": (STEP + 'x = """' + '\\"""' * 200_000, "TOML: "),
    "arrays after a quote": (STEP + 'x = ["""a"""", ' + "[" * 900 + "]" * 901, "line 3: contains arrays or tables"),
    "many keys": (STEP + "".join(f"k{i} = 1\n" for i in range(30_000)), "recipe: contains more than 5000 keys"),
    "many steps": (STEP * 20_000, "recipe: contains more than 5000 keys and tables"),
    "large": ("# " + "x" * 2**20 + "\n" + STEP, "recipe: is larger than 1 MiB"),
    "date": (STEP + "x = 2020-13-45", "TOML: "),
    "control character": (STEP + 'x = "a\x01"', "TOML: "),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_recipe_is_one_problem_at_its_line_and_at_once(kind: str) -> None:
    text, message = HOSTILE[kind]
    start = time.process_time()
    with pytest.raises(RecipeError) as caught:
        Recipe.from_toml(text)
    assert time.process_time() - start < 5  # version 0.1 took more than 25 s
    assert str(caught.value).startswith(f"recipe: 1 problem\n  {message}")
    assert len(str(caught.value)) < 1000


def test_strings_and_comments_may_contain_what_is_limited_elsewhere() -> None:
    brackets, digits, dots = "[{" * 100, "7" * 500, "a." * 100
    text = f'# {brackets}\ndescription = """{brackets}\n{digits} {dots}"""\n{STEP}method = "bilinear"  # {digits}\n'
    assert Recipe.from_toml(text).steps[0].settings.method == "bilinear"


def test_more_than_fifty_problems_are_summed_up_in_less_than_20_kb() -> None:
    text = "".join(f"{STEP}{'x' * 3000}{i} = {i}\n" for i in range(200))
    with pytest.raises(RecipeError) as caught:
        Recipe.from_toml(text)
    lines = str(caught.value).splitlines()
    assert len(caught.value.problems) == 399  # an unknown setting in each step, and each repeats the first
    assert lines[0] == "recipe: 399 problems"
    assert lines[-1] == "  and 349 more"
    assert len(lines) == 52
    assert len(str(caught.value).encode()) < 20_000


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"[select]\nT_OBS = {{ min = 9999-12-31T23:59:59-23:59 }}\n{STEP}", "is outside the years 1 to 9999 in UTC"),
        (f'[output]\nname = "{"x/" * 3000}{{stem}}.fits"\n{STEP}', "has more than 1024 bytes"),
        (f'{STEP}"x\\ty\\u001b[2J" = 1', r"unknown setting 'x\ty\x1b[2J'"),
        (f'{STEP}[[step.when]]\nWAVELNTH = 94\nskip = true\n"x\\ty" = 1', r"x\ty has no effect"),
    ],
)
def test_hostile_values_are_problems_whose_message_can_be_printed(text: str, message: str) -> None:
    with pytest.raises(RecipeError) as caught:
        Recipe.from_toml(text)
    assert message in str(caught.value)
    assert str(caught.value).replace("\n", "").isprintable()
