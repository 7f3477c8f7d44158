"""The command ``aia-prep fetch``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from urllib.parse import urlencode

import typer

from aia_ccdproc.cli.command import Debug
from aia_ccdproc.cli.console import DONE, SOME_FAILED, console, escape_text, show_error
from aia_ccdproc.errors import PrepError, pluralize

__all__ = ["fetch"]


def fetch(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the files; created if it does not exist.")],
    queries: Annotated[
        list[str] | None, typer.Argument(help="Queries (jsoc:...) and URLs of FITS files.", show_default=False)
    ] = None,
    start: Annotated[
        str | None,
        typer.Option("--from", metavar="TIME", help="AIA images of JSOC from this time on, UTC.", show_default=False),
    ] = None,
    duration: Annotated[
        str | None, typer.Option("--for", metavar="DURATION", help="Duration: 30m, 1h, 2d.", show_default=False)
    ] = None,
    every: Annotated[
        str | None, typer.Option("--every", metavar="DURATION", help="Interval: 36s, 5m.", show_default="all")
    ] = None,
    channels: Annotated[str | None, typer.Option("--channels", help="Channels: 171,193.", show_default=False)] = None,
    debug: Debug = False,
) -> None:
    """Fetch level-1 files, without prepping them. A file that exists is not fetched again."""
    from aia_ccdproc.batch.fetching import FetchAhead
    from aia_ccdproc.batch.inputs import find_inputs

    options = {"from": start, "for": duration, "every": every, "channels": channels}
    given = {name: value for name, value in options.items() if value is not None}
    names = [*(queries or ()), *([f"jsoc:?{urlencode(given, safe=',:')}"] if given else [])]
    if not names:
        raise typer.BadParameter("name a query or a URL, or give --from and --channels")
    remote_files = {}
    for found in find_inputs(names, output):
        if found.remote is None:
            raise typer.BadParameter(f"{found.path} is a file on this machine, not a query or a URL")
        remote_files[found.path] = found.remote
    missing = [path for path in remote_files if not path.exists()]
    fetches, failed, out = FetchAhead(remote_files), 0, console()
    for i, path in enumerate(missing):
        fetches.start(missing[i:])
        running = fetches.running(path)
        error = running.exception() if running is not None else fetches.error(path)
        if error is None:
            out.print(f"fetched  {escape_text(path)}")
        elif isinstance(error, PrepError):
            failed += 1
            show_error(error)
        else:
            raise error
    counts = {"fetched": len(missing) - failed, "unchanged": len(remote_files) - len(missing), "failed": failed}
    texts = [f"{count} {status}" for status, count in counts.items() if count or status == "failed"]
    out.print(f"{pluralize(len(remote_files), 'file')}: {', '.join(texts)}")
    raise typer.Exit(SOME_FAILED if failed else DONE)
