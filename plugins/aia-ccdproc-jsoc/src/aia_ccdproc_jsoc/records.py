"""Records of JSOC as inputs: which records a query selects, and their files."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple, Self
from urllib.parse import urlsplit

from aia_ccdproc import ReadError
from aia_ccdproc.images import is_fits_name
from aia_ccdproc.plugin import RemoteFile
from aia_ccdproc.tables import QueryError, describe_series, download_file, query_series, server_name
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
    """

    url: str
    cards: tuple[RecordCard, ...]

    def header(self) -> fits.Header:
        """Return the keywords of the record.

        Returns
        -------
        `~astropy.io.fits.Header`
            The header, without the keywords that describe the array of pixels.
        """
        return make_header(self.cards)

    def fetch(self, path: Path) -> None:
        """Download the file of the segment, and join it with the header.

        Parameters
        ----------
        path : `~pathlib.Path`
            The file to write.

        Raises
        ------
        ReadError
            If the file is not online, is not a FITS image, or is truncated.
        QueryError
            If the download fails.
        """
        if "://" not in self.url:
            raise ReadError(f"{self.source} is not online at {self.server} ({self.url!r}). Request an export from JSOC")
        with tempfile.TemporaryDirectory() as folder:
            segment = Path(folder) / "segment.fits"
            download_file(self.url, segment)
            write_with_header(segment, self.header(), path)


def find_records(query: str, *, server: str | drms.Client | None = None, timeout: float = 60.0) -> list[JsocRecord]:
    """Find the records that a query selects, and all of their keywords.

    One query lists the records, one describes the series, and one for each 200 records asks for their keywords.

    Parameters
    ----------
    query : str
        A record set of DRMS: ``"aia.lev1_euv_12s[2019-01-01T00:00:00Z/1h@5m][171,193]"``. A segment in braces may end
        it; by default it is the first segment of the series.
    server : str or `drms.Client`, optional
        Another DRMS server than JSOC: a client, or the base URL of its CGIs.
    timeout : float
        Time limit of each query in seconds, retries included.

    Returns
    -------
    list of `JsocRecord`
        The records, in the order in which the server lists them.

    Raises
    ------
    ReadError
        If the text is not a query, or no record exists.
    QueryError
        If the server does not answer, or refuses the query.
    """
    wanted = RecordSet.parse(query)
    numbers = query_series(
        wanted.series + wanted.filters, ["*recnum*"], needed=["*recnum*"], server=server, timeout=timeout
    )
    if not len(numbers):
        raise ReadError(f"{server_name(server)} has no records of {query}")
    series = describe_series(wanted.series, server=server, timeout=timeout)
    segment = wanted.segment or next(iter(series.segments.index), "image")
    listed = [str(number) for number in numbers["*recnum*"]]
    records: list[JsocRecord] = []
    for first in range(0, len(listed), _MAX_RECORDS_PER_QUERY):
        batch = listed[first : first + _MAX_RECORDS_PER_QUERY]
        dataset = f"{wanted.series}[:{','.join(f'#{number}' for number in batch)}]"
        table = query_series(dataset, segments=[segment], needed=[segment], server=server, timeout=timeout)
        if len(table) != len(batch):
            what = f"{query} from {server_name(server)}"
            raise QueryError(what, f"the server sent {len(table)} of {len(batch)} records")
        rows = [{name: str(row[name]) for name in table.colnames} for row in table]
        records += [_record(row, series, wanted.series, segment, server_name(server)) for row in rows]
    return records


def _record(row: dict[str, str], series: SeriesInfo, name: str, segment: str, server: str) -> JsocRecord:
    url = row.pop(segment)
    primes: Sequence[str] = [row[key] for key in series.primekeys or () if key in row]
    end = PurePosixPath(urlsplit(url).path).name if "://" in url else ""
    end = end if is_fits_name(end) else f"{segment}.fits"
    return JsocRecord(
        name=".".join(_UNSAFE.sub("", part) for part in (name, *primes, end)),
        source=f"{name}{''.join(f'[{value}]' for value in primes)}{{{segment}}}",
        server=server,
        url=url,
        cards=record_cards(row, series),
    )
