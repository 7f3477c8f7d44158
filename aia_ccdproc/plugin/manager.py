"""The plugin manager: which steps exist, which plugin runs them for an image, and which plugins compete."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from aia_ccdproc.errors import InstrumentError, PluginError, PrepError, suggestion
from aia_ccdproc.plugin import hookspecs
from aia_ccdproc.plugin.hook_manager import HookManager
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

__all__ = ["CHOSEN_PLUGINS", "DeclaredTwiceError", "PrepPluginManager", "manager_in_use"]

#: Environment variable: distributions to load besides the core, separated by commas. Unset: all that are installed.
CHOSEN_PLUGINS = "AIA_CCDPROC_PLUGINS"


class PrepPluginManager(HookManager):
    """Knows the steps, the instruments and the resampling methods of the plugins.

    A new manager has no plugins, not even the core; `aia_ccdproc.plugin.loading.load_plugins` makes one that has.
    """

    def __init__(self) -> None:
        super().__init__()
        #: The installed plugins that cannot be used.
        self.broken: list[BrokenPlugin] = []
        self._hook_steps: dict[str, HookStep] = {}
        self._declared_by: dict[str, Plugin | None] = {}
        self._declaring: Plugin | None = None
        self.add_hookspecs(hookspecs)
        trace_hook_calls(self)

    # -- declarations ------------------------------------------------------------------------------

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
        return [instrument for answer in self.answers("prep_instruments", plugin) for instrument in answer]

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
        for answer in self.answers("prep_resampling_methods", plugin):
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

    # -- images ------------------------------------------------------------------------------------

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
            **{
                name: loop and self.attribute_errors(loop, name, answer.plugin, ValueError)
                for name, loop in loops.items()
            }
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


#: The manager that `get_plugin_manager` returns inside `PrepPluginManager.in_use`.
manager_in_use: ContextVar[PrepPluginManager | None] = ContextVar("aia_ccdproc_plugin_manager", default=None)
