"""Fixtures: small level-1 files, and a recipe that needs no network."""

from __future__ import annotations

from pathlib import Path

import pytest
from scenes import small_exposure, small_sun

from aia_ccdproc.recipe.recipe import Recipe

EXPOSURE = small_exposure(shape=(40, 50), corner=(2040, 1980))


@pytest.fixture
def toml(pointing_path: Path) -> str:
    """A recipe's text."""
    return f'[[step]]\nuse = "update_pointing"\nsource = "{pointing_path.as_posix()}"\n[[step]]\nuse = "register"\n'


@pytest.fixture
def recipe(toml: str) -> Recipe:
    """The recipe."""
    return Recipe.from_toml(toml)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Six level-1 files, of which no two are alike."""
    folder = tmp_path / "in"
    folder.mkdir()
    return [EXPOSURE.write_level1(EXPOSURE.image(small_sun(), noise=i), folder / f"{i}.fits") for i in range(6)]
