"""The plugin manager: which steps exist, which plugin runs them for an image, and which plugins compete."""

from __future__ import annotations

import dataclasses
import functools
import os
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import pluggy

from aia_ccdproc.errors import InstrumentError, PluginError, PrepError, suggestion
from aia_ccdproc.plugin import hookspecs
from aia_ccdproc.plugin.hook_step import HookStep, prefetch_hook
from aia_ccdproc.plugin.instrument import Instrument
from aia_ccdproc.plugin.plugin import CORE, BrokenPlugin, Plugin
from aia_ccdproc.plugin.published import PUBLISHED, hint, instrument_hint
from aia_ccdproc.plugin.resampling import MethodParameter
from aia_ccdproc.plugin.step import Step, declaration
from aia_ccdproc.plugin.trace import trace_hook_calls

if TYPE_CHECKING:
    from astropy.io import fits

    from aia_ccdproc.images.pixel_engine import PixelEngine

__all__ = ["CHOSEN_PLUGINS", "Answer", "DeclaredTwiceError", "PrepPluginManager", "manager_in_use"]

T = TypeVar("T")

#: Environment variable: distributions to load besides the core, separated by commas. Unset: all that are installed.
CHOSEN_PLUGINS = "AIA_CCDPROC_PLUGINS"


class Answer(NamedTuple):
    """What a plugin returned from a hook."""

    value: Any
    plugin: Plugin


class PrepPluginManager(pluggy.PluginManager):
    """Registers plugins and calls their hooks.

    A new manager has no plugins, not even the core; `aia_ccdproc.plugin.loading.load_plugins` makes one that has.
    """

    def __init__(self) -> None:
        super().__init__(hookspecs.PROJECT)
        #: The plugins in use, by the name under which they are registered.
        self.plugins: dict[str, Plugin] = {}
        #: The installed plugins that cannot be used.
        self.broken: list[BrokenPlugin] = []
        self._hook_steps: dict[str, HookStep] = {}
        self._declared_by: dict[str, Plugin | None] = {}
        self._declaring: Plugin | None = None
        self.add_hookspecs(hookspecs)
        trace_hook_calls(self)

    # -- registration ------------------------------------------------------------------------------

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

    @contextmanager
    def declaring(self, plugin: Plugin) -> Iterator[None]:
        """Attribute the hooks that are declared within a ``with`` block to a plugin.

        Parameters
        ----------
        plugin : `Plugin`
            The plugin.

        Yields
        ------
        None
            Nothing.
        """
        self._declaring = plugin
        try:
            yield
        finally:
            self._declaring = None

    def add_hookspecs(self, module_or_class: Any) -> None:
        """Declare hooks, and the steps among them.

        Parameters
        ----------
        module_or_class : module or class
            The module or class that contains the functions marked with `hookspec`.

        Raises
        ------
        PluginError
            If a hook is declared twice, or a hook does not have the parameters of a step.
        """
        hooks = [name for name in vars(module_or_class) if self.parse_hookspec_opts(module_or_class, name) is not None]
        for hook in hooks:
            if hook in self._declared_by:
                raise DeclaredTwiceError(hook, self._declared_by[hook], self._declaring)
        steps = [
            HookStep.from_declaration(self, module_or_class, hook)
            for hook in hooks
            if declaration(getattr(module_or_class, hook)) is not None
        ]
        super().add_hookspecs(module_or_class)
        self._declared_by.update(dict.fromkeys(hooks, self._declaring))
        for step in steps:
            super().add_hookspecs(prefetch_hook(step))
            self._hook_steps[step.name] = step

    # -- listing -----------------------------------------------------------------------------------

    def hook_steps(self) -> list[HookStep]:
        """List the steps that are hooks.

        Returns
        -------
        list of `~aia_ccdproc.plugin.hook_step.HookStep`
            In the order of declaration.
        """
        return list(self._hook_steps.values())

    def steps(self) -> dict[str, Step]:
        """List the steps that a recipe can contain.

        Returns
        -------
        dict of str to `Step`
            Steps by name in canonical order. This is the order of declaration, but every step comes before the steps
            that it must precede.
        """
        declared: list[Step] = [*self.hook_steps()]
        declared += [step for answer in reversed(self.hook.prep_steps()) for step in answer]
        ordered: list[Step] = []
        for step in declared:
            successors = [index for index, other in enumerate(ordered) if other.name in step.order.before]
            ordered.insert(min(successors, default=len(ordered)), step)
        return {step.name: step for step in ordered}

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

    def instruments(self, plugin: Plugin | None = None) -> list[Instrument]:
        """List the instruments that the plugins know.

        Parameters
        ----------
        plugin : `Plugin`, optional
            List only those of this plugin.

        Returns
        -------
        list of `~aia_ccdproc.Instrument`
            The core's first.
        """
        return [instrument for answer in self._answers("prep_instruments", plugin) for instrument in answer]

    def resampling_methods(self, plugin: Plugin | None = None) -> dict[str, MethodParameter | None]:
        """List the values that ``method`` of ``register`` can have.

        Parameters
        ----------
        plugin : `Plugin`, optional
            List only those of this plugin.

        Returns
        -------
        dict of str to `~aia_ccdproc.plugin.MethodParameter` or None
            With the parameter of each method, None if it has none. The core's methods first.
        """
        methods: dict[str, MethodParameter | None] = {}
        for answer in self._answers("prep_resampling_methods", plugin):
            methods |= answer if isinstance(answer, dict) else dict.fromkeys(answer)
        return methods

    def engines(self, method: str) -> list[Plugin]:
        """List the plugins that resample by a method.

        Parameters
        ----------
        method : str
            Value of the setting ``method`` of ``register``.

        Returns
        -------
        list of `Plugin`
            In the order in which they are asked.
        """
        return [each for each in self.implementers("prep_resample") if method in self.resampling_methods(each)]

    def broken_note(self) -> str:
        """Return a note about the plugins that cannot be used, to append to an error that they may have caused.

        Returns
        -------
        str
            ``"; could not be loaded: ..."`` with the reasons; empty if all plugins work.
        """
        return f"; could not be loaded: {'; '.join(map(str, self.broken))}" if self.broken else ""

    # -- checks ------------------------------------------------------------------------------------

    def find(self, name: str) -> list[Plugin]:
        """Find the plugins that have a name: that of their distribution or of their entry point.

        Parameters
        ----------
        name : str
            ``"aia-ccdproc-cubic"`` or ``"cubic"``.

        Returns
        -------
        list of `Plugin`
            At least one.

        Raises
        ------
        PluginError
            If no such plugin is installed, or it cannot be used.
        """
        found = [plugin for plugin in self.plugins.values() if plugin.is_called(name)]
        if not found:
            for broken in self.broken:
                if broken.plugin.is_called(name):
                    raise PluginError(f"plugin {name!r} could not be loaded: {broken.reason}")
            if name in PUBLISHED:
                raise PluginError(f"plugin {name!r} is not installed. Run pip install {name}")
            known = sorted({plugin.distribution for plugin in self.plugins.values()})
            raise PluginError(f"plugin {name!r} is not installed; {suggestion(name, known)}")
        return found

    def check_step(self, name: str, plugin: str | None = None) -> None:
        """Check that a step exists and that it is clear which plugin will run it.

        Parameters
        ----------
        name : str
            Name of the step.
        plugin : str, optional
            The plugin that the recipe chooses.

        Raises
        ------
        PluginError
            If the step is unknown, if two plugins declare it or compete for it, or if the chosen plugin does not
            implement it.
        """
        steps = self.steps()
        if name not in steps:
            answer = self.ask("prep_explain_unknown_step", name=name)
            unknown = f"unknown step {name!r}; {hint('step', name, steps)}{self.broken_note()}"
            raise PluginError(answer.value if answer else unknown)
        steps[name].check(plugin)

    def check_method(self, method: str, plugin: str | None = None) -> None:
        """Check that it is clear which engine will resample by a method.

        Parameters
        ----------
        method : str
            Value of the setting ``method`` of ``register``.
        plugin : str, optional
            The plugin that the recipe chooses.

        Raises
        ------
        PluginError
            As by `choose_engines`.
        """
        self.choose_engines(method, plugin)

    def choose_engines(self, method: str, plugin: str | None = None) -> list[Plugin]:
        """Choose the engines that will be asked to resample by a method.

        Parameters
        ----------
        method : str
            Value of the setting ``method`` of ``register``.
        plugin : str, optional
            The plugin that the recipe chooses.

        Returns
        -------
        list of `Plugin`
            All engines that provide the method, in the order in which they are asked. If the chosen plugin is one of
            them, only this one.

        Raises
        ------
        PluginError
            If the method is unknown, if two plugins besides the core provide it, or if the chosen plugin neither
            provides the method nor runs ``register``.
        """
        known = self.resampling_methods()
        if method not in known:
            raise PluginError(f"unknown method {method!r}; {hint('method', method, known)}{self.broken_note()}")
        engines = self.engines(method)
        if plugin is not None:
            found = self.find(plugin)
            distributions = {each.distribution for each in found}
            chosen = [each for each in engines if each.distribution in distributions]
            if chosen:
                return chosen
            if not any(each in found for each in self.implementers("prep_register")):
                others = ", ".join(each.distribution for each in engines)
                raise PluginError(f"plugin {plugin!r} does not provide method {method!r}; plugins that do: {others}")
        competitors = [each for each in self.competitors("prep_resample") if each in engines]
        if len({each.distribution for each in competitors}) > 1:
            raise PluginError(
                f"method {method!r} is provided by {' and by '.join(map(str, competitors))}; "
                f'choose one: plugin = "{competitors[0].distribution}"'
            )
        return engines

    # -- calls -------------------------------------------------------------------------------------

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

    def identify(self, header: fits.Header) -> Instrument:
        """Identify the instrument that took an image.

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
            If a plugin fails.
        """
        answer = self.ask("prep_identify", header=header)
        if answer is None:
            asked = ", ".join(dict.fromkeys(map(str, self.implementers("prep_identify"))))
            keywords = ", ".join(f"{key}={header.get(key)!r}" for key in ("TELESCOP", "INSTRUME", "WAVELNTH"))
            needed = instrument_hint(header.get("TELESCOP"), header.get("INSTRUME"))
            if needed is not None:
                raise InstrumentError(f"unknown instrument: {keywords}. {needed}{self.broken_note()}")
            raise InstrumentError(
                f"unknown instrument: {keywords}; asked: {asked}{self.broken_note()}. "
                'To process images that no plugin knows, set instrument = "generic" in the recipe'
            )
        instrument = answer.value
        if not isinstance(instrument, Instrument):
            raise PluginError(f"identify of {answer.plugin} returned a {type(instrument).__name__}, not an Instrument")
        return instrument

    def pixel_engine(self) -> PixelEngine:
        """Return the loops over the pixels of an image.

        Returns
        -------
        `~aia_ccdproc.plugin.PixelEngine`
            Those of a plugin, or those of the core.

        Raises
        ------
        PluginError
            If a plugin fails.
        """
        from aia_ccdproc.images.pixel_engine import NUMPY_ENGINE, PixelEngine

        answer = self.ask("prep_pixel_engine")
        if answer is None:
            return NUMPY_ENGINE
        if not isinstance(answer.value, PixelEngine):
            returned = type(answer.value).__name__
            raise PluginError(f"pixel_engine of {answer.plugin} returned a {returned}, not a PixelEngine")
        if answer.plugin.distribution == CORE:
            return answer.value
        loops = {field.name: getattr(answer.value, field.name) for field in dataclasses.fields(PixelEngine)}
        # ValueError: a loop refuses damaged data.
        return PixelEngine(
            **{name: loop and self._attribute(loop, name, answer.plugin, ValueError) for name, loop in loops.items()}
        )

    def preload(self) -> None:
        """Have the plugins import what they need to process an image. A plugin that fails to do so is ignored."""
        for plugin in self.implementers("prep_preload"):
            with suppress(PrepError):
                self.call("prep_preload", plugin)

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Make this manager the one that `get_plugin_manager` returns, within a ``with`` block.

        Yields
        ------
        None
            Nothing.
        """
        token = manager_in_use.set(self)
        try:
            yield
        finally:
            manager_in_use.reset(token)

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
        return self._attribute(caller, hook.removeprefix("prep_"), plugin)(**arguments)

    def _attribute(
        self, function: Callable[..., T], name: str, plugin: Plugin, *expected: type[Exception]
    ) -> Callable[..., T]:
        """Make a function whose unexpected exceptions are errors that name the plugin and its line."""
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

    def _answers(self, hook: str, plugin: Plugin | None) -> list[Any]:
        """Call a hook without arguments, of all plugins or of one; the core's answer is the first."""
        if plugin is None:
            return list(reversed(getattr(self.hook, hook)()))
        answers: list[Any] = self.call(hook, plugin)
        return answers

    def _implementations(self, hook: str) -> list[pluggy.HookImpl]:
        """Return the implementations of a hook, wrappers excluded; the last one is called first."""
        return [each for each in getattr(self.hook, hook).get_hookimpls() if not (each.wrapper or each.hookwrapper)]


class DeclaredTwiceError(PluginError):
    """A plugin declares a hook that another plugin has declared.

    Parameters
    ----------
    hook : str
        Name of the hook.
    *plugins : `Plugin` or None
        The plugins that declare it; None for the core.
    """

    def __init__(self, hook: str, *plugins: Plugin | None) -> None:
        self.hook = hook
        names = " and by ".join(plugin.distribution if plugin else CORE for plugin in plugins)
        step = hook.removeprefix("prep_")
        super().__init__(f"{step} is declared by {names}; only one of them can be loaded. {CHOSEN_PLUGINS} chooses")


def _location(error: Exception, implementation: object) -> str:
    """Return the last file and line of a plugin's own package before an error was raised."""
    package = str(getattr(implementation, "__name__", type(implementation).__module__)).partition(".")[0]
    frames = list(traceback.walk_tb(error.__traceback__))
    own = [pair for pair in frames if str(pair[0].f_globals.get("__name__")).partition(".")[0] == package]
    frame, line = (own or frames)[-1]
    return f"{os.path.basename(frame.f_code.co_filename)}, line {line}"  # noqa: PTH119  # also for "<string>"


#: The manager that `get_plugin_manager` returns inside `PrepPluginManager.in_use`.
manager_in_use: ContextVar[PrepPluginManager | None] = ContextVar("aia_ccdproc_plugin_manager", default=None)
