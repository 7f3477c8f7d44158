"""``aia-prep``: parses arguments, shows progress and errors, returns exit codes. No science.

Nothing heavy is imported before a command needs it, so that ``--help`` answers at once.
"""

from __future__ import annotations

import json
import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aia_ccdproc.errors import PointingError, PrepError, PrepWarning, RecipeError

if TYPE_CHECKING:
    from rich.console import Console

    from aia_ccdproc.batch import FileResult

__all__ = ["app", "main"]

#: Exit codes.
DONE, SOME_FAILED, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130

app = typer.Typer(
    name="aia-prep",
    help="Prepare SDO/AIA images: level 1 to level 1.5.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


class Compression(StrEnum):
    """Tile compression of the outputs."""

    RICE = "rice"
    LOSSLESS = "lossless"


def main(arguments: list[str] | None = None) -> int:
    """Run ``aia-prep``.

    Parameters
    ----------
    arguments : list of str, optional
        Command line; by default that of the process.

    Returns
    -------
    int
        0 all done, 1 some files failed, 2 wrong usage or recipe, 130 interrupted.
    """
    with _notes():
        return _run(arguments)


def _run(arguments: list[str] | None) -> int:
    try:
        app(args=arguments)
    except SystemExit as end:
        if end.code == INTERRUPTED:
            print("interrupted", file=sys.stderr)
        return end.code if isinstance(end.code, int) else DONE
    except PrepError as error:
        _show_error(error)
        return WRONG_USAGE
    return DONE


def _console(*, stderr: bool = False) -> Console:
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, soft_wrap=True)


def _show_error(error: PrepError) -> None:
    from rich.markup import escape

    _console(stderr=True).print(f"[bold red]{type(error).__name__}[/]: {escape(str(error))}")


@contextmanager
def _notes() -> Iterator[None]:
    """Show what the package logs and warns of, retries of JSOC above all, as notes and when it happens."""
    handler = _LogHandler()
    logger = logging.getLogger("aia_ccdproc")
    propagate = logger.propagate
    logger.addHandler(handler)
    logger.propagate = False  # drms sets up logging for everybody, and all would be said twice
    with warnings.catch_warnings():
        default = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *where: Any, **how: Any) -> None:
            if issubclass(category, PrepWarning):
                _note(str(message))
            else:
                default(message, category, *where, **how)

        warnings.showwarning = show
        try:
            yield
        finally:
            logger.removeHandler(handler)
            logger.propagate = propagate


class _LogHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        _note(record.getMessage())


def _note(text: str) -> None:
    from rich.markup import escape

    _console(stderr=True).print(f"[yellow]note[/]    {escape(text)}")


def _print_version(value: bool) -> None:
    if value:
        from importlib.metadata import version

        print(f"aia-prep {version('aia-ccdproc')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop."),
    ] = False,
) -> None:
    pass


@app.command()
def run(
    files: Annotated[list[Path], typer.Argument(help="Level-1 FITS files.", show_default=False)],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the outputs.", show_default=False)],
    recipe: Annotated[
        str, typer.Option("--recipe", "-r", help="A built-in recipe's name, or the path of a TOML file.")
    ] = "level1.5",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace outputs that are there already.")] = False,
    compression: Annotated[
        Compression | None,
        typer.Option("--compression", help="Tile-compress the outputs.", show_default="none"),
    ] = None,
) -> None:
    """Prep files by a recipe. One that fails does not stop the others."""
    from aia_ccdproc.batch import run as run_batch

    console = _console()
    results = run_batch(
        files,
        recipe,
        output,
        overwrite=overwrite,
        compression=compression.value if compression else None,
        on_result=lambda result: _show_result(console, result),
    )
    failed = sum(result.status == "failed" for result in results)
    console.print(f"{len(results) - failed} done, {failed} failed")
    raise typer.Exit(SOME_FAILED if failed else DONE)


def _show_result(console: Console, result: FileResult) -> None:
    from rich.markup import escape

    for text in result.warnings:
        console.print(f"[yellow]warning[/] {escape(str(result.path))}: {escape(text)}")
    if result.status == "done":
        console.print(f"[green]done[/]    {escape(str(result.path))} -> {escape(str(result.output))}")
    else:
        console.print(f"[bold red]failed[/]  {escape(str(result.path))}: {escape(result.error)}")


@app.command()
def check(
    recipe: Annotated[str, typer.Argument(help="A built-in recipe's name, or the path of a TOML file.")],
) -> None:
    """Check a recipe, and list all that is wrong with it."""
    from aia_ccdproc.recipe import load_recipe

    try:
        loaded = load_recipe(recipe)
    except RecipeError as error:
        _console(stderr=True).print(str(error), markup=False)
        raise typer.Exit(WRONG_USAGE) from None
    _console().print(f"{recipe}: {' -> '.join(step.use for step in loaded.steps)}: no faults", markup=False)


@app.command()
def init() -> None:
    """Print a commented recipe to start from."""
    from aia_ccdproc.plugins import get_plugin_manager
    from aia_ccdproc.recipe import recipe_template

    print(recipe_template(get_plugin_manager()), end="")


@app.command()
def steps(as_json: AsJson = False) -> None:
    """List the steps, their settings, and who does them."""
    from aia_ccdproc.plugins import get_plugin_manager

    manager = get_plugin_manager()
    listed: list[dict[str, Any]] = [
        {
            "step": step.name,
            "summary": step.summary,
            "takes": "header" if step.takes_header else "image",
            "before": list(step.place.before),
            "after": list(step.place.after),
            "plugins": [str(plugin) for plugin in manager.who_implements(step.hook)],
            "settings": {
                name: {"required": s.required, "default": _plain(s.default), "description": s.description}
                for name, s in step.settings.document().items()
            },
        }
        for step in manager.steps().values()
    ]
    if as_json:
        print(json.dumps({"steps": listed, "resampling_methods": manager.resampling_methods()}, indent=2))
        return
    from rich.markup import escape

    console = _console()
    for step in listed:
        by = escape(", ".join(step["plugins"])) or "nobody"
        console.print(f"[bold]{step['step']}[/]  {escape(step['summary'])}  [dim]{by}[/]")
        for name, setting in step["settings"].items():
            value = "required" if setting["required"] else f"= {json.dumps(setting['default'])}"
            console.print(f"    [cyan]{name}[/] {escape(value)}  {escape(setting['description'])}")


def _plain(value: Any) -> Any:
    """Make a default fit for JSON, which has no nan."""
    return "nan" if isinstance(value, float) and value != value else value


@app.command()
def plugins(as_json: AsJson = False) -> None:
    """List the plugins, what they do, and those that could not be loaded."""
    from rich.markup import escape
    from rich.table import Table

    from aia_ccdproc.errors import PluginWarning
    from aia_ccdproc.plugins import get_plugin_manager

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PluginWarning)  # they are in the list
        manager = get_plugin_manager()
    loaded: list[dict[str, Any]] = [
        {
            "plugin": plugin.name,
            "distribution": plugin.distribution,
            "version": plugin.version,
            "hooks": manager.hooks_of(plugin),
        }
        for plugin in manager.plugins.values()
    ]
    broken = [
        {"plugin": b.name, "distribution": b.distribution, "version": b.version, "reason": b.reason}
        for b in manager.broken
    ]
    if as_json:
        print(json.dumps({"plugins": loaded, "broken": broken}, indent=2))
        return
    table = Table("distribution", "version", "plugin", "hooks")
    for row in loaded:
        table.add_row(*map(escape, (row["distribution"], row["version"], row["plugin"], ", ".join(row["hooks"]))))
    for row in broken:
        reason = f"not loaded: {row['reason']}"
        table.add_row(*map(escape, (row["distribution"], row["version"], row["plugin"], reason)), style="red")
    _console().print(table)


class CacheAction(StrEnum):
    """What to do with the local cache."""

    SHOW = "show"
    FILL = "fill"
    CLEAR = "clear"


@app.command()
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
    from aia_ccdproc.io import pointing_store
    from aia_ccdproc.settings import PointingSettings

    console = _console()
    if cache in (CacheAction.SHOW, CacheAction.CLEAR):
        if start is not None or output is not None:
            raise typer.BadParameter(f"--cache {cache} takes neither START and END nor --output")
        clearing = cache is CacheAction.CLEAR
        lines = pointing_store.clear_cache(server) if clearing else pointing_store.describe_cache(server)
        for line in lines:
            console.print(line, markup=False)
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
        _show_error(error)
        raise typer.Exit(SOME_FAILED) from None
    console.print(said, markup=False)


@app.command()
def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for what it makes.")] = Path("demo-output"),
) -> None:
    """Prep a synthetic 94 Å exposure, and show what changed."""
    from rich.markup import escape
    from rich.table import Table

    from aia_ccdproc.demo import run_demo

    console = _console()
    console.print("making a full-size synthetic 94 Å exposure, and prepping it ...")
    made = run_demo(output)
    table = Table("", *made.stages)
    for name, values in made.rows:
        table.add_row(escape(name), *map(escape, values))
    console.print(table)
    for path in made.files:
        console.print(f"wrote {path}", markup=False)
    if made.note:
        console.print(made.note, markup=False)
