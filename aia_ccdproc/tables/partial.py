"""Parts of files whose download was interrupted. They are kept, so that a later download can continue them."""

from __future__ import annotations

import hashlib
import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPMessage
from pathlib import Path
from typing import BinaryIO, NamedTuple, Self

from aia_ccdproc.images.files import atomic_write, lock_file, read_regular_file
from aia_ccdproc.tables.network import RefusedAnswerError

__all__ = ["PartialFile", "kept_part"]

_MAX_RECORD_BYTES = 4096


class Version(NamedTuple):
    """What identifies the content of a URL: a part can be continued if it is the same."""

    #: ETag or, if the server sends none that is strong, Last-Modified. Empty if the server sends neither.
    validator: str = ""
    #: Length in bytes; -1 if the server does not announce it.
    length: int = -1

    @classmethod
    def of(cls, headers: HTTPMessage, length: int | None) -> Self:
        """Read it from the headers of an answer.

        Parameters
        ----------
        headers : `~http.client.HTTPMessage`
            The headers.
        length : int, optional
            Length of the answer in bytes, if it is known.

        Returns
        -------
        `Version`
            The version.
        """
        tag = headers.get("ETag") or ""
        validator = tag if tag and not tag.startswith("W/") else headers.get("Last-Modified") or ""
        return cls(validator, -1 if length is None else length)


class PartialFile:
    """The part of a file that has arrived.

    Parameters
    ----------
    path : `~pathlib.Path`
        Where it is written.
    record : `~pathlib.Path`, optional
        Where its version is recorded, so that a later process can continue it. By default, it cannot.
    """

    def __init__(self, path: Path, record: Path | None = None) -> None:
        self.path, self._record = path, record
        self._version = Version()
        self._lock, self._is_closed = threading.Lock(), False
        if record is not None:
            with suppress(OSError, ValueError, TypeError):
                validator, length = json.loads(read_regular_file(record, _MAX_RECORD_BYTES))
                self._version = Version(str(validator), int(length))

    @property
    def size(self) -> int:
        """Number of bytes that have arrived and can be used.

        Returns
        -------
        int
            0 if the server does not tell the version of the file.
        """
        return self.path.stat().st_size if self._version.validator and self.path.exists() else 0

    @property
    def is_complete(self) -> bool:
        """Whether all bytes have arrived.

        Returns
        -------
        bool
            False if the length of the file is not known.
        """
        return 0 < self.size == self._version.length

    def request_headers(self) -> dict[str, str]:
        """Return the headers that ask for the rest of the file. A server that has another version sends all of it.

        Returns
        -------
        dict of str to str
            ``Range`` and ``If-Range``; empty if nothing has arrived.
        """
        return {"Range": f"bytes={self.size}-", "If-Range": self._version.validator} if self.size else {}

    def forget(self) -> None:
        """Start anew with the next request."""
        self._version = Version()

    def close(self) -> None:
        """Write nothing more, even if a thread still receives an answer."""
        with self._lock:
            self._is_closed = True

    def receive(self, answer: http.client.HTTPResponse, max_bytes: int, block_bytes: int) -> None:
        """Write an answer: the whole file, or the rest of it.

        Parameters
        ----------
        answer : `~http.client.HTTPResponse`
            The answer.
        max_bytes : int
            Largest size of the file.
        block_bytes : int
            Number of bytes that are read at once.

        Raises
        ------
        IncompleteRead
            If the answer ends too early, or is not the rest of the file.
        RefusedAnswerError
            If the file is larger than ``max_bytes``, or cannot be written.
        """
        expected, start = answer.length, 0
        if answer.status == http.client.PARTIAL_CONTENT:
            start = self._check_range(answer.headers.get("Content-Range", ""))
            expected = self._version.length - start if self._version.length >= 0 else expected
        else:
            self._begin(Version.of(answer.headers, expected))
        size = start
        with self.path.open("r+b" if start else "wb") as file:
            file.seek(start)
            while block := answer.read1(block_bytes):
                size += len(block)
                if size > max_bytes:
                    raise RefusedAnswerError(f"the answer is larger than {max_bytes >> 20} MiB")
                self._write(file, block)
        if expected is not None and size < start + expected:
            raise http.client.IncompleteRead(b"", start + expected - size)

    def _begin(self, version: Version) -> None:
        """Begin a new version."""
        self._version = version
        if self._record is not None:
            self.path.write_bytes(b"")  # before the record: a part must never belong to another version
            with atomic_write(self._record) as temporary:
                temporary.write_text(json.dumps(version))

    def _check_range(self, text: str) -> int:
        """Return the start of a range, which must be the size of the part."""
        size, length = self.size, self._version.length
        total = "*" if length < 0 else str(length)
        if not size or not text.startswith(f"bytes {size}-") or text.rpartition("/")[2] not in (total, "*"):
            self.forget()
            raise http.client.IncompleteRead(b"")  # the next attempt starts anew
        return size

    def _write(self, file: BinaryIO, block: bytes) -> None:
        with self._lock:
            if self._is_closed:
                raise RefusedAnswerError("the download was given up")
            try:
                file.write(block)
            except OSError as error:  # another attempt would not find more space
                raise RefusedAnswerError(f"it cannot be saved ({error.strerror})") from error


@contextmanager
def kept_part(folder: Path, url: str) -> Iterator[PartialFile | None]:
    """Provide the part of a file that an earlier download has left in a folder, or a new one.

    Parameters
    ----------
    folder : `~pathlib.Path`
        The folder. The part has a hidden name in it.
    url : str
        The URL of the file.

    Yields
    ------
    `PartialFile` or None
        The part; None if another process is downloading the same file. It is removed at the end of the block, unless
        the block raises and the part can be continued.
    """
    path = folder / f".{hashlib.sha256(url.encode()).hexdigest()[:16]}.part"
    with lock_file(path) as is_locked:
        if is_locked is False:
            yield None
            return
        part = PartialFile(path, path.with_suffix(".json"))
        keep = False
        try:
            yield part
        except BaseException:
            keep = part.size > 0 and not part.is_complete
            raise
        finally:
            part.close()
            if not keep:
                for each in (path, path.with_suffix(".json")):
                    with suppress(OSError):
                        each.unlink(missing_ok=True)
