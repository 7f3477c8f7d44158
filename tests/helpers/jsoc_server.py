"""A stand-in for JSOC on 127.0.0.1: answers in the recorded shape, and fails in all the ways JSOC does."""

from __future__ import annotations

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

from aia_ccdproc.synthetic import builtin_pointing_path

Row = dict[str, str]


def recorded_rows() -> list[Row]:
    """Record #34506 as strings on the wire, and the record after it, a little off."""
    table = Table.read(builtin_pointing_path(), format="ascii.ecsv")
    first = {name: str(table[name][0]) for name in table.colnames}
    first["*recnum*"] = first.pop("MPO_RECNUM")
    second = {key: f"{float(value) + 0.5}" if key.endswith("X0") else value for key, value in first.items()}
    second |= {"T_START": "2020-01-01T03:00:00Z", "T_STOP": "2020-01-01T06:00:00Z", "*recnum*": "34507"}
    return [first, second]


def row_at(start: Time, hours: float = 3, number: int = 50000) -> Row:
    """A record that begins at a time."""
    stop = start + TimeDelta(hours / 24, format="jd")
    return {
        **recorded_rows()[0],
        "T_START": f"{start.isot[:19]}Z",
        "T_STOP": f"{stop.isot[:19]}Z",
        "*recnum*": str(number),
    }


def on_the_wire(table: Table) -> list[Row]:
    """Records of a table as JSOC sends them: all of them texts."""
    times = ("DATE", "T_START", "T_STOP")
    records = [{name: str(row[name]) for name in table.colnames} for row in table]
    return [{name: f"{text[:19]}Z" if name in times else text for name, text in row.items()} for row in records]


class StandIn(ThreadingHTTPServer):
    """The server. ``mode`` says how it answers, ``rows`` what; ``queries`` is what it was asked.

    ``rows`` are pointing records; ``series`` has the records of other series, all of which it gives when asked.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.rows = recorded_rows()
        self.series: dict[str, list[Row]] = {}
        self.mode = "well"
        self.failures = 10**9
        self.queries: list[dict[str, str]] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}/cgi-bin/ajax/"
        #: What lies at a path of the server, and what it answers when asked for a dataset, whatever is asked of it.
        self.files: dict[str, bytes] = {}
        self.answers: dict[str, dict[str, object]] = {}

    @property
    def rs_lists(self) -> list[str]:
        """The datasets that were asked for."""
        return [query["ds"] for query in self.queries if query.get("op") == "rs_list"]

    def fail(self, mode: str, times: int = 10**9) -> None:
        """Answer so many queries badly, and then well."""
        self.mode, self.failures = mode, times

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that has given up is no news."""


@contextmanager
def stand_in() -> Iterator[StandIn]:
    """Run one for as long as it is needed."""
    server = StandIn()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


class Handler(BaseHTTPRequestHandler):
    """Answers ``jsoc_info``."""

    server: StandIn

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        self.server.queries.append(query)
        mode = self.server.mode if self.server.failures > 0 else "well"
        self.server.failures -= 1
        if parts.path in self.server.files:
            self.answer(self.server.files[parts.path], kind="application/octet-stream")
        elif query.get("ds") in self.server.answers:
            self.answer(json.dumps({"runtime": 0.1, "status": 0, **self.server.answers[query["ds"]]}).encode())
        elif not parts.path.endswith("jsoc_info"):
            self.answer(b"not here", status=404, kind="text/plain")
        else:
            _MODES[mode](self, query)

    def answer(self, body: bytes, *, status: int = 200, kind: str = "application/json", length: int = 0) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(length or len(body)))
        self.end_headers()
        self.wfile.write(body)

    def truth(self, query: dict[str, str]) -> bytes:
        if query["op"] == "series_struct":
            names = [{"name": name, "type": "time" if name[0] == "T" else "float"} for name in self.server.rows[0]]
            return json.dumps({"primekeys": ["T_START"], "keywords": names, "status": 0}).encode()
        rows = self.asked_for(query["ds"])
        if not rows:
            return b'{"count":0,"runtime":0.177,"status":0}'
        known = list(rows[0])
        keys = known if "**ALL**" in query["key"] else query["key"].split(",")
        columns = [{"name": key, "values": [row.get(key, "Invalid KeyLink") for row in rows]} for key in keys]
        answer = {"keywords": columns, "segments": [], "links": [], "count": len(rows), "runtime": 0.065, "status": 0}
        return json.dumps(answer).replace("/", r"\/").encode()

    def asked_for(self, dataset: str) -> list[Row]:
        name, rest = dataset.split("[", 1)
        if name in self.server.series:
            assert rest == "][!1=1!]", dataset
            return self.server.series[name]
        span = re.fullmatch(r"aia\.master_pointing3h\[(.*Z)-(.*Z)\]", dataset)
        assert span, dataset
        first, last = (Time(text.removesuffix("Z")) for text in span.groups())
        return [row for row in self.server.rows if first <= Time(row["T_START"].removesuffix("Z")) <= last]


def _slow(handler: Handler, query: dict[str, str]) -> None:
    time.sleep(3)
    handler.answer(handler.truth(query))


def _trickle(handler: Handler, query: dict[str, str]) -> None:
    body = handler.truth(query)
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    for byte in body[:100]:
        handler.wfile.write(bytes([byte]))
        handler.wfile.flush()
        time.sleep(0.05)


def _cut_off(handler: Handler, query: dict[str, str]) -> None:
    body = handler.truth(query)
    handler.answer(body[: len(body) // 2], length=len(body))


def _redirect(where: str) -> Callable[[Handler, dict[str, str]], None]:
    def redirect(handler: Handler, query: dict[str, str]) -> None:
        handler.send_response(302)
        handler.send_header("Location", handler.path if where == "itself" else f"/{where}{handler.path}")
        handler.send_header("Content-Length", "0")
        handler.end_headers()
        if where == "moved":
            handler.server.mode = "well"

    return redirect


def _missing(handler: Handler, query: dict[str, str]) -> None:
    for row in handler.server.rows:
        row.update({key: "MISSING" for key in row if key.startswith("A_094")})
    handler.answer(handler.truth(query))


def _says(body: bytes, *, status: int = 200, kind: str = "application/json") -> Callable[[Handler, object], None]:
    return lambda handler, query: handler.answer(body, status=status, kind=kind)


_PAGE = b"<!DOCTYPE html><html><body>JSOC is down for maintenance</body></html>"
_MODES: dict[str, Callable[[Handler, dict[str, str]], None]] = {
    "well": lambda handler, query: handler.answer(handler.truth(query)),
    "slow": _slow,
    "trickle": _trickle,
    "cut off": _cut_off,
    "maintenance page": _says(_PAGE, kind="text/html"),
    "empty": _says(b""),
    "status 1": _says(b'{"status":1,"error":"Cannot open series"}'),
    "a list": _says(b"[1, 2, 3]"),
    "no columns": _says(b'{"keywords":[{"name":"A","values":["1"]}],"count":1,"status":0}'),
    "ragged": _says(b'{"keywords":[{"name":"T_START","values":["1"]},{"name":"T_STOP","values":[]}],"status":0}'),
    "no times": _says(
        b'{"keywords":[{"name":"T_START","values":["soon"]},{"name":"T_STOP","values":["late"]}],"status":0}'
    ),
    "zero records": _says(b'{"count":0,"runtime":0.177,"status":0}'),
    "missing channel": _missing,
    "500": _says(b"oops", status=500, kind="text/plain"),
    "503": _says(_PAGE, status=503, kind="text/html"),
    "404": _says(b"no", status=404, kind="text/plain"),
    "redirect": _redirect("moved"),
    "redirect loop": _redirect("itself"),
}
