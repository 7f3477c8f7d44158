"""FITS files at a URL, as inputs."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from aia_ccdproc.errors import ReadError, redact_url
from aia_ccdproc.plugin.hookspecs import hookimpl
from aia_ccdproc.plugin.remote import RemoteFile

_FITS_START = b"SIMPLE  ="
_GZIP_START = b"\x1f\x8b"


@dataclass(frozen=True)
class UrlFile(RemoteFile):  # numpydoc ignore=PR01
    """A FITS file at a URL. A user name and a password in the URL are sent to the server, and are never shown."""

    url: str

    def fetch(self, path: Path) -> None:  # numpydoc ignore=GL08
        from aia_ccdproc.tables.download import downloaded

        with downloaded(self.url, path.parent) as file:
            with file.open("rb") as stream:
                start = stream.read(len(_FITS_START))
            shutil.copyfile(file, path)
        if start != _FITS_START and not start.startswith(_GZIP_START):
            raise ReadError(f"{self.source} is not a FITS file: it starts with {start!r}")


@hookimpl(trylast=True)
def prep_inputs(name: str) -> Sequence[RemoteFile] | None:
    """Return the file at a URL; None if the name is not a URL of http or https."""
    scheme, separator, _ = name.partition("://")
    if not separator or scheme.lower() not in ("http", "https"):
        return None
    shown = redact_url(name)
    try:
        parts = urlsplit(name)
        host, _ = parts.hostname, parts.port
    except ValueError:  # its message may contain a part of a password
        raise ReadError(f"{shown} is not a URL: its host or port is invalid") from None
    if not host or any(character.isspace() for character in name):
        raise ReadError(f"{shown} is not a URL: it {'contains blanks' if host else 'names no host'}")
    return [UrlFile(PurePosixPath(unquote(parts.path)).name, shown, host, name)]
