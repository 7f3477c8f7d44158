"""The URLs of spikes files at JSOC."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import groupby, islice
from typing import TYPE_CHECKING, NamedTuple, Self

from astropy.io import fits

from aia_ccdproc import HeaderError, InstrumentError, TableError
from aia_ccdproc.images import as_number, finite_number, parse_time
from aia_ccdproc.tables import FetchCache, NoAnswerError, QueryError, query_series, server_name

if TYPE_CHECKING:
    import drms

__all__ = ["FILE_ADVICE", "JsocExposure", "find_urls", "prefetch", "spikes_series"]

#: Series with a segment of spikes, by channel. That of 4500 Å is not known.
_SERIES: dict[float, str] = {
    **dict.fromkeys((94, 131, 171, 193, 211, 304, 335), "aia.lev1_euv_12s"),
    **dict.fromkeys((1600, 1700), "aia.lev1_uv_24s"),
}
#: What a user can do without access to the server.
FILE_ADVICE = "name the spikes file in the setting spikes"
#: Largest number of exposures in one query, which must fit into a URL.
_MAX_EXPOSURES_PER_QUERY = 64


def spikes_series(header: fits.Header) -> str:
    """Return the series of JSOC that contains the spikes of an image.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        Complete header of the image.

    Returns
    -------
    str
        Name of the series.

    Raises
    ------
    InstrumentError
        If no series with spikes of the channel is known.
    """
    channel = finite_number(header, "WAVELNTH")
    if channel not in _SERIES:
        raise InstrumentError(
            f"no series of JSOC with spikes of {channel:g} Å is known, only of {', '.join(map(str, _SERIES))}. "
            'Name the spikes file: spikes = "spikes/{FSN}.fits"'
        )
    return _SERIES[channel]


class JsocExposure(NamedTuple):
    """An exposure in a series of JSOC or of another DRMS server."""

    server: str
    series: str
    channel: int
    time: str
    fsn: int

    @classmethod
    def from_header(cls, header: fits.Header, server: str | drms.Client | None) -> Self:
        """Identify the exposure of an image.

        Parameters
        ----------
        header : `~astropy.io.fits.Header`
            Complete header, with T_REC, WAVELNTH and FSN.
        server : str or `drms.Client`, optional
            DRMS server that is queried instead of JSOC.

        Returns
        -------
        `JsocExposure`
            The exposure.

        Raises
        ------
        HeaderError
            If a keyword is missing.
        InstrumentError
            If no series with spikes of the channel is known.
        """
        if "T_REC" not in header:
            raise HeaderError(
                "T_REC is missing: it identifies the record of the spikes at JSOC. Name the spikes file: "
                'spikes = "spikes/{FSN}.fits"'
            )
        time = f"{parse_time(header['T_REC']).isot[:19]}Z"
        channel, fsn = int(finite_number(header, "WAVELNTH")), int(finite_number(header, "FSN"))
        return cls(server_name(server), spikes_series(header), channel, time, fsn)

    @property
    def record_name(self) -> str:
        """The name of the record.

        Returns
        -------
        str
            ``"aia.lev1_euv_12s[2010-05-13T00:00:02Z][171]"``.
        """
        return f"{self.series}[{self.time}][{self.channel}]"


_urls: FetchCache[JsocExposure, str | None] = FetchCache("URLs of spikes files")


def find_urls(
    exposures: Sequence[JsocExposure], *, server: str | drms.Client | None, timeout: float
) -> list[str | None]:
    """Find the URLs of spikes files, with one query for many exposures of a channel.

    Parameters
    ----------
    exposures : sequence of `JsocExposure`
        The exposures, all of this server.
    server : str or `drms.Client`, optional
        DRMS server that is queried instead of JSOC.
    timeout : float
        Time limit in seconds for a query, retries included.

    Returns
    -------
    list of str or None
        For each exposure the URL; or a text without ``://`` if the file is not online; or None if the server has no
        record of the exposure.

    Raises
    ------
    TableError
        If the server does not answer.
    """
    name = server_name(server)
    try:
        return _urls.get_all(exposures, lambda missing: _query(missing, server, timeout), server=name, timeout=timeout)
    except QueryError as error:
        others = len(exposures) - 1
        what = f"the spikes of {exposures[0].record_name}{f' and {others} more' if others else ''} from {name}"
        raise error.reworded(what, FILE_ADVICE) from None


def prefetch(headers: Iterable[fits.Header], *, server: str | drms.Client | None, timeout: float) -> None:
    """Find the URLs for all images of a batch, before they are needed one by one.

    Images whose exposure cannot be identified, and those without spikes, are left out.

    Parameters
    ----------
    headers : iterable of `~astropy.io.fits.Header`
        Complete headers of the images.
    server : str or `drms.Client`, optional
        DRMS server that is queried instead of JSOC.
    timeout : float
        Time limit in seconds for a query, retries included.

    Raises
    ------
    TableError
        If the server does not answer.
    """
    exposures = []
    for header in headers:
        if header.get("NSPIKES") != 0:
            with suppress(HeaderError, InstrumentError):
                exposures.append(JsocExposure.from_header(header, server))
    find_urls(exposures, server=server, timeout=timeout)


def _query(
    exposures: list[JsocExposure], server: str | drms.Client | None, timeout: float
) -> Iterator[tuple[JsocExposure, str | TableError | None]]:
    """Query the server for the URLs of exposures. If a channel fails, yield its error in place of the URLs."""
    for (series, channel), same in groupby(sorted(exposures), key=lambda exposure: (exposure.series, exposure.channel)):
        while batch := list(islice(same, _MAX_EXPOSURES_PER_QUERY)):
            times = ",".join(dict.fromkeys(exposure.time for exposure in batch))
            dataset, needed = f"{series}[{times}][{channel}]", ["FSN", "spikes"]
            try:
                table = query_series(
                    dataset, ["FSN"], segments=["spikes"], needed=needed, server=server, timeout=timeout
                )
            except NoAnswerError:
                raise
            except TableError as error:  # concerns only this channel
                yield from ((exposure, error) for exposure in batch)
                continue
            urls = {as_number(str(row["FSN"])): str(row["spikes"]) for row in table}
            yield from ((exposure, urls.get(exposure.fsn)) for exposure in batch)
