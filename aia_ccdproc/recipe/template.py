"""The commented recipe that ``aia-prep init`` prints."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator

from aia_ccdproc.plugin.manager import PrepPluginManager
from aia_ccdproc.plugin.settings import StepSettings
from aia_ccdproc.recipe.model import RecipeModel
from aia_ccdproc.recipe.output import OutputSettings
from aia_ccdproc.recipe.recipe import load_recipe

__all__ = ["recipe_template"]

#: The recipe whose steps are not commented out.
_BASE = "level1.5-rate"
#: Examples that are commented out. The table comes last: keys after it would belong to it.
_EXAMPLES = {
    "instrument": 'instrument = "generic"',
    "plate_scale": "plate_scale = 3.16",
    "hdu": "hdu = 0",
    "select": "[select]\nWAVELNTH = [171, 193]\nQUALLEV0 = { reject_bits = 0x800100f0 }",
}


def recipe_template(manager: PrepPluginManager) -> str:
    """Write a recipe that contains every step with every setting, its default and its description.

    Parameters
    ----------
    manager : `~aia_ccdproc.plugin.manager.PrepPluginManager`
        The plugin manager, which knows the steps.

    Returns
    -------
    str
        TOML. Steps that are not in ``level1.5-rate`` are commented out.
    """
    active = {step.use for step in load_recipe(_BASE)}
    lines = [
        "# A recipe for aia-prep: the steps, in the order in which they are run.",
        "# Check it with: aia-prep check FILE; use it with: aia-prep run -r FILE",
        "# For completion in an editor: aia-prep schema > schema.json, and the first line: #:schema schema.json",
        'name = "my-recipe"',
    ]
    for key, example in _EXAMPLES.items():
        lines += ["", *_comment(_description(key)), *(f"# {line}" for line in example.splitlines())]
    lines += ["", *_comment(_description("output")), "# [output]", *_settings_lines(OutputSettings, "# ")]
    for step in manager.steps().values():
        prefix = "" if step.name in active else "# "
        lines += ["", *_comment(step.summary), f"{prefix}[[step]]", f'{prefix}use = "{step.name}"']
        lines += _settings_lines(step.settings, prefix)
    return "\n".join(lines) + "\n"


def _description(key: str) -> str:
    return RecipeModel.document()[key].description


def _comment(text: str) -> list[str]:
    return textwrap.wrap(text, 100, initial_indent="# ", subsequent_indent="# ")


def _settings_lines(settings: type[StepSettings], prefix: str) -> Iterator[str]:
    """Write settings with their defaults; a setting without a default is commented out."""
    for name, setting in settings.document().items():
        yield from _comment(setting.description)
        yield f"# {name} = ..." if setting.default is None else f"{prefix}{name} = {_as_toml(setting.default)}"


def _as_toml(value: object) -> str:
    return str(value) if isinstance(value, float) else json.dumps(value)
