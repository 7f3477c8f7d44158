"""Functions of CCDData that also take sunpy Maps. sunpy is imported only if the caller has a Map."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, TypeVar, cast

from aia_ccdproc.lazy import is_instance

if TYPE_CHECKING:
    from astropy.nddata import CCDData

__all__ = ["accepts_maps"]

P = ParamSpec("P")
ImageT = TypeVar("ImageT")


class _ImageFunction(Protocol[P]):
    """A function that returns what it takes: a CCDData, a Map or a MapSequence."""

    def __call__(self, ccd: ImageT, *args: P.args, **kwargs: P.kwargs) -> ImageT: ...


def accepts_maps(function: Callable[Concatenate[CCDData, P], CCDData]) -> _ImageFunction[P]:
    """Make a function of a CCDData also take a sunpy Map or a MapSequence.

    Parameters
    ----------
    function : callable
        Function whose first argument is a `~astropy.nddata.CCDData`, and that returns a new one. It neither changes its
        image nor returns the pixels of it.

    Returns
    -------
    callable
        The same function. For a `~sunpy.map.GenericMap` it returns a Map, and for a `~sunpy.map.MapSequence` a
        MapSequence. Anything else than these and a CCDData raises a TypeError. sunpy is not imported.
    """

    @functools.wraps(function)
    def wrapper(ccd: Any, *args: P.args, **kwargs: P.kwargs) -> Any:
        if is_instance(ccd, "astropy.nddata", "CCDData"):
            return function(ccd, *args, **kwargs)
        if is_map(ccd):
            from aia_ccdproc.plugin.maps import from_map, to_map

            return to_map(function(from_map(ccd, copy=False), *args, **kwargs), copy=False)
        if is_instance(ccd, "sunpy.map.mapsequence", "MapSequence"):
            return type(ccd)(*[_run_on_member(wrapper, i, ccd, args, kwargs) for i in range(len(ccd))])
        raise TypeError(
            f"{function.__name__} takes a CCDData, a sunpy Map or a MapSequence, not {describe_type(ccd)}. "
            "Read a file with aia_ccdproc.read"
        )

    return cast("_ImageFunction[P]", wrapper)


def _run_on_member(function: Callable[..., Any], index: int, sequence: Any, args: Any, kwargs: Any) -> Any:
    """Run a function on one Map of a sequence. An error names the Map."""
    try:
        return function(sequence[index], *args, **kwargs)
    except Exception as error:
        error.add_note(f"Map {index} of the {len(sequence)} Maps in the MapSequence")
        raise


def is_map(value: object) -> bool:
    """Check whether a value is a sunpy Map, without importing sunpy.

    Parameters
    ----------
    value : object
        The value.

    Returns
    -------
    bool
        True for a `~sunpy.map.GenericMap`.
    """
    return is_instance(value, "sunpy.map.mapbase", "GenericMap")


def describe_type(value: object) -> str:
    """Name the type of a value for an error message.

    Parameters
    ----------
    value : object
        The value.

    Returns
    -------
    str
        ``"a value of type str"``.
    """
    return f"a value of type {type(value).__name__}"
