"""Make cubes of the outputs of a batch: one for each channel."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from aia_ccdproc.batch.cube import Cube
from aia_ccdproc.batch.inputs import Files, find_inputs
from aia_ccdproc.batch.movie import write_movie
from aia_ccdproc.batch.zarr_cube import import_zarr, write_zarr
from aia_ccdproc.errors import HeaderError, WriteError
from aia_ccdproc.images.values import as_text, is_empty
from aia_ccdproc.io import read_header

__all__ = ["stack"]

_WRITERS: dict[str, Callable[[Cube, Path], None]] = {".fits": Cube.write, ".zarr": write_zarr, ".gif": write_movie}


def stack(files: Files, output: str | os.PathLike[str], *, overwrite: bool = False) -> list[Path]:
    """Make a cube of registered images for each channel.

    Parameters
    ----------
    files : path-like, iterable of path-like, or `~ccdproc.ImageFileCollection`
        Outputs of a batch: files, folders or patterns, as for `~aia_ccdproc.run`. The images of a channel need one
        grid.
    output : path-like
        The file to write, ``"cube.fits"``; or a Zarr group, ``"cube.zarr"``, which needs zarr; or a movie,
        ``"cube.gif"``. If the images have several channels, the channel is added to the name: ``"cube_171.fits"``.
    overwrite : bool
        Replace existing files.

    Returns
    -------
    list of `~pathlib.Path`
        The files: one for each channel, sorted by the name of the channel. The primary HDU is the cube, float32, shape
        ``(n, ny, nx)``, sorted by time. Masked pixels are NaN. Its WCS has a time axis. The table IMAGES has a row for
        each image. A Zarr group contains the same as arrays, with chunks of one image, and the header as text. A movie
        has one picture for each image, with at most 512 pixels along each side.

    Raises
    ------
    HeaderError
        If an image has no channel, no time or no WCS.
    ReadError
        If a file cannot be read.
    StateError
        If the images of a channel have different grids or the same time.
    WriteError
        If an output exists, the name does not end with ``.fits``, ``.zarr`` or ``.gif``, or zarr is not installed.

    Notes
    -----
    The headers are read first, and then one image after the other. Except for a movie, whose
    small pictures are kept until it is written, the memory does not depend on the number of images.
    """
    target = Path(output)
    if target.suffix not in _WRITERS:
        raise WriteError(f"{target}: cannot write this format. Name the output {', '.join(_WRITERS)}")
    if target.suffix == ".zarr":
        import_zarr()
    cubes: dict[str, Cube] = {}
    for found in find_inputs(files):
        if not found.named and _is_output(found.path, target):
            continue
        header = read_header(found.path)
        channel = _channel(found.path, header.get("WAVELNTH", header.get("INSTRUME")))
        if channel in cubes:
            cubes[channel].add(found.path, header)
        else:
            cubes[channel] = Cube(found.path, header)
    paths = [target] if len(cubes) == 1 else [target.with_stem(f"{target.stem}_{name}") for name in sorted(cubes)]
    inputs = {image.path.resolve() for cube in cubes.values() for image in cube.images}
    for path in paths:
        if path.resolve() in inputs:
            raise WriteError(f"{path} is one of the images. Give another name for the output")
        if path.exists() and not overwrite:
            raise WriteError(f"{path} already exists. Use --overwrite (overwrite=True) to replace it")
    for cube in cubes.values():
        cube.sort()
    target.parent.mkdir(parents=True, exist_ok=True)
    for path, name in zip(paths, sorted(cubes), strict=True):
        _WRITERS[path.suffix](cubes[name], path)
    return paths


def _is_output(path: Path, target: Path) -> bool:
    """Check whether a file in a folder of inputs is a cube of an earlier call."""
    same_folder = path.parent.absolute() == target.parent.absolute()
    return same_folder and (path.name == target.name or path.name.startswith(f"{target.stem}_"))


def _channel(path: Path, value: object) -> str:
    if is_empty(value):
        raise HeaderError(f"{path}: WAVELNTH and INSTRUME are missing, so the channel is not known. Leave the file out")
    return "".join(letter if letter.isalnum() or letter in "+-." else "_" for letter in as_text(value).strip())
