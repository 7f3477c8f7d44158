"""Write docs/performance.rst, docs/accuracy.rst and their picture from the results of the benchmarks.

`make bench` calls ``python tests/benchmarks/pages.py RESULTS.json DOCS``. The prose of the two pages is in this file.
"""

from __future__ import annotations

import itertools
import json
import sys
import textwrap
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from accuracy import EDGE_BINS
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

Results = list[dict[str, Any]]
#: Prefix of the names of the methods of this package.
OURS = "aia_ccdproc "

PERFORMANCE = """\
Performance
===========

.. This page is written by ``make bench``. To change it, edit tests/benchmarks/pages.py.

Measured on {date} with {machine}, Python {python},
{versions}.
All rows of a table come from one run. Times are medians. The machine is shared with other work: a repeated run may
differ by a fifth. Memory is the peak beyond the input and the output, measured in a separate process that has already
done the same work once.

Registration
------------

All rows register the same synthetic 4096 × 4096 float32 image. ``aia_ccdproc`` and ``aiapy`` return an image with its
header. ``aia_ccdproc`` also computes mask and coverage. ``scikit-image`` and ``reproject_interp`` return an array.

{registration}

Steps
-----

{steps}

The whole chain
---------------

24 full-size RICE files with photon noise are read, corrected for pointing with a table, registered, normalized by the
exposure time and written. The start of the process is included.
``aia-prep`` is ``aia-prep run --jobs 2``, which writes float32 with statistics and checksums. ``aiapy`` is a script
(``tests/benchmarks/aiapy_chain.py``), which writes float64.

{chain}

Scaling
-------

Registration by the side of the image:

{side}

Registration by the number of threads:

{threads}

The whole chain by the number of files, with ``aia_ccdproc.run`` in two processes, start of the process not included:

{files}

Overhead of a batch, for 50 images of 40 × 50 pixels in one process:

{batch}
"""

ACCURACY = """\
Accuracy
========

.. This page is written by ``make bench``. To change it, edit tests/benchmarks/pages.py.

The errors of each method, measured in the same run as :doc:`performance`. The scene contains 150 Gaussian sources
with σ from 0.9 to 4 pixels and a peak of 1000 DN. The true value of every pixel is known. The scene is observed at
level 1 (scale 0.600109″, roll -0.138°) and registered.

rms
    Rms error of all pixels divided by the peak.
position, peak, total
    Largest error of an isolated source: of the fitted position in pixels, of the brightest pixel relative to the peak,
    and of the sum over a box of 25 × 25 pixels.
noise
    Standard deviation of white noise after registration divided by that before. A low value means that neighboring
    pixels are averaged.
ringing
    Overshoot at an edge between two pixels, divided by the height of the edge.

{table}

A method that smooths (``bilinear`` and the ``adaptive`` ones) has less noise, no ringing and lower peaks. The cubic
B-spline (``bicubic``) has the smallest errors for images that are blurred by a telescope, as AIA's are. It also has the
largest overshoot next to unblurred structures: hot pixels, cosmic rays, edges of saturated regions.
``cubic-convolution`` is the method of SSW's ``aia_prep`` and of JSOC.

.. image:: _static/accuracy.png
   :alt: Brightness across a sharp edge after registration by each method.

Left: brightness across the edge for the methods of ``aia_ccdproc``. Right: an enlarged view of the top of the edge.
"""


def main(results_path: str, docs: str) -> None:
    """Write the pages and print their tables."""
    run = json.loads(Path(results_path).read_text())
    groups: dict[str, Results] = {}
    for result in run["benchmarks"]:
        groups.setdefault(result["group"], []).append(result)
    folder = Path(docs)
    registration = groups["register 4096 x 4096"]
    (folder / "performance.rst").write_text(PERFORMANCE.format(**environment(run), **performance_tables(groups)))
    (folder / "accuracy.rst").write_text(ACCURACY.format(table=accuracy_table(registration)))
    draw_edges(registration, folder / "_static" / "accuracy.png")
    print((folder / "performance.rst").read_text(), (folder / "accuracy.rst").read_text(), sep="\n")


def environment(run: dict[str, Any]) -> dict[str, str]:
    """Describe the machine and the libraries."""
    machine = run["machine_info"]
    names = ("astropy", "ccdproc", "reproject", "numpy", "aiapy", "sunpy", "scikit-image", "opencv-python-headless")
    packages = ", ".join(f"{name} {version(name)}" for name in names)
    return {
        "date": run["datetime"][:10],
        "machine": f"{machine['cpu']['count']} cores ({machine['cpu']['brand_raw']})",
        "python": machine["python_version"],
        "versions": textwrap.fill(packages, 118, break_on_hyphens=False),
    }


def performance_tables(groups: dict[str, Results]) -> dict[str, str]:
    """Write the tables of the performance page."""
    batch = groups["50 small files in one process"]
    return {
        "registration": registration_table(groups["register 4096 x 4096"]),
        "steps": table(
            ("", "seconds"), [(r["params"]["step"], f"{seconds(r):.3f}") for r in groups["steps 4096 x 4096"]]
        ),
        "chain": chain_table(groups["24 files, the whole chain"]),
        "side": table_by_method(groups["side of the image"], "side"),
        "threads": table_by_method(groups["threads"], "threads"),
        "files": files_table(groups["files, two processes"]),
        "batch": table(
            ("", "seconds", "milliseconds per file"),
            [(r["params"]["how"], f"{seconds(r):.2f}", f"{seconds(r) / 50 * 1000:.1f}") for r in batch],
        ),
    }


def registration_table(results: Results) -> str:
    """Tabulate time and memory of registration by each method."""
    reference = seconds(next(result for result in results if name(result) == "aiapy scipy"))
    return table(
        ("", "seconds", "relative to aiapy's default", "memory [MiB]"),
        [
            (
                name(r),
                f"{seconds(r):.2f}",
                f"{seconds(r) / reference:.2f}",
                f"{max(0, r['extra_info']['memory']):.0f}",
            )
            for r in results
        ],
    )


def chain_table(results: Results) -> str:
    """Tabulate time and rate of the whole chain."""
    reference = seconds(next(result for result in results if result["params"]["method"] == "scipy"))
    return table(
        ("", "seconds", "files per second", "rate relative to aiapy's default"),
        [
            (
                f"{'aia-prep' if 'ours' in r['name'] else 'aiapy'} {r['params']['method']}",
                f"{seconds(r):.1f}",
                f"{24 / seconds(r):.2f}",
                f"{reference / seconds(r):.1f}",
            )
            for r in results
        ],
    )


def files_table(results: Results) -> str:
    """Tabulate time, rate and memory by the number of files."""
    return table(
        ("files", "seconds", "files per second", "peak memory of a worker [MiB]"),
        [
            (
                str(r["params"]["files"]),
                f"{seconds(r):.1f}",
                f"{r['params']['files'] / seconds(r):.2f}",
                f"{r['extra_info']['worker_memory']:.0f}" if r["extra_info"]["worker_memory"] else "",
            )
            for r in results
        ],
    )


def accuracy_table(results: Results) -> str:
    """Tabulate the errors."""
    return table(
        ("", "rms", "position [px]", "peak [%]", "total [%]", "noise", "ringing [%]"),
        [
            (
                name(r),
                f"{e['rms']:.1e}",
                f"{e['position']:.4f}",
                f"{100 * e['peak']:+.1f}",
                f"{100 * e['total']:+.2f}",
                f"{e['noise']:.2f}",
                f"{100 * e['ringing']:.1f}",
            )
            for r in results
            for e in [r["extra_info"]]
        ],
    )


def draw_edges(results: Results, path: Path) -> None:
    """Plot the brightness across an edge after registration by each method of this package."""
    figure = Figure(figsize=(11, 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    middle = (EDGE_BINS[1:] + EDGE_BINS[:-1]) / 2
    axes = figure.subplots(1, 2)
    # Each method of another package gives the same curve as one of ours.
    ours = [(name(r).removeprefix(OURS), r["extra_info"]["edge"]) for r in results if name(r).startswith(OURS)]
    for (method, edge), style in zip(ours, itertools.cycle(["-", "--", ":"])):
        for axis in axes:
            axis.plot(middle, edge, label=method, linewidth=1.2, linestyle=style)
    axes[0].legend(fontsize=7)
    axes[1].set(xlim=(-0.5, 4), ylim=(0.85, 1.13))
    for axis in axes:
        axis.set(xlabel="distance from the edge [pixels of level 1]", ylabel="brightness")
    figure.savefig(path, dpi=100, metadata={"Software": None})


def name(result: dict[str, Any]) -> str:
    """Return the name of the method that a result belongs to."""
    return str(result["params"]["name"])


def seconds(result: dict[str, Any]) -> float:
    """Return the median time of a result."""
    return float(result["stats"]["median"])


def table_by_method(results: Results, parameter: str) -> str:
    """Tabulate seconds, with a row for each value of a parameter and a column for each method."""
    values = sorted({result["params"][parameter] for result in results})
    methods = list(dict.fromkeys(map(name, results)))
    cells = {(name(r), r["params"][parameter]): f"{seconds(r):.3f}" for r in results}
    return table(
        (parameter, *(f"{method} [s]" for method in methods)),
        [(str(value), *(cells.get((method, value), "") for method in methods)) for value in values],
    )


def table(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Write a table in reStructuredText."""
    text = [".. list-table::", "   :header-rows: 1", ""]
    for line in (heads, *lines):
        text += [f"   {'* -' if i == 0 else '  -'} {cell}".rstrip() for i, cell in enumerate(line)]
    return "\n".join(text)


if __name__ == "__main__":
    main(*sys.argv[1:])
