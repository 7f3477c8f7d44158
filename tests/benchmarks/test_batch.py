"""Overhead of a batch, with images so small that the overhead is not lost in the noise of the work itself.

The same files in a plain loop, in a batch, and in a batch in which all files are done; and the CPU time of the process
that distributes the files, which limits the number of workers.
"""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from inputs import pointing_environment
from scenes import small_exposure, small_sun

from aia_ccdproc import Pipeline, Progress, read, run, write

RECIPE = "level1.5-rate"
FILES, DISPATCHED_FILES = 50, 120


@pytest.fixture(scope="module", autouse=True)
def pointing_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name, value in pointing_environment(sys.executable, tmp_path_factory.mktemp("cache")).items():
            monkeypatch.setenv(name, value)
        yield


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("in")
    exposure = small_exposure(shape=(40, 50), corner=(2040, 1980))
    image = exposure.image(small_sun())
    return [exposure.write_level1(image, folder / f"{i:03}.fits") for i in range(DISPATCHED_FILES)]


def plain_loop(files: list[Path], folder: Path) -> None:
    folder.mkdir()
    pipeline = Pipeline(RECIPE)
    for path in files:
        write(pipeline(read(path)), folder / path.name)


def run_batch(files: list[Path], folder: Path, **options: object) -> None:
    results = run(files, RECIPE, folder, **options)
    assert {result.status for result in results} <= {"done", "unchanged"}


@pytest.mark.benchmark(group="batch")
@pytest.mark.parametrize("how", ["plain loop of read, steps, write", "batch", "batch in which all files are done"])
def test_batch(benchmark, files, tmp_path, how):
    files = files[:FILES]
    folders = (tmp_path / str(i) for i in itertools.count())
    if how == "batch in which all files are done":
        benchmark.pedantic(run_batch, (files, tmp_path / "done"), rounds=5, warmup_rounds=1)
        return
    call = plain_loop if how.startswith("plain") else run_batch
    benchmark.pedantic(call, setup=lambda: ((files, next(folders)), {}), rounds=5, warmup_rounds=1)


class FirstStart(Progress):
    """Records when files are submitted."""

    seconds: list[float]

    def started(self, path: Path) -> None:
        self.seconds.append(time.perf_counter())


@pytest.mark.filterwarnings("default")  # those of distributed would end its event loop
@pytest.mark.benchmark(group="dispatch")
@pytest.mark.parametrize("how", ["worker processes", "dask"])
def test_dispatch(benchmark, files, tmp_path, how):
    """Measure the CPU time of this process, and the time until it submits the first file.

    With dask, this process contains the scheduler.
    """
    from distributed import LocalCluster

    progress = FirstStart()

    def work(folder: Path, **options: object) -> None:
        start, progress.seconds = (time.perf_counter(), time.process_time()), []
        run_batch(files, folder, progress=progress, **options)
        benchmark.extra_info["cpu_per_file"] = (time.process_time() - start[1]) / len(files)
        benchmark.extra_info["seconds_before_first"] = (progress.seconds[0] - start[0]) / len(files)

    folders = (tmp_path / str(i) for i in itertools.count())
    rounds = {"setup": lambda: ((next(folders),), options), "rounds": 1, "warmup_rounds": 1}
    if how == "dask":
        with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
            options = {"scheduler": cluster.scheduler_address}
            benchmark.pedantic(work, **rounds)
    else:
        options = {"jobs": 2}
        benchmark.pedantic(work, **rounds)
