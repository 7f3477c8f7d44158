"""Measure each part of the chain for one full-size file, in this process: python timed_parts.py PROGRAM FOLDER FILE

PROGRAM is ``ours``, or the method of aiapy's script. The result is JSON: wall and CPU seconds of each part, and the
size of each output. The interpreter may be that of an older version of this package.
"""

from __future__ import annotations

import functools
import json
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

#: A part is repeated until it has taken this long, but at least twice and at most seven times.
_SECONDS = 3.0

#: What is measured: a function for each part.
Parts = dict[str, Callable[[], Any]]


def ours(file: Path, folder: Path) -> Parts:
    """Return the parts of ``aia-prep run``."""
    from aia_ccdproc import get_plugin_manager, normalize_exposure, read, register, update_pointing, write
    from aia_ccdproc.images.statistics import image_statistics
    from aia_ccdproc.parallel import retain_freed_memory
    from aia_ccdproc.synthetic import builtin_pointing_path

    retain_freed_memory()  # as the workers of a batch do
    manager, table = get_plugin_manager(), builtin_pointing_path()
    # Version 0.1 has no engine for statistics.
    engine = {"engine": manager.pixel_engine()} if hasattr(manager, "pixel_engine") else {}
    level1 = read(file)
    pointed = update_pointing(level1, source=table)
    registered = register(pointed)
    rate = normalize_exposure(registered)
    return {
        "read": lambda: read(file),
        "point": lambda: update_pointing(level1, source=table),
        "register": lambda: register(pointed),
        "expose": lambda: normalize_exposure(registered),
        "statistics": lambda: image_statistics(rate.data, rate.mask, **engine),
        **{
            compression: functools.partial(write, rate, folder / f"{compression}.fits", compression=compression)
            for compression in ("none", "rice", "lossless")
        },
    }


def aiapy(method: str, file: Path, folder: Path) -> Parts:
    """Return the parts of aiapy's script."""
    import sunpy.map
    from aiapy.calibrate import register, update_pointing
    from aiapy_chain import read_table
    from astropy.io.fits import CompImageHDU

    from aia_ccdproc.synthetic import builtin_pointing_path

    warnings.simplefilter("ignore")
    table = read_table(builtin_pointing_path())
    level1 = sunpy.map.Map(file)
    pointed = update_pointing(level1, pointing_table=table)
    registered = register(pointed, method=method)
    rate = registered / registered.exposure_time
    lossless = functools.partial(CompImageHDU, compression_type="GZIP_2", quantize_level=0)
    return {
        "read": lambda: sunpy.map.Map(file).data,
        "point": lambda: update_pointing(level1, pointing_table=table),
        "register": lambda: register(pointed, method=method),
        "expose": lambda: registered / registered.exposure_time,
        "none": lambda: rate.save(folder / "none.fits"),
        "rice": lambda: rate.save(folder / "rice.fits", hdu_type=CompImageHDU),
        "lossless": lambda: rate.save(folder / "lossless.fits", hdu_type=lossless),
    }


def main(program: str, folder: Path, file: Path) -> None:
    """Measure the parts of a program, and print the result."""
    parts = ours(file, folder) if program == "ours" else aiapy(program, file, folder)
    result = {}
    for part, work in parts.items():
        output = folder / f"{part}.fits"
        result[part] = _measure(work, output)
        if output.exists():
            result[part]["output_bytes"] = output.stat().st_size
    print(json.dumps(result))


def _measure(work: Callable[[], Any], output: Path) -> dict[str, float]:
    """Return the medians of wall and CPU seconds. The output is removed before each round."""
    rounds: list[tuple[float, float]] = []
    while len(rounds) < 2 or (sum(wall for wall, _ in rounds) < _SECONDS and len(rounds) < 7):
        output.unlink(missing_ok=True)
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        rounds.append((time.perf_counter() - wall, time.process_time() - cpu))
    walls, cpus = zip(*rounds, strict=True)
    return {"wall": median(walls), "cpu": median(cpus)}


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
