"""Export requests of a local JSOC: addresses, requests that are pending, and every way in which they fail."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import unquote_plus

Row = dict[str, str]
Query = dict[str, str]

_FAILURES: dict[str, dict[str, object]] = {
    "refused": {"status": 4, "error": "Export request is too large"},
    "no reason": {"status": 4},
}


class Exports:
    """The export requests of a server."""

    def __init__(self, records: dict[str, list[Row]], files: dict[str, bytes]) -> None:
        self._records, self._files = records, files
        #: Addresses that are registered.
        self.addresses = {"me@example.org"}
        #: The requests that were received.
        self.requests: list[Query] = []
        #: Number of questions for the status before a request has finished.
        self.pending = 3
        #: Number of requests that are refused because another one is pending.
        self.others_pending = 0
        #: How requests fail: "refused", "failed", "no file", "no data", "no reason"; None
        #: while they succeed.
        self.failure: str | None = None
        #: Makes the file of a record: a function of the record, a segment, and the query. By default, it is that in
        #: ``stored``.
        self.make_file: Callable[[Row, str, Query], bytes] = lambda row, segment, query: self.stored[
            row["*recnum*"], segment
        ]
        #: Files of records that are not online, by record number and segment.
        self.stored: dict[tuple[str, str], bytes] = {}
        self._left: dict[str, int] = {}

    def check_address(self, query: Query) -> dict[str, object]:
        """Answer whether an address is registered."""
        return {"status": 2 if unquote_plus(query["address"]) in self.addresses else 4, "msg": ""}

    def answer(self, query: Query) -> dict[str, object]:
        """Answer a request, or a question for its status."""
        if query["op"] == "exp_status":
            return self._status(query["requestid"])
        if self.others_pending:
            self.others_pending -= 1
            return {"status": 7, "error": f"User {query['notify']} has 1 pending export requests"}
        self.requests.append(query)
        if self.failure in _FAILURES:
            return _FAILURES[self.failure]
        identity = f"JSOC_20261127_{len(self.requests):03d}"
        self._left[identity] = self.pending
        return self._status(identity)

    def _status(self, identity: str) -> dict[str, object]:
        if self._left[identity] > 0:
            self._left[identity] -= 1
            return {"status": 2 if self._left[identity] else 6, "requestid": identity, "wait": 5}
        if self.failure == "failed":
            return {"status": 4, "requestid": identity, "error": "Cannot stage the files"}
        query = self.requests[int(identity[-3:]) - 1]
        match = re.fullmatch(r"(.*)\[:(.*)\]\{(.*)\}", query["ds"])
        assert match, query["ds"]
        folder, data = f"/SUM99/{identity}/S00000", []
        suffix = "_mod" if "im_patch" in query["process=n"] else ""
        for row in self._records[match[1]]:
            for segment in match[3].split(","):
                if f"#{row['*recnum*']}" in match[2].split(","):
                    primes = f"{match[1]}{suffix}[{row['T_REC']}][{row['WAVELNTH']}]"
                    record = f"{primes}[{identity}]" if suffix else f"{primes}{{{segment}}}"
                    name = f"{match[1]}.{row['*recnum*']}.{segment}.fits"
                    name = "NoDataFile" if self.failure == "no file" and not data else name
                    self._files[f"{folder}/{name}"] = self.make_file(row, segment, query)
                    data.append({"record": record, "filename": name})
        if self.failure == "no data":
            return {"status": 0, "requestid": identity}
        done = {"status": 0, "requestid": identity, "method": "url", "protocol": query["protocol"]}
        return {**done, "dir": folder, "count": len(data), "data": data}
