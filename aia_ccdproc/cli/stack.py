"""``aia-prep stack``: make cubes or movies of the outputs of a batch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aia_ccdproc.cli.command import Debug
from aia_ccdproc.cli.console import console

if TYPE_CHECKING:
    from astropy.io import fits

__all__ = ["stack"]


def stack(
    files: Annotated[list[str], typer.Argument(help="Registered FITS images: files, folders, or patterns in quotes.")],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            help="Cube (.fits, .zarr) or movie (.gif). Several channels are written to NAME_CHANNEL.fits.",
        ),
    ] = Path("cube.fits"),
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing cubes.")] = False,
    debug: Debug = False,
) -> None:
    """Make a cube, or a movie, of registered images for each channel, sorted by time."""
    from aia_ccdproc.batch.stacking import stack as write_cubes

    for path in write_cubes(files, output, overwrite=overwrite):
        if path.suffix == ".gif":
            console().print(f"wrote {path}", markup=False)
            continue
        header = _header(path)
        images, rows, columns = (header[f"NAXIS{axis}"] for axis in (3, 2, 1))
        counted = f"{images} image{'s' * (images > 1)} of {columns} x {rows} pixels"
        console().print(f"{path}: {counted}, {header['DATE-BEG']} to {header['DATE-END']}", markup=False)


def _header(path: Path) -> fits.Header:
    """Read the header of a cube."""
    from astropy.io import fits

    if path.suffix != ".zarr":
        return fits.getheader(path)
    from aia_ccdproc.batch.zarr_cube import import_zarr

    return fits.Header.fromstring(import_zarr().open_group(path, mode="r").attrs["header"], sep="\n")
