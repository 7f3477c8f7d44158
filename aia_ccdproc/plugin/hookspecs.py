"""The markers, and the hooks that are not steps.

A plugin implements hooks with `hookimpl`. The core declares its steps in ``aia_ccdproc.steps.hookspecs`` with
`prep_addhooks`, like any plugin.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    import numpy as np
    from astropy.io import fits
    from astropy.wcs import WCS

    from aia_ccdproc.images.pixel_engine import PixelEngine
    from aia_ccdproc.plugin.instrument import Instrument
    from aia_ccdproc.plugin.remote import RemoteFile
    from aia_ccdproc.plugin.resampling import MethodParameter, Resampled
    from aia_ccdproc.plugin.step import Step

__all__ = ["PROJECT", "hookimpl", "hookspec"]

PROJECT = "aia_ccdproc"
#: Marks a function as a hook specification.
hookspec = pluggy.HookspecMarker(PROJECT)
#: Marks a function as a hook implementation.
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def prep_addhooks(manager: pluggy.PluginManager) -> None:
    """Declare the hooks of this plugin: ``manager.add_hookspecs(my_specs)``.

    Called once per plugin, after all plugins are registered and before any other hook.

    Parameters
    ----------
    manager : `~aia_ccdproc.plugin.manager.PrepPluginManager`
        The manager to add the declarations to.
    """


@hookspec
def prep_steps() -> list[Step]:
    """Return the steps of this plugin that are objects instead of hooks.

    Called when the steps are listed. All answers are joined.

    Returns
    -------
    list of `~aia_ccdproc.plugin.step.Step`
        The steps.
    """
    return []


@hookspec
def prep_recipes() -> dict[str, str]:
    """Return the recipes that this plugin brings.

    Called when a recipe is loaded by a name that is not built in. All answers are joined. A built-in recipe of the same
    name is used instead. The recipes of a plugin that fails are left out, with a warning.

    Returns
    -------
    dict of str to str
        Their TOML, by name.
    """
    return {}


@hookspec(firstresult=True)
def prep_explain_unknown_step(name: str) -> str | None:
    """Explain why a recipe cannot use a step of this name.

    Called when a recipe names an unknown step. Stops at first non-None result.

    Parameters
    ----------
    name : str
        The name.

    Returns
    -------
    str or None
        The error message, or None if the plugin knows nothing about the name.
    """


@hookspec(firstresult=True)
def prep_inputs(name: str, options: Mapping[str, str]) -> Sequence[RemoteFile] | None:
    """Return the files that an input names, if it is not a file on this machine: a URL, or a query of an archive.

    Called for inputs that start with a scheme, ``"jsoc:"`` for example, before a batch is planned. Must only list the
    files; they are fetched later, if an output must be made from them. Stops at first non-None result.

    Parameters
    ----------
    name : str
        The input, as the user gave it.
    options : mapping of str to str
        Options for archives, as the user gave them: ``{"email": "me@example.org"}``. A plugin that has options raises
        a PrepError for one that it does not know.

    Returns
    -------
    sequence of `~aia_ccdproc.plugin.RemoteFile` or None
        The files, at least one; or None if the plugin does not know the scheme.
    """


@hookspec
def prep_preload() -> None:
    """Import the modules that the other hooks of this plugin import when they are called.

    Called in the process from which the workers of a batch are forked, before it is known which steps they will run.
    The workers then share the modules, and compiled code. Must not start threads. A failure is ignored, because it will
    occur again when an image is processed. All implementations are called.
    """


@hookspec(firstresult=True)
def prep_identify(header: fits.Header) -> Instrument | None:
    """Identify the instrument that took an image.

    Called by `~aia_ccdproc.read` and before the first step. Stops at first non-None result.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        Complete header; must not be changed.

    Returns
    -------
    `~aia_ccdproc.Instrument` or None
        The instrument, or None if the plugin does not know it.
    """


@hookspec
def prep_instruments() -> list[Instrument]:
    """Return the instruments that this plugin's `prep_identify` knows.

    Called by ``aia-prep plugins``, when a recipe names an instrument, and to find out whether two plugins implement a
    step for the same instrument. All answers are joined.

    Returns
    -------
    list of `~aia_ccdproc.Instrument`
        The instruments.
    """
    return []


@hookspec
def prep_resampling_methods() -> list[str] | dict[str, MethodParameter | None]:
    """Return the methods that this plugin's `prep_resample` knows.

    Called when a recipe is checked and by ``aia-prep steps``. All answers are joined. `prep_resample` is only called
    for methods that are listed. A method of the core may be one of them.

    Returns
    -------
    list of str, or dict of str to `~aia_ccdproc.plugin.MethodParameter` or None
        Values of the setting ``method`` of ``register``. A dict also gives the parameter of each method; None for a
        method without one.
    """
    return []


@hookspec(firstresult=True)
def prep_resample(
    data: np.ndarray,
    variance: np.ndarray | None,
    flags: np.ndarray | None,
    input_wcs: WCS,
    output_wcs: WCS,
    output_shape: tuple[int, int],
    method: str,
    parameter: float | None,
) -> Resampled | None:
    """Resample the planes of an image from one WCS to another.

    Called by ``register``. Stops at first non-None result. The image is a surface brightness: no pixel-area factor
    is applied.

    Parameters
    ----------
    data : `~numpy.ndarray`
        Image, float32, shape ``(ny, nx)``, finite everywhere: flagged pixels have the value of the nearest good pixel.
    variance : `~numpy.ndarray` or None
        Variance of the image, float32, same shape, finite everywhere.
    flags : `~numpy.ndarray` or None
        Flags, uint8, same shape: 0 good, 1 masked, 2 invalid; None if all pixels are good. An output pixel is
        flagged if the total weight of such pixels in it is above `~aia_ccdproc.plugin.BAD_WEIGHT_THRESHOLD`.
    input_wcs, output_wcs : `~astropy.wcs.WCS`
        WCS of the image and of the target. Both are linear if the map between their pixels is affine, and both are
        celestial otherwise; the transformation is correct in either case.
    output_shape : tuple of int
        Rows and columns of the target.
    method : str
        One of the names of `prep_resampling_methods`.
    parameter : float or None
        Parameter of the method: the user's value or the default; None for a method without a parameter.

    Returns
    -------
    `~aia_ccdproc.plugin.Resampled` or None
        The planes on the target grid, or None if the engine does not know the method or cannot handle these WCSs.
    """


@hookspec(firstresult=True)
def prep_pixel_engine() -> PixelEngine | None:
    """Return loops over all pixels of an image that are faster than those of the core.

    Called by `~aia_ccdproc.read` and `~aia_ccdproc.write`. Stops at first non-None result. The loops should be imported
    when they are called, not when the hook is.

    Returns
    -------
    `~aia_ccdproc.plugin.PixelEngine` or None
        The loops, or None if they cannot be used on this computer.
    """
