"""Measure time and memory of the PSF and of deconvolutions, beside aiapy: python compare.py [IMAGE].

Each case is measured in a process of its own, three times in turn with the others. The smallest numbers are printed.
IMAGE is a full level-1 frame of 171 angstrom. CPU seconds are those of all threads; elapsed times are longer if other
work is done on the machine. Memory is the peak minus what was used before.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

REPETITIONS = 3
#: What is measured: a name and the settings of `deconvolve`, or a function of this file.
CASES = {
    "aiapy: 25 iterations": "aiapy",
    "richardson-lucy, periodic": {"surroundings": "periodic", "clip_negative": True},
    "richardson-lucy": {},
    "richardson-lucy-accelerated": {"method": "richardson-lucy-accelerated"},
    "bid": {"method": "bid"},
}


def memory(field: str) -> float:
    """Return a field of the memory of this process, in MB."""
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith(field)).split()[1]) / 1024


def measured(function) -> tuple[object, dict[str, float]]:
    """Run a function, and return its result and what it took."""
    Path("/proc/self/clear_refs").write_text("5")  # resets the peak
    before, wall, cpu = memory("VmRSS"), time.perf_counter(), time.process_time()
    result = function()
    took = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall, "MB": memory("VmHWM") - before}
    return result, took


def run_case(name: str, image: str, folder: str) -> None:
    """Run one case, in a process of its own."""
    import aia_ccdproc

    case = CASES.get(name, name)
    if case == "psf":
        from aia_ccdproc_psf import point_spread_function

        _, took = measured(lambda: point_spread_function(171))
    elif case == "aiapy psf":  # 8 of 1200 spots
        import astropy.units as u
        from aiapy.psf import psf

        _, took = measured(lambda: psf(171 * u.angstrom, diffraction_orders=[-1, 1], use_gpu=False))
        _, none = measured(lambda: psf(171 * u.angstrom, diffraction_orders=[1], use_gpu=False))
        took["cpu of all orders"] = none["cpu"] + (took["cpu"] - none["cpu"]) / 6 * 1194
    else:
        ccd = aia_ccdproc.read(image)
        if case == "aiapy":
            import warnings

            import sunpy.map
            from aiapy.psf import deconvolve as aiapy_deconvolve

            from aia_ccdproc_psf import point_spread_function

            psf = point_spread_function(171)
            warnings.simplefilter("ignore")
            smap = sunpy.map.Map(ccd.data, ccd.header)
            result, took = measured(lambda: aiapy_deconvolve(smap, psf=psf, use_gpu=False).data)
        else:
            from aia_ccdproc_psf import deconvolve

            small = ccd[1800:1900, 1800:1900]
            deconvolve(small)  # imports, and the PSF
            result, took = measured(lambda: deconvolve(ccd, **case).data)
        np.save(Path(folder) / f"{name.replace(' ', '_').replace(':', '')}.npy", np.asarray(result, np.float32))
    print(json.dumps(took))


def main() -> None:
    """Run all cases, and print a table."""
    if len(sys.argv) == 4:
        run_case(*sys.argv[1:])
        return
    with tempfile.TemporaryDirectory() as folder:
        if len(sys.argv) == 2:
            image = sys.argv[1]
        else:
            from aia_ccdproc.synthetic import Exposure, Sun

            exposure = Exposure(171)
            image = str(exposure.write_level1(exposure.image(Sun(), noise=1), Path(folder) / "level1.fits"))
        best: dict[str, dict[str, float]] = {}
        for name in ["psf", "aiapy psf", *list(CASES) * REPETITIONS]:
            done = subprocess.run(
                [sys.executable, __file__, name, image, folder], check=True, capture_output=True, text=True
            )
            took = json.loads(done.stdout.splitlines()[-1])
            best[name] = {key: min(value, best.get(name, took)[key]) for key, value in took.items()}
        for name, took in best.items():
            print(f"{name:32}", {key: round(value, 2) for key, value in took.items()}, flush=True)
        results = {path.stem: np.load(path) for path in Path(folder).glob("*.npy")}
        reference = results["aiapy_25_iterations"]
        for name, result in results.items():
            error = np.abs(result - reference) / np.maximum(reference, 1)
            print(f"{name:32} largest relative difference from aiapy {error.max():.2e}, median {np.median(error):.2e}")


if __name__ == "__main__":
    main()
