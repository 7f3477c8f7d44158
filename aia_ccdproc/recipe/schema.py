"""The JSON schema of recipes, with which editors complete and check them."""

from __future__ import annotations

import math
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from aia_ccdproc.images.values import KEYWORD
from aia_ccdproc.plugin.manager import PrepPluginManager
from aia_ccdproc.plugin.step import Step
from aia_ccdproc.recipe.conditions import INSTRUMENT, TESTS
from aia_ccdproc.recipe.model import RecipeModel
from aia_ccdproc.recipe.output import OutputSettings
from aia_ccdproc.recipe.quality import GOOD, QUALITY, QUALITY_BITS
from aia_ccdproc.recipe.step_table import SKIP, StepTable

__all__ = ["recipe_schema"]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_KEYWORD_PATTERN = f"^{KEYWORD.pattern}"
_VALUE = {"type": ["string", "number", "boolean"]}
#: A number or a time; a time of TOML is a string in JSON.
_BOUND = {"type": ["string", "number"]}


def recipe_schema(manager: PrepPluginManager) -> dict[str, Any]:
    """Return the JSON schema of recipes, with the steps of the core and of the plugins.

    Parameters
    ----------
    manager : `~aia_ccdproc.plugin.manager.PrepPluginManager`
        The plugin manager, which knows the steps.

    Returns
    -------
    dict
        A schema of JSON Schema draft 2020-12. It accepts every valid recipe. What it cannot express, such as the order
        of the steps, is checked by ``aia-prep check`` alone.
    """
    recipe, common = _schema_of(RecipeModel), _schema_of(StepTable)["properties"]
    definitions = _selection_definitions()
    names = []
    for step in manager.steps().values():
        settings = _schema_of(step.settings, prefix=f"step-{step.name}.")
        for setting, choices in step.settings.choices(manager).items():
            settings["properties"][setting]["enum"] = choices
        definitions |= settings.pop("$defs", {})
        definitions[f"step-{step.name}"] = _step_table(step, settings, common)
        names.append(f"step-{step.name}")
    properties = recipe["properties"]
    properties["select"] = {"$ref": "#/$defs/selection", "description": properties["select"]["description"]}
    properties["output"] = {**_schema_of(OutputSettings), "description": properties["output"]["description"]}
    properties["step"] = {
        "description": properties["step"]["description"],
        "type": "array",
        "items": {"oneOf": [{"$ref": f"#/$defs/{name}"} for name in names]},
        "minItems": 1,
    }
    return {
        "$schema": _DIALECT,
        **recipe,
        "title": "aia-prep recipe",
        "required": ["step"],
        "dependentRequired": {"instrument": ["plate_scale"], "plate_scale": ["instrument"]},
        "$defs": definitions,
    }


def _step_table(step: Step, settings: dict[str, Any], common: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a ``[[step]]`` table that uses a step."""
    own: dict[str, Any] = settings.get("properties", {})
    variant = {
        "type": "object",
        "patternProperties": {_KEYWORD_PATTERN: {"$ref": "#/$defs/condition"}},
        "properties": {
            INSTRUMENT: {"$ref": "#/$defs/instrument"},
            QUALITY: {"$ref": "#/$defs/quality"},
            SKIP: {"const": True, "description": "Skip the step for these images."},
            **own,
        },
        "additionalProperties": False,
    }
    return {
        "title": step.name,
        "description": step.summary,
        "type": "object",
        "properties": {
            "use": {"const": step.name, "description": common["use"]["description"]},
            "plugin": common["plugin"],
            "only": {"$ref": "#/$defs/selection", "description": common["only"]["description"], "minProperties": 1},
            "when": {"type": "array", "items": variant, "description": common["when"]["description"]},
            **own,
        },
        "required": ["use", *settings.get("required", [])],
        "additionalProperties": False,
    }


# -- conditions ------------------------------------------------------------------------------------


def _selection_definitions() -> dict[str, Any]:
    """Return the schemas of a selection of images and of its conditions."""
    values = [_VALUE, {"type": "array", "items": _VALUE, "minItems": 1}]
    types: dict[str, Any] = {
        "min": _BOUND,
        "max": _BOUND,
        "not": {"anyOf": values},
        "reject_bits": {"type": "integer", "exclusiveMinimum": 0},
    }
    tests = {test: {**types[test], "description": description} for test, description in TESTS.items()}
    bits = {"type": "array", "items": {"enum": list(QUALITY_BITS)}, "minItems": 1}
    names = [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]
    return {
        "selection": {
            "type": "object",
            "patternProperties": {_KEYWORD_PATTERN: {"$ref": "#/$defs/condition"}},
            "properties": {INSTRUMENT: {"$ref": "#/$defs/instrument"}, QUALITY: {"$ref": "#/$defs/quality"}},
            "additionalProperties": False,
        },
        "condition": {
            "description": "Condition on a header keyword: a value, a list of values, or a table of tests.",
            "anyOf": [*values, _table(tests)],
        },
        "quality": {
            "description": "QUALITY of an AIA image: good, or the names of bits that are refused or allowed.",
            "anyOf": [{"const": GOOD}, _table({"reject": bits}), _table({"allow": bits})],
        },
        "instrument": {
            "description": "Name of the instrument, a list of names, or a table with the names that are refused.",
            "anyOf": [*names, _table({"not": {"anyOf": names, "description": TESTS["not"]}})],
        },
    }


def _table(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "minProperties": 1, "additionalProperties": False}


# -- models ----------------------------------------------------------------------------------------


def _schema_of(model: type[BaseModel], prefix: str = "") -> dict[str, Any]:
    """Return the schema of a model; the names of its definitions start with the prefix."""
    schema = model.model_json_schema(ref_template=f"#/$defs/{prefix}{{model}}", schema_generator=_Generator)
    if "$defs" in schema:
        schema["$defs"] = {f"{prefix}{name}": definition for name, definition in schema["$defs"].items()}
    return schema


class _Generator(GenerateJsonSchema):
    """Leaves out what does not help in an editor: titles that repeat names, null, defaults that JSON does not have."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # numpydoc ignore=GL08
        return False

    def float_schema(self, schema: core_schema.FloatSchema) -> JsonSchemaValue:  # numpydoc ignore=GL08
        result = super().float_schema(schema)
        if schema.get("allow_inf_nan", True):
            result["type"] = ["number", "null"]  # taplo validates nan and inf as null
        return result

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:  # numpydoc ignore=GL08
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:  # numpydoc ignore=GL08
        result = super().default_schema(schema)
        default = result.get("default")
        if default is None or (isinstance(default, float) and not math.isfinite(default)):
            result.pop("default", None)
        return result

    def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> JsonSchemaValue:  # numpydoc ignore=GL08
        return {}  # a type that JSON does not have is not checked

    def emit_warning(self, kind: Any, detail: str) -> None:  # numpydoc ignore=GL08
        pass
