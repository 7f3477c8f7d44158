"""The plugin manager: which steps there are, who does them for an image, and who is in whose way."""

from __future__ import annotations

import functools
import logging
import os
import typing
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from aia_ccdproc.errors import InstrumentError, PluginError, PrepError, suggestion
from aia_ccdproc.plugin.loading import CORE, BrokenPlugin, LoadedPlugins, Plugin, normal_name
from aia_ccdproc.plugin.resampling import MethodParameter
from aia_ccdproc.plugin.settings import StepSettings
from aia_ccdproc.plugin.step import Step, declared_step

if typing.TYPE_CHECKING:
    from astropy.io import fits

    from aia_ccdproc.plugin.instrument import Instrument

__all__ = ["BrokenPlugin", "Plugin", "PrepPluginManager", "get_plugin_manager"]

#: Environment variable: distributions to load beside the core, separated by commas; unset: all of them.
CHOSEN = "AIA_CCDPROC_PLUGINS"

_log = logging.getLogger("aia_ccdproc")


class PrepPluginManager(LoadedPlugins):  # numpydoc ignore=PR02
    """Knows the plugins, and asks them.

    Parameters
    ----------
    chosen : collection of str, optional
        Distributions or entry points to load beside the core; None for all that are installed.
    """

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

    @property
    def left_out(self) -> str:
        """What to add to an error that a plugin which could not be loaded may be the cause of.

        Returns
        -------
        str
            ``"; could not be loaded: ..."`` with the reasons, or nothing.
        """
        return f"; could not be loaded: {'; '.join(map(str, self.broken))}" if self.broken else ""

    def instruments(self, plugin: Plugin | None = None) -> list[Instrument]:
        """List the instruments that the plugins know.

        Parameters
        ----------
        plugin : `Plugin`, optional
            Only those of this one.

        Returns
        -------
        list of `~aia_ccdproc.Instrument`
            Those that plugins name; the core's first.
        """
        return [instrument for answer in self._answers("prep_instruments", plugin) for instrument in answer]

    def resampling_methods(self, plugin: Plugin | None = None) -> dict[str, MethodParameter | None]:
        """List the names that ``method`` of ``register`` takes.

        Parameters
        ----------
        plugin : `Plugin`, optional
            Only those of this one.

        Returns
        -------
        dict of str to `~aia_ccdproc.plugin.resampling.MethodParameter` or None
            With the method's parameter, where it has one. The core's methods first, then those of
            the engines that plugins bring.
        """
        return {
            method: parameter
            for answer in self._answers("prep_resampling_methods", plugin)
            for method, parameter in (answer if isinstance(answer, dict) else dict.fromkeys(answer)).items()
        }

    def contested_method(self, method: str) -> str:
        """Tell whether more than one plugin beside the core brings a method of resampling.

        Parameters
        ----------
        method : str
            Name of the method.

        Returns
        -------
        str
            Who does, and what can be done; nothing if there is no doubt.
        """
        plugins = [p for p in self.plugins.values() if p.distribution != CORE and method in self.resampling_methods(p)]
        if len({plugin.distribution for plugin in plugins}) < 2:
            return ""
        return (
            f"method {method!r} is brought by {' and by '.join(map(str, plugins))}; only one of them can be loaded "
            f"({CHOSEN} chooses)"
        )

    def _answers(self, hook: str, plugin: Plugin | None) -> list[Any]:
        """Collect what plugins answer to a hook without arguments, or what one of them does."""
        asked = [i for i in self._implementations(hook) if plugin in (None, self.plugins[i.plugin_name])]
        return [impl.function() for impl in asked]

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
        PluginError
            If a plugin fails at it.
        """
        self._answer.failed = None
        try:
            instrument: Instrument | None = self.hook.prep_identify(header=header)
        except PrepError:
            raise
        except Exception as error:
            by = self._answer.failed or "a wrapper"
            raise PluginError(f"prep_identify of {by} fails: {type(error).__name__}: {error}") from error
        if instrument is None:
            said = {key: header.get(key) for key in ("TELESCOP", "INSTRUME", "WAVELNTH")}
            raise InstrumentError(
                f"unknown instrument: {', '.join(f'{key}={value!r}' for key, value in said.items())}; "
                f"asked: {self._names(self.who_implements('prep_identify'))}{self.left_out}. "
                'A recipe for images that no plugin knows says instrument = "generic"'
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
        settings : `~aia_ccdproc.plugin.settings.StepSettings`
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
            if normal_name(name) in (normal_name(plugin.distribution), normal_name(plugin.name))
        ]
        if not found:
            for broken in self.broken:
                if normal_name(name) in (normal_name(broken.distribution), normal_name(broken.name)):
                    raise PluginError(f"plugin {name!r} could not be loaded: {broken.reason}")
            known = sorted({plugin.distribution for plugin in self.plugins.values()})
            raise PluginError(f"no plugin {name!r}; {suggestion(name, known)}")
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
            raise InstrumentError(
                f"no plugin does {step.name} for {arguments['instrument'].name}; "
                f"asked: {self._names(asked)}{self.left_out}"
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


def get_plugin_manager() -> PrepPluginManager:
    """Get the manager with the plugins that are installed, or, within a pipeline, that of the pipeline.

    The environment variable ``AIA_CCDPROC_PLUGINS`` holds the distributions (or entry points) to load beside
    the core, separated by commas; if it is empty, the core stands alone; if it is not set, all are loaded.

    Returns
    -------
    `~aia_ccdproc.plugin.manager.PrepPluginManager`
        The same one at every call.

    Raises
    ------
    PluginError
        If the variable names a plugin that is not installed.
    """
    return _in_use.get() or _installed()


def installed_plugins() -> PrepPluginManager:
    """Make a manager with the plugins that are installed, and chosen by ``AIA_CCDPROC_PLUGINS``.

    Returns
    -------
    `~aia_ccdproc.plugin.manager.PrepPluginManager`
        A new one.

    Raises
    ------
    PluginError
        If the variable names a plugin that is not installed.
    """
    chosen = os.environ.get(CHOSEN)
    return PrepPluginManager(None if chosen is None else [name.strip() for name in chosen.split(",") if name.strip()])


_in_use: ContextVar[PrepPluginManager | None] = ContextVar("aia_ccdproc_plugin_manager", default=None)


_installed = functools.cache(installed_plugins)
