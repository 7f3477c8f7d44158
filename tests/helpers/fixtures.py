"""Fixtures for the tests of the core and of the plugins: real files, no network, a stand-in for JSOC."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from jsoc_server import StandIn, stand_in

from aia_ccdproc.synthetic import builtin_pointing_path
from aia_ccdproc.tables.cache import FetchedOnce

REAL_DATA = Path(os.environ.get("AIA_CCDPROC_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real AIA files; a test that asks for it skips where there is none."""
    if not REAL_DATA.is_dir():
        pytest.skip(f"no real data: {REAL_DATA} is not there (AIA_CCDPROC_TEST_DATA names another folder)")
    return REAL_DATA


@pytest.fixture(scope="session")
def pointing_path() -> Path:
    """The pointing table that comes with the package: record #34506."""
    return builtin_pointing_path()


@pytest.fixture
def jsoc(cache_folder: Path) -> Iterator[StandIn]:
    """A stand-in for JSOC, and an empty cache."""
    with stand_in() as server:
        yield server


@pytest.fixture
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of what is fetched, for this process, which forgets what it knew, and for those it starts."""
    folder = tmp_path / "cache"
    (folder / "astropy").mkdir(parents=True)
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    FetchedOnce.forget_everything()
    return folder


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse whatever is not on this machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise OSError(f"the tests use no network beyond loopback: {address}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)
