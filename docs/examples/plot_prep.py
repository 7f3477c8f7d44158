"""
A cutout before and after preparation
=====================================

A synthetic level-1 exposure whose true brightness is known: three bright points, a roll of one degree, and a header
with a wrong pointing. The image is corrected and registered. Crosses mark the positions that the header gives for the
three points.
"""

import matplotlib.pyplot as plt

import aia_ccdproc
from aia_ccdproc.synthetic import Exposure, Source, Sun, builtin_pointing_path

# %%
# Make an exposure
# ----------------
# The exposure is a cutout around disk center. SAT_ROT is one degree, so that the roll is visible.

sources = (Source(-50, -30, 500, 2), Source(0, 0, 500, 2), Source(55, 40, 500, 2))
sun = Sun(disk=100, corona=0, sources=sources)
exposure = Exposure(corner=(1960, 1910), shape=(200, 220), pointing_error=(-6.4, 4.1), satellite_roll=1.0)
level1 = exposure.image(sun, noise=1)

# %%
# Run the steps
# -------------
# The pointing table is part of the package, so no network is needed.

pointed = aia_ccdproc.update_pointing(level1, source=builtin_pointing_path())
level15 = aia_ccdproc.register(pointed)

# %%
# Compare the images
# ------------------

stages = {"level 1": level1, "pointing updated": pointed, "level 1.5": level15}
figure, axes = plt.subplots(1, 3, figsize=(12, 4.4), layout="constrained")
for ax, (title, ccd) in zip(axes, stages.items(), strict=True):
    ax.imshow(ccd.data, origin="lower", cmap="gray", vmin=50, vmax=400)
    for source in sources:
        ax.plot(*ccd.wcs.wcs_world2pix(source.x / 3600, source.y / 3600, 0), "x", color="orangered", markersize=10)
    ax.set_title(f"{title}: {ccd.shape[1]} x {ccd.shape[0]}")
plt.show()

# %%
# HISTORY contains the steps:

print("\n".join(level15.header["HISTORY"]))
