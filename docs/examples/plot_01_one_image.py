"""
One image
=========

The first steps with one image: an exposure of 171 angstrom becomes an image at level 1.5, and a measurement in its
pixels shows that it is where its header says.
"""

import astropy.units as u
import matplotlib.pyplot as plt
import numpy as np

import aia_ccdproc
from aia_ccdproc.synthetic import (
    ActiveSun,
    Exposure,
    builtin_pointing_path,
    measure_pointing,
)

# %%
# The exposure
# ------------
# The images of this gallery are synthetic, so that the true brightness and the true pointing are known. For a file of
# your own, write ``level1 = aia_ccdproc.read("aia.lev1_euv_12s.fits")``.
#
# In this cutout, the satellite is rolled by 5 degrees, and the center of the Sun in the header is wrong by 15 pixels.

sun = ActiveSun(171)
exposure = Exposure(
    171,
    corner=(2500, 1100),
    shape=(1300, 1300),
    satellite_roll=5.0,
    pointing_error=(-12.4, 9.1),
)
level1 = exposure.image(sun, noise=1)

# %%
# The steps
# ---------
# ``update_pointing`` replaces the pointing in the header by that of the pointing table. ``register`` then moves the
# Sun to the center, and turns north up.

pointed = aia_ccdproc.update_pointing(level1, source=builtin_pointing_path())
level15 = aia_ccdproc.register(pointed)

# %%
# The images
# ----------
# ``to_map`` makes a sunpy Map, which draws the axes in arcsec and, in blue, the limb that the header describes.

figure = plt.figure(figsize=(9.5, 4.9), layout="constrained")
images = {"Level 1": level1, "Level 1.5": level15}
for number, (title, ccd) in enumerate(images.items(), start=1):
    image = aia_ccdproc.to_map(ccd)
    ax = figure.add_subplot(1, 2, number, projection=image)
    image.plot(axes=ax, title=title, clip_interval=(0.05, 99.9) * u.percent)
    image.draw_limb(axes=ax, color="deepskyblue", linewidth=1)
plt.show()

# %%
# Level 1.5 has north up. Its cutouts have the pixels that this part of the Sun has in a full frame. White pixels are
# outside of the exposure; they are NaN and masked.
#
# The measured pointing
# ---------------------
# ``measure_pointing`` fits the positions of bright points, whose true positions are known. CRPIX is the center of the
# Sun that the header gives.

for title, ccd in images.items():
    measured = measure_pointing(ccd, sun.points)
    print(f"{title}: roll angle measured {measured.roll_angle:.3f} degrees")
    print(
        "  CRPIX", ccd.wcs.wcs.crpix.round(2), "measured", np.round(measured.center, 2)
    )

# %%
# HISTORY contains the steps, their settings and the versions:

print("\n".join(level15.header["HISTORY"]))
