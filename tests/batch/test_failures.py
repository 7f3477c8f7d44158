"""What goes wrong with one file is told of that file, and the batch goes on."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from aia_ccdproc import SettingsError, WriteError, run
from aia_ccdproc.batch.run import Observer
from aia_ccdproc.recipe.recipe import Recipe
from aia_ccdproc.report.results import FileResult
from aia_ccdproc.report.write import write_report


class Removing(Observer):
    """Removes a file when the first is handed out."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def started(self, path: Path) -> None:
        self._path.unlink(missing_ok=True)


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_file_that_vanishes_and_one_that_is_cut_off_are_told_of(
    tmp_path: Path, files, recipe: Recipe, jobs: int
) -> None:
    files[3].write_bytes(files[3].read_bytes()[:-2880])
    results = run(files, recipe, tmp_path / "out", jobs=jobs, observer=Removing(files[5]))
    assert [result.status for result in results[:4]] == ["done"] * 3 + ["failed"]
    assert "cut off" in results[3].error
    assert [results[4].status, results[5].status] == ["done", "failed"]
    assert "no such file" in results[5].error
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        result.output.name for result in results if result.output is not None
    }


def test_an_input_that_is_a_folder_of_a_fits_name_or_no_fits_at_all_costs_only_itself(
    tmp_path: Path, files, recipe: Recipe
) -> None:
    files[1].write_bytes(b"")
    for path in files[2:5]:
        path.unlink()
    files[2].symlink_to(tmp_path / "nowhere")
    files[3].mkdir()
    os.mkfifo(files[4])
    results = run([*files[:3], *files[4:]], recipe, tmp_path / "out")
    assert [result.status for result in results] == ["done", "failed", "failed", "failed", "done"]
    said = ("is empty", "no such file", "is no regular file")
    assert all(text in result.error for text, result in zip(said, results[1:4], strict=True))
    assert [r.status for r in run(files[0].parent, recipe, tmp_path / "out")] == ["unchanged"] + ["failed"] * 2 + [
        "unchanged"
    ]


needs_mounts = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0 or not shutil.which("unshare"),
    reason="only root can mount a small or a read-only file system",
)


def in_own_mounts(script: str, toml: Path, files: list[Path], out: Path) -> list[dict[str, str]]:
    """Run a batch in a process that has mounts of its own; what is told of the files."""
    can = subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True, text=True, check=False)
    if can.returncode:
        pytest.skip(f"no mounts here: {can.stderr.strip()}")
    report = toml.with_name("report.json")
    command = (
        f"{script} && exec {sys.executable} -m aia_ccdproc run {files[0].parent} -r {toml} -o {out} --jobs 2 "
        f"--report {report}"
    )
    done = subprocess.run(["unshare", "-m", "sh", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return json.loads(report.read_text())["files"]


@needs_mounts
def test_a_full_disk_is_told_of_each_file_and_leaves_nothing_half_written(tmp_path: Path, files, toml: str) -> None:
    (tmp_path / "recipe.toml").write_text(toml)
    out = tmp_path / "out"
    out.mkdir()
    told = in_own_mounts(f"mount -t tmpfs -o size=80k tmpfs {out}", tmp_path / "recipe.toml", files, out)
    failed = [each["error"] for each in told if each["status"] == "failed"]
    assert 0 < len(failed) < 6
    assert all("the disk is full" in error for error in failed)


@needs_mounts
def test_a_read_only_folder_is_told_of_each_file(tmp_path: Path, files, toml: str) -> None:
    (tmp_path / "recipe.toml").write_text(toml)
    out = tmp_path / "out"
    out.mkdir()
    told = in_own_mounts(
        f"mount --bind {out} {out} && mount -o remount,ro,bind {out}", tmp_path / "recipe.toml", files, out
    )
    assert [each["status"] for each in told] == ["failed"] * 6
    assert all("may not be written to" in each["error"] for each in told)


def test_a_report_that_could_not_be_written_is_refused_before_the_work(tmp_path: Path, files, recipe: Recipe) -> None:
    with pytest.raises(SettingsError, match=r"report .*report\.txt: the ending '\.txt' is not known"):
        run(files, recipe, tmp_path / "out", report=tmp_path / "report.txt")
    with pytest.raises(WriteError, match=r"the folder .* is not there"):
        run(files, recipe, tmp_path / "out", report=tmp_path / "nowhere" / "report.html")
    assert not list((tmp_path / "out").iterdir())


def test_a_report_may_lie_among_the_outputs(tmp_path: Path, files, recipe: Recipe) -> None:
    out = tmp_path / "out"
    run(files[:2], recipe, out, report=[out / "report.html", out / "report.json"])
    told = json.loads((out / "report.json").read_text())
    assert [each["status"] for each in told["files"]] == ["done", "done"]
    assert "<html" in (out / "report.html").read_text()


def test_every_report_that_can_be_written_is(tmp_path: Path, files, recipe: Recipe, monkeypatch) -> None:
    one, other = tmp_path / "one.html", tmp_path / "other.json"

    def fail(*_: object) -> str:
        raise WriteError("the disk is full")

    monkeypatch.setattr(
        "aia_ccdproc.batch.run.write_report",
        lambda path, *rest: fail() if path == one else write_report(path, *rest),
    )
    with pytest.raises(WriteError, match="the disk is full"):
        run(files[:1], recipe, tmp_path / "out", report=[one, other])
    assert json.loads(other.read_text())["totals"]["done"] == 1


def test_the_report_is_written_whatever_an_observer_does(tmp_path: Path, files, recipe: Recipe) -> None:
    class Failing(Observer):
        def finished(self, result: FileResult) -> None:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(files, recipe, tmp_path / "out", report=tmp_path / "r.json", observer=Failing())
    told = json.loads((tmp_path / "r.json").read_text())
    assert told["interrupted"] is True
    assert told["totals"]["done"] == 1


def test_a_picture_that_cannot_be_drawn_is_a_warning(tmp_path: Path, files, recipe: Recipe) -> None:
    (tmp_path / "out" / "0_lev1p5.png").mkdir(parents=True)
    result = run(files[:1], recipe, tmp_path / "out", quicklook=True)[0]
    assert result.status == "done"
    assert result.quicklook is None
    assert any("no quick-look picture" in text for text in result.warnings)
