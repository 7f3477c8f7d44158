"""Replace the keywords of a level-1 image by those that JSOC has now."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple, Self

from astropy.io import fits
from astropy.nddata import CCDData

from aia_ccdproc import HeaderError, InstrumentError, StateError, TableError
from aia_ccdproc.images import (
    add_history,
    as_number,
    complete_header,
    finite_number,
    is_registered,
    parse_time,
    wcs_from_header,
    with_header,
)
from aia_ccdproc.plugin import accepts_maps
from aia_ccdproc.tables import FetchCache, NoAnswerError, QueryError, describe_series, query_series, server_name
from aia_ccdproc_jsoc.keywords import RecordCard, record_cards
from aia_ccdproc_jsoc.options import SERIES

if TYPE_CHECKING:
    import drms

__all__ = ["prefetch", "refresh_keywords", "refreshed_header"]

_FULL_FRAME = (4096, 4096)
#: Keywords that describe the pixels of this file. Those of a record describe the full frame.
_ABOUT_PIXELS = re.compile(r"(TOTVALS|DATAVALS|MISSVALS|PERCENTD|NSATPIX|NSPIKES|DATA\w+|CRPIX\d)$")
#: Largest number of times in one query, which must fit into a URL.
_MAX_TIMES_PER_QUERY = 64


class Exposure(NamedTuple):
    """An exposure in a series of a DRMS server."""

    server: str
    series: str
    time: str
    channel: int
    fsn: int

    @classmethod
    def from_header(cls, header: fits.Header, series: str | None, server: str | drms.Client | None) -> Self:
        """Identify the exposure of an image.

        Parameters
        ----------
        header : `~astropy.io.fits.Header`
            Complete header, with T_REC, WAVELNTH and FSN.
        series : str, optional
            The series; by default that of the channel.
        server : str or `drms.Client`, optional
            DRMS server that is queried instead of JSOC.

        Returns
        -------
        `Exposure`
            The exposure.

        Raises
        ------
        HeaderError
            If a keyword is missing.
        InstrumentError
            If no series of the channel is known.
        """
        if "T_REC" not in header:
            raise HeaderError("T_REC is missing: it identifies the record of the image at JSOC")
        channel, fsn = int(finite_number(header, "WAVELNTH")), int(finite_number(header, "FSN"))
        if series is None and channel not in SERIES:
            raise InstrumentError(f"no series of JSOC with {channel} Å is known. Name one in the setting series")
        time = f"{parse_time(header['T_REC']).isot[:19]}Z"
        return cls(server_name(server), series or SERIES[channel], time, channel, fsn)

    @property
    def record_name(self) -> str:
        """The name of the record.

        Returns
        -------
        str
            ``"aia.lev1_euv_12s[2010-05-13T00:00:02Z][171]"``.
        """
        return f"{self.series}[{self.time}][{self.channel}]"


#: Keywords of exposures; None if the server has no record.
_cards: FetchCache[Exposure, tuple[RecordCard, ...] | None] = FetchCache("keywords of JSOC's records")


@accepts_maps
def refresh_keywords(
    ccd: CCDData, *, series: str | None = None, server: str | drms.Client | None = None, timeout: float = 60.0
) -> CCDData:
    """Replace the keywords of an AIA level-1 image by those that JSOC has now.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        Level-1 image, shape ``(ny, nx)``, with T_REC, WAVELNTH and FSN in its header; not changed.
    series : str, optional
        Series of the record; by default that of the channel.
    server : str or `drms.Client`, optional
        DRMS server that is queried instead of JSOC.
    timeout : float
        Time limit of the query in seconds, retries included.

    Returns
    -------
    `~astropy.nddata.CCDData`
        New image, with the same pixels.

    Raises
    ------
    HeaderError
        If T_REC, WAVELNTH or FSN is missing.
    StateError
        If the image is not level 1.
    TableError
        If the server does not answer, or has no record of the exposure. No keyword is then replaced.
    """
    return with_header(ccd, refreshed_header(complete_header(ccd), series=series, server=server, timeout=timeout))


def refreshed_header(
    header: fits.Header, *, series: str | None, server: str | drms.Client | None, timeout: float
) -> fits.Header:
    """Replace the keywords of a header by those that JSOC has now.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        Complete header of a level-1 image; not changed.
    series : str, optional
        Series of the record; by default that of the channel.
    server : str or `drms.Client`, optional
        DRMS server that is queried instead of JSOC.
    timeout : float
        Time limit of the query in seconds, retries included.

    Returns
    -------
    `~astropy.io.fits.Header`
        New header, with a HISTORY line. In a cutout, CRPIX is shifted by the change of X0_MP and Y0_MP, and keywords
        that describe the pixels are kept.

    Raises
    ------
    HeaderError
        If T_REC, WAVELNTH or FSN is missing.
    StateError
        If the image is not level 1.
    TableError
        If the server does not answer, or has no record of the exposure.
    """
    if is_registered(header, wcs_from_header(header)):
        raise StateError("the image is level 1.5. Refresh the keywords of the level-1 image, and prep it again")
    exposure = Exposure.from_header(header, series, server)
    cards = _find_cards([exposure], server, timeout)[0]
    if cards is None:
        raise TableError(f"{exposure.server} has no record {exposure.record_name} with FSN {exposure.fsn}")
    is_full_frame = (header.get("NAXIS2"), header.get("NAXIS1")) == _FULL_FRAME
    refreshed = header.copy()
    for card in cards:
        if is_full_frame or not _ABOUT_PIXELS.match(card.keyword):
            refreshed.set(*card)
    if not is_full_frame:
        for keyword, center in (("CRPIX1", "X0_MP"), ("CRPIX2", "Y0_MP")):
            shift = finite_number(refreshed, center) - finite_number(header, center)
            refreshed[keyword] = finite_number(header, keyword) + shift
    today = datetime.now(UTC).date().isoformat()
    add_history(refreshed, f"keywords of {exposure.record_name} from {exposure.server} on {today}")
    return refreshed


def prefetch(
    headers: Iterable[fits.Header], *, series: str | None, server: str | drms.Client | None, timeout: float
) -> None:
    """Query the keywords for all images of a batch, before they are needed one by one.

    Parameters
    ----------
    headers : iterable of `~astropy.io.fits.Header`
        Complete headers of the images. Those whose exposure cannot be identified are left out.
    series : str, optional
        Series of the records; by default that of each channel.
    server : str or `drms.Client`, optional
        DRMS server that is queried instead of JSOC.
    timeout : float
        Time limit of each query in seconds, retries included.

    Raises
    ------
    TableError
        If the server does not answer.
    """
    exposures = []
    for header in headers:
        with suppress(HeaderError, InstrumentError):
            exposures.append(Exposure.from_header(header, series, server))
    if exposures:
        _find_cards(exposures, server, timeout)


def _find_cards(
    exposures: Sequence[Exposure], server: str | drms.Client | None, timeout: float
) -> list[tuple[RecordCard, ...] | None]:
    try:
        return _cards.get_all(
            exposures, lambda missing: _query(missing, server, timeout), server=server_name(server), timeout=timeout
        )
    except QueryError as error:
        others = len(exposures) - 1
        what = f"the keywords of {exposures[0].record_name}{f' and {others} more' if others else ''} from JSOC"
        raise error.reworded(what, "remove the step refresh_keywords") from None


def _query(
    exposures: list[Exposure], server: str | drms.Client | None, timeout: float
) -> Iterator[tuple[Exposure, tuple[RecordCard, ...] | TableError | None]]:
    """Query the server for the keywords of exposures, with one query for 64 times of a series."""
    for series, group in groupby(sorted(exposures), key=lambda exposure: exposure.series):
        same = list(group)
        times = list(dict.fromkeys(exposure.time for exposure in same))
        for first in range(0, len(times), _MAX_TIMES_PER_QUERY):
            some = times[first : first + _MAX_TIMES_PER_QUERY]
            batch = [exposure for exposure in same if exposure.time in some]
            channels = ",".join(map(str, dict.fromkeys(exposure.channel for exposure in batch)))
            try:
                table = query_series(
                    f"{series}[{','.join(some)}][{channels}]", needed=["FSN"], server=server, timeout=timeout
                )
                description = describe_series(series, server=server, timeout=timeout)
            except NoAnswerError:
                raise
            except TableError as error:  # concerns only these exposures
                yield from ((exposure, error) for exposure in batch)
                continue
            rows = [{name: str(row[name]) for name in table.colnames} for row in table]
            found = {as_number(row["FSN"]): record_cards(row, description) for row in rows}
            yield from ((exposure, found.get(exposure.fsn)) for exposure in batch)
