"""Records of JSOC as inputs: which records a query selects, and their files."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple, Self
from urllib.parse import urlsplit

from aia_ccdproc import PrepError, ReadError
from aia_ccdproc.images import is_fits_name, open_fits, parse_time
from aia_ccdproc.plugin import RemoteFile
from aia_ccdproc.tables import QueryError, describe_series, downloaded, query_series, server_name
from aia_ccdproc_jsoc.cutout import Cutout
from aia_ccdproc_jsoc.export import Export, ExportSettings, RecordId
from aia_ccdproc_jsoc.keywords import RecordCard, make_header, record_cards
from aia_ccdproc_jsoc.segments import write_with_header

if TYPE_CHECKING:
    import drms
    from astropy.io import fits
    from drms.client import SeriesInfo

__all__ = ["JsocRecord", "RecordSet", "find_records"]

#: Largest number of records in one query, whose record numbers must fit into a URL.
_MAX_RECORDS_PER_QUERY = 200
_RECORD_SET = re.compile(r"([A-Za-z_]\w*\.\w+)\s*(\[.*\])\s*(?:\{\s*(\w+)\s*\})?$", re.ASCII | re.DOTALL)
#: Names of files, where they differ from that of the segment.
_FILE_NAMES = {"image": "image_lev1.fits"}
_UNSAFE = re.compile(r"[^\w.+-]", re.ASCII)


class RecordSet(NamedTuple):
    """A query of DRMS."""

    series: str
    filters: str
    #: Empty for the first segment of the series.
    segment: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Split a query into its parts.

        Parameters
        ----------
        text : str
            ``"aia.lev1_euv_12s[2019-01-01T00:00:00Z/1h@5m][171,193]{image}"``.

        Returns
        -------
        `RecordSet`
            The parts.

        Raises
        ------
        ReadError
            If the text is not a query.
        """
        match = _RECORD_SET.match(text.strip())
        if match is None:
            raise ReadError(
                f"{text!r} is not a record set. Name a series and its filters: "
                "aia.lev1_euv_12s[2019-01-01T00:00:00Z/1h@5m][171,193]"
            )
        return cls(match[1], match[2], match[3] or "")


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
    """

    url: str
    cards: tuple[RecordCard, ...]
    identity: RecordId
    export: ExportSettings

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
                _check_cutout(path, self.export.cutout)

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


def find_records(
    query: str,
    *,
    server: str | drms.Client | None = None,
    timeout: float = 60.0,
    email: str = "",
    cutout: Cutout | None = None,
    export_timeout: float = 3600.0,
) -> list[JsocRecord]:
    """Find the records that a query selects, and all of their keywords.

    One query describes the series, one lists the records, and one for each 200 records asks for their keywords.

    Parameters
    ----------
    query : str
        A record set of DRMS: ``"aia.lev1_euv_12s[2019-01-01T00:00:00Z/1h@5m][171,193]"``. A segment in braces may end
        it; by default it is the first segment of the series.
    server : str or `drms.Client`, optional
        Another DRMS server than JSOC: a client, or the base URL of its CGIs.
    timeout : float
        Time limit of each query in seconds, retries included.
    email : str
        Address that is registered at JSOC. Files that are not online are exported with it when they are fetched, all
        with one request for each 200 records.
    cutout : `~aia_ccdproc_jsoc.cutout.Cutout`, optional
        Field of view that JSOC cuts out of the images. This needs an address.
    export_timeout : float
        Time limit in seconds for an export.

    Returns
    -------
    list of `JsocRecord`
        The records, in the order in which the server lists them.

    Raises
    ------
    ReadError
        If the text is not a query, or no record exists. If a cutout is wanted, and no address is given.
    QueryError
        If the server does not answer, or refuses the query.
    """
    wanted = RecordSet.parse(query)
    if cutout is not None and not email:
        raise ReadError(
            "JSOC makes cutouts only for users with a registered address. Give it with --email, or in the environment "
            "variable JSOC_EMAIL"
        )
    series = describe_series(wanted.series, server=server, timeout=timeout)
    primes = [str(key) for key in series.primekeys or ()]
    columns = ["*recnum*", *primes]
    found = query_series(wanted.series + wanted.filters, columns, needed=columns, server=server, timeout=timeout)
    if not len(found):
        raise ReadError(f"{server_name(server)} has no records of {query}")
    number_of = {tuple(str(row[key]) for key in primes): str(row["*recnum*"]) for row in found}
    listed = list(number_of.values())
    if cutout is not None:
        cutout = cutout._replace(time=_first_time(found))
    export = ExportSettings(server, wanted.series, email, export_timeout, cutout)
    segment = wanted.segment or next(iter(series.segments.index), "image")
    records: list[JsocRecord] = []
    for first in range(0, len(listed), _MAX_RECORDS_PER_QUERY):
        batch = listed[first : first + _MAX_RECORDS_PER_QUERY]
        dataset = f"{wanted.series}[:{','.join(f'#{number}' for number in batch)}]"
        table = query_series(dataset, segments=[segment], needed=[segment], server=server, timeout=timeout)
        if len(table) != len(batch):
            what = f"{query} from {server_name(server)}"
            raise QueryError(what, f"the server sent {len(table)} of {len(batch)} records")
        for row in table:
            values = {name: str(row[name]) for name in table.colnames}
            key = tuple(values[name] for name in primes)
            identity = RecordId(number_of.get(key, ""), key, segment)
            records.append(_record(values, series, identity, export))
    return records


def _first_time(table: Any) -> str:
    """Return the time of the first record, UTC; empty if the series has no T_REC."""
    return str(parse_time(str(table["T_REC"][0])).isot) if "T_REC" in table.colnames else ""


def _record(row: dict[str, str], series: SeriesInfo, identity: RecordId, export: ExportSettings) -> JsocRecord:
    url, segment, cutout = row.pop(identity.segment), identity.segment, export.cutout
    end = PurePosixPath(urlsplit(url).path).name if "://" in url else ""
    end = end if is_fits_name(end) else _FILE_NAMES.get(segment, f"{segment}.fits")
    end = f"{cutout.label}.{segment}.fits" if cutout else end
    return JsocRecord(
        name=".".join(_UNSAFE.sub("", part) for part in (export.series, *identity.primes, end)),
        source=f"{export.series}{''.join(f'[{value}]' for value in identity.primes)}{{{segment}}}"
        + (f" {cutout.label}" if cutout else ""),
        server=server_name(export.server),
        url=url,
        cards=record_cards(row, series),
        identity=identity,
        export=export,
    )


def _check_cutout(path: Path, cutout: Cutout) -> None:
    """Check that a file is not larger than its field of view: JSOC exports full frames if it cannot make a cutout."""
    with open_fits(path) as hdus:
        image = next((hdu for hdu in hdus if hdu.is_image and hdu.header.get("NAXIS")), None)
        if image is None:
            raise ReadError("the exported file contains no image")
        shape = image.shape[::-1]
        scale = float(image.header.get("CDELT1") or 0)
    if scale > 0 and any(n * scale > size + 3 * scale for n, size in zip(shape, cutout[2:4], strict=True)):
        raise ReadError(
            f"the exported image has {shape[0]} x {shape[1]} pixels of {scale:.3g} arcsec. That is more than "
            f"{cutout.width:g} x {cutout.height:g} arcsec: JSOC did not make the cutout"
        )
