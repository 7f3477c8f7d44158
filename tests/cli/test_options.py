"""Options that change a recipe, help, completion, tracebacks, and the last line of ``aia-prep run``."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from scenes import small_exposure, small_sun

from aia_ccdproc import load_recipe, read
from aia_ccdproc.cli import command
from aia_ccdproc.cli.completion import complete_pointing, complete_recipe, complete_setting
from aia_ccdproc.cli.main import app, main
from aia_ccdproc.recipe.named import builtin_recipes

COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]


@pytest.fixture
def level1(tmp_path: Path) -> Path:
    exposure = small_exposure(shape=(40, 50), corner=(2040, 1980))
    return exposure.write_level1(exposure.image(small_sun()), tmp_path / "image_lev1.fits")


# -- --pointing and --set --------------------------------------------------------------------------


def test_pointing_and_set_change_the_recipe_and_its_digest(tmp_path: Path, level1: Path, pointing_path: Path) -> None:
    out = tmp_path / "out.fits"
    options = ["--pointing", str(pointing_path), "--set", "register.method=bilinear", "--set", "register.fill=0"]
    assert main(["run", str(level1), "-o", str(out), *options]) == 0
    image = read(out)
    assert "method=bilinear" in str(image.header["HISTORY"])
    assert image.header["MPO_SRC"] == f"table {pointing_path.name}"
    changes = {"update_pointing.source": str(pointing_path), "register.method": "bilinear", "register.fill": 0}
    assert image.header["RECIPEID"] == load_recipe("level1.5").with_settings(changes).digest


def test_the_pointing_of_the_header_needs_no_records(tmp_path: Path, level1: Path) -> None:
    assert main(["run", str(level1), "-o", str(tmp_path / "out"), "--pointing", "header"]) == 0
    assert read(tmp_path / "out" / "image_lev1p5.fits").header["MPO_SRC"] == "header"


def test_a_relative_path_starts_from_the_current_folder(
    tmp_path: Path, pointing_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "t.ecsv").write_bytes(pointing_path.read_bytes())
    (tmp_path / "r.toml").write_text('[[step]]\nuse = "update_pointing"\n')
    monkeypatch.chdir(tmp_path / "here")
    assert main(["check", "../r.toml", "--pointing", "t.ecsv"]) == 0
    assert main(["check", "../r.toml", "--set", "update_pointing.source=t.ecsv"]) == 0
    assert main(["check", "../r.toml", "--pointing", "../t.ecsv"]) == 2


@pytest.mark.parametrize(
    ("value", "setting"),
    [("0", 0), ("-1.5", -1.5), ("nan", float("nan")), (" 3 ", 3)],
)
def test_a_value_is_one_of_toml(value: str, setting: float, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "level1.5", "--set", f"register.fill={value}"]) == 0
    assert main(["check", "level1.5", "--set", f'register.fill="{value}"']) == 2
    assert main(["check", "level1.5", "--set", f'register.method="{setting}"']) == 2
    assert main(["check", "level1.5", "--set", 'register.method="bilinear"']) == 0
    assert main(["check", "level1.5", "--set", 'update_pointing.source=["cache", "jsoc"]']) == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--set", "registers.method=1"],
            "--set registers.method: 'registers' is not a step of the recipe; its steps are up",
        ),
        (["--set", "register.methods=1"], "--set register.methods: unknown setting 'methods'; did you mean 'method'?"),
        (["--set", "register.method=bicubc"], "--set register.method: method: unknown method 'bicubc'; did you mean"),
        (["--set", "register.fill=abc"], "--set register.fill: fill = 'abc': input should be a valid number"),
        (["--set", "register.fill=1\nb=2"], "--set register.fill: fill = '1\\nb=2': input should be a valid number"),
        (["--set", "method=bilinear"], "--set method: should be STEP.SETTING"),
        (["--pointing", ""], "--pointing: source: should be a path, a URL, one of auto, cache, jsoc, header,"),
        (["--pointing", "JSOC"], "--pointing: source: 'JSOC' is neither a table that exists nor one of auto, cache, j"),
        (["--pointing", "none.ecsv"], "none.ecsv: No such file or directory"),
        (["--set", "register"], "'register' is not STEP.SETTING=VALUE"),
        (["--set", "=bilinear"], "'=bilinear' is not STEP.SETTING=VALUE"),
        (["--pointing", "cache", "--set", "update_pointing.source=jsoc"], "cannot be used together with --pointing"),
    ],
)
@pytest.mark.parametrize("name", ["check", "run"])
def test_a_wrong_change_is_an_error_that_names_the_option(
    tmp_path: Path, level1: Path, name: str, options: list[str], message: str, capsys, monkeypatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    arguments = ["check", "level1.5"] if name == "check" else ["run", str(level1), "-o", str(tmp_path / "out")]
    assert main([*arguments, *options]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_recipe_without_the_step_refuses_pointing(tmp_path: Path, capsys) -> None:
    (tmp_path / "r.toml").write_text('[[step]]\nuse = "register"\n')
    assert main(["check", str(tmp_path / "r.toml"), "--pointing", "header"]) == 2
    assert (
        "--pointing: 'update_pointing' is not a step of the recipe; its steps are register" in capsys.readouterr().err
    )


# -- the end of a run, and tracebacks --------------------------------------------------------------


def test_the_last_line_names_the_outputs_and_the_reports(tmp_path: Path, level1: Path, capsys) -> None:
    command = ["run", str(level1), "--pointing", "header", "-o"]
    report = tmp_path / "r.json"
    assert main([*command, str(tmp_path / "out"), "--report", str(report)]) == 0
    assert capsys.readouterr().out.endswith(f"\noutputs in {tmp_path / 'out'}; report {report}\n")
    assert main([*command, str(tmp_path / "one.fits")]) == 0
    assert capsys.readouterr().out.endswith(f"\noutput {tmp_path / 'one.fits'}\n")
    level1.write_text("not FITS")
    assert main([*command, str(tmp_path / "new")]) == 1
    assert re.search(r"files/s\)\n$", capsys.readouterr().out)


def test_debug_prints_the_traceback_of_an_error_of_one_line(tmp_path: Path, capsys) -> None:
    bad = tmp_path / "bad.fits"
    bad.write_text("not FITS")
    for arguments, error in (
        (["check", "none"], "RecipeError: none: 1 problem"),
        (["run", str(bad), "-o", str(tmp_path), "-r", "none"], "RecipeError: none: 1 problem"),
        (["run", str(bad), "-o", str(tmp_path), "--pointing", "header"], "ReadError: "),
        (["pointing", "1999", "--cache", "fill"], "SettingsError: START (1999) is before 2010"),
    ):
        for with_debug in ([*arguments, "--debug"], ["--debug", *arguments]):
            assert main(with_debug) in (1, 2)
            shown = "".join(capsys.readouterr())
            assert "Traceback (most recent call last):" in shown
            assert f"aia_ccdproc.errors.{error}" in shown
        assert main(arguments) in (1, 2)
        assert "Traceback" not in "".join(capsys.readouterr())


# -- help ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", COMMANDS)
def test_help_ends_with_an_example_that_can_be_called_and_a_link(name: str, capsys, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(command, "documentation_page", lambda: "https://example.org/cli.html")
    assert main([name, "-h"]) == 0
    example, link = [line.strip() for line in capsys.readouterr().out.splitlines() if line.strip()][-2:]
    assert example.startswith(f"Example: aia-prep {name}")
    assert link == f"Documentation: https://example.org/cli.html#{name}"
    arguments = re.findall(r'"[^"]*"|[^\s"]+', example.partition("aia-prep ")[2].partition(" >")[0])
    COMMANDS[name].make_context(name, arguments[1:])  # parses them


def test_the_link_is_made_from_the_urls_of_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    def with_urls(*urls: str) -> str | None:
        class Metadata:
            def get_all(self, _: str) -> list[str]:
                return list(urls)

        monkeypatch.setattr("importlib.metadata.metadata", lambda _: Metadata())
        return command.documentation_page()

    assert with_urls() is None
    assert with_urls("Source, https://example.org/repo") == "https://example.org/repo/blob/main/docs/cli.rst"
    assert with_urls("Source, https://a", "Documentation, https://example.org/") == "https://example.org/cli.html"


def test_recipes_are_listed_with_their_steps(capsys) -> None:
    assert main(["recipes"]) == 0
    listed = capsys.readouterr().out
    for name in builtin_recipes():
        recipe = load_recipe(name)
        assert f"{name}  {recipe.description}\n    steps {', '.join(step.use for step in recipe)}\n" in listed


# -- completion ------------------------------------------------------------------------------------


class Context:
    """The options that the user has typed."""

    def __init__(self, **params: object) -> None:
        self.params = params


def test_names_are_completed(tmp_path: Path) -> None:
    assert complete_recipe("level1.5-") == ["level1.5-header", "level1.5-rate"]
    assert complete_recipe("my-") == []  # the shell completes files
    assert complete_pointing("") == ["auto", "cache", "jsoc", "header"]
    assert complete_setting("register.m", ctx=Context()) == ["register.method=", "register.mask_border="]
    assert "register.method=bicubic" in complete_setting("register.method=", ctx=Context())
    assert complete_setting("register.conserve=c", ctx=Context()) == ["register.conserve=counts"]
    (tmp_path / "r.toml").write_text('[[step]]\nuse = "register"\n')
    assert complete_setting("update_pointing.s", ctx=Context()) == [
        "update_pointing.source=",
        "update_pointing.server=",
    ]
    assert complete_setting("update_pointing.s", ctx=Context(recipe=str(tmp_path / "r.toml"))) == []
    assert complete_setting("reg", ctx=Context(recipe="none.toml")) == []


@pytest.mark.process
def test_a_shell_gets_a_script_and_completions() -> None:
    environment = {**os.environ, "_AIA_PREP_COMPLETE": "complete_bash", "COMP_CWORD": "3"}
    script = "import sys; sys.argv[0] = 'aia-prep'; from aia_ccdproc.__main__ import main; sys.exit(main())"
    environment["COMP_WORDS"] = "aia-prep run -r level1.5-h"
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert (done.stdout.split(), done.stderr) == (["level1.5-header"], "")
    del environment["_AIA_PREP_COMPLETE"]
    for shell, start in (("bash", "complete -o default"), ("zsh", "#compdef aia-prep"), ("fish", "complete --command")):
        shown = subprocess.run(
            [sys.executable, "-c", script, "--show-completion", shell],
            env={**environment, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert start in shown.stdout, shown.stderr
