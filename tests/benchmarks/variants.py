"""The programs that run the whole chain for a list of files, each under a short name."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from aia_ccdproc.plugin.manager import CHOSEN_PLUGINS
from aia_ccdproc.synthetic import builtin_pointing_path

FOLDER = Path(__file__).parent
#: Value of CHOSEN_PLUGINS with the compiled engine, and with the core alone.
ENGINE, CORE = "aia-ccdproc-cubic", ""

_PRINT_CPU_FEATURES = """
from numpy._core._multiarray_umath import __cpu_dispatch__ as dispatched, __cpu_features__ as available
print(*(name for name in dispatched if available[name]))
"""
#: A cluster of two workers, which ends when its standard input is closed.
_CLUSTER = """
import sys
from distributed import LocalCluster
with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
    print(cluster.scheduler_address, flush=True)
    sys.stdin.read()
"""


@dataclass(frozen=True)
class Variant:
    """A program with its options: ``aia-prep run``, or the script with aiapy if a method of aiapy is given."""

    label: str
    plugins: str = ENGINE
    jobs: int = 2
    compression: str = "none"
    #: Whether all processes share one CPU.
    one_cpu: bool = False
    #: Whether libraries use only the instructions that every x86-64 processor has.
    restricted: bool = False
    #: Whether a dask cluster on this machine processes the files.
    dask: bool = False
    aiapy_method: str | None = None

    def command(self, python: str, folder: Path, files: Sequence[Path], scheduler: str | None = None) -> list[object]:
        """Return the command that processes files and writes the outputs to a folder."""
        if self.aiapy_method is not None:
            return [python, FOLDER / "aiapy_chain.py", self.aiapy_method, builtin_pointing_path(), folder, *files]
        prefix = ["taskset", "--cpu-list", min(os.sched_getaffinity(0))] if self.one_cpu else []
        workers = ["--jobs", self.jobs] if scheduler is None else ["--scheduler", scheduler]
        run = [python, "-m", "aia_ccdproc", "run", "-q", "-r", "level1.5-rate", "--compression", self.compression]
        return [*prefix, *run, *workers, "-o", folder, *files]

    def environment(self, python: str) -> dict[str, str]:
        """Return the environment variables that the command needs."""
        return {CHOSEN_PLUGINS: self.plugins, **(baseline_instructions(python) if self.restricted else {})}


VARIANTS = {
    "engine-2": Variant("aia-prep, compiled engine, 2 workers"),
    "engine-1": Variant("aia-prep, compiled engine, 1 worker", jobs=1),
    "engine-1-cpu": Variant("aia-prep, compiled engine, 1 worker on 1 CPU", jobs=1, one_cpu=True),
    "engine-dask": Variant("aia-prep, compiled engine, dask cluster of 2 workers", dask=True),
    "engine-rice": Variant("aia-prep, compiled engine, 2 workers, rice", compression="rice"),
    "engine-lossless": Variant("aia-prep, compiled engine, 2 workers, lossless", compression="lossless"),
    "engine-restricted": Variant("aia-prep, compiled engine, 2 workers, restricted", restricted=True),
    "core-2": Variant("aia-prep without the engine, 2 workers", CORE),
    "core-1": Variant("aia-prep without the engine, 1 worker", CORE, jobs=1),
    "core-restricted": Variant("aia-prep without the engine, 2 workers, restricted", CORE, restricted=True),
    "aiapy-opencv": Variant("aiapy, OpenCV", aiapy_method="opencv"),
    "aiapy-scipy": Variant("aiapy, scipy (its default)", aiapy_method="scipy"),
}


def baseline_instructions(python: str) -> dict[str, str]:
    """Return environment variables that keep libraries from using any instruction set that they find at run time."""
    features = subprocess.run([python, "-c", _PRINT_CPU_FEATURES], capture_output=True, text=True, check=True).stdout
    return {
        "NPY_DISABLE_CPU_FEATURES": features.strip(),
        "OPENBLAS_CORETYPE": "Nehalem",
        "NUMBA_CPU_NAME": "generic",
        "NUMBA_CPU_FEATURES": "",
        "NUMBA_CACHE_DIR": str(FOLDER.parents[1] / ".benchmarks" / "numba-generic"),
    }


@contextmanager
def dask_cluster(python: str, environment: dict[str, str]) -> Iterator[str]:
    """Start a dask cluster of two processes on this machine, and give its address."""
    command, pipe = [python, "-c", _CLUSTER], subprocess.PIPE
    # At the end of the block, the input of the cluster is closed.
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=os.environ | environment) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()


def names(chosen: Sequence[str]) -> list[str]:
    """Return the names of the variants that are chosen, all of them if none is. Exit if one is unknown."""
    unknown = sorted(set(chosen) - set(VARIANTS))
    if unknown:
        sys.exit(f"unknown variants: {', '.join(unknown)}; known: {', '.join(VARIANTS)}")
    return [name for name in VARIANTS if name in chosen or not chosen]
