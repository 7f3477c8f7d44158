"""Compilation of loops, and the cache of compiled loops on disk."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

from numba import njit
from numba.core.caching import NullCache

__all__ = ["cached_njit", "call_compiled"]

_compiled: list[Any] = []


def cached_njit(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function at its first call, and cache the result on disk if a folder is writable.

    Parameters
    ----------
    function : callable
        The function. Functions that call each other should be in one file, because numba reuses a cached function as
        long as the file that contains it is unchanged.

    Returns
    -------
    callable
        The function as numba's ``njit`` returns it. It releases the interpreter lock.
    """
    dispatcher: Callable[..., Any]
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}}
    try:
        dispatcher = njit(cache=True, **options)(function)
    except RuntimeError:  # neither the folder of the package nor the user's cache folder is writable
        dispatcher = njit(**options)(function)
    _compiled.append(dispatcher)
    return dispatcher


def call_compiled(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function that compiles loops, and again without the cache on disk if the cache cannot be used.

    Parameters
    ----------
    function : callable
        The function. Calling it twice must do no harm.
    *arguments : object
        Its arguments.

    Returns
    -------
    object
        Its result.
    """
    try:
        return function(*arguments)
    except (OSError, EOFError, pickle.UnpicklingError):  # the cache is truncated, or the disk is full
        for dispatcher in _compiled:
            dispatcher._cache = NullCache()
        return function(*arguments)
