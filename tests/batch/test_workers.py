"""Tests of worker processes: they make the same outputs, and a worker that dies fails at most one file."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
from scenes import set_cards, small_exposure, small_sun

from aia_ccdproc import FileResult, PrepError, SettingsError, read, run
from aia_ccdproc.batch.progress import Progress
from aia_ccdproc.recipe.recipe import Recipe

pytestmark = pytest.mark.process


class RecordingProgress(Progress):
    """Record the number of files, and the files that are started."""

    def __init__(self) -> None:
        self.calls: list[object] = []

    def planned(self, files: int) -> None:
        self.calls.append(files)

    def started(self, path: Path) -> None:
        self.calls.append(path)


def test_workers_make_the_same_outputs_as_one_process(tmp_path: Path, files, recipe: Recipe) -> None:
    serial, parallel = (run(files, recipe, tmp_path / str(jobs), jobs=jobs) for jobs in (1, 2))
    assert [result.path for result in parallel] == files
    assert [result.status for result in parallel] == ["done"] * 6
    for one, other in zip(serial, parallel, strict=True):
        assert np.array_equal(read(one.output).data, read(other.output).data, equal_nan=True)
        assert one.input_hash == other.input_hash
        assert list(one.seconds) == list(other.seconds) == ["read", "update_pointing", "register", "write"]
    assert {result.worker for result in serial} == {f"{os.uname().nodename}:{os.getpid()}"}
    assert len({result.worker for result in parallel} - {result.worker for result in serial}) in (1, 2)
    assert all(result.peak_memory > 1e7 for result in parallel)


def test_progress_is_called_for_all_files(tmp_path: Path, files, recipe: Recipe) -> None:
    for jobs in (1, 2):
        progress = RecordingProgress()
        run(files, recipe, tmp_path / str(jobs), jobs=jobs, progress=progress)
        assert progress.calls == [6, *files]


def test_warnings_of_workers_are_part_of_the_result_of_their_file(tmp_path: Path, files) -> None:
    (tmp_path / "none.csv").write_text("T_START,T_STOP,A_094_X0\n1999-01-01T00:00:00Z,1999-01-01T03:00:00Z,1\n")
    keep = '[[step]]\nuse = "update_pointing"\nsource = "none.csv"\non_missing = "keep"'
    results = run(files[:2], Recipe.from_toml(keep, folder=tmp_path), tmp_path / "out", jobs=2)
    assert ["pointing of the header kept" in result.warnings[0] for result in results] == [True, True]


def test_a_file_that_kills_its_worker_twice_fails_and_the_others_are_done(
    tmp_path: Path, files, deadly: Recipe
) -> None:
    for path in files:
        set_cards(path, DATAMARK="deadly" if path is files[2] else "good")
    results = run(files, deadly, tmp_path / "out", jobs=2)
    # A file whose result was lost when the pool broke is unchanged at the retry.
    statuses = [result.status.replace("unchanged", "done") for result in results]
    assert statuses == ["done"] * 2 + ["failed"] + ["done"] * 3
    assert results[2].error == (
        "the worker process died while it processed this file, and again when the file was retried alone: "
        "it was killed, or ran out of memory"
    )
    assert len(list((tmp_path / "out").glob("*_lev1p5.fits"))) == 5


def test_a_file_that_kills_its_worker_once_is_done(tmp_path: Path, files, deadly: Recipe) -> None:
    marker = tmp_path / "killed"
    for path in files:
        set_cards(path, DATAMARK="once" if path is files[2] else "good", MARKER=str(marker))
    statuses = {result.status for result in run(files, deadly, tmp_path / "out", jobs=2)}
    assert statuses <= {"done", "unchanged"}
    assert marker.exists()


def test_a_recipe_that_cannot_be_pickled_is_refused(tmp_path: Path, files) -> None:
    class Local:
        colnames = ()

    recipe = Recipe.from_toml('[[step]]\nuse = "update_pointing"\nsource = "cache"')
    settings = recipe.steps[0].settings.model_copy(update={"source": Local()})
    broken = Recipe("local", (recipe.steps[0]._replace(settings=settings),))
    with pytest.raises(PrepError, match="cannot pickle a Local"):
        run(files, broken, tmp_path / "out", jobs=2)


def test_less_than_one_job_is_refused(tmp_path: Path, files, recipe: Recipe) -> None:
    with pytest.raises(SettingsError, match="jobs = 0"):
        run(files, recipe, tmp_path / "out", jobs=0)


def test_a_script_without_a_main_guard_gets_an_error_that_explains_it(tmp_path: Path, files) -> None:
    script = tmp_path / "script.py"
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('[[step]]\nuse = "register"\n')
    script.write_text(
        f"import aia_ccdproc\naia_ccdproc.run({str(files[0].parent)!r}, {str(recipe)!r}, 'out', jobs=2)\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 1
    assert 'if __name__ == "__main__": around the call' in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_workers_end_when_the_process_that_started_them_is_killed(
    tmp_path: Path, files, recipe: Recipe, toml: str
) -> None:
    (tmp_path / "recipe.toml").write_text(toml)
    code = f"""
        import multiprocessing, sys, time
        import aia_ccdproc
        from aia_ccdproc.batch.progress import Progress

        class Waiting(Progress):
            def finished(self, result):
                print(*(child.pid for child in multiprocessing.active_children()), flush=True)
                time.sleep(60)

        if __name__ == "__main__":
            aia_ccdproc.run({str(files[0].parent)!r}, "recipe.toml", "out", jobs=2, progress=Waiting())
    """
    (tmp_path / "script.py").write_text(textwrap.dedent(code))
    process = subprocess.Popen([sys.executable, "script.py"], stdout=subprocess.PIPE, text=True, cwd=tmp_path)
    assert process.stdout is not None
    workers = [int(pid) for pid in process.stdout.readline().split()]
    assert workers
    process.send_signal(signal.SIGKILL)
    process.communicate()
    deadline = time.monotonic() + 20
    while any(_is_alive(pid) for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(_is_alive(pid) for pid in workers)


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.slow
def test_the_memory_of_a_worker_does_not_grow_with_the_number_of_files(tmp_path: Path, toml: str) -> None:
    exposure = small_exposure(shape=(1000, 1000), corner=(1500, 1500))
    first = exposure.write_level1(exposure.image(small_sun()), tmp_path / "00.fits")
    files = [first, *(Path(shutil.copy(first, tmp_path / f"{i:02}.fits")) for i in range(1, 24))]
    peaks = []

    class RecordPeak(Progress):
        def finished(self, result: FileResult) -> None:
            peaks.append(result.peak_memory)

    run(files, Recipe.from_toml(toml), tmp_path / "out", jobs=2, progress=RecordPeak())
    assert max(peaks) < max(peaks[:4]) + 20e6  # five arrays of one image; twenty more images were processed


def test_a_file_that_kills_its_worker_late_is_not_retried_forever(
    tmp_path: Path, files, deadly: Recipe, monkeypatch
) -> None:
    monkeypatch.setattr("aia_ccdproc.batch.dispatch._POLL_SECONDS", 0.01)  # shorter than any file takes
    for path in files:
        set_cards(path, DATAMARK="deadly" if path is files[0] else "good")
    results = run(files[:2], deadly, tmp_path / "out", jobs=2)
    assert [result.status.replace("unchanged", "done") for result in results] == ["failed", "done"]
