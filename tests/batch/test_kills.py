"""Tests that a batch that is killed loses nothing and is resumed by running it again."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from processes import restore_signals
from scenes import small_exposure, small_sun

from aia_ccdproc import read, run

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL"),
]


class Kill(NamedTuple):
    """How a batch is killed."""

    signal: signal.Signals
    #: `os.kill` for the process alone, `os.killpg` for its group.
    send: Callable[[int, int], None]
    #: Whether to wait first until the batch has written an output.
    after_output: bool
    #: Seconds to wait before the signal is sent.
    delay: float


CHOSEN_KILLS = [
    Kill(signal.SIGKILL, os.kill, after_output=False, delay=0.7),  # while workers are started
    Kill(signal.SIGKILL, os.killpg, after_output=True, delay=0),
    Kill(signal.SIGTERM, os.kill, after_output=True, delay=0),
]


def random_kills(count: int, seed: int) -> list[Kill]:
    generator = random.Random(seed)
    return [
        Kill(
            generator.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT]),
            generator.choice([os.kill, os.killpg]),
            after_output=generator.random() < 0.7,
            delay=generator.uniform(0, 0.5),
        )
        for _ in range(count)
    ]


class Batch:
    """A batch in a process of its own, which is killed and started again."""

    def __init__(self, folder: Path, toml: str, count: int, size: int) -> None:
        corner = round(2048 - size / 2)
        exposure = small_exposure(shape=(size, size), corner=(corner, corner))
        self.recipe, self.out, inputs = folder / "recipe.toml", folder / "out", folder / "in"
        self.recipe.write_text(toml)
        inputs.mkdir()
        image, self.files = exposure.image(small_sun(), noise=1), list[Path]()
        for i in range(count):  # each with different pixels, so that outputs cannot be confused
            image.data[100:110, 100:110] = i
            self.files.append(exposure.write_level1(image, inputs / f"{i:02}.fits"))
        self._contents = {path: path.read_bytes() for path in self.files}
        self._command: list[Any] = [sys.executable, "-m", "aia_ccdproc", "run", inputs, "-r", self.recipe]
        self._command += ["-o", self.out, "--jobs", "2"]
        self._known: dict[str, int] = {}

    def outputs(self) -> dict[str, int]:
        """Return the time of modification of each output."""
        return {path.name: path.stat().st_mtime_ns for path in self.out.glob("*_lev1p5.fits")}

    def kill(self, kill: Kill) -> bool:
        """Start the batch, kill it, and check that no output is lost or changed. Return whether new ones exist."""
        process = subprocess.Popen(
            self._command,
            start_new_session=True,
            preexec_fn=restore_signals,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 60
        while kill.after_output and len(self.outputs()) <= len(self._known) and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(kill.delay)
        kill.send(process.pid, kill.signal)
        code = process.wait(timeout=60)
        assert code in (-kill.signal, 128 + kill.signal, 0), code
        time.sleep(0.1)  # until the workers have ended, too
        outputs = self.outputs()
        assert self._known.items() <= outputs.items()
        is_larger = len(outputs) > len(self._known)
        self._known = outputs
        return is_larger

    def remove_half_if_complete(self) -> None:
        if len(self._known) == len(self.files):
            for name in list(self._known)[::2]:
                (self.out / name).unlink()
            self._known = self.outputs()

    def finish(self, tmp_path: Path) -> None:
        """Run the batch to its end, and compare the outputs with those of a batch that was not killed."""
        done = subprocess.run(self._command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"{len(self.files) - len(self._known)} done, " in done.stdout
        expected = [f"{i:02}_lev1p5.fits" for i in range(len(self.files))]
        assert sorted(path.name for path in self.out.iterdir()) == expected
        for result in run(self.files, self.recipe, tmp_path / "serial"):
            assert np.array_equal(read(result.output).data, read(self.out / result.output.name).data, equal_nan=True)
        assert {path: path.read_bytes() for path in self.files} == self._contents


@pytest.mark.slow
def test_kills_at_three_chosen_points_lose_nothing(tmp_path: Path, toml: str) -> None:
    batch = Batch(tmp_path, toml, count=20, size=450)
    for kill in CHOSEN_KILLS:
        has_new_outputs = batch.kill(kill)
        assert has_new_outputs or not kill.after_output
    assert len(batch.outputs()) < len(batch.files)  # it was killed before it was finished
    batch.finish(tmp_path)


@pytest.mark.stress
def test_kills_at_a_hundred_random_moments_lose_nothing(tmp_path: Path, toml: str) -> None:
    seed, count = int(os.environ.get("AIA_CCDPROC_STRESS_SEED", "12")), 100
    print(f"{count} kills, seed {seed}")
    batch = Batch(tmp_path, toml, count=64, size=900)
    new_outputs = 0
    for kill in random_kills(count, seed):
        new_outputs += batch.kill(kill)
        batch.remove_half_if_complete()
    batch.finish(tmp_path)
    assert new_outputs > count / 2  # most kills came after it had written an output
