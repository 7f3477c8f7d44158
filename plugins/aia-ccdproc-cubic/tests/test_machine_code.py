"""Compilation of loops, their machine code on disk, and its use without numba."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from aia_ccdproc_cubic.compilation import compile_loops
from aia_ccdproc_cubic.machine_code import CompiledLoops, MachineCode

SOURCE = """
from numba import float32, float64, int64, uint8
from aia_ccdproc_cubic.compilation import entry_point, loop

@loop
def _scaled(value, factor):
    return value * factor

@entry_point
def scale(values: float32[:, ::1], factor: float32) -> None:
    for row in range(values.shape[0]):
        for column in range(values.shape[1]):
            values[row, column] = _scaled(values[row, column], factor)

@entry_point
def count(flags: uint8[::1], flag: int64) -> int64:
    total = 0
    for i in range(flags.size):
        total += flags[i] == flag
    return total

@entry_point
def square(number: float64) -> float64:
    return number**2
"""
USE = """
import sys
import numpy as np
from aia_ccdproc_cubic.machine_code import CompiledLoops
values = np.arange(6, dtype=np.float32).reshape(2, 3)
CompiledLoops("tiny_loops").scale(values, 2.0)
print(values.tolist(), "numba" in sys.modules)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module of loops that can be imported, and an empty folder for its machine code."""
    (tmp_path / "tiny_loops.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "tiny_loops", raising=False)
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "code"))
    return tmp_path


def start(folder: Path, code: str = USE, **variables: str) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": str(folder), **variables}
    command = [sys.executable, "-W", "error", "-c", code]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_loops_take_arrays_and_numbers_and_return_numbers(folder):
    loops = CompiledLoops("tiny_loops")
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    loops.scale(values, 0.5)
    np.testing.assert_array_equal(values, np.arange(6).reshape(2, 3) / 2)
    assert loops.count(np.array([1, 2, 2, 0], np.uint8), 2) == 2
    assert loops.square(3.0) == 9.0
    assert loops.count(np.empty(0, np.uint8), 2) == 0


@pytest.mark.parametrize(
    "values",
    [
        np.ones((2, 3)),
        np.ones(3, np.float32),
        np.ones((4, 3), np.float32)[::2],
        np.ones((2, 3), np.float32).T,
        np.ones((2, 3), ">f4"),
    ],
)
def test_an_array_that_the_loops_are_not_compiled_for_is_refused(folder, values):
    with pytest.raises(TypeError, match="argument 0 of scale is not a contiguous array of float32 with 2 axes"):
        CompiledLoops("tiny_loops").scale(values, 2.0)


def test_an_entry_point_that_does_not_exist_is_an_attribute_error(folder):
    with pytest.raises(AttributeError, match="has no entry point divide"):
        CompiledLoops("tiny_loops").divide  # noqa: B018


@pytest.mark.parametrize("line", ["np.zeros(values.size)[0]", "raise_if_negative(values)"])
def test_loops_that_allocate_or_raise_are_refused(folder, monkeypatch, line):
    (folder / "refused_loops.py").write_text(
        "import numpy as np\n"
        "from numba import float32\n"
        "from aia_ccdproc_cubic.compilation import entry_point, loop\n"
        "@loop\n"
        "def raise_if_negative(values):\n"
        "    if values[0] < 0:\n"
        "        raise ValueError('negative')\n"
        "@entry_point\n"
        "def refused(values: float32[::1]) -> None:\n"
        f"    values[0] = {line} or 0\n".replace("values[0] = raise", "raise").replace("(values) or 0", "(values)")
    )
    monkeypatch.delitem(sys.modules, "refused_loops", raising=False)
    with pytest.raises(RuntimeError, match="they allocate arrays or raise exceptions"):
        compile_loops("refused_loops")


def test_machine_code_that_was_changed_on_disk_is_not_used():
    kept = MachineCode({"f": {"symbol": "f", "arguments": [], "returns": None}}, bytes(range(256))).to_bytes()
    assert MachineCode.from_bytes(kept) is not None
    for damaged in (b"", kept[:-1], kept[:40], kept.replace(b"\x07", b"\x08")):
        assert MachineCode.from_bytes(damaged) is None


@pytest.mark.process
def test_the_first_process_announces_the_compilation_and_others_use_its_code_without_numba(folder):
    first, second = (start(folder).communicate() for _ in range(2))
    expected = "[[0.0, 2.0, 4.0], [6.0, 8.0, 10.0]]"
    assert first[0].split(" ", 6)[:6] == second[0].split(" ", 6)[:6]
    assert first[0].strip() == f"{expected} True"
    assert second[0].strip() == f"{expected} False"
    announced = "compiling the loops of aia-ccdproc-cubic, once on this machine; this takes about half a minute"
    assert first[1].strip() == announced
    assert second[1] == ""


@pytest.mark.process
def test_of_two_processes_only_one_compiles(folder):
    processes = [start(folder) for _ in range(3)]
    results = [process.communicate() for process in processes]
    assert sorted("compiling" in stderr for _, stderr in results) == [False, False, True]
    assert len({stdout.partition("]]")[0] for stdout, _ in results}) == 1
    assert [path.suffix for path in (folder / "code").iterdir()] == [".bin"]


@pytest.mark.process
def test_damaged_code_and_changed_loops_are_compiled_again(folder):
    start(folder).communicate()
    [kept] = (folder / "code").iterdir()
    kept.write_bytes(kept.read_bytes()[:-10])
    stdout, stderr = start(folder).communicate()
    assert stdout.startswith("[[0.0, 2.0")
    assert "compiling" in stderr
    (folder / "tiny_loops.py").write_text(SOURCE.replace("value * factor", "value * factor + 1"))
    stdout, stderr = start(folder).communicate()
    assert stdout.startswith("[[1.0, 3.0")
    assert "compiling" in stderr


@pytest.mark.process
def test_without_a_folder_each_process_compiles_and_says_why(folder):
    (folder / "file").write_text("")
    stdout, stderr = start(folder, NUMBA_CACHE_DIR=str(folder / "file" / "code")).communicate()
    assert stdout.startswith("[[0.0, 2.0")
    assert "since no cache folder is writable (NUMBA_CACHE_DIR sets one)" in stderr


@pytest.mark.slow
@pytest.mark.process
def test_a_batch_compiles_before_it_starts_its_workers(tmp_path, level1):
    """The message is one note of the batch, not a warning of its files."""
    import aia_ccdproc

    for number in range(3):
        aia_ccdproc.write(level1(171, noise=number + 1), tmp_path / f"{number}.fits")
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('[[step]]\nuse = "register"\n')
    command = [sys.executable, "-m", "aia_ccdproc", "run", *map(str, sorted(tmp_path.glob("*.fits"))), "--jobs", "2"]
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "code")}
    done = subprocess.run(
        [*command, "-r", str(recipe), "-o", str(tmp_path / "out")], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " ".join(done.stderr.split()).count("compiling the loops of aia-ccdproc-cubic") == 1
