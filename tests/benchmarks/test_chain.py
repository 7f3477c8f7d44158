"""The whole chain over 24 full-size files, as users run it: process start included, two cores.

Ours by the command line, in two processes; aiapy's by a plain script, which uses as many threads as its libraries do.
"""

from __future__ import annotations

import itertools
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from scenes import WHOLE

from aia_ccdproc import get_plugin_manager
from aia_ccdproc.synthetic import Exposure, builtin_pointing_path

FILES = 24
METHODS = [m for m in ("bicubic", "cubic-convolution") if m in get_plugin_manager().resampling_methods()]
RECIPE = """
[[step]]
use = "update_pointing"
source = "{table}"
[[step]]
use = "register"
method = "{method}"
[[step]]
use = "normalize_exposure"
"""


@pytest.fixture(scope="module")
def level1_files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("files")
    first = Exposure().write_level1(Exposure().image(WHOLE, noise=1), folder / "00.fits")
    return [first, *(Path(shutil.copy(first, folder / f"{i:02}.fits")) for i in range(1, FILES))]


def time_command(benchmark, tmp_path: Path, command: list[object]) -> None:
    """Run a command that ends with the folder of its outputs, which is another at each round."""
    folders = (tmp_path / str(i) for i in itertools.count())

    def fresh() -> tuple[tuple[Path], dict[str, object]]:
        folder = next(folders)
        folder.mkdir()
        return (folder,), {}

    def work(folder: Path) -> None:
        words = [str(folder if word == "OUT" else word) for word in command]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert len(list(folder.iterdir())) == FILES
        shutil.rmtree(folder)

    benchmark.pedantic(work, setup=fresh, rounds=2)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.benchmark(group="24 files, the whole chain")
def test_ours(benchmark, level1_files, tmp_path, method):
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(RECIPE.format(table=builtin_pointing_path().as_posix(), method=method))
    command = [sys.executable, "-m", "aia_ccdproc", "run", *level1_files, "-r", recipe, "-o", "OUT", "--jobs", 2, "-q"]
    time_command(benchmark, tmp_path, command)


@pytest.mark.parametrize("method", ["scipy", "opencv"])
@pytest.mark.benchmark(group="24 files, the whole chain")
def test_aiapy(benchmark, level1_files, tmp_path, method):
    pytest.importorskip("aiapy")
    if method == "opencv":
        pytest.importorskip("cv2")
    script = Path(__file__).with_name("aiapy_chain.py")
    time_command(benchmark, tmp_path, [sys.executable, script, method, builtin_pointing_path(), "OUT", *level1_files])
