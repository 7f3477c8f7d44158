"""Write docs/performance.rst, docs/accuracy.rst and their pictures from the results of the benchmarks.

`make bench` calls ``python tests/benchmarks/pages.py .benchmarks docs``. The prose is in the folder ``templates``.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import tables
from charts import draw_edges, draw_parts
from limits import limits, limits_table
from results import MissingResultError, Results, Rows, update, usage

TEMPLATES = Path(__file__).with_name("templates")


def main(results_folder: str, docs: str) -> None:
    """Print the tables, and write the pages if no result is missing."""
    results = update(Path(results_folder))
    texts, missing = {}, []
    for name, make in _TABLES.items():
        try:
            texts[name] = make(results)
        except MissingResultError as error:
            missing.append(str(error))
        else:
            print(f"{name}\n\n{texts[name]}\n")
    if missing:
        sys.exit(f"the pages are not written: {'; '.join(dict.fromkeys(missing))}")
    texts |= environment(results) | limits(results) | expectations(results)
    for template in TEMPLATES.glob("*.rst"):
        text = template.read_text(encoding="utf-8").format_map(texts)
        (Path(docs) / template.name).write_text(text, encoding="utf-8")
    pictures = Path(docs) / "_static"
    draw_parts(results, texts["processor"], pictures / "performance.png")
    draw_edges(results.group(_REGISTRATION), pictures / "accuracy.png")


_REGISTRATION = "register 4096 x 4096"
_TABLES: dict[str, Callable[[Results], str]] = {
    "chain_16": lambda results: tables.chain_table(results, 16),
    "chain_64": lambda results: tables.chain_table(results, 64),
    "compression": tables.compression_table,
    "parts": tables.parts_table,
    "start": tables.start_table,
    "files": tables.files_table,
    "restricted": tables.restricted_table,
    "many_cores": limits_table,
    "registration": lambda results: tables.registration_table(results.group(_REGISTRATION)),
    "side": lambda results: tables.table_by_method(results.group("side of the image"), "side"),
    "threads": lambda results: tables.table_by_method(results.group("threads"), "threads"),
    "batch": lambda results: tables.batch_table(results.group("batch")),
    "accuracy": lambda results: tables.accuracy_table(results.group(_REGISTRATION)),
}


def environment(results: Results) -> dict[str, str]:
    """Describe the machine and the libraries."""
    machine = results.run["machine_info"]
    names = ("astropy", "ccdproc", "reproject", "numpy", "numba", "aiapy", "sunpy", "scikit-image")
    packages = ", ".join(f"{name} {version(name)}" for name in (*names, "opencv-python-headless"))
    return {
        "date": results.run["datetime"][:10],
        "processor": machine["described"],
        "cpus": f"{machine['cpu']['count']}",
        "python": machine["python_version"],
        "versions": textwrap.fill(packages, 118, break_on_hyphens=False),
    }


def expectations(results: Results) -> dict[str, str]:
    """Return the numbers in the text for users."""
    engine, core = results.chain("engine-2", 64), results.chain("core-2", 64)
    one_cpu, one_worker = results.chain("engine-1-cpu", 64), results.chain("engine-1", 64)
    dask, compressed = results.chain("engine-dask", 64), results.compressed()
    scipy, opencv = results.reference("scipy", 64), results.reference("opencv", 64)
    return {
        "engine_rate": f"{engine.rate:.1f}",
        "engine_cpu": f"{engine.cpu_per_file:.2f}",
        "engine_scipy": f"{engine.rate / scipy.rate:.1f}",
        "engine_opencv": f"{engine.rate / opencv.rate:.1f}",
        "core_rate": f"{core.rate:.1f}",
        "core_cpu": f"{core.cpu_per_file:.2f}",
        "core_scipy": f"{core.rate / scipy.rate:.1f}",
        "core_factor": f"{engine.rate / core.rate:.1f}",
        "day_hours": f"{86400 / 12 / engine.rate / 3600:.1f}",
        "rice_cpu": f"{compressed['rice'].cpu_per_file - compressed['none'].cpu_per_file:+.2f}",
        "lossless_cpu": f"{compressed['lossless'].cpu_per_file - compressed['none'].cpu_per_file:+.2f}",
        **{f"{name}_size": f"{run.output_bytes / 2**20:.0f}" for name, run in compressed.items()},
        "two_workers": f"{engine.rate / one_cpu.rate:.2f}",
        "two_threads": f"{engine.rate / one_worker.rate:.2f}",
        "busy_percent": f"{100 * engine.cpu / (2 * engine.wall):.0f}",
        "dask_percent": f"{100 * (dask.wall / engine.wall - 1):+.0f}",
        "compiled_seconds": f"{max(map(tables.seconds, _compiled(results))):.2f}",
        "one_file": f"{usage(_one_file(results)).wall:.1f}",
    }


def _compiled(results: Results) -> Rows:
    return [row for row in results.group(_REGISTRATION) if tables.name(row).endswith(", compiled")]


def _one_file(results: Results) -> dict[str, object]:
    return next(row for row in results.group("start") if (row["params"] or {}).get("variant") == "engine-1")


if __name__ == "__main__":
    main(*sys.argv[1:])
