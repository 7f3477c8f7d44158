"""Where JSOC keeps the files of spikes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import groupby, islice
from typing import TYPE_CHECKING, NamedTuple, Self

from astropy.io import fits

from aia_ccdproc import HeaderError, InstrumentError, TableError
from aia_ccdproc.images import as_number, finite_number, parse_time
from aia_ccdproc.tables import FetchCache, NoAnswerError, query_series, server_name

if TYPE_CHECKING:
    import drms

__all__ = ["Exposure", "prefetch", "series_of", "urls_of"]

#: The series that have a segment of spikes. That of 4500 Å is not known.
_SERIES: dict[float, str] = {
    **dict.fromkeys((94, 131, 171, 193, 211, 304, 335), "aia.lev1_euv_12s"),
    **dict.fromkeys((1600, 1700), "aia.lev1_uv_24s"),
}
#: Exposures that one query asks for at most: a URL has no room for more.
_LONGEST_QUERY = 64


def series_of(header: fits.Header) -> str:
    """Tell which series of JSOC an image is of.

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
        If none is known to have spikes of the channel.
    """
    channel = finite_number(header, "WAVELNTH")
    if channel not in _SERIES:
        raise InstrumentError(
            f"no series of JSOC is known to have spikes of {channel:g} Å, only of {', '.join(map(str, _SERIES))}. "
            "Name the file: spikes/{FSN}.fits"
        )
    return _SERIES[channel]


class Exposure(NamedTuple):
    """An exposure as a server knows it."""

    server: str
    series: str
    channel: int
    time: str
    fsn: int

    @classmethod
    def of(cls, header: fits.Header, server: str | drms.Client | None) -> Self:
        """Find out from a header which exposure it is of.

        Parameters
        ----------
        header : `~astropy.io.fits.Header`
            Complete header, with T_REC, WAVELNTH and FSN.
        server : str or `drms.Client`, optional
            The server, if it is not JSOC.

        Returns
        -------
        `Exposure`
            The exposure.

        Raises
        ------
        HeaderError
            If a keyword is missing.
        InstrumentError
            If no series is known to have spikes of the channel.
        """
        if "T_REC" not in header:
            raise HeaderError("T_REC is missing; JSOC's records, those of spikes too, are named by it")
        time = f"{parse_time(header['T_REC']).isot[:19]}Z"
        channel, fsn = int(finite_number(header, "WAVELNTH")), int(finite_number(header, "FSN"))
        return cls(server_name(server), series_of(header), channel, time, fsn)

    @property
    def record(self) -> str:
        """Name the record.

        Returns
        -------
        str
            ``"aia.lev1_euv_12s[2010-05-13T00:00:02Z][171]"``.
        """
        return f"{self.series}[{self.time}][{self.channel}]"


_urls: FetchCache[Exposure, str | None] = FetchCache("places of files of spikes")


def urls_of(exposures: Sequence[Exposure], *, server: str | drms.Client | None, timeout: float) -> list[str | None]:
    """Ask where the files of spikes lie: once for many exposures of a channel, and for none of them twice.

    Parameters
    ----------
    exposures : sequence of `Exposure`
        Exposures as this server knows them.
    server : str or `drms.Client`, optional
        The server, if it is not JSOC.
    timeout : float
        Seconds after which to give up on the network, all tries of a query together.

    Returns
    -------
    list of str or None
        For each what the server says: the URL, or why there is none; None where it does not know the exposure.

    Raises
    ------
    TableError
        If it does not answer.
    """
    return _urls.get_all(
        exposures, lambda unknown: _ask(unknown, server, timeout), server=server_name(server), timeout=timeout
    )


def prefetch(headers: Iterable[fits.Header], *, server: str | drms.Client | None, timeout: float) -> None:
    """Ask for all images of a batch at once, but for those that JSOC cannot be asked for.

    Parameters
    ----------
    headers : iterable of `~astropy.io.fits.Header`
        Complete headers of the images.
    server : str or `drms.Client`, optional
        The server, if it is not JSOC.
    timeout : float
        As in `urls_of`.

    Raises
    ------
    TableError
        If it does not answer.
    """
    exposures = []
    for header in headers:
        if header.get("NSPIKES") != 0:
            with suppress(HeaderError, InstrumentError):
                exposures.append(Exposure.of(header, server))
    urls_of(exposures, server=server, timeout=timeout)


def _ask(
    exposures: list[Exposure], server: str | drms.Client | None, timeout: float
) -> Iterator[tuple[Exposure, str | TableError | None]]:
    for (series, channel), same in groupby(sorted(exposures), key=lambda exposure: (exposure.series, exposure.channel)):
        while some := list(islice(same, _LONGEST_QUERY)):
            times = ",".join(dict.fromkeys(exposure.time for exposure in some))
            dataset, needed = f"{series}[{times}][{channel}]", ["FSN", "spikes"]
            try:
                table = query_series(
                    dataset, ["FSN"], segments=["spikes"], needed=needed, server=server, timeout=timeout
                )
            except NoAnswerError:
                raise
            except TableError as error:  # of this channel alone
                yield from ((exposure, error) for exposure in some)
                continue
            urls = {as_number(str(row["FSN"])): str(row["spikes"]) for row in table}
            yield from ((exposure, urls.get(exposure.fsn)) for exposure in some)
