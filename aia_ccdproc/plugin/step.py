"""A step of a recipe: its name, its place in the order of steps, its settings, and the way in which it is run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from aia_ccdproc.plugin.settings import StepSettings

if TYPE_CHECKING:
    from astropy.io import fits
    from astropy.nddata import CCDData

    from aia_ccdproc.plugin.instrument import Instrument
    from aia_ccdproc.plugin.plugin import Plugin

__all__ = ["Step", "StepDeclaration", "StepOrder", "StepResult", "check_order", "declaration", "step"]

F = TypeVar("F", bound=Callable[..., Any])

#: Attribute of a hook specification that `step` sets.
_DECLARATION = "aia_ccdproc_step"


class StepOrder(NamedTuple):
    """Which steps must come after this one, and which before it."""

    before: tuple[str, ...] = ()
    """Steps that this step must precede, if they are in the recipe."""
    after: tuple[str, ...] = ()
    """Steps that this step must follow, if they are in the recipe."""
    repeatable: bool = False
    """Whether a recipe may contain the step twice."""


class StepDeclaration(NamedTuple):
    """What `step` records about a hook specification."""

    settings: type[StepSettings]
    order: StepOrder
    engines: str | None = None
    """The hook of the engines that the step calls."""


class StepResult(NamedTuple):
    """The result of a step."""

    ccd: CCDData
    """The new image."""
    plugin: str
    """Distribution that ran the step, with its version: ``"aia-ccdproc 0.1.0"``."""


class Step(ABC):
    """A step that a recipe can name and a pipeline can run.

    Parameters
    ----------
    name : str
        Name of the step in a recipe.
    settings : type
        Model of the step's table in a recipe, a subclass of `StepSettings`.
    order : `StepOrder`
        Which steps must come before and after it.
    summary : str
        What the step does, in one line.
    """

    def __init__(self, name: str, settings: type[StepSettings], order: StepOrder, summary: str) -> None:
        self.name = name
        self.settings = settings
        self.order = order
        self.summary = summary

    @property
    def takes(self) -> str:
        """What the step works on.

        Returns
        -------
        str
            ``"header"`` or ``"image"``.
        """
        return "image"

    @property
    def implementers(self) -> list[Plugin]:
        """The plugins that implement the step.

        Returns
        -------
        list of `~aia_ccdproc.plugin.plugin.Plugin`
            In the order in which they are asked.
        """
        return []

    def check(self, plugin: str | None = None) -> None:  # noqa: B027  # optional: most steps have no conflicts
        """Check that it is clear which plugin will run the step.

        Parameters
        ----------
        plugin : str, optional
            The plugin that the recipe chooses.

        Raises
        ------
        PluginError
            If two plugins compete, or the chosen plugin does not implement the step.
        """

    @abstractmethod
    def versions(self, settings: StepSettings, plugin: str | None = None) -> list[str]:
        """Return the distributions that may take part in running the step.

        Parameters
        ----------
        settings : `StepSettings`
            The step's settings.
        plugin : str, optional
            The plugin that the recipe chooses.

        Returns
        -------
        list of str
            Names with versions, sorted; part of RECIPEID.
        """

    def prefetch(  # noqa: B027  # optional
        self, headers: Sequence[fits.Header], settings: StepSettings, plugin: str | None = None
    ) -> None:
        """Fetch the data that the step will need for a batch of files.

        Called once for all files of a batch for which the step has the same settings.

        Parameters
        ----------
        headers : sequence of `~astropy.io.fits.Header`
            Complete headers of the files.
        settings : `StepSettings`
            The step's settings.
        plugin : str, optional
            The plugin that the recipe chooses.
        """

    @abstractmethod
    def run(
        self, ccd: CCDData, instrument: Instrument, settings: StepSettings, plugin: str | None = None
    ) -> StepResult:
        """Run the step on an image.

        Parameters
        ----------
        ccd : `~astropy.nddata.CCDData`
            The image, shape ``(ny, nx)``; not changed.
        instrument : `~aia_ccdproc.Instrument`
            The instrument of the image.
        settings : `StepSettings`
            The step's settings.
        plugin : str, optional
            The plugin that the recipe chooses.

        Returns
        -------
        `StepResult`
            The new image, and the distribution that made it.

        Raises
        ------
        PrepError
            If the step cannot be run on the image.
        """


def step(
    *,
    settings: type[StepSettings],
    before: Sequence[str] = (),
    after: Sequence[str] = (),
    repeatable: bool = False,
    engines: str | None = None,
) -> Callable[[F], F]:
    """Declare the hook specification ``prep_<name>`` as the step ``<name>``.

    The decorator is written above ``@hookspec(firstresult=True)``. The hook takes ``header`` (a header hook) or ``ccd``
    (an image hook), ``instrument`` and ``settings``. The first line of its docstring is the summary of the step. The
    hook ``prep_prefetch_<name>(headers, settings)`` is declared together with the step.

    Parameters
    ----------
    settings : type
        Model of the step's table in a recipe, a subclass of `StepSettings`.
    before : sequence of str
        Steps that this step must precede, if they are in the recipe.
    after : sequence of str
        Steps that this step must follow, if they are in the recipe.
    repeatable : bool
        Whether a recipe may contain the step twice.
    engines : str, optional
        Name of a hook that the step calls to do a part of its work. The key ``plugin`` of a recipe can then also choose
        one of the plugins that implement this hook, and the hook of the step takes ``plugin`` as well.

    Returns
    -------
    callable
        A decorator.
    """
    order = StepOrder(tuple(before), tuple(after), repeatable)

    def declare(function: F) -> F:
        setattr(function, _DECLARATION, StepDeclaration(settings, order, engines))
        return function

    return declare


def declaration(function: object) -> StepDeclaration | None:
    """Return what `step` recorded about a hook specification.

    Parameters
    ----------
    function : callable
        The hook specification.

    Returns
    -------
    `StepDeclaration` or None
        None if the function does not declare a step.
    """
    return getattr(function, _DECLARATION, None)


def check_order(steps: Sequence[Step | None]) -> list[tuple[int, str]]:
    """Find the steps of a chain that are in the wrong order or repeated.

    Parameters
    ----------
    steps : sequence of `Step` or None
        The steps in the order in which they would be run; None for an unknown step.

    Returns
    -------
    list of (int, str)
        Index of the later of two steps, and a description of the problem.
    """
    problems: list[tuple[int, str]] = []
    first_index: dict[str, int] = {}
    for index, current in enumerate(steps):
        if current is None:
            continue
        for name, earlier_index in first_index.items():
            earlier, number = steps[earlier_index], earlier_index + 1
            if name == current.name:
                if not current.order.repeatable:
                    problems.append((index, f"{name} may run only once; it is already step {number}"))
            elif name in current.order.before or (earlier and current.name in earlier.order.after):
                problems.append((index, f"{current.name} must come before {name}, which is step {number}"))
        first_index.setdefault(current.name, index)
    return problems
