"""What a step is: a hook with a place in the chain, and a model of its settings."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from aia_ccdproc.errors import PluginError
from aia_ccdproc.plugin.settings import StepSettings

__all__ = ["Place", "Step", "declared_step", "order_faults", "step"]

F = TypeVar("F", bound=Callable[..., object])


class Place(NamedTuple):
    """Where a step may stand in a recipe."""

    before: tuple[str, ...]
    after: tuple[str, ...]
    repeatable: bool


def step(*, before: tuple[str, ...] = (), after: tuple[str, ...] = (), repeatable: bool = False) -> Callable[[F], F]:
    """Declare a hook ``prep_<name>`` to be the step ``<name>`` of a chain.

    The hook must be a ``hookspec(firstresult=True)`` and take ``header`` or ``ccd`` first, then ``instrument`` and
    ``settings``; the annotation of ``settings`` is the pydantic model of the step's table in a recipe.

    Parameters
    ----------
    before : tuple of str
        Steps that it has to precede, where they are in the recipe.
    after : tuple of str
        Steps that it has to follow, where they are in the recipe.
    repeatable : bool
        Whether a recipe may hold it twice.

    Returns
    -------
    callable
        A decorator; it stands above ``@hookspec``.
    """

    def place(function: F) -> F:
        function.prep_step = Place(before, after, repeatable)  # type: ignore[attr-defined]
        return function

    return place


@dataclass(frozen=True)
class Step:
    """A step of the chain, as its hook declares it."""

    name: str
    hook: str
    takes_header: bool
    settings: type[StepSettings]
    place: Place
    summary: str


def declared_step(hook: str, function: Callable[..., Any]) -> Step:
    """Read off a hook's declaration which step it is.

    Parameters
    ----------
    hook : str
        Name of the hook, ``prep_<step>``.
    function : callable
        Its declaration, marked with `step`.

    Returns
    -------
    `Step`
        The step.

    Raises
    ------
    PluginError
        If it does not take what every step takes.
    """
    parameters = inspect.signature(function).parameters
    if not {"instrument", "settings"} <= set(parameters) or not {"header", "ccd"} & set(parameters):
        raise PluginError(f"{hook} is no step: it takes header or ccd, instrument and settings")
    schema = parameters["settings"].annotation
    if isinstance(schema, str):  # the other annotations may name what is imported for type checking only
        schema = eval(schema, function.__globals__)
    return Step(
        name=hook.removeprefix("prep_"),
        hook=hook,
        takes_header="header" in parameters,
        settings=schema,
        place=function.prep_step,  # type: ignore[attr-defined]
        summary=(inspect.getdoc(function) or "").partition("\n")[0],
    )


def order_faults(steps: Sequence[Step | None]) -> list[tuple[int, str]]:
    """Find what makes no physical sense in the order of a chain, a pair of steps at a time.

    Parameters
    ----------
    steps : sequence of `Step` or None
        The steps, in the order in which they would be run; None where nobody knows which it is.

    Returns
    -------
    list of tuple of int and str
        Index of the later step, and what is wrong with it.
    """
    faults: list[tuple[int, str]] = []
    seen: dict[str, tuple[int, Step]] = {}
    for index, step in enumerate(steps):
        if step is None:
            continue
        if step.name in seen and not step.place.repeatable:
            faults.append((index, f"{step.name} may run only once; it is step {seen[step.name][0] + 1} already"))
        for other, (earlier, before) in seen.items():
            if other in step.place.before or step.name in before.place.after:
                faults.append((index, f"{step.name} must come before {other}, which is step {earlier + 1}"))
        seen.setdefault(step.name, (index, step))
    return faults
