"""Tests of what is public: plugins and documentation use nothing else, and each public name is documented."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from documents import PAGES, ROOT, find_blocks, page_name

#: The packages that users and plugin authors may import. docs/development/stability.rst lists the same.
PUBLIC_PACKAGES = (
    "aia_ccdproc",
    "aia_ccdproc.plugin",
    "aia_ccdproc.images",
    "aia_ccdproc.tables",
    "aia_ccdproc.synthetic",
    "aia_ccdproc.testing",
    "aia_ccdproc.testing.tables",
)
PUBLIC_NAMES = [(package, name) for package in PUBLIC_PACKAGES for name in importlib.import_module(package).__all__]
SOURCES = [
    *sorted((ROOT / "plugins").glob("*/src/**/*.py")),
    *sorted((ROOT / "docs" / "examples").glob("*.py")),
    *sorted((ROOT / "docs" / "plots").glob("*.py")),
]
API = ROOT / "docs" / "api.rst"


def is_public(dotted: str) -> bool:
    """Tell whether a dotted name is a public package, a public name, or an attribute of one."""
    if dotted in PUBLIC_PACKAGES or dotted == "aia_ccdproc.__version__":
        return True
    return any(
        dotted == f"{package}.{name}" or dotted.startswith(f"{package}.{name}.") for package, name in PUBLIC_NAMES
    )


def used_names(code: str) -> Iterator[str]:
    """Find the dotted names of this package that a piece of Python imports, or reaches through ``aia_ccdproc``."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and is_ours(node.module or ""):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if is_ours(alias.name))
        elif isinstance(node, ast.Attribute) and is_ours(dotted := ast.unparse(node)):
            yield dotted


def is_ours(dotted: str) -> bool:
    """Tell whether a dotted name is of this package."""
    return re.fullmatch(r"aia_ccdproc(\.\w+)*", dotted) is not None


def python_of(page: Path) -> str:
    """Return the Python of a page, without prompts and output."""
    code = []
    for block in find_blocks(page):
        if block.language == "python":
            examples = doctest.DocTestParser().get_examples(block.text)
            code += [example.source for example in examples] if ">>>" in block.text else [block.text]
    return "\n".join(code)


def private_names(code: str) -> list[str]:
    """Find the names that a piece of Python uses and that are not public."""
    return sorted({name for name in used_names(code) if not is_public(name)})


@pytest.mark.parametrize("path", SOURCES, ids=page_name)
def test_plugins_and_examples_use_public_names_only(path: Path) -> None:
    assert private_names(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_code_of_a_page_uses_public_names_only(page: Path) -> None:
    assert private_names(python_of(page)) == []


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_links_of_a_page_lead_to_public_names_only(page: Path) -> None:
    links = re.findall(r"(?<![`\w])`~?(aia_ccdproc(?:\.\w+)*)`(?!`)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not is_public(link)] == []


def test_private_names_are_found() -> None:
    code = """
import aia_ccdproc.steps.exposure
from aia_ccdproc import read, steps
from aia_ccdproc.plugin import hookimpl
from aia_ccdproc.plugin.fields import Timeout
aia_ccdproc.Recipe.from_toml("")
aia_ccdproc.steps.grids.Grid()
"""
    assert private_names(code) == [
        "aia_ccdproc.plugin.fields.Timeout",
        "aia_ccdproc.steps",
        "aia_ccdproc.steps.exposure",
        "aia_ccdproc.steps.grids",
        "aia_ccdproc.steps.grids.Grid",
    ]


@pytest.mark.parametrize(("package", "name"), PUBLIC_NAMES)
def test_public_name_can_be_imported(package: str, name: str) -> None:
    module = importlib.import_module(package)
    assert getattr(module, name) is not None
    assert name in dir(module)


@pytest.mark.parametrize(("package", "name"), PUBLIC_NAMES)
def test_public_name_is_documented(package: str, name: str) -> None:
    value = getattr(importlib.import_module(package), name)
    api = API.read_text(encoding="utf-8")
    if inspect.isclass(value) or inspect.isfunction(value):
        assert (value.__doc__ or "").strip()
        [options] = re.findall(rf"^\.\. automodapi:: {re.escape(package)}\n((?:   :.*\n)*)", api, re.MULTILINE)
        if f"   :skip: {name}\n" not in options:
            return
        others = [other for other, same in PUBLIC_NAMES if same == name and other != package]
        assert others, f"{package}.{name} is skipped and is not documented elsewhere"
    else:
        packages = "|".join(re.escape(other) for other, same in PUBLIC_NAMES if same == name)
        assert re.search(
            rf"^\.\. py:(data|decorator|function):: {name}\b.*\n   :module: ({packages})$", api, re.MULTILINE
        )


@pytest.mark.parametrize("package", sorted(path.parent.name for path in (ROOT / "plugins").glob("*/src/*/hooks.py")))
def test_functions_of_a_plugin_are_documented(package: str) -> None:
    module = pytest.importorskip(package)
    names = getattr(module, "__all__", [])
    assert all((getattr(module, name).__doc__ or "").strip() for name in names)
    assert all(inspect.isclass(getattr(module, name)) or inspect.isfunction(getattr(module, name)) for name in names)
    assert (f"\n.. automodapi:: {package}\n" in API.read_text(encoding="utf-8")) == bool(names)


def test_stability_page_lists_the_public_packages() -> None:
    page = (ROOT / "docs" / "development" / "stability.rst").read_text(encoding="utf-8")
    section = page.partition("Public packages\n")[2].partition("\nOther public")[0]
    assert tuple(re.findall(r"^``(aia_ccdproc[\w.]*)``$", section, re.MULTILINE)) == PUBLIC_PACKAGES
