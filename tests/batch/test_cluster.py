"""A real dask.distributed cluster on loopback."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aia_ccdproc import PrepError, read, run
from aia_ccdproc.recipe import Recipe

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def cluster():
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
    ) as cluster:
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
