"""``aia-prep pointing``: fetch a pointing table for work without a network, or manage the local cache."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from aia_ccdproc.cli.command import Debug
from aia_ccdproc.cli.console import SOME_FAILED, console, show_error
from aia_ccdproc.errors import PointingError

__all__ = ["pointing"]


class CacheAction(StrEnum):
    """Actions on the local cache."""

    SHOW = "show"
    FILL = "fill"
    CLEAR = "clear"


def pointing(
    start: Annotated[
        str | None,
        typer.Argument(help="A year, a month or a day; or the start of an interval, UTC.", show_default=False),
    ] = None,
    end: Annotated[str | None, typer.Argument(help="End of the interval, UTC.", show_default=False)] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Table to write: .ecsv or .csv.", show_default=False)
    ] = None,
    cache: Annotated[
        CacheAction | None,
        typer.Option(
            "--cache", help="Show the local cache, fill it from START to END, or clear it.", show_default=False
        ),
    ] = None,
    server: Annotated[
        str | None, typer.Option("--server", help="Base URL of another DRMS server.", show_default="JSOC")
    ] = None,
    timeout: Annotated[float, typer.Option("--timeout", min=0.1, help="Time limit of each query in seconds.")] = 60.0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing table.")] = False,
    debug: Debug = False,
) -> None:
    """Fetch a pointing table for work without a network, or manage the local cache."""
    from aia_ccdproc.pointing import commands
    from aia_ccdproc.pointing.settings import PointingSettings

    out = console()
    PointingSettings.of(server=server, timeout=timeout)
    if cache in (CacheAction.SHOW, CacheAction.CLEAR):
        if start is not None or output is not None:
            raise typer.BadParameter(f"--cache {cache} cannot be used together with START, END or --output")
        action = commands.clear_cache if cache is CacheAction.CLEAR else commands.describe_cache
        for line in action(server):
            out.print(line, markup=False)
        return
    if start is None or (output is None) == (cache is None):
        raise typer.BadParameter(
            "give a year, a month, a day, or START and END, and either --output TABLE or --cache fill"
        )
    interval = commands.parse_interval(start, end)
    try:
        if output is not None:
            message = commands.write_table(*interval, output, server=server, timeout=timeout, overwrite=overwrite)
        else:
            message = commands.fill_cache(*interval, server=server, timeout=timeout)
    except PointingError as error:
        show_error(error)
        raise typer.Exit(SOME_FAILED) from None
    out.print(message, markup=False)
