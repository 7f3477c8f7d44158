"""Each part of the chain for one full-size file, with and without the compiled engine, beside aiapy's script."""

from __future__ import annotations

import pytest
from parts import PROGRAMS, measure_parts


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.benchmark(group="parts")
def test_parts(benchmark, name):
    if name == "aiapy, OpenCV":
        pytest.importorskip("cv2")
    benchmark.extra_info["parts"] = benchmark.pedantic(measure_parts, (name,), rounds=1)
