"""Export requests: JSOC provides files that are not online, or cutouts, to users with a registered address."""

from __future__ import annotations

import functools
import logging
import re
import threading
import time as clock
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from aia_ccdproc import PrepError, ReadError
from aia_ccdproc.tables import connect, query_with_retries, server_name
from aia_ccdproc_jsoc.cutout import Cutout

if TYPE_CHECKING:
    import drms

__all__ = ["Export", "ExportSettings", "RecordId"]

#: Pause between two questions for the status of a request: at first, and at most, in seconds.
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 5.0, 30.0
#: Time limit for an answer of the server while a request is pending, retries included, in seconds.
_ANSWER_SECONDS = 300.0
#: Interval of the lines of progress, in seconds.
_PROGRESS_SECONDS = 60.0
#: Largest number of records in one request, whose record numbers must fit into a URL.
_MAX_RECORDS_PER_REQUEST = 200
#: Status of a request that is refused because another one of the same user is pending.
_OTHER_IS_PENDING = 7
_REGISTRATION = "http://jsoc.stanford.edu/ajax/register_email.html"

T = TypeVar("T")

_log = logging.getLogger("aia_ccdproc")

#: JSOC refuses a request while another one of the same user is pending.
_one_request = threading.Lock()


class RecordId(NamedTuple):
    """A record, as a request and its answer name it."""

    #: Record number.
    number: str
    #: Values of the prime keys.
    primes: tuple[str, ...]
    #: The segment, for example "image".
    segment: str


class ExportSettings(NamedTuple):
    """What is requested, and how."""

    server: str | drms.Client | None
    series: str
    #: The registered address; empty if none was given.
    email: str
    #: Time limit in seconds.
    timeout: float
    #: None for the file of the record.
    cutout: Cutout | None


class Export:
    """The export of records of a series.

    All records that are expected are requested together when the URL of the first one is asked for, up to 200.

    Parameters
    ----------
    settings : `ExportSettings`
        What is requested, and how.
    """

    def __init__(self, settings: ExportSettings) -> None:
        self._settings = settings
        self._expected: dict[RecordId, None] = {}
        self._answers: dict[RecordId, str | PrepError] = {}
        #: Held while the dictionaries are changed, and while a request is pending.
        self._lock, self._requesting = threading.Lock(), threading.Lock()

    @staticmethod
    @functools.lru_cache(maxsize=64)
    def of(settings: ExportSettings) -> Export:
        """Return the export that all records with the same settings have in common.

        Parameters
        ----------
        settings : `ExportSettings`
            What is requested, and how.

        Returns
        -------
        `Export`
            The export.
        """
        return Export(settings)

    def expect(self, record: RecordId) -> None:
        """Add a record to the next request. An earlier answer is forgotten.

        Parameters
        ----------
        record : `RecordId`
            The record.
        """
        with self._lock:
            self._answers.pop(record, None)
            self._expected[record] = None

    def url(self, record: RecordId) -> str:
        """Wait for the export of a record.

        Parameters
        ----------
        record : `RecordId`
            The record. Other records that are expected are requested together with it.

        Returns
        -------
        str
            The URL of its file.

        Raises
        ------
        PrepError
            If the export failed, has not finished in time, or does not contain the record.
        """
        with self._requesting:  # other threads wait for the same request
            with self._lock:
                answer = self._answers.get(record)
                expected = list({record: None, **self._expected})[:_MAX_RECORDS_PER_REQUEST]
            if answer is None:
                answers = self._request(sorted(expected))
                with self._lock:
                    self._answers.update(answers)
                    for each in answers:
                        self._expected.pop(each, None)
                answer = answers[record]
        if isinstance(answer, str):
            return answer
        raise answer

    def _request(self, records: Sequence[RecordId]) -> dict[RecordId, str | PrepError]:
        """Request records, and wait for the answer: the URL of each file, or why there is none."""
        try:
            with _one_request:
                urls = _Request(self._settings, records).urls()
        except PrepError as error:
            return dict.fromkeys(records, error)
        missing = ReadError(
            f"the export from {server_name(self._settings.server)} has finished without this file. Request it at "
            "http://jsoc.stanford.edu/ajax/exportdata.html, or ask JSOC"
        )
        return {record: urls.get((record.primes, record.segment), missing) for record in records}


class _Request:
    """One export request."""

    def __init__(self, settings: ExportSettings, records: Collection[RecordId]) -> None:
        self._settings, self._records = settings, records
        self._client, self._server = connect(settings.server), server_name(settings.server)
        self._what = f"the export of {len(records)} file{'' if len(records) == 1 else 's'} from {self._server}"
        self._start = clock.monotonic()

    def urls(self) -> dict[tuple[tuple[str, ...], str], str]:
        """Return the URLs of the files, by the prime keys and the segment of their records."""
        self._check_address()
        request = self._submit()
        _log.warning("%s is requested (%s); waiting for it at most %.3g min", self._what, request.id, self._limit_min)
        pauses = self._pauses(f"{self._what} ({request.id})")
        while not self._ask(request.has_finished):
            next(pauses)
        from drms import DrmsExportError

        try:
            table = request.urls
        except DrmsExportError as error:
            raise ReadError(f"{self._what} failed: {error}") from None
        except Exception as error:  # drms does not check the answer
            raise ReadError(
                f"{self._what} ({request.id}) has finished, but the answer has the wrong format "
                f"({type(error).__name__}: {error})"
            ) from error
        found = {}
        for record, url in zip(table["record"], table["url"], strict=True):
            primes = tuple(re.findall(r"\[([^]]*)\]", str(record)))
            segment = re.search(r"\{(\w+)\}", str(record))
            for known in self._records:
                is_same = primes[: len(known.primes)] == known.primes
                if is_same and (known.segment == segment[1] if segment else _names(url, known.segment)):
                    found[known.primes, known.segment] = str(url)
        return found

    @property
    def _limit_min(self) -> float:
        return self._settings.timeout / 60

    def _check_address(self) -> None:
        if not self._ask(lambda: self._client.check_email(self._settings.email)):
            raise ReadError(
                f"{self._settings.email} is not registered at {self._server}. Register it at {_REGISTRATION}, or give "
                "another address"
            )

    def _submit(self) -> drms.client.ExportRequest:
        """Send the request. Wait while another one of the same user is pending."""
        series, cutout = self._settings.series, self._settings.cutout
        numbers = ",".join(dict.fromkeys(f"#{record.number}" for record in self._records))
        segments = ",".join(dict.fromkeys(record.segment for record in self._records))
        process = None if cutout is None else {"im_patch": cutout.arguments()}
        pauses = self._pauses(f"another export request of {self._settings.email}")
        while True:
            request = self._ask(
                lambda: self._client.export(
                    f"{series}[:{numbers}]{{{segments}}}",
                    method="url",
                    protocol="as-is" if cutout is None else "fits",
                    email=self._settings.email,
                    process=process,
                )
            )
            if request.status == _OTHER_IS_PENDING:
                next(pauses)
            elif request.has_failed(skip_update=True) or not (request.id or request.has_succeeded(skip_update=True)):
                reason = request._d.get("error") or "no reason was given"
                raise ReadError(f"{self._server} refused the export: {reason} (status {request.status})")
            else:
                return request

    def _ask(self, query: Callable[[], T]) -> T:
        return query_with_retries(query, self._what, self._server, _ANSWER_SECONDS)

    def _pauses(self, what: str) -> Iterator[None]:
        """Pause, longer and longer. Log the progress. Raise ReadError at the time limit."""
        pause, logged = _FIRST_PAUSE_SECONDS, clock.monotonic()
        while True:
            waited = clock.monotonic() - self._start
            if waited + pause > self._settings.timeout:
                raise ReadError(
                    f"{what} has not finished within {self._limit_min:.3g} min. Run the same command again later, or "
                    "give it more time (--wait)"
                )
            if clock.monotonic() - logged >= _PROGRESS_SECONDS:
                _log.warning("waiting for %s: %.0f of at most %.3g min", what, waited / 60, self._limit_min)
                logged = clock.monotonic()
            clock.sleep(pause)
            pause = min(1.5 * pause, _LONGEST_PAUSE_SECONDS)
            yield


def _names(url: object, segment: str) -> bool:
    """Return whether the name of a file contains the name of a segment."""
    return segment in str(url).rpartition("/")[2]
