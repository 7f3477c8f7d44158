"""``aia-prep steps`` and ``aia-prep plugins``: what there is."""

from __future__ import annotations

import itertools
import json
import warnings
from collections.abc import Iterable
from dataclasses import asdict
from importlib.metadata import version
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aia_ccdproc.cli.console import console

if TYPE_CHECKING:
    from aia_ccdproc.plugin.loading import Plugin
    from aia_ccdproc.plugin.manager import PrepPluginManager
    from aia_ccdproc.plugin.step import Step

__all__ = ["plugins", "steps"]

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def steps(as_json: AsJson = False) -> None:
    """List the steps, their settings, and who does them."""
    from aia_ccdproc.plugin.manager import get_plugin_manager
    from aia_ccdproc.steps.from_ccdproc.steps import ccdproc_steps

    manager = get_plugin_manager()
    listed = [_as_dict(step, map(str, manager.who_implements(step.hook))) for step in manager.steps().values()]
    borrowed = [_as_dict(step, [f"ccdproc {version('ccdproc')}"]) for step in ccdproc_steps().values()]
    if as_json:
        print(json.dumps({"steps": listed + borrowed, "resampling_methods": _methods(manager)}, indent=2))
        return
    from rich.markup import escape

    out = console()
    for step in listed:
        by = escape(", ".join(step["plugins"])) or "nobody"
        out.print(f"[bold]{step['step']}[/]  {escape(step['summary'])}  [dim]{by}[/]")
        for name, setting in step["settings"].items():
            value = "required" if setting["required"] else f"= {json.dumps(setting['default'])}"
            out.print(f"    [cyan]{name}[/] {escape(value)}  {escape(setting['description'])}")
    out.print("\nSteps of ccdproc; their settings are their arguments (--json lists them):")
    for step in borrowed:
        out.print(f"[bold]{step['step']}[/]  {escape(step['summary'])}")


def _as_dict(step: Step, plugins: Iterable[str]) -> dict[str, Any]:
    return {
        "step": step.name,
        "summary": step.summary,
        "takes": "header" if step.takes_header else "image",
        "before": list(step.place.before),
        "after": list(step.place.after),
        "plugins": list(plugins),
        "settings": {
            name: {"required": s.required, "default": _plain(s.default), "description": s.description}
            for name, s in step.settings.document().items()
        },
    }


def _methods(manager: PrepPluginManager, plugin: Plugin | None = None) -> dict[str, dict[str, Any] | None]:
    """List the methods of ``register``, each with its parameter where it has one."""
    methods = manager.resampling_methods(plugin)
    return {name: asdict(parameter) if parameter else None for name, parameter in methods.items()}


def _plain(value: Any) -> Any:
    """Make a default fit for JSON, which has no nan."""
    return "nan" if isinstance(value, float) and value != value else value


def plugins(as_json: AsJson = False) -> None:
    """List the plugins, what they bring, and those that could not be loaded."""
    from rich.markup import escape

    from aia_ccdproc.errors import PluginWarning
    from aia_ccdproc.plugin.manager import get_plugin_manager

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PluginWarning)  # they are in the list
        manager = get_plugin_manager()
    loaded = [_what_it_brings(plugin, manager) for plugin in manager.plugins.values()]
    broken = [
        {"plugin": b.name, "distribution": b.distribution, "version": b.version, "reason": b.reason}
        for b in manager.broken
    ]
    if as_json:
        print(json.dumps({"plugins": loaded, "broken": broken}, indent=2))
        return
    out = console()
    for distribution, rows in itertools.groupby(loaded, key=lambda row: f"{row['distribution']} {row['version']}"):
        brought = list(rows)
        out.print(f"[bold]{escape(distribution)}[/]")
        for what in ("steps", "instruments", "resampling_methods"):
            names = [name for row in brought for name in row[what]]
            if names:
                out.print(f"    [cyan]{what.replace('_', ' ')}[/] {escape(', '.join(names))}")
    for row in broken:
        said = f"{row['distribution']} {row['version']} ({row['plugin']})"
        out.print(f"[bold red]{escape(said)}[/] could not be loaded: {escape(row['reason'])}")


def _what_it_brings(plugin: Plugin, manager: PrepPluginManager) -> dict[str, Any]:
    steps = [step.name for step in manager.steps().values() if plugin in manager.who_implements(step.hook)]
    return {
        "plugin": plugin.name,
        "distribution": plugin.distribution,
        "version": plugin.version,
        "steps": steps,
        "instruments": [instrument.name for instrument in manager.instruments(plugin)],
        "resampling_methods": _methods(manager, plugin),
        "hooks": manager.hooks_of(plugin),
    }
