"""Tests that a problem with one file is reported for that file, and that the batch continues."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from aia_ccdproc import SettingsError, WriteError, run
from aia_ccdproc.batch.progress import Progress
from aia_ccdproc.recipe.recipe import Recipe
from aia_ccdproc.report.results import FileResult
from aia_ccdproc.report.write import write_report


class RemoveFile(Progress):
    """Remove a file when the first one is started."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def started(self, path: Path) -> None:
        self._path.unlink(missing_ok=True)


@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=pytest.mark.process)])
def test_a_file_that_disappears_and_a_truncated_one_are_reported(
    tmp_path: Path, files, recipe: Recipe, jobs: int
) -> None:
    files[3].write_bytes(files[3].read_bytes()[:-2880])
    results = run(files, recipe, tmp_path / "out", jobs=jobs, progress=RemoveFile(files[5]))
    assert [result.status for result in results[:4]] == ["done"] * 3 + ["failed"]
    assert "truncated" in results[3].error
    assert [results[4].status, results[5].status] == ["done", "failed"]
    assert "no such file" in results[5].error
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        result.output.name for result in results if result.output is not None
    }


def test_an_input_that_is_not_a_regular_fits_file_fails_alone(tmp_path: Path, files, recipe: Recipe) -> None:
    files[1].write_bytes(b"")
    for path in files[2:5]:
        path.unlink()
    files[2].symlink_to(tmp_path / "nowhere")
    files[3].mkdir()
    os.mkfifo(files[4])
    results = run([*files[:3], *files[4:]], recipe, tmp_path / "out")
    assert [result.status for result in results] == ["done", "failed", "failed", "failed", "done"]
    messages = ("is empty", "no such file", "is not a regular file")
    assert all(text in result.error for text, result in zip(messages, results[1:4], strict=True))
    again = run(files[0].parent, recipe, tmp_path / "out")
    assert [result.status for result in again] == ["unchanged", "failed", "failed", "unchanged"]


needs_mounts = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0 or not shutil.which("unshare"),
    reason="only root can mount a small or a read-only file system",
)


def run_with_mounts(script: str, toml: Path, files: list[Path], out: Path, jobs: int) -> list[dict[str, str]]:
    """Run a batch in a process with its own mounts. Return the files of its JSON report."""
    can_mount = subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True, text=True, check=False)
    if can_mount.returncode:
        pytest.skip(f"nothing can be mounted here: {can_mount.stderr.strip()}")
    report = toml.with_name("report.json")
    command = (
        f"{script} && exec {sys.executable} -m aia_ccdproc run {files[0].parent} -r {toml} -o {out} --jobs {jobs} "
        f"--report {report}"
    )
    done = subprocess.run(["unshare", "-m", "sh", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return json.loads(report.read_text())["files"]


@needs_mounts
@pytest.mark.process
def test_a_full_disk_is_reported_for_each_file_and_leaves_no_incomplete_output(
    tmp_path: Path, files, toml: str
) -> None:
    (tmp_path / "recipe.toml").write_text(toml)
    out = tmp_path / "out"
    out.mkdir()
    reported = run_with_mounts(f"mount -t tmpfs -o size=80k tmpfs {out}", tmp_path / "recipe.toml", files, out, jobs=2)
    failed = [each["error"] for each in reported if each["status"] == "failed"]
    assert 0 < len(failed) < 6
    assert all("the disk is full" in error for error in failed)


@needs_mounts
@pytest.mark.process
def test_a_read_only_folder_is_reported_for_each_file(tmp_path: Path, files, toml: str) -> None:
    (tmp_path / "recipe.toml").write_text(toml)
    out = tmp_path / "out"
    out.mkdir()
    reported = run_with_mounts(
        f"mount --bind {out} {out} && mount -o remount,ro,bind {out}", tmp_path / "recipe.toml", files, out, jobs=1
    )
    assert [each["status"] for each in reported] == ["failed"] * 6
    assert all("is not writable" in each["error"] for each in reported)


def test_a_report_that_cannot_be_written_is_refused_before_any_file_is_processed(
    tmp_path: Path, files, recipe: Recipe
) -> None:
    with pytest.raises(SettingsError, match=r"report .*report\.txt: unknown suffix '\.txt'"):
        run(files, recipe, tmp_path / "out", report=tmp_path / "report.txt")
    with pytest.raises(WriteError, match=r"the folder .* does not exist"):
        run(files, recipe, tmp_path / "out", report=tmp_path / "nowhere" / "report.html")
    assert not list((tmp_path / "out").iterdir())


def test_a_report_can_be_written_into_the_output_folder(tmp_path: Path, files, recipe: Recipe) -> None:
    out = tmp_path / "out"
    run(files[:2], recipe, out, report=[out / "report.html", out / "report.json"])
    reported = json.loads((out / "report.json").read_text())
    assert [each["status"] for each in reported["files"]] == ["done", "done"]
    assert "<html" in (out / "report.html").read_text()


def test_a_report_that_fails_does_not_prevent_the_others(tmp_path: Path, files, recipe: Recipe, monkeypatch) -> None:
    one, other = tmp_path / "one.html", tmp_path / "other.json"

    def fail(*_: object) -> str:
        raise WriteError("the disk is full")

    monkeypatch.setattr(
        "aia_ccdproc.report.write.write_report",
        lambda path, *rest: fail() if path == one else write_report(path, *rest),
    )
    with pytest.raises(WriteError, match="the disk is full"):
        run(files[:1], recipe, tmp_path / "out", report=[one, other])
    assert json.loads(other.read_text())["totals"]["done"] == 1


def test_the_report_is_written_when_the_progress_object_raises(tmp_path: Path, files, recipe: Recipe) -> None:
    class Failing(Progress):
        def finished(self, result: FileResult) -> None:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(files, recipe, tmp_path / "out", report=tmp_path / "r.json", progress=Failing())
    reported = json.loads((tmp_path / "r.json").read_text())
    assert reported["interrupted"] is True
    assert reported["totals"]["done"] == 1


def test_a_picture_that_cannot_be_drawn_is_a_warning(tmp_path: Path, files, recipe: Recipe) -> None:
    (tmp_path / "out" / "0_lev1p5.png").mkdir(parents=True)
    result = run(files[:1], recipe, tmp_path / "out", quicklook=True)[0]
    assert result.status == "done"
    assert result.quicklook is None
    assert any("cannot draw the quick-look picture" in text for text in result.warnings)
