"""
Degradation over the mission
============================

AIA has become less sensitive since its launch in 2010, in 304 angstrom most of all. The plugin aia-ccdproc-degradation
divides an image by the part of the effective area that remains at its time.
"""

# sphinx_gallery_thumbnail_number = 2
import matplotlib.pyplot as plt
import numpy as np
import sunpy.visualization.colormaps  # noqa: F401  adds the colors of AIA
from astropy.table import Table, vstack
from astropy.time import Time

import aia_ccdproc
from aia_ccdproc.synthetic import ActiveSun, Exposure
from aia_ccdproc_degradation import correct_degradation, degradation

# %%
# The response table
# ------------------
# By default, the table is fetched from JSOC once and kept. ``table="aia_V10_20201119_190000_response_table.txt"`` reads
# a table of SSW. This example needs neither: it has the area of four channels in January of some years, relative to
# that at the start of the mission, rounded (version 10 of SSW's table), and straight lines between them.

YEARS = (2010.3, 2011, 2012, 2013, 2014, 2015, 2016, 2018, 2019, 2020, 2021)
AREAS = {
    171: (1.00, 0.99, 0.98, 0.90, 0.88, 0.79, 0.74, 0.74, 0.74, 0.74, 0.74),
    193: (1.00, 0.98, 0.94, 0.94, 0.89, 0.86, 0.81, 0.67, 0.60, 0.53, 0.49),
    304: (1.00, 0.56, 0.31, 0.37, 0.27, 0.15, 0.10, 0.06, 0.06, 0.06, 0.06),
    335: (1.00, 0.79, 0.77, 0.59, 0.44, 0.33, 0.27, 0.21, 0.19, 0.18, 0.17),
}

start = Time(YEARS, format="jyear")
stop = Time((*YEARS[1:], 2040), format="jyear")
parts = []
for channel, areas in AREAS.items():
    area = np.array(areas)
    slope = (np.append(area[1:], area[-1]) / area - 1) / (stop - start).to_value("day")
    part = Table({"T_START": start.isot, "T_STOP": stop.isot, "EFF_AREA": area})
    part["WAVE_STR"], part["VER_NUM"] = f"{channel}_THIN", 10
    part["EFFA_P1"], part["EFFA_P2"], part["EFFA_P3"] = slope, 0.0, 0.0
    parts.append(part)
table = vstack(parts)

# %%
# The fraction that remains
# -------------------------

times = Time(np.linspace(2010.4, 2021.5, 400), format="jyear")
figure, ax = plt.subplots(figsize=(8, 4), layout="constrained")
colors = {171: "goldenrod", 193: "peru", 304: "orangered", 335: "steelblue"}
for channel, color in colors.items():
    percent = 100 * degradation(channel, times, table)
    ax.plot(times.jyear, percent, color=color, label=f"{channel} Å")
ax.set(xlabel="year", ylabel="effective area [% of that in 2010]", ylim=(0, 110))
ax.grid(alpha=0.3)
ax.legend()
plt.show()

# %%
# The same Sun in three years
# ---------------------------
# The exposures show the same synthetic Sun in 304 angstrom, with the sensitivity of their time. After the correction
# they have the same brightness, but not the same noise: photons that were not counted do not come back.

sun = ActiveSun(304)
figure, axes = plt.subplots(2, 3, figsize=(10, 6.8), layout="constrained")
dates = ("2010-06-01", "2014-01-01", "2019-01-01")
for column, time in zip(axes.T, dates, strict=True):
    level1 = Exposure(304, time=f"{time}T00:00:00Z", binning=4).image(sun)
    counts = level1.data * degradation(304, Time(time), table)
    level1.data[:] = np.random.default_rng(1).poisson(counts)
    level15 = aia_ccdproc.register(level1)
    corrected = correct_degradation(level15, table=table)
    for ax, ccd, name in zip(
        column, (level15, corrected), ("level 1.5", "corrected"), strict=True
    ):
        ax.imshow(
            np.sqrt(ccd.data.clip(0)), origin="lower", cmap="sdoaia304", vmin=0, vmax=12
        )
        ax.set_title(
            f"{time[:4]}, {name}: mean {ccd.data[400:600, 400:600].mean():.1f} DN",
            fontsize=10,
        )
        ax.set_axis_off()
plt.show()

# %%
# The divisor and its source are in the header:

print(
    {
        keyword: corrected.header[keyword]
        for keyword in ("DEGFACT", "DEGVERS", "DEGTBEG", "DEGTABLE")
    }
)
