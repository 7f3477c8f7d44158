"""Tests with a real dask.distributed cluster on loopback."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from scenes import set_cards

from aia_ccdproc import FileResult, PrepError, SettingsError, read, run
from aia_ccdproc.batch.progress import Progress
from aia_ccdproc.recipe.recipe import Recipe

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")

LOOPBACK = {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0"}


@pytest.fixture(scope="module")
def cluster():
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, **LOOPBACK) as cluster:
        yield cluster


@pytest.mark.slow
@pytest.mark.process
def test_a_cluster_makes_the_same_outputs_as_one_process(tmp_path: Path, files, recipe: Recipe, cluster) -> None:
    files[1].write_text("not FITS")
    serial = run(files, recipe, tmp_path / "serial")
    distributed = run(files, recipe, tmp_path / "cluster", scheduler=cluster.scheduler_address)
    assert [result.status for result in distributed] == ["done", "failed", "done", "done", "done", "done"]
    assert distributed[1].error == serial[1].error
    for one, other in zip(serial, distributed, strict=True):
        if one.output is not None:
            assert np.array_equal(read(one.output).data, read(other.output).data, equal_nan=True)
    again = run(files, recipe, tmp_path / "cluster", scheduler=cluster.scheduler_address)
    assert [result.status for result in again] == ["unchanged", "failed"] + ["unchanged"] * 4


def test_a_scheduler_that_does_not_answer_is_an_error_with_its_address(tmp_path: Path, files, recipe: Recipe) -> None:
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "0.2s"}),
        pytest.raises(PrepError, match=r"the dask scheduler at 'tcp://127\.0\.0\.1:9' does not answer"),
    ):
        run(files, recipe, tmp_path / "out", scheduler="tcp://127.0.0.1:9")
    assert not list((tmp_path / "out").iterdir())


def test_an_invalid_address_is_refused_at_once(tmp_path: Path, files, recipe: Recipe) -> None:
    for address in ("bogus", "", "tcp://nowhere"):
        with pytest.raises(SettingsError, match="is not an address like tcp://host:8786"):
            run(files, recipe, tmp_path / "out", scheduler=address)


@pytest.mark.slow
@pytest.mark.process
def test_a_cluster_without_workers_is_an_error(tmp_path: Path, files, recipe: Recipe, monkeypatch) -> None:
    monkeypatch.setattr("aia_ccdproc.batch.cluster._FIRST_WORKER_SECONDS", 0.2)
    with (
        distributed.LocalCluster(n_workers=0, **LOOPBACK) as empty,
        pytest.raises(PrepError, match=r"had no workers within 0\.2 s"),
    ):
        run(files, recipe, tmp_path / "out", scheduler=empty.scheduler_address)


@pytest.mark.slow
@pytest.mark.process
def test_a_file_that_kills_workers_of_a_cluster_fails_alone(tmp_path: Path, files, deadly: Recipe) -> None:
    for path in files:
        set_cards(path, DATAMARK="deadly" if path is files[2] else "good")
    with distributed.LocalCluster(n_workers=1, threads_per_worker=1, **LOOPBACK) as local:
        local.scheduler.allowed_failures = 0
        results = run(files[:4], deadly, tmp_path / "out", scheduler=local.scheduler_address)
    statuses = [result.status.replace("unchanged", "done") for result in results]
    assert statuses == ["done", "done", "failed", "done"]
    assert "died while it processed this file, and again when the file was retried alone" in results[2].error


@pytest.mark.slow
@pytest.mark.process
def test_a_scheduler_that_stops_fails_the_files_that_are_not_done(
    tmp_path: Path, files, recipe: Recipe, monkeypatch
) -> None:
    monkeypatch.setattr("aia_ccdproc.batch.dispatch._POLL_SECONDS", 0.1)
    many = [Path(shutil.copy(files[i % 6], tmp_path / f"{i:03}.fits")) for i in range(60)]
    stopping = distributed.LocalCluster(n_workers=1, threads_per_worker=1, **LOOPBACK)

    class StopScheduler(Progress):
        def finished(self, result: FileResult) -> None:
            if result.path == many[2]:
                stopping.close()

    with dask.config.set({"distributed.comm.timeouts.connect": "0.2s"}):
        results = run(many, recipe, tmp_path / "out", scheduler=stopping.scheduler_address, progress=StopScheduler())
    assert len(results) == 60
    assert "done" in {result.status for result in results}
    failed = [result for result in results if result.status == "failed"]
    assert failed
    assert all("not done" in result.error for result in failed)
    # Some results are lost with the connection, but their outputs exist.
    assert len(list((tmp_path / "out").iterdir())) >= 60 - len(failed)
