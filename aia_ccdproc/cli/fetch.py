"""The command ``aia-prep fetch``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

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
from aia_ccdproc.cli.console import DONE, SOME_FAILED, console, escape_text, show_error
from aia_ccdproc.errors import PrepError, pluralize

__all__ = ["fetch"]


def fetch(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the files; created if it does not exist.")],
    queries: Annotated[
        list[str] | None, typer.Argument(help="Queries (jsoc:...) and URLs of FITS files.", show_default=False)
    ] = None,
    start: FromOption = None,
    duration: ForOption = None,
    every: EveryOption = None,
    channels: ChannelsOption = None,
    email: EmailOption = None,
    wait: WaitOption = None,
    cutout: CutoutOption = None,
    spikes: SpikesOption = False,
    debug: Debug = False,
) -> None:
    """Fetch level-1 files, without prepping them. A file that exists is not fetched again."""
    from aia_ccdproc.batch.fetching import FetchAhead, expect_files, is_fetched
    from aia_ccdproc.batch.inputs import find_inputs

    names = [*(queries or ()), *images_query(start, duration, every, channels)]
    if not names:
        raise typer.BadParameter("name a query or a URL, or give --from and --channels")
    remote_files = {}
    for found in find_inputs(names, output, archive_options(email, wait, cutout, spikes)):
        if found.remote is None:
            raise typer.BadParameter(f"{found.path} is a file on this machine, not a query or a URL")
        remote_files[found.path] = found.remote
    missing = [path for path, remote in remote_files.items() if not is_fetched(remote, path)]
    waiting = expect_files(remote_files)
    missing.sort(key=lambda path: path in waiting)
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
