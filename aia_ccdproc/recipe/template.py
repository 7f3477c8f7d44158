"""A recipe to start from."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING

from aia_ccdproc.plugin.manager import PrepPluginManager
from aia_ccdproc.plugin.settings import StepSettings
from aia_ccdproc.recipe.output import OutputSettings

if TYPE_CHECKING:
    pass

from aia_ccdproc.recipe.recipe import load_recipe

__all__ = ["recipe_template"]


def recipe_template(manager: PrepPluginManager) -> str:
    """Write a recipe of every step there is, with every setting at its default and what it means.

    Parameters
    ----------
    manager : `~aia_ccdproc.plugin.manager.PrepPluginManager`
        Who knows the steps.

    Returns
    -------
    str
        TOML. Steps that are not in ``level1.5-rate`` are commented out.
    """
    usual = {step.use for step in load_recipe("level1.5-rate").steps}
    lines = [
        "# A recipe for aia-prep: the steps, in the order in which they are run.",
        "# Check it with: aia-prep check FILE; use it with: aia-prep run -r FILE",
        'name = "my-recipe"',
        "",
        "# Which images, by the keywords of their headers: a value, a list, or min, max, not, reject_bits.",
        "# [select]",
        "# WAVELNTH = [171, 193]",
        "# QUALLEV0 = { reject_bits = 0x800100f0 }",
        "",
        "# Images of an instrument that no plugin knows, and the arcsec per pixel that become 0.6.",
        '# instrument = "generic"',
        "# plate_scale = 3.16",
        "",
        "# The HDU of the image, by number or name, where a file holds several.",
        "# hdu = 0",
        "",
        "# How outputs are named and written.",
        "# [output]",
        *_settings_lines(OutputSettings, off="# "),
    ]
    for step in manager.steps().values():
        off = "" if step.name in usual else "# "
        lines += ["", f"# {step.summary}", f"{off}[[step]]", f'{off}use = "{step.name}"']
        lines += _settings_lines(step.settings, off)
    return "\n".join(lines) + "\n"


def _settings_lines(settings: type[StepSettings], off: str) -> Iterator[str]:
    for name, setting in settings.document().items():
        yield from textwrap.wrap(setting.description, 100, initial_indent="# ", subsequent_indent="# ")
        yield f"# {name} = ..." if setting.default is None else f"{off}{name} = {_toml(setting.default)}"


def _toml(value: object) -> str:
    return str(value) if isinstance(value, float) else json.dumps(value)
