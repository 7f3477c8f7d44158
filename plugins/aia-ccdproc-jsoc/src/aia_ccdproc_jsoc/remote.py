"""The file of a segment of a record, which is fetched when it is needed."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from aia_ccdproc import PrepError, ReadError
from aia_ccdproc.plugin import RemoteFile
from aia_ccdproc.tables import downloaded
from aia_ccdproc_jsoc.export import Export, ExportSettings, RecordId
from aia_ccdproc_jsoc.keywords import RecordCard, make_header
from aia_ccdproc_jsoc.segments import write_with_header

if TYPE_CHECKING:
    from astropy.io import fits

__all__ = ["JsocRecord"]


@dataclass(frozen=True)
class JsocRecord(RemoteFile):  # numpydoc ignore=PR02
    """A segment of a record.

    Parameters
    ----------
    name, source, server : str
        As in `~aia_ccdproc.plugin.RemoteFile`.
    url : str
        URL of the segment's file. A text without ``://`` if the file is not online.
    cards : tuple of `~aia_ccdproc_jsoc.keywords.RecordCard`
        The keywords.
    identity : `~aia_ccdproc_jsoc.export.RecordId`
        The record, as an export request names it.
    export : `~aia_ccdproc_jsoc.export.ExportSettings`
        How the file is exported if it is not online, or a cutout is wanted.
    others : tuple of `JsocRecord`
        Other segments of the record that are fetched into the same folder: the spikes.
    """

    url: str
    cards: tuple[RecordCard, ...]
    identity: RecordId
    export: ExportSettings
    others: tuple[JsocRecord, ...] = ()

    def header(self) -> fits.Header:
        """Return the keywords of the record.

        Returns
        -------
        `~astropy.io.fits.Header`
            The header, without the keywords that describe the array of pixels.
        """
        return make_header(self.cards)

    @property
    def is_exported(self) -> bool:
        """Whether the file must be requested.

        Returns
        -------
        bool
            True if it is not online, or if a cutout is wanted.
        """
        return "://" not in self.url or self.export.cutout is not None

    def beside(self) -> tuple[JsocRecord, ...]:
        """Return the other segments of the record that are wanted.

        Returns
        -------
        tuple of `JsocRecord`
            The spikes, if they are wanted and the image has some.
        """
        return self.others

    def expect(self) -> bool:
        """Add the record to the export request of the batch, if the file must be requested.

        Returns
        -------
        bool
            Whether it must be requested.
        """
        if self.is_exported and self.export.email:
            Export.of(self.export).expect(self.identity)
        return self.is_exported

    def fetch(self, path: Path) -> None:
        """Download the file of the segment, and join it with the header. Wait for its export if that is necessary.

        Parameters
        ----------
        path : `~pathlib.Path`
            The file to write.

        Raises
        ------
        ReadError
            If the file is not online and cannot be exported, is not a FITS image, or is truncated.
        QueryError
            If the download fails.
        """
        url = self._exported_url() if self.is_exported else self.url
        with downloaded(url, path.parent) as file:
            if self.export.cutout is None:
                write_with_header(file, self.header(), path)
            else:
                shutil.copyfile(file, path)
                self.export.cutout.check(path)

    def _exported_url(self) -> str:
        if not self.export.email:
            raise ReadError(
                f"{self.source} is not online at {self.server} ({self.url!r}). Give an address that is registered at "
                "JSOC, with which its export can be requested: --email, or the environment variable JSOC_EMAIL"
            )
        try:
            return Export.of(self.export).url(self.identity)
        except PrepError as error:
            why = "" if self.export.cutout else f" is not online at {self.server} ({self.url!r})"
            raise ReadError(f"{self.source}{why}: {error}") from error
