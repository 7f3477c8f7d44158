"""Steps that are hooks."""

from __future__ import annotations

import inspect
import itertools
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from aia_ccdproc.errors import InstrumentError, PluginError, StateError
from aia_ccdproc.plugin.hookspecs import hookspec
from aia_ccdproc.plugin.settings import StepSettings
from aia_ccdproc.plugin.step import Step, StepDeclaration, StepResult, declaration

if TYPE_CHECKING:
    from astropy.io import fits
    from astropy.nddata import CCDData

    from aia_ccdproc.plugin.instrument import Instrument
    from aia_ccdproc.plugin.manager import PrepPluginManager
    from aia_ccdproc.plugin.plugin import Plugin

__all__ = ["HookStep", "prefetch_hook"]

_log = logging.getLogger("aia_ccdproc")

#: Prefix of the names of hooks.
_PREFIX = "prep_"


class HookStep(Step):
    """A step that is the hook ``prep_<name>``.

    Parameters
    ----------
    manager : `~aia_ccdproc.plugin.manager.PrepPluginManager`
        The manager that calls the hook.
    name : str
        Name of the step.
    declared : `~aia_ccdproc.plugin.step.StepDeclaration`
        Its settings, its place in the order of steps, and the hook of its engines.
    summary : str
        What the step does, in one line.
    takes : str
        ``"header"`` or ``"image"``.
    """

    def __init__(
        self, manager: PrepPluginManager, name: str, declared: StepDeclaration, summary: str, takes: str
    ) -> None:
        super().__init__(name, declared.settings, declared.order, summary)
        self._manager = manager
        self._engine_hook = declared.engines
        self._takes = takes

    @classmethod
    def from_declaration(cls, manager: PrepPluginManager, module_or_class: Any, hook: str) -> HookStep:
        """Return the step that a hook specification declares.

        Parameters
        ----------
        manager : `~aia_ccdproc.plugin.manager.PrepPluginManager`
            The manager that calls the hook.
        module_or_class : module or class
            The module or class that contains the specification.
        hook : str
            Name of the hook, ``"prep_<name>"``.

        Returns
        -------
        `HookStep`
            The step.

        Raises
        ------
        PluginError
            If the hook does not have the parameters of a step, or is not declared with ``firstresult=True``.
        """
        function = getattr(module_or_class, hook)
        declared = declaration(function)
        assert declared is not None
        parameters = set(inspect.signature(function).parameters) - {"self"}
        common = {"instrument", "settings", "plugin"} if declared.engines else {"instrument", "settings"}
        if parameters not in ({"header", *common}, {"ccd", *common}):
            raise PluginError(
                f"{hook} cannot be a step: it takes {', '.join(sorted(parameters)) or 'nothing'}. "
                "A step takes header or ccd, instrument and settings; with engines also plugin"
            )
        options = manager.parse_hookspec_opts(module_or_class, hook)
        if not hook.startswith(_PREFIX) or not options or not options["firstresult"]:
            raise PluginError(f"{hook} cannot be a step: declare prep_<name> with @hookspec(firstresult=True)")
        if not (isinstance(declared.settings, type) and issubclass(declared.settings, StepSettings)):
            raise PluginError(f"{hook} cannot be a step: settings={declared.settings!r} is not a StepSettings")
        summary = (inspect.getdoc(function) or "").partition("\n")[0]
        takes = "header" if "header" in parameters else "image"
        return cls(manager, hook.removeprefix(_PREFIX), declared, summary, takes)

    @property
    def hook(self) -> str:
        """The name of the hook.

        Returns
        -------
        str
            ``"prep_register"``.
        """
        return _PREFIX + self.name

    @property
    def takes(self) -> str:  # numpydoc ignore=GL08
        return self._takes

    @property
    def implementers(self) -> list[Plugin]:  # numpydoc ignore=GL08
        return self._manager.implementers(self.hook)

    def check(self, plugin: str | None = None) -> None:  # numpydoc ignore=GL08
        for broken in self._manager.broken:
            if broken.declared_twice == self.hook:
                raise PluginError(broken.reason)
        if plugin is not None and not self._is_engine(plugin):
            self._chosen(plugin)
            return
        for one, other in itertools.combinations(self._manager.competitors(self.hook), 2):
            shared = self._shared_instruments(one, other)
            if shared is not None:
                raise self._conflict(one, other, shared)

    def _shared_instruments(self, one: Plugin, other: Plugin) -> str | None:
        """Return the instruments for which both plugins run the step; None if they have none in common.

        A plugin that lists no instruments is assumed to run the step only for instruments that no plugin lists.
        """
        first, second = ({each.name for each in self._manager.instruments(plugin)} for plugin in (one, other))
        if not first and not second:
            return "any instrument"
        return ", ".join(sorted(first & second)) or None

    def _conflict(self, one: Plugin, other: Plugin, instruments: str) -> PluginError:
        names, choice = [one.distribution, other.distribution], one.distribution
        if one.distribution == other.distribution:  # two entry points
            names, choice = [f"{each.distribution} ({each.name})" for each in (one, other)], one.name
        return PluginError(
            f"{names[0]} and {names[1]} both run {self.name} for {instruments}; "
            f'choose one in the recipe: plugin = "{choice}"'
        )

    def _chosen(self, plugin: str | None) -> list[Plugin]:
        """Return the plugins whose implementations will be called, in this order."""
        if plugin is None or self._is_engine(plugin):
            return self.implementers
        found = self._manager.find(plugin)
        chosen = [each for each in self.implementers if each in found]
        if not chosen:
            known = ", ".join(dict.fromkeys(each.distribution for each in self.implementers)) or "none"
            raise PluginError(f"plugin {plugin!r} does not implement {self.name}; plugins that do: {known}")
        return chosen

    def _is_engine(self, plugin: str) -> bool:
        """Check whether a plugin is an engine of the step but does not implement the step itself."""
        found = self._manager.find(plugin)
        if self._engine_hook is None or any(each in found for each in self.implementers):
            return False
        return any(each in found for each in self._manager.implementers(self._engine_hook))

    def versions(self, settings: StepSettings, plugin: str | None = None) -> list[str]:  # numpydoc ignore=GL08
        involved = (*self._chosen(plugin), *settings.used_plugins(self._manager, plugin))
        return sorted({str(each) for each in involved})

    def prefetch(
        self, headers: Sequence[fits.Header], settings: StepSettings, plugin: str | None = None
    ) -> None:  # numpydoc ignore=GL08
        hook = _prefetch_name(self.name)
        for each in self._manager.implementers(hook):
            if plugin is not None and not each.is_called(plugin):
                continue
            try:
                self._manager.call(hook, each, headers=headers, settings=settings)
            except Exception as error:  # each file then fetches its data itself, or fails
                _log.warning("cannot prefetch for %s with %s: %s: %s", self.name, each, type(error).__name__, error)

    def run(
        self, ccd: CCDData, instrument: Instrument, settings: StepSettings, plugin: str | None = None
    ) -> StepResult:  # numpydoc ignore=GL08
        from astropy.io import fits
        from astropy.nddata import CCDData

        from aia_ccdproc.images.header import complete_header, with_header

        if self.name in instrument.refused_steps:
            raise StateError(
                f"cannot run {self.name} on an image of {instrument.name}: {instrument.refused_steps[self.name]}"
            )
        given: dict[str, Any] = {"header": complete_header(ccd)} if self._takes == "header" else {"ccd": ccd}
        if self._engine_hook is not None:
            given["plugin"] = plugin
        chosen = self._chosen(plugin)
        answer = self._manager.ask(self.hook, chosen, **given, instrument=instrument, settings=settings)
        if answer is None:
            asked = ", ".join(dict.fromkeys(map(str, chosen))) or "no plugin"
            raise InstrumentError(
                f"no plugin runs {self.name} for {instrument.name}; asked: {asked}{self._manager.broken_note()}"
            )
        if self._takes == "header":
            self._check_type(answer.value, fits.Header, answer.plugin)
            return StepResult(with_header(ccd, answer.value), str(answer.plugin))
        self._check_type(answer.value, CCDData, answer.plugin)
        self._check_type(answer.value.header, fits.Header, answer.plugin, "an image whose header is a")
        return StepResult(answer.value, str(answer.plugin))

    def _check_type(self, value: object, wanted: type, plugin: Plugin, what: str = "a") -> None:
        if not isinstance(value, wanted):
            raise PluginError(
                f"{self.name} of {plugin} returned {what} {type(value).__name__}, not a {wanted.__name__}"
            )


def _prefetch_name(step: str) -> str:
    return f"{_PREFIX}prefetch_{step}"


def prefetch_hook(step: Step) -> type:
    """Return the specification of the hook ``prep_prefetch_<step>``.

    Parameters
    ----------
    step : `Step`
        The step.

    Returns
    -------
    type
        A class that contains the specification, for `pluggy.PluginManager.add_hookspecs`.
    """

    @hookspec
    def prefetch(headers: Sequence[fits.Header], settings: StepSettings) -> None:  # numpydoc ignore=PR01
        """Fetch the data that a step will need for the files of a batch that have the same settings."""

    return type("Prefetch", (), {_prefetch_name(step.name): staticmethod(prefetch)})
