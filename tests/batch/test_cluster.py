"""A real dask.distributed cluster on loopback."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from distributions import KILLING_PLUGIN, set_cards, write_distribution

from aia_ccdproc import FileResult, PrepError, SettingsError, get_plugin_manager, read, run
from aia_ccdproc.batch.run import Observer
from aia_ccdproc.plugin.manager import CHOSEN_PLUGINS
from aia_ccdproc.recipe.recipe import Recipe

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")

LOOPBACK = {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0"}


@pytest.fixture(scope="module")
def cluster():
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, **LOOPBACK) as cluster:
        yield cluster


@pytest.mark.slow
def test_a_cluster_makes_what_one_process_makes(tmp_path: Path, files, recipe: Recipe, cluster) -> None:
    files[1].write_text("not FITS")
    alone = run(files, recipe, tmp_path / "alone")
    there = run(files, recipe, tmp_path / "cluster", scheduler=cluster.scheduler_address)
    assert [result.status for result in there] == ["done", "failed", "done", "done", "done", "done"]
    assert there[1].error == alone[1].error
    for one, other in zip(alone, there, strict=True):
        if one.output is not None:
            assert np.array_equal(read(one.output).data, read(other.output).data, equal_nan=True)
    again = run(files, recipe, tmp_path / "cluster", scheduler=cluster.scheduler_address)
    assert [result.status for result in again] == ["unchanged", "failed"] + ["unchanged"] * 4


def test_no_scheduler_is_an_error_with_its_address(tmp_path: Path, files, recipe: Recipe) -> None:
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "1s"}),
        pytest.raises(PrepError, match=r"no dask scheduler answers at 'tcp://127\.0\.0\.1:9'"),
    ):
        run(files, recipe, tmp_path / "out", scheduler="tcp://127.0.0.1:9")
    assert not list((tmp_path / "out").iterdir())


def test_an_address_that_is_none_is_refused_at_once(tmp_path: Path, files, recipe: Recipe) -> None:
    for address in ("bogus", "", "tcp://nowhere"):
        with pytest.raises(SettingsError, match="should be an address like tcp://host:8786"):
            run(files, recipe, tmp_path / "out", scheduler=address)


@pytest.mark.slow
def test_a_cluster_without_workers_is_an_error(tmp_path: Path, files, recipe: Recipe, monkeypatch) -> None:
    monkeypatch.setattr("aia_ccdproc.batch.executors._PATIENCE", 1)
    with (
        distributed.LocalCluster(n_workers=0, **LOOPBACK) as empty,
        pytest.raises(PrepError, match="has had no workers for 1 s"),
    ):
        run(files, recipe, tmp_path / "out", scheduler=empty.scheduler_address)


@pytest.mark.slow
def test_a_file_at_which_workers_of_a_cluster_die_fails_alone(tmp_path: Path, files, monkeypatch, toml: str) -> None:
    write_distribution(tmp_path, "deadly", KILLING_PLUGIN)
    get_plugin_manager()  # only workers shall know the plugin
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv(CHOSEN_PLUGINS, "deadly")
    for path in files:
        set_cards(path, DATAMARK="deadly" if path is files[2] else "good")
    with distributed.LocalCluster(n_workers=1, threads_per_worker=1, **LOOPBACK) as mortal:
        mortal.scheduler.allowed_failures = 1
        recipe = Recipe.from_toml(toml + '[[step]]\nuse = "normalize_exposure"\n')
        results = run(files[:4], recipe, tmp_path / "out", scheduler=mortal.scheduler_address)
    told = [result.status.replace("unchanged", "done") for result in results]
    assert told == ["done", "done", "failed", "done"]
    assert "died at this file, more than once" in results[2].error


@pytest.mark.slow
def test_a_scheduler_that_goes_away_fails_the_files_that_are_not_done(tmp_path: Path, files, recipe: Recipe) -> None:
    many = [Path(shutil.copy(files[i % 6], tmp_path / f"{i:03}.fits")) for i in range(60)]
    leaving = distributed.LocalCluster(n_workers=1, threads_per_worker=1, **LOOPBACK)

    class Closing(Observer):
        def finished(self, result: FileResult) -> None:
            if result.path == many[2]:
                leaving.close()

    with dask.config.set({"distributed.comm.timeouts.connect": "1s"}):
        results = run(many, recipe, tmp_path / "out", scheduler=leaving.scheduler_address, observer=Closing())
    assert len(results) == 60
    assert "done" in {result.status for result in results}
    failed = [result for result in results if result.status == "failed"]
    assert failed
    assert all("not done" in result.error for result in failed)
    # What a worker had done when its word was lost is done all the same.
    assert len(list((tmp_path / "out").iterdir())) >= 60 - len(failed)
