"""Scaling of the run time with the side of the image, with threads, and with the number of files."""

from __future__ import annotations

import itertools
import os
import shutil
from pathlib import Path

import pytest
from methods import methods
from scenes import FULL_SUN

from aia_ccdproc import get_plugin_manager, run
from aia_ccdproc.parallel import limit_threads
from aia_ccdproc.recipe.recipe import Recipe
from aia_ccdproc.synthetic import Exposure, builtin_pointing_path

OUR_METHODS = [
    f"aia_ccdproc {m}" for m in ("bicubic", "cubic-convolution") if m in get_plugin_manager().resampling_methods()
]


@pytest.mark.parametrize("side", [512, 1024, 2048, 4096, 8192])
@pytest.mark.parametrize("name", OUR_METHODS)
@pytest.mark.benchmark(group="side of the image")
def test_side(benchmark, name, side):
    """Register a square around the center of the Sun. The largest one is the full frame with an empty border."""
    corner = ((4096 - side) // 2, (4096 - side) // 2)
    work = methods()[name](Exposure(corner=corner, shape=(side, side)).image(FULL_SUN))
    assert min(benchmark.pedantic(work, rounds=3, warmup_rounds=1).data.shape) >= side


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", OUR_METHODS)
@pytest.mark.benchmark(group="threads")
def test_threads(benchmark, name, threads):
    work = methods()[name](Exposure().image(FULL_SUN))
    limit_threads(threads)
    try:
        benchmark.pedantic(work, rounds=3, warmup_rounds=1)
    finally:
        limit_threads(None)


@pytest.fixture(scope="module")
def level1_files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """48 full-size files."""
    folder = tmp_path_factory.mktemp("files")
    first = Exposure().write_level1(Exposure().image(FULL_SUN, noise=1), folder / "00.fits")
    return [first, *(Path(shutil.copy(first, folder / f"{i:02}.fits")) for i in range(1, 48))]


@pytest.mark.parametrize("files", [1, 2, 6, 12, 24, 48])
@pytest.mark.benchmark(group="files, two processes")
def test_files(benchmark, level1_files, tmp_path, files):
    method = OUR_METHODS[-1].split()[-1]
    recipe = Recipe.from_toml(
        f'[[step]]\nuse = "update_pointing"\nsource = "{builtin_pointing_path().as_posix()}"\n'
        f'[[step]]\nuse = "register"\nmethod = "{method}"\n[[step]]\nuse = "normalize_exposure"\n'
    )
    folders = (tmp_path / str(i) for i in itertools.count())
    results = benchmark.pedantic(
        lambda folder: run(level1_files[:files], recipe, folder, jobs=2), setup=lambda: ((next(folders),), {}), rounds=1
    )
    assert {result.status for result in results} == {"done"}
    # A single file is processed in this process, without a worker.
    workers = [result for result in results if not result.worker.endswith(f":{os.getpid()}")]
    benchmark.extra_info.update(method=method, worker_memory=max((r.peak_memory for r in workers), default=0) / 2**20)
    shutil.rmtree(tmp_path)
