"""Which files a user means: by name, by folder, by pattern, or by a collection."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, TypeAlias

from ccdproc import ImageFileCollection

from aia_ccdproc.errors import ReadError
from aia_ccdproc.images.names import is_fits_name

__all__ = ["Files", "Input", "find_inputs"]

#: A file, a folder, a pattern, or several of these; or a collection of ccdproc.
Files: TypeAlias = str | os.PathLike[str] | Iterable[str | os.PathLike[str]] | ImageFileCollection


class Input(NamedTuple):
    """A file to prep."""

    path: Path
    #: Whether somebody named this very file; if not, it was found in a folder or by a pattern.
    named: bool


def find_inputs(files: Files) -> list[Input]:
    """Find the files that a user means.

    Parameters
    ----------
    files : path-like, iterable of path-like, or `~ccdproc.ImageFileCollection`
        Files; folders, for the FITS files that lie in them; or patterns (``*``, ``?``, ``[...]``, and ``**`` for
        folders at any depth), for the FITS files that match.

    Returns
    -------
    list of `Input`
        Each file once, in the order in which it was first named; those of a folder or a pattern by name.

    Raises
    ------
    ReadError
        If a name is empty, a folder holds no FITS file or cannot be read, or a pattern matches none.
    """
    if isinstance(files, ImageFileCollection):
        files = list(files.files_filtered(include_path=True))
    if isinstance(files, str | os.PathLike):
        files = [files]
    found: dict[str, Input] = {}
    for one in files:
        if not os.fspath(one):
            raise ReadError("the name of a file is empty")
        for each in _expand(Path(one)):
            place = os.path.abspath(each.path)  # noqa: PTH100 (a link is a file of its own)
            if each.named and not found.get(place, each).named:
                found[place] = each
            found.setdefault(place, each)
    return list(found.values())


def _expand(path: Path) -> Iterator[Input]:
    found: Iterator[Path]
    if path.is_dir():
        found, where = iter(path.iterdir()), "holds no FITS files"
    elif glob.has_magic(str(path)) and not path.exists():
        # Not Path.glob, which takes relative patterns only.
        found, where = map(Path, glob.iglob(str(path), recursive=True)), "matches no FITS files"  # noqa: PTH207
    else:
        yield Input(path, named=True)
        return
    try:
        # Hidden files are nobody's input; our own temporary ones are hidden.
        files = sorted(
            p for p in found if is_fits_name(p) and not p.name.startswith(".") and (p.is_file() or not p.exists())
        )
    except OSError as error:
        raise ReadError(f"{path}: the folder cannot be read ({error.strerror})") from error
    if not files:
        raise ReadError(f"{path}: {where}")
    for file in files:
        yield Input(file, named=False)
