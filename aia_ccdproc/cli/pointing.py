"""``aia-prep pointing``: tables for work without a network, and the local cache."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from aia_ccdproc.cli.console import SOME_FAILED, console, show_error
from aia_ccdproc.errors import PointingError

__all__ = ["pointing"]


class CacheAction(StrEnum):
    """What to do with the local cache."""

    SHOW = "show"
    FILL = "fill"
    CLEAR = "clear"


def pointing(
    start: Annotated[str | None, typer.Argument(help="From when, UTC.", show_default=False)] = None,
    end: Annotated[str | None, typer.Argument(help="To when, UTC.", show_default=False)] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The table to write: .ecsv or .csv.", show_default=False)
    ] = None,
    cache: Annotated[
        CacheAction | None,
        typer.Option(
            "--cache", help="Show the local cache, fill it for START to END, or clear it.", show_default=False
        ),
    ] = None,
    server: Annotated[
        str | None, typer.Option("--server", help="Base URL of another DRMS server.", show_default="JSOC")
    ] = None,
    timeout: Annotated[float, typer.Option("--timeout", min=0.1, help="Seconds after which to give up.")] = 60.0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a table that is there already.")] = False,
) -> None:
    """Fetch a pointing table for work without a network, or see to the local cache."""
    from aia_ccdproc.pointing import commands as pointing_store
    from aia_ccdproc.pointing.settings import PointingSettings

    out = console()
    if cache in (CacheAction.SHOW, CacheAction.CLEAR):
        if start is not None or output is not None:
            raise typer.BadParameter(f"--cache {cache} takes neither START and END nor --output")
        clearing = cache is CacheAction.CLEAR
        lines = pointing_store.clear_cache(server) if clearing else pointing_store.describe_cache(server)
        for line in lines:
            out.print(line, markup=False)
        return
    if start is None or end is None or (output is None) == (cache is None):
        raise typer.BadParameter("give START and END, and either --output TABLE or --cache fill")
    PointingSettings.of(server=server, timeout=timeout)
    span = pointing_store.time_span(start, end)
    try:
        if output is not None:
            said = pointing_store.write_table(*span, output, server=server, timeout=timeout, overwrite=overwrite)
        else:
            said = pointing_store.fill_cache(*span, server=server, timeout=timeout)
    except PointingError as error:
        show_error(error)
        raise typer.Exit(SOME_FAILED) from None
    out.print(said, markup=False)
