"""A local HTTP server that answers in JSOC's recorded format, and fails in all the ways in which JSOC fails."""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from astropy.table import Table
from astropy.time import Time, TimeDelta
from jsoc_exports import Exports

from aia_ccdproc.synthetic import builtin_pointing_path

#: Keywords of a record; JSOC sends all values as strings.
Row = dict[str, str]
Query = dict[str, str]


def recorded_rows() -> list[Row]:
    """Return record #34506 as JSOC sends it, and a record after it whose X0 is larger by 0.5."""
    table = Table.read(builtin_pointing_path(), format="ascii.ecsv")
    first = {name: str(table[name][0]) for name in table.colnames}
    first["*recnum*"] = first.pop("MPO_RECNUM")
    second = {key: f"{float(value) + 0.5}" if key.endswith("X0") else value for key, value in first.items()}
    second |= {"T_START": "2020-01-01T03:00:00Z", "T_STOP": "2020-01-01T06:00:00Z", "*recnum*": "34507"}
    return [first, second]


def row_at(start: Time, hours: float = 3, number: int = 50000) -> Row:
    """Return a pointing record that begins at a time."""
    stop = start + TimeDelta(hours / 24, format="jd")
    return {
        **recorded_rows()[0],
        "T_START": f"{start.isot[:19]}Z",
        "T_STOP": f"{stop.isot[:19]}Z",
        "*recnum*": str(number),
    }


def describe_keywords(kinds: dict[str, str], segment: str = "image") -> dict[str, object]:
    """Describe a series as JSOC does, by the types of its keywords. The prime keys are those of AIA."""
    keywords = [
        {"name": name, "type": kind, "units": "none", "note": f"Note on {name}"} for name, kind in kinds.items()
    ]
    segments = [{"name": segment, "type": "int", "units": None, "protocol": "link via lev1", "dims": None, "note": ""}]
    return {"primekeys": ["T_REC", "WAVELNTH"], "keywords": keywords, "segments": segments, "links": []}


_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def select_records(rows: list[Row], filters: str) -> list[Row]:
    """Select records by the filters of a query, ``[start/1h@5m][171,193]``, ``[time,time][171]`` or ``[:#12,#13]``."""
    times, *channels = re.findall(r"\[([^]]*)\]", f"[{filters}")
    if times.startswith(":#"):
        return [row for row in rows if row["*recnum*"] in re.findall(r"#(\d+)", times)]
    wanted = channels[0].split(",") if channels else None
    span = re.fullmatch(r"(.*)/(\d+)([smhd])(?:@(\d+)([smhd]))?", times)
    if span is None:
        found = [row for row in rows if row["T_REC"] in times.split(",")]
    else:
        start, length = Time(span[1].removesuffix("Z")), int(span[2]) * _SECONDS[span[3]]
        step = int(span[4]) * _SECONDS[span[5]] if span[4] else 1
        ages = [round((Time(row["T_REC"].removesuffix("Z")) - start).sec) for row in rows]
        found = [row for row, age in zip(rows, ages, strict=True) if 0 <= age < length and age % step == 0]
    return [row for row in found if wanted is None or row["WAVELNTH"] in wanted]


def records_answer(rows: list[Row], query: Query) -> bytes:
    """Answer a query for the keywords and segments of records."""
    if not rows:
        return b'{"count":0,"runtime":0.177,"status":0}'
    every = [name for name in rows[0] if name[0] not in "*{"]
    keys = every if "**ALL**" in query["key"] else query["key"].split(",")
    columns = [{"name": key, "values": [row.get(key, "Invalid KeyLink") for row in rows]} for key in keys]
    segments = [
        {"name": name, "values": [row[f"{{{name}}}"] for row in rows], "dims": ["4096x4096"] * len(rows)}
        for name in filter(None, query.get("seg", "").split(","))
    ]
    answer = {"keywords": columns, "segments": segments, "links": [], "count": len(rows), "runtime": 0.1, "status": 0}
    return json.dumps(answer).replace("/", r"\/").encode()


def as_json_rows(table: Table) -> list[Row]:
    """Convert the rows of a table to records as JSOC sends them."""
    times = ("DATE", "T_START", "T_STOP")
    records = [{name: str(row[name]) for name in table.colnames} for row in table]
    return [{name: f"{text[:19]}Z" if name in times else text for name, text in row.items()} for row in records]


class JsocServer(ThreadingHTTPServer):
    """The server. Tests set what it answers, and how it fails."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}/cgi-bin/ajax/"
        #: Records of aia.master_pointing3h.
        self.rows = recorded_rows()
        #: Records of other series; a query returns all of them.
        self.series: dict[str, list[Row]] = {}
        #: Records of series that are selected by their time, channel or number. Keys are keywords, "*recnum*", and
        #: segments in braces, "{image}".
        self.records: dict[str, list[Row]] = {}
        #: Answers for ``op=series_struct``.
        self.descriptions: dict[str, dict[str, object]] = {}
        #: Complete answers for datasets.
        self.answers: dict[str, dict[str, object]] = {}
        #: Content of files, by the path of their URL.
        self.files: dict[str, bytes] = {}
        #: Export requests of these records.
        self.exports = Exports(self.records, self.files)
        #: Key of _FAILURES, or None while the server works, and for how many more queries it applies.
        self.failure: str | None = None
        self.failures_left = 0
        #: How the next requests for a file fail, by the path of its URL: keys of _FILE_FAILURES.
        self.file_failures: dict[str, list[str]] = {}
        #: The paths of the files that were requested, and the ranges (None: the whole file).
        self.requested_files: list[str] = []
        self.requested_ranges: list[str | None] = []
        #: Whether the server sends parts of files.
        self.sends_ranges = True
        #: The queries that were received.
        self.queries: list[Query] = []

    @property
    def queried_datasets(self) -> list[str]:
        """The datasets of all queries for records (``op=rs_list``)."""
        return [query["ds"] for query in self.queries if query.get("op") == "rs_list"]

    def fail(self, failure: str, times: int = 10**9) -> None:
        """Answer the next queries with a failure."""
        self.failure, self.failures_left = failure, times

    def recover(self) -> None:
        """Answer correctly again."""
        self.failure = None

    def add_file(self, name: str, content: bytes) -> str:
        """Add a file. Return its URL."""
        url = f"{self.url}{name}"
        self.files[urlsplit(url).path] = content
        return url

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore a client that has closed the connection."""


@contextmanager
def run_jsoc_server() -> Iterator[JsocServer]:
    """Run a server until the end of the block."""
    server = JsocServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


class Handler(BaseHTTPRequestHandler):
    """Handler of requests for ``jsoc_info``, for exports and for files."""

    server: JsocServer

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        self.server.queries.append(query)
        failure = self.server.failure if self.server.failures_left > 0 else None
        self.server.failures_left -= 1
        if parts.path in self.server.files:
            self.server.requested_files.append(parts.path)
            self.server.requested_ranges.append(self.headers["Range"])
            failures = self.server.file_failures.get(parts.path)
            send_file = _FILE_FAILURES[failures.pop(0)] if failures else _send_file
            send_file(self, self.server.files[parts.path])
        elif parts.path.endswith("checkAddress.sh"):
            self.send(json.dumps(self.server.exports.check_address(query)).encode())
        elif parts.path.endswith("jsoc_fetch"):
            self.send(json.dumps(self.server.exports.answer(query)).encode())
        elif query.get("ds") in self.server.answers:
            self.send(json.dumps({"runtime": 0.1, "status": 0, **self.server.answers[query["ds"]]}).encode())
        elif not parts.path.endswith("jsoc_info"):
            self.send(b"not found", status=404, content_type="text/plain")
        elif failure is not None:
            _FAILURES[failure](self, query)
        else:
            self.send(self.correct_answer(query))

    def send(
        self, body: bytes, *, status: int = 200, content_type: str = "application/json", length: int | None = None
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def correct_answer(self, query: Query) -> bytes:
        series, _, filters = query["ds"].partition("[")
        if query["op"] == "series_struct" and series in self.server.descriptions:
            return json.dumps({**self.server.descriptions[series], "runtime": 0.1, "status": 0}).encode()
        if query["op"] == "rs_list" and series in self.server.records:
            return records_answer(select_records(self.server.records[series], filters), query)
        if query["op"] == "series_struct":
            names = [{"name": name, "type": "time" if name[0] == "T" else "float"} for name in self.server.rows[0]]
            return json.dumps({"primekeys": ["T_START"], "keywords": names, "status": 0}).encode()
        rows = self.matching_rows(query["ds"])
        if not rows:
            return b'{"count":0,"runtime":0.177,"status":0}'
        keys = list(rows[0]) if "**ALL**" in query["key"] else query["key"].split(",")
        columns = [{"name": key, "values": [row.get(key, "Invalid KeyLink") for row in rows]} for key in keys]
        answer = {"keywords": columns, "segments": [], "links": [], "count": len(rows), "runtime": 0.065, "status": 0}
        return json.dumps(answer).replace("/", r"\/").encode()

    def matching_rows(self, dataset: str) -> list[Row]:
        series, condition = dataset.split("[", 1)
        if series in self.server.series:
            assert condition == "][!1=1!]", dataset
            return self.server.series[series]
        interval = re.fullmatch(r"aia\.master_pointing3h\[(.*Z)-(.*Z)\]", dataset)
        assert interval, dataset
        first, last = (Time(text.removesuffix("Z")) for text in interval.groups())
        return [row for row in self.server.rows if first <= Time(row["T_START"].removesuffix("Z")) <= last]


def _send_file(handler: Handler, content: bytes, bytes_sent: int | None = None) -> None:
    """Send a file, or a part of it. Break off after some bytes."""
    tag = f'"{hashlib.sha256(content).hexdigest()[:8]}"'
    requested, start = handler.headers["Range"], 0
    if requested and handler.server.sends_ranges and handler.headers["If-Range"] == tag:
        start = int(requested.removeprefix("bytes=").rstrip("-"))
        if start >= len(content):
            handler.send(b"", status=416)
            return
    handler.send_response(206 if start else 200)
    if start:
        handler.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
    handler.send_header("ETag", tag)
    handler.send_header("Content-Length", str(len(content) - start))
    handler.end_headers()
    handler.wfile.write(content[start : None if bytes_sent is None else start + bytes_sent])


def _wrong_range(handler: Handler, content: bytes) -> None:
    handler.send_response(206)
    handler.send_header("Content-Range", f"bytes 1-{len(content) - 1}/{len(content)}")
    handler.send_header("Content-Length", str(len(content) - 1))
    handler.end_headers()
    handler.wfile.write(content[1:])


def _slow_file(handler: Handler, content: bytes) -> None:
    time.sleep(0.3)
    _send_file(handler, content)


def _slow(handler: Handler, query: Query) -> None:
    time.sleep(3)
    handler.send(handler.correct_answer(query))


def _trickle(handler: Handler, query: Query) -> None:
    body = handler.correct_answer(query)
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    for byte in body[:100]:
        handler.wfile.write(bytes([byte]))
        handler.wfile.flush()
        time.sleep(0.05)


def _cut_off(handler: Handler, query: Query) -> None:
    body = handler.correct_answer(query)
    handler.send(body[: len(body) // 2], length=len(body))


def _redirect(handler: Handler, location: str) -> None:
    handler.send_response(302)
    handler.send_header("Location", location)
    handler.send_header("Content-Length", "0")
    handler.end_headers()


def _redirect_once(handler: Handler, query: Query) -> None:
    _redirect(handler, f"/moved{handler.path}")
    handler.server.recover()


def _missing_channel(handler: Handler, query: Query) -> None:
    for row in handler.server.rows:
        row.update({key: "MISSING" for key in row if key.startswith("A_094")})
    handler.send(handler.correct_answer(query))


def _always(
    body: bytes, *, status: int = 200, content_type: str = "application/json"
) -> Callable[[Handler, Query], None]:
    return lambda handler, query: handler.send(body, status=status, content_type=content_type)


_PAGE = b"<!DOCTYPE html><html><body>JSOC is down for maintenance</body></html>"
#: Ways in which a request for a file fails: functions of the handler and the content.
_FILE_FAILURES: dict[str, Callable[[Handler, bytes], None]] = {
    "404": lambda handler, content: handler.send(_PAGE, status=404, content_type="text/html"),
    "503": lambda handler, content: handler.send(_PAGE, status=503, content_type="text/html"),
    "cut off": lambda handler, content: _send_file(handler, content, len(content) // 3),
    "wrong length": lambda handler, content: handler.send(content, length=len(content) + 1000),
    "incomplete": lambda handler, content: handler.send(content[: len(content) // 2]),
    "wrong range": _wrong_range,
    "maintenance page": lambda handler, content: handler.send(_PAGE, content_type="text/html"),
    "slow": _slow_file,
}
_FAILURES: dict[str, Callable[[Handler, Query], None]] = {
    "slow": _slow,
    "trickle": _trickle,
    "cut off": _cut_off,
    "maintenance page": _always(_PAGE, content_type="text/html"),
    "empty": _always(b""),
    "status 1": _always(b'{"status":1,"error":"Cannot open series"}'),
    "a list": _always(b"[1, 2, 3]"),
    "no columns": _always(b'{"keywords":[{"name":"A","values":["1"]}],"count":1,"status":0}'),
    "ragged": _always(b'{"keywords":[{"name":"T_START","values":["1"]},{"name":"T_STOP","values":[]}],"status":0}'),
    "no times": _always(
        b'{"keywords":[{"name":"T_START","values":["soon"]},{"name":"T_STOP","values":["late"]}],"status":0}'
    ),
    "zero records": _always(b'{"count":0,"runtime":0.177,"status":0}'),
    "missing channel": _missing_channel,
    "500": _always(b"oops", status=500, content_type="text/plain"),
    "503": _always(_PAGE, status=503, content_type="text/html"),
    "404": _always(b"no", status=404, content_type="text/plain"),
    "redirect": _redirect_once,
    "redirect loop": lambda handler, query: _redirect(handler, handler.path),
}
