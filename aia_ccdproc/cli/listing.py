"""The commands ``aia-prep recipes``, ``steps`` and ``plugins``, which list what is installed."""

from __future__ import annotations

import itertools
import json
import math
import warnings
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aia_ccdproc.cli.command import Debug
from aia_ccdproc.cli.console import console

if TYPE_CHECKING:
    from aia_ccdproc.plugin.manager import PrepPluginManager
    from aia_ccdproc.plugin.plugin import Plugin
    from aia_ccdproc.plugin.step import Step

__all__ = ["plugins", "recipes", "steps"]

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def recipes(as_json: AsJson = False, debug: Debug = False) -> None:
    """List the recipes that have a name: those of the package and of its plugins."""
    from rich.markup import escape

    from aia_ccdproc.recipe.named import named_recipes
    from aia_ccdproc.recipe.recipe import load_recipe

    loaded = {name: load_recipe(name) for name in sorted(named_recipes())}
    if as_json:
        listed = [
            {"recipe": name, "description": recipe.description, "steps": [step.use for step in recipe]}
            for name, recipe in loaded.items()
        ]
        print(json.dumps({"recipes": listed}, indent=2))
        return
    out = console()
    for name, recipe in loaded.items():
        out.print(f"[bold]{escape(name)}[/]  {escape(recipe.description)}")
        out.print(f"    [cyan]steps[/] {escape(', '.join(step.use for step in recipe))}")


def steps(as_json: AsJson = False, debug: Debug = False) -> None:
    """List the steps, the plugins that run them, and their settings."""
    from rich.markup import escape

    from aia_ccdproc.plugin.loading import get_plugin_manager

    manager = get_plugin_manager()
    listed = [_describe_step(step) for step in manager.steps().values()]
    if as_json:
        methods = {"resampling_methods": _describe_methods(manager), "engines": _describe_engines(manager)}
        print(json.dumps({"steps": listed, **methods}, indent=2))
        return
    out = console()
    for step in listed:
        implementers = escape(", ".join(step["plugins"])) or "no plugin"
        out.print(f"[bold]{step['step']}[/]  {escape(step['summary'])}  [dim]{implementers}[/]")
        for name, setting in step["settings"].items():
            value = "required" if setting["required"] else f"= {json.dumps(setting['default'])}"
            out.print(f"    [cyan]{name}[/] {escape(value)}  {escape(setting['description'])}")
    out.print(
        "[bold]methods of register[/]  [dim]and the plugins that provide them, in the order in which they are asked[/]"
    )
    for method, engines in _describe_engines(manager).items():
        out.print(f"    [cyan]{escape(method)}[/]  {escape(', '.join(engines))}")


def _describe_step(step: Step) -> dict[str, Any]:
    return {
        "step": step.name,
        "summary": step.summary,
        "takes": step.takes,
        "before": list(step.order.before),
        "after": list(step.order.after),
        "plugins": [str(plugin) for plugin in step.implementers],
        "settings": {
            name: {
                "required": setting.required,
                "default": _to_json(setting.default),
                "description": setting.description,
            }
            for name, setting in step.settings.document().items()
        },
    }


def _describe_methods(manager: PrepPluginManager, plugin: Plugin | None = None) -> dict[str, dict[str, Any] | None]:
    """Return the methods of ``register``, each with its parameter; None for a method without one."""
    methods = manager.resampling_methods(plugin)
    return {name: asdict(parameter) if parameter else None for name, parameter in methods.items()}


def _describe_engines(manager: PrepPluginManager) -> dict[str, list[str]]:
    """Return the plugins that provide each method of ``register``, in the order in which they are asked."""
    return {method: [str(each) for each in manager.engines(method)] for method in manager.resampling_methods()}


def _to_json(default: Any) -> Any:
    """Replace NaN, which JSON does not have, by a text."""
    return "nan" if isinstance(default, float) and math.isnan(default) else default


def plugins(as_json: AsJson = False, debug: Debug = False) -> None:
    """List the plugins with what they implement, and those that could not be loaded."""
    from rich.markup import escape

    from aia_ccdproc.errors import PluginWarning
    from aia_ccdproc.plugin.loading import get_plugin_manager

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PluginWarning)  # the list shows the broken plugins
        manager = get_plugin_manager()
    loaded = [_describe_plugin(plugin, manager) for plugin in manager.plugins.values()]
    broken = [
        {
            "plugin": each.plugin.name,
            "distribution": each.plugin.distribution,
            "version": each.plugin.version,
            "reason": each.reason,
        }
        for each in manager.broken
    ]
    if as_json:
        print(json.dumps({"plugins": loaded, "broken": broken}, indent=2))
        return
    out = console()
    for distribution, group in itertools.groupby(loaded, key=lambda row: f"{row['distribution']} {row['version']}"):
        rows = list(group)
        out.print(f"[bold]{escape(distribution)}[/]")
        for kind in ("steps", "instruments", "resampling_methods"):
            names = [name for row in rows for name in row[kind]]
            if kind == "steps":  # of several entry points
                names = [step for step in manager.steps() if step in names]
            if names:
                out.print(f"    [cyan]{kind.replace('_', ' ')}[/] {escape(', '.join(names))}")
        for row in rows:
            for instrument, refused in row["refused_steps"].items():
                for step, reason in refused.items():
                    out.print(f"    [cyan]refuses[/] {escape(f'{step} for {instrument}: {reason}')}")
    for row in broken:
        name = f"{row['distribution']} {row['version']} ({row['plugin']})"
        out.print(f"[bold red]{escape(name)}[/] could not be loaded: {escape(row['reason'])}")


def _describe_plugin(plugin: Plugin, manager: PrepPluginManager) -> dict[str, Any]:
    instruments = manager.instruments(plugin)
    return {
        "plugin": plugin.name,
        "distribution": plugin.distribution,
        "version": plugin.version,
        "steps": [step.name for step in manager.steps().values() if plugin in step.implementers],
        "instruments": [instrument.name for instrument in instruments],
        "refused_steps": {i.name: dict(i.refused_steps) for i in instruments if i.refused_steps},
        "resampling_methods": _describe_methods(manager, plugin),
        "hooks": manager.hooks_of(plugin),
    }
