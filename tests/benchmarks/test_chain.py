"""The whole chain for 24 full-size files, as users run it: start of the process included, on two cores.

``aia-prep`` works in two processes. The script with aiapy uses as many threads as its libraries do.
"""

from __future__ import annotations

import itertools
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from scenes import FULL_SUN

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
    first = Exposure().write_level1(Exposure().image(FULL_SUN, noise=1), folder / "00.fits")
    return [first, *(Path(shutil.copy(first, folder / f"{i:02}.fits")) for i in range(1, FILES))]


def time_chain(
    benchmark, tmp_path: Path, files: list[Path], command: Callable[[list[Path], Path], list[object]]
) -> None:
    """Time the command for the files, with a new output folder in each round."""
    folders = (tmp_path / str(i) for i in itertools.count())

    def work(paths: list[Path], folder: Path) -> None:
        arguments = [str(argument) for argument in command(paths, folder)]
        process = subprocess.run(arguments, capture_output=True, text=True, check=False)
        assert process.returncode == 0, process.stderr
        assert len(list(folder.iterdir())) == len(paths)
        shutil.rmtree(folder)

    def new_folder() -> tuple[tuple[list[Path], Path], dict[str, object]]:
        folder = next(folders)
        folder.mkdir()
        return (files, folder), {}

    work(files[:1], new_folder()[0][1])  # functions that are compiled once on a machine do not count
    benchmark.pedantic(work, setup=new_folder, rounds=2)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.benchmark(group="24 files, the whole chain")
def test_ours(benchmark, level1_files, tmp_path, method):
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(RECIPE.format(table=builtin_pointing_path().as_posix(), method=method))
    run = [sys.executable, "-m", "aia_ccdproc", "run", "-r", recipe, "--jobs", 2, "-q"]
    time_chain(benchmark, tmp_path, level1_files, lambda files, folder: [*run, "-o", folder, *files])


@pytest.mark.parametrize("method", ["scipy", "opencv"])
@pytest.mark.benchmark(group="24 files, the whole chain")
def test_aiapy(benchmark, level1_files, tmp_path, method):
    pytest.importorskip("aiapy")
    if method == "opencv":
        pytest.importorskip("cv2")
    script = [sys.executable, Path(__file__).with_name("aiapy_chain.py"), method, builtin_pointing_path()]
    time_chain(benchmark, tmp_path, level1_files, lambda files, folder: [*script, folder, *files])
