"""Ctrl-C and SIGTERM: one line, exit codes 130 and 143, and a report of what is known."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from processes import restore_signals
from scenes import small_exposure, small_sun

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send these signals to a process"),
]

SIGNALS = [signal.SIGINT, signal.SIGTERM]


def start(*arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "aia_ccdproc", *map(str, arguments)]
    return subprocess.Popen(command, preexec_fn=restore_signals, stdout=-1, stderr=-1, text=True)


def wait_for_handlers(process: subprocess.Popen[str]) -> None:
    """Wait until a process has installed its handler of SIGTERM, where Linux shows this."""
    status, bit = Path(f"/proc/{process.pid}/status"), 1 << (signal.SIGTERM - 1)
    while status.exists() and process.poll() is None:
        [handled] = re.findall(r"^SigCgt:\s*([0-9a-f]+)", status.read_text(), re.MULTILINE) or ["0"]
        if int(handled, 16) & bit:
            return
        time.sleep(0.001)


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("delay", [0.0, 0.15, 0.45])
def test_a_signal_while_modules_are_imported_ends_with_one_line(
    tmp_path: Path, number: signal.Signals, delay: float
) -> None:
    image = small_exposure(shape=(900, 900)).image(small_sun())
    path = small_exposure(shape=(900, 900)).write_level1(image, tmp_path / "a.fits")
    process = start("run", path, "-r", "level1.5", "-o", tmp_path / "out", "-q")
    wait_for_handlers(process)
    time.sleep(delay)
    process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    assert process.returncode in (128 + number, 1), errors  # 1: it was done before the signal, without pointing records
    assert "Traceback" not in errors
    if process.returncode == 128 + number:
        assert errors.splitlines()[-1] == "interrupted"


@pytest.mark.parametrize("number", [*SIGNALS, signal.SIGHUP])
def test_a_batch_that_ends_by_a_signal_writes_its_report(
    tmp_path: Path, number: signal.Signals, pointing_path: Path
) -> None:
    exposure = small_exposure(shape=(300, 300))
    (tmp_path / "in").mkdir()
    for i in range(60):
        exposure.write_level1(exposure.image(small_sun(), noise=i), tmp_path / "in" / f"{i:02}.fits")
    recipe, report, out = tmp_path / "r.toml", tmp_path / "report.json", tmp_path / "out"
    source = f'[[step]]\nuse = "update_pointing"\nsource = "{pointing_path.as_posix()}"\n[[step]]\nuse = "register"\n'
    recipe.write_text(source)
    process = start("run", tmp_path / "in", "-r", recipe, "-o", out, "--jobs", "1", "--report", report)
    deadline = time.monotonic() + 60
    while not list(out.glob("*_lev1p5.fits")) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + number, errors
    assert "Traceback" not in errors
    content = json.loads(report.read_text())
    assert content["interrupted"]
    assert 0 < len(content["files"]) < 60
    assert all((out / f"{Path(row['path']).stem}_lev1p5.fits").exists() for row in content["files"])
