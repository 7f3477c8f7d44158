"""The resampling engine that the settings of ``register`` choose."""

from __future__ import annotations

from typing import NamedTuple, Self

from astropy.wcs import WCS

from aia_ccdproc.errors import PluginError
from aia_ccdproc.plugin.loading import get_plugin_manager
from aia_ccdproc.plugin.manager import PrepPluginManager
from aia_ccdproc.plugin.plugin import Plugin
from aia_ccdproc.plugin.resampling import Resampled, resolve_parameter
from aia_ccdproc.steps.planes import Planes
from aia_ccdproc.steps.settings import RegistrationSettings

__all__ = ["ChosenEngine"]


class ChosenEngine(NamedTuple):
    """The plugins that are asked in turn to resample by one method."""

    manager: PrepPluginManager
    plugins: list[Plugin]
    method: str
    parameter: float | None

    @classmethod
    def of(cls, settings: RegistrationSettings, plugin: str | None) -> Self:
        """Return the engine for the settings of ``register``.

        Parameters
        ----------
        settings : `~aia_ccdproc.steps.settings.RegistrationSettings`
            The settings.
        plugin : str or None
            The plugin that the user chose.

        Returns
        -------
        `ChosenEngine`
            The engine.

        Raises
        ------
        PluginError
            If no plugin provides the method, or the chosen one does not.
        SettingsError
            If the parameter is out of range, or the method has none.
        """
        manager = get_plugin_manager()
        plugins = manager.choose_engines(settings.method, plugin)
        parameter = resolve_parameter(settings.method, settings.parameter, manager.resampling_methods())
        return cls(manager, plugins, settings.method, parameter)

    def resample(
        self, planes: Planes, input_wcs: WCS, output_wcs: WCS, shape: tuple[int, int]
    ) -> tuple[Resampled, Plugin]:
        """Resample the planes of an image.

        Parameters
        ----------
        planes : `~aia_ccdproc.steps.planes.Planes`
            The planes.
        input_wcs, output_wcs : `~astropy.wcs.WCS`
            WCSs of input and output, as `~aia_ccdproc.steps.wcs_pair.wcs_pair` returns them.
        shape : tuple of int
            Rows and columns of the output.

        Returns
        -------
        tuple of `~aia_ccdproc.plugin.Resampled` and `~aia_ccdproc.plugin.plugin.Plugin`
            The planes on the output grid, and the plugin that made them.

        Raises
        ------
        PluginError
            If no plugin resamples onto this grid, or its result is not valid.
        """
        answer = self.manager.ask(
            "prep_resample",
            self.plugins,
            **planes._asdict(),
            input_wcs=input_wcs,
            output_wcs=output_wcs,
            output_shape=shape,
            method=self.method,
            parameter=self.parameter,
        )
        if answer is None:
            asked = ", ".join(dict.fromkeys(map(str, self.plugins)))
            raise PluginError(
                f"no engine resamples by method {self.method!r} between these two WCSs; asked: {asked}"
                f"{self.manager.broken_note()}. If plugin is set, leave it out: the core resamples between any two"
            )
        if not isinstance(answer.value, Resampled):
            raise PluginError(f"resample of {answer.plugin} returned a {type(answer.value).__name__}, not a Resampled")
        return answer.value, answer.plugin
