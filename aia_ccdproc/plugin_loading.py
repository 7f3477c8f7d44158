"""Loading of plugins: which are installed, which of them were chosen, and which cannot be used, and why."""

from __future__ import annotations

import functools
import re
import threading
import warnings
from collections.abc import Callable, Collection
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Any

import pluggy

from aia_ccdproc import hookspecs
from aia_ccdproc.chain import declared_step
from aia_ccdproc.errors import PluginError, PluginWarning, choices
from aia_ccdproc.hookspecs import PROJECT

__all__ = ["CORE", "ENTRY_POINTS", "BrokenPlugin", "LoadedPlugins", "Plugin", "normal_name"]

#: Entry-point group by which plugins are found.
ENTRY_POINTS = "aia_ccdproc"
CORE = "aia-ccdproc"


@dataclass(frozen=True)
class Plugin:
    """A loaded plugin: an entry point of a distribution."""

    name: str
    distribution: str
    version: str

    def __str__(self) -> str:
        return f"{self.distribution} {self.version}".rstrip()


@dataclass(frozen=True)
class BrokenPlugin:
    """A plugin that could not be loaded, and why."""

    name: str
    distribution: str
    version: str
    reason: str

    def __str__(self) -> str:
        return f"{self.distribution} ({self.name}): {self.reason}"


class LoadedPlugins(pluggy.PluginManager):
    """Holds the hooks and the plugins that implement them.

    Parameters
    ----------
    chosen : collection of str, optional
        Distributions or entry points to load beside the core; None for all that are installed.
    """

    def __init__(self, chosen: Collection[str] | None = None) -> None:
        super().__init__(PROJECT)
        self.plugins: dict[str, Plugin] = {}
        self.broken: list[BrokenPlugin] = []
        self._answer = threading.local()
        self.add_hookspecs(hookspecs)
        self._load(chosen)

    def add_hookspecs(self, module_or_class: ModuleType | type) -> None:
        """Declare hooks, steps among them.

        Parameters
        ----------
        module_or_class : module or class
            What holds the functions marked with `hookspec`.

        Raises
        ------
        PluginError
            If a step is declared without the arguments that every step takes.
        """
        for name in dir(module_or_class):
            function = getattr(module_or_class, name)
            if hasattr(function, "prep_step"):
                declared_step(name, function)
        super().add_hookspecs(module_or_class)

    def _load(self, chosen: Collection[str] | None) -> None:
        for point in _entry_points(chosen):
            plugin = Plugin(point.name, *_distribution(point))
            try:
                self.add(point.load(), plugin)
            except (Exception, SystemExit) as error:  # whatever a foreign module raises on import
                if plugin.distribution == CORE:
                    raise
                self._set_aside(plugin, f"{type(error).__name__}: {error}")
        for impl in self._implementations("prep_addhooks"):
            try:
                impl.function(*[self for _ in impl.argnames])  # manager is the only argument there is
            except Exception as error:  # as on import
                self._drop(impl.plugin_name, f"{type(error).__name__}: {error}")
        self.refuse_unknown_hooks()

    def add(self, implementation: object, plugin: Plugin) -> None:
        """Register a plugin under its distribution's name.

        Parameters
        ----------
        implementation : module or object
            What holds the functions marked with `hookimpl`.
        plugin : `Plugin`
            Who it is.
        """
        name = f"{plugin.distribution}:{plugin.name}"
        self.register(implementation, name)
        self.plugins[name] = plugin
        for caller in self.get_hookcallers(implementation) or ():
            for impl in caller.get_hookimpls():
                if impl.plugin is implementation and not (impl.wrapper or impl.hookwrapper):
                    impl.function = self._remembering(impl.function, plugin)  # type: ignore[misc]

    def _remembering(self, function: Callable[..., Any], plugin: Plugin) -> Callable[..., Any]:
        # Pluggy does not tell who answered a firstresult hook; HISTORY and conflicts need to know.
        @functools.wraps(function)
        def call(*arguments: Any) -> Any:
            result = function(*arguments)
            if result is not None:
                self._answer.plugin = plugin
            return result

        return call

    def refuse_unknown_hooks(self) -> None:
        """Set plugins aside that implement a hook which nobody declares."""
        known = [name for name in dir(self.hook) if name.startswith("prep_") and getattr(self.hook, name).has_spec()]
        for name, implementation in self.list_name_plugin():
            for caller in self.get_hookcallers(implementation) or ():
                optional = all(impl.optionalhook for impl in caller.get_hookimpls() if impl.plugin is implementation)
                if not caller.has_spec() and not optional:
                    self._drop(name, f"implements the unknown hook {caller.name}; {choices(caller.name, known)}")
                    break

    def _drop(self, name: str, reason: str) -> None:
        self.unregister(name=name)
        self._set_aside(self.plugins.pop(name), reason)

    def _set_aside(self, plugin: Plugin, reason: str) -> None:
        broken = BrokenPlugin(plugin.name, plugin.distribution, plugin.version, reason)
        self.broken.append(broken)
        warnings.warn(f"plugin left out: {broken}", PluginWarning, stacklevel=2)

    def _implementations(self, hook: str) -> list[pluggy.HookImpl]:
        return [i for i in getattr(self.hook, hook).get_hookimpls() if not (i.wrapper or i.hookwrapper)]


def normal_name(name: str) -> str:
    """Write a name as package indexes compare it (PEP 503).

    Parameters
    ----------
    name : str
        ``AIA_Bias``.

    Returns
    -------
    str
        ``aia-bias``.
    """
    return re.sub(r"[-_.]+", "-", str(name)).lower()


def _distribution(point: EntryPoint) -> tuple[str, str]:
    return (point.dist.name, point.dist.version) if point.dist else ("unknown", "")


def _entry_points(chosen: Collection[str] | None) -> list[EntryPoint]:
    """Find the plugins to load: the core's, and those that were chosen."""
    found = sorted(entry_points(group=ENTRY_POINTS), key=lambda point: (_distribution(point)[0], point.name))
    if chosen is None:
        return found
    names = {point: {normal_name(_distribution(point)[0]), normal_name(point.name)} for point in found}
    core = [point for point in found if _distribution(point)[0] == CORE]
    wanted = {normal_name(name) for name in chosen}
    known = {name for point in found if point not in core for name in names[point]}
    for name in sorted(wanted - known - {CORE}):
        raise PluginError(f"no plugin {name!r} is installed; {choices(name, sorted(known))}")
    return [point for point in found if point in core or names[point] & wanted]
