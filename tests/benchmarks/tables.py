"""The tables of the pages about the benchmarks, in reStructuredText."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from results import Results, Rows, usage
from variants import VARIANTS

#: Names of the programs whose parts are compared, and their headings.
PROGRAMS = ("compiled engine", "without the engine", "aiapy, OpenCV", "aiapy, scipy")
#: Parts of the chain, in their order, and their descriptions.
PARTS = {
    "read": "read",
    "point": "point",
    "register": "register",
    "expose": "expose",
    "statistics": "statistics",
    "none": "write",
    "rice": "write, rice",
    "lossless": "write, lossless",
}
#: Parts of a run without compression.
CHAIN_PARTS = ("read", "point", "register", "expose", "statistics", "none")
_MIB = 2**20


def table(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Write a table."""
    text = [".. list-table::", "   :header-rows: 1", "   :class: figures", ""]
    for line in (heads, *lines):
        text += [f"   {'* -' if i == 0 else '  -'} {cell}".rstrip() for i, cell in enumerate(line)]
    return "\n".join(text)


def chain_table(results: Results, files: int) -> str:
    """Tabulate time, rate, CPU time and memory of the whole chain."""
    scipy, opencv = (results.reference(method, files) for method in ("scipy", "opencv"))
    lines = [
        (
            VARIANTS[variant].label,
            f"{run.wall:.1f}",
            f"{run.rate:.2f}",
            # The processes of a cluster are not those of the command.
            "" if VARIANTS[variant].dask else f"{run.cpu_per_file:.2f}",
            "" if VARIANTS[variant].dask else f"{run.memory:.0f}",
            f"{run.rate / scipy.rate:.1f}",
            f"{run.rate / opencv.rate:.1f}",
        )
        for (variant, count), run in results.chains().items()
        if count == files and not VARIANTS[variant].restricted and VARIANTS[variant].compression == "none"
    ]
    heads = ("wall [s]", "files per s", "CPU s per file", "memory [MiB]", "rate / aiapy, scipy", "rate / aiapy, OpenCV")
    return table(("", *heads), lines)


def compression_table(results: Results) -> str:
    """Tabulate the whole chain by the compression of the output."""
    lines = [
        (f"``{compression}``", f"{run.output_bytes / _MIB:.1f}", f"{run.rate:.2f}", f"{run.cpu_per_file:.2f}")
        for compression, run in results.compressed().items()
    ]
    return table(("``compression``", "size of an output [MiB]", "files per s", "CPU s per file"), lines)


def parts_table(results: Results) -> str:
    """Tabulate CPU seconds and wall seconds of each part of the chain."""
    parts = results.parts()
    lines = [
        (description, *(_seconds(parts[program].get(part)) for program in PROGRAMS))
        for part, description in PARTS.items()
    ]
    lines.insert(len(CHAIN_PARTS), ("sum", *(_seconds(_sum(parts[program])) for program in PROGRAMS)))
    return table(("part", *PROGRAMS), lines)


def _sum(parts: dict[str, dict[str, float]]) -> dict[str, float]:
    measured = [parts[part] for part in CHAIN_PARTS if part in parts]
    return {key: sum(part[key] for part in measured) for key in ("cpu", "wall")}


def _seconds(part: dict[str, float] | None) -> str:
    return "" if part is None else f"{part['cpu']:.3f} ({part['wall']:.3f})"


def restricted_table(results: Results) -> str:
    """Tabulate the CPU seconds of each part with all instruction sets, and with those of every x86-64 processor."""
    parts = results.parts()
    programs = [name + suffix for name in PROGRAMS[:2] for suffix in ("", ", restricted")]
    lines = [
        (description, *(f"{parts[program][part]['cpu']:.3f}" for program in programs))
        for part, description in PARTS.items()
    ]
    chains = [results.chain(variant, 16) for variant in ("engine-2", "engine-restricted", "core-2", "core-restricted")]
    lines.append(("whole chain, 16 files, per file", *(f"{run.cpu_per_file:.3f}" for run in chains)))
    return table(("CPU seconds", *programs), lines)


def start_table(results: Results) -> str:
    """Tabulate wall and CPU seconds of commands that process no file or one."""
    lines = []
    for row in results.group("start"):
        run = usage(row)
        lines.append((_start_name(row["params"] or {}), f"{run.wall:.2f}", f"{run.cpu:.2f}"))
    return table(("", "wall [s]", "CPU [s]"), lines)


def _start_name(parameters: dict[str, Any]) -> str:
    if "command" in parameters:
        return f"``{parameters['command']}``"
    if "variant" in parameters:
        return f"1 file: {VARIANTS[parameters['variant']].label}"
    return "1 file: aia-prep, compiled engine, first run after installation"


def files_table(results: Results) -> str:
    """Tabulate cost and memory by the number of files."""
    runs = [run for (variant, _), run in sorted(results.chains().items()) if variant == "engine-2"]
    return table(
        ("files", "wall [s]", "wall per file [s]", "CPU s per file", "memory [MiB]"),
        [
            (f"{r.files}", f"{r.wall:.1f}", f"{r.wall / r.files:.3f}", f"{r.cpu_per_file:.2f}", f"{r.memory:.0f}")
            for r in runs
        ],
    )


def batch_table(rows: Rows) -> str:
    """Tabulate the overhead of a batch of 50 small files."""
    lines = [(row["params"]["how"], f"{seconds(row):.2f}", f"{seconds(row) / 50 * 1000:.1f}") for row in rows]
    return table(("", "seconds", "milliseconds per file"), lines)


def registration_table(rows: Rows) -> str:
    """Tabulate time and memory of registration by each method."""
    reference = seconds(next(row for row in rows if name(row) == "aiapy scipy"))
    lines = [
        (
            name(row),
            f"{seconds(row):.2f}",
            f"{seconds(row) / reference:.2f}",
            f"{max(0, row['extra_info']['memory']):.0f}",
        )
        for row in rows
    ]
    return table(("", "seconds", "relative to aiapy's default", "memory [MiB]"), lines)


def accuracy_table(rows: Rows) -> str:
    """Tabulate the errors of each method."""
    lines = [
        (
            name(row),
            f"{e['rms']:.1e}",
            f"{e['position']:.4f}",
            f"{100 * e['peak']:+.1f}",
            f"{100 * e['total']:+.2f}",
            f"{e['noise']:.2f}",
            f"{100 * e['ringing']:.1f}",
        )
        for row in rows
        for e in [row["extra_info"]]
    ]
    return table(("", "rms", "position [px]", "peak [%]", "total [%]", "noise", "ringing [%]"), lines)


def table_by_method(rows: Rows, parameter: str) -> str:
    """Tabulate seconds, with a row for each value of a parameter and a column for each method."""
    values = sorted({row["params"][parameter] for row in rows})
    methods = list(dict.fromkeys(map(name, rows)))
    cells = {(name(row), row["params"][parameter]): f"{seconds(row):.3f}" for row in rows}
    return table(
        (parameter, *(f"{method} [s]" for method in methods)),
        [(str(value), *(cells.get((method, value), "") for method in methods)) for value in values],
    )


def name(row: dict[str, Any]) -> str:
    """Return the name of the method that a row belongs to."""
    return str(row["params"]["name"])


def seconds(row: dict[str, Any]) -> float:
    """Return the median time of a row."""
    return float(row["stats"]["median"])
