"""The command ``aia-prep run``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aia_ccdproc.cli.archives import (
    ChannelsOption,
    CutoutOption,
    EmailOption,
    EveryOption,
    ForOption,
    FromOption,
    SpikesOption,
    WaitOption,
    archive_options,
    images_query,
)
from aia_ccdproc.cli.command import Debug
from aia_ccdproc.cli.console import DONE, SOME_FAILED, WRONG_USAGE, escape_text, show_error
from aia_ccdproc.cli.options import PointingOption, RecipeOption, SetOption, load_changed_recipe
from aia_ccdproc.errors import PrepError
from aia_ccdproc.images.compression import Compression
from aia_ccdproc.parallel import available_cpus, retain_freed_memory, start_forkserver

if TYPE_CHECKING:
    from aia_ccdproc.cli.progress import LineProgress
    from aia_ccdproc.report.quicklook import QuicklookOptions

__all__ = ["run"]


def run(
    output: Annotated[
        str,
        typer.Option(
            "--output", "-o", help="Folder for the outputs; for one file also the output, a .fits.", show_default=False
        ),
    ],
    files: Annotated[
        list[str] | None,
        typer.Argument(
            help="Level-1 FITS files, folders that contain them, patterns, URLs, or queries (jsoc:...).",
            show_default=False,
        ),
    ] = None,
    recipe: RecipeOption = "level1.5",
    pointing: PointingOption = None,
    settings: SetOption = None,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", "-j", min=1, help="Number of worker processes.", show_default="the available CPUs"),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            "--scheduler", help="Address of a dask.distributed scheduler whose workers are used.", show_default=False
        ),
    ] = None,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Replace outputs that were made with another recipe or from another input."),
    ] = False,
    compression: Annotated[
        Compression | None,
        typer.Option("--compression", help="Tile compression of the outputs.", show_default="as in the recipe"),
    ] = None,
    report: Annotated[
        list[Path] | None,
        typer.Option("--report", help="Write a report: .json or .html. Can be repeated.", show_default=False),
    ] = None,
    quicklook: Annotated[bool, typer.Option("--quicklook", help="Draw a PNG beside each output.")] = False,
    quicklook_size: Annotated[
        int | None,
        typer.Option("--quicklook-size", help="Longer side of the image in the PNG, pixels.", show_default="1024"),
    ] = None,
    quicklook_light: Annotated[
        bool, typer.Option("--quicklook-light", help="Draw the PNG with a light background.")
    ] = False,
    keep_level1: Annotated[
        bool, typer.Option("--keep-level1", help="Keep the files that are fetched, in the folder level1 of the output.")
    ] = False,
    start: FromOption = None,
    duration: ForOption = None,
    every: EveryOption = None,
    channels: ChannelsOption = None,
    email: EmailOption = None,
    wait: WaitOption = None,
    cutout: CutoutOption = None,
    spikes: SpikesOption = False,
    verbose: Annotated[
        bool,
        typer.Option(
            "--verbose", "-v", help="Also list unchanged and skipped files, times, and tracebacks of unexpected errors."
        ),
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="List only files that fail.")] = False,
    debug: Debug = False,
) -> None:
    """Prep files with a recipe.

    A file that fails does not stop the others. A file whose output is up to date is not prepped again.
    """
    inputs = [*(files or ()), *images_query(start, duration, every, channels)]
    if not inputs:
        raise typer.BadParameter("name a file, a folder or a query, or give --from and --channels.")
    is_one_file = len(inputs) == 1 and Path(inputs[0]).is_file()
    jobs = jobs or (1 if is_one_file else available_cpus())
    if jobs > 1 and scheduler is None:
        start_forkserver(jobs)  # it imports what the workers need, while this process plans the batch
    from aia_ccdproc.batch.run import run as run_batch
    from aia_ccdproc.batch.signals import BatchInterrupted
    from aia_ccdproc.cli.progress import show_progress

    if not output:
        raise typer.BadParameter("--output is empty. Name a folder.")
    if verbose and quiet:
        raise typer.BadParameter("--verbose and --quiet cannot be used together.")
    retain_freed_memory()
    has_failed = False
    with show_progress(verbose - quiet) as display:
        try:
            run_batch(
                inputs,
                load_changed_recipe(recipe, settings, pointing),
                output,
                jobs=jobs,
                scheduler=scheduler,
                overwrite=overwrite or None,
                compression=compression,
                report=report or (),
                quicklook=_quicklook_options(quicklook, quicklook_size, quicklook_light),
                keep_level1=keep_level1,
                input_options=archive_options(email, wait, cutout, spikes),
                progress=display,
            )
        except BatchInterrupted as interruption:
            raise typer.Exit(128 + interruption.number) from None
        except PrepError as error:
            show_error(error, verbose=verbose)
            if not display.counts:
                raise typer.Exit(WRONG_USAGE) from None
            has_failed = True  # after the files were prepped: a report could not be written, for example
    if display.counts and not quiet:
        display.print_line(display.summary())
        if written := _describe_written(display, Path(output), () if has_failed else report or ()):
            display.print_line(escape_text(written))
    raise typer.Exit(SOME_FAILED if has_failed or display.counts["failed"] else DONE)


def _quicklook_options(wanted: bool, size: int | None, light: bool) -> bool | QuicklookOptions:
    options: QuicklookOptions = {}
    if size is not None:
        options["size"] = size
    if light:
        options["background"] = "light"
    return options or wanted


def _describe_written(display: LineProgress, output: Path, reports: Iterable[Path]) -> str:
    """Name the output folder, or the output, and the reports."""
    has_outputs = display.counts["done"] or display.counts["unchanged"]
    parts = [f"{'output' if output.is_file() else 'outputs in'} {output}"] if has_outputs else []
    return "; ".join([*parts, *(f"report {path}" for path in reports)])
