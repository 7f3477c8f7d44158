"""Overhead of a batch, with images so small that the overhead is not lost in the noise of the work itself.

The same files in a plain loop, in a batch, and in a batch in which all files are done; and the CPU time of the process
that distributes the files, which limits the number of workers.
"""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
from inputs import pointing_environment
from scenes import small_exposure, small_sun

from aia_ccdproc import Pipeline, Progress, load_recipe, read, run, write

RECIPE = "level1.5-rate"
FILES, FEW_FILES, MANY_FILES = 50, 20, 120


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
    return [exposure.write_level1(image, folder / f"{i:03}.fits") for i in range(MANY_FILES)]


def plain_loop(files: list[Path], folder: Path) -> None:
    folder.mkdir()
    pipeline = Pipeline(load_recipe(RECIPE))
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
    """Records the wall time and the CPU time at which the first file is submitted."""

    def __init__(self) -> None:
        self.times: tuple[float, float] | None = None

    def started(self, path: Path) -> None:
        self.times = self.times or (time.perf_counter(), time.process_time())


@pytest.mark.filterwarnings("default")  # those of distributed would end its event loop
@pytest.mark.benchmark(group="dispatch")
@pytest.mark.parametrize("how", ["worker processes", "dask"])
def test_dispatch(benchmark, files, tmp_path, how):
    """Measure the wall time for a file before the first one is submitted, and the CPU time of this process after that.

    Both are differences between a long and a short batch. With dask, this process contains the scheduler.
    """
    from distributed import LocalCluster

    def work(number: int, count: int) -> tuple[float, float]:
        first, start = FirstStart(), time.perf_counter()
        run_batch(files[:count], tmp_path / str(number), progress=first, **options)
        return first.times[0] - start, time.process_time() - first.times[1]

    is_dask = how == "dask"
    cluster = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) if is_dask else nullcontext()
    with cluster:
        options = {"scheduler": cluster.scheduler_address} if is_dask else {"jobs": 2}
        work(0, FEW_FILES)  # starts what is started once
        few = work(1, FEW_FILES)
        many = benchmark.pedantic(work, (2, MANY_FILES), rounds=1)
    costs = [(long - short) / (MANY_FILES - FEW_FILES) for long, short in zip(many, few, strict=True)]
    benchmark.extra_info.update(seconds_before_first=costs[0], cpu_per_file=costs[1])
