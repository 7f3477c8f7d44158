"""Comparison of registration: every installed method of this package, every method of aiapy, and bare libraries.

`make bench` measures time, memory and errors on the same full-size synthetic image, in one run.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from accuracy import accuracy
from methods import methods, peak_memory
from scenes import FULL_SUN

from aia_ccdproc.synthetic import Exposure


@pytest.fixture(scope="module")
def level1():
    return Exposure().image(FULL_SUN)


@pytest.fixture(scope="module")
def level1_path(level1, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Exposure().write_level1(level1, tmp_path_factory.mktemp("image") / "level1.fits")


@pytest.mark.parametrize("name", methods())
@pytest.mark.benchmark(group="register 4096 x 4096")
def test_register(benchmark, level1, level1_path, name):
    if name == "aiapy opencv":
        pytest.importorskip("cv2")
    rounds = {"reproject_interp bicubic, celestial": 1, "aia_ccdproc adaptive-gaussian": 2}.get(name, 5)
    work = methods()[name](level1)
    assert benchmark.pedantic(work, rounds=rounds, warmup_rounds=rounds > 1).data.shape[0] > 4000
    benchmark.extra_info.update(memory=peak_memory(name, level1_path), **accuracy(methods()[name]))
