"""Each part of the chain for one full-size file, with and without the compiled engine, beside aiapy's script."""

from __future__ import annotations

import sys

import pytest
from inputs import level1_files
from parts import measure_parts
from variants import CORE, ENGINE, Variant

PROGRAMS = {
    "compiled engine": ("ours", Variant("", ENGINE)),
    "without the engine": ("ours", Variant("", CORE)),
    "compiled engine, restricted": ("ours", Variant("", ENGINE, restricted=True)),
    "without the engine, restricted": ("ours", Variant("", CORE, restricted=True)),
    "aiapy, OpenCV": ("opencv", Variant("")),
    "aiapy, scipy": ("scipy", Variant("")),
}


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.benchmark(group="parts")
def test_parts(benchmark, tmp_path, name):
    program, variant = PROGRAMS[name]
    if program == "opencv":
        pytest.importorskip("cv2")
    environment = variant.environment(sys.executable)
    arguments = (sys.executable, program, tmp_path, level1_files(1)[0], environment)
    benchmark.extra_info["parts"] = benchmark.pedantic(measure_parts, arguments, rounds=1)
