"""The results of the benchmarks, as pytest-benchmark stores them, by group."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

Rows = list[dict[str, Any]]


class MissingResultError(Exception):
    """A benchmark that a table needs has not been run."""


@dataclass(frozen=True)
class Run:
    """Usage of whole processes: medians of the rounds."""

    files: int
    wall: float
    cpu: float
    memory: float
    input_bytes: float = 0.0
    output_bytes: float = 0.0

    @property
    def rate(self) -> float:
        """Files per second."""
        return self.files / self.wall

    @property
    def cpu_per_file(self) -> float:
        """User and system time of all processes, s."""
        return self.cpu / self.files


class Results:
    """Results by group."""

    def __init__(self, run: dict[str, Any]) -> None:
        self.run = run
        self._groups: dict[str, Rows] = {}
        for row in run["benchmarks"]:
            self._groups.setdefault(row["group"], []).append(row)

    def group(self, name: str) -> Rows:
        """Return the rows of a group, in the order in which they ran."""
        if name not in self._groups:
            raise MissingResultError(f"the benchmarks of the group {name!r} have not been run")
        return self._groups[name]

    def chains(self) -> dict[tuple[str, int], Run]:
        """Return the runs of the whole chain, by variant and number of files."""
        rows = self.group("chain")
        return {(row["params"]["variant"], row["params"]["files"]): usage(row) for row in rows}

    def chain(self, variant: str, files: int) -> Run:
        """Return a run of the whole chain."""
        try:
            return self.chains()[variant, files]
        except KeyError:
            raise MissingResultError(f"the chain {variant!r} has not been run for {files} files") from None

    def reference(self, method: str, files: int) -> Run:
        """Return a run of aiapy's script, for 16 files if it has not been run for this number of files."""
        return self.chains().get((f"aiapy-{method}", files)) or self.chain(f"aiapy-{method}", 16)

    def compressed(self) -> dict[str, Run]:
        """Return runs of the whole chain with the compiled engine, by the compression of the output."""
        names = {"none": "engine-2", "rice": "engine-rice", "lossless": "engine-lossless"}
        return {compression: self.chain(variant, 16) for compression, variant in names.items()}

    def dispatch(self, how: str) -> dict[str, float]:
        """Return the costs per file of the process that distributes the files, s."""
        return next(row["extra_info"] for row in self.group("dispatch") if row["params"]["how"] == how)

    def parts(self) -> dict[str, dict[str, dict[str, float]]]:
        """Return the parts of the chain by program. Statistics are a part of their own, not of writing."""
        return {row["params"]["name"]: _separate_statistics(row["extra_info"]["parts"]) for row in self.group("parts")}


def usage(row: dict[str, Any]) -> Run:
    """Return the medians of the rounds of a benchmark of whole processes."""
    rounds = row["extra_info"]["rounds"]
    values = {key: median(each[key] for each in rounds) for key in rounds[0] if key != "files"}
    return Run(files=int(rounds[0].get("files", 1)), **values)


def _separate_statistics(parts: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    if "statistics" not in parts:
        return parts
    return {
        part: {
            key: max(0.0, value - parts["statistics"][key]) if key in ("wall", "cpu") else value
            for key, value in values.items()
        }
        if "output_bytes" in values
        else values
        for part, values in parts.items()
    }


def update(folder: Path) -> Results:
    """Replace the groups of ``results.json`` that ``latest.json`` contains too, and return all results."""
    latest, path = json.loads((folder / "latest.json").read_text()), folder / "results.json"
    if path.exists():
        run_again = {row["group"] for row in latest["benchmarks"]}
        kept = [row for row in json.loads(path.read_text())["benchmarks"] if row["group"] not in run_again]
        latest["benchmarks"] = kept + latest["benchmarks"]
    path.write_text(json.dumps(latest, indent=1))
    return Results(latest)
