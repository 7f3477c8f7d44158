"""Tests of what a release needs: versions that agree, a changelog, complete distributions, no paths of a machine."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hatchling.metadata.core import ProjectMetadata
from hatchling.plugin.manager import PluginManager

import aia_ccdproc

ROOT = Path(__file__).parents[1]
PLUGINS = sorted((ROOT / "plugins").glob("*/pyproject.toml"))
DOCUMENTS = sorted((ROOT / "docs").glob("**/*.rst"))
#: Paths of a machine, and hosts of package registries.
FOREIGN = re.compile(
    r"(?<![\w.*\])])(/(work|tmp|root|Users|opt)/|/home/(?!me/))|(pypi|pythonhosted|npmjs|anaconda)\.(org|com)",
    re.IGNORECASE,
)


def read_project(path: Path) -> dict[str, Any]:
    """Read the project table of a pyproject.toml."""
    project: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))["project"]
    return project


CORE = read_project(ROOT / "pyproject.toml")


def as_numbers(version: str) -> tuple[int, ...]:
    """Split a version into three numbers."""
    numbers = [int(part) for part in version.split(".")]
    return (*numbers, 0, 0)[:3]


def test_version_has_three_numbers() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", CORE["version"])


def test_citation_has_the_version() -> None:
    assert f"\nversion: {CORE['version']}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")


def test_changelog_has_the_version() -> None:
    assert re.search(
        rf"^{re.escape(CORE['version'])} \(\d{{4}}-\d\d-\d\d\)\n---",
        (ROOT / "docs" / "changes.rst").read_text(),
        re.MULTILINE,
    )


def test_plugins_of_the_project_are_found() -> None:
    assert len(PLUGINS) >= 8


@pytest.mark.parametrize("path", PLUGINS, ids=lambda path: path.parent.name)
def test_plugin_has_the_version_of_the_core_and_needs_it(path: Path) -> None:
    project = read_project(path)
    assert project["name"] == path.parent.name
    assert project["version"] == CORE["version"]
    assert project["requires-python"] == CORE["requires-python"]
    requirements = [*project["dependencies"], *project["optional-dependencies"]["test"]]
    lowest = [match[1] for each in requirements if (match := re.fullmatch(r"aia-ccdproc(?:\[test\])?>=([\d.]+)", each))]
    assert [as_numbers(version) for version in lowest] == [as_numbers(CORE["version"])] * 2


@pytest.mark.parametrize(
    "path",
    [path for path in [*PLUGINS, *DOCUMENTS] if '"aia-ccdproc>=' in path.read_text(encoding="utf-8")],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_a_plugin_needs_the_same_lowest_versions_as_the_core(path: Path) -> None:
    needed = dict(re.findall(r'"([\w-]+)>=([\d.]+)"', path.read_text(encoding="utf-8")))
    core = dict(each.split(">=") for each in CORE["dependencies"])
    shared = needed.keys() & core.keys()
    assert {name: needed[name] for name in shared} == {name: core[name] for name in shared}


@pytest.mark.parametrize("path", PLUGINS, ids=lambda path: path.parent.name)
def test_plugin_has_a_license_a_readme_and_type_information(path: Path) -> None:
    package = path.parent / "src" / path.parent.name.replace("-", "_")
    assert (path.parent / "README.md").is_file()
    assert (path.parent / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
    assert (package / "py.typed").is_file()


def test_extra_all_has_every_plugin_and_every_extra_for_users() -> None:
    extras = CORE["optional-dependencies"]
    own, *plugins = extras["all"]
    names = {each.partition(">=")[0] for each in [*plugins, *extras["fast"]]}
    assert names == {path.parent.name for path in PLUGINS}
    assert set(re.findall(r"\w+", own.partition("[")[2])) == extras.keys() - {"all", "test", "docs", "bench"}


def test_description_for_package_indexes_has_no_relative_link() -> None:
    described = ProjectMetadata(str(ROOT), PluginManager()).core.readme
    for text in (described, *(path.with_name("README.md").read_text(encoding="utf-8") for path in PLUGINS)):
        assert [link for link in re.findall(r"\]\(([^)]*)\)", text) if not link.startswith("https://")] == []
    assert "before_after.png" not in described
    assert "| aia-ccdproc-cubic | `register` |" in described


@pytest.mark.parametrize("name", aia_ccdproc._MOVED)
def test_deprecated_name_is_removed_in_time(name: str) -> None:
    with pytest.warns(aia_ccdproc.PrepDeprecationWarning) as caught:
        getattr(aia_ccdproc, name)
    [removal] = re.findall(r"will be removed in version ([\d.]*\d)", str(caught[0].message))
    assert as_numbers(CORE["version"]) < as_numbers(removal), f"remove aia_ccdproc.{name}"


def test_fragments_of_the_changelog_have_a_known_type() -> None:
    types = [each["directory"] for each in read_towncrier()["type"]]
    names = [path.name for path in (ROOT / "docs" / "changes").iterdir() if path.name != "README.rst"]
    pattern = re.compile(rf"\d+\.({'|'.join(types)})(\.\d+)?\.rst")
    assert [name for name in names if not pattern.fullmatch(name)] == []


def read_towncrier() -> dict[str, Any]:
    """Read the table of towncrier in pyproject.toml."""
    table: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["towncrier"]
    return table


def tracked_texts() -> list[tuple[str, str]]:
    """Return the names and texts of the tracked text files."""
    command = ["git", "ls-files", "-z"]
    try:
        listing = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    texts = []
    for name in filter(None, listing.split("\0")):
        path = ROOT / name
        if path.is_file() and b"\0" not in (content := path.read_bytes()):
            texts.append((name, content.decode("utf-8")))
    return texts


def test_tracked_files_contain_no_path_of_a_machine_and_no_registry() -> None:
    own = Path(__file__).relative_to(ROOT).as_posix()
    found = [
        f"{name}:{number}: {line.strip()}"
        for name, text in tracked_texts()
        if name != own
        for number, line in enumerate(text.splitlines(), start=1)
        if FOREIGN.search(line)
    ]
    assert found == []


def test_tracked_text_files_end_with_one_newline() -> None:
    wrong = [name for name, text in tracked_texts() if text and (not text.endswith("\n") or text.endswith("\n\n"))]
    assert wrong == []
