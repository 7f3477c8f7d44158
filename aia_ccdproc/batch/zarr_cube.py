"""A cube as a Zarr group, in chunks of one image."""

from __future__ import annotations

import importlib
import secrets
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from aia_ccdproc.batch.cube import Cube
from aia_ccdproc.errors import WriteError

__all__ = ["import_zarr", "write_zarr"]


def import_zarr() -> Any:
    """Import zarr.

    Returns
    -------
    module
        The package.

    Raises
    ------
    WriteError
        If it is not installed.
    """
    try:
        return importlib.import_module("zarr")
    except ImportError as error:
        raise WriteError('zarr is not installed. Run pip install "aia-ccdproc[zarr]"') from error


def write_zarr(cube: Cube, path: Path) -> None:
    """Write a cube. One image at a time is in memory.

    Parameters
    ----------
    cube : `~aia_ccdproc.batch.cube.Cube`
        The images, sorted by time.
    path : `~pathlib.Path`
        The folder; an existing one is replaced at the end.

    Raises
    ------
    ReadError
        If an image cannot be read.
    WriteError
        If zarr is not installed.
    """
    zarr = import_zarr()
    temporary = path.with_name(f".{secrets.token_hex(4)}.tmp.zarr")
    try:
        _fill(zarr.open_group(temporary, mode="w-", zarr_format=3), cube)
        if path.is_dir():
            shutil.rmtree(path)
        temporary.replace(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _fill(group: Any, cube: Cube) -> None:
    header, (rows, columns) = cube.header(), cube.images[0].shape
    data = group.create_array(
        "data",
        shape=(len(cube.images), rows, columns),
        chunks=(1, rows, columns),
        dtype="float32",
        fill_value=np.nan,
        dimension_names=("time", "y", "x"),
        attributes={"units": str(header.get("BUNIT", "DN"))},
    )
    for index, plane in cube.planes():
        data[index] = plane
    start = header["DATE-BEG"]
    _add_axis(group, "time", cube.seconds, "time", f"seconds since {start}")
    for axis, name, length in ((1, "x", columns), (2, "y", rows)):
        pixels = np.arange(1, length + 1) - header[f"CRPIX{axis}"]
        _add_axis(group, name, pixels * header[f"CDELT{axis}"], name, "arcsec")
    for name in cube.images[0].values:
        _add_axis(group, name, np.array([image.values[name] for image in cube.images]), "time")
    group.attrs["files"] = [image.path.name for image in cube.images]
    group.attrs["header"] = header.tostring(sep="\n", padding=False)


def _add_axis(group: Any, name: str, values: np.ndarray, dimension: str, units: str = "") -> None:
    array = group.create_array(
        name,
        shape=values.shape,
        chunks=values.shape,
        dtype="float64",
        dimension_names=(dimension,),
        attributes={"units": units} if units else {},
    )
    array[:] = values
