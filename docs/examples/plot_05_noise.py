"""
The noise of every pixel
========================

The plugin aia-ccdproc-noise computes the standard deviation of every pixel from its counts. Registration and exposure
normalization propagate it. Then each pixel of the result has an error bar.
"""

import astropy.units as u
import matplotlib.pyplot as plt
import numpy as np
from astropy.table import Table

import aia_ccdproc
from aia_ccdproc.synthetic import ActiveSun, Exposure
from aia_ccdproc_noise import estimate_uncertainty

# %%
# The error table
# ---------------
# The number of DN per photon comes from SSW's error table: ``table="aia_V3_error_table.txt"``. Here is its row for 171
# angstrom, so that the example needs no file.

table = Table(
    {
        "T_START": ["2010-05-01T00:00:00.000"],
        "T_STOP": ["2050-05-01T00:00:00.000"],
        "VER_NUM": [3],
        "WAVE_STR": ["171_THIN"],
        "WAVELNTH": [171],
        "DNPERPHT": [1.122],
        "COMPRESS": [14.4],
    }
)

# %%
# The steps
# ---------

truth = Exposure(171, corner=(3000, 1000), shape=(700, 700)).image(ActiveSun(171))


def observe(seed):
    """Make an exposure with the noise of photons and of the camera, in whole DN."""
    random, level1 = np.random.default_rng(seed), truth.copy()
    photons = random.poisson(truth.data / 1.122)
    level1.data[:] = np.rint(1.122 * photons + random.normal(0, 1.15, truth.shape))
    return level1


level1 = observe(seed=1)
noisy = estimate_uncertainty(level1, table=table)
rate = aia_ccdproc.normalize_exposure(aia_ccdproc.register(noisy))
print(rate.unit, type(rate.uncertainty).__name__, rate.uncertainty.array.shape)

# %%
# The maps
# --------
# The standard deviation is sigma. Bright pixels have more noise, but less of it in percent.

percent = 100 * rate.uncertainty.array / np.maximum(rate.data, 1)
maps = {
    "brightness [DN / s]": (rate.data, "inferno"),
    "sigma [DN / s]": (rate.uncertainty.array, "viridis"),
    "sigma [%]": (percent, "cividis"),
}
figure = plt.figure(figsize=(10.5, 3.4), layout="constrained")
for number, (title, (values, colors)) in enumerate(maps.items(), start=1):
    ax = figure.add_subplot(1, 3, number, projection=rate.wcs)
    low, high = np.nanpercentile(values, [1, 99.8])
    image = ax.imshow(values, cmap=colors, norm="log", vmin=low, vmax=high)
    figure.colorbar(image, ax=ax, shrink=0.85)
    ax.set_title(title)
    for coordinate, name in zip(ax.coords, ("x", "y"), strict=True):
        coordinate.set_format_unit(u.arcsec)
        coordinate.set_major_formatter("s")
        coordinate.set_axislabel(f"{name} [arcsec]")
plt.show()

# %%
# Is the noise right?
# -------------------
# A second exposure of the same Sun has other noise. The difference of the two, divided by the standard deviation of a
# difference, must have a standard deviation of 1. At level 1.5 it is compared at every fifth pixel, since the noise of
# neighbors is correlated.

again = estimate_uncertainty(observe(seed=2), table=table)
figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
pairs = {
    "level 1": (noisy, again),
    "level 1.5": (aia_ccdproc.register(noisy), aia_ccdproc.register(again)),
}
bins = np.linspace(-4, 4, 33)
for name, (first, second) in pairs.items():
    sigma = np.hypot(first.uncertainty.array, second.uncertainty.array)
    ratio = ((first.data - second.data) / sigma)[::5, ::5][first.data[::5, ::5] > 100]
    label = f"{name}: {ratio.std():.3f}"
    ax.hist(ratio, bins=bins, density=True, histtype="step", label=label)
normal = np.exp(-(bins**2) / 2) / np.sqrt(2 * np.pi)
ax.plot(bins, normal, color="gray", linewidth=1, label="normal distribution: 1")
ax.set(xlabel="difference of two exposures / its standard deviation", ylabel="density")
ax.legend()
plt.show()
