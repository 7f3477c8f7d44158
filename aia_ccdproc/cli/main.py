"""The application ``aia-prep``: its commands, and the exit code of a command line.

Modules that take long to import are imported inside the commands that need them, so that ``--help`` answers at once.
"""

from __future__ import annotations

import io
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from aia_ccdproc.cli.command import Command, Debug
from aia_ccdproc.cli.console import (
    DONE,
    SOME_FAILED,
    WRONG_USAGE,
    console,
    discard_stdout,
    reset_debugging,
    show_error,
    show_notes,
    show_output_error,
    show_traceback,
)
from aia_ccdproc.cli.fetch import fetch
from aia_ccdproc.cli.listing import plugins, recipes, steps
from aia_ccdproc.cli.options import PointingOption, RecipeArgument, SetOption, load_changed_recipe
from aia_ccdproc.cli.pointing import pointing
from aia_ccdproc.cli.run import run
from aia_ccdproc.cli.stack import stack
from aia_ccdproc.errors import PrepError, RecipeError, SettingsError
from aia_ccdproc.parallel import DEFAULT_HANDLERS, exit_on_signal, raise_on_signal

__all__ = ["app", "main"]

app = typer.Typer(
    name="aia-prep",
    help="Prepare SDO/AIA images: level 1 to level 1.5.",
    epilog="Example: [cyan]aia-prep run image_lev1.fits -o level15[/cyan]",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="rich",
)


def main(arguments: list[str] | None = None) -> int:
    """Run ``aia-prep``.

    Parameters
    ----------
    arguments : list of str, optional
        The arguments of the command line; by default those of the process.

    Returns
    -------
    int
        0: all files done. 1: some files failed, or the output cannot be written. 2: wrong usage or recipe.
        128 and the number of a signal: ended by it; 130 by Ctrl-C, 143 by SIGTERM, 129 by SIGHUP.
    """
    reset_debugging()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a file name that cannot be encoded must not end a batch
    with show_notes():
        try:
            code = _run(arguments)
            if sys.stdout is not None:  # it is closed: ">&-"
                sys.stdout.flush()
        except OSError as error:
            if error.filename is not None:  # not standard output
                raise
            discard_stdout()
            if not isinstance(error, BrokenPipeError):
                show_output_error(error)
            return SOME_FAILED
    return code


def _run(arguments: list[str] | None) -> int:
    try:
        app(args=arguments)
    except SystemExit as end:
        if isinstance(end.code, int) and end.code - 128 in DEFAULT_HANDLERS:
            with suppress(OSError):  # after SIGHUP there may be no terminal
                print("interrupted", file=sys.stderr)
        return end.code if isinstance(end.code, int) else DONE
    except PrepError as error:
        show_error(error)
        return WRONG_USAGE
    return DONE


def _print_version(value: bool) -> None:
    if value:
        from importlib.metadata import version

        print(f"aia-prep {version('aia-ccdproc')}")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
    debug: Debug = False,
) -> None:
    if context.invoked_subcommand != "run":  # which handles signals itself
        for number, default in DEFAULT_HANDLERS.items():
            if signal.getsignal(number) is exit_on_signal:
                signal.signal(number, raise_on_signal if default is signal.SIG_DFL else default)


app.command(cls=Command, epilog='aia-prep run "*_lev1.fits" -o level15 --pointing header')(run)
app.command(cls=Command, epilog="aia-prep stack level15 -o cube.fits")(stack)
app.command(cls=Command, epilog="aia-prep fetch --from 2019-01-01 --for 1h --every 5m --channels 171 -o level1")(fetch)


@app.command(cls=Command, epilog="aia-prep check level1.5 --set register.method=bilinear")
def check(
    recipe: RecipeArgument,
    pointing: PointingOption = None,
    settings: SetOption = None,
    debug: Debug = False,
) -> None:
    """Check a recipe and list all of its problems."""
    try:
        loaded = load_changed_recipe(recipe, settings, pointing)
        _ = loaded.digest  # reads the files that the recipe names
    except (RecipeError, SettingsError) as error:
        show_traceback(error)
        console(stderr=True).print(str(error), markup=False)
        raise typer.Exit(WRONG_USAGE) from None
    console().print(f"{recipe}: {' -> '.join(step.use for step in loaded.steps)}: no problems", markup=False)


@app.command(cls=Command, epilog="aia-prep init > my-recipe.toml")
def init(debug: Debug = False) -> None:
    """Print a commented recipe to start from."""
    from aia_ccdproc.plugin.loading import get_plugin_manager
    from aia_ccdproc.recipe.template import recipe_template

    print(recipe_template(get_plugin_manager()), end="")


@app.command(cls=Command, epilog="aia-prep schema > schema.json")
def schema(debug: Debug = False) -> None:
    """Print the JSON schema of recipes, with which editors complete and check them."""
    import json

    from aia_ccdproc.plugin.loading import get_plugin_manager
    from aia_ccdproc.recipe.schema import recipe_schema

    print(json.dumps(recipe_schema(get_plugin_manager()), indent=2))


app.command(cls=Command, epilog="aia-prep recipes")(recipes)
app.command(cls=Command, epilog="aia-prep steps --json")(steps)
app.command(cls=Command, epilog="aia-prep plugins")(plugins)
app.command(cls=Command, epilog="aia-prep pointing 2017 --cache fill")(pointing)


@app.command(cls=Command, epilog="aia-prep demo -o demo-output")
def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the files that the demo writes.")] = Path(
        "demo-output"
    ),
    debug: Debug = False,
) -> None:
    """Prep a synthetic image, and measure Sun center, roll angle and plate scale before and after."""
    from rich.markup import escape
    from rich.table import Table

    from aia_ccdproc.cli.demo import CHANNEL, run_demo

    out = console()
    out.print(f"making and prepping a full-size synthetic {CHANNEL} Å image ...")
    result = run_demo(output)
    table = Table("", *result.stages)
    for name, values in result.rows:
        table.add_row(escape(name), *map(escape, values))
    out.print(table)
    for path in result.files:
        out.print(f"wrote {path}", markup=False)
    if result.note:
        out.print(result.note, markup=False)
