"""Many files: each read, prepped and written by itself, so that one that fails costs only itself."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from astropy.io import fits

from aia_ccdproc.errors import PrepError, PrepWarning, WriteError
from aia_ccdproc.io.fits import Compression, read, read_header, write
from aia_ccdproc.pipeline import Pipeline
from aia_ccdproc.recipe import Recipe, load_recipe

__all__ = ["FileResult", "output_name", "run"]

_FITS_NAME = re.compile(r"\.(fits?|fts)(\.(gz|fz))?$", re.IGNORECASE)


@dataclass(frozen=True)
class FileResult:
    """What became of one file."""

    path: Path
    status: Literal["done", "failed"]
    output: Path | None = None
    error: str = ""
    warnings: tuple[str, ...] = ()


def output_name(path: str | os.PathLike[str]) -> str:
    """Name the output of a file.

    Parameters
    ----------
    path : str or path-like
        The input.

    Returns
    -------
    str
        ``<stem>_lev1p5.fits``.
    """
    return _FITS_NAME.sub("", Path(path).name) + "_lev1p5.fits"


def run(
    files: Iterable[str | os.PathLike[str]] | str | os.PathLike[str],
    recipe: str | os.PathLike[str] | Recipe = "level1.5",
    output_dir: str | os.PathLike[str] = ".",
    *,
    overwrite: bool = False,
    compression: Compression | None = None,
    on_result: Callable[[FileResult], object] | None = None,
) -> list[FileResult]:
    """Prep files by a recipe, and write an output for each.

    Parameters
    ----------
    files : iterable of path-like, or one
        Level-1 FITS files; only read.
    recipe : str, path-like or `~aia_ccdproc.Recipe`
        A built-in recipe's name, the path of a TOML file, or a recipe.
    output_dir : path-like
        Folder of the outputs, ``<stem>_lev1p5.fits``; made if it is not there.
    overwrite : bool
        Whether outputs that are there already may be replaced.
    compression : {"rice", "lossless"}, optional
        As in `~aia_ccdproc.write`.
    on_result : callable, optional
        Called with every `FileResult` as it comes.

    Returns
    -------
    list of `FileResult`
        One for each file, in their order. A file that fails leaves no output behind and does not stop the others.

    Raises
    ------
    RecipeError
        If the recipe has faults.
    WriteError
        If two files would have one output, or the folder cannot be made. Nothing has been written then.
    """
    paths = [Path(file) for file in ([files] if isinstance(files, str | os.PathLike) else files)]
    pipeline = Pipeline(load_recipe(recipe))
    folder = Path(output_dir)
    outputs = _outputs(paths, folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(f"{folder}: the output folder cannot be made ({error.strerror})") from error
    todo = [path for path, output in zip(paths, outputs, strict=True) if overwrite or not output.exists()]
    pipeline.before_batch(_Headers(todo))
    results = []
    for path, output in zip(paths, outputs, strict=True):
        results.append(_prep_file(path, output, pipeline, overwrite, compression))
        if on_result is not None:
            on_result(results[-1])
    return results


def _outputs(paths: list[Path], folder: Path) -> list[Path]:
    """Name all outputs, and refuse before any work what would collide."""
    inputs = {path.resolve() for path in paths}
    taken: dict[Path, Path] = {}
    for path in paths:
        output = folder / output_name(path)
        if output in taken:
            raise WriteError(f"{taken[output]} and {path} would both be written to {output}; run them apart")
        if output.resolve() in inputs:
            raise WriteError(f"{output} is an input; choose another output folder")
        taken[output] = path
    return list(taken)


class _Headers(Sequence[fits.Header]):
    """The headers of files, read when a step asks for them; files that cannot be read fail later, by themselves."""

    def __init__(self, paths: list[Path]) -> None:
        self._paths = paths

    @functools.cached_property
    def _read(self) -> list[fits.Header]:
        headers = []
        for path in self._paths:
            with contextlib.suppress(PrepError):
                headers.append(read_header(path))
        return headers

    def __getitem__(self, index: Any) -> Any:
        return self._read[index]

    def __len__(self) -> int:
        return len(self._read)


def _prep_file(
    path: Path, output: Path, pipeline: Pipeline, overwrite: bool, compression: Compression | None
) -> FileResult:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", PrepWarning)
        try:
            if output.exists() and not overwrite:
                raise WriteError(f"{output}: is there already; overwrite = True (--overwrite) replaces it")
            write(pipeline(read(path)), output, overwrite=overwrite, compression=compression)
        except Exception as error:  # a fault in a plugin, or no memory, costs this file and not the batch
            return FileResult(path, "failed", error=f"{type(error).__name__}: {error}", warnings=_texts(caught))
    return FileResult(path, "done", output=output, warnings=_texts(caught))


def _texts(caught: list[warnings.WarningMessage]) -> tuple[str, ...]:
    return tuple(str(warning.message) for warning in caught)
