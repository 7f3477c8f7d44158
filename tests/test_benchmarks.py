"""The measurements of the benchmarks themselves: what they count, and what the pages compute from it."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest
from limits import CORES, limits, limits_table
from machine import describe_cpu
from measured import measure
from results import MissingResultError, Results, update
from variants import baseline_instructions

#: Works for some time in a process that outlives its parent, as the server of a pool of workers may do.
ORPHAN = """
import subprocess, sys
work = "import time; end = time.process_time() + 0.5\\nwhile time.process_time() < end: pass"
subprocess.Popen([sys.executable, "-c", work])
"""


@pytest.mark.process
@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux, where a process can adopt orphans")
def test_cpu_time_of_a_process_that_outlives_its_parent_is_counted(tmp_path: Path) -> None:
    assert measure([sys.executable, "-c", ORPHAN], tmp_path).cpu > 0.5


@pytest.mark.process
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is measured where /proc has statm")
def test_memory_of_all_processes_is_added(tmp_path: Path) -> None:
    hold = "import sys, time; block = bytearray(b'x') * (50 * 2**20); time.sleep(1)"
    both = f"import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', {hold!r}]); {hold}; p.wait()"
    assert 100 < measure([sys.executable, "-c", both], tmp_path).memory < 150


@pytest.mark.process
def test_a_command_that_fails_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        measure([sys.executable, "-c", "raise SystemExit(3)"], tmp_path)


def test_a_processor_whose_name_is_hidden_is_described_by_its_model_and_instruction_sets(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    fields = "cpu family\t: 25\nmodel\t\t: 17\nmodel name\t: AMD EPYC\nflags\t\t: fpu avx2 avx512f\n\n"
    cpuinfo.write_text(f"processor\t: 0\n{fields}processor\t: 1\n{fields}")
    assert describe_cpu(cpuinfo) == "AMD EPYC: family 25, model 17, AVX2, AVX-512"


def chain_row(variant: str, files: int, **usage: float) -> dict:
    rounds = [{"files": files, "memory": 1000.0, "input_bytes": 2**23, "output_bytes": 2**26, **usage}]
    return {"group": "chain", "params": {"variant": variant, "files": files}, "extra_info": {"rounds": rounds}}


def part_row(**parts: dict[str, float]) -> dict:
    return {"group": "parts", "params": {"name": "compiled engine"}, "extra_info": {"parts": parts}}


@pytest.fixture
def results() -> Results:
    dispatched = {"cpu_per_file": 0.01, "seconds_before_first": 0.002}
    rows = [
        chain_row("engine-2", 64, wall=20.0, cpu=32.0),
        *(chain_row(name, 16, wall=5.0, cpu=8.0) for name in ("engine-2", "engine-rice", "engine-lossless")),
        part_row(read={"cpu": 0.1, "wall": 0.1}),
        *(
            {"group": "dispatch", "params": {"how": how}, "extra_info": dispatched}
            for how in ("worker processes", "dask")
        ),
    ]
    return Results({"benchmarks": rows})


def test_limits_of_many_cores_follow_from_the_costs_of_a_file(results: Results) -> None:
    cells = limits_table(results).split("``none``")[1].split("   * -")[0].split("     - ")[1:]
    rate, read, written, load = (float(cell) for cell in cells[:4])
    assert rate == CORES / 0.5
    assert read == rate * 8 / 1024
    assert written == rate * 64 / 1024
    assert load == 100 * rate * 0.01
    assert limits(results)["process_limit"] == f"{0.5 / 0.01:.0f}"


def test_statistics_are_not_counted_again_as_writing() -> None:
    parts = {"statistics": {"cpu": 0.06, "wall": 0.05}, "none": {"cpu": 0.2, "wall": 0.3, "output_bytes": 10.0}}
    separated = Results({"benchmarks": [part_row(**parts)]}).parts()["compiled engine"]
    assert separated["none"] == pytest.approx({"cpu": 0.14, "wall": 0.25, "output_bytes": 10.0})
    assert separated["statistics"] == parts["statistics"]


def test_groups_that_run_again_replace_those_of_earlier_runs(tmp_path: Path) -> None:
    old = [chain_row("engine-2", 16, wall=9.0, cpu=9.0), chain_row("core-2", 16, wall=9.0, cpu=9.0)]
    new = [chain_row("engine-2", 16, wall=1.0, cpu=1.0)]
    (tmp_path / "latest.json").write_text(json.dumps({"benchmarks": [*old, part_row(read={"cpu": 1.0, "wall": 1.0})]}))
    update(tmp_path)
    (tmp_path / "latest.json").write_text(json.dumps({"benchmarks": new}))
    results = update(tmp_path)
    assert results.chain("engine-2", 16).wall == 1.0
    assert "compiled engine" in results.parts()
    with pytest.raises(MissingResultError, match="core-2"):
        results.chain("core-2", 16)


@pytest.mark.process
@pytest.mark.skipif(platform.machine() != "x86_64", reason="looks for registers of x86-64")
def test_restricted_variants_use_only_the_instructions_of_every_processor() -> None:
    pytest.importorskip("aia_ccdproc_cubic")
    code = (
        "import llvmlite.binding as llvm\n"
        "from numpy._core._multiarray_umath import __cpu_dispatch__ as names, __cpu_features__ as enabled\n"
        "from aia_ccdproc_cubic.machine_code import target_machine\n"
        "addition = 'define <16 x float> @add(<16 x float> %a) { %b = fadd <16 x float> %a, %a ret <16 x float> %b }'\n"
        "assembly = target_machine().emit_assembly(llvm.parse_assembly(addition))\n"
        "print([name for name in names if enabled[name]], 'xmm' in assembly, 'ymm' in assembly or 'zmm' in assembly)"
    )
    environment = os.environ | baseline_instructions(sys.executable)
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[] True False"
