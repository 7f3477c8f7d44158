"""Measure the parts of the chain for one full-size file, by program, on the terminal.

``python tests/benchmarks/parts.py`` measures with this interpreter. With ``--python PYTHON``, which can be repeated,
the parts of this package are measured with other interpreters, for example with that of an older version.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from inputs import level1_files
from variants import CORE, ENGINE, Variant

#: Script that measures in a process of its own, which may have another interpreter.
_SCRIPT = Path(__file__).with_name("timed_parts.py")

#: The programs, by name: what the script measures, and the environment.
PROGRAMS = {
    "compiled engine": ("ours", Variant("", ENGINE)),
    "without the engine": ("ours", Variant("", CORE)),
    "compiled engine, restricted": ("ours", Variant("", ENGINE, restricted=True)),
    "without the engine, restricted": ("ours", Variant("", CORE, restricted=True)),
    "aiapy, OpenCV": ("opencv", Variant("")),
    "aiapy, scipy": ("scipy", Variant("")),
}


def measure_parts(name: str, python: str = sys.executable) -> dict[str, dict[str, float]]:
    """Return wall and CPU seconds of each part of a program, and the size of each output."""
    program, variant = PROGRAMS[name]
    python = str(Path(python).absolute())
    with tempfile.TemporaryDirectory() as folder:
        command = [python, _SCRIPT, program, folder, level1_files(1)[0]]
        environment = os.environ | variant.environment(python)
        output = subprocess.run(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, check=True
        ).stdout
    result: dict[str, dict[str, float]] = json.loads(output)
    return result


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", action="append", help="interpreter; by default this one; can be repeated")
    parser.add_argument("--only", nargs="+", default=list(PROGRAMS), choices=PROGRAMS, help="programs")
    parser.add_argument("--json", type=Path, help="file for the results")
    options = parser.parse_args()
    results: list[dict[str, Any]] = []
    for name in options.only:
        is_ours = PROGRAMS[name][0] == "ours"
        for python in options.python or [sys.executable] if is_ours else [sys.executable]:
            results.append({"program": name, "python": python, "parts": measure_parts(name, python)})
            print(_line(results[-1]), flush=True)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))


def _line(result: dict[str, Any]) -> str:
    parts = "  ".join(f"{part} {values['cpu']:.3f}" for part, values in result["parts"].items())
    return f"{result['program']}: CPU seconds {parts}  {result['python']}"


if __name__ == "__main__":
    main()
