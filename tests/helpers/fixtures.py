"""Fixtures of the tests of the core and of the plugins: real files, a local JSOC, an empty cache, no network."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from jsoc_server import JsocServer, run_jsoc_server

from aia_ccdproc.synthetic import builtin_pointing_path
from aia_ccdproc.tables.cache import FetchCache

REAL_DATA = Path(os.environ.get("AIA_CCDPROC_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real AIA files. Tests that use it are skipped if it does not exist."""
    if not REAL_DATA.is_dir():
        pytest.skip(f"no real data: {REAL_DATA} does not exist (set AIA_CCDPROC_TEST_DATA to use another folder)")
    return REAL_DATA


@pytest.fixture(scope="session")
def pointing_path() -> Path:
    """Path of the built-in pointing table, record #34506."""
    return builtin_pointing_path()


@pytest.fixture
def jsoc(cache_folder: Path) -> Iterator[JsocServer]:
    """A local server that answers like JSOC, and an empty cache."""
    with run_jsoc_server() as server:
        yield server


@pytest.fixture
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of fetched data, in memory and on disk, for this process and the processes it starts."""
    folder = tmp_path / "cache"
    (folder / "astropy").mkdir(parents=True)
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    FetchCache.clear_all()
    return folder


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse connections to other machines."""
    connect = socket.socket.connect

    def connect_to_loopback(self: socket.socket, address: object) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise OSError(f"cannot connect to {address}: tests connect only to this machine")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect_to_loopback)
