"""The pictures of the pages about the benchmarks."""

from __future__ import annotations

import itertools
from pathlib import Path

from accuracy import EDGE_BINS
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from results import Results, Rows
from tables import CHAIN_PARTS, PARTS, PROGRAMS, name

#: Prefix of the names of the methods of this package, and suffix of those that the compiled engine serves.
_OURS, _COMPILED = "aia_ccdproc ", ", compiled"


def draw_parts(results: Results, processor: str, path: Path) -> None:
    """Plot the CPU time of each part of the chain, and that of compressed output."""
    figure = Figure(figsize=(11, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(f"CPU seconds for one full-size file ({processor})", fontsize=9)
    chain, compression = figure.subplots(1, 2, width_ratios=[3, 2])
    parts = results.parts()
    _stack_parts(chain, parts)
    for index, part in enumerate(("none", "rice", "lossless")):
        seconds = [parts[program][part]["cpu"] for program in PROGRAMS]
        rows = [row + 0.27 * (index - 1) for row in range(len(PROGRAMS))]
        bars = compression.barh(rows, seconds, height=0.25, label=part)
        compression.bar_label(bars, [f"{value:.2f}" for value in seconds], fontsize=7, padding=2)
    chain.set(title="the chain, without compression", xlabel="CPU seconds")
    compression.set(title="writing, by compression, without statistics", xlabel="CPU seconds", yticklabels=[])
    for axes, free_corner in ((chain, "lower right"), (compression, "upper right")):
        axes.set_yticks(range(len(PROGRAMS)))
        axes.invert_yaxis()
        axes.margins(x=0.12)
        axes.legend(fontsize=8, loc=free_corner)
    chain.set_yticklabels(PROGRAMS)
    figure.savefig(path, dpi=150, metadata={"Software": None})


def _stack_parts(axes: Axes, parts: dict[str, dict[str, dict[str, float]]]) -> None:
    """Draw one bar for each program, which consists of its parts."""
    ends = [0.0] * len(PROGRAMS)
    for part in CHAIN_PARTS:
        seconds = [parts[program].get(part, {"cpu": 0.0})["cpu"] for program in PROGRAMS]
        bars = axes.barh(range(len(PROGRAMS)), seconds, left=ends, label=PARTS[part])
        ends = [end + value for end, value in zip(ends, seconds, strict=True)]
    axes.bar_label(bars, [f"{end:.2f}" for end in ends], fontsize=8, padding=3)


def draw_edges(rows: Rows, path: Path) -> None:
    """Plot the brightness across an edge after registration by each method of this package."""
    figure = Figure(figsize=(11, 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    middle = (EDGE_BINS[1:] + EDGE_BINS[:-1]) / 2
    axes = figure.subplots(1, 2)
    # Each method of another package gives the same curve as one of ours, and so does a compiled method of the core.
    names = {name(row) for row in rows}
    ours = [
        (name(row).removeprefix(_OURS), row["extra_info"]["edge"])
        for row in rows
        if name(row).startswith(_OURS)
        and not (name(row).endswith(_COMPILED) and name(row).removesuffix(_COMPILED) in names)
    ]
    for (method, edge), style in zip(ours, itertools.cycle(["-", "--", ":"])):
        for axis in axes:
            axis.plot(middle, edge, label=method, linewidth=1.2, linestyle=style)
    axes[0].legend(fontsize=7)
    axes[1].set(xlim=(-0.5, 4), ylim=(0.85, 1.13))
    for axis in axes:
        axis.set(xlabel="distance from the edge [pixels of level 1]", ylabel="brightness")
    figure.savefig(path, dpi=150, metadata={"Software": None})
