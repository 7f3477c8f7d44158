"""Find, import and register the plugins that are installed; leave out those that cannot be used."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import pluggy

from aia_ccdproc.errors import PluginError, PluginWarning, suggestion, warn_user
from aia_ccdproc.plugin.instrument import Instrument
from aia_ccdproc.plugin.manager import CHOSEN_PLUGINS, DeclaredTwiceError, PrepPluginManager, manager_in_use
from aia_ccdproc.plugin.plugin import CORE, BrokenPlugin, Plugin, normalize_name
from aia_ccdproc.plugin.resampling import MethodParameter
from aia_ccdproc.plugin.step import Step

__all__ = ["ENTRY_POINTS", "forget_other_plugins", "get_plugin_manager", "load_chosen_plugins", "load_plugins"]

#: Entry-point group by which plugins are found.
ENTRY_POINTS = "aia_ccdproc"


class _UnusablePluginError(Exception):
    """A plugin that has been imported cannot be used."""

    def __init__(self, broken: BrokenPlugin) -> None:
        self.broken = broken
        super().__init__(str(broken))


def get_plugin_manager() -> PrepPluginManager:
    """Return the manager with the installed plugins; inside a pipeline, the manager of the pipeline.

    The environment variable ``AIA_CCDPROC_PLUGINS`` contains the distributions (or entry points) to load besides the
    core, separated by commas. If it is empty, only the core is loaded; if it is not set, all plugins are.

    Returns
    -------
    `~aia_ccdproc.plugin.manager.PrepPluginManager`
        The same object at every call outside a pipeline.

    Raises
    ------
    PluginError
        If the variable names a plugin that is not installed.
    """
    return manager_in_use.get() or _installed_plugins()[0]


def load_chosen_plugins() -> PrepPluginManager:
    """Load the plugins that ``AIA_CCDPROC_PLUGINS`` chooses.

    Returns
    -------
    `~aia_ccdproc.plugin.manager.PrepPluginManager`
        A new manager.

    Raises
    ------
    PluginError
        If the variable names a plugin that is not installed.
    """
    chosen = os.environ.get(CHOSEN_PLUGINS)
    return load_plugins(None if chosen is None else [name.strip() for name in chosen.split(",") if name.strip()])


@functools.cache
def _installed_plugins() -> tuple[PrepPluginManager, object]:
    return load_chosen_plugins(), _search_places()


def forget_other_plugins() -> None:
    """Forget the plugins of `get_plugin_manager` if others may be found now.

    A worker calls this. It has the plugins that were loaded in the forkserver. Environment variables and the folders of
    modules may have changed since.
    """
    if _installed_plugins.cache_info().currsize and _installed_plugins()[1] != _search_places():
        _installed_plugins.cache_clear()


def _search_places() -> object:
    """Return what determines which plugins are found: our variables, and the folders that contain distributions."""
    variables = {name: value for name, value in os.environ.items() if name.startswith("AIA_CCDPROC_")}
    return variables, list(filter(_contains_distributions, sys.path))


def _contains_distributions(folder: str) -> bool:
    try:
        return any(path.suffix in (".dist-info", ".egg-info") for path in Path(folder).iterdir())
    except OSError:
        return True  # an archive, for example


def load_plugins(chosen: Collection[str] | None = None) -> PrepPluginManager:
    """Load the core and the plugins that are installed.

    A plugin that cannot be used is left out with a `PluginWarning`; the others work.

    Parameters
    ----------
    chosen : collection of str, optional
        Distributions or entry points to load besides the core; None for all that are installed.

    Returns
    -------
    `~aia_ccdproc.plugin.manager.PrepPluginManager`
        A new manager.

    Raises
    ------
    PluginError
        If a chosen plugin is not installed.
    """
    modules, broken = _import_plugins(_find_entry_points(chosen))
    while True:
        manager = PrepPluginManager()
        try:
            _register(manager, modules)
            break
        except _UnusablePluginError as error:  # start again without it: pluggy cannot remove a declaration
            broken.append(error.broken)
            del modules[error.broken.plugin]
    manager.broken = broken
    for each in broken:
        warn_user(f"plugin is not used: {each}", PluginWarning)
    return manager


def _find_entry_points(chosen: Collection[str] | None) -> dict[Plugin, EntryPoint]:
    """Find the entry points of the core and of the chosen plugins, sorted by distribution and name."""
    found = {_plugin(point): point for point in entry_points(group=ENTRY_POINTS)}
    if chosen is not None:
        known = {normalize_name(name) for plugin in found for name in (plugin.distribution, plugin.name)}
        for name in map(normalize_name, chosen):
            if name not in known:
                raise PluginError(f"plugin {name!r} is not installed; {suggestion(name, sorted(known))}")
        found = {
            plugin: point
            for plugin, point in found.items()
            if plugin.distribution == CORE or any(map(plugin.is_called, chosen))
        }
    return dict(sorted(found.items(), key=lambda item: (item[0].distribution, item[0].name)))


def _plugin(point: EntryPoint) -> Plugin:
    if point.dist is None:
        return Plugin(point.name, "unknown", "")
    return Plugin(point.name, point.dist.name, point.dist.version)


def _import_plugins(points: dict[Plugin, EntryPoint]) -> tuple[dict[Plugin, Any], list[BrokenPlugin]]:
    """Import plugins; return the modules of those that could be imported, and the others."""
    modules: dict[Plugin, Any] = {}
    broken = []
    for plugin, point in points.items():
        try:
            with contextlib.redirect_stdout(sys.stderr):  # what a module prints must not become part of a listing
                modules[plugin] = point.load()
        except (Exception, SystemExit) as error:  # the import of a module can raise anything
            if plugin.distribution == CORE:
                raise
            broken.append(BrokenPlugin(plugin, f"{type(error).__name__}: {error}"))
    return modules, broken


def _register(manager: PrepPluginManager, modules: dict[Plugin, Any]) -> None:
    """Register plugins, have them declare their hooks, and check them; raise at the first that cannot be used."""
    for plugin, module in modules.items():
        with _attributing_errors(manager, plugin):
            manager.add(module, plugin)
    for plugin in list(modules):
        with _attributing_errors(manager, plugin), manager.declaring(plugin):
            manager.call("prep_addhooks", plugin, manager=manager)
    with _attributing_errors(manager):
        manager.check_pending()
    names = {step.name for step in manager.hook_steps()}
    for plugin in modules:
        with _attributing_errors(manager, plugin):
            _check_listings(manager, plugin)
            _check_steps(manager, plugin, names)


@contextmanager
def _attributing_errors(manager: PrepPluginManager, plugin: Plugin | None = None) -> Iterator[None]:
    """Attribute an error to the plugin that causes it; errors of the core are raised as they are."""
    try:
        yield
    except Exception as error:
        reason = str(error) if isinstance(error, PluginError) else f"{type(error).__name__}: {error}"
        if isinstance(error, pluggy.PluginValidationError):  # knows which plugin caused it
            plugin = manager.plugins[manager.get_name(error.plugin) or ""]
            reason = _describe_unknown_hook(manager, error.plugin) or reason
        if plugin is None or plugin.distribution == CORE:
            raise
        declared_twice = error.hook if isinstance(error, DeclaredTwiceError) else None
        raise _UnusablePluginError(BrokenPlugin(plugin, reason, declared_twice)) from error


def _describe_unknown_hook(manager: PrepPluginManager, module: object) -> str | None:
    """Describe the hook that a module implements but no plugin declares. Return None if every hook is declared."""
    known = [name for name, caller in vars(manager.hook).items() if caller.has_spec()]
    for caller in manager.get_hookcallers(module) or ():
        if not caller.has_spec():
            return f"implements the unknown hook {caller.name}; {suggestion(caller.name, known)}"
    return None


def _check_steps(manager: PrepPluginManager, plugin: Plugin, names: set[str]) -> None:
    """Check the steps that a plugin lists, and add their names to the names that are in use."""
    for answer in manager.call("prep_steps", plugin):
        if not isinstance(answer, list | tuple) or not all(isinstance(each, Step) for each in answer):
            raise PluginError(f"prep_steps returned {answer!r}, not a list of Step")
        for step in answer:
            if step.name in names:
                raise PluginError(f"prep_steps returned the step {step.name}, which another plugin has")
            names.add(step.name)


def _check_listings(manager: PrepPluginManager, plugin: Plugin) -> None:
    """Check the instruments and methods that a plugin lists. With an invalid list, every recipe check would fail."""
    for answer in manager.call("prep_instruments", plugin):
        if not isinstance(answer, list | tuple) or not all(isinstance(each, Instrument) for each in answer):
            raise PluginError(f"prep_instruments returned {answer!r}, not a list of Instrument")
    answers = manager.call("prep_resampling_methods", plugin)
    if not answers and plugin in manager.implementers("prep_resampling_methods"):
        raise PluginError("prep_resampling_methods returned None, not a list of names")
    for answer in answers:
        named = isinstance(answer, list | tuple | set | frozenset | dict) and all(
            isinstance(name, str) for name in answer
        )
        parameters = answer.values() if isinstance(answer, dict) else ()
        if not named or not all(isinstance(parameter, MethodParameter | None) for parameter in parameters):
            raise PluginError(
                f"prep_resampling_methods returned {answer!r}, not a list of names or a dict of MethodParameter"
            )
