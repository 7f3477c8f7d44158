"""The commands of ``aia-prep``: their output, their exit codes, and the time that ``--help`` takes."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import pytest
from distributions import write_distribution
from faulty import SIX_PROBLEMS
from PIL import Image
from processes import restore_signals
from scenes import small_exposure, small_sun

from aia_ccdproc import __version__, read
from aia_ccdproc.cli.console import show_error
from aia_ccdproc.cli.main import main
from aia_ccdproc.errors import PluginError
from aia_ccdproc.plugin import get_plugin_manager

EXPOSURE = small_exposure(shape=(40, 50), corner=(2040, 1980))


@pytest.fixture
def level1(tmp_path: Path) -> Path:
    return EXPOSURE.write_level1(EXPOSURE.image(small_sun()), tmp_path / "a.fits")


@pytest.fixture
def recipe(tmp_path: Path, pointing_path: Path) -> Path:
    path = tmp_path / "recipe.toml"
    path.write_text(
        f'[[step]]\nuse = "update_pointing"\nsource = "{pointing_path.as_posix()}"\n[[step]]\nuse = "register"\n'
    )
    return path


def aia_prep(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    """Run the command in a separate process, as a user does."""
    command = [sys.executable, "-m", "aia_ccdproc", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


# -- run -----------------------------------------------------------------------------------------


@pytest.mark.process
def test_run_writes_level_15_and_returns_0(tmp_path: Path, level1: Path, recipe: Path) -> None:
    done = aia_prep("run", level1, "-r", recipe, "-o", tmp_path / "out")
    assert done.returncode == 0
    assert "1 done, 0 failed" in done.stdout
    assert not done.stderr
    assert read(tmp_path / "out" / "a_lev1p5.fits").header["LVL_NUM"] == 1.5
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a_lev1p5.fits"]


def test_one_bad_file_among_good_ones_returns_1_and_the_others_are_written(
    tmp_path: Path, level1: Path, recipe: Path, capsys
) -> None:
    bad = tmp_path / "bad[red].fits"  # rich interprets [red] as a style
    bad.write_text("not FITS")
    missing = tmp_path / "missing.fits"
    files = [str(path) for path in (bad, level1, missing)]
    assert main(["run", *files, "-r", str(recipe), "-o", str(tmp_path / "out")]) == 1
    output = capsys.readouterr().out
    assert "1 done, 2 failed" in output
    assert f"{bad}: is not a FITS file" in output
    assert f"{missing}: no such file" in output
    assert "Traceback" not in output
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a_lev1p5.fits"]


def test_run_replaces_an_output_of_another_recipe_only_with_overwrite(
    tmp_path: Path, level1: Path, recipe: Path, capsys
) -> None:
    command = ["run", str(level1), "-r", str(recipe), "-o", str(tmp_path / "out")]
    assert main(command) == 0
    assert main(command) == 0
    assert "0 done, 1 unchanged, 0 failed" in capsys.readouterr().out
    assert main([*command, "--compression", "lossless"]) == 1
    assert "already exists and was made with a different recipe" in capsys.readouterr().out
    assert main([*command, "--compression", "lossless", "--overwrite"]) == 0


def test_colliding_names_return_2_before_anything_is_written(
    tmp_path: Path, level1: Path, recipe: Path, capsys
) -> None:
    other = tmp_path / "other" / level1.name
    other.parent.mkdir()
    other.write_bytes(level1.read_bytes())
    assert main(["run", str(level1), str(other), "-r", str(recipe), "-o", str(tmp_path / "out")]) == 2
    assert "WriteError" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_run_shows_warnings_with_their_file(tmp_path: Path, level1: Path, capsys) -> None:
    keep = tmp_path / "keep.toml"
    (tmp_path / "none.csv").write_text("T_START,T_STOP,A_094_X0\n1999-01-01T00:00:00Z,1999-01-01T03:00:00Z,1\n")
    keep.write_text('[[step]]\nuse = "update_pointing"\nsource = "none.csv"\non_missing = "keep"\n')
    assert main(["run", str(level1), "-r", str(keep), "-o", str(tmp_path / "out")]) == 0
    assert f"warning {level1}: pointing of the header kept" in capsys.readouterr().out


@pytest.mark.process
@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send SIGINT to another process")
def test_an_interrupt_returns_130_and_leaves_no_incomplete_file(tmp_path: Path, recipe: Path) -> None:
    image = small_exposure(shape=(600, 600), corner=(1700, 1700)).image(small_sun())
    files = [EXPOSURE.write_level1(image, tmp_path / f"{i}.fits") for i in range(60)]
    out = tmp_path / "out"
    command = [sys.executable, "-m", "aia_ccdproc", "run", *files, "-r", recipe, "-o", out]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=restore_signals
    )
    deadline = time.monotonic() + 60
    while not (out.is_dir() and list(out.glob("*_lev1p5.fits"))) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "interrupted" in errors
    assert "Traceback" not in errors
    written = list(out.iterdir())
    assert 0 < len(written) < 60
    for path in written:
        assert read(path).header["LVL_NUM"] == 1.5


def test_verbose_lists_more_and_quiet_lists_only_failures(tmp_path: Path, level1: Path, recipe: Path, capsys) -> None:
    bad = tmp_path / "bad.fits"
    bad.write_text("not FITS")
    command = ["run", str(level1), str(bad), "-r", str(recipe), "-o", str(tmp_path / "out"), "--jobs", "1"]
    assert main([*command, "-q"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith(f"failed   {bad}: ReadError: ")
    assert main([*command, "-v"]) == 1
    output = capsys.readouterr().out
    assert f"unchanged {level1} -> " in output
    (tmp_path / "out" / "a_lev1p5.fits").unlink()
    assert main([*command, "-v"]) == 1
    assert re.search(
        r"read \d\.\d\d, update_pointing \d\.\d\d, register \d\.\d\d, write \d\.\d\d s", capsys.readouterr().out
    )


def test_run_takes_folders_and_patterns_and_writes_reports_and_pictures(
    tmp_path: Path, level1: Path, recipe: Path, capsys
) -> None:
    out = tmp_path / "out"
    command = ["run", str(tmp_path / "*.fits"), "-r", str(recipe), "-o", str(out), "--quicklook"]
    assert main([*command, "--report", str(out / "r.json"), "--report", str(out / "r.html")]) == 0
    assert {path.name for path in out.iterdir()} == {"a_lev1p5.fits", "a_lev1p5.png", "r.json", "r.html"}
    result = json.loads((out / "r.json").read_text())["files"][0]
    assert result["status"] == "done"
    assert result["quicklook"] == str(out / "a_lev1p5.png")
    assert result["output_hash"] == hashlib.sha256((out / "a_lev1p5.fits").read_bytes()).hexdigest()
    (out / "a_lev1p5.png").unlink()
    assert main([*command[:-1], "--quicklook-size", "256", "--quicklook-light"]) == 0
    assert "0 done, 1 unchanged" in capsys.readouterr().out
    assert Image.open(out / "a_lev1p5.png").convert("RGB").getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.process
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")
def test_a_terminal_gets_a_live_display_and_then_failures_and_a_summary(
    tmp_path: Path, level1: Path, recipe: Path
) -> None:
    import pty

    for i in range(4):
        (tmp_path / f"{i}.fits").write_bytes(level1.read_bytes())
    (tmp_path / "bad.fits").write_text("not FITS")
    controller, terminal = pty.openpty()
    command = [sys.executable, "-m", "aia_ccdproc", "run", tmp_path, "-r", recipe, "-o", tmp_path / "out", "-j", "2"]
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "200"}
    process = subprocess.Popen(command, stdout=terminal, stderr=terminal, stdin=terminal, env=environment)
    os.close(terminal)
    received = b""
    while True:
        try:
            received += os.read(controller, 4096)
        except OSError:  # the process has closed the terminal
            break
    assert process.wait() == 1
    text = received.decode()
    assert "bad.fits: is not a FITS file" in text
    assert "5 done, 1 failed in" in text
    assert "6/6" in text
    assert " -> " not in text  # files that are done have no line
    assert "\x1b[?25h" in text  # the cursor is visible again
    os.close(controller)


@pytest.mark.process
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full does not exist")
@pytest.mark.parametrize("where", ["> /dev/full", "| head -1"])
def test_a_batch_continues_when_its_messages_cannot_be_written(
    tmp_path: Path, level1: Path, recipe: Path, where: str
) -> None:
    for i in range(4):
        (tmp_path / f"{i}.fits").write_bytes(level1.read_bytes())
    command = f"{sys.executable} -m aia_ccdproc run {tmp_path} -r {recipe} -o {tmp_path / 'out'} -j 1 {where}"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert len(list((tmp_path / "out").iterdir())) == 5


@pytest.mark.process
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full does not exist")
@pytest.mark.parametrize(
    "arguments", ["init", "schema", "steps", "plugins --json", "check level1.5", "--version", "run --help"]
)
def test_a_full_disk_is_one_line_and_a_closed_pipe_is_silent(arguments: str) -> None:
    # The pause makes sure that the pipe is closed before the first line is written.
    command = f"{sys.executable} -m aia_ccdproc {arguments}"
    outcomes = {
        "> /dev/full": "cannot write the output (No space left on device)\n",
        "| true; exit ${PIPESTATUS[0]}": "",
    }
    for where, error in outcomes.items():
        shell = ["bash", "-c", f"(sleep 0.2; exec {command}) {where}"]
        done = subprocess.run(shell, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (1, error)


@pytest.mark.process
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full does not exist")
def test_errors_on_a_full_disk_end_the_command_without_output() -> None:
    for arguments in ("check no-such-recipe", "init --wrong"):
        command = f"{sys.executable} -m aia_ccdproc {arguments} > /dev/full 2> /dev/full"
        assert subprocess.run(["bash", "-c", command], check=False).returncode in (1, 2)


@pytest.mark.process
def test_control_and_unencodable_characters_of_file_names_are_escaped(
    tmp_path: Path, level1: Path, recipe: Path
) -> None:
    names = [b"\x1b[31mred\n.fits", b"\xe9t\xe9.fits", "ü ö.fits".encode()]
    for name in names:
        (tmp_path / "in").mkdir(exist_ok=True)
        Path(os.fsdecode(os.fsencode(tmp_path / "in") + b"/" + name)).write_bytes(level1.read_bytes())
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = aia_prep("run", tmp_path / "in", "-r", recipe, "-o", tmp_path / "out", "-j", "1", env=environment)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 5
    assert "\x1b[31mred" not in done.stdout
    assert "\\x1b[31mred\\n.fits" in done.stdout


def test_an_empty_file_or_folder_name_is_refused(level1: Path, tmp_path: Path, capsys) -> None:
    assert main(["run", "", "-o", str(tmp_path / "out")]) == 2
    assert main(["run", str(level1), "-o", ""]) == 2
    assert not (tmp_path / "out").exists()


# -- usage ---------------------------------------------------------------------------------------


@pytest.mark.process
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run"], "output"),
        (["run", "-o", "out"], "name a file"),
        (["run", "a.fits"], "output"),
        (["run", "a.fits", "-o", "out", "--color"], "No such option"),
        (["run", "a.fits", "-o", "out", "--compression", "zip"], "rice"),
        (["rum"], "No such command"),
        (["check"], "Missing|RECIPE"),
        (["run", "a.fits", "-o", "out", "-r", "no-such-recipe"], "no such file or built-in recipe"),
    ],
)
def test_wrong_usage_returns_2_with_a_message_and_without_a_traceback(
    tmp_path: Path, arguments: list[str], message: str
) -> None:
    done = aia_prep(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert re.search(message, done.stderr)
    assert "Traceback" not in done.stderr + done.stdout
    assert not list(tmp_path.iterdir())


@pytest.mark.process
def test_help_answers_in_less_than_a_second_and_imports_nothing_heavy() -> None:
    script = (
        "import sys; from aia_ccdproc.cli.main import main; code = main(['--help']);\n"
        "heavy = {'numpy', 'astropy', 'scipy', 'ccdproc', 'reproject', 'pydantic', 'drms', 'pandas', 'matplotlib'}\n"
        "print('HEAVY:', sorted(heavy & set(sys.modules))); sys.exit(code)"
    )
    seconds = []
    for _ in range(3):  # the fastest of three: the machine may be busy
        started = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
        seconds.append(time.perf_counter() - started)
    assert done.returncode == 0
    assert "HEAVY: []" in done.stdout
    for command in ("run", "stack", "check", "init", "schema", "recipes", "steps", "plugins", "pointing", "demo"):
        assert re.search(rf"\b{command}\b", done.stdout)
    assert min(seconds) < 1


def test_version_is_printed(capsys) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"aia-prep {__version__}\n"


@pytest.mark.process
def test_the_console_script_is_installed() -> None:
    script = Path(sys.executable).with_name("aia-prep")
    if not script.exists():
        pytest.skip("aia-prep is not in the folder of this Python")
    done = subprocess.run([script, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"aia-prep {__version__}\n"


# -- recipes and plugins -------------------------------------------------------------------------


@pytest.mark.process
def test_check_lists_all_six_problems_and_returns_2(tmp_path: Path) -> None:
    (tmp_path / "wrong.toml").write_text(SIX_PROBLEMS)
    done = aia_prep("check", tmp_path / "wrong.toml")
    assert done.returncode == 2
    head, *problems = done.stderr.splitlines()
    assert head == f"{tmp_path / 'wrong.toml'}: 6 problems"
    assert len(problems) == 6
    assert all(re.match(r"  line \d+", problem) for problem in problems)
    assert not done.stdout


@pytest.mark.parametrize("name", ["level1.5", "level1.5-header", "level1.5-rate"])
def test_check_finds_no_problems_in_a_built_in_recipe(name: str, capsys) -> None:
    assert main(["check", name]) == 0
    assert "no problems" in capsys.readouterr().out


def test_schema_prints_a_json_schema_with_every_step(capsys) -> None:
    assert main(["schema"]) == 0
    output = capsys.readouterr().out
    assert {"step", "select", "output"} <= set(json.loads(output)["properties"])
    assert all(f'"{name}"' in output for name in get_plugin_manager().steps())


def test_the_recipe_that_init_prints_passes_check(tmp_path: Path, capsys) -> None:
    assert main(["init"]) == 0
    (tmp_path / "mine.toml").write_text(capsys.readouterr().out)
    assert main(["check", str(tmp_path / "mine.toml")]) == 0


def test_steps_are_listed_with_their_settings_and_plugins(capsys) -> None:
    assert main(["steps", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    by_name = {step["step"]: step for step in listed["steps"]}
    assert {"update_pointing", "register", "normalize_exposure"} <= set(by_name)
    assert by_name["update_pointing"]["takes"] == "header"
    assert by_name["update_pointing"]["before"] == ["register"]
    assert by_name["register"]["settings"]["method"]["default"] == "bicubic"
    assert f"aia-ccdproc {__version__}" in by_name["register"]["plugins"]
    assert by_name["ccdproc.cosmicray_lacosmic"]["plugins"] == [f"ccdproc {version('ccdproc')}"]
    assert "bicubic" in listed["resampling_methods"]
    assert main(["steps"]) == 0
    output = capsys.readouterr().out
    for name, step in by_name.items():
        assert f"{name}  {step['summary']}  {', '.join(step['plugins'])}\n" in output
    assert '    method = "bicubic"  ' in output


def test_plugins_are_listed_with_what_they_implement(capsys) -> None:
    assert main(["plugins", "--json"]) == 0
    listed = {plugin["plugin"]: plugin for plugin in json.loads(capsys.readouterr().out)["plugins"]}
    assert {plugin["distribution"] for plugin in listed.values()} == {"aia-ccdproc"}
    assert listed["aia"]["instruments"] == ["AIA"]
    assert listed["exposure"]["steps"] == ["normalize_exposure"]
    assert "bicubic" in listed["resampling"]["resampling_methods"]
    assert {"prep_update_pointing", "prep_prefetch_update_pointing"} <= set(listed["pointing"]["hooks"])
    assert not any(plugin["refused_steps"] for plugin in listed.values())
    assert main(["plugins"]) == 0
    # In the order of a recipe, although each step has an entry point of its own.
    assert "    steps update_pointing, register, normalize_exposure\n" in capsys.readouterr().out


# -- plugins that fail or refuse -----------------------------------------------------------------

FAILING = """
    from aia_ccdproc.plugin import Instrument, hookimpl

    @hookimpl
    def prep_instruments():
        return [Instrument("TOY", 1.0, None, refused_steps={"normalize_exposure": "[its] pixels are rates"})]

    @hookimpl
    def prep_register(ccd, instrument, settings):
        return 1 / 0
"""


@pytest.fixture
def failing(tmp_path: Path) -> dict[str, str]:
    """Return an environment with a plugin that refuses one step and fails in another."""
    write_distribution(tmp_path, "aia-failing", FAILING)
    return {**os.environ, "PYTHONPATH": str(tmp_path), "AIA_CCDPROC_PLUGINS": "aia-failing", "COLUMNS": "200"}


@pytest.mark.process
def test_verbose_prints_the_traceback_of_a_failure_inside_a_plugin(
    tmp_path: Path, level1: Path, recipe: Path, failing: dict[str, str]
) -> None:
    command = ["run", level1, "-r", recipe, "-o", tmp_path / "out", "--report", tmp_path / "r.json"]
    done = aia_prep(*command, env=failing)
    assert done.returncode == 1
    assert re.search(
        r"register of aia-failing 1\.2 failed: ZeroDivisionError: .*\(aia_failing\.py, line \d+\)", done.stdout
    )
    assert "Traceback" not in done.stdout + done.stderr
    done = aia_prep(*command, "-v", env=failing)
    assert done.returncode == 1
    assert "Traceback (most recent call last):" in done.stdout
    assert "return 1 / 0" in done.stdout
    [result] = json.loads((tmp_path / "r.json").read_text())["files"]
    assert result["traceback"].endswith("ZeroDivisionError: division by zero\n")


def test_an_error_before_the_batch_has_the_traceback_of_a_plugin_if_verbose(capsys) -> None:
    cause = ZeroDivisionError("division by zero")
    error = PluginError("register of aia-failing 1.2 failed")
    error.__cause__ = cause
    show_error(error)
    assert capsys.readouterr().err == "PluginError: register of aia-failing 1.2 failed\n"
    show_error(error, verbose=True)
    assert capsys.readouterr().err.endswith("failed\nZeroDivisionError: division by zero\n")


@pytest.mark.process
def test_plugins_lists_refused_steps_with_their_reason(failing: dict[str, str]) -> None:
    done = aia_prep("plugins", "--json", env=failing)
    [listed] = [each for each in json.loads(done.stdout)["plugins"] if each["distribution"] == "aia-failing"]
    assert listed["steps"] == ["register"]
    assert listed["refused_steps"] == {"TOY": {"normalize_exposure": "[its] pixels are rates"}}
    done = aia_prep("plugins", env=failing)
    assert "    refuses normalize_exposure for TOY: [its] pixels are rates\n" in done.stdout


# -- a plugin that cannot be loaded --------------------------------------------------------------


@pytest.fixture
def broken(tmp_path: Path) -> dict[str, str]:
    """Return an environment with a plugin that imports a missing module."""
    write_distribution(tmp_path, "aia-broken", "import no_such_module", entry="flat")
    return {**os.environ, "PYTHONPATH": str(tmp_path), "AIA_CCDPROC_PLUGINS": "aia-broken"}


REASON = "ModuleNotFoundError: No module named 'no_such_module'"
BROKEN = f"aia-broken (flat): {REASON}"


@pytest.mark.process
def test_a_broken_plugin_is_listed_with_the_reason_and_the_core_works(broken: dict[str, str]) -> None:
    done = aia_prep("plugins", "--json", env=broken)
    assert done.returncode == 0
    assert not done.stderr
    [listed] = json.loads(done.stdout)["broken"]
    assert listed == {"plugin": "flat", "distribution": "aia-broken", "version": "1.2", "reason": REASON}
    done = aia_prep("plugins", env={**broken, "COLUMNS": "200"})
    assert "aia-broken 1.2 (flat) could not be loaded: ModuleNotFoundError" in done.stdout
    done = aia_prep("check", "level1.5", env=broken)
    assert (done.returncode, done.stdout.split()[-2:]) == (0, ["no", "problems"])


@pytest.mark.process
def test_a_recipe_that_needs_a_broken_plugin_fails_and_names_it(tmp_path: Path, broken: dict[str, str]) -> None:
    (tmp_path / "mine.toml").write_text('[[step]]\nuse = "correct_flat"')
    done = aia_prep("check", tmp_path / "mine.toml", env={**broken, "COLUMNS": "300"})
    assert done.returncode == 2
    assert f"could not be loaded: {BROKEN}" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.process
def test_the_error_about_an_unknown_instrument_names_the_broken_plugins(tmp_path: Path, broken: dict[str, str]) -> None:
    exposure = small_exposure(keywords={"INSTRUME": "FLAT"}, shape=(20, 30))
    path = exposure.write_level1(exposure.image(small_sun()), tmp_path / "flat.fits")
    done = aia_prep("run", str(path), "-o", str(tmp_path / "out"), env={**broken, "COLUMNS": "300"})
    assert done.returncode == 1
    assert f"asked: aia-ccdproc {__version__}; could not be loaded: {BROKEN}" in done.stdout + done.stderr


@pytest.mark.process
def test_a_plugin_named_in_the_environment_but_not_installed_returns_2(tmp_path: Path) -> None:
    done = aia_prep("steps", env={**os.environ, "AIA_CCDPROC_PLUGINS": "aia-nowhere"})
    assert done.returncode == 2
    assert "PluginError: plugin 'aia-nowhere' is not installed" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.process
def test_output_into_a_closed_pipe_gives_no_traceback() -> None:
    done = subprocess.run(
        f"{sys.executable} -m aia_ccdproc steps --json | head -1",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.startswith("{")
    assert "Traceback" not in done.stderr


def test_names_with_the_codes_of_emojis_are_printed_as_they_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", str(tmp_path / "a:bomb:.fits"), "-o", str(tmp_path / "out")]) == 1
    assert "a:bomb:.fits" in "".join(capsys.readouterr())
