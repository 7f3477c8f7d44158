"""What is imported when: no command, and no process, waits for a library that it does not use."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from scenes import small_exposure, small_sun

EXPOSURE = small_exposure(shape=(40, 50), corner=(2040, 1980))

#: Libraries that take long to import.
HEAVY = ("astropy", "ccdproc", "drms", "matplotlib", "numba", "numpy", "pandas", "PIL", "reproject", "scipy", "sunpy")

RUN_COMMAND = """
import sys
from aia_ccdproc.__main__ import main

if __name__ == "__main__":
    code = main(sys.argv[1:])
    print("IMPORTED", *sys.modules)
    sys.exit(code)
"""

RUN_WORKER = """
import pickle
import sys
import aia_ccdproc.batch._preload
from pathlib import Path
from aia_ccdproc import load_recipe
from aia_ccdproc.batch.plan import Job
from aia_ccdproc.batch.task import BatchOptions, prep_job

preloaded = set(sys.modules)
result = prep_job(Job(Path(sys.argv[1]), Path(sys.argv[2])), pickle.dumps(BatchOptions(load_recipe(sys.argv[3]))))
assert result.status == "done", result.error
print("IMPORTED", *(set(sys.modules) - preloaded))
"""


def imported_by(code: str, folder: Path, *arguments: object, plugins: str = "") -> set[str]:
    """Run code in a new process, and return the modules that it prints."""
    script = folder / "script.py"
    script.write_text(code)
    command = [sys.executable, str(script), *map(str, arguments)]
    environment = os.environ | {"AIA_CCDPROC_PLUGINS": plugins}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=folder)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.rpartition("IMPORTED ")[2].split())


@pytest.fixture
def level1(tmp_path: Path) -> list[Path]:
    image = EXPOSURE.image(small_sun())
    return [EXPOSURE.write_level1(image, tmp_path / f"{i}.fits") for i in range(2)]


@pytest.fixture
def recipe(tmp_path: Path, pointing_path: Path) -> Path:
    path = tmp_path / "recipe.toml"
    steps = ("update_pointing", "register", "normalize_exposure")
    tables = [f'[[step]]\nuse = "{step}"\n' for step in steps]
    path.write_text(f'{tables[0]}source = "{pointing_path.as_posix()}"\n{"".join(tables[1:])}')
    return path


@pytest.mark.process
@pytest.mark.parametrize(
    "command", ["--help", "--version", "run --help", "check level1.5-rate", "steps", "init", "schema"]
)
def test_a_command_without_images_imports_no_library_for_images(tmp_path: Path, command: str) -> None:
    assert not imported_by(RUN_COMMAND, tmp_path, *command.split()) & set(HEAVY)


@pytest.mark.process
def test_the_plugins_of_this_project_are_listed_without_a_library_for_images(tmp_path: Path) -> None:
    listed = imported_by(RUN_COMMAND, tmp_path, "plugins", plugins="hmi,noise,degradation,respike,psf")
    assert not listed & set(HEAVY)


@pytest.mark.process
def test_a_batch_with_workers_is_run_without_a_library_for_images(tmp_path: Path, level1, recipe: Path) -> None:
    arguments = ("run", *level1, "-r", recipe, "-o", tmp_path / "out", "--jobs", 2)
    assert not imported_by(RUN_COMMAND, tmp_path, *arguments) & set(HEAVY)
    assert len(list((tmp_path / "out").iterdir())) == 2


@pytest.mark.process
def test_one_file_is_processed_without_libraries_that_its_recipe_does_not_use(
    tmp_path: Path, level1, recipe: Path
) -> None:
    imported = imported_by(RUN_COMMAND, tmp_path, "run", level1[0], "-r", recipe, "-o", tmp_path / "out")
    assert not imported & {"ccdproc", "drms", "matplotlib", "numba", "sunpy"}


@pytest.mark.process
def test_a_worker_imports_nothing_that_the_forkserver_has_not_imported(tmp_path: Path, level1, recipe: Path) -> None:
    recipe.write_text(recipe.read_text().replace('[[step]]\nuse = "register"\n', ""))  # reproject is imported if used
    imported = imported_by(RUN_WORKER, tmp_path, level1[0], tmp_path / "out.fits", recipe)
    assert not [name for name in imported if name in HEAVY or name.startswith("aia_ccdproc.")]
