"""Fixtures: small level-1 files, and recipes that need no network."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from distributions import KILLING_PLUGIN, write_distribution
from scenes import small_exposure, small_sun

from aia_ccdproc import get_plugin_manager
from aia_ccdproc.plugin.manager import CHOSEN_PLUGINS
from aia_ccdproc.recipe.recipe import Recipe

EXPOSURE = small_exposure(shape=(40, 50), corner=(2040, 1980))


@pytest.fixture
def toml(pointing_path: Path) -> str:
    """Text of a recipe."""
    return f'[[step]]\nuse = "update_pointing"\nsource = "{pointing_path.as_posix()}"\n[[step]]\nuse = "register"\n'


@pytest.fixture
def recipe(toml: str) -> Recipe:
    """The recipe."""
    return Recipe.from_toml(toml)


@pytest.fixture
def deadly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, toml: str) -> Recipe:
    """A recipe with a step that kills the process for some files. Only workers load the plugin that does this."""
    folder = tmp_path / "plugins"
    folder.mkdir()
    write_distribution(folder, "deadly", KILLING_PLUGIN)
    get_plugin_manager()  # this process keeps the plugins that it has loaded
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv(CHOSEN_PLUGINS, "deadly")
    importlib.invalidate_caches()
    return Recipe.from_toml(toml + '[[step]]\nuse = "normalize_exposure"\n')


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Six level-1 files, each with different pixels."""
    folder = tmp_path / "in"
    folder.mkdir()
    return [EXPOSURE.write_level1(EXPOSURE.image(small_sun(), noise=i), folder / f"{i}.fits") for i in range(6)]
