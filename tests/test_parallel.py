"""Tests of threads, retained memory and the way in which workers start."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from aia_ccdproc.parallel import (
    available_cpus,
    limit_threads,
    map_in_threads,
    thread_count,
    thread_variables,
    worker_context,
)

COUNT_PAGE_FAULTS = """
import resource
import sys
from pathlib import Path
import numpy as np
from aia_ccdproc.parallel import retain_freed_memory

if sys.argv[1] == "retain":
    assert retain_freed_memory()
faults = []
for _ in range(4):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    arrays = [np.ones((1024, 4096), dtype=np.float32) for _ in range(4)]
    del arrays
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
print(sum(faults[1:]))
"""


@pytest.fixture
def unlimited_threads() -> Iterator[None]:
    """Remove the limit of threads after the test."""
    yield
    limit_threads(None)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has this setting")
def test_a_process_that_retains_freed_memory_has_fewer_page_faults() -> None:
    def page_faults(argument: str) -> int:
        command = [sys.executable, "-c", COUNT_PAGE_FAULTS, argument]
        return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    assert page_faults("retain") < page_faults("default") / 4


@pytest.mark.usefixtures("unlimited_threads")
def test_threads_are_limited_to_the_share_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aia_ccdproc.parallel.available_cpus", lambda: 4)
    assert thread_count() == 4
    limit_threads(3)
    assert thread_count() == 3
    limit_threads(9)
    assert thread_count() == 4  # never more than there are CPUs
    limit_threads(0)
    assert thread_count() == 1
    limit_threads(None)
    assert thread_count() == 4


@pytest.mark.usefixtures("unlimited_threads")
def test_items_are_processed_in_order_by_as_many_threads_as_are_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aia_ccdproc.parallel.available_cpus", lambda: 4)
    meeting = threading.Barrier(3, timeout=10)

    def meet(item: int) -> tuple[int, int]:
        meeting.wait()  # three threads must be here at the same time
        return item, threading.get_ident()

    results = map_in_threads(meet, range(6), threads=3)
    assert [item for item, _ in results] == list(range(6))
    assert threading.get_ident() not in {thread for _, thread in results}
    limit_threads(1)
    assert map_in_threads(lambda item: (item, threading.get_ident()), "ab") == [
        ("a", threading.get_ident()),
        ("b", threading.get_ident()),
    ]
    assert map_in_threads(str, []) == []


@pytest.mark.parametrize("threads", [1, 2])
def test_an_error_in_a_thread_reaches_the_caller(threads: int) -> None:
    with pytest.raises(ZeroDivisionError):
        map_in_threads(lambda item: 1 / item, [1, 0, 2], threads=threads)


def test_cpus_are_those_on_which_this_process_may_run() -> None:
    assert 1 <= available_cpus() <= (os.cpu_count() or 1)


def test_workers_are_not_forked_from_this_process() -> None:
    assert worker_context().get_start_method() in ("forkserver", "spawn")


def test_libraries_in_workers_share_the_cpus_unless_the_user_sets_their_threads(monkeypatch) -> None:
    monkeypatch.setattr("aia_ccdproc.parallel.available_cpus", lambda: 8)
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MKL_NUM_THREADS", "5")
    assert thread_variables(4) == {"OPENBLAS_NUM_THREADS": "2", "OMP_NUM_THREADS": "2"}
    assert thread_variables(100)["OMP_NUM_THREADS"] == "1"


@pytest.mark.process
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="only Linux lists the threads of a process")
def test_a_forkserver_for_all_cpus_has_one_thread(tmp_path: Path) -> None:
    code = """
from concurrent.futures import ProcessPoolExecutor
import os
from aia_ccdproc.parallel import start_forkserver, worker_context

def count():
    return len(os.listdir(f"/proc/{os.getppid()}/task"))

if __name__ == "__main__":
    before = dict(os.environ)
    start_forkserver(1000)
    assert dict(os.environ) == before
    with ProcessPoolExecutor(1, mp_context=worker_context()) as pool:
        print(pool.submit(count).result())
"""
    (tmp_path / "script.py").write_text(code)
    done = subprocess.run([sys.executable, tmp_path / "script.py"], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "1", done.stderr
