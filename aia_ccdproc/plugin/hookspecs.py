"""The chain: every hook of the core, in canonical order.

A plugin implements these with `hookimpl`; a step is a hook with a place in the chain, given by `step`. A plugin
that brings a step of its own declares it just so, in a class or module that it hands to the manager in
`prep_addhooks`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

from aia_ccdproc.plugin.resampling import TOUCHING_WEIGHT, MethodParameter, Resampled
from aia_ccdproc.plugin.settings import StepSettings
from aia_ccdproc.plugin.step import step

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from astropy.io import fits
    from astropy.wcs import WCS

    from aia_ccdproc.plugin.instrument import Instrument

__all__ = ["PROJECT", "TOUCHING_WEIGHT", "MethodParameter", "Resampled", "hookimpl", "hookspec", "step"]

PROJECT = "aia_ccdproc"
#: Marks a function as the declaration of a hook.
hookspec = pluggy.HookspecMarker(PROJECT)
#: Marks a function as the implementation of a hook.
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def prep_addhooks(manager: pluggy.PluginManager) -> None:
    """Bring hooks of one's own: ``manager.add_hookspecs(my_specs)``.

    Called once for every plugin, after all are loaded and before any other hook.

    Parameters
    ----------
    manager : `~aia_ccdproc.plugin.manager.PrepPluginManager`
        The manager to add the declarations to.
    """


@hookspec(firstresult=True)
def prep_identify(header: fits.Header) -> Instrument | None:
    """Tell which instrument an image is of.

    Called by `~aia_ccdproc.read` and before the first step. Stops at first non-None result.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        Complete header. Not to be changed.

    Returns
    -------
    `~aia_ccdproc.Instrument` or None
        The instrument, or None for a header that is of another.
    """


@hookspec
def prep_instruments() -> list[Instrument]:
    """Name the instruments of this plugin's `prep_identify`.

    Called by ``aia-prep plugins``, and when a recipe names an instrument. All answers are joined.

    Returns
    -------
    list of `~aia_ccdproc.Instrument`
        Those that it may give.
    """
    return []


@hookspec
def prep_before_batch(step: str, headers: Sequence[fits.Header], settings: StepSettings) -> None:
    """Fetch at once what a step will need for a whole batch of files.

    Called once for every step of the recipe, and where its settings differ by image once for each of them, before the
    first file is prepped. All implementations are called. What fails here is logged; every file then fails, or not, by
    itself.

    Parameters
    ----------
    step : str
        Name of the step.
    headers : sequence of `~astropy.io.fits.Header`
        Complete headers of the files that the step will be run on with these settings, read when they are first asked
        for; those that cannot be read are not among them.
    settings : `~aia_ccdproc.plugin.settings.StepSettings`
        The step's table in the recipe.
    """


@hookspec
def prep_resampling_methods() -> list[str] | dict[str, MethodParameter | None]:
    """Name the methods of this plugin's `prep_resample`.

    Called when a recipe is checked and by ``aia-prep steps``. All answers are joined.

    Returns
    -------
    list of str, or dict of str to `~aia_ccdproc.plugin.resampling.MethodParameter` or None
        Values of ``method`` that it takes; as a dict, with the parameter of the method, None for one that has none.
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

    Called by ``register``. Stops at first non-None result. What is resampled is brightness: no pixel-area
    factor is applied.

    Parameters
    ----------
    data : `~numpy.ndarray`
        Image, float32, shape ``(ny, nx)``, finite everywhere: pixels that are flagged hold the
        value of the nearest good one.
    variance : `~numpy.ndarray` or None
        Its variance, float32, same shape, finite everywhere.
    flags : `~numpy.ndarray` or None
        Of type uint8, same shape: 0 good, 1 masked, 2 invalid. None if all are good. Those of the result tell where
        such pixels have, all together, more than `~aia_ccdproc.plugin.resampling.TOUCHING_WEIGHT`.
    input_wcs, output_wcs : `~astropy.wcs.WCS`
        Where the pixels lie and where they shall lie. Both linear where the map between the pixels is
        affine, else both celestial; the transformation is right either way.
    output_shape : tuple of int
        Rows and columns of the target.
    method : str
        One of the names of `prep_resampling_methods`.
    parameter : float or None
        Parameter of the method: its default where the user gives none; None for a method without one.

    Returns
    -------
    `~aia_ccdproc.plugin.resampling.Resampled` or None
        The planes on the target's grid, or None for a method that is another engine's.
    """
