"""Registration side by side: ours by every quick method, and aiapy's by every method it has.

Run by `make bench`: the same full-size synthetic image, in one run.
"""

from __future__ import annotations

import warnings

import pytest
from scenes import WHOLE

from aia_ccdproc import normalize_exposure, read, register, update_pointing, write
from aia_ccdproc.synthetic import Exposure, builtin_pointing_path


@pytest.fixture(scope="module")
def level1():
    return Exposure().image(WHOLE)


@pytest.mark.parametrize("method", ["nearest-neighbor", "bilinear", "bicubic", "adaptive-hann", "adaptive-gaussian"])
@pytest.mark.benchmark(group="register 4096 x 4096")
def test_ours(benchmark, level1, method):
    assert benchmark.pedantic(register, (level1,), {"method": method}, rounds=3, warmup_rounds=1).shape == (4096, 4096)


@pytest.mark.parametrize("method", ["scipy", "scikit-image", "opencv"])
@pytest.mark.benchmark(group="register 4096 x 4096")
def test_aiapy(benchmark, level1, method):
    calibrate = pytest.importorskip("aiapy.calibrate")
    sunpy_map = pytest.importorskip("sunpy.map")
    if method == "opencv":
        pytest.importorskip("cv2")
    image = sunpy_map.Map(level1.data, level1.header)

    def run():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return calibrate.register(image, method=method)

    assert benchmark.pedantic(run, rounds=3, warmup_rounds=1).data.shape[0] > 4000


@pytest.mark.benchmark(group="steps 4096 x 4096")
@pytest.mark.parametrize("step", ["read", "update_pointing", "register", "normalize_exposure", "write"])
def test_step(benchmark, level1, step, tmp_path):
    path = Exposure().write_level1(level1, tmp_path / "level1.fits")
    level15 = register(level1)
    call = {
        "read": lambda: read(path),
        "update_pointing": lambda: update_pointing(level1, source=builtin_pointing_path()),
        "register": lambda: register(level1),
        "normalize_exposure": lambda: normalize_exposure(level15),
        "write": lambda: write(level15, tmp_path / "level15.fits", overwrite=True),
    }[step]
    benchmark.pedantic(call, rounds=3, warmup_rounds=1)
