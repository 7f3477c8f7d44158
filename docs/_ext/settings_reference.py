"""The reference of all steps and their settings, and of the outputs, made from the models that check a recipe."""

from __future__ import annotations

import json
import math
from typing import Any

from sphinx.application import Sphinx

from aia_ccdproc.plugin import Step, StepSettings, get_plugin_manager
from aia_ccdproc.recipe.output import OutputSettings

__all__ = ["output_reference", "settings_reference", "setup"]

_LIMITS = {
    "minimum": "at least {}",
    "exclusiveMinimum": "more than {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "less than {}",
}


def settings_reference() -> str:
    """Return a section for each step, in the order of `aia-prep steps`; those of ccdproc at the end."""
    steps = get_plugin_manager().steps().values()
    return "\n".join(_section(step) for step in sorted(steps, key=lambda step: step.name.startswith("ccdproc.")))


def output_reference() -> str:
    """Return the settings of ``[output]``."""
    return _settings(OutputSettings)


#: The lines of a page that are replaced.
PLACES = {".. settings-reference::\n": settings_reference, ".. output-reference::\n": output_reference}


def _section(step: Step) -> str:
    lines = [f".. _step-{step.name}:", "", step.name, "^" * len(step.name), "", step.summary, ""]
    order = [f"before {_names(step.order.before)}"] if step.order.before else []
    order += [f"after {_names(step.order.after)}"] if step.order.after else []
    lines += [f"Run by {', '.join(plugin.distribution for plugin in step.implementers)}."]
    lines += [f"Comes {' and '.join(order)}."] if order else []
    lines += ["Can be used more than once."] if step.order.repeatable else []
    return "\n".join([*lines, "", _settings(step.settings) or "No settings.\n"])


def _settings(model: type[StepSettings]) -> str:
    """Return a list of definitions: each setting with its default, description and type."""
    lines = []
    properties = model.model_json_schema().get("properties", {})
    for name, setting in model.document().items():
        default = "required" if setting.required else _literal(setting.default)
        lines += [f"``{name}``" + (f" = {default}" if default else "")]
        lines += [f"    {_escape(setting.description)} *{_escape(_type(properties[name]))}.*", ""]
    return "".join(f"{line}\n" for line in lines)


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(f"``{name}``" for name in names)


def _literal(default: Any) -> str:
    """Return a default as TOML writes it; empty for a setting that has none."""
    if default is None:
        return ""
    return f"``{'nan' if isinstance(default, float) and math.isnan(default) else json.dumps(default)}``"


def _type(schema: dict[str, Any]) -> str:
    """Describe the values that a schema allows."""
    if "anyOf" in schema:
        kinds = [_type(each) for each in schema["anyOf"] if each.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds))
    if "enum" in schema:
        *values, last = (json.dumps(value) for value in schema["enum"])
        return f"{', '.join(values)} or {last}" if values else last
    if "const" in schema:
        return json.dumps(schema["const"])
    if isinstance(schema.get("type"), list):
        return " or ".join(schema["type"])
    if schema.get("type") == "array":
        items = schema.get("prefixItems")
        return f"{len(items)} {_type(items[0])}s" if items else f"array of {_type(schema['items'])}s"
    limits = [text.format(f"{schema[key]:g}") for key, text in _LIMITS.items() if key in schema]
    return ", ".join([schema["type"], *limits])


def _escape(text: str) -> str:
    """Keep stars, bars, backticks and quotes of a text as they are."""
    return "".join(f"\\{letter}" if letter in '*|`"\\' else letter for letter in text)


def _insert(app: Sphinx, docname: str, source: list[str]) -> None:
    for place, reference in PLACES.items():
        if place in source[0]:
            source[0] = source[0].replace(place, reference())


def setup(app: Sphinx) -> dict[str, bool]:
    """Insert the references into the page that has their places."""
    app.connect("source-read", _insert)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
