"""``aia-prep``: parses arguments, shows progress and errors, returns exit codes. No science.

Nothing heavy is imported before a command needs it, so that ``--help`` answers at once.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Annotated

import typer

from aia_ccdproc.cli.console import DONE, INTERRUPTED, WRONG_USAGE, console, notes, show_error
from aia_ccdproc.cli.listing import plugins, steps
from aia_ccdproc.cli.pointing import pointing
from aia_ccdproc.cli.run import run
from aia_ccdproc.errors import PrepError, RecipeError

__all__ = ["app", "main"]

app = typer.Typer(
    name="aia-prep",
    help="Prepare SDO/AIA images: level 1 to level 1.5.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
)


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
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name that it cannot write must not end a batch
    with notes():
        return _run(arguments)


def _run(arguments: list[str] | None) -> int:
    try:
        app(args=arguments)
    except SystemExit as end:
        if end.code == INTERRUPTED:
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
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop."),
    ] = False,
) -> None:
    pass


app.command()(run)


@app.command()
def check(
    recipe: Annotated[str, typer.Argument(help="A built-in recipe's name, or the path of a TOML file.")],
) -> None:
    """Check a recipe, and list all that is wrong with it."""
    from aia_ccdproc.recipe.recipe import load_recipe

    try:
        loaded = load_recipe(recipe)
    except RecipeError as error:
        console(stderr=True).print(str(error), markup=False)
        raise typer.Exit(WRONG_USAGE) from None
    console().print(f"{recipe}: {' -> '.join(step.use for step in loaded.steps)}: no problems", markup=False)


@app.command()
def init() -> None:
    """Print a commented recipe to start from."""
    from aia_ccdproc.plugin.manager import get_plugin_manager
    from aia_ccdproc.recipe.template import recipe_template

    print(recipe_template(get_plugin_manager()), end="")


for command in (steps, plugins, pointing):
    app.command()(command)


@app.command()
def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for what it makes.")] = Path("demo-output"),
) -> None:
    """Prep a synthetic 94 Å exposure, and show what changed."""
    from rich.markup import escape
    from rich.table import Table

    from aia_ccdproc.cli.demo import run_demo

    out = console()
    out.print("making a full-size synthetic 94 Å exposure, and prepping it ...")
    made = run_demo(output)
    table = Table("", *made.stages)
    for name, values in made.rows:
        table.add_row(escape(name), *map(escape, values))
    out.print(table)
    for path in made.files:
        out.print(f"wrote {path}", markup=False)
    if made.note:
        out.print(made.note, markup=False)
