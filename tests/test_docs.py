"""The documents do what they say: their Python, TOML and console blocks are run, and references are complete."""

from __future__ import annotations

import ast
import doctest
import importlib
import importlib.metadata
import inspect
import os
import re
import runpy
import shlex
import shutil
import socket
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import typer
from astropy.io import fits

import aia_ccdproc
from aia_ccdproc.cli.demo import Demo
from aia_ccdproc.cli.main import app, main
from aia_ccdproc.errors import RecipeError
from aia_ccdproc.plugin import hookspecs
from aia_ccdproc.plugin import manager as plugins
from aia_ccdproc.recipe.conditions import INSTRUMENT, TESTS
from aia_ccdproc.recipe.recipe import builtin_recipes
from aia_ccdproc.steps.from_ccdproc.steps import PREFIX, ccdproc_steps
from aia_ccdproc.synthetic import Exposure, Source, Sun, builtin_pointing_path
from aia_ccdproc.testing.tables import as_ssw, error_table, response_table

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "plugins").glob("*/README.md")),
    *sorted(page for page in (ROOT / "docs").glob("*.rst") if "sg_" not in page.name),
]
RECIPES = builtin_recipes()
HOOKS = sorted(name for name in vars(hookspecs) if name.startswith("prep_"))
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]
OPTIONS = doctest.ELLIPSIS
#: Folder of the repository that a page shows.
CHECKOUT = "checkout"
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_DIRECTIVE = re.compile(r"^\.\. code-block:: (\w+)\n\n((?:(?:   .*)?\n)+)", re.MULTILINE)
_NAME = re.compile(r"# (\S+\.(?:py|toml))\n")


class Block(NamedTuple):
    """A block of code on a page."""

    language: str
    text: str
    line: int

    @property
    def file(self) -> str:
        """Name of the file that the block shows, by its first line."""
        name = _NAME.match(self.text)
        return name[1] if name else ""


def page_name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks_of(page: Path) -> list[Block]:
    """Find the blocks of a page, in their order."""
    text = page.read_text(encoding="utf-8")
    pattern = _FENCE if page.suffix == ".md" else _DIRECTIVE
    found = []
    for match in pattern.finditer(text):
        lines = match[2].splitlines()
        body = "\n".join(lines if page.suffix == ".md" else [line.removeprefix("   ") for line in lines]).strip("\n")
        found.append(Block(match[1], body + "\n", text.count("\n", 0, match.start(2)) + 1))
    return found


def installable(page: Path) -> bool:
    """Whether the page shows a distribution of its own."""
    return any(block.file == "pyproject.toml" for block in blocks_of(page))


def plugins_of(page: Path) -> list[str]:
    """Distributions of plugins that the page has one install."""
    lines = re.findall(r"^\s*\$ pip install (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    names = (name.removeprefix("plugins/") for line in lines for name in line.split())
    return [name for name in names if name.startswith("aia-ccdproc-")]


@pytest.fixture(autouse=True)
def _working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with the files that the documents name, no network, and a table in place of JSOC."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    exposure = Exposure(channel=94, corner=(1900, 1850), shape=(300, 320), pointing_error=(-6.4, 4.1))
    sun = Sun(disk=100, corona=0, sources=(Source(0, 0, peak=500, sigma=2), Source(-40, -30, peak=400, sigma=2)))
    level1 = exposure.image(sun, noise=1)
    exposure.write_level1(level1, tmp_path / "aia_94_level1.fits")
    spike = [(10 + 1850) * 4096 + 20 + 1900, 900, level1.data[10, 20]]
    (tmp_path / "spikes").mkdir()
    fits.writeto(tmp_path / "spikes" / "94.fits", np.array(spike, dtype=np.int32)[:, None])
    shutil.copy(builtin_pointing_path(), tmp_path / "pointing.ecsv")
    for name, table in (("response", response_table()), ("error", error_table())):
        (tmp_path / f"aia_{name}_table.txt").write_text(as_ssw(table))

    def refuse(*_: object) -> None:
        raise AssertionError("the documents' examples must not use a network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    step = 'use = "update_pointing"\n'
    local = {name: text.replace(step, step + 'source = "pointing.ecsv"\n') for name, text in RECIPES.items()}
    monkeypatch.setattr("aia_ccdproc.recipe.recipe.builtin_recipes", lambda: local)
    monkeypatch.setattr("aia_ccdproc.cli.demo.run_demo", lambda folder: Demo(("level 1",), [], [Path(folder)]))


@pytest.fixture
def _installed(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The core, the distributions that the page has one install, and the one that it shows: of that, what is in its
    wheel, on the path as pip would leave it.
    """
    page = request.node.callspec.params["page"]
    site = tmp_path / "site"
    names = plugins_of(page)
    for name in names:
        if not any(importlib.metadata.distributions(name=name)):
            pytest.skip(f"{page.name} is about {name}, which is not installed")
    if installable(page):
        names.append(install(page, tmp_path / CHECKOUT, site))
    monkeypatch.syspath_prepend(site)
    monkeypatch.setenv("PYTHONPATH", str(site))
    monkeypatch.setenv("AIA_CCDPROC_PLUGINS", ",".join(names))
    plugins._installed.cache_clear()
    before = set(sys.modules)
    yield
    plugins._installed.cache_clear()
    for module in set(sys.modules) - before:
        if str(getattr(sys.modules[module], "__file__", None)).startswith(str(site)):
            del sys.modules[module]


def install(page: Path, checkout: Path, site: Path) -> str:
    """Build a wheel of the files that the page shows, and unpack it; the name of the distribution."""
    checkout.mkdir()
    for block in blocks_of(page):
        if block.file == "pyproject.toml" or block.file.endswith(".py"):
            (checkout / block.file).parent.mkdir(parents=True, exist_ok=True)
            (checkout / block.file).write_text(block.text)
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel"]
    built = subprocess.run(command, cwd=checkout, capture_output=True, text=True, timeout=120)
    assert built.returncode == 0, built.stdout + built.stderr
    [wheel] = (checkout / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    return str(tomllib.loads((checkout / "pyproject.toml").read_text())["project"]["name"])


def run_tests(line: str) -> None:
    """Run the tests that the page shows, as its reader would: in the repository, in a process of their own."""
    command = [sys.executable, "-m", *shlex.split(line), "-p", "no:cacheprovider", "-W", "error"]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def matches(want: str, got: str) -> bool:
    return doctest.OutputChecker().check_output(want, got, OPTIONS)


def run_python(block: Block, page: Path, names: dict[str, object]) -> None:
    if ">>>" not in block.text:
        exec(compile("\n" * (block.line - 1) + block.text, str(page), "exec"), names)
        return
    test = doctest.DocTestParser().get_doctest(block.text, names, page.name, str(page), block.line - 1)
    test.globs = names
    said: list[str] = []
    result = doctest.DocTestRunner(optionflags=OPTIONS, verbose=False).run(test, out=said.append, clear_globs=False)
    assert not result.failed, "".join(said)


def run_console(block: Block, page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Run the lines that call aia-prep; what follows a line is what it has to print, nothing: whatever it prints."""
    parts = re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]
    calls = [tuple(part.split("\n", 1)) for part in parts]
    for index, (line, want) in enumerate(calls):
        if line == "pytest":
            run_tests(line)
            continue
        if not line.startswith("aia-prep "):
            assert line.startswith(("pip install aia-ccdproc", "pip install -e plugins/", "make ", "echo $?")), (
                f"{page.name}: not run: {line}"
            )
            continue
        asked = index + 1 < len(calls) and calls[index + 1][0] == "echo $?"
        code = main(shlex.split(line)[1:])
        said = capsys.readouterr()
        assert code == (int(calls[index + 1][1]) if asked else 0), f"{page.name}: {line}\n{said.out}{said.err}"
        assert not want.strip() or matches(want, said.out + said.err), f"{page.name}: {line}\n{said.out}{said.err}"


def parse_console(block: Block) -> None:
    """Parse the lines that call aia-prep and cannot be run here, for they need a network."""
    for line in re.findall(r"^\$ aia-prep (.*)$", block.text, re.MULTILINE):
        name, *arguments = shlex.split(line)
        COMMANDS[name].make_context(name, arguments)


def run_toml(block: Block, page: Path) -> None:
    """Check a recipe, and leave it in the folder under its name for the commands that use it."""
    if block.file:
        Path(block.file).write_text(block.text)
    if block.file == "pyproject.toml":
        tomllib.loads(block.text)
    elif block.file.startswith("faulty"):
        with pytest.raises(RecipeError):
            aia_ccdproc.Recipe.from_toml(block.text)
    else:
        aia_ccdproc.Recipe.from_toml(block.text, name=f"{page.name}:{block.line}")


@pytest.mark.parametrize("page", PAGES, ids=page_name)
@pytest.mark.usefixtures("_installed")
def test_examples_of_a_page_do_what_it_says(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {"__name__": "__main__"}
    for block in blocks_of(page):
        if block.language == "python" and not (block.file and installable(page)):
            run_python(block, page, names)
        elif block.language == "toml":
            run_toml(block, page)
        elif block.language == "console":
            run_console(block, page, capsys)
        elif block.language == "text":
            parse_console(block)
        else:
            assert block.language == "python", f"{page.name}:{block.line}: nobody runs {block.language}"


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_no_example_escapes_the_tests(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    blocks = blocks_of(page)
    for mark in (r">>> ", r"\$ ", r"\[\[step\]\]$", r"import "):
        written = len(re.findall(rf"^\s*{mark}", text, re.MULTILINE))
        assert written == sum(len(re.findall(rf"^\s*{mark}", block.text, re.MULTILINE)) for block in blocks)


def shown_lines(page: Path, file: Path) -> set[int]:
    """Numbers of the lines of a file that the page includes."""
    lines, shown = file.read_text(encoding="utf-8").splitlines(), set()
    place = re.escape(os.path.relpath(file, page.parent))
    text = page.read_text(encoding="utf-8")
    for options in re.findall(rf"^\.\. literalinclude:: {place}\n((?:   :.*\n)*)", text, re.MULTILINE):
        first, last = 1, len(lines)
        if name := re.search(r":pyobject: (\w+)", options):
            [node] = (n for n in ast.parse("\n".join(lines)).body if getattr(n, "name", None) == name[1])
            first, last = min([node.lineno, *(d.lineno for d in node.decorator_list)]), node.end_lineno
        if end := re.search(r":end-before: (.*)", options):
            last = next(number for number, line in enumerate(lines) if end[1] in line)
        shown |= set(range(first, last + 1))
    return shown


def test_tutorial_shows_every_line_of_the_plugin_that_it_builds() -> None:
    plugin = ROOT / "plugins" / "aia-ccdproc-degradation"
    for file in (plugin / "pyproject.toml", *sorted((plugin / "src").rglob("*.py"))):
        lines = file.read_text(encoding="utf-8").splitlines()
        written = {number for number, line in enumerate(lines, start=1) if line}
        assert written - shown_lines(ROOT / "docs" / "plugins.rst", file) == set(), file


def test_gallery_example_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib").use("agg")
    monkeypatch.setattr("matplotlib.pyplot.show", lambda: None)
    runpy.run_path(str(ROOT / "docs" / "examples" / "plot_prep.py"))
    assert "register (aia-ccdproc" in capsys.readouterr().out


def test_there_are_examples_of_every_kind() -> None:
    languages = {block.language for page in PAGES for block in blocks_of(page)}
    assert {"python", "toml", "console"} <= languages
    assert {"README.md", "docs/quickstart.rst", "docs/plugins.rst"} <= {
        page_name(page) for page in PAGES if blocks_of(page)
    }


def test_a_wrong_example_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    page = Path("page.rst")
    with pytest.raises(AssertionError, match="Expected"):
        run_python(Block("python", ">>> 1 + 1\n3\n", 1), page, {})
    with pytest.raises(ZeroDivisionError):
        run_python(Block("python", "1 / 0\n", 1), page, {})
    with pytest.raises(RecipeError):
        run_toml(Block("toml", '[[step]]\nuse = "no-such-step"\n', 1), page)
    with pytest.raises(AssertionError, match="no problems"):
        run_console(Block("console", "$ aia-prep check level1.5\nlevel1.5: 2 problems\n", 1), page, capsys)
    with pytest.raises(AssertionError, match="unknown-recipe"):
        run_console(Block("console", "$ aia-prep check unknown-recipe\n", 1), page, capsys)


@pytest.mark.parametrize("hook", HOOKS)
def test_hook_reference_holds_every_hook_with_its_signature(hook: str) -> None:
    signature = str(inspect.signature(getattr(hookspecs, hook))).replace("'", "")
    lines = (ROOT / "docs" / "hooks.rst").read_text(encoding="utf-8").splitlines()
    assert f".. autofunction:: aia_ccdproc.plugin.hookspecs.{hook}{signature}" in lines


def test_hook_reference_holds_no_hook_that_is_not_there_in_the_order_of_the_chain() -> None:
    text = (ROOT / "docs" / "hooks.rst").read_text(encoding="utf-8")
    listed = re.findall(r"^\.\. autofunction:: aia_ccdproc\.hookspecs\.(prep_\w+)", text, re.MULTILINE)
    assert listed == sorted(HOOKS, key=lambda hook: getattr(hookspecs, hook).__code__.co_firstlineno)


def test_recipes_page_holds_every_setting_of_the_core() -> None:
    text = (ROOT / "docs" / "recipes.rst").read_text(encoding="utf-8")
    for name, settings in (
        ("update_pointing", "PointingSettings"),
        ("register", "RegistrationSettings"),
        ("normalize_exposure", "ExposureSettings"),
        ("Names of outputs", "OutputSettings"),
    ):
        section = re.split(rf"\n{name}\n[\^-]", text)[1].partition("\n^^^")[0]
        fields = getattr(importlib.import_module("aia_ccdproc.settings"), settings).model_fields
        assert section
        assert [key for key in fields if f"\n``{key}``" not in section] == []


def test_recipes_page_holds_every_step_of_ccdproc_and_every_test_of_a_selection() -> None:
    text = (ROOT / "docs" / "recipes.rst").read_text(encoding="utf-8")
    names = [*(name.removeprefix(PREFIX) for name in ccdproc_steps()), *TESTS, INSTRUMENT]
    assert [name for name in names if f"``{name}``" not in text] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_command_line_page_holds_every_command_and_option(name: str) -> None:
    text = (ROOT / "docs" / "cli.rst").read_text(encoding="utf-8")
    assert re.search(rf"^(\w+, )*{name}(, \w+)*\n---", text, re.MULTILINE)
    options = [option for parameter in COMMANDS[name].params for option in parameter.opts if option.startswith("--")]
    assert [option for option in options if option not in text] == []


@pytest.mark.parametrize("name", aia_ccdproc.__all__)
def test_public_name_can_be_imported(name: str) -> None:
    assert getattr(aia_ccdproc, name) is not None
    assert name in dir(aia_ccdproc)
