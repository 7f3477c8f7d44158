"""Downloads of tables: limits on size, redirects and schemes, and user names and passwords that are never shown."""

from __future__ import annotations

import base64
import errno
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.error import URLError

import pytest
from pydantic import ValidationError

from aia_ccdproc import TableError
from aia_ccdproc.errors import redact_url
from aia_ccdproc.pointing.settings import PointingSettings
from aia_ccdproc.tables import download, network
from aia_ccdproc.tables.download import download_table
from aia_ccdproc.tables.text import read_table_file

TEXT = b"a,b\n1,2\n"
ROWS = [(1, 2)]


def rows(path: Path, name: str) -> list[tuple[int, ...]]:
    table = read_table_file(path, name)
    if table.colnames != ["a", "b"]:
        raise TableError(f"the columns are {table.colnames}")
    return [tuple(row) for row in table]


class Server(ThreadingHTTPServer):
    content = TEXT


class Handler(BaseHTTPRequestHandler):
    """Answers by path: a table, redirects, and an answer that never ends."""

    server: Server

    def do_GET(self) -> None:
        if (
            self.path == "/private"
            and self.headers["Authorization"] != "Basic " + base64.b64encode(b"me:se@cret").decode()
        ):
            self.send_error(401)
        elif self.path in ("/table", "/private"):
            self.send_response(200)
            self.send_header("Content-Length", str(len(self.server.content)))
            self.end_headers()
            self.wfile.write(self.server.content)
        elif self.path == "/short":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(TEXT)
        elif self.path == "/endless":
            self.send_response(200)
            self.end_headers()
            try:
                while True:
                    self.wfile.write(b"0" * 2**16)
            except OSError:
                pass
        else:
            self.send_response(302)
            self.send_header(
                "Location",
                {"/ftp": "ftp://example.org/x", "/file": "file:///etc/passwd", "/loop": "/loop"}.get(
                    self.path, "/table"
                ),
            )
            self.end_headers()

    def log_message(self, *arguments: object) -> None:
        """Print nothing."""


@pytest.fixture
def http_server(cache_folder: Path) -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


@pytest.fixture
def server(http_server: Server) -> str:
    """The URL of the server, without the final slash."""
    return f"http://127.0.0.1:{http_server.server_address[1]}"


@pytest.mark.parametrize("path", ["/table", "/redirected"])
def test_a_table_is_downloaded_also_by_a_redirect(server: str, path: str) -> None:
    assert download_table(server + path, rows) == ROWS


@pytest.mark.parametrize("answer", [b"", b"<html>Log in</html>", b"a\n1\n"], ids=["nothing", "a page", "another table"])
def test_an_answer_that_is_not_the_table_does_not_replace_its_copy(
    http_server: Server, server: str, caplog: pytest.LogCaptureFixture, answer: bytes
) -> None:
    url = f"{server}/table"
    http_server.content = answer
    with pytest.raises(TableError) as caught:
        download_table(url, rows)
    assert "download" not in str(caught.value)  # the name of a temporary file
    http_server.content = TEXT
    assert download_table(url, rows) == ROWS
    http_server.content = answer
    for _ in range(2):
        assert download_table(url, rows) == ROWS
    assert "using the copy of an earlier download" in caplog.text


def test_a_table_larger_than_the_limit_is_refused(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "MAX_TABLE_BYTES", 2**20)
    with pytest.raises(TableError, match=r"/endless: the answer is larger than 1 MiB"):
        download_table(f"{server}/endless", rows)


def test_an_answer_that_is_shorter_than_announced_is_not_used(server: str) -> None:
    with pytest.raises(TableError, match="closed before the end of the answer"):
        download_table(f"{server}/short", rows, timeout=1.0)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/ftp", "redirects to ftp://example.org/x, which is not http or https"),
        ("/file", "the server redirects without end, or to an address that is not http or https"),
        ("/loop", "redirects without end"),
    ],
)
def test_a_redirect_to_another_scheme_is_refused(server: str, path: str, message: str) -> None:
    with pytest.raises(TableError, match=message):
        download_table(server + path, rows)


def test_a_redirect_from_a_public_host_to_this_machine_is_refused(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "_is_this_machine", lambda url: not url.endswith("/redirected"))
    with pytest.raises(TableError, match=r"redirects to .*, an address of this machine"):
        download_table(f"{server}/redirected", rows)


@pytest.mark.parametrize(
    ("url", "is_local"),
    [("http://127.0.0.1/", True), ("http://[::1]/", True), ("http://169.254.1.2/", True), ("http://10.1.2.3/", False)],
)
def test_loopback_and_link_local_addresses_are_this_machine(url: str, is_local: bool) -> None:
    assert download._is_this_machine(url) is is_local


def test_a_password_is_sent_and_not_shown(server: str, caplog: pytest.LogCaptureFixture) -> None:
    host = server.removeprefix("http://")
    assert download_table(f"http://me:se%40cret@{host}/private", rows) == ROWS
    with pytest.raises(TableError) as caught:
        download_table(f"http://me:wrong@{host}/ftp", rows)
    assert "wrong" not in str(caught.value) + caplog.text
    assert f"http://***@{host}/ftp" in str(caught.value)


def test_a_password_is_neither_in_history_nor_in_the_recipes_digest_nor_in_an_error() -> None:
    settings = PointingSettings(source="https://me:secret@example.org/t.ecsv")
    assert settings.describe().startswith("source=https://***@example.org/t.ecsv")
    assert "secret" not in settings.fingerprint()
    with pytest.raises(ValidationError) as caught:
        PointingSettings(source="ftp://me:secret@example.org/t.ecsv")
    assert "should be a URL that starts with http:// or https://, not 'ftp://***@example.org" in str(caught.value)


@pytest.mark.parametrize("scheme", ["ftp", "file", "jar:http", "data", "gopher"])
def test_other_schemes_are_refused(scheme: str) -> None:
    with pytest.raises(ValidationError, match="should be a URL that starts with http:// or https://"):
        PointingSettings(source=f"{scheme}://example.org/t.ecsv")


@pytest.mark.parametrize("url", ["FILE:/etc/passwd", "javascript:1", "data:,x", "http:/x", "ftp:x"])
def test_a_url_without_slashes_is_not_a_path(url: str) -> None:
    with pytest.raises(ValidationError, match="should be a URL that starts with http:// or https://"):
        PointingSettings(source=url)


def test_urls_in_a_text_are_redacted() -> None:
    assert redact_url("a http://u:p@h/x b https://h/y@z") == "a http://***@h/x b https://h/y@z"
    for url in ("http://u:p@ss@h/x", "http://u:p/a@h/x", "http://u:p/@@h/x", "http://u@h/x"):
        assert redact_url(f"'{url}' is not a URL") == "'http://***@h/x' is not a URL"
    for url in ("http://h:80/y@z", "http://h:80", "http://h:/y@z", "http://[::1]:80/x@y", "http://[::1]/y@z"):
        assert redact_url(url) == url


@pytest.mark.parametrize(
    "reason",
    [socket.gaierror(-2, "Name or service not known"), OSError(errno.ENETUNREACH, "Network is unreachable")],
    ids=["unknown name", "no route"],
)
def test_a_server_fails_within_five_seconds_with_one_traceback_without_a_network(
    monkeypatch: pytest.MonkeyPatch, reason: OSError
) -> None:
    waited: list[float] = []
    now = [0.0]

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        now[0] += seconds

    monkeypatch.setattr(network.clock, "sleep", sleep)
    monkeypatch.setattr(network.clock, "monotonic", lambda: now[0])

    def query() -> None:
        raise URLError(reason)

    with pytest.raises(TableError, match="could not be reached") as caught:
        network.query_with_retries(query, "t from JSOC", "JSOC", 60.0)
    assert sum(waited) < 5
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
