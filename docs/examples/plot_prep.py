"""
A cutout, before and after
==========================

A synthetic level-1 exposure whose truth is known: three bright points, rolled by a degree, and a header whose pointing
is off. Prepped, and drawn with the place where each point has to be.
"""

import matplotlib.pyplot as plt

import aia_ccdproc
from aia_ccdproc.synthetic import Exposure, Source, Sun, builtin_pointing_path

# %%
# The exposure
# ------------
# A cutout about disk centre; SAT_ROT of a degree makes the roll visible.

sources = (Source(-50, -30, 500, 2), Source(0, 0, 500, 2), Source(55, 40, 500, 2))
sun = Sun(disk=100, corona=0, sources=sources)
exposure = Exposure(corner=(1960, 1910), shape=(200, 220), pointing_error=(-6.4, 4.1), satellite_roll=1.0)
level1 = exposure.image(sun, noise=1)

# %%
# The chain
# ---------
# The pointing table comes with the package, so no network is needed.

pointed = aia_ccdproc.update_pointing(level1, source=builtin_pointing_path())
level15 = aia_ccdproc.register(pointed)

# %%
# Before and after
# ----------------
# Crosses stand where the header has the points.

stages = {"level 1": level1, "pointing updated": pointed, "level 1.5": level15}
figure, axes = plt.subplots(1, 3, figsize=(12, 4.4), layout="constrained")
for ax, (title, ccd) in zip(axes, stages.items(), strict=True):
    ax.imshow(ccd.data, origin="lower", cmap="gray", vmin=50, vmax=400)
    for source in sources:
        ax.plot(*ccd.wcs.wcs_world2pix(source.x / 3600, source.y / 3600, 0), "x", color="orangered", markersize=10)
    ax.set_title(f"{title}: {ccd.shape[1]} x {ccd.shape[0]}")
plt.show()

# %%
# The steps are in the header:

print("\n".join(level15.header["HISTORY"]))
