"""``aia-prep run``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from aia_ccdproc.cli.console import DONE, SOME_FAILED, show_error
from aia_ccdproc.errors import PrepError
from aia_ccdproc.parallel import cores, keep_freed_memory, start_server

__all__ = ["run"]


class Compression(StrEnum):
    """Tile compression of the outputs."""

    NONE = "none"
    RICE = "rice"
    LOSSLESS = "lossless"


def run(
    files: Annotated[
        list[str], typer.Argument(help="Level-1 FITS files, folders of such, or patterns.", show_default=False)
    ],
    output: Annotated[str, typer.Option("--output", "-o", help="Folder for the outputs.", show_default=False)],
    recipe: Annotated[
        str, typer.Option("--recipe", "-r", help="A built-in recipe's name, or the path of a TOML file.")
    ] = "level1.5",
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", "-j", min=1, help="Processes side by side.", show_default="the cores there are"),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            "--scheduler", help="A dask.distributed scheduler, whose workers do the work.", show_default=False
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace outputs that stem from another recipe or input.")
    ] = False,
    compression: Annotated[
        Compression | None,
        typer.Option("--compression", help="Tile-compress the outputs.", show_default="the recipe's"),
    ] = None,
    report: Annotated[
        list[Path] | None, typer.Option("--report", help="Write a report: .json or .html.", show_default=False)
    ] = None,
    quicklook: Annotated[bool, typer.Option("--quicklook", help="Draw a PNG beside each output.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Tell more of each file.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Tell only what fails.")] = False,
) -> None:
    """Prep files by a recipe. One that fails does not stop the others; one that is done already is left alone."""
    one_file = len(files) == 1 and Path(files[0]).is_file()
    jobs = jobs or (1 if one_file else cores())
    if jobs > 1 and scheduler is None:
        start_server()  # it imports what this process does, at the same time
    from aia_ccdproc.batch.run import run as run_batch
    from aia_ccdproc.cli.progress import progress

    if not output:
        raise typer.BadParameter("--output is empty")
    if verbose and quiet:
        raise typer.BadParameter("--verbose and --quiet contradict each other")
    keep_freed_memory()
    failed = False
    with progress(verbose - quiet) as shown:
        try:
            run_batch(
                files,
                recipe,
                output,
                jobs=jobs,
                scheduler=scheduler,
                overwrite=overwrite or None,
                compression=compression.value if compression else None,
                report=report or (),
                quicklook=quicklook,
                observer=shown,
            )
        except PrepError as error:
            if not shown.counts:
                raise
            show_error(error)  # of a report, say; what was done is done
            failed = True
    if shown.counts and not quiet:
        shown.tell(shown.summary())
    raise typer.Exit(SOME_FAILED if failed or shown.counts["failed"] else DONE)
