"""Loading of plugins: which are found, and which are left out and why."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from distributions import write_distribution
from scenes import small_exposure

from aia_ccdproc import Pipeline, PluginError, PluginWarning, Recipe, RecipeError
from aia_ccdproc.cli.main import main
from aia_ccdproc.plugin import hookspecs, loading
from aia_ccdproc.plugin.loading import load_plugins
from aia_ccdproc.plugin.manager import CHOSEN_PLUGINS, PrepPluginManager
from aia_ccdproc.recipe.recipe_step import RecipeStep
from aia_ccdproc.steps.aia import AIA

HOOKS = [name for name in vars(hookspecs) if name.startswith("prep_")]
CORE_STEPS = ["update_pointing", "register", "normalize_exposure"]


def hook_steps(manager: PrepPluginManager) -> list[str]:
    """Names of the steps that are hooks, in canonical order."""
    return [name for name in manager.steps() if not name.startswith("ccdproc.")]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Write the files of a distribution into a folder on the path, as if it were installed."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(distribution: str, code: str, **options: str) -> Path:
        module = write_distribution(tmp_path, distribution, code, **options)
        importlib.invalidate_caches()
        monkeypatch.delitem(sys.modules, module, raising=False)
        return tmp_path

    return write


HALVE = """
    from aia_ccdproc import hookimpl, hookspec
    from aia_ccdproc.plugin import step, StepSettings

    class HalveSettings(StepSettings):
        by: float = 2.0

    class Specs:
        @staticmethod
        @step(settings=HalveSettings, before=("register",))
        @hookspec(firstresult=True)
        def prep_halve(ccd, instrument, settings):
            "Divide an image by a number."

    @hookimpl
    def prep_addhooks(manager):
        manager.add_hookspecs(Specs)

    @hookimpl
    def prep_halve(ccd, instrument, settings):
        return ccd.divide(settings.by, handle_meta="first_found")
"""


def test_an_installed_plugin_can_declare_a_step(install) -> None:
    install("aia-halve", HALVE)
    manager = load_plugins(["aia-halve"])
    assert hook_steps(manager) == ["update_pointing", "halve", "register", "normalize_exposure"]
    halve = manager.steps()["halve"]
    assert halve.summary == "Divide an image by a number."
    assert halve.order.before == ("register",)
    assert halve.takes == "image"
    assert list(map(str, manager.implementers("prep_halve"))) == ["aia-halve 1.2"]


BROKEN = {
    "import error": ("import no_such_module", "ModuleNotFoundError: .*no_such_module"),
    "syntax error": ("def (", "SyntaxError"),
    "unknown hook": (
        "from aia_ccdproc import hookimpl\n@hookimpl\ndef prep_registre(ccd): pass",
        "implements the unknown hook prep_registre; did you mean 'prep_register'",
    ),
    "unknown argument": (
        "from aia_ccdproc import hookimpl\n"
        "@hookimpl\ndef prep_identify(header): return None\n"
        "@hookimpl\ndef prep_register(ccd, color): pass",
        "color",
    ),
    "addhooks fails": (
        "from aia_ccdproc import hookimpl\n@hookimpl\ndef prep_addhooks(manager): raise OSError('no license')",
        "OSError: no license",
    ),
    "instruments fail": (
        "from aia_ccdproc import hookimpl\n@hookimpl\ndef prep_instruments(): raise OSError('no license')",
        "instruments of aia-broken 1.2 failed: OSError: no license",
    ),
    "instruments of a wrong type": (
        "from aia_ccdproc import hookimpl\n@hookimpl\ndef prep_instruments(): return ['AIA']",
        r"prep_instruments returned \['AIA'\], not a list of Instrument",
    ),
    "methods fail": (
        "from aia_ccdproc import hookimpl\n@hookimpl\ndef prep_resampling_methods(): raise OSError('no license')",
        "resampling_methods of aia-broken 1.2 failed: OSError: no license",
    ),
    "no methods": (
        "from aia_ccdproc import hookimpl\n@hookimpl\ndef prep_resampling_methods(): return None",
        "prep_resampling_methods returned None, not a list of names",
    ),
    "steps fail": (
        "from aia_ccdproc import hookimpl\n@hookimpl\ndef prep_steps(): raise OSError('no license')",
        "steps of aia-broken 1.2 failed: OSError: no license",
    ),
    "steps are names": (
        "from aia_ccdproc import hookimpl\n@hookimpl\ndef prep_steps(): return ['register']",
        r"prep_steps returned \['register'\], not a list of Step",
    ),
    "a step of the core": (
        "from aia_ccdproc import hookimpl\nfrom aia_ccdproc.plugin import Step, StepOrder, StepSettings\n"
        "class Evil(Step):\n    def versions(self, *a): return []\n    def run(self, *a): return None\n"
        "@hookimpl\ndef prep_steps(): return [Evil('register', StepSettings, StepOrder(), '')]",
        "prep_steps returned the step register, which another plugin has",
    ),
    "a step without settings": (
        HALVE.replace("instrument, settings)", "instrument)"),
        "settings",
    ),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_plugin_is_left_out_and_named_and_the_others_work(install, kind: str) -> None:
    code, reason = BROKEN[kind]
    install("aia-broken", code)
    install("aia-whole", HALVE.replace("halve", "share").replace("Halve", "Share"))
    with pytest.warns(PluginWarning, match=rf"(?s)plugin is not used: aia-broken \(it\): .*{reason}"):
        manager = load_plugins(["aia-broken", "aia-whole"])
    assert [(b.plugin.distribution, b.plugin.version) for b in manager.broken] == [("aia-broken", "1.2")]
    assert "aia-broken" not in {plugin.distribution for plugin in manager.plugins.values()}
    assert hook_steps(manager) == ["update_pointing", "share", "register", "normalize_exposure"]
    assert manager.identify(small_exposure().header()) is AIA
    for hook in HOOKS:
        assert "aia-broken" not in [each.distribution for each in manager.implementers(hook)]
    with pytest.raises(PluginError, match="'aia-broken' could not be loaded: "):
        manager.find("aia-broken")


WRONG_ARGUMENTS = """
    from aia_ccdproc import hookimpl

    @hookimpl
    def prep_halve(ccd, instrument, settings, foo):
        return None
"""


@pytest.mark.parametrize("wrong", ["aia-before", "aia-later"])
def test_a_plugin_that_implements_the_step_of_another_plugin_with_wrong_arguments_is_left_out(
    install, wrong: str
) -> None:
    install("aia-halve", HALVE)
    install(wrong, WRONG_ARGUMENTS)
    with pytest.warns(PluginWarning, match=rf"(?s)plugin is not used: {wrong} .*foo"):
        manager = load_plugins(["aia-halve", wrong])
    assert [b.plugin.distribution for b in manager.broken] == [wrong]
    assert list(map(str, manager.implementers("prep_halve"))) == ["aia-halve 1.2"]
    assert "halve" in manager.steps()


def test_a_plugin_that_implements_its_own_step_with_wrong_arguments_is_left_out_with_the_step(install) -> None:
    install("aia-halve", HALVE.replace("def prep_halve(ccd, instrument, settings):", "def prep_halve(ccd, foo):"))
    with pytest.warns(PluginWarning, match=r"(?s)plugin is not used: aia-halve .*foo"):
        manager = load_plugins(["aia-halve"])
    assert len(manager.broken) == 1
    assert "halve" not in manager.steps()


def test_a_step_that_two_plugins_declare_is_an_error_that_names_both(install) -> None:
    install("aia-halve", HALVE)
    install("aia-rival", HALVE)
    why = "halve is declared by aia-halve and by aia-rival; only one of them can be loaded"
    with pytest.warns(PluginWarning, match=rf"plugin is not used: aia-rival \(it\): {why}"):
        manager = load_plugins(["aia-halve", "aia-rival"])
    assert [b.plugin.distribution for b in manager.broken] == ["aia-rival"]
    with manager.in_use(), pytest.raises(RecipeError, match=why):
        Recipe.from_toml('[[step]]\nuse = "halve"')
    step = RecipeStep("halve", manager.steps()["halve"].settings())
    with pytest.raises(PluginError, match=why):
        Pipeline([step], manager)
    with manager.in_use():
        Recipe.from_toml('[[step]]\nuse = "register"')


def test_a_plugin_that_fails_to_identify_an_image_is_named(install) -> None:
    install("aia-fails", "from aia_ccdproc import hookimpl\n@hookimpl\ndef prep_identify(header): return 1 / 0")
    manager = load_plugins(["aia-fails"])
    with pytest.raises(PluginError, match=r"identify of aia-fails 1\.2 failed: ZeroDivisionError"):
        manager.identify(small_exposure().header())


@pytest.mark.parametrize(
    "recipe",
    [
        '[[step]]\nuse = "correct_flat"',
        '[[step]]\nuse = "register"\nplugin = "aia-broken"',
        '[[step]]\nuse = "register"\nplugin = "AIA_Broken"',
        '[[step]]\nuse = "register"\nplugin = "flat"',
        '[[step]]\nuse = "register"\nmethod = "flat"',
        '[select]\ninstrument = "FLAT"\n[[step]]\nuse = "register"',
        '[[step]]\nuse = "register"\nonly = { instrument = ["AIA", "FLAT"] }',
        '[[step]]\nuse = "register"\n[[step.when]]\ninstrument = "FLAT"\nskip = true',
    ],
    ids=["step", "distribution", "its other name", "entry point", "method", "selection", "only", "when"],
)
def test_a_recipe_that_needs_a_broken_plugin_fails_by_its_name(install, recipe: str) -> None:
    install("aia-broken", "import no_such_module", entry="flat")
    with pytest.warns(PluginWarning):
        manager = load_plugins(["aia-broken"])
    why = "(?s)1 problem\n.*could not be loaded: .*ModuleNotFoundError: No module named 'no_such_module'"
    with manager.in_use(), pytest.raises(RecipeError, match=why):
        Recipe.from_toml(recipe)


def test_what_a_plugin_prints_is_not_part_of_a_listing(install, monkeypatch, capsys) -> None:
    install("aia-printing", "print('hello')")
    monkeypatch.setenv(CHOSEN_PLUGINS, "aia-printing")
    loading._installed_plugins.cache_clear()
    try:
        assert main(["steps", "--json"]) == 0
    finally:
        loading._installed_plugins.cache_clear()
    printed = capsys.readouterr()
    assert json.loads(printed.out)["steps"]
    assert printed.err.startswith("hello")


def test_a_recipe_that_does_not_need_a_broken_plugin_is_valid(install) -> None:
    install("aia-broken", "import sys\nsys.exit(3)")
    with pytest.warns(PluginWarning, match="SystemExit: 3"):
        manager = load_plugins(["aia-broken"])
    with manager.in_use():
        Recipe.from_toml('[select]\ninstrument = "AIA"\n[[step]]\nuse = "register"')


def test_an_optional_hook_that_no_plugin_declares_is_ignored(install) -> None:
    install("aia-optional", "from aia_ccdproc import hookimpl\n@hookimpl(optionalhook=True)\ndef prep_paint(ccd): pass")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        manager = load_plugins(["aia-optional"])
    assert "aia-optional:it" in manager.plugins


@pytest.mark.process
@pytest.mark.parametrize(
    ("chosen", "loaded"),
    [
        (None, {"aia-halve", "aia-share"}),
        ("", set()),
        (" ", set()),
        ("aia-halve", {"aia-halve"}),
        ("aia-share, aia-halve", {"aia-halve", "aia-share"}),
        ("other", {"aia-share"}),
    ],
)
def test_the_environment_chooses_plugins_by_distribution_or_entry_point(
    install, monkeypatch: pytest.MonkeyPatch, chosen: str | None, loaded: set[str]
) -> None:
    install("aia-halve", HALVE)
    path = install("aia-share", HALVE.replace("halve", "share"), entry="other")
    environment = {key: value for key, value in os.environ.items() if key != CHOSEN_PLUGINS}
    environment |= {"PYTHONPATH": str(path)} | ({} if chosen is None else {CHOSEN_PLUGINS: chosen})
    script = "import aia_ccdproc as a; print(*{p.distribution for p in a.get_plugin_manager().plugins.values()})"
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) & {"aia-ccdproc", "aia-halve", "aia-share"} == {"aia-ccdproc", *loaded}
    assert not done.stderr


def test_a_plugin_in_the_environment_that_is_not_installed_is_an_error_with_the_nearest_name(install) -> None:
    install("aia-halve", HALVE)
    with pytest.raises(PluginError, match=r"plugin 'aia-halv' is not installed; did you mean 'aia-halve'\?"):
        load_plugins(["aia-halv"])


def test_a_worker_keeps_the_plugins_of_the_forkserver_unless_others_may_be_found(install, monkeypatch) -> None:
    preloaded = loading.get_plugin_manager()
    try:
        loading.forget_other_plugins()  # the folder that `install` has added to the path contains no distribution yet
        assert loading.get_plugin_manager() is preloaded
        install("aia-halve", HALVE)
        loading.forget_other_plugins()
        assert loading.get_plugin_manager() is not preloaded
        monkeypatch.setenv(CHOSEN_PLUGINS, "aia-halve")
        loading.forget_other_plugins()
        assert "aia-halve:it" in loading.get_plugin_manager().plugins
    finally:
        loading._installed_plugins.cache_clear()
