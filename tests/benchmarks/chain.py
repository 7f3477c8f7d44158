"""Measure the whole chain for many full-size files by whole processes, on the terminal.

``python tests/benchmarks/chain.py --files 16 64`` measures the variants with this interpreter. With
``--python PYTHON``, which can be repeated, they run with other interpreters, for example with that of an older version.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

from inputs import ROOT, level1_files, load_into_page_cache, pointing_environment
from measured import Usage, measure
from variants import VARIANTS, Variant, dask_cluster, names

#: Folder for outputs: on the disk of the repository, because a temporary folder may be in memory.
SCRATCH = ROOT / ".benchmarks"
#: Variants that take minutes for many files. They must be named if more than this number of files is processed.
_SLOW, _SLOW_FILES = {"aiapy-scipy", "core-1", "core-restricted"}, 16


class Chain:
    """Runs a variant with an interpreter for the first of the full-size files, again and again."""

    def __init__(self, variant: Variant, count: int, python: str = sys.executable) -> None:
        self._variant, self._python = variant, str(Path(python).absolute())  # a link of a virtual environment is kept
        self._files = level1_files(count)
        SCRATCH.mkdir(exist_ok=True)
        self._temporary = tempfile.TemporaryDirectory(dir=SCRATCH)
        self._folder = Path(self._temporary.name)
        self._environment = variant.environment(python) | pointing_environment(python, self._folder / "cache")
        self._cluster = dask_cluster(python, self._environment) if variant.dask else nullcontext(None)

    def __enter__(self) -> Chain:
        self._scheduler = self._cluster.__enter__()
        self._run(self._files[:1])  # functions that are compiled once on a machine do not count
        load_into_page_cache(self._files)
        return self

    def __exit__(self, *error: Any) -> None:
        self._cluster.__exit__(*error)
        self._temporary.cleanup()

    def run(self) -> dict[str, float]:
        """Process all files, and return the usage and the mean sizes of inputs and outputs."""
        usage, output_bytes = self._run(self._files)
        sizes = {"input_bytes": _mean_size(self._files), "output_bytes": output_bytes}
        return {"files": len(self._files), **asdict(usage), **sizes}

    def _run(self, files: Sequence[Path]) -> tuple[Usage, float]:
        output = self._folder / "out"
        output.mkdir()
        os.sync()  # what was written before does not count
        command = self._variant.command(self._python, output, files, self._scheduler)
        # In another folder, Python does not import the package of the current folder instead of the installed one.
        usage = measure(command, self._folder, self._environment)
        written = list(output.iterdir())
        if len(written) != len(files):
            raise RuntimeError(f"{self._variant.label} wrote {len(written)} of {len(files)} files")
        size = _mean_size(written)
        shutil.rmtree(output)
        return usage, size


def _mean_size(files: Sequence[Path]) -> float:
    return sum(path.stat().st_size for path in files) / len(files)


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", action="append", help="interpreter; by default this one; can be repeated")
    parser.add_argument("--files", type=int, nargs="+", default=[16], help="numbers of files; by default 16")
    parser.add_argument("--only", nargs="+", default=[], help=f"variants: {', '.join(VARIANTS)}")
    parser.add_argument("--json", type=Path, help="file for the results")
    options = parser.parse_args()
    results = []
    for count in options.files:
        for name in names(options.only):
            if name in _SLOW and count > _SLOW_FILES and name not in options.only:
                continue
            # The programs with aiapy do not depend on the version of this package.
            is_ours = VARIANTS[name].aiapy_method is None
            for python in options.python or [sys.executable] if is_ours else [sys.executable]:
                with Chain(VARIANTS[name], count, python) as chain:
                    results.append({"variant": name, "python": python, **chain.run()})
                print(_line(results[-1]), flush=True)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))


def _line(result: dict[str, Any]) -> str:
    count, wall = result["files"], result["wall"]
    return (
        f"{result['variant']:18} {count:4} files {wall:7.1f} s {count / wall:6.2f} files/s "
        f"{result['cpu'] / count:6.2f} CPU s/file {result['memory']:6.0f} MiB  {result['python']}"
    )


if __name__ == "__main__":
    main()
