"""The plugins of this project: which of them knows an instrument, a step, a method or a recipe that is unknown here."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Iterable

from aia_ccdproc.errors import nearest_name, suggestion

__all__ = ["PUBLISHED", "function_hint", "hint", "instrument_hint"]

#: What each plugin of this project adds: kinds of names, and the names.
PUBLISHED: dict[str, dict[str, tuple[str, ...]]] = {
    "aia-ccdproc-cubic": {"method": ("cubic-convolution", "cubic-spline")},
    "aia-ccdproc-degradation": {"step": ("correct_degradation",)},
    "aia-ccdproc-hmi": {"instrument": ("HMI",)},
    "aia-ccdproc-jsoc": {"step": ("refresh_keywords",), "input": ("jsoc",)},
    "aia-ccdproc-limb": {"step": ("measure_limb",)},
    "aia-ccdproc-noise": {"step": ("estimate_uncertainty",)},
    "aia-ccdproc-psf": {"step": ("deconvolve",), "recipe": ("level1.5-psf",)},
    "aia-ccdproc-respike": {"step": ("respike", "despike")},
}


def hint(kind: str, name: str, known: Iterable[str]) -> str:
    """Return a hint for the error message about an unknown name.

    Parameters
    ----------
    kind : {"step", "method", "recipe", "input"}
        What the name is the name of.
    name : str
        The name.
    known : iterable of str
        The names that are known.

    Returns
    -------
    str
        ``"it is in aia-ccdproc-psf, which is not installed. Run pip install aia-ccdproc-psf"`` if a plugin of this
        project knows the name. Otherwise ``"did you mean 'register'?"`` or ``"available: a, b, c"``; if the most
        similar name is that of a plugin of this project, the plugin is named.
    """
    names = list(known)
    plugins = {each: plugin for plugin, kinds in PUBLISHED.items() for each in kinds.get(kind, ())}
    if name in plugins:
        return f"it is in {_missing(plugins[name])}"
    nearest = nearest_name(name, [*names, *plugins])
    if nearest is None or nearest in names:
        return suggestion(name, names)
    return f"did you mean {nearest!r}? It is in {_missing(plugins[nearest])}"


def instrument_hint(*values: object) -> str | None:
    """Return a hint for the error message about an image whose instrument is unknown.

    Parameters
    ----------
    *values : object
        The values of TELESCOP and INSTRUME.

    Returns
    -------
    str or None
        ``"HMI images need aia-ccdproc-hmi, which is not installed. Run pip install aia-ccdproc-hmi"``; None if no
        plugin of this project knows the instrument.
    """
    words = {word for value in values for word in re.split(r"[^A-Z]+", str(value))}
    for plugin, kinds in PUBLISHED.items():
        for name in kinds.get("instrument", ()):
            if name in words:
                return f"{name} images need {_missing(plugin)}"
    return None


def function_hint(name: str) -> str | None:
    """Return a hint for the error message about a function that the core does not have.

    Parameters
    ----------
    name : str
        Name of the function.

    Returns
    -------
    str or None
        ``"run: from aia_ccdproc_psf import deconvolve"``, after where the plugin is to be installed if it is not; None
        if no plugin of this project has it.
    """
    for plugin, kinds in PUBLISHED.items():
        if name in kinds.get("step", ()):
            line = f"from {plugin.replace('-', '_')} import {name}"
            return f"run: {line}" if _is_installed(plugin) else f"it is in {_missing(plugin)}, then: {line}"
    return None


def _missing(plugin: str) -> str:
    if _is_installed(plugin):
        return f"{plugin}, which is installed but is not loaded"
    return f"{plugin}, which is not installed. Run pip install {plugin}"


def _is_installed(plugin: str) -> bool:
    try:
        importlib.metadata.version(plugin)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
