"""Measure what deconvolution leaves of scattered light, and draw the pictures of docs/psf.rst.

Usage: python truth.py FOLDER [IMAGE]. Synthetic Suns are convolved with the point spread function of 171 angstrom and
given photon noise. FOLDER receives the pictures; that of a real level-1 image is drawn if one is given.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
from PIL import Image
from scipy.signal import fftconvolve

import aia_ccdproc
from aia_ccdproc.synthetic import Exposure
from aia_ccdproc_psf import deconvolve, point_spread_function

mpl.use("Agg")
import matplotlib.pyplot as plt

#: The columns of the table.
CASES = {
    "richardson-lucy": {},
    "accelerated": {"method": "richardson-lucy-accelerated"},
    "bid": {"method": "bid"},
    "bid, signed": {"method": "bid", "clip_negative": False},
}
SIZE, EDGE = 1000, 200
WINDOW = np.s_[EDGE:-EDGE, EDGE:-EDGE]


def distance(row: float, column: float) -> np.ndarray:
    """Return the distance of each pixel from a position, in pixels."""
    rows, columns = np.indices((SIZE, SIZE), dtype=float)
    return np.hypot(rows - row, columns - column)


def quiet_sun() -> np.ndarray:
    """Return a quiet Sun with fine structure."""
    rows, columns = np.indices((SIZE, SIZE), dtype=float)
    return 150 + 40 * np.sin(columns / 17) * np.cos(rows / 23)


def edge(values: np.ndarray, width: float = 1.0) -> np.ndarray:
    """Return 1 where values are negative and 0 where they are positive."""
    return 1 / (1 + np.exp(np.clip(values / width, -60, 60)))


def scenes() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return the true images, and the pixels in which errors are measured."""
    hole, moon = distance(500, 500), distance(500, 700)
    limb = distance(500, -1000) - 1500
    flare = distance(500, 500)
    corona = 40 * np.exp(-np.maximum(limb, 0) / 160)
    return {
        "coronal hole": (quiet_sun() * (1 - 0.97 * edge(hole - 80)), hole < 70),
        "Moon": (quiet_sun() * (1 - edge(moon - 250)), (moon < 240)),
        "flare": (quiet_sun() + 9000 * np.exp(-0.5 * (flare / 3) ** 2), (flare > 20) & (flare < 280)),
        "limb": (quiet_sun() * edge(limb, 2) + corona * (1 - edge(limb, 2)), (limb > 10) & (limb < 100)),
    }


def observe(truth: np.ndarray, *, noise: bool = True) -> object:
    """Return a level-1 image of a truth. The Sun around it is like that at its border."""
    near = slice(2048 - SIZE, 2048 + SIZE + 1)  # farther light is less than 0.2 %
    psf = point_spread_function(171)[near, near]
    surrounded = np.pad(truth, SIZE, mode="symmetric").astype(np.float32)
    data = np.maximum(fftconvolve(surrounded, psf.astype(np.float32), mode="same"), 0)[SIZE:-SIZE, SIZE:-SIZE]
    data = data[WINDOW]
    if noise:
        data = np.random.default_rng(1).poisson(data)
    exposure = Exposure(171, corner=(1700, 1700), shape=data.shape)
    header = exposure.header()
    image = exposure.image(aia_ccdproc.synthetic.Sun(), noise=1)
    image.data, image.header = data.astype(np.float32), header
    return image


def main() -> None:
    """Print the table of errors, and draw the pictures."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, (truth, where) in scenes().items():
        true, inside = truth[WINDOW], where[WINDOW].copy()
        border = np.ones(inside.shape, bool)
        border[64:-64, 64:-64] = False
        inside &= ~border
        print(f"{name}: {np.mean(true[inside]):.2f} DN; before, and after", ", ".join(CASES))
        for noise in (True, False):
            image = observe(truth, noise=noise)
            planes = [image.data, *(deconvolve(image, **case).data for case in CASES.values())]
            errors = [(plane - true)[inside] for plane in planes]
            print(f"  noise {noise!s:5}  mean error", *(f"{np.mean(error):8.3f}" for error in errors), end="")
            print("   rms error", *(f"{np.sqrt(np.mean(error**2)):8.3f}" for error in errors), end="")
            rectified = np.mean(np.maximum(planes[-1], 0)[inside] - true[inside])
            print(f"   mean error if negative pixels of the last are set to 0 {rectified:8.3f}")
    draw_psf(folder)
    draw_scene(folder)
    if len(sys.argv) > 2:
        draw_real(folder, sys.argv[2])


def save(figure: plt.Figure, path: Path) -> None:
    """Save a figure with few colors, which makes the file small."""
    figure.savefig(path, dpi=80)
    Image.open(path).convert("RGB").quantize(64).save(path, optimize=True)


def draw_psf(folder: Path) -> None:
    """Draw the point spread function of two channels."""
    figure, axes = plt.subplots(1, 2, figsize=(10, 4.6), layout="constrained")
    for axis, channel in zip(axes, (171, 304), strict=True):
        psf = point_spread_function(channel, size=801)
        shown = axis.imshow(np.log10(psf + 1e-9), origin="lower", extent=[-400, 400, -400, 400], vmin=-8, vmax=-2)
        axis.set(title=f"{channel} Å", xlabel="pixels", ylabel="pixels")
    figure.colorbar(shown, ax=axes, label="log of the fraction of the light")
    save(figure, folder / "psf_models.png")


def draw_scene(folder: Path) -> None:
    """Draw a flare beside a coronal hole: truth, level 1 and the result."""
    truth = scenes()["flare"][0] * (1 - 0.97 * edge(distance(560, 620) - 60))
    image = observe(truth)
    planes = {"true image": truth[WINDOW], "level 1": image.data, "deconvolved": deconvolve(image).data}
    figure, axes = plt.subplots(1, 3, figsize=(12, 4.2), layout="constrained")
    for axis, (title, plane) in zip(axes, planes.items(), strict=True):
        axis.imshow(
            np.log10(np.maximum(plane[100:500, 100:560], 1)), origin="lower", vmin=0.3, vmax=3.3, cmap="sdoaia171"
        )
        axis.set(title=title, xticks=[], yticks=[])
    save(figure, folder / "psf_scene.png")


def draw_real(folder: Path, path: str) -> None:
    """Draw a part of a real image before and after."""
    image = aia_ccdproc.read(path)
    result = deconvolve(image)
    row, column = np.unravel_index(int(np.argmax(image.data)), image.shape)
    part = np.s_[max(row - 300, 0) : row + 300, max(column - 300, 0) : column + 300]
    figure, axes = plt.subplots(2, 2, figsize=(9, 9), layout="constrained")
    for row_axes, planes in zip(axes, ((image.data, result.data), (image.data[part], result.data[part])), strict=True):
        for axis, plane, title in zip(row_axes, planes, ("level 1", "deconvolved"), strict=True):
            shown = plane[:: max(1, len(plane) // 900), :: max(1, len(plane) // 900)]
            axis.imshow(np.log10(np.maximum(shown, 1)), origin="lower", vmin=0.5, vmax=3.6, cmap="sdoaia171")
            axis.set(title=title, xticks=[], yticks=[])
    save(figure, folder / "psf_real.png")


if __name__ == "__main__":
    import sunpy.visualization.colormaps  # noqa: F401  # registers sdoaia171

    main()
