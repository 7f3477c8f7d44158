"""Writes docs/performance.rst, docs/accuracy.rst and their pictures from a run of the benchmarks.

python tests/benchmarks/tables.py RESULTS.json DOCS: called by `make bench`; nothing on those pages is written by hand
but the texts that stand here.
"""

from __future__ import annotations

import itertools
import json
import sys
import textwrap
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from accuracy import EDGE_BINS
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

Results = list[dict[str, Any]]
#: How the names of our methods begin.
OURS = "aia_ccdproc "

PERFORMANCE = """\
Performance
===========

.. This page is written by ``make bench``; change tests/benchmarks/tables.py instead.

Measured on {date} with {machine}, Python {python},
{versions}.
All rows of a table come from one run. Times are medians; the machine is shared, and a repeated run may differ by a
fifth. Memory is what is held at most beyond the input and the output, in a process of its own that has done the same
before.

Registration
------------

The same synthetic 4096 × 4096 float32 image. ``aia_ccdproc`` and ``aiapy`` return an image with its header;
``aia_ccdproc`` has mask and coverage beside it. ``scikit-image`` and ``reproject_interp`` return an array.

{registration}

Steps
-----

{steps}

The whole chain
---------------

24 full-size RICE files with photon noise, start of the process included: read, pointing from a table, registration,
exposure, written.
Ours is ``aia-prep run --jobs 2``, whose outputs are float32 with statistics and checksums; aiapy's is a plain script
(``tests/benchmarks/aiapy_chain.py``), whose outputs are float64.

{chain}

How cost grows
--------------

With the side of the image, registration alone:

{side}

With threads:

{threads}

With the number of files, the whole chain in two processes, by ``aia_ccdproc.run`` in a process that has begun:

{files}

What a batch costs beyond its parts; 50 images of 40 × 50 pixels in one process:

{batch}
"""

ACCURACY = """\
Accuracy
========

.. This page is written by ``make bench``; change tests/benchmarks/tables.py instead.

How true each method is, measured in the same run as :doc:`performance`. The scene is 150 Gaussians of σ 0.9 to 4
pixels and peak 1000 DN, whose truth is known at every pixel, seen at level 1 (scale 0.600109″, roll -0.138°), and
registered.

rms
    Error of all pixels over the peak.
position, peak, total
    The largest error of a star that stands alone: fitted position in pixels, brightest pixel over the peak, sum over
    a box of 25 × 25 pixels.
noise
    Standard deviation of white noise after over before: the lower, the more neighbouring pixels are mixed.
ringing
    Overshoot at an edge that is as sharp as pixels are, over its height.

{table}

A method that smooths has less noise and no ringing, and lower peaks: ``bilinear`` and the ``adaptive`` ones. The cubic
B-spline (``bicubic``) errs least on what a telescope has blurred, as AIA's has, and overshoots most at what it has
not: hot pixels, cosmic rays, the edges of saturation. ``cubic-convolution`` is what SSW's ``aia_prep`` and JSOC do.

.. image:: _static/accuracy.png
   :alt: Brightness across a sharp edge after registration by each method.

Left: brightness across the edge, by our methods. Right: the same near the top of it.
"""


def main(results_path: str, docs: str) -> None:
    """Write the pages, and print what is in their tables."""
    run = json.loads(Path(results_path).read_text())
    groups: dict[str, Results] = {}
    for result in run["benchmarks"]:
        groups.setdefault(result["group"], []).append(result)
    folder = Path(docs)
    registration = groups["register 4096 x 4096"]
    (folder / "performance.rst").write_text(performance(run, groups))
    (folder / "accuracy.rst").write_text(ACCURACY.format(table=accuracy_table(registration)))
    draw_edges(registration, folder / "_static" / "accuracy.png")
    print((folder / "performance.rst").read_text(), (folder / "accuracy.rst").read_text(), sep="\n")


def performance(run: dict[str, Any], groups: dict[str, Results]) -> str:
    """Fill in the page of times."""
    machine, registration = run["machine_info"], groups["register 4096 x 4096"]
    reference = seconds(named(registration, "aiapy scipy"))
    chain = groups["24 files, the whole chain"]
    slowest = seconds(next(r for r in chain if r["params"]["method"] == "scipy"))
    packages = ("astropy", "ccdproc", "reproject", "numpy", "aiapy", "sunpy", "scikit-image", "opencv-python-headless")
    return PERFORMANCE.format(
        date=run["datetime"][:10],
        machine=f"{machine['cpu']['count']} cores ({machine['cpu']['brand_raw']})",
        python=machine["python_version"],
        versions=textwrap.fill(", ".join(f"{name} {version(name)}" for name in packages), 118),
        registration=table(
            ("", "seconds", "times aiapy's default", "memory [MiB]"),
            [
                (
                    name(r),
                    f"{seconds(r):.2f}",
                    f"{seconds(r) / reference:.2f}",
                    f"{max(0, r['extra_info']['memory']):.0f}",
                )
                for r in registration
            ],
        ),
        steps=table(("", "seconds"), rows(groups["steps 4096 x 4096"], lambda r: r["params"]["step"])),
        chain=table(
            ("", "seconds", "files per second", "rate over aiapy's default"),
            [
                (
                    f"{'aia-prep' if 'ours' in r['name'] else 'aiapy'} {r['params']['method']}",
                    f"{seconds(r):.1f}",
                    f"{24 / seconds(r):.2f}",
                    f"{slowest / seconds(r):.1f}",
                )
                for r in chain
            ],
        ),
        side=crossed(groups["side of the image"], "side"),
        threads=crossed(groups["threads"], "threads"),
        files=table(
            ("files", "seconds", "files per second", "most memory of a worker [MiB]"),
            [
                (
                    str(r["params"]["files"]),
                    f"{seconds(r):.1f}",
                    f"{r['params']['files'] / seconds(r):.2f}",
                    f"{r['extra_info']['worker_memory']:.0f}" if r["extra_info"]["worker_memory"] else "",
                )
                for r in groups["files, two processes"]
            ],
        ),
        batch=table(
            ("", "seconds", "milliseconds per file"),
            [
                (r["params"]["how"], f"{seconds(r):.2f}", f"{seconds(r) / 50 * 1000:.1f}")
                for r in groups["50 small files in one process"]
            ],
        ),
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
    """Draw the brightness across an edge, as each method has it."""
    figure = Figure(figsize=(11, 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    middle = (EDGE_BINS[1:] + EDGE_BINS[:-1]) / 2
    axes = figure.subplots(1, 2)
    # Of the others each does as one of ours.
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
    """Tell who a result is of."""
    return str(result["params"]["name"])


def named(results: Results, wanted: str) -> dict[str, Any]:
    """Find a result."""
    return next(result for result in results if name(result) == wanted)


def seconds(result: dict[str, Any]) -> float:
    """Tell the median."""
    return float(result["stats"]["median"])


def rows(results: Results, label: Callable[[dict[str, Any]], str]) -> list[tuple[str, str]]:
    """Make a row of each result."""
    return [(label(result), f"{seconds(result):.3f}") for result in results]


def crossed(results: Results, parameter: str) -> str:
    """Tabulate seconds by a parameter, and by who it was."""
    values = sorted({result["params"][parameter] for result in results})
    who = list(dict.fromkeys(map(name, results)))
    cell = {(name(r), r["params"][parameter]): f"{seconds(r):.3f}" for r in results}
    return table(
        (parameter, *(f"{each} [s]" for each in who)), [(str(v), *(cell.get((w, v), "") for w in who)) for v in values]
    )


def table(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Write a table in reStructuredText."""
    text = [".. list-table::", "   :header-rows: 1", ""]
    for line in (heads, *lines):
        text += [f"   {'* -' if i == 0 else '  -'} {cell}".rstrip() for i, cell in enumerate(line)]
    return "\n".join(text)


if __name__ == "__main__":
    main(*sys.argv[1:])
