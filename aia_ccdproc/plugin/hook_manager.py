"""Calls of hooks: each plugin is asked on its own, so that an answer or an error is known to be its own."""

from __future__ import annotations

import functools
import os
import traceback
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import pluggy

from aia_ccdproc.errors import PluginError, PrepError
from aia_ccdproc.plugin import hookspecs
from aia_ccdproc.plugin.plugin import Plugin

__all__ = ["Answer", "HookManager"]

T = TypeVar("T")


class Answer(NamedTuple):
    """What a plugin returned from a hook."""

    value: Any
    plugin: Plugin


class HookManager(pluggy.PluginManager):
    """Registers plugins and calls their hooks."""

    def __init__(self) -> None:
        super().__init__(hookspecs.PROJECT)
        #: The plugins in use, by the name under which they are registered.
        self.plugins: dict[str, Plugin] = {}

    def add(self, implementation: object, plugin: Plugin) -> None:
        """Register a plugin.

        Parameters
        ----------
        implementation : module or object
            The module or object that contains the functions marked with `hookimpl`.
        plugin : `Plugin`
            Its entry point, distribution and version.
        """
        self.plugins[plugin.key] = plugin
        self.register(implementation, plugin.key)

    def remove(self, plugin: Plugin) -> None:
        """Remove a plugin. The hooks that it has declared remain.

        Parameters
        ----------
        plugin : `Plugin`
            A plugin that has been added.
        """
        self.unregister(name=plugin.key)
        del self.plugins[plugin.key]

    def implementers(self, hook: str) -> list[Plugin]:
        """List the plugins that implement a hook, wrappers excluded.

        Parameters
        ----------
        hook : str
            Name of the hook, ``"prep_register"``.

        Returns
        -------
        list of `Plugin`
            In the order in which they are asked.
        """
        return [self.plugins[each.plugin_name] for each in reversed(self._implementations(hook))]

    def competitors(self, hook: str) -> list[Plugin]:
        """List the plugins that implement a hook and come before the core.

        Parameters
        ----------
        hook : str
            Name of the hook.

        Returns
        -------
        list of `Plugin`
            The plugins whose implementation is not ``trylast``.
        """
        return [self.plugins[each.plugin_name] for each in self._implementations(hook) if not each.trylast]

    def hooks_of(self, plugin: Plugin) -> list[str]:
        """List the hooks that a plugin implements.

        Parameters
        ----------
        plugin : `Plugin`
            The plugin.

        Returns
        -------
        list of str
            Names of hooks, sorted.
        """
        return sorted(caller.name for caller in self.get_hookcallers(self.get_plugin(plugin.key)) or ())

    def ask(self, hook: str, plugins: Sequence[Plugin] | None = None, **arguments: Any) -> Answer | None:
        """Call the plugins that implement a hook one after another, until one returns a result.

        Parameters
        ----------
        hook : str
            Name of a hook with ``firstresult=True``.
        plugins : sequence of `Plugin`, optional
            The plugins to call; by default all that implement the hook.
        **arguments : object
            The arguments of the hook.

        Returns
        -------
        `Answer` or None
            The first result that is not None, and the plugin that returned it.

        Raises
        ------
        PrepError
            Any error of this package that an implementation raises.
        PluginError
            If an implementation raises any other exception.
        """
        for plugin in self.implementers(hook) if plugins is None else plugins:
            value = self.call(hook, plugin, **arguments)
            if value is not None:
                return Answer(value, plugin)
        return None

    def call(self, hook: str, plugin: Plugin, /, **arguments: Any) -> Any:
        """Call one plugin's implementation of a hook, with the wrappers of all plugins around it.

        Parameters
        ----------
        hook : str
            Name of the hook.
        plugin : `Plugin`
            The plugin.
        **arguments : object
            The arguments of the hook.

        Returns
        -------
        object
            The result. For a hook without ``firstresult=True``: a list, which is empty if the plugin does not implement
            the hook or returns None.

        Raises
        ------
        PrepError
            Any error of this package that the implementation raises.
        PluginError
            If the implementation raises any other exception.
        """
        others = [each.plugin for each in self._implementations(hook) if each.plugin_name != plugin.key]
        caller = self.subset_hook_caller(hook, others)
        return self.attribute_errors(caller, hook.removeprefix("prep_"), plugin)(**arguments)

    def attribute_errors(
        self, function: Callable[..., T], name: str, plugin: Plugin, *expected: type[Exception]
    ) -> Callable[..., T]:
        """Make a function whose unexpected exceptions are errors that name the plugin and its line.

        Parameters
        ----------
        function : callable
            Function of a plugin.
        name : str
            What the error message calls it.
        plugin : `Plugin`
            The plugin.
        *expected : type
            Classes of exceptions that are passed on.

        Returns
        -------
        callable
            The function. Exceptions that are neither expected nor errors of this package become a PluginError.
        """
        passed: tuple[type[Exception], ...] = (PrepError, MemoryError, pluggy.PluginValidationError, *expected)

        @functools.wraps(function, updated=())
        def call(*arguments: Any, **named: Any) -> T:
            try:
                return function(*arguments, **named)
            except passed:
                raise
            except Exception as error:
                raise PluginError(
                    f"{name} of {plugin} failed: {type(error).__name__}: {error} "
                    f"({_location(error, self.get_plugin(plugin.key))})"
                ) from error

        return call

    def answers(self, hook: str, plugin: Plugin | None) -> list[Any]:
        """Call a hook without arguments, of all plugins or of one.

        Parameters
        ----------
        hook : str
            Name of a hook without ``firstresult=True``.
        plugin : `Plugin` or None
            The plugin; None for all.

        Returns
        -------
        list
            The results that are not None, the core's first.
        """
        if plugin is None:
            return list(reversed(getattr(self.hook, hook)()))
        answers: list[Any] = self.call(hook, plugin)
        return answers

    def _implementations(self, hook: str) -> list[pluggy.HookImpl]:
        """Return the implementations of a hook, wrappers excluded; the last one is called first."""
        return [each for each in getattr(self.hook, hook).get_hookimpls() if not (each.wrapper or each.hookwrapper)]


def _location(error: Exception, implementation: object) -> str:
    """Return the last file and line of a plugin's own package before an error was raised."""
    package = str(getattr(implementation, "__name__", type(implementation).__module__)).partition(".")[0]
    frames = list(traceback.walk_tb(error.__traceback__))
    own = [pair for pair in frames if str(pair[0].f_globals.get("__name__")).partition(".")[0] == package]
    frame, line = (own or frames)[-1]
    return f"{os.path.basename(frame.f_code.co_filename)}, line {line}"  # noqa: PTH119  # also for "<string>"
