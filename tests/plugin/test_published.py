"""Tests of the hints at plugins of this project that are not installed."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest

import aia_ccdproc
from aia_ccdproc.errors import InstrumentError, PluginError, RecipeError
from aia_ccdproc.plugin import loading
from aia_ccdproc.plugin.manager import PrepPluginManager
from aia_ccdproc.plugin.published import PUBLISHED
from aia_ccdproc.synthetic import Exposure, Sun


@pytest.fixture
def _core_only(monkeypatch: pytest.MonkeyPatch):
    """Make as if no plugin was installed."""

    def version(distribution: str) -> str:
        if distribution == "aia-ccdproc":
            return "0.1.0"
        raise importlib.metadata.PackageNotFoundError(distribution)

    monkeypatch.setattr("aia_ccdproc.plugin.published.importlib.metadata.version", version)
    monkeypatch.setenv("AIA_CCDPROC_PLUGINS", "")
    loading._installed_plugins.cache_clear()
    yield
    loading._installed_plugins.cache_clear()


def names(manager: PrepPluginManager) -> dict[str, set[str]]:
    """Return all names that the plugins of a manager add, by kind."""
    return {
        "step": set(manager.steps()),
        "method": set(manager.resampling_methods()),
        "instrument": {instrument.name for instrument in manager.instruments()},
        "recipe": {name for recipes in manager.hook.prep_recipes() for name in recipes},
    }


@pytest.mark.parametrize("distribution", PUBLISHED)
def test_table_lists_what_the_plugin_adds(distribution: str):
    if not any(importlib.metadata.distributions(name=distribution)):
        pytest.skip(f"{distribution} is not installed")
    core, both = names(loading.load_plugins([])), names(loading.load_plugins([distribution]))
    added = {kind: both[kind] - core[kind] for kind in both}
    assert {kind: set(PUBLISHED[distribution].get(kind, ())) for kind in added} == added


def test_table_lists_every_plugin_of_the_repository():
    folders = (Path(__file__).parents[2] / "plugins").glob("*/pyproject.toml")
    assert {folder.parent.name for folder in folders} == set(PUBLISHED)


@pytest.mark.usefixtures("_core_only")
def test_a_recipe_with_a_step_of_a_plugin_names_the_line_and_the_plugin():
    text = '[[step]]\nuse = "deconvolve"\n[[step]]\nuse = "register"\nmethod = "cubic-spline"\n'
    with pytest.raises(RecipeError) as caught:
        aia_ccdproc.Recipe.from_toml(text)
    step, method = str(caught.value).splitlines()[1:]
    assert step == (
        "  line 2, step 1: unknown step 'deconvolve'; it is in aia-ccdproc-psf, which is not installed. "
        "Run pip install aia-ccdproc-psf"
    )
    assert method.startswith("  line 5, step 2 (register): method: unknown method 'cubic-spline'; it is in")
    assert method.endswith("Run pip install aia-ccdproc-cubic")


@pytest.mark.usefixtures("_core_only")
def test_the_most_similar_name_may_be_that_of_a_plugin():
    with pytest.raises(RecipeError, match=r"did you mean 'deconvolve'\? It is in aia-ccdproc-psf"):
        aia_ccdproc.Recipe.from_toml('[[step]]\nuse = "deconvolv"\n')
    with pytest.raises(RecipeError, match=r"did you mean 'level1\.5-psf'\? It is in aia-ccdproc-psf"):
        aia_ccdproc.load_recipe("level1.5-ps")
    with pytest.raises(RecipeError, match=r"did you mean 'register'\?$"):
        aia_ccdproc.Recipe.from_toml('[[step]]\nuse = "regstr"\n')


@pytest.mark.usefixtures("_core_only")
def test_functions_name_the_plugin(tmp_path: Path):
    ccd = Exposure(channel=171, corner=(1900, 1850), shape=(20, 24)).image(Sun())
    with pytest.raises(PluginError, match="'cubic-spline'; it is in aia-ccdproc-cubic, which is not installed"):
        aia_ccdproc.register(ccd, method="cubic-spline")
    with pytest.raises(RecipeError, match="it is in aia-ccdproc-psf"):
        aia_ccdproc.prep(ccd, "level1.5-psf")
    with pytest.raises(AttributeError, match=r"Run pip install aia-ccdproc-psf, then: from aia_ccdproc_psf import"):
        aia_ccdproc.deconvolve  # noqa: B018
    with pytest.raises(PluginError, match=r"not installed\. Run pip install aia-ccdproc-cubic"):
        aia_ccdproc.get_plugin_manager().find("aia-ccdproc-cubic")
    ccd.header["TELESCOP"], ccd.header["INSTRUME"] = "SDO/HMI", "HMI_FRONT2"
    path = aia_ccdproc.write(ccd, tmp_path / "hmi.fits")
    with pytest.raises(InstrumentError, match=r"HMI images need aia-ccdproc-hmi.*Run pip install aia-ccdproc-hmi$"):
        aia_ccdproc.read(path)


def test_a_plugin_that_is_installed_and_not_loaded_is_not_to_be_installed_again(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("aia_ccdproc.plugin.published.importlib.metadata.version", lambda name: "0.1.0")
    manager = loading.load_plugins([])
    with pytest.raises(PluginError, match=r"aia-ccdproc-psf, which is installed but is not loaded$"):
        manager.check_step("deconvolve")
    with pytest.raises(AttributeError, match=r"deconvolve; run: from aia_ccdproc_psf import deconvolve$"):
        aia_ccdproc.deconvolve  # noqa: B018
