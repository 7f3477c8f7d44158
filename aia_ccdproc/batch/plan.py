"""Plan a batch: decide what to do with each file before any file is processed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from aia_ccdproc.batch.fetching import fetch_file
from aia_ccdproc.batch.inputs import Input
from aia_ccdproc.errors import SettingsError, WriteError
from aia_ccdproc.images.names import NamePattern, is_fits_name
from aia_ccdproc.recipe.output import OutputSettings
from aia_ccdproc.recipe.recipe import Recipe
from aia_ccdproc.report.results import FileResult, failed_result

__all__ = ["Job", "make_plan", "name_output"]

#: The default name of outputs in version 0.1. An output of that name is found again.
_FORMER_PATTERN = NamePattern("{stem}_lev1p5.fits")


class Job(NamedTuple):
    """A file to prep, and the output to make from it."""

    path: Path
    output: Path
    #: Source of a file that is fetched from an archive, as in `~aia_ccdproc.plugin.RemoteFile`.
    source: str = ""


def name_output(inputs: Sequence[Input], recipe: Recipe, output: Path) -> tuple[Recipe, Path]:
    """Find the output folder, and the name of the output if the user gave it.

    Parameters
    ----------
    inputs : sequence of `~aia_ccdproc.batch.inputs.Input`
        The files.
    recipe : `~aia_ccdproc.Recipe`
        The recipe.
    output : `~pathlib.Path`
        A folder; or the name of a FITS file, if there is only one input.

    Returns
    -------
    recipe : `~aia_ccdproc.Recipe`
        The recipe, with the name of the output in its ``[output]`` table.
    folder : `~pathlib.Path`
        The folder of the outputs.

    Raises
    ------
    SettingsError
        If the output is the name of a FITS file, and there are several inputs, or its name is hidden or does not end
        with ``.fits`` or ``.fits.gz``.
    """
    if not is_fits_name(output) or output.is_dir():
        return recipe, output
    if len(inputs) != 1:
        raise SettingsError(
            f"the output {output} is the name of one file, but there are {len(inputs)} input files. Name a folder"
        )
    pattern = output.name.replace("{", "{{").replace("}", "}}")
    try:
        settings = OutputSettings.of(**recipe.output.model_dump() | {"name": pattern})
    except SettingsError as error:
        raise SettingsError(f"the output {output} cannot be written: {error}") from None
    return replace(recipe, output=settings), output.parent


def make_plan(inputs: Sequence[Input], recipe: Recipe, folder: Path) -> list[Job | FileResult]:
    """Decide what to do with each file.

    Parameters
    ----------
    inputs : sequence of `~aia_ccdproc.batch.inputs.Input`
        The files.
    recipe : `~aia_ccdproc.Recipe`
        The recipe; its ``[select]`` and ``[output]`` tables are used.
    folder : `~pathlib.Path`
        Folder of the outputs.

    Returns
    -------
    list of `Job` or `FileResult`
        For each file, in the order of the inputs, a job; or a result, if the file is not selected or its header cannot
        be used. Headers are read only if the recipe needs a keyword; a file whose header is not known is fetched. A
        file that was found in a folder or with a pattern is omitted if it is the output of another input: it comes
        from an earlier run in the same folder.

    Raises
    ------
    WriteError
        If two files would have the same output, or an output would replace an input.
    """
    pattern = recipe.output.pattern
    planned = [_plan_file(found, recipe, pattern, folder) for found in inputs]
    job_by_output = {entry.output.resolve(): entry for entry in planned if isinstance(entry, Job)}
    plan: list[Job | FileResult] = []
    input_by_output: dict[Path, Path] = {}
    for found, entry in zip(inputs, planned, strict=True):
        job = job_by_output.get(found.path.resolve())
        if job is not None:
            if found.named or job.path == found.path:
                raise WriteError(f"the output {job.output} would replace an input. Choose another output folder")
            continue
        if isinstance(entry, Job):
            other = input_by_output.setdefault(entry.output.resolve(), entry.path)
            if other is not entry.path:
                raise WriteError(
                    f"{other} and {entry.path} would both be written to {entry.output}. Process them in separate runs, "
                    'or use keywords in the names of the outputs: [output] name = "{stem}_{T_OBS}.fits"'
                )
        plan.append(entry)
    return plan


def _plan_file(found: Input, recipe: Recipe, pattern: NamePattern, folder: Path) -> Job | FileResult:
    path, remote, header = found.path, found.remote, None
    try:
        if recipe.select or pattern.keywords:
            from aia_ccdproc.io import read_header

            header = remote.header() if remote else None
            if header is None:
                if remote:
                    fetch_file(remote, path)
                header = read_header(path, hdu=recipe.hdu)
            mismatch = recipe.mismatch(header)
            if mismatch is not None:
                return FileResult(path, "skipped", reason=mismatch)
        output = _existing_or_new(path, folder / pattern.fill(path, header), recipe, folder)
        return Job(path, output, remote.source if remote else "")
    except Exception as error:  # whatever a header contains, or a plugin does with it, must not end the batch
        return failed_result(path, error)


def _existing_or_new(path: Path, output: Path, recipe: Recipe, folder: Path) -> Path:
    """Return the output under the default name of version 0.1 if it exists, so that an old batch can be continued."""
    if recipe.output.name == OutputSettings().name:
        former = folder / _FORMER_PATTERN.fill(path)
        if former != output and former.exists() and not output.exists():
            return former
    return output
