"""``aia-prep stack``: make cubes of the outputs of a batch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aia_ccdproc.cli.command import Debug
from aia_ccdproc.cli.console import console

__all__ = ["stack"]


def stack(
    files: Annotated[list[str], typer.Argument(help="Registered FITS images: files, folders, or patterns in quotes.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Cube to write. Several channels are written to NAME_CHANNEL.fits.")
    ] = Path("cube.fits"),
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing cubes.")] = False,
    debug: Debug = False,
) -> None:
    """Make a cube of registered images for each channel, sorted by time."""
    from astropy.io import fits

    from aia_ccdproc.batch.stacking import stack as write_cubes

    for path in write_cubes(files, output, overwrite=overwrite):
        with fits.open(path) as hdus:
            columns, rows, images = (hdus[0].header[f"NAXIS{axis}"] for axis in (1, 2, 3))
            start, end = (hdus[0].header[keyword] for keyword in ("DATE-BEG", "DATE-END"))
        counted = f"{images} image{'s' * (images > 1)}"
        console().print(f"{path}: {counted} of {columns} x {rows} pixels, {start} to {end}", markup=False)
