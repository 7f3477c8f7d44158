"""Start-up: commands that process no file, and runs of a single full-size file."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from chain import Chain
from inputs import level1_files, pointing_environment
from measured import measure
from variants import VARIANTS

COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "aia-prep --help": ["-m", "aia_ccdproc", "--help"],
    "import aia_ccdproc, aia_ccdproc.read": ["-c", "import aia_ccdproc; aia_ccdproc.read"],
    "import aia_ccdproc, aia_ccdproc.run": ["-c", "import aia_ccdproc; aia_ccdproc.run"],
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.benchmark(group="start")
def test_command(benchmark, tmp_path, command):
    results = []
    arguments = ([sys.executable, *COMMANDS[command]], tmp_path)
    benchmark.pedantic(lambda: results.append(measure(*arguments).__dict__), rounds=5, warmup_rounds=1)
    benchmark.extra_info["rounds"] = results


@pytest.mark.parametrize("variant", ["engine-1", "core-1", "aiapy-opencv", "aiapy-scipy"])
@pytest.mark.benchmark(group="start")
def test_one_file(benchmark, variant):
    results = []
    with Chain(VARIANTS[variant], 1) as chain:
        benchmark.pedantic(lambda: results.append(chain.run()), rounds=3)
    benchmark.extra_info["rounds"] = results


@pytest.mark.benchmark(group="start")
def test_first_run_after_installation(benchmark, tmp_path: Path):
    """One file with the engine, whose functions are not yet compiled."""
    variant = VARIANTS["engine-1"]
    environment = variant.environment(sys.executable) | pointing_environment(sys.executable, tmp_path / "cache")
    environment["NUMBA_CACHE_DIR"] = str(tmp_path / "numba")
    command = variant.command(sys.executable, tmp_path / "out", level1_files(1))
    usage = benchmark.pedantic(measure, (command, tmp_path, environment), rounds=1)
    benchmark.extra_info["rounds"] = [usage.__dict__]
