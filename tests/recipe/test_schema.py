"""The JSON schema of recipes: it accepts every valid recipe and refuses what an editor should mark."""

from __future__ import annotations

import importlib.metadata
import json
import tomllib
from typing import Any

import pytest
from documents import PAGES, find_blocks, page_name
from jsonschema import Draft202012Validator

from aia_ccdproc import Recipe, RecipeError, get_plugin_manager
from aia_ccdproc.plugin.hookspecs import hookspec
from aia_ccdproc.plugin.settings import StepSettings
from aia_ccdproc.plugin.step import step
from aia_ccdproc.recipe.conditions import TESTS
from aia_ccdproc.recipe.named import builtin_recipes
from aia_ccdproc.recipe.schema import recipe_schema
from aia_ccdproc.recipe.template import recipe_template

REGISTER = '[[step]]\nuse = "register"\n'


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return recipe_schema(get_plugin_manager())


def errors(schema: dict[str, Any], toml: str) -> list[str]:
    """Validate a recipe as taplo does, the TOML tool of editors: a time becomes a string, and NaN and infinity null."""
    text = json.dumps(tomllib.loads(toml), default=str)
    content = json.loads(text, parse_constant=lambda constant: None)
    return [error.message for error in Draft202012Validator(schema).iter_errors(content)]


def test_the_schema_is_valid_json_schema_that_can_be_written_as_json(schema: dict[str, Any]) -> None:
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["title"]
    Draft202012Validator.check_schema(schema)
    assert json.loads(json.dumps(schema, allow_nan=False)) == schema


def test_every_reference_of_the_schema_has_a_definition(schema: dict[str, Any]) -> None:
    text = json.dumps(schema)
    used = {part.partition('"')[0] for part in text.split('"$ref": "#/$defs/')[1:]}
    assert used == set(schema["$defs"])


@pytest.mark.parametrize("toml", builtin_recipes().values(), ids=list(builtin_recipes()))
def test_built_in_recipes_are_valid(schema: dict[str, Any], toml: str) -> None:
    assert errors(schema, toml) == []


def test_the_template_is_valid(schema: dict[str, Any]) -> None:
    assert errors(schema, recipe_template(get_plugin_manager())) == []


@pytest.mark.parametrize("plugins", [[], ["aia-ccdproc-cubic"]])
def test_editors_complete_the_methods_of_the_installed_engines(prep_manager: Any, plugins: list[str]) -> None:
    if plugins and not any(importlib.metadata.distributions(name=plugins[0])):
        pytest.skip(f"{plugins[0]} is not installed")
    manager = prep_manager(*plugins)
    register = recipe_schema(manager)["$defs"]["step-register"]["properties"]
    assert register["method"]["enum"] == list(manager.resampling_methods())
    assert {"bicubic", "adaptive-hann"} < set(register["method"]["enum"])
    assert ("cubic-spline" in register["method"]["enum"]) == bool(plugins)
    assert register["method"]["default"] in register["method"]["enum"]


def test_recipes_of_the_documentation_are_valid(prep_manager: Any) -> None:
    plugins = [page.parent.name for page in PAGES if page.parent.parent.name == "plugins"]
    manager = prep_manager(*(name for name in plugins if any(importlib.metadata.distributions(name=name))))
    schema, known = recipe_schema(manager), set(manager.steps())
    blocks = [(f"{page_name(page)}, line {block.line}", block) for page in PAGES for block in find_blocks(page)]
    recipes = [
        (place, block.text)
        for place, block in blocks
        if block.language == "toml" and "[[step]]" in block.text and not block.file.startswith("faulty")
    ]
    checked = [
        (place, errors(schema, text))
        for place, text in recipes
        if {table["use"] for table in tomllib.loads(text)["step"]} <= known
    ]
    assert len(checked) >= 10
    assert [problem for problem in checked if problem[1]] == []


@pytest.mark.parametrize(
    "toml",
    [
        REGISTER,
        'name = "n"\ndescription = "d"\nhdu = 1\n' + REGISTER,
        'hdu = "SCI"\n' + REGISTER,
        'instrument = "generic"\nplate_scale = 2\n' + REGISTER,
        REGISTER + '[select]\nWAVELNTH = [94, 131]\nDATE-OBS = { min = 2020-01-01 }\ninstrument = { not = "HMI" }\n',
        REGISTER + "[select.QUALITY]\nreject_bits = 0x800100f0\nnot = [1, 2]\n",
        REGISTER + '[output]\ncompression = "rice"\nname = "{stem}.fits"\noverwrite = true\n',
        REGISTER + "fill = nan\nsaturation = 16383\nplugin = 'aia-ccdproc'\n",
        REGISTER + 'only = { AIFLAG = true }\n[[step.when]]\nWAVELNTH = 1600\nmethod = "bilinear"\n',
        REGISTER + '[[step.when]]\ninstrument = "AIA"\nskip = true\n',
        '[[step]]\nuse = "ccdproc.gain_correct"\ngain = "17.7 electron / DN"\n',
        '[[step]]\nuse = "ccdproc.flat_correct"\nflat = "flat.fits"\n[[step.when]]\nWAVELNTH = 94\nmin_value = 1.0\n',
    ],
)
def test_valid_recipes_are_accepted(schema: dict[str, Any], toml: str) -> None:
    assert len(Recipe.from_toml(toml).steps) == 1
    assert errors(schema, toml) == []


@pytest.mark.parametrize(
    "toml",
    [
        "",
        "step = []",
        "step = [3]",
        'naame = "n"\n' + REGISTER,
        "name = 3\n" + REGISTER,
        "hdu = -1\n" + REGISTER,
        "hdu = true\n" + REGISTER,
        'hdu = ""\n' + REGISTER,
        'instrument = "generic"\n' + REGISTER,
        "plate_scale = 3.0\n" + REGISTER,
        'instrument = "SWAP"\nplate_scale = 3.0\n' + REGISTER,
        'instrument = "generic"\nplate_scale = 0\n' + REGISTER,
        "select = 3\n" + REGISTER,
        REGISTER + "[select]\nwavelnth = 94\n",
        REGISTER + 'method = "bicubik"\n',
        REGISTER + "[select]\nWAVELNTH = []\n",
        REGISTER + "[select]\nWAVELNTH = {}\n",
        REGISTER + "[select]\nWAVELNTH = { mni = 3 }\n",
        REGISTER + '[select]\nQUALITY = { reject_bits = "0x1" }\n',
        REGISTER + "[select]\nQUALITY = { reject_bits = 0 }\n",
        REGISTER + "[select]\ninstrument = { min = 3 }\n",
        REGISTER + "[output]\ncompresion = 'rice'\n",
        REGISTER + "[output]\ncompression = 'ric'\n",
        REGISTER + "[output]\noverwrite = 1\n",
        "[[step]]\nmethod = 'bicubic'\n",
        "[[step]]\nuse = 3\n",
        "[[step]]\nuse = 'regixter'\n",
        "[[step]]\nuse = 'ccdproc.wcs_project'\n",
        REGISTER + "methud = 'bicubic'\n",
        REGISTER + "method = 3\n",
        REGISTER + "fill = 'none'\n",
        REGISTER + "force = 1\n",
        REGISTER + "conserve = 'flux'\n",
        REGISTER + "source = 'auto'\n",
        REGISTER + "plugin = 3\n",
        REGISTER + "only = 3\n",
        REGISTER + "only = {}\n",
        REGISTER + "when = 3\n",
        REGISTER + "[[step.when]]\nA = 3\nskip = false\n",
        REGISTER + "[[step.when]]\nA = 3\nmethud = 'bicubic'\n",
        REGISTER + "[[step.when]]\nA = 3\nfill = 'none'\n",
        "[[step]]\nuse = 'ccdproc.flat_correct'\n",
        "[[step]]\nuse = 'ccdproc.flat_correct'\nflat = 3\n",
        "[[step]]\nuse = 'ccdproc.gain_correct'\ngain = true\n",
        "[[step]]\nuse = 'ccdproc.cosmicray_lacosmic'\ncleantype = 'mean'\n",
        "[[step]]\nuse = 'ccdproc.trim_image'\nfits_section = '[1:2,1:2]'\nadd_keyword = 'x'\n",
    ],
)
def test_invalid_recipes_are_refused_as_by_the_check(schema: dict[str, Any], toml: str) -> None:
    with pytest.raises(RecipeError):
        Recipe.from_toml(toml)
    assert errors(schema, toml)


def test_an_editor_finds_steps_settings_defaults_and_descriptions(schema: dict[str, Any]) -> None:
    names = [table["$ref"].rpartition("/")[2] for table in schema["properties"]["step"]["items"]["oneOf"]]
    steps = {schema["$defs"][name]["properties"]["use"]["const"]: schema["$defs"][name] for name in names}
    known = get_plugin_manager().steps()
    assert list(steps) == list(known)
    for name, table in steps.items():
        assert table["description"] == known[name].summary
        fields = known[name].settings.model_fields
        assert set(table["properties"]) == {"use", "plugin", "only", "when"} | set(fields)
        assert all(table["properties"][field].get("description") for field in table["properties"])
    assert steps["register"]["properties"]["method"]["default"] == "bicubic"
    assert "default" not in steps["register"]["properties"]["fill"]  # NaN
    assert steps["register"]["properties"]["conserve"]["enum"] == ["brightness", "counts"]
    assert all(schema["properties"][key]["description"] for key in schema["properties"])
    assert '"default": null' not in json.dumps(schema)


def test_the_schema_has_every_test_of_a_condition(schema: dict[str, Any]) -> None:
    [tests] = [kind["properties"] for kind in schema["$defs"]["condition"]["anyOf"] if "properties" in kind]
    assert set(tests) == set(TESTS)


class Inner(StepSettings):
    """A table within a table."""

    width: int = 3


class NestedSettings(StepSettings):
    """Settings with a table, and with a type that JSON does not have."""

    inner: Inner = Inner()
    anything: complex = 1j


class Declarations:
    """Declares a step of a plugin."""

    @step(settings=NestedSettings)
    @hookspec(firstresult=True)
    def prep_nested(self, ccd: Any, instrument: Any, settings: Any) -> None:
        """Do something with a nested table."""


def test_settings_of_plugins_may_have_tables_and_types_that_json_does_not_have(prep_manager: Any) -> None:
    manager = prep_manager()
    manager.add_hookspecs(Declarations)
    schema = recipe_schema(manager)
    Draft202012Validator.check_schema(schema)
    assert errors(schema, '[[step]]\nuse = "nested"\ninner = { width = 4 }\n') == []
    assert errors(schema, '[[step]]\nuse = "nested"\ninner = { width = "x" }\n')
    assert errors(schema, '[[step]]\nuse = "nested"\ninner = { height = 4 }\n')
