"""Killed at any moment, a batch loses nothing and goes on where it was."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from scenes import small_exposure, small_sun

from aia_ccdproc import read, run

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")

KILLS = 30


@pytest.mark.slow
def test_thirty_kills_lose_nothing(tmp_path: Path, toml: str) -> None:
    exposure = small_exposure(shape=(900, 900), corner=(1600, 1600))
    image = exposure.image(small_sun(), noise=1)
    (tmp_path / "in").mkdir()
    files = [exposure.write_level1(image, tmp_path / "in" / f"{i:02}.fits") for i in range(64)]
    inputs = {path: path.read_bytes() for path in files}
    (tmp_path / "recipe.toml").write_text(toml)
    out = tmp_path / "out"
    command = [sys.executable, "-m", "aia_ccdproc", "run", tmp_path / "in", "-r", tmp_path / "recipe.toml", "-o", out]
    command += ["--jobs", "2"]
    chance = random.Random(0)
    killed, grew, known = 0, 0, dict[str, int]()
    while killed < KILLS:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        patience = time.monotonic() + 60
        if chance.random() < 0.7:  # at work; else while it starts
            while len(list(out.glob("*_lev1p5.fits"))) <= len(known) and time.monotonic() < patience:
                time.sleep(0.01)
        time.sleep(chance.uniform(0, 0.5))
        how = chance.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
        process.send_signal(how)
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
    expected = read(run(files[0], tmp_path / "recipe.toml", tmp_path / "alone")[0].output).data
    for path in out.iterdir():
        assert np.array_equal(read(path).data, expected, equal_nan=True)
    assert {path: path.read_bytes() for path in files} == inputs
    assert grew > KILLS / 2  # it was killed at work and not before
