"""Deprecated public names still work, warn with the new name, and are used nowhere in the package or its plugins."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path
from typing import ClassVar

import pytest
from astropy.io import fits

import aia_ccdproc
from aia_ccdproc import Recipe
from aia_ccdproc.errors import PrepDeprecationWarning, RecipeError, RecipeProblem

ROOT = Path(__file__).parents[1]
MOVED = aia_ccdproc._MOVED
#: ``RecipeError.faults`` and ``Recipe.why_not``.
RENAMED_MEMBERS = {"faults", "why_not"}
SOURCES = sorted([*ROOT.glob("aia_ccdproc/**/*.py"), *ROOT.glob("plugins/*/src/**/*.py")])


def deprecated_names_in(code: str) -> set[str]:
    """Find the deprecated names that a module uses: imports, attributes of the package, and renamed members."""
    names = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and node.module == "aia_ccdproc" and node.level == 0:
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.Attribute):
            of_the_package = isinstance(node.value, ast.Name) and node.value.id == "aia_ccdproc"
            if of_the_package or node.attr in RENAMED_MEMBERS:
                names.add(node.attr)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "run":
            names |= {"observer" for keyword in node.keywords if keyword.arg == "observer"}
    return names & {*MOVED, *RENAMED_MEMBERS, "observer"}


@pytest.mark.parametrize("name", MOVED)
def test_a_moved_name_warns_with_its_new_package_and_is_the_same_object(name: str) -> None:
    message = rf"^aia_ccdproc\.{name} moved to {MOVED[name]} and will be removed in version 0\.4\."
    with pytest.warns(PrepDeprecationWarning, match=message) as caught:
        moved = getattr(aia_ccdproc, name)
    assert moved is getattr(importlib.import_module(MOVED[name]), name)
    assert name in importlib.import_module(MOVED[name]).__all__
    assert caught[0].filename == __file__


def test_an_import_statement_of_a_moved_name_warns() -> None:
    with pytest.warns(PrepDeprecationWarning, match=r"aia_ccdproc\.StepSettings moved to aia_ccdproc\.plugin"):
        from aia_ccdproc import StepSettings
    assert StepSettings is aia_ccdproc.plugin.StepSettings


def test_the_public_names_contain_no_deprecated_name() -> None:
    assert not set(aia_ccdproc.__all__) & set(MOVED)
    assert not set(dir(aia_ccdproc)) & set(MOVED)


def test_the_deprecation_warning_is_one_that_tools_recognize() -> None:
    assert issubclass(PrepDeprecationWarning, DeprecationWarning)
    assert issubclass(PrepDeprecationWarning, aia_ccdproc.PrepWarning)


def test_recipe_error_has_its_problems_under_the_old_name_too() -> None:
    error = RecipeError("r.toml", [RecipeProblem("line 2", "unknown key 'color'")])
    with pytest.warns(PrepDeprecationWarning, match=r"RecipeError\.faults was renamed to RecipeError\.problems"):
        assert error.faults == error.problems


def test_a_recipe_describes_under_the_old_name_too_why_it_is_not_for_an_image() -> None:
    recipe = Recipe.from_toml('[select]\nWAVELNTH = 171\n[[step]]\nuse = "register"')
    header = fits.Header({"WAVELNTH": 94})
    with pytest.warns(PrepDeprecationWarning, match=r"Recipe\.why_not was renamed to Recipe\.mismatch") as caught:
        assert recipe.why_not(header) == recipe.mismatch(header) == "WAVELNTH is 94, not 171"
    assert caught[0].filename == __file__
    header["WAVELNTH"] = 171
    with pytest.warns(PrepDeprecationWarning):
        assert recipe.why_not(header) == ""


def test_a_batch_reports_its_progress_to_an_observer_of_version_0_1(tmp_path: Path) -> None:
    with pytest.warns(PrepDeprecationWarning, match=r"batch\.Observer was renamed to aia_ccdproc\.Progress"):
        from aia_ccdproc.batch import Observer

    class Recorder(Observer):
        paths: ClassVar[list[Path]] = []

        def finished(self, result: aia_ccdproc.FileResult) -> None:
            self.paths.append(result.path)

    path = tmp_path / "missing.fits"
    with pytest.warns(PrepDeprecationWarning, match="the argument observer of run was renamed to progress") as caught:
        [result] = aia_ccdproc.run(path, output_dir=tmp_path, observer=Recorder())
    assert (result.status, Recorder.paths) == ("failed", [path])
    assert caught[0].filename == __file__
    with pytest.raises(TypeError, match="observer"):
        aia_ccdproc.run(path, output_dir=tmp_path, observer=Recorder(), progress=Recorder())


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("from aia_ccdproc import step, read", "step"),
        ("import aia_ccdproc\naia_ccdproc.step(settings=None)", "step"),
        ("print(error.faults)", "faults"),
        ("recipe.why_not(header)", "why_not"),
        ("aia_ccdproc.run(files, observer=mine)", "observer"),
    ],
)
def test_the_search_for_deprecated_names_finds_them(code: str, name: str) -> None:
    assert deprecated_names_in(code) == {name}


def test_the_package_and_the_plugins_use_no_deprecated_name() -> None:
    assert len(SOURCES) > 50
    used = {path: deprecated_names_in(path.read_text(encoding="utf-8")) for path in SOURCES}
    assert {path: names for path, names in used.items() if names} == {}
