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

TEXT = b"a,b\n1,2\n"


class Handler(BaseHTTPRequestHandler):
    """Answers by path: a table, redirects, and an answer that never ends."""

    def do_GET(self) -> None:
        if (
            self.path == "/private"
            and self.headers["Authorization"] != "Basic " + base64.b64encode(b"me:se@cret").decode()
        ):
            self.send_error(401)
        elif self.path in ("/table", "/private"):
            self.send_response(200)
            self.send_header("Content-Length", str(len(TEXT)))
            self.end_headers()
            self.wfile.write(TEXT)
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
                "Location", {"/ftp": "ftp://example.org/x", "/file": "file:///etc/passwd"}.get(self.path, "/table")
            )
            self.end_headers()

    def log_message(self, *arguments: object) -> None:
        """Print nothing."""


@pytest.fixture
def server(cache_folder: Path) -> Iterator[str]:
    """The URL of a server, without the final slash."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http_server:
        threading.Thread(target=http_server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http_server.server_address[1]}"
        http_server.shutdown()


@pytest.mark.parametrize("path", ["/table", "/redirected"])
def test_a_table_is_downloaded_also_by_a_redirect(server: str, path: str) -> None:
    assert Path(download_table(server + path)).read_bytes() == TEXT


def test_a_table_larger_than_the_limit_is_refused(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "MAX_TABLE_BYTES", 2**20)
    with pytest.raises(TableError, match=r"/endless: the answer is larger than 1 MiB"):
        download_table(f"{server}/endless")


def test_an_answer_that_is_shorter_than_announced_is_not_used(server: str) -> None:
    with pytest.raises(TableError, match="closed before the end of the answer"):
        download_table(f"{server}/short", timeout=1.0)


@pytest.mark.parametrize(
    ("path", "message"),
    [("/ftp", "redirects to ftp://example.org/x, which is not http or https"), ("/file", r"HTTP 302 \(Found\)")],
)
def test_a_redirect_to_another_scheme_is_refused(server: str, path: str, message: str) -> None:
    with pytest.raises(TableError, match=message):
        download_table(server + path)


def test_a_redirect_from_a_public_host_to_this_machine_is_refused(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "_is_this_machine", lambda url: not url.endswith("/redirected"))
    with pytest.raises(TableError, match=r"redirects to .*, an address of this machine"):
        download_table(f"{server}/redirected")


@pytest.mark.parametrize(
    ("url", "is_local"),
    [("http://127.0.0.1/", True), ("http://[::1]/", True), ("http://169.254.1.2/", True), ("http://10.1.2.3/", False)],
)
def test_loopback_and_link_local_addresses_are_this_machine(url: str, is_local: bool) -> None:
    assert download._is_this_machine(url) is is_local


def test_a_password_is_sent_and_not_shown(server: str, caplog: pytest.LogCaptureFixture) -> None:
    host = server.removeprefix("http://")
    assert Path(download_table(f"http://me:se%40cret@{host}/private")).read_bytes() == TEXT
    with pytest.raises(TableError) as caught:
        download_table(f"http://me:wrong@{host}/ftp")
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
