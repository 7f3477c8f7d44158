"""Records of JSOC as inputs: which records a query selects, and their files."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple, Self
from urllib.parse import urlsplit

from aia_ccdproc import ReadError
from aia_ccdproc.images import is_fits_name, parse_time
from aia_ccdproc.tables import QueryError, describe_series, query_series, server_name
from aia_ccdproc_jsoc.export import ExportSettings, RecordId
from aia_ccdproc_jsoc.keywords import RecordCard, record_cards
from aia_ccdproc_jsoc.options import QueryOptions
from aia_ccdproc_jsoc.remote import JsocRecord

if TYPE_CHECKING:
    import drms

__all__ = ["RecordSet", "find_records"]

#: Largest number of records in one query, whose record numbers must fit into a URL.
_MAX_RECORDS_PER_QUERY = 200
_RECORD_SET = re.compile(r"([A-Za-z_]\w*\.\w+)\s*(\[.*\])\s*(?:\{\s*(\w+)\s*\})?$", re.ASCII | re.DOTALL)
#: Segment with the spikes of an image.
_SPIKES = "spikes"
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


def find_records(
    query: str,
    options: QueryOptions | None = None,
    *,
    server: str | drms.Client | None = None,
    timeout: float = 60.0,
) -> list[JsocRecord]:
    """Find the records that a query selects, and all of their keywords.

    One query describes the series, one lists the records, and one for each 200 records asks for their keywords.

    Parameters
    ----------
    query : str
        A record set of DRMS: ``"aia.lev1_euv_12s[2019-01-01T00:00:00Z/1h@5m][171,193]"``. A segment in braces may end
        it; by default it is the first segment of the series.
    options : `~aia_ccdproc_jsoc.options.QueryOptions`, optional
        Address for exports, field of view, and whether spikes are fetched, too.
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
        If the text is not a query, or no record exists. If a cutout is wanted, and no address is given. If spikes are
        wanted, and the series has none.
    QueryError
        If the server does not answer, or refuses the query.
    """
    wanted = RecordSet.parse(query)
    chosen = options or QueryOptions()
    cutout = chosen.cutout
    if cutout is not None and not chosen.email:
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
    export = ExportSettings(server, wanted.series, chosen.email, chosen.wait, cutout)
    segment = wanted.segment or next(iter(series.segments.index), "image")
    if chosen.spikes and _SPIKES not in series.segments.index:
        raise ReadError(f"{wanted.series} has no spikes")
    segments = list(dict.fromkeys([segment, *([_SPIKES] if chosen.spikes else [])]))
    records: list[JsocRecord] = []
    for first in range(0, len(listed), _MAX_RECORDS_PER_QUERY):
        batch = listed[first : first + _MAX_RECORDS_PER_QUERY]
        dataset = f"{wanted.series}[:{','.join(f'#{number}' for number in batch)}]"
        table = query_series(dataset, segments=segments, needed=segments, server=server, timeout=timeout)
        if len(table) != len(batch):
            what = f"{query} from {server_name(server)}"
            raise QueryError(what, f"the server sent {len(table)} of {len(batch)} records")
        for row in table:
            values = {name: str(row[name]) for name in table.colnames}
            key = tuple(values[name] for name in primes)
            urls = {each: values.pop(each) for each in segments}
            cards = record_cards(values, series)
            image, *spikes = [RecordId(number_of.get(key, ""), key, each) for each in segments]
            has_spikes = all(card.value != 0 for card in cards if card.keyword == "NSPIKES")
            others = [_record(cards, each, urls[each.segment], export._replace(cutout=None)) for each in spikes]
            records.append(_record(cards, image, urls[segment], export, tuple(others if has_spikes else ())))
    return records


def _first_time(table: Any) -> str:
    """Return the time of the first record, UTC; empty if the series has no T_REC."""
    return str(parse_time(str(table["T_REC"][0])).isot) if "T_REC" in table.colnames else ""


def _record(
    cards: tuple[RecordCard, ...],
    identity: RecordId,
    url: str,
    export: ExportSettings,
    others: tuple[JsocRecord, ...] = (),
) -> JsocRecord:
    segment, cutout = identity.segment, export.cutout
    end = PurePosixPath(urlsplit(url).path).name if "://" in url else ""
    end = end if is_fits_name(end) else _FILE_NAMES.get(segment, f"{segment}.fits")
    end = f"{cutout.label}.{segment}.fits" if cutout else end
    return JsocRecord(
        name=".".join(_UNSAFE.sub("", part) for part in (export.series, *identity.primes, end)),
        source=f"{export.series}{''.join(f'[{value}]' for value in identity.primes)}{{{segment}}}"
        + (f" {cutout.label}" if cutout else ""),
        server=server_name(export.server),
        url=url,
        cards=cards,
        identity=identity,
        export=export,
        others=others,
    )
