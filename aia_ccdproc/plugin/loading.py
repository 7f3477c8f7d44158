"""Loading of plugins: which are installed, which of them were chosen, and which cannot be used, and why."""

from __future__ import annotations

import contextlib
import functools
import re
import sys
import threading
import warnings
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Any

import pluggy

from aia_ccdproc.errors import PluginError, PluginWarning, suggestion
from aia_ccdproc.plugin import hookspecs
from aia_ccdproc.plugin.hookspecs import PROJECT
from aia_ccdproc.plugin.instrument import Instrument
from aia_ccdproc.plugin.resampling import MethodParameter
from aia_ccdproc.plugin.step import declared_step

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
        self._declared_by: dict[str, list[Plugin | None]] = {}
        self._declaring: Plugin | None = None
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
            If a step is declared without the arguments that every step takes, or a hook for the second time.
        """
        for name in dir(module_or_class):
            function = getattr(module_or_class, name)
            if hasattr(function, "prep_step"):
                declared_step(name, function)
        hooks = [name for name in dir(module_or_class) if self.parse_hookspec_opts(module_or_class, name) is not None]
        known = [hook for hook in hooks if self._declared_by.get(hook)]
        for hook in known:
            self._declared_by[hook].append(self._declaring)
        if known:
            raise PluginError("; ".join(map(self.declared_twice, known)))
        while True:
            try:
                super().add_hookspecs(module_or_class)
                break
            except pluggy.PluginValidationError as error:  # of a plugin that implements one of the hooks
                self._forget(hooks)
                culprit = self.get_name(error.plugin)
                if culprit is None or self.plugins[culprit] == self._declaring:
                    raise
                self._drop(culprit, _reason(error))
        self._declared_by.update({hook: [self._declaring] for hook in hooks})

    def declared_twice(self, hook: str) -> str:
        """Tell whether more than one plugin declares a hook.

        Parameters
        ----------
        hook : str
            Name of the hook, ``prep_register``.

        Returns
        -------
        str
            Who does, and what can be done; nothing if it is declared once.
        """
        by = [plugin.distribution if plugin else CORE for plugin in self._declared_by.get(hook, ())]
        if len(by) < 2:
            return ""
        return f"{hook.removeprefix('prep_')} is declared by {' and by '.join(by)}; only one of them can be loaded"

    def _forget(self, hooks: Iterable[str]) -> None:
        """Take declarations back; pluggy can not."""
        for hook in hooks:
            if hasattr(self.hook, hook):
                getattr(self.hook, hook).spec = None

    def _load(self, chosen: Collection[str] | None) -> None:
        for point in _entry_points(chosen):
            plugin = Plugin(point.name, *_distribution(point))
            try:
                with contextlib.redirect_stdout(sys.stderr):  # what a module prints is no part of a listing
                    module = point.load()
                self.add(module, plugin)
            except (Exception, SystemExit) as error:  # whatever a foreign module raises on import
                if plugin.distribution == CORE:
                    raise
                self._set_aside(plugin, _reason(error))
        for impl in self._implementations("prep_addhooks"):
            if impl.plugin_name not in self.plugins:  # left out for what another one has declared
                continue
            self._declaring = self.plugins[impl.plugin_name]
            try:
                impl.function(*[self for _ in impl.argnames])  # manager is the only argument there is
            except Exception as error:  # as on import
                self._drop(impl.plugin_name, _reason(error))
            finally:
                self._declaring = None
        self._refuse_wrong_listings()
        self.refuse_unknown_hooks()

    def _refuse_wrong_listings(self) -> None:
        """Set plugins aside that cannot say what they bring: every recipe and every listing would fail of them."""
        for hook, fault in (("prep_instruments", _no_instruments), ("prep_resampling_methods", _no_methods)):
            for impl in self._implementations(hook):
                if self.plugins[impl.plugin_name].distribution == CORE:
                    continue
                try:
                    answer = impl.function()
                except Exception as error:
                    self._drop(impl.plugin_name, f"{hook}: {_reason(error)}")
                else:
                    if fault(answer):
                        self._drop(impl.plugin_name, f"{hook} returned {answer!r}, {fault(answer)}")

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
            try:
                result = function(*arguments)
            except Exception:
                self._answer.failed = plugin
                raise
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
                    self._drop(name, f"implements the unknown hook {caller.name}; {suggestion(caller.name, known)}")
                    self.refuse_unknown_hooks()  # what it declared is unknown now as well
                    return

    def _drop(self, name: str, reason: str) -> None:
        self.unregister(name=name)
        plugin = self.plugins.pop(name)
        mine = [hook for hook, by in self._declared_by.items() if by == [plugin]]
        self._forget(mine)
        for hook in mine:
            del self._declared_by[hook]
        self._set_aside(plugin, reason)

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


def _reason(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def _no_instruments(answer: Any) -> str:
    """Say what should have been answered by who names instruments, if it was not."""
    fits = isinstance(answer, list | tuple) and all(isinstance(one, Instrument) for one in answer)
    return "" if fits else "not a list of Instrument"


def _no_methods(answer: Any) -> str:
    """Say what should have been answered by who names methods of resampling, if it was not."""
    fits = isinstance(answer, list | tuple | set | frozenset | dict) and all(isinstance(name, str) for name in answer)
    if isinstance(answer, dict):
        fits = fits and all(isinstance(parameter, MethodParameter | None) for parameter in answer.values())
    return "" if fits else "not a list of names, or a dict of names and MethodParameter"


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
        raise PluginError(f"no plugin {name!r} is installed; {suggestion(name, sorted(known))}")
    return [point for point in found if point in core or names[point] & wanted]
