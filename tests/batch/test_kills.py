"""Killed at any moment, a batch loses nothing and goes on where it was."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from processes import restore_sigint
from scenes import small_exposure, small_sun

from aia_ccdproc import read, run

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")

KILLS = 30


@pytest.mark.slow
def test_thirty_kills_lose_nothing(tmp_path: Path, toml: str) -> None:
    exposure = small_exposure(shape=(900, 900), corner=(1600, 1600))
    (tmp_path / "in").mkdir()
    image, files = exposure.image(small_sun(), noise=1), []
    for i in range(64):  # no two alike, so that no output passes for another's
        image.data[100:110, 100:110] = i
        files.append(exposure.write_level1(image, tmp_path / "in" / f"{i:02}.fits"))
    inputs = {path: path.read_bytes() for path in files}
    (tmp_path / "recipe.toml").write_text(toml)
    out = tmp_path / "out"
    command = [sys.executable, "-m", "aia_ccdproc", "run", tmp_path / "in", "-r", tmp_path / "recipe.toml", "-o", out]
    command += ["--jobs", "2"]
    chance = random.Random(0)
    killed, grew, known = 0, 0, dict[str, int]()
    while killed < KILLS:
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        process = subprocess.Popen(command, start_new_session=True, preexec_fn=restore_sigint, **quiet)
        patience = time.monotonic() + 60
        if chance.random() < 0.7:  # at work; else while it starts
            while len(list(out.glob("*_lev1p5.fits"))) <= len(known) and time.monotonic() < patience:
                time.sleep(0.01)
        time.sleep(chance.uniform(0, 0.5))
        how = chance.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
        tell = chance.choice([os.kill, os.killpg])  # the process, or all of its group
        tell(process.pid, how)
        code = process.wait(timeout=60)
        killed += 1
        time.sleep(0.1)  # for the workers to see it
        there = {path.name: path.stat().st_mtime_ns for path in out.glob("*_lev1p5.fits")}
        assert known.items() <= there.items()  # what was done is left as it was
        grew += len(there) > len(known)
        known = there
        if len(known) == len(files):
            for path in list(out.glob("*_lev1p5.fits"))[::2]:
                path.unlink()
            known = {path.name: path.stat().st_mtime_ns for path in out.glob("*_lev1p5.fits")}
        assert code in (-how, 130, 0), code
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(files) - len(known)} done, " in done.stdout
    assert sorted(path.name for path in out.iterdir()) == [f"{i:02}_lev1p5.fits" for i in range(64)]
    for result in run(files, tmp_path / "recipe.toml", tmp_path / "alone"):
        assert np.array_equal(read(result.output).data, read(out / result.output.name).data, equal_nan=True)
    assert {path: path.read_bytes() for path in files} == inputs
    assert grew > KILLS / 2  # it was killed at work and not before
