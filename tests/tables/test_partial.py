"""Downloads that break off: the rest of the file is requested, in the same run and by the next one."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from jsoc_server import JsocServer

from aia_ccdproc.images.files import lock_file
from aia_ccdproc.tables import NoAnswerError, QueryError, download_file, downloaded, network

CONTENT = bytes(range(256)) * 40
THIRD = len(CONTENT) // 3
REST = f"bytes={THIRD}-"


@pytest.fixture
def url(jsoc: JsocServer, monkeypatch: pytest.MonkeyPatch) -> str:
    """URL of a file."""
    monkeypatch.setattr(network, "_FIRST_PAUSE_SECONDS", 0.02)
    return jsoc.add_file("a.fits", CONTENT)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder."""
    folder = tmp_path / "level1"
    folder.mkdir()
    return folder


def fail(jsoc: JsocServer, url: str, *failures: str) -> None:
    jsoc.file_failures[urlsplit(url).path] = list(failures)


def interrupt(jsoc: JsocServer, url: str, folder: Path) -> None:
    """Leave the first third of a file in a folder."""
    fail(jsoc, url, "cut off", "404")
    with pytest.raises(QueryError, match="HTTP 404"), downloaded(url, folder):
        raise AssertionError
    assert sorted(path.suffix for path in folder.iterdir()) == [".json", ".part"]
    jsoc.requested_ranges.clear()


def download(url: str, folder: Path) -> bytes:
    with downloaded(url, folder) as path:
        content = path.read_bytes()
    assert list(folder.iterdir()) == []
    return content


def test_a_run_asks_only_for_the_rest(folder: Path, url: str, jsoc: JsocServer) -> None:
    fail(jsoc, url, "cut off", "503", "cut off")
    download_file(url, folder / "a.fits")
    assert (folder / "a.fits").read_bytes() == CONTENT
    assert jsoc.requested_ranges == [None, REST, REST, f"bytes={2 * THIRD}-"]


def test_the_next_run_asks_only_for_the_rest(folder: Path, url: str, jsoc: JsocServer) -> None:
    interrupt(jsoc, url, folder)
    assert download(url, folder) == CONTENT
    assert jsoc.requested_ranges == [REST]


def test_a_part_of_another_version_is_not_continued(folder: Path, url: str, jsoc: JsocServer) -> None:
    interrupt(jsoc, url, folder)
    jsoc.files[urlsplit(url).path] = CONTENT[::-1]
    assert download(url, folder) == CONTENT[::-1]


def test_a_server_that_ignores_ranges_sends_the_whole_file(folder: Path, url: str, jsoc: JsocServer) -> None:
    jsoc.sends_ranges = False
    interrupt(jsoc, url, folder)
    assert download(url, folder) == CONTENT


@pytest.mark.parametrize("failure", ["wrong range", "wrong length"])
def test_an_answer_that_is_not_the_rest_is_not_appended(folder: Path, url: str, jsoc: JsocServer, failure: str) -> None:
    interrupt(jsoc, url, folder)
    fail(jsoc, url, failure)
    assert download(url, folder) == CONTENT
    assert jsoc.requested_ranges == [REST, None]


def test_a_part_that_is_larger_than_the_file_is_not_used(folder: Path, url: str, jsoc: JsocServer) -> None:
    interrupt(jsoc, url, folder)
    next(folder.glob(".*.part")).write_bytes(CONTENT + b"more")
    assert download(url, folder) == CONTENT
    assert jsoc.requested_ranges == [f"bytes={len(CONTENT) + 4}-", None]  # the first answer is HTTP 416


def test_a_part_without_its_record_is_not_used(folder: Path, url: str, jsoc: JsocServer) -> None:
    interrupt(jsoc, url, folder)
    next(folder.glob(".*.json")).write_text("[1")
    assert download(url, folder) == CONTENT
    assert jsoc.requested_ranges == [None]


def test_a_part_that_another_process_uses_is_left_alone(folder: Path, url: str, jsoc: JsocServer) -> None:
    interrupt(jsoc, url, folder)
    part = next(folder.glob(".*.part"))
    with lock_file(part) as is_locked:
        assert is_locked
        with downloaded(url, folder) as path:
            assert path.read_bytes() == CONTENT
        assert part.read_bytes() == CONTENT[:THIRD]
    assert jsoc.requested_ranges == [None]


def test_a_download_that_is_given_up_writes_nothing_more(folder: Path, url: str, jsoc: JsocServer) -> None:
    fail(jsoc, url, "slow")
    with pytest.raises(NoAnswerError):
        download_file(url, folder / "a.fits", timeout=0.1)
    jsoc.shutdown()
    assert not (folder / "a.fits").exists() or not (folder / "a.fits").stat().st_size
