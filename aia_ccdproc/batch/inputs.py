"""Find the input files of a batch: by name, folder or pattern, from a collection, or in an archive."""

from __future__ import annotations

import glob
import itertools
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from aia_ccdproc.errors import ReadError, SettingsError, redact_url
from aia_ccdproc.images.names import is_fits_name
from aia_ccdproc.plugin.loading import get_plugin_manager
from aia_ccdproc.plugin.published import PUBLISHED, hint
from aia_ccdproc.plugin.remote import RemoteFile

if TYPE_CHECKING:
    from ccdproc import ImageFileCollection

__all__ = ["Files", "Input", "find_inputs"]

#: A file, a folder, a pattern, or several of these; or a collection of ccdproc.
Files: TypeAlias = "str | os.PathLike[str] | Iterable[str | os.PathLike[str]] | ImageFileCollection"


#: Start of an input that a plugin may know: "jsoc:", "https:". One letter is a drive of Windows.
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]+):", re.IGNORECASE)
#: Number of entries of subfolders after which the search for FITS files ends.
_MAX_ENTRIES_SEARCHED = 10_000


class Input(NamedTuple):
    """A file to prep."""

    path: Path
    #: Whether the user named this file; False if it was found in a folder or with a pattern.
    named: bool
    #: The file in an archive from which ``path`` is fetched, if it is not a file on this machine.
    remote: RemoteFile | None = None


def find_inputs(files: Files, fetched: Path = Path(), options: Mapping[str, str] | None = None) -> list[Input]:
    """Find the input files of a batch.

    Parameters
    ----------
    files : path-like, iterable of path-like, or `~ccdproc.ImageFileCollection`
        Files; folders, for the FITS files in them; or patterns (``*``, ``?``, ``[...]``, and ``**`` for folders at any
        depth), for the FITS files that match; or inputs of which a plugin knows the scheme (``https://...``).
    fetched : `~pathlib.Path`
        Folder to which the files of archives will be fetched.
    options : mapping of str to str, optional
        Options for archives, which are passed on to the plugins.

    Returns
    -------
    list of `Input`
        Each file once, in the order in which it was first given. The files of a folder or a pattern are sorted by name.

    Raises
    ------
    ReadError
        If a name is empty, a folder contains no FITS files or cannot be read, or a pattern matches none. If no plugin
        knows a URL.
    PrepError
        If an archive cannot be asked for its files.
    SettingsError
        If options are given, and no input is in an archive.
    """
    if hasattr(files, "files_filtered"):  # a collection; ccdproc takes 0.3 s to import
        files = list(files.files_filtered(include_path=True))
    if isinstance(files, str | os.PathLike):
        files = [files]
    inputs: dict[str, Input] = {}
    for name in files:
        if not os.fspath(name):
            raise ReadError("the name of an input file is empty. Give a file, a folder or a pattern")
        for found in _remote_inputs(os.fspath(name), fetched, options or {}) or _expand(Path(name)):
            key = os.path.abspath(found.path)  # noqa: PTH100 (resolve() would replace a link by its target)
            known = inputs.get(key)
            if known is not None and known.remote != found.remote and (known.remote and found.remote):
                raise ReadError(
                    f"{known.remote.source} and {found.remote.source} have the same name, {found.path.name}"
                )
            if key not in inputs or (found.named and not inputs[key].named):
                inputs[key] = found
    if options and not any(found.remote for found in inputs.values()):
        raise SettingsError(f"{', '.join(options)}: this is for files of archives, but all inputs are on this machine")
    return list(inputs.values())


def _remote_inputs(name: str, folder: Path, options: Mapping[str, str]) -> list[Input] | None:
    """Return the files of an archive that an input names; None if it is the name of a file on this machine."""
    match = _SCHEME.match(name)
    if match is None or os.path.lexists(name):
        return None
    answer = get_plugin_manager().ask("prep_inputs", name=name, options=options)
    if answer is None:
        scheme, shown = match[1].lower(), redact_url(name)
        if any(scheme in kinds.get("input", ()) for kinds in PUBLISHED.values()):
            raise ReadError(f"the input {shown} cannot be read: {hint('input', scheme, ())}")
        if "://" in name:
            raise ReadError(f"the input {shown} cannot be read: no plugin knows the scheme {scheme}")
        return None
    remote_files: Sequence[RemoteFile] = answer.value
    if not remote_files:
        raise ReadError(f"{redact_url(name)}: there are no files")
    for remote in remote_files:
        if Path(remote.name).name != remote.name or remote.name.startswith(".") or not is_fits_name(remote.name):
            raise ReadError(f"{remote.source}: {remote.name!r} is not the name of a FITS file")
    return [Input(folder / remote.name, named=True, remote=remote) for remote in remote_files]


def _expand(path: Path) -> Iterator[Input]:
    candidates: Iterator[Path]
    if path.is_dir():
        candidates, problem = path.iterdir(), "the folder contains no FITS files"
    elif glob.has_magic(str(path)) and not path.exists():
        # Path.glob accepts relative patterns only.
        candidates, problem = map(Path, glob.iglob(str(path), recursive=True)), "no FITS files match"  # noqa: PTH207
    else:
        yield Input(path, named=True)
        return
    try:
        files = sorted(filter(_is_candidate, candidates))
    except OSError as error:
        raise ReadError(f"{path}: the folder cannot be read ({error.strerror})") from error
    if not files:
        raise ReadError(f"{path}: {problem}{_hint_at_subfolders(path)}")
    for file in files:
        yield Input(file, named=False)


def _hint_at_subfolders(folder: Path) -> str:
    """Return the end of the message about a folder without FITS files, if a folder in it contains some."""
    if not folder.is_dir():
        return ""
    entries = itertools.islice(folder.rglob("*"), _MAX_ENTRIES_SEARCHED)
    if not any(map(_is_candidate, entries)):
        return ""
    pattern = Path(glob.escape(str(folder)), "**", "*.fits")
    return f', but its subfolders do. Use the pattern "{pattern}", in quotes'


def _is_candidate(path: Path) -> bool:
    """Return whether a file in a folder is an input. Hidden files, such as temporary files of a batch, are not."""
    is_visible_fits = is_fits_name(path) and not path.name.startswith(".")
    return is_visible_fits and (path.is_file() or not path.exists())  # a broken link fails later, with its name
