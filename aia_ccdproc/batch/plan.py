"""What is to be done in a batch, found out before any of it is done."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from astropy.io import fits

from aia_ccdproc.batch.inputs import Input
from aia_ccdproc.errors import PrepError, WriteError
from aia_ccdproc.images.names import NamePattern
from aia_ccdproc.recipe.recipe import Recipe
from aia_ccdproc.report.results import FileResult

__all__ = ["Job", "make_plan"]


class Job(NamedTuple):
    """A file to prep, and the output to make of it."""

    path: Path
    output: Path


def make_plan(inputs: Sequence[Input], recipe: Recipe, folder: Path) -> list[Job | FileResult]:
    """Say what is to be done with each file.

    Parameters
    ----------
    inputs : sequence of `~aia_ccdproc.batch.inputs.Input`
        The files.
    recipe : `~aia_ccdproc.Recipe`
        The recipe; its ``[select]`` and ``[output]`` tables count here.
    folder : `~pathlib.Path`
        Folder of the outputs.

    Returns
    -------
    list of `Job` or `FileResult`
        For each file, in their order, a job, or a result if there is nothing to be done: not selected, or no header to
        tell by. Headers are read only if the recipe asks for something in them. Files that were found, and not named,
        and are the output of another are left out: they stem from an earlier run in the same folder.

    Raises
    ------
    WriteError
        If two files would have one output, one would replace an input, or one would leave the folder.
    """
    pattern = NamePattern(recipe.output.name)
    planned = [_place(found.path, recipe, pattern, folder) for found in inputs]
    targets = {each.output.resolve(): each for each in planned if isinstance(each, Job)}
    plan: list[Job | FileResult] = []
    taken: dict[Path, Path] = {}
    for found, each in zip(inputs, planned, strict=True):
        maker = targets.get(found.path.resolve())
        if maker is not None and (found.named or maker.path == found.path):
            raise WriteError(f"{maker.output} is an input; choose another output folder")
        if maker is not None:
            continue
        if isinstance(each, Job):
            other = taken.setdefault(each.output.resolve(), each.path)
            if other is not each.path:
                raise WriteError(
                    f"{other} and {each.path} would both be written to {each.output}; run them apart, or have "
                    'keywords in the name: [output] name = "{stem}_{T_OBS}.fits"'
                )
        plan.append(each)
    return plan


def _place(path: Path, recipe: Recipe, pattern: NamePattern, folder: Path) -> Job | FileResult:
    try:
        header = recipe.read_header(path) if recipe.select or pattern.keywords else fits.Header()
        reason = recipe.why_not(header)
        if reason:
            return FileResult(path, "skipped", reason=reason)
        return Job(path, folder / pattern.fill(path, header))
    except WriteError as error:
        raise WriteError(f"{path}: {error}") from None
    except PrepError as error:
        return FileResult(path, "failed", error=f"{type(error).__name__}: {error}")
