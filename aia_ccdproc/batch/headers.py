"""The headers of a batch, for plugins that fetch what they need before the first file is processed."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aia_ccdproc.batch.plan import Job
from aia_ccdproc.plugin.remote import RemoteFile
from aia_ccdproc.recipe.recipe import Recipe

if TYPE_CHECKING:
    from astropy.io import fits

__all__ = ["headers_to_prefetch"]


def headers_to_prefetch(
    todo: Sequence[Job], recipe: Recipe, remote_files: Mapping[Path, RemoteFile]
) -> Sequence[fits.Header]:
    """Return the headers of the files for which an output must be made.

    Parameters
    ----------
    todo : sequence of `~aia_ccdproc.batch.plan.Job`
        The files.
    recipe : `~aia_ccdproc.Recipe`
        The recipe.
    remote_files : mapping of `~pathlib.Path` to `~aia_ccdproc.plugin.RemoteFile`
        The files that are fetched.

    Returns
    -------
    sequence of `~astropy.io.fits.Header`
        The headers. They are read when the first one is used.
    """
    paths = [job.path for job in todo if recipe.output.overwrite or not job.output.exists()]
    return _LazyHeaders(paths, recipe.hdu, remote_files)


class _LazyHeaders(Sequence["fits.Header"]):
    """Headers of files, read when the first one is used.

    Files that cannot be read are omitted; they fail later. So are files of an archive whose header is not known.
    """

    def __init__(self, paths: Sequence[Path], hdu: int | str | None, remote_files: Mapping[Path, RemoteFile]) -> None:
        self._paths, self._hdu, self._remote_files = paths, hdu, remote_files

    @functools.cached_property
    def _headers(self) -> list[fits.Header]:
        from aia_ccdproc.io import read_header

        headers = []
        for path in self._paths:
            with suppress(Exception):
                remote = self._remote_files.get(path)
                header = remote.header() if remote else read_header(path, hdu=self._hdu)
                if header is not None:
                    headers.append(header)
        return headers

    def __getitem__(self, index: Any) -> Any:
        return self._headers[index]

    def __len__(self) -> int:
        return len(self._headers)
