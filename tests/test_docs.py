"""Tests of the documentation: the Python, TOML and console blocks are run, and the references are complete."""

from __future__ import annotations

import ast
import doctest
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
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pages
import pytest
import typer
from astropy.io import fits
from documents import PAGES, ROOT, Block, find_blocks, page_name

import aia_ccdproc
from aia_ccdproc.cli.demo import Demo
from aia_ccdproc.cli.main import app, main
from aia_ccdproc.errors import RecipeError
from aia_ccdproc.plugin import get_plugin_manager, loading
from aia_ccdproc.plugin import hookspecs as plugin_hooks
from aia_ccdproc.recipe.conditions import INSTRUMENT, TESTS
from aia_ccdproc.recipe.named import builtin_recipes
from aia_ccdproc.recipe.output import OutputSettings
from aia_ccdproc.steps import hookspecs as step_hooks
from aia_ccdproc.steps.from_ccdproc.settings import CCDPROC_MODELS
from aia_ccdproc.synthetic import Exposure, Source, Sun, builtin_pointing_path
from aia_ccdproc.testing.tables import as_ssw, error_table, response_table

RECIPES = builtin_recipes()
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]
OPTIONS = doctest.ELLIPSIS
#: Starts of the commands that are shown but not run.
NOT_RUN = (
    "pip install aia-ccdproc",
    'pip install ".[all]" ./plugins/aia-ccdproc-*/',
    "pip install -e plugins/",
    "make ",
    "git ",
    "cd ",
    "echo $?",
    "python -X importtime",
)
#: Folder of the repository that a page shows.
CHECKOUT = "checkout"


def installable(page: Path) -> bool:
    """Tell whether the page shows a complete distribution."""
    return any(block.file == "pyproject.toml" for block in find_blocks(page))


def plugins_of(page: Path) -> list[str]:
    """Return the plugins that the page tells the reader to install."""
    lines = re.findall(r"^\s*\$ pip install (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    names = (name.removeprefix("plugins/") for line in lines for name in line.split())
    return [name for name in names if name.startswith("aia-ccdproc-")]


@pytest.fixture(autouse=True)
def _working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder with the files that the pages name, without a network, with a table instead of JSOC."""
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
        raise AssertionError("the examples of the documentation must not use a network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    step = 'use = "update_pointing"\n'
    source = 'source = "pointing.ecsv"\n'
    local = {name: text if "source" in text else text.replace(step, step + source) for name, text in RECIPES.items()}
    monkeypatch.setattr("aia_ccdproc.recipe.recipe.builtin_recipes", lambda: local)
    monkeypatch.setattr("aia_ccdproc.cli.demo.run_demo", lambda folder: Demo(("level 1",), [], [Path(folder)]))


@pytest.fixture
def _installed(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Load the core, the plugins that the page tells the reader to install, and the distribution that it shows.

    The latter is built, and its wheel is unpacked into a folder on the path.
    """
    page = request.node.callspec.params["page"]
    site = tmp_path / "site"
    names = plugins_of(page)
    for name in names:
        if not any(importlib.metadata.distributions(name=name)):
            pytest.skip(f"{page.name} needs {name}, which is not installed")
    if installable(page):
        names.append(install(page, tmp_path / CHECKOUT, site))
    monkeypatch.syspath_prepend(site)
    monkeypatch.setenv("PYTHONPATH", str(site))
    monkeypatch.setenv("AIA_CCDPROC_PLUGINS", ",".join(names))
    loading._installed_plugins.cache_clear()
    before = set(sys.modules)
    yield
    loading._installed_plugins.cache_clear()
    for module in set(sys.modules) - before:
        if str(getattr(sys.modules[module], "__file__", None)).startswith(str(site)):
            del sys.modules[module]


def install(page: Path, checkout: Path, site: Path) -> str:
    """Build a wheel of the files that the page shows, unpack it, and return the name of the distribution."""
    checkout.mkdir()
    for block in find_blocks(page):
        if block.file == "pyproject.toml" or block.file.endswith(".py"):
            (checkout / block.file).parent.mkdir(parents=True, exist_ok=True)
            (checkout / block.file).write_text(block.text)
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel"]
    build = subprocess.run(command, cwd=checkout, capture_output=True, text=True, timeout=120)
    assert build.returncode == 0, build.stdout + build.stderr
    [wheel] = (checkout / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    return str(tomllib.loads((checkout / "pyproject.toml").read_text())["project"]["name"])


def run_tests(line: str) -> None:
    """Run the tests that the page shows, in the repository that it shows, in a separate process."""
    command = [sys.executable, "-m", *shlex.split(line), "-p", "no:cacheprovider", "-W", "error"]
    process = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=120)
    assert process.returncode == 0, process.stdout + process.stderr


def matches(expected: str, printed: str) -> bool:
    """Compare as doctest does."""
    return doctest.OutputChecker().check_output(expected, printed, OPTIONS)


def run_python(block: Block, page: Path, names: dict[str, object]) -> None:
    """Run a block of Python, in the namespace of its page."""
    if ">>>" not in block.text:
        exec(compile("\n" * (block.line - 1) + block.text, str(page), "exec"), names)
        return
    test = doctest.DocTestParser().get_doctest(block.text, names, page.name, str(page), block.line - 1)
    test.globs = names
    failures: list[str] = []
    result = doctest.DocTestRunner(optionflags=OPTIONS, verbose=False).run(test, out=failures.append, clear_globs=False)
    assert not result.failed, "".join(failures)


def run_console(block: Block, page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Run the lines that call aia-prep, and compare their output with what follows them, if anything does."""
    parts = re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]
    calls = [tuple(part.split("\n", 1)) for part in parts]
    for index, (line, expected) in enumerate(calls):
        if line == "pytest":
            run_tests(line)
            continue
        if not line.startswith("aia-prep "):
            assert line.startswith(NOT_RUN), f"{page.name}: not run: {line}"
            continue
        shows_exit_code = index + 1 < len(calls) and calls[index + 1][0] == "echo $?"
        expected_code = int(calls[index + 1][1]) if shows_exit_code else 0
        code = main(shlex.split(line)[1:])
        output = "".join(capsys.readouterr())
        assert code == expected_code, f"{page.name}: {line}\n{output}"
        assert not expected.strip() or matches(expected, output), f"{page.name}: {line}\n{output}"


def parse_console(block: Block) -> None:
    """Parse the lines that call aia-prep but cannot be run here because they need a network."""
    for line in re.findall(r"^\$ aia-prep (.*)$", block.text, re.MULTILINE):
        name, *arguments = shlex.split(line)
        COMMANDS[name].make_context(name, arguments)


def run_toml(block: Block, page: Path) -> None:
    """Check a recipe, and write it into the folder under its name for the commands that use it."""
    if block.file:
        Path(block.file).write_text(block.text)
    if block.file == "pyproject.toml":
        tomllib.loads(block.text)
    elif block.file.startswith("faulty"):
        with pytest.raises(RecipeError):
            aia_ccdproc.Recipe.from_toml(block.text)
    else:
        aia_ccdproc.Recipe.from_toml(block.text, name=f"{page.name}:{block.line}")


@pytest.mark.parametrize(
    "page",
    [pytest.param(page, marks=pytest.mark.process if installable(page) else ()) for page in PAGES],
    ids=page_name,
)
@pytest.mark.usefixtures("_installed")
def test_examples_of_a_page_work_as_shown(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {"__name__": "__main__"}
    for block in find_blocks(page):
        if block.language == "python" and not (block.file and installable(page)):
            run_python(block, page, names)
        elif block.language == "toml":
            run_toml(block, page)
        elif block.language == "console":
            run_console(block, page, capsys)
        elif block.language == "text":
            parse_console(block)
        else:
            assert block.language == "python", f"{page.name}:{block.line}: {block.language} is not tested"


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_every_example_of_a_page_is_found(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    blocks = find_blocks(page)
    for mark in (r">>> ", r"\$ ", r"\[\[step\]\]$", r"import "):
        in_page = len(re.findall(rf"^\s*{mark}", text, re.MULTILINE))
        assert in_page == sum(len(re.findall(rf"^\s*{mark}", block.text, re.MULTILINE)) for block in blocks)


def shown_lines(page: Path, file: Path) -> set[int]:
    """Return the numbers of the lines of a file that the page includes."""
    lines, shown = file.read_text(encoding="utf-8").splitlines(), set()
    path = re.escape(os.path.relpath(file, page.parent))
    text = page.read_text(encoding="utf-8")
    for options in re.findall(rf"^\.\. literalinclude:: {path}\n((?:   :.*\n)*)", text, re.MULTILINE):
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
        not_empty = {number for number, line in enumerate(lines, start=1) if line}
        assert not_empty - shown_lines(ROOT / "docs" / "plugins.rst", file) == set(), file


@pytest.mark.parametrize(
    ("example", "plugin", "output"),
    [
        ("plot_05_noise", "noise", "DN / s StdDevUncertainty (701, 701)"),
        ("plot_07_degradation", "degradation", "'DEGFACT': 0.06, 'DEGVERS': 10"),
        ("plot_08_custom_step", None, "flatten_corona (my-plugin 0.1)"),
        ("plot_10_limb", "limb", " 193   -12."),
    ],
)
def test_gallery_example_runs(
    example: str,
    plugin: str | None,
    output: str,
    prep_manager: Callable[..., object],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("matplotlib").use("agg")
    pytest.importorskip("sunpy.visualization.colormaps")
    if plugin:
        pytest.importorskip(f"aia_ccdproc_{plugin}")
    prep_manager(*([f"aia-ccdproc-{plugin}"] if plugin else []))
    monkeypatch.setattr("matplotlib.pyplot.show", lambda: None)
    runpy.run_path(str(ROOT / "docs" / "examples" / f"{example}.py"))
    assert output in capsys.readouterr().out


def test_examples_for_real_files_are_those_of_the_gallery(tmp_path: Path) -> None:
    docs = ROOT / "docs"
    real_files = runpy.run_path(str(docs / "real_files.py"))
    real_files["write_examples"](docs / "examples", tmp_path / "examples", tmp_path)
    for name in real_files["REPLACEMENTS"]:
        text = (tmp_path / "examples" / name).read_text(encoding="utf-8")
        compile(text, name, "exec")
        assert str(tmp_path) in text


def test_documentation_has_examples_of_every_kind() -> None:
    languages = {block.language for page in PAGES for block in find_blocks(page)}
    assert {"python", "toml", "console"} <= languages
    assert {"README.md", "docs/quickstart.rst", "docs/plugins.rst"} <= {
        page_name(page) for page in PAGES if find_blocks(page)
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


def aiapy_rows() -> list[tuple[str, ...]]:
    """Return the rows of the tables with three columns of code: aiapy, this package, and SSW."""
    text = (ROOT / "docs" / "aiapy.rst").read_text(encoding="utf-8")
    rows = re.findall(r"^   \* -(.*)\n     -(.*)\n     -(.*)\n", text, re.MULTILINE)
    return [tuple(cell.strip(" `") for cell in row) for row in rows if row[0] != " aiapy"]


def test_our_column_of_the_page_for_users_of_aiapy_runs(
    prep_manager: Callable[..., object], cache_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("sunpy.map")
    names = ("cubic", "degradation", "noise", "psf", "respike")
    for name in names:
        pytest.importorskip(f"aia_ccdproc_{name}")
    prep_manager(*(f"aia-ccdproc-{name}" for name in names))
    namespace: dict[str, object] = {}
    lines = [ours for _, ours, _ in aiapy_rows() if ours]
    assert len(lines) > 15
    for line in lines:
        exec(line, namespace)
    assert namespace["m"].meta["lvl_num"] == 1.5  # type: ignore[attr-defined]
    assert 0 < float(namespace["factor"]) < 1  # type: ignore[arg-type]
    assert Path("aia_94_rate.fits").is_file()


def test_column_of_aiapy_uses_names_and_arguments_that_aiapy_has() -> None:
    aiapy = pytest.importorskip("aiapy")
    if not aiapy.__version__.startswith("0.10."):
        pytest.skip(f"the page is for aiapy 0.10, and {aiapy.__version__} is installed")
    namespace: dict[str, object] = {}
    calls = 0
    for line, _, _ in aiapy_rows():
        if " import " in line:
            exec(line, namespace)
            continue
        for node in ast.walk(ast.parse(line)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                keywords = {keyword.arg: None for keyword in node.keywords}
                function = namespace[node.func.id]
                inspect.signature(function).bind(*node.args, **keywords)  # type: ignore[arg-type]
                calls += 1
    assert calls >= 10


def reference_line(module: ModuleType, hook: str) -> str:
    """Return the line of the hook reference that documents a hook."""
    signature = str(inspect.signature(getattr(module, hook))).replace("'", "")
    return f".. autofunction:: {module.__name__}.{hook}{signature}"


@pytest.mark.parametrize("module", [plugin_hooks, step_hooks], ids=lambda module: module.__name__)
def test_hook_reference_has_every_hook_with_its_signature_in_the_order_of_declaration(module: ModuleType) -> None:
    lines = (ROOT / "docs" / "hooks.rst").read_text(encoding="utf-8").splitlines()
    listed = [line for line in lines if line.startswith(f".. autofunction:: {module.__name__}.prep_")]
    assert listed == [reference_line(module, name) for name in vars(module) if name.startswith("prep_")]


def test_the_reference_of_recipes_has_every_step_and_every_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("sphinx")
    monkeypatch.syspath_prepend(ROOT / "docs" / "_ext")
    reference = importlib.import_module("settings_reference")
    page = (ROOT / "docs" / "recipe-reference.rst").read_text(encoding="utf-8")
    assert all(place in page for place in reference.PLACES)
    text = reference.settings_reference()
    for name, step in get_plugin_manager().steps().items():
        section = text.partition(f".. _step-{name}:\n")[2].partition("\n.. _step-")[0]
        assert f"\n{name}\n^^^" in section
        for setting, field in step.settings.document().items():
            assert re.search(rf"^``{setting}``( = .+)?\n    .*\.\*$", section, re.MULTILINE)
            assert field.description.split()[0] in section
    assert '``method`` = ``"bicubic"``' in text
    assert r"*\"brightness\" or \"counts\".*" in text
    assert "*number, more than 0, at most 86400.*" in text
    output = reference.output_reference()
    assert all(f"``{key}`` = ``" in output for key in OutputSettings.model_fields)


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_defaults_of_settings_are_listed_in_the_generated_reference_only(page: Path) -> None:
    models = [OutputSettings, *(step.settings for step in get_plugin_manager().steps().values())]
    settings = {name for model in models for name in model.document()}
    assert settings.isdisjoint(re.findall(r"^``(\w+)`` = ``", page.read_text(encoding="utf-8"), re.MULTILINE))


@pytest.mark.parametrize(
    ("page", "names"), [("recipes.rst", [*CCDPROC_MODELS]), ("recipe-reference.rst", [*TESTS, INSTRUMENT])]
)
def test_page_has_every_step_of_ccdproc_or_every_condition_of_a_selection(page: str, names: list[str]) -> None:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    assert [name for name in names if f"``{name}``" not in text] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_command_line_page_has_every_command_and_option(name: str) -> None:
    text = (ROOT / "docs" / "cli.rst").read_text(encoding="utf-8")
    assert re.search(rf"^(\w+, )*{name}(, \w+)*\n---", text, re.MULTILINE)
    options = [option for parameter in COMMANDS[name].params for option in parameter.opts if option.startswith("--")]
    assert [option for option in options if option not in text] == []


@pytest.mark.parametrize("template", sorted(pages.TEMPLATES.glob("*.rst")), ids=lambda path: path.stem)
def test_page_of_the_benchmarks_has_the_text_of_its_template(template: Path) -> None:
    pattern = re.sub(r"\\\{\w+\\\}", ".*", re.escape(template.read_text(encoding="utf-8")))
    assert re.fullmatch(pattern, (ROOT / "docs" / template.name).read_text(encoding="utf-8"), re.DOTALL)


def test_make_targets_of_the_readme_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"`make (\S+)`", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert {"demo", "test", "quick", "stress", "lint", "docs", "bench", "clean"} <= set(targets)
    assert [target for target in targets if not re.search(rf"^{target}:", makefile, re.MULTILINE)] == []


def test_every_page_is_in_one_section_of_the_navigation() -> None:
    docs = ROOT / "docs"

    def entries(page: str) -> list[str]:
        text = (docs / f"{page}.rst").read_text(encoding="utf-8")
        trees = re.findall(r"^\.\. toctree::\n((?:   .*\n|\n)*)", text, re.MULTILINE)
        return [line.strip() for tree in trees for line in tree.splitlines() if line.strip() and ":" not in line]

    sections = entries("index")
    listed = [page for section in sections for page in entries(section) if page != "gallery/index"]
    pages_of_docs = [str(page.relative_to(docs).with_suffix("")) for page in PAGES if page.is_relative_to(docs)]
    assert sorted(listed) == sorted(set(pages_of_docs) - {"index", *sections})


def test_architecture_page_has_the_floors_of_the_linter() -> None:
    text = (ROOT / "docs" / "development" / "architecture.rst").read_text(encoding="utf-8")
    floors = re.findall(r"^   \* - (\d)\n     - (.*)$", text, re.MULTILINE)
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    [layers] = [contract["layers"] for contract in contracts if contract["type"] == "layers"]
    numbers = range(len(layers), 0, -1)
    expected = [(str(number), layer.split(" | ")) for number, layer in zip(numbers, layers, strict=True)]
    assert [(number, re.findall(r"``(\w+)``", rooms)) for number, rooms in floors] == expected
