"""The whole chain for many full-size files, as users run it: start of the process included, on two cores.

The script with aiapy works in one process, and uses as many threads as its libraries do.
"""

from __future__ import annotations

import os
import shutil

import pytest
from chain import Chain
from variants import VARIANTS

#: Files and rounds of each variant.
RUNS = [
    *((name, 16, 2) for name in ("engine-2", "engine-1", "core-2", "core-1", "aiapy-opencv")),
    ("aiapy-scipy", 16, 1),
    *((name, 64, 1) for name in ("engine-2", "engine-1", "engine-1-cpu", "engine-dask", "core-2", "aiapy-opencv")),
    *((name, 16, 1) for name in ("engine-rice", "engine-lossless", "engine-restricted", "core-restricted")),
]
if os.environ.get("AIA_CCDPROC_BENCH_FILES"):  # a number of files for the table of scaling, for example 256
    RUNS.append(("engine-2", int(os.environ["AIA_CCDPROC_BENCH_FILES"]), 1))


@pytest.mark.parametrize(("variant", "files", "rounds"), RUNS)
@pytest.mark.benchmark(group="chain")
def test_chain(benchmark, variant, files, rounds):
    if variant == "aiapy-opencv":
        pytest.importorskip("cv2")
    if VARIANTS[variant].one_cpu and shutil.which("taskset") is None:
        pytest.skip("taskset is not installed")
    results = []
    with Chain(VARIANTS[variant], files) as chain:
        benchmark.pedantic(lambda: results.append(chain.run()), rounds=rounds)
    benchmark.extra_info["rounds"] = results
