"""Overhead of a batch: the same files in a plain loop, in a batch, and in a batch in which all files are done.

The images are small, so that the overhead is not lost in the noise of the work itself. One round is 50 files.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from scenes import small_exposure, small_sun

from aia_ccdproc import Pipeline, read, run, write
from aia_ccdproc.recipe.recipe import Recipe
from aia_ccdproc.synthetic import builtin_pointing_path

RECIPE = (
    f'[[step]]\nuse = "update_pointing"\nsource = "{builtin_pointing_path().as_posix()}"\n[[step]]\nuse = "register"\n'
)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("in")
    exposure = small_exposure(shape=(40, 50), corner=(2040, 1980))
    image = exposure.image(small_sun())
    return [exposure.write_level1(image, folder / f"{i:02}.fits") for i in range(50)]


def plain_loop(files: list[Path], recipe: Recipe, folder: Path) -> None:
    folder.mkdir()
    pipeline = Pipeline(recipe)
    for path in files:
        write(pipeline(read(path)), folder / path.name)


@pytest.mark.benchmark(group="50 small files in one process")
@pytest.mark.parametrize("how", ["plain loop of read, steps, write", "batch", "batch in which all files are done"])
def test_batch(benchmark, files, tmp_path, how):
    recipe = Recipe.from_toml(RECIPE)
    folders = (tmp_path / str(i) for i in itertools.count())
    if how == "batch in which all files are done":
        run(files, recipe, tmp_path / "done")
        benchmark.pedantic(run, (files, recipe, tmp_path / "done"), rounds=5, warmup_rounds=1)
        return
    call = plain_loop if how.startswith("plain") else run
    benchmark.pedantic(call, setup=lambda: ((files, recipe, next(folders)), {}), rounds=5, warmup_rounds=1)
