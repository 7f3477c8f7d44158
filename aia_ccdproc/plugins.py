"""The plugin manager: which hooks there are, who implements them, and who is in whose way."""

from __future__ import annotations

import functools
import logging
import os
import re
import threading
import typing
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Any

import pluggy

from aia_ccdproc import hookspecs
from aia_ccdproc.chain import Step, declared_step
from aia_ccdproc.errors import InstrumentError, PluginError, PluginWarning, choices
from aia_ccdproc.hookspecs import PROJECT
from aia_ccdproc.settings import StepSettings

if typing.TYPE_CHECKING:
    from astropy.io import fits

    from aia_ccdproc.instrument import Instrument

__all__ = ["BrokenPlugin", "Plugin", "PrepPluginManager", "get_plugin_manager"]

#: Entry-point group by which plugins are found.
ENTRY_POINTS = "aia_ccdproc"
#: Environment variable: distributions to load beside the core, separated by commas; unset: all of them.
CHOSEN = "AIA_CCDPROC_PLUGINS"
CORE = "aia-ccdproc"

_log = logging.getLogger("aia_ccdproc")


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


class PrepPluginManager(pluggy.PluginManager):
    """Holds the hooks and their implementations.

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

    # -- loading ---------------------------------------------------------------------------------

    def _load(self, chosen: Collection[str] | None) -> None:
        found = sorted(entry_points(group=ENTRY_POINTS), key=lambda point: (_distribution(point)[0], point.name))
        if chosen is not None:
            chosen = [_normal(name) for name in chosen]
            others = [point for point in found if _distribution(point)[0] != CORE]
            known = {CORE} | {
                name for point in others for name in (_normal(_distribution(point)[0]), _normal(point.name))
            }
            for name in sorted(set(chosen) - known):
                raise PluginError(f"no plugin {name!r} is installed; {choices(name, sorted(known - {CORE}))}")
        for point in found:
            distribution, version = _distribution(point)
            if chosen is None or distribution == CORE or {_normal(distribution), _normal(point.name)} & set(chosen):
                self._load_entry_point(point, distribution, version)
        for impl in self._implementations("prep_addhooks"):
            try:
                impl.function(*[self for _ in impl.argnames])  # manager is the only argument there is
            except Exception as error:  # as on import
                self._drop(impl.plugin_name, f"{type(error).__name__}: {error}")
        self.refuse_unknown_hooks()

    def _load_entry_point(self, point: EntryPoint, distribution: str, version: str) -> None:
        try:
            self.add(point.load(), Plugin(point.name, distribution, version))
        except Exception as error:  # whatever a foreign module raises on import
            if distribution == CORE:
                raise
            self._set_aside(Plugin(point.name, distribution, version), f"{type(error).__name__}: {error}")

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

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Be the one that `get_plugin_manager` gives, for as long as it takes.

        Yields
        ------
        None
            Nothing.
        """
        token = _in_use.set(self)
        try:
            yield
        finally:
            _in_use.reset(token)

    # -- asking ----------------------------------------------------------------------------------

    def steps(self) -> dict[str, Step]:
        """List the steps that can stand in a recipe.

        Returns
        -------
        dict of str to `Step`
            By name, in canonical order: that of the declarations, a plugin's own step moved in front of the
            steps it has to precede.
        """
        specs = [caller.spec for caller in vars(self.hook).values() if caller.spec is not None]
        sources = list(dict.fromkeys(spec.function.__code__.co_filename for spec in specs))
        specs.sort(
            key=lambda spec: (
                sources.index(spec.function.__code__.co_filename),
                spec.function.__code__.co_firstlineno,
            )
        )
        declared = [declared_step(spec.name, spec.function) for spec in specs if hasattr(spec.function, "prep_step")]
        ordered: list[Step] = []
        for step in declared:
            follows = [i for i, other in enumerate(ordered) if other.name in step.place.before]
            ordered.insert(min(follows, default=len(ordered)), step)
        return {step.name: step for step in ordered}

    def who_implements(self, hook: str) -> list[Plugin]:
        """List the plugins that implement a hook, in the order in which they are asked.

        Parameters
        ----------
        hook : str
            Name of the hook, ``prep_register``.

        Returns
        -------
        list of `Plugin`
            Wrappers not among them.
        """
        return [self.plugins[impl.plugin_name] for impl in reversed(self._implementations(hook))]

    def hooks_of(self, plugin: Plugin) -> list[str]:
        """List the hooks that a plugin implements.

        Parameters
        ----------
        plugin : `Plugin`
            The plugin.

        Returns
        -------
        list of str
            Names of hooks.
        """
        implementation = self.get_plugin(f"{plugin.distribution}:{plugin.name}")
        return sorted(caller.name for caller in self.get_hookcallers(implementation) or ())

    def _implementations(self, hook: str) -> list[pluggy.HookImpl]:
        return [i for i in getattr(self.hook, hook).get_hookimpls() if not (i.wrapper or i.hookwrapper)]

    def resampling_methods(self) -> dict[str, float | None]:
        """List the names that ``method`` of ``register`` takes.

        Returns
        -------
        dict of str to float or None
            With the default of the method's parameter, where it has one. The core's methods first, then those of
            the engines that plugins bring.
        """
        answers = self.hook.prep_resampling_methods()
        return {
            method: default
            for answer in reversed(answers)
            for method, default in (answer if isinstance(answer, dict) else dict.fromkeys(answer)).items()
        }

    def identify(self, header: fits.Header) -> Instrument:
        """Ask the plugins which instrument an image is of.

        Parameters
        ----------
        header : `~astropy.io.fits.Header`
            Complete header.

        Returns
        -------
        `~aia_ccdproc.Instrument`
            The instrument.

        Raises
        ------
        InstrumentError
            If no plugin knows it.
        """
        instrument: Instrument | None = self.hook.prep_identify(header=header)
        if instrument is None:
            said = {key: header.get(key) for key in ("TELESCOP", "INSTRUME", "WAVELNTH")}
            raise InstrumentError(
                f"unknown instrument: {', '.join(f'{key}={value!r}' for key, value in said.items())}; "
                f"asked: {self._names(self.who_implements('prep_identify'))}"
            )
        return instrument

    def before_batch(self, step: str, headers: Sequence[fits.Header], settings: StepSettings) -> None:
        """Have plugins fetch at once what a step will need for a batch.

        Parameters
        ----------
        step : str
            Name of the step.
        headers : sequence of `~astropy.io.fits.Header`
            Complete headers of the files.
        settings : `~aia_ccdproc.settings.StepSettings`
            The step's settings.
        """
        try:
            self.hook.prep_before_batch(step=step, headers=headers, settings=settings)
        except Exception as error:  # what is not fetched now is fetched, or missed, file by file
            _log.warning("%s: %s: %s", step, type(error).__name__, error)

    def find(self, name: str) -> list[str]:
        """Find the plugins that a recipe means by a distribution's or an entry point's name.

        Parameters
        ----------
        name : str
            ``aia-ccdproc-cubic`` or ``cubic``.

        Returns
        -------
        list of str
            Names under which they are registered.

        Raises
        ------
        PluginError
            If there is none, or it is broken.
        """
        found = [
            key
            for key, plugin in self.plugins.items()
            if _normal(name) in (_normal(plugin.distribution), _normal(plugin.name))
        ]
        if not found:
            for broken in self.broken:
                if name in (broken.distribution, broken.name):
                    raise PluginError(f"plugin {name!r} could not be loaded: {broken.reason}")
            known = sorted({plugin.distribution for plugin in self.plugins.values()})
            raise PluginError(f"no plugin {name!r}; {choices(name, known)}")
        return found

    def call_step(self, step: Step, plugin: str | None = None, **arguments: Any) -> tuple[Any, Plugin]:
        """Have a step done by the plugin whose business it is.

        Parameters
        ----------
        step : `Step`
            The step.
        plugin : str, optional
            The distribution or entry point to do it, where a recipe chooses.
        **arguments : object
            ``header`` or ``ccd``, ``instrument`` and ``settings``.

        Returns
        -------
        result : object
            What the hook returned.
        answered : `Plugin`
            Who returned it.

        Raises
        ------
        InstrumentError
            If nobody takes the image.
        PluginError
            If two plugins do, or the chosen one is not there.
        """
        caller = getattr(self.hook, step.hook)
        if plugin is not None:
            mine = self.find(plugin)
            others = [i.plugin for i in self._implementations(step.hook) if i.plugin_name not in mine]
            caller = self.subset_hook_caller(step.hook, others)
        result = caller(**arguments)
        if result is None:
            asked = [p for p in self.who_implements(step.hook) if plugin in (None, p.distribution, p.name)]
            left_out = f"; could not be loaded: {'; '.join(map(str, self.broken))}" if self.broken else ""
            raise InstrumentError(
                f"no plugin does {step.name} for {arguments['instrument'].name}; asked: {self._names(asked)}{left_out}"
            )
        answered: Plugin = self._answer.plugin
        self._refuse_conflict(step, plugin, answered, arguments)
        return result, answered

    def _refuse_conflict(self, step: Step, chosen: str | None, answered: Plugin, arguments: dict[str, Any]) -> None:
        able = self._implementations(step.hook)
        if chosen is not None:
            able = [i for i in able if i.plugin_name in self.find(chosen)]
        # The core stands behind every plugin (trylast) and is in nobody's way.
        rivals = [i for i in able if not i.trylast]
        if len(rivals) < 2 or answered not in [self.plugins[i.plugin_name] for i in rivals]:
            return
        for rival in rivals:
            other = self.plugins[rival.plugin_name]
            if other != answered and rival.function(*[arguments[n] for n in rival.argnames]) is not None:
                one, two, choice = answered.distribution, other.distribution, answered.distribution
                if one == two:  # entry points of one distribution
                    one, two, choice = f"{one} ({answered.name})", f"{two} ({other.name})", answered.name
                raise PluginError(
                    f"{one} and {two} both do {step.name} for {arguments['instrument'].name}; "
                    f'choose one in the recipe: plugin = "{choice}"'
                )

    @staticmethod
    def _names(plugins: Iterable[Plugin]) -> str:
        return ", ".join(dict.fromkeys(str(plugin) for plugin in plugins)) or "nobody"


def _normal(name: str) -> str:
    """Write a name as package indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", str(name)).lower()


def _distribution(point: EntryPoint) -> tuple[str, str]:
    return (point.dist.name, point.dist.version) if point.dist else ("unknown", "")


def get_plugin_manager() -> PrepPluginManager:
    """Get the manager with the plugins that are installed, or, within a pipeline, that of the pipeline.

    The environment variable ``AIA_CCDPROC_PLUGINS`` holds the distributions (or entry points) to load beside
    the core, separated by commas; if it is empty, the core stands alone; if it is not set, all are loaded.

    Returns
    -------
    `~aia_ccdproc.plugins.PrepPluginManager`
        The same one at every call.

    Raises
    ------
    PluginError
        If the variable names a plugin that is not installed.
    """
    return _in_use.get() or _installed()


_in_use: ContextVar[PrepPluginManager | None] = ContextVar("aia_ccdproc_plugin_manager", default=None)


@functools.cache
def _installed() -> PrepPluginManager:
    chosen = os.environ.get(CHOSEN)
    return PrepPluginManager(None if chosen is None else [name.strip() for name in chosen.split(",") if name.strip()])
