"""What limits a run on many cores, computed from the costs that were measured on two."""

from __future__ import annotations

from results import Results
from tables import table

CORES = 64
#: AIA takes eight images in 12 s.
IMAGES_PER_DAY = 8 * 86400 // 12
_MIB, _GIB, _TIB = 2**20, 2**30, 2**40


def limits_table(results: Results) -> str:
    """Tabulate what a run on 64 cores reads, writes and distributes, by the compression of the output."""
    processes, dask = (results.dispatch(how)["cpu_per_file"] for how in ("worker processes", "dask"))
    lines = []
    for compression, run in results.compressed().items():
        rate = CORES / run.cpu_per_file
        lines.append(
            (
                f"``{compression}``",
                f"{rate:.0f}",
                f"{rate * run.input_bytes / _GIB:.1f}",
                f"{rate * run.output_bytes / _GIB:.1f}",
                f"{100 * rate * processes:.0f}",
                f"{100 * rate * dask:.0f}",
                f"{IMAGES_PER_DAY / rate / 60:.0f}",
                f"{IMAGES_PER_DAY * run.output_bytes / _TIB:.1f}",
            )
        )
    heads = (
        "``compression``",
        "files per s",
        "read [GiB/s]",
        "write [GiB/s]",
        "load of ``aia-prep`` [% of a core]",
        "the same with dask, and scheduler [% of a core]",
        "minutes for a day of AIA",
        "its outputs [TiB]",
    )
    return table(heads, lines)


def limits(results: Results) -> dict[str, str]:
    """Return the numbers in the text about many cores."""
    run = results.chain("engine-2", 64)
    parts = results.parts()["compiled engine"]
    return {
        "cores": f"{CORES}",
        "images_per_day": f"{IMAGES_PER_DAY}",
        "worker_memory": f"{run.memory / 2:.0f}",
        "cores_memory": f"{CORES * run.memory / 2 * _MIB / _GIB:.0f}",
        "decoding_percent": f"{100 * parts['read']['cpu'] / run.cpu_per_file:.0f}",
        "seconds_before": f"{1000 * results.dispatch('worker processes')['seconds_before_first']:.0f}",
        "process_limit": f"{run.cpu_per_file / results.dispatch('worker processes')['cpu_per_file']:.0f}",
        "dask_limit": f"{run.cpu_per_file / results.dispatch('dask')['cpu_per_file']:.0f}",
    }
