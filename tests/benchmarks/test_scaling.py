"""Scaling of the run time with the side of the image, and with threads."""

from __future__ import annotations

import pytest
from methods import methods
from scenes import FULL_SUN

from aia_ccdproc.parallel import limit_threads
from aia_ccdproc.synthetic import Exposure

OUR_METHODS = [f"aia_ccdproc {method}" for method in ("bicubic", "bicubic, compiled", "cubic-convolution, compiled")]


@pytest.mark.parametrize("side", [512, 1024, 2048, 4096, 8192])
@pytest.mark.parametrize("name", OUR_METHODS)
@pytest.mark.benchmark(group="side of the image")
def test_side(benchmark, name, side):
    """Register a square around the center of the Sun. The largest one is the full frame with an empty border."""
    corner = ((4096 - side) // 2, (4096 - side) // 2)
    work = methods()[name](Exposure(corner=corner, shape=(side, side)).image(FULL_SUN))
    assert min(benchmark.pedantic(work, rounds=3, warmup_rounds=1).data.shape) >= side


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", OUR_METHODS)
@pytest.mark.benchmark(group="threads")
def test_threads(benchmark, name, threads):
    work = methods()[name](Exposure().image(FULL_SUN))
    limit_threads(threads)
    try:
        benchmark.pedantic(work, rounds=3, warmup_rounds=1)
    finally:
        limit_threads(None)
