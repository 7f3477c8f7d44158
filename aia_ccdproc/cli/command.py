"""The class of the commands of ``aia-prep``: the end of their help, and the option ``--debug``."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from aia_ccdproc.cli.console import enable_debugging

__all__ = ["Command", "Debug", "documentation_page"]

_DISTRIBUTION = "aia-ccdproc"


def _enable(value: bool) -> None:
    if value:
        enable_debugging()


#: Option of every command. Its callback does the work; the functions of the commands do not use the value.
Debug = Annotated[
    bool,
    typer.Option("--debug", callback=_enable, is_eager=True, help="Print the traceback of an error, too."),
]


class Command(TyperCommand):
    """A command whose help ends with an example and a link to the documentation."""

    def __init__(self, *arguments: Any, epilog: str | None = None, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._example = epilog

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help; its end is made only now, because the metadata of the package take time to read."""
        paragraphs = [f"Example: [cyan]{self._example}[/cyan]"] if self._example else []
        page = documentation_page()
        if page is not None:
            paragraphs.append(f"Documentation: {page}#{self.name}")
        self.epilog = "\n\n".join(paragraphs)
        super().format_help(ctx, formatter)


def documentation_page() -> str | None:
    """Return the URL of the page on the command line; None if the metadata of the package contain no URL."""
    from importlib.metadata import metadata

    entries = (entry.partition(",") for entry in metadata(_DISTRIBUTION).get_all("Project-URL") or ())
    urls = {label.strip().lower(): url.strip().rstrip("/") for label, _, url in entries}
    if "documentation" in urls:
        return f"{urls['documentation']}/cli.html"
    return f"{urls['source']}/blob/main/docs/cli.rst" if "source" in urls else None
