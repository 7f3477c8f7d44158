"""Atomic file writes, and the temporary files that a killed process leaves."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from aia_ccdproc.images import files
from aia_ccdproc.images.files import atomic_write, read_ahead, remove_abandoned


def test_a_file_appears_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with atomic_write(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_block_that_raises_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with contextlib.suppress(ZeroDivisionError), atomic_write(path) as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_files_have_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "a.txt") as temporary:
        temporary.write_text("new")
    (tmp_path / "b.txt").write_text("new")
    assert (tmp_path / "a.txt").stat().st_mode == (tmp_path / "b.txt").stat().st_mode


def test_a_file_that_is_being_written_is_not_abandoned(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "a.fits") as temporary:
        assert remove_abandoned(tmp_path) == []
        temporary.write_text("new")
    assert (tmp_path / "a.fits").read_text() == "new"


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_a_file_that_a_killed_process_was_writing_is_abandoned(tmp_path: Path) -> None:
    code = f"""
        import time
        from pathlib import Path
        from aia_ccdproc.images.files import atomic_write
        with atomic_write(Path({str(tmp_path)!r}) / "a.fits") as temporary:
            temporary.write_text("half")
            print("writing", flush=True)
            time.sleep(60)
    """
    writer = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE)
    assert writer.stdout is not None
    writer.stdout.readline()
    left = list(tmp_path.iterdir())
    assert remove_abandoned(tmp_path) == []
    writer.send_signal(signal.SIGKILL)
    writer.communicate()
    assert len(left) == 1
    assert remove_abandoned(tmp_path) == left
    assert list(tmp_path.iterdir()) == []


def test_only_temporary_names_are_removed(tmp_path: Path) -> None:
    keep = [".hidden", "a.tmp.fits", ".12345678.fits", ".0123abcd.tmp.d.e", "x.0123abcd.tmp.fits"]
    for name in [*keep, ".0123abcd.tmp.fits", ".0123abcd.tmp"]:
        (tmp_path / name).write_text("")
    assert [path.name for path in remove_abandoned(tmp_path)] == [".0123abcd.tmp", ".0123abcd.tmp.fits"]
    assert {path.name for path in tmp_path.iterdir()} == set(keep)
    assert remove_abandoned(tmp_path / "nowhere") == []


def test_without_locks_only_old_files_are_abandoned(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(files, "_lock", lambda descriptor: None)
    new, old = tmp_path / ".00000000.tmp.fits", tmp_path / ".11111111.tmp.fits"
    new.write_text("")
    old.write_text("")
    yesterday = time.time() - 2 * 86400
    os.utime(old, (yesterday, yesterday))
    assert remove_abandoned(tmp_path) == [old]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no named pipes in folders")
def test_what_cannot_be_read_is_not_read_ahead_and_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.fits")
    (tmp_path / "file.fits").write_bytes(b"SIMPLE")
    for name in ("pipe.fits", "file.fits", "missing.fits", "."):
        read_ahead(tmp_path / name)
    assert (tmp_path / "file.fits").read_bytes() == b"SIMPLE"
